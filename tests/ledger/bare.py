"""Rules without a network around them: a state in memory, and payloads executed on it directly.

For tests of many steps and for properties, where signatures and blocks would only cost time. Every step is
checked as `ledger/apply.py` checks it, and `check` adds up the whole state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from ayni.v1 import entitlements_pb2, genesis_pb2, pool_pb2, result_pb2, transaction_pb2
from ledger import records
from ledger.apply import RULES
from ledger.invariants import check_state, check_writes
from ledger.records import Due
from ledger.refusals import Refusal
from ledger.rule import Context, Posting
from ledger.state import Base, LoggedTransaction, MemoryReader, Overlay, State

DAY_MS = 86_400_000
START_DAY = 20_454  # 2026-01-01
HASH = bytes(range(32))


class Bare:
    """A state, a clock, and rules executed one after the other."""

    def __init__(self, organisations: Iterable[str], units: Mapping[str, int] | None = None) -> None:
        """`organisations` are open, accredited, without limits; people `:p-1` to `:p-3` at each."""
        self.units = units or {"EUC": genesis_pb2.NATURE_MUTUAL_CREDIT, "HRS": genesis_pb2.NATURE_HOURS}
        nothing = MemoryReader(1)
        self.overlay = Overlay(Base(nothing, nothing.get), None)
        self.time_ms = START_DAY * DAY_MS
        self.log_index = 0
        self.postings: list[Posting] = []
        self.history: list[Posting] = []
        self.result = result_pb2.Result()
        names = sorted(organisations)
        federations = sorted({name.partition("/")[0] for name in names})
        self.put(records.NETWORK_KEY, records.NetworkRecord(tuple(federations), tuple(sorted(self.units))))
        self.put(records.PERIOD_KEY, records.PeriodRecord(1, self.time_ms, START_DAY - 1))
        self.put(records.parameter_key(1, ""), records.ParameterRecord(1))  # periods may be closed at once
        for unit, nature in self.units.items():
            self.put(records.unit_key(unit), records.UnitRecord(100, nature))
        for federation in federations:
            own = tuple([name for name in names if name.startswith(federation + "/")])
            record = records.FederationRecord(records.KeySet(1, (b"k" * 32,)), b"c", b"s", own)
            self.put(records.federation_key(federation), record)
            for unit in self.units:
                self.put(records.quota_key(federation, unit), records.QuotaRecord(10**15))
        for name in names:
            self.put(records.organisation_key(name), records.OrganisationRecord(True))
            for account in (name, *[f"{name}:p-{n}" for n in (1, 2, 3)]):
                self.put(records.account_key(account), records.AccountRecord(opened_height=1))

    @property
    def state(self) -> State:
        """To read."""
        return State(self.overlay)

    def put(self, key: bytes, record: tuple[Any, ...]) -> None:
        """Writes a record, whatever the rules say."""
        self.overlay.writes[key] = record

    def parameter(self, name: int, unit: str, value: int) -> None:
        """Votes a parameter."""
        self.put(records.parameter_key(name, unit), records.ParameterRecord(value + 1))

    def organisation(
        self,
        name: str,
        unit: str = "EUC",
        *,
        balance: int = 0,
        limit: int = 0,
        ceiling: int = 0,
        deposit: int = 0,
        outstanding: int = 0,
        dues: Mapping[int, int] | None = None,
    ) -> None:
        """Sets an organisation's figures in a unit; `balanced` makes the totals follow."""
        self.put(records.balance_key(name, unit), records.BalanceRecord(balance, limit))
        owed = tuple([Due(period, amount) for period, amount in sorted((dues or {}).items()) if amount])
        record = records.OrganisationUnitRecord(ceiling, outstanding, deposit, owed)
        self.put(records.organisation_unit_key(name, unit), record)

    def balanced(self, unit: str = "EUC", *, common_capital: int = 0, open_period: int = 1) -> None:
        """Makes pool, quotas, a class and its one holder follow from what organisations have."""
        self.put(records.PERIOD_KEY, records.PeriodRecord(open_period, self.time_ms, START_DAY - 1))
        state = self.state
        deposits = dues = outstanding = balance = dues_made = 0
        lots = []
        for federation in state.federation_names():
            used = 0
            for name in state.federation(federation).organisations:
                record = state.organisation_unit(name, unit)
                used += record.ceiling + state.balance(name, unit).credit_limit
                deposits += record.deposit
                dues += sum([due.amount for due in record.dues])
                dues_made -= sum([min(0, due.amount) for due in record.dues if due.period == open_period])
                outstanding += record.outstanding
                balance += state.balance(name, unit).balance
                if record.outstanding:
                    lots.append(records.Lot(name, record.outstanding, 0, len(lots), 1))
                    issued = records.IssuanceRecord(issued=record.outstanding, outstanding=record.outstanding)
                    self.put(records.issuance_key(f"old@{state.federation_names()[0]}", name), issued)
            self.put(records.quota_key(federation, unit), records.QuotaRecord(10**15, used))
        owner = state.federation_names()[0]
        pool = deposits + common_capital
        anybody = f"{state.federation(owner).organisations[0]}:p-1"
        definition = define_class(f"old@{owner}", unit).SerializeToString(deterministic=True)
        self.put(records.class_key(f"old@{owner}"), records.ClassRecord(definition, True))
        self.put(records.holding_key(anybody, f"old@{owner}"), records.HoldingRecord(tuple(lots)))
        self.put(records.pool_unit_key(unit), records.PoolUnitRecord(deposits, -dues, outstanding, dues_made))
        self.put(records.balance_key("pool", unit), records.BalanceRecord(pool))
        self.put(records.balance_key(anybody, unit), records.BalanceRecord(-pool - balance))

    def do(self, author: str, payload: Any) -> Refusal | None:
        """Executes one payload; what is refused leaves no trace."""
        kind = payload_name(payload)
        refusal = RULES[kind].fields(payload)
        if refusal:
            return refusal
        state = State(self.overlay)
        context = Context(state, 1, self.time_ms, self.log_index, self.tx_id(self.log_index))
        if refusal := RULES[kind].execute(context, author, payload):
            return refusal
        check_writes(self.overlay, state.writes)
        self.overlay.writes.update(state.writes)
        self.result, self.postings = context.result, context.postings
        self.history += context.postings
        body = transaction_pb2.Body(author=author, **{kind: payload})
        raw = transaction_pb2.SignedTransaction(body=body.SerializeToString(deterministic=True))
        self.overlay.transactions[self.tx_id(self.log_index)] = LoggedTransaction(
            self.log_index,
            1,
            raw.SerializeToString(deterministic=True),
            context.result.SerializeToString(deterministic=True),
        )
        self.log_index += 1
        return None

    def tx_id(self, log_index: int) -> bytes:
        """The id given to the transaction at a position of the log."""
        return sha256(b"%d" % log_index).digest()

    def close(self, federation: str = "") -> result_pb2.UnitSettlement:
        """Closes the open period; the figures of the first unit."""
        period = self.state.period().open_period
        author = federation or self.state.federation_names()[0]
        refusal = self.do(author, pool_pb2.ClosePeriod(period=period))
        if refusal:
            raise ValueError(f"{refusal.name}: {refusal.message}")
        return self.result.settlement.units[0]

    def check(self) -> None:
        """Adds up the whole state, from bytes. Raises InvariantBroken."""
        check_state(self.entries())

    def entries(self) -> list[tuple[bytes, bytes]]:
        """Key and canonical bytes of every record that is there."""
        encoded = [(key, records.encode(record)) for key, record in self.overlay.writes.items()]
        return sorted([(key, value) for key, value in encoded if value])


