"""The records that `state_root` commits to: their fields, their keys, their bytes.

One NamedTuple for each message of proto/ayni/v1/state.proto (fields in its order; the meanings are
there), and one function for each key of docs/encoding.md, "State keys". A record whose bytes are empty is
absent from the state. Amounts are integers of the unit's smallest part.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeVar, cast

from google.protobuf.message import DecodeError

from ayni.v1 import keys_pb2, state_pb2
from ledger.codec import SCHEMAS, Schema, encode, make

__all__ = ["encode"]


class KeySet(NamedTuple):
    """k-of-n keys: `threshold` of `public_keys`."""

    threshold: int = 0
    public_keys: tuple[bytes, ...] = ()


class NetworkRecord(NamedTuple):
    """The names of the members and of the units, ascending."""

    federations: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


class FederationRecord(NamedTuple):
    """A member of the network."""

    decision_keys: KeySet | None = None
    consensus_key: bytes = b""
    service_key: bytes = b""
    organisations: tuple[str, ...] = ()


class AccountRecord(NamedTuple):
    """An account; `keys` None: held by its organisation."""

    keys: KeySet | None = None
    commitment: bytes = b""
    opened_height: int = 0
    closed: bool = False
    held_classes: tuple[str, ...] = ()


class OrganisationRecord(NamedTuple):
    """Accreditation and suspension of an organisation; absent: neither."""

    accredited: bool = False
    accredited_until_ms: int = 0
    suspended: bool = False
    charter_hash: bytes = b""
    user_seats_bp: int = 0
    non_member_bp: int = 0
    hosted_accounts: int = 0


class BalanceRecord(NamedTuple):
    """Credit of an account in a unit."""

    balance: int = 0
    credit_limit: int = 0
    has_upper_limit: bool = False
    upper_limit: int = 0


class Due(NamedTuple):
    """A vintage of dues: positive, the pool owes the organisation."""

    period: int
    amount: int


class OrganisationUnitRecord(NamedTuple):
    """An organisation's ceiling, liabilities, deposit and dues in a unit."""

    ceiling: int = 0
    outstanding: int = 0
    deposit: int = 0
    dues: tuple[Due, ...] = ()
    unattested: int = 0
    contributions: int = 0
    served: int = 0


class PoolUnitRecord(NamedTuple):
    """The pool's totals in a unit."""

    deposits: int = 0
    dues: int = 0
    outstanding: int = 0
    dues_made: int = 0
    expired: int = 0


class QuotaRecord(NamedTuple):
    """A federation's quota in a unit and what limits and ceilings use of it."""

    quota: int = 0
    used: int = 0


class ParameterRecord(NamedTuple):
    """A voted value; absent: the default in `limits.PARAMETER_BOUNDS`. Stored as value + 1."""

    value_plus_one: int = 0


class UnitRecord(NamedTuple):
    """A unit of the genesis."""

    scale: int = 0
    nature: int = 0


class ClassRecord(NamedTuple):
    """A class: canonical bytes of its `DefineClass`."""

    definition: bytes | None = None
    issued: bool = False


class IssuanceRecord(NamedTuple):
    """E7: issued = outstanding + redeemed + bought_back + cancelled."""

    issued: int = 0
    redeemed: int = 0
    bought_back: int = 0
    cancelled: int = 0
    outstanding: int = 0


class Lot(NamedTuple):
    """What a holder holds of one issue (E3)."""

    issuer: str
    amount: int
    origin: int
    origin_line: int
    value_date: int
    expires_on: int = 0
    issuer_only: bool = False


class HoldingRecord(NamedTuple):
    """Lots in order of use (E3)."""

    lots: tuple[Lot, ...] = ()


class ReversedRecord(NamedTuple):
    """What was taken back so far of one line of a transaction."""

    amount: int = 0
    deposit: int = 0
    fee: int = 0


class PendingDecisionRecord(NamedTuple):
    """A decision (canonical bytes), its status, and why it became void (canonical Refusal bytes)."""

    decision: bytes | None = None
    status: int = 0
    void_reason: bytes | None = None


class DueDecisionsRecord(NamedTuple):
    """Decisions that take effect at the start of a height, in log order."""

    tx_ids: tuple[bytes, ...] = ()


