"""A small network in memory, to which tests and case files submit transactions.

Four federations, two units, and a few accounts, opened by real transactions (README.md of `cases/` lists
them). Keys are made from names, so that "signed by emilia/cadiai" is all a test says. Every block is built
by one ledger and checked by a second one, which must agree on every root.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ayni.v1 import genesis_pb2, keys_pb2, transaction_pb2
from ledger import limits, records
from ledger.blocks import Entry
from ledger.chain import Chain
from ledger.genesis import Founding, read_genesis
from ledger.invariants import check_state
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.state import LoggedTransaction, MemoryReader, State
from ledger.transactions import parse_transaction
from proofs import domains
from proofs.signing import SigningKey

FEDERATIONS = ("emilia", "japan", "kenya", "quebec")
UNITS = {"EUC": (100, genesis_pb2.NATURE_MUTUAL_CREDIT), "HRS": (60, genesis_pb2.NATURE_HOURS)}
QUOTA = 1_000_000
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
TODAY = datetime.date(2026, 1, 1)
DAY_MS = 86_400_000
BLOCK_MS = 1_000
EXPIRY_MS = 120_000

Values = Mapping[str, Any]
M = TypeVar("M", bound=Message)


class Refused(Exception):
    """A transaction that a test takes for good was refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.name} {refusal.field}: {refusal.message}")
        self.refusal = refusal


@cache
def key(name: str) -> SigningKey:
    """The key that belongs to a name; "emilia#2" is a second one of emilia's."""
    return SigningKey(sha256(b"ayni test key " + name.encode()).digest())


def key_set(*names: str, threshold: int = 1) -> keys_pb2.KeySet:
    """`threshold` of the keys of `names`."""
    return keys_pb2.KeySet(threshold=threshold, public_keys=sorted([key(name).public_key for name in names]))


def days(date: datetime.date) -> int:
    """Days since 1970-01-01."""
    return (date - datetime.date(1970, 1, 1)).days


def milliseconds(time: datetime.datetime) -> int:
    """Unix milliseconds."""
    return int(time.timestamp() * 1000)


def genesis(
    federations: Sequence[str] = FEDERATIONS,
    quota: int = QUOTA,
    parameters: Sequence[Values] = (),
) -> genesis_pb2.Genesis:
    """The founding document of a test network, before it is signed."""
    return genesis_pb2.Genesis(
        network="test",
        time_ms=milliseconds(START),
        state_tree_bits=4,
        federations=[
            genesis_pb2.Federation(
                name=name,
                decision_keys=key_set(name),
                consensus_key=key(f"{name} consensus").public_key,
                service_key=key(f"{name} service").public_key,
            )
            for name in federations
        ],
        units=[
            genesis_pb2.Unit(code=code, scale=scale, nature=nature) for code, (scale, nature) in UNITS.items()
        ],
        parameters=[build(genesis_pb2.Parameter, values) for values in parameters],
        quotas=[
            genesis_pb2.Quota(federation=name, unit=unit, amount_minor=quota)
            for name in federations
            for unit in UNITS
        ],
    )


def found(document: genesis_pb2.Genesis) -> Founding:
    """Signs a genesis with every founder's first key and reads it back."""
    body = document.SerializeToString(deterministic=True)
    message = domains.genesis_message(domains.genesis_hash(body))
    signers = sorted([key(item.name) for item in document.federations], key=lambda signer: signer.public_key)
    signed = genesis_pb2.SignedGenesis(
        body=body,
        signatures=[
            keys_pb2.Signature(public_key=signer.public_key, signature=signer.sign(message))
            for signer in signers
        ],
    )
    return read_genesis(signed.SerializeToString(deterministic=True))


