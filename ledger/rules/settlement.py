"""The periodic settlement of dues through the collective pool: `ClosePeriod` (S1 to S9).

Decides, per unit and exactly, who pays what from which source and who is paid how much. Integers only,
organisations in ascending order, so that every node comes to the same figures. How one unit's money is
shared among claims is in `claims.py`, which knows no state. What a period owes comes from redemptions, in
`holdings.py`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from ayni.v1 import genesis_pb2, result_pb2
from ledger import books, limits, records, refusals
from ledger.amounts import duration_text
from ledger.fields import invalid
from ledger.records import Due, OrganisationUnitRecord
from ledger.refusals import Refusal
from ledger.rule import DUES, Context, Party, Posting, Rule, federation_party, signed_by
from ledger.rules.ceilings import arrears
from ledger.rules.claims import net, pay_oldest, share
from ledger.rules.classes import find_class
from ledger.rules.deposits import retag_deposit, return_deposit
from ledger.rules.expiry import take_expired
from ledger.rules.holdings import ClassBook
from ledger.state import State


def _fields(payload: Any) -> Refusal | None:
    if payload.period:
        return None
    return invalid("close_period.period", "the period is 0; the first is 1")


def _parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """S1: any federation, with its service key."""
    party = federation_party(state, author, "author", service=True)
    return party if isinstance(party, Refusal) else [party]


def _close_period(context: Context, author: str, payload: Any) -> Refusal | None:
    """S1 to S9."""
    if refusal := _check_period(context, payload.period):
        return refusal
    state = context.state
    is_all = _expire(context)
    if isinstance(is_all, Refusal):
        return is_all
    period = state.period()
    if not is_all and period.expiry_parts < limits.EXPIRY_PARTS_MAX:
        state.put(records.PERIOD_KEY, period._replace(expiry_parts=period.expiry_parts + 1))
        return None
    settlement = result_pb2.Settlement(period=payload.period, time_ms=context.time_ms)
    organisations = sorted(
        [
            name
            for federation in state.federation_names()
            for name in state.federation(federation).organisations
        ]
    )
    for unit in state.unit_codes():
        close = _UnitClose(context, unit, organisations)
        if refusal := close.settle(settlement.units.add(unit=unit)):
            return refusal
    # S9
    context.result.settlement.CopyFrom(settlement)
    state.put(
        records.settlement_key(payload.period),
        records.SettlementRecord(settlement.SerializeToString(deterministic=True)),
    )
    looked_until = max(period.expiry_done_until, context.today - 1) if is_all else period.expiry_done_until
    opened = records.PeriodRecord(
        period.open_period + 1, context.time_ms, looked_until, context.log_index + 1
    )
    state.put(records.PERIOD_KEY, opened)
    return None


def _check_period(context: Context, number: int) -> Refusal | None:
    """S1."""
    period = context.state.period()
    least_ms = books.parameter(context.state, genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS, "")
    passed_ms = context.time_ms - period.last_close_ms
    if passed_ms < least_ms:
        left_ms = -(-(least_ms - passed_ms) // 1000) * 1000  # rounded up: a close then is not too early
        return Refusal(
            refusals.PERIOD_TOO_EARLY,
            "close_period.period",
            f"period {period.open_period} has been open for {duration_text(passed_ms)}, and a period lasts"
            f" {duration_text(least_ms)} at least; close it in {duration_text(left_ms)}",
        )
    if number != period.open_period:
        return Refusal(
            refusals.PERIOD_NOT_OPEN,
            "close_period.period",
            f"period {number} is not open, period {period.open_period} is; close that one",
        )
    return None


def _expire(context: Context) -> bool | Refusal:
    """S2: what expired goes to the pool, or as much of it as one close does. Returns whether that was all."""
    state = context.state
    entries, is_all = take_expired(state, context.today - 1)
    holders: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        holders[entry.class_id].add(entry.holder)
    part = result_pb2.ExpiredPart()
    for class_id in sorted(holders):
        policy = find_class(state, class_id, "close_period")
        if isinstance(policy, Refusal):
            return policy
        book = ClassBook(context, policy, "close_period")
        expired = 0
        for holder in sorted(holders[class_id]):
            if amount := book.expire(holder):
                part.holdings.add(class_id=class_id, holder=holder)
                expired += amount
        if refusal := book.write():
            return refusal
        if expired:
            pool = state.pool_unit(policy.unit)
            state.put(records.pool_unit_key(policy.unit), pool._replace(expired=pool.expired + expired))
    if not is_all:
        context.result.expired_part.CopyFrom(part)
    return is_all


_NOTHING: Final = OrganisationUnitRecord()
"""What most organisations have in most units: there is nothing to close."""


class _UnitClose:
    """The close of one unit, step by step."""

    def __init__(self, context: Context, unit: str, organisations: list[str]) -> None:
        self._context = context
        self._unit = unit
        self._period = context.state.period().open_period
        self._dues: dict[str, tuple[Due, ...]] = {}
        self._before: dict[str, OrganisationUnitRecord] = {}
        self._shown: dict[str, result_pb2.OrganisationSettlement] = {}
        self._organisations = organisations

    def settle(self, figures: result_pb2.UnitSettlement) -> Refusal | None:
        """S3 to S9 for this unit; fills `figures`."""
        state, unit = self._context.state, self._unit
        common_capital = state.balance(limits.POOL, unit).balance - state.pool_unit(unit).deposits
        self._net(figures)
        refusal = self._collect(figures) or self._pay_out(figures, common_capital) or self._release(figures)
        if refusal:
            return refusal
        self._reset()
        self._publish(figures)
        return None

    def _show(self, organisation: str) -> result_pb2.OrganisationSettlement:
        shown = self._shown.get(organisation)
        if shown is None:
            shown = self._shown[organisation] = result_pb2.OrganisationSettlement(organisation=organisation)
        return shown

    def _net(self, figures: result_pb2.UnitSettlement) -> None:
        """S3: each organisation's dues are set off, oldest first, so that what remains has one sign.

        Within a vintage they were set off as they were made; the pool's record counts what was made.
        """
        figures.gross_minor = self._context.state.pool_unit(self._unit).dues_made
        owed = 0
        for organisation in self._organisations:
            record = self._context.state.organisation_unit(organisation, self._unit)
            if record == _NOTHING:
                continue
            self._before[organisation] = record
            figures.gross_minor += arrears(record, self._period)
            dues = self._dues[organisation] = net(record.dues)
            total = books.dues_total(dues)
            if total < 0:
                owed -= total
            else:
                figures.dues_minor += total
        figures.netted_minor = figures.gross_minor - owed
        self._organisations = list(self._before)

    def _collect(self, figures: result_pb2.UnitSettlement) -> Refusal | None:
        """S4: debtors pay from credit, down to their limit, then from their own deposit."""
        state, unit = self._context.state, self._unit
        for organisation in self._organisations:
            debt = -books.dues_total(self._dues[organisation])
            if debt <= 0:
                continue
            balance = state.balance(organisation, unit)
            paid = min(debt, max(0, balance.balance + balance.credit_limit))
            if paid:
                if refusal := self._pay(organisation, limits.POOL, paid):
                    return refusal
                self._settle_dues(organisation, paid)
                self._show(organisation).paid_credit_minor = paid
                figures.paid_credit_minor += paid
            retagged = min(debt - paid, self._before[organisation].deposit)
            if retagged:
                retag_deposit(self._context, organisation, unit, -retagged)
                self._settle_dues(organisation, retagged)
                self._show(organisation).paid_deposit_minor = retagged
                figures.paid_deposit_minor += retagged
        return None

    def _pay_out(self, figures: result_pb2.UnitSettlement, common_capital: int) -> Refusal | None:
        """S6: creditors are paid from what came in, then from a voted share of common capital."""
        advance_bp = books.parameter(self._context.state, genesis_pb2.PARAMETER_NAME_ADVANCE_BP, self._unit)
        came_in = figures.paid_credit_minor + figures.paid_deposit_minor
        money = came_in + advance_bp * common_capital // limits.BASIS_POINTS
        claims = {name: dues for name, dues in self._dues.items() if books.dues_total(dues) > 0}
        paid = share(claims, money)
        for organisation in sorted(paid):
            amount = paid[organisation]
            if refusal := self._pay(limits.POOL, organisation, amount):
                return refusal
            self._settle_dues(organisation, -amount)
            self._show(organisation).received_minor = amount
            figures.paid_out_minor += amount
        figures.advanced_minor = max(0, figures.paid_out_minor - came_in)
        figures.carried_minor = figures.dues_minor - figures.paid_out_minor
        return None

    def _release(self, figures: result_pb2.UnitSettlement) -> Refusal | None:
        """S7: deposit above what is needed goes back to who owes nothing any more."""
        state, unit = self._context.state, self._unit
        deposit_bp = books.parameter(state, genesis_pb2.PARAMETER_NAME_DEPOSIT_BP, unit)
        for organisation in self._organisations:
            record = state.organisation_unit(organisation, unit)
            if not record.deposit or books.dues_total(self._dues[organisation]) < 0:
                continue
            needed = -(-deposit_bp * record.outstanding // limits.BASIS_POINTS)
            released = max(0, record.deposit - needed)
            if released:
                if refusal := return_deposit(self._context, organisation, unit, released, 0, "close_period"):
                    return refusal
                self._show(organisation).released_minor = released
                figures.released_minor += released
        return None

    def _pay(self, payer: str, payee: str, amount: int) -> Refusal | None:
        """S8: by rule, whatever upper limits and suspensions say."""
        return books.pay(
            self._context,
            payer,
            payee,
            self._unit,
            amount,
            0,
            "close_period",
            value_date=self._context.today,
            by_rule=True,
        )

    def _settle_dues(self, organisation: str, amount: int) -> None:
        """Dues: organisation +amount, pool −amount; oldest vintage first (negative: a claim is paid)."""
        state, unit = self._context.state, self._unit
        dues = self._dues[organisation] = pay_oldest(self._dues[organisation], abs(amount))
        pool = state.pool_unit(unit)
        pool_dues = pool.dues - amount
        state.put(records.pool_unit_key(unit), pool._replace(dues=pool_dues))
        after = books.dues_total(dues)
        post = self._context.postings.append
        today = self._context.today
        post(Posting(DUES, organisation, unit, amount, after, limits.POOL, 0, today, ""))
        post(Posting(DUES, limits.POOL, unit, -amount, pool_dues, organisation, 0, today, ""))

    def _reset(self) -> None:
        """S9: dues as settled, counters of the period at zero."""
        state = self._context.state
        for organisation in self._organisations:
            before = self._before[organisation]
            record = state.organisation_unit(organisation, self._unit)
            after = OrganisationUnitRecord(
                record.ceiling, record.outstanding, record.deposit, self._dues[organisation]
            )
            if after != record:
                state.put(records.organisation_unit_key(organisation, self._unit), after)
            if before.contributions or before.served:
                shown = self._show(organisation)
                shown.contributions_minor = before.contributions
                shown.served_minor = before.served

    def _publish(self, figures: result_pb2.UnitSettlement) -> None:
        """S9: what stands after the close."""
        state, unit = self._context.state, self._unit
        by_vintage: dict[int, int] = defaultdict(int)
        for organisation in self._organisations:
            total = books.dues_total(self._dues[organisation])
            if total > 0:
                self._show(organisation).carried_minor = total
            elif total < 0:
                self._show(organisation).arrears_minor = -total
                for due in self._dues[organisation]:
                    by_vintage[due.period] -= due.amount
        pool = state.pool_unit(unit)
        if pool.dues_made or pool.expired:
            state.put(records.pool_unit_key(unit), pool._replace(dues_made=0, expired=0))
        figures.expired_minor = pool.expired
        figures.pool_balance_minor = state.balance(limits.POOL, unit).balance
        figures.deposits_minor = pool.deposits
        figures.outstanding_minor = pool.outstanding
        for period in sorted(by_vintage):
            figures.arrears.add(period=period, amount_minor=by_vintage[period])
        for organisation in sorted(self._shown):
            figures.organisations.append(self._shown[organisation])


CLOSE_PERIOD: Final = Rule(fields=_fields, authorise=signed_by(_parties), execute=_close_period)