class PeriodRecord(NamedTuple):
    """The open settlement period."""

    open_period: int = 0
    last_close_ms: int = 0
    expiry_done_until: int = 0
    opened_log_index: int = 0
    expiry_parts: int = 0


class ExpiryDayRecord(NamedTuple):
    """How many entries the pages of a day hold."""

    entries: int = 0


class ExpiryEntry(NamedTuple):
    """A holding that has, or had, lots expiring that day."""

    holder: str
    class_id: str


class ExpiryPageRecord(NamedTuple):
    """A page of entries."""

    entries: tuple[ExpiryEntry, ...] = ()


class SettlementRecord(NamedTuple):
    """The settlement of a period: canonical bytes of `Settlement`."""

    settlement: bytes | None = None


_S: Final = state_pb2
SCHEMAS.update(
    {
        KeySet: Schema(keys_pb2.KeySet, ("threshold", "uint"), ("public_keys", "blobs")),
        NetworkRecord: Schema(_S.NetworkRecord, ("federations", "texts"), ("units", "texts")),
        FederationRecord: Schema(
            _S.FederationRecord,
            ("decision_keys", "record", KeySet),
            ("consensus_key", "bytes"),
            ("service_key", "bytes"),
            ("organisations", "texts"),
        ),
        AccountRecord: Schema(
            _S.AccountRecord,
            ("keys", "record", KeySet),
            ("commitment", "bytes"),
            ("opened_height", "uint"),
            ("closed", "bool"),
            ("held_classes", "texts"),
        ),
        OrganisationRecord: Schema(
            _S.OrganisationRecord,
            ("accredited", "bool"),
            ("accredited_until_ms", "uint"),
            ("suspended", "bool"),
            ("charter_hash", "bytes"),
            ("user_seats_bp", "uint"),
            ("non_member_bp", "uint"),
            ("hosted_accounts", "uint"),
        ),
        BalanceRecord: Schema(
            _S.BalanceRecord,
            ("balance", "sint"),
            ("credit_limit", "uint"),
            ("has_upper_limit", "bool"),
            ("upper_limit", "uint"),
        ),
        Due: Schema(_S.Due, ("period", "uint"), ("amount", "sint")),
        OrganisationUnitRecord: Schema(
            _S.OrganisationUnitRecord,
            ("ceiling", "uint"),
            ("outstanding", "uint"),
            ("deposit", "uint"),
            ("dues", "records", Due),
            ("unattested", "uint"),
            ("contributions", "uint"),
            ("served", "uint"),
        ),
        PoolUnitRecord: Schema(
            _S.PoolUnitRecord,
            ("deposits", "uint"),
            ("dues", "sint"),
            ("outstanding", "uint"),
            ("dues_made", "uint"),
            ("expired", "uint"),
        ),
        QuotaRecord: Schema(_S.QuotaRecord, ("quota", "uint"), ("used", "uint")),
        ParameterRecord: Schema(_S.ParameterRecord, ("value_plus_one", "uint")),
        UnitRecord: Schema(_S.UnitRecord, ("scale", "uint"), ("nature", "uint")),
        ClassRecord: Schema(_S.ClassRecord, ("definition", "message"), ("issued", "bool")),
        IssuanceRecord: Schema(
            _S.IssuanceRecord,
            ("issued", "uint"),
            ("redeemed", "uint"),
            ("bought_back", "uint"),
            ("cancelled", "uint"),
            ("outstanding", "uint"),
        ),
        Lot: Schema(
            _S.Lot,
            ("issuer", "text"),
            ("amount", "uint"),
            ("origin", "uint"),
            ("origin_line", "uint"),
            ("value_date", "uint"),
            ("expires_on", "uint"),
            ("issuer_only", "bool"),
        ),
        HoldingRecord: Schema(_S.HoldingRecord, ("lots", "records", Lot)),
        ReversedRecord: Schema(_S.ReversedRecord, ("amount", "uint"), ("deposit", "uint"), ("fee", "uint")),
        PendingDecisionRecord: Schema(
            _S.PendingDecisionRecord,
            ("decision", "message"),
            ("status", "uint"),
            ("void_reason", "message"),
        ),
        DueDecisionsRecord: Schema(_S.DueDecisionsRecord, ("tx_ids", "blobs")),
        PeriodRecord: Schema(
            _S.PeriodRecord,
            ("open_period", "uint"),
            ("last_close_ms", "uint"),
            ("expiry_done_until", "uint"),
            ("opened_log_index", "uint"),
            ("expiry_parts", "uint"),
        ),
        ExpiryDayRecord: Schema(_S.ExpiryDayRecord, ("entries", "uint")),
        ExpiryEntry: Schema(_S.ExpiryEntry, ("holder", "text"), ("class_id", "text")),
        ExpiryPageRecord: Schema(_S.ExpiryPageRecord, ("entries", "records", ExpiryEntry)),
        SettlementRecord: Schema(_S.SettlementRecord, ("settlement", "message")),
    }
)

