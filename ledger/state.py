"""The state that rules read and write: what is final, under copy-on-write overlays, one for each block.

`StateReader` is what storage must offer; `MemoryReader` is the one in memory (auditor, tests, simulator).
`State` is the view of a single transaction: what it wrote is merged into its block's `Overlay` only when
every check passed (T8). Beside the records stand two indexes derived from the log, which are part of the
deterministic state but not of `state_root`: transactions by id, and `(author, nonce)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

from ledger import records
from proofs import statetree

R = TypeVar("R", bound=tuple[Any, ...])
_RECENT_RECORDS_MAX: Final = 32_768
"""Each lot of a holding counts as one more: with a thousand of them it takes a quarter of a megabyte."""


class LoggedTransaction(NamedTuple):
    """A transaction of the log, with what the rules found out."""

    log_index: int
    height: int
    raw: bytes
    """Canonical SignedTransaction bytes."""
    result: bytes
    """Canonical Result bytes."""


class StateReader(Protocol):
    """What is final, by key. Implemented by storage; never changes while a block executes."""

    def get(self, key: bytes) -> bytes | None:
        """Value of a state record, None when absent."""

    def bucket(self, index: int) -> list[tuple[bytes, bytes, bytes]]:
        """(key hash, value hash, value) of every record in a bucket of the state tree, in any order."""

    def bucket_hashes(self) -> bytes:
        """The 2^k bucket hashes, 32 bytes each, in order."""

    def transaction(self, tx_id: bytes) -> LoggedTransaction | None:
        """A transaction of the final log."""

    def nonce(self, author: str, nonce: bytes) -> bytes | None:
        """The tx_id that used `(author, nonce)`."""


class MemoryReader:
    """A StateReader over dictionaries."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self.values: dict[bytes, bytes] = {}
        self._buckets: dict[int, dict[bytes, bytes]] = {}
        """Of each bucket, the values by key hash."""
        self.transactions: dict[bytes, LoggedTransaction] = {}
        self.nonces: dict[tuple[str, bytes], bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """See StateReader."""
        return self.values.get(key)

    def bucket(self, index: int) -> list[tuple[bytes, bytes, bytes]]:
        """See StateReader."""
        values = self._buckets.get(index, {})
        return [(key_hash, statetree.value_hash(value), value) for key_hash, value in values.items()]

    def bucket_hashes(self) -> bytes:
        """See StateReader."""
        hashes = (
            (index, statetree.bucket_hash(sorted([each[:2] for each in self.bucket(index)])))
            for index in self._buckets
        )
        return statetree.bucket_hashes(hashes, self._bits)

    def transaction(self, tx_id: bytes) -> LoggedTransaction | None:
        """See StateReader."""
        return self.transactions.get(tx_id)

    def nonce(self, author: str, nonce: bytes) -> bytes | None:
        """See StateReader."""
        return self.nonces.get((author, nonce))

    def write(self, writes: dict[bytes, bytes | None]) -> None:
        """Makes records final; None deletes."""
        for key, value in writes.items():
            key_hash = statetree.key_hash(key)
            bucket = self._buckets.setdefault(statetree.bucket_of(key_hash, self._bits), {})
            if value is None:
                self.values.pop(key, None)
                bucket.pop(key_hash, None)
            else:
                self.values[key] = value
                bucket[key_hash] = value


class Base:
    """The final state with its records decoded: those asked for or written last, a bounded number of them."""

    def __init__(self, reader: StateReader, value_of: Callable[[bytes], bytes | None]) -> None:
        """`value_of`: of a key, the bytes of its record in the final state, None when absent."""
        self.reader = reader
        self._value_of = value_of
        self._recent: dict[bytes, tuple[Any, ...]] = {}
        self._older: dict[bytes, tuple[Any, ...]] = {}
        """What was recent before: forgotten all at once, but for what is asked for again by then."""
        self._lots = 0
        """In what is recent."""

    def record(self, record_type: type[R], key: bytes) -> R:
        """The record at `key`, its default when absent."""
        found = self._recent.get(key)
        if found is None:
            found = self._older.get(key)
            if found is None:
                value = self._value_of(key)
                found = record_type() if value is None else records.decode(record_type, value)
            self._recent[key] = found
            if record_type is records.HoldingRecord:
                self._lots += len(found[0])
            self._make_room()
        return cast(R, found)

    def advance(self, writes: dict[bytes, tuple[Any, ...]]) -> None:
        """Takes over what a block that became final wrote."""
        self._recent.update(writes)
        self._lots += sum(
            [len(record[0]) for record in writes.values() if type(record) is records.HoldingRecord]
        )
        self._make_room()

    def _make_room(self) -> None:
        if len(self._recent) + self._lots >= _RECENT_RECORDS_MAX:
            self._older, self._recent, self._lots = self._recent, {}, 0


class Overlay:
    """What one unfinalised block wrote, over its parent's overlay or the final state."""

    def __init__(self, base: Base, parent: Overlay | None) -> None:
        self.base = base
        self.parent = parent
        self.writes: dict[bytes, tuple[Any, ...]] = {}
        self.reads: dict[bytes, tuple[Any, ...]] = {}
        """What was looked up below: none of it changes as long as this block is not final."""
        self.transactions: dict[bytes, LoggedTransaction] = {}
        self.nonces: dict[tuple[str, bytes], bytes] = {}
        self.cited_bytes = 0
        """Size of the earlier transactions that those of this block cite (B4)."""
        self.result_bytes = 0
        """Size of the results of this block's transactions (B4)."""

    def record(self, record_type: type[R], key: bytes) -> R:
        """The record at `key` as this block sees it, its default when absent."""
        found: Any = self.writes.get(key) or self.reads.get(key)
        if found is None:
            overlay = self.parent
            while overlay is not None and (found := overlay.writes.get(key)) is None:
                overlay = overlay.parent
            if found is None:
                found = self.base.record(record_type, key)
            self.reads[key] = found
        return cast(R, found)

    def transaction(self, tx_id: bytes) -> LoggedTransaction | None:
        """A transaction of the log up to and with this block."""
        overlay: Overlay | None = self
        while overlay is not None:
            if found := overlay.transactions.get(tx_id):
                return found
            overlay = overlay.parent
        return self.base.reader.transaction(tx_id)

    def nonce(self, author: str, nonce: bytes) -> bytes | None:
        """The tx_id that used `(author, nonce)` up to and with this block."""
        overlay: Overlay | None = self
        key = (author, nonce)
        while overlay is not None:
            if found := overlay.nonces.get(key):
                return found
            overlay = overlay.parent
        return self.base.reader.nonce(author, nonce)

    def detach(self) -> None:
        """Its parent became final: reads go to the final state, which has taken the parent's writes."""
        self.parent = None


class State:
    """One transaction's view: its own writes over its block's overlay."""

    __slots__ = ("block", "writes")

    def __init__(self, block: Overlay) -> None:
        self.block = block
        self.writes: dict[bytes, tuple[Any, ...]] = {}

    def get(self, record_type: type[R], key: bytes) -> R:
        """The record at `key`; its default (every field zero or empty) when absent."""
        # This is asked ten times for each transaction: the first three answers cost no call.
        block = self.block
        found: Any = self.writes.get(key) or block.writes.get(key) or block.reads.get(key)
        return found or block.record(record_type, key)

    def put(self, key: bytes, record: tuple[Any, ...]) -> None:
        """Writes a record. One whose every field is at its default is deleted."""
        self.writes[key] = record

    def transaction(self, tx_id: bytes) -> LoggedTransaction | None:
        """An earlier transaction of the log, final or not."""
        return self.block.transaction(tx_id)

    def cite(self, tx_id: bytes) -> LoggedTransaction | None:
        """The same for a transaction that depends on it: its size counts into what the block cites (B4)."""
        found = self.block.transaction(tx_id)
        if found is not None:
            self.block.cited_bytes += len(found.raw) + len(found.result)
        return found

    def nonce(self, author: str, nonce: bytes) -> bytes | None:
        """The tx_id that used `(author, nonce)`."""
        return self.block.nonce(author, nonce)

    def federation_names(self) -> tuple[str, ...]:
        """Every member, ascending."""
        return self.get(records.NetworkRecord, records.NETWORK_KEY).federations

    def unit_codes(self) -> tuple[str, ...]:
        """Every unit, ascending."""
        return self.get(records.NetworkRecord, records.NETWORK_KEY).units

    def account(self, account: str) -> records.AccountRecord:
        """The account's record; `opened_height` 0 when there is none."""
        return self.get(records.AccountRecord, records.account_key(account))

    def organisation(self, organisation: str) -> records.OrganisationRecord:
        """Accreditation and suspension."""
        return self.get(records.OrganisationRecord, records.organisation_key(organisation))

    def balance(self, account: str, unit: str) -> records.BalanceRecord:
        """Credit of an account, or of "pool"."""
        return self.get(records.BalanceRecord, records.balance_key(account, unit))

    def organisation_unit(self, organisation: str, unit: str) -> records.OrganisationUnitRecord:
        """Ceiling, outstanding, deposit and dues."""
        return self.get(records.OrganisationUnitRecord, records.organisation_unit_key(organisation, unit))

    def pool_unit(self, unit: str) -> records.PoolUnitRecord:
        """The pool's totals."""
        return self.get(records.PoolUnitRecord, records.pool_unit_key(unit))

    def federation(self, federation: str) -> records.FederationRecord:
        """A member; `consensus_key` empty when there is none."""
        return self.get(records.FederationRecord, records.federation_key(federation))

    def unit(self, unit: str) -> records.UnitRecord:
        """A unit; `scale` 0 when there is none."""
        return self.get(records.UnitRecord, records.unit_key(unit))

    def class_record(self, class_id: str) -> records.ClassRecord:
        """A class; `definition` None when there is none."""
        return self.get(records.ClassRecord, records.class_key(class_id))

    def issuance(self, class_id: str, issuer: str) -> records.IssuanceRecord:
        """E7's figures."""
        return self.get(records.IssuanceRecord, records.issuance_key(class_id, issuer))

    def holding(self, holder: str, class_id: str) -> records.HoldingRecord:
        """Lots of a holder, or of "pool"."""
        return self.get(records.HoldingRecord, records.holding_key(holder, class_id))

    def period(self) -> records.PeriodRecord:
        """The open settlement period."""
        return self.get(records.PeriodRecord, records.PERIOD_KEY)