class World:
    """A network of one ledger in memory, with a second one that checks every block."""

    def __init__(self, document: genesis_pb2.Genesis | None = None) -> None:
        """At height 0, nothing opened yet; see `standard`."""
        self.founding = found(document or genesis())
        self.readers = [MemoryReader(self.founding.genesis.state_tree_bits) for _ in range(2)]
        for reader in self.readers:
            reader.write(Chain.founding_records(self.founding))
        self.chain, self.witness = [Chain(self.founding, reader, None) for reader in self.readers]
        self.time_ms = self.founding.genesis.time_ms
        self.labels: dict[str, bytes] = {}
        self._nonces = 0

    @property
    def state(self) -> State:
        """The final state, to read."""
        return self.chain.final_state()

    @property
    def height(self) -> int:
        """Of the last block."""
        return self.chain.tip.height

    def wait(self, *, days: int = 0, ms: int = 0) -> None:
        """Lets time pass before the next block."""
        self.time_ms += days * DAY_MS + ms

    def body(self, values: Values) -> transaction_pb2.Body:
        """A body as case files write it: `author`, a payload; `nonce` and `expires_at_ms` if they matter."""
        self._nonces += 1
        defaults = {
            "nonce": self._nonces.to_bytes(16).hex(),
            "expires_at_ms": self.time_ms + BLOCK_MS + EXPIRY_MS,
        }
        return build(transaction_pb2.Body, {**defaults, **values}, self.labels, self.today)

    @property
    def today(self) -> datetime.date:
        """The day of the next block."""
        return datetime.datetime.fromtimestamp((self.time_ms + BLOCK_MS) / 1000, datetime.UTC).date()

    def transaction(self, values: Values, signers: Iterable[str] | None = None) -> bytes:
        """SignedTransaction bytes, signed by the keys of `signers` (by default the author's own)."""
        body = self.body(values)
        return self.sign(body, [body.author] if signers is None else signers)

    def sign(self, body: transaction_pb2.Body, signers: Iterable[str]) -> bytes:
        """The canonical bytes of `body`, signed."""
        data = body.SerializeToString(deterministic=True)
        message = domains.transaction_message(self.founding.hash, data)
        keys = sorted([key(name) for name in signers], key=lambda signer: signer.public_key)
        signed = transaction_pb2.SignedTransaction(
            body=data,
            signatures=[
                keys_pb2.Signature(public_key=signer.public_key, signature=signer.sign(message))
                for signer in keys
            ],
        )
        return signed.SerializeToString(deterministic=True)

    def parse(self, raw: bytes) -> ParsedTransaction | Refusal:
        """See `parse_transaction`."""
        return parse_transaction(raw, self.founding.hash)

    def refusal(self, raw: bytes) -> Refusal | None:
        """Why the transaction would be refused in the next block."""
        tx = self.parse(raw)
        if isinstance(tx, Refusal):
            return tx
        return self.chain.refusal_now(tx, self.chain.tip.digest, self.time_ms + BLOCK_MS)

    def block(self, *raws: bytes) -> list[Entry]:
        """A final block of these transactions, checked by the second ledger. Raises Refused."""
        candidates = []
        for raw in raws:
            tx = self.parse(raw)
            if isinstance(tx, Refusal):
                raise Refused(tx)
            candidates.append(tx)
        self.time_ms += BLOCK_MS
        parent = self.chain.tip.digest
        executed, refused = self.chain.build(
            parent, candidates, epoch=0, view=self.height + 1, leader=0, time_ms=self.time_ms
        )
        if refused:
            raise Refused(refused[0][1])
        self.witness.check(executed.header_bytes, executed.body)
        for reader, chain in zip(self.readers, (self.chain, self.witness), strict=True):
            for final in chain.finalise(executed.digest):
                reader.write(final.writes)
                for entry in final.entries:
                    tx = entry.tx
                    reader.transactions[tx.tx_id] = LoggedTransaction(
                        entry.log_index, final.header.height, tx.raw, entry.result
                    )
                    reader.nonces[tx.author, tx.nonce] = tx.tx_id
        return executed.entries

    def do(self, values: Values, signers: Iterable[str] | None = None, label: str = "") -> Entry:
        """A block of one transaction; `label` names it for later reversals. Raises Refused."""
        (entry,) = self.block(self.transaction(values, signers))
        if label:
            self.labels[label] = entry.tx.tx_id
        return entry

    def check_invariants(self) -> None:
        """Every book and every total, over the whole state. Raises InvariantBroken. And, for F1, that only
        an open account, or the pool, has a balance or a limit."""
        values = self.readers[0].values
        check_state(values.items())
        for key in values:
            family, account, *_ = key.decode().split("|")
            if family == "b" and account != limits.POOL:
                record = records.decode(records.AccountRecord, values.get(records.account_key(account), b""))
                assert record.opened_height and not record.closed, f"{account} has {key.decode()}"