R = TypeVar("R", bound=tuple[Any, ...])


class RecordDamaged(ValueError):
    """Bytes kept as a record are none: whoever keeps them lost or changed them."""


def decode(record_type: type[R], data: bytes) -> R:
    """The record whose canonical bytes are `data`. Raises RecordDamaged."""
    schema = SCHEMAS[record_type]
    try:
        return cast(R, make(record_type, schema.values(schema.message.FromString(data))))
    except DecodeError:
        name = record_type.__name__
        raise RecordDamaged(f"a {name} of {len(data)} bytes is not what was written") from None


NETWORK_KEY: Final = b"n|"


def federation_key(federation: str) -> bytes:
    """Key of a FederationRecord."""
    return b"f|" + federation.encode()


def account_key(account: str) -> bytes:
    """Key of an AccountRecord."""
    return b"a|" + account.encode()


def organisation_key(organisation: str) -> bytes:
    """Key of an OrganisationRecord."""
    return b"o|" + organisation.encode()


def balance_key(account: str, unit: str) -> bytes:
    """Key of a BalanceRecord."""
    return f"b|{account}|{unit}".encode()


def organisation_unit_key(organisation: str, unit: str) -> bytes:
    """Key of an OrganisationUnitRecord."""
    return f"d|{organisation}|{unit}".encode()


def pool_unit_key(unit: str) -> bytes:
    """Key of a PoolUnitRecord."""
    return b"w|" + unit.encode()


def quota_key(federation: str, unit: str) -> bytes:
    """Key of a QuotaRecord."""
    return f"q|{federation}|{unit}".encode()


def parameter_key(name: int, unit: str) -> bytes:
    """Key of a ParameterRecord; `name` is a number of ParameterName."""
    return f"p|{name}|{unit}".encode()


def unit_key(unit: str) -> bytes:
    """Key of a UnitRecord."""
    return b"u|" + unit.encode()


def class_key(class_id: str) -> bytes:
    """Key of a ClassRecord."""
    return b"c|" + class_id.encode()


def issuance_key(class_id: str, issuer: str) -> bytes:
    """Key of an IssuanceRecord."""
    return f"i|{class_id}|{issuer}".encode()


def holding_key(holder: str, class_id: str) -> bytes:
    """Key of a HoldingRecord."""
    return f"h|{holder}|{class_id}".encode()


def reversed_key(tx_id: bytes, line: int) -> bytes:
    """Key of a ReversedRecord."""
    return f"r|{tx_id.hex()}|{line}".encode()


def decision_key(tx_id: bytes) -> bytes:
    """Key of a PendingDecisionRecord."""
    return b"g|" + tx_id.hex().encode()


def due_decisions_key(height: int) -> bytes:
    """Key of a DueDecisionsRecord."""
    return f"e|{height}".encode()


PERIOD_KEY: Final = b"s|"


def expiry_day_key(day: int) -> bytes:
    """Key of an ExpiryDayRecord."""
    return f"x|{day}".encode()


def expiry_page_key(day: int, page: int) -> bytes:
    """Key of an ExpiryPageRecord."""
    return f"y|{day}|{page}".encode()


def settlement_key(period: int) -> bytes:
    """Key of a SettlementRecord."""
    return f"t|{period}".encode()