def payload_name(payload: Any) -> str:
    """`ClosePeriod` is carried in the field `close_period`."""
    fields = transaction_pb2.Body.DESCRIPTOR.oneofs_by_name["payload"].fields
    return str(next(f.name for f in fields if f.message_type.name == payload.DESCRIPTOR.name))


def define_class(
    class_id: str, unit: str = "EUC", *, expires_after_days: int = 0, cap: int = 0
) -> entitlements_pb2.DefineClass:
    """Shares of 1 for 1 in EUC, hours in HRS, to be given to anyone."""
    if unit == "HRS":
        return entitlements_pb2.DefineClass(
            class_id=class_id,
            kind=entitlements_pb2.KIND_HOURS,
            unit=unit,
            given_for=entitlements_pb2.GIVEN_FOR_SERVICE,
            holder_cap_minor=cap,
            transferability=entitlements_pb2.TRANSFERABILITY_ANYONE,
            expires_after_days=expires_after_days,
        )
    return entitlements_pb2.DefineClass(
        class_id=class_id,
        kind=entitlements_pb2.KIND_SHARE,
        unit=unit,
        given_for=entitlements_pb2.GIVEN_FOR_MONEY_OUTSIDE,
        item_value_minor=1,
        item_contribution_minor=1,
        holder_cap_minor=cap,
        transferability=entitlements_pb2.TRANSFERABILITY_ANYONE,
        expires_after_days=expires_after_days,
    )