def standard() -> World:
    """The network that case files begin with; see cases/README.md."""
    world = World()
    for federation, organisation, people in (
        ("emilia", "emilia/cadiai", ("m-1", "m-2")),
        ("japan", "japan/nalc", ("v-1", "v-2")),
        ("kenya", "kenya/shamba", ("f-1",)),
    ):
        limits = [{"unit": "EUC", "credit_limit_minor": 1000}, {"unit": "HRS", "credit_limit_minor": 600}]
        opened: list[Values] = [{"account": organisation, "keys": organisation, "limits": limits}]
        for person in people:
            account = f"{organisation}:{person}"
            opened.append(
                {"account": account} if person.endswith("2") else {"account": account, "keys": account}
            )
        world.do({"author": federation, "open_accounts": {"accounts": opened}})
    accreditations: list[Values] = []
    for organisation in ("emilia/cadiai", "japan/nalc"):
        accreditations += [
            {"accredit": {"organisation": organisation, "charter_hash": "charter", "user_seats_bp": 5000}},
            {"ceiling": {"organisation": organisation, "unit": "EUC", "amount_minor": 5000}},
            {"ceiling": {"organisation": organisation, "unit": "HRS", "amount_minor": 6000}},
        ]
    world.do({"author": "emilia", "decision": {"items": accreditations}}, FEDERATIONS[:3])
    return world


# --- messages as case files write them ----------------------------------------------------------------------


def build(
    message_type: type[M],
    values: Values,
    labels: Mapping[str, bytes] | None = None,
    today: datetime.date = TODAY,
) -> M:
    """A message from plain values; cases/README.md says how bytes, keys, dates and enums are written."""
    message = message_type()
    fields = message.DESCRIPTOR.fields_by_name
    unknown = [name for name in values if name not in fields]
    if unknown:
        raise ValueError(f"{message.DESCRIPTOR.name} has no field {unknown[0]}; it has {', '.join(fields)}")
    if "value_date" in fields and "value_date" not in values:
        values = {**values, "value_date": today}
    for name, value in values.items():
        field = fields[name]
        if field.is_repeated:
            getattr(message, name).extend([_scalar(field, item, labels or {}, today) for item in value])
        elif field.message_type is not None:
            part = getattr(message, name)
            part.CopyFrom(_scalar(field, value, labels or {}, today))
            part.SetInParent()
        else:
            setattr(message, name, _scalar(field, value, labels or {}, today))
    return message


def _scalar(field: FieldDescriptor, value: Any, labels: Mapping[str, bytes], today: datetime.date) -> Any:
    if field.message_type is not None:
        if field.message_type.name == "KeySet":
            if isinstance(value, str):
                return key_set(value)
            if "of" in value:
                return key_set(*value["of"], threshold=value["threshold"])
        return build(field.message_type._concrete_class, value, labels, today)
    if field.enum_type is not None:
        return _enum(field, value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(field.name, value, labels)
    if isinstance(value, datetime.datetime):
        return milliseconds(value)
    if isinstance(value, datetime.date):
        return days(value)
    return value


def _enum(field: FieldDescriptor, value: str | int) -> int:
    if isinstance(value, int):
        return value
    found = [item.number for item in field.enum_type.values if item.name.endswith("_" + value)]
    if len(found) != 1:
        raise ValueError(f"{field.enum_type.name} has no value {value}")
    return int(found[0])


def _bytes(name: str, value: str, labels: Mapping[str, bytes]) -> bytes:
    """Keys by name, transactions by label, "hex:…" as it is, and hashes of what is named."""
    if value.startswith("hex:"):
        return bytes.fromhex(value[4:])
    if name == "public_keys":
        return key(value).public_key
    if name == "nonce":
        return bytes.fromhex(value)
    if value in labels:
        return labels[value]
    return sha256(value.encode()).digest() if value else b""
