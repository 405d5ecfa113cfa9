"""What can be taken back: a transfer, an issue, a service record, a redemption (R2 … R5).

Each says how many lines it has, what a line moved, who loses when it is taken back, and posts the negative
of a part of a line. Decides neither whether there is anything left to take back nor who signed: that is
`reversals.py`. What goes back follows from the original's signed body and from its result in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple, Protocol

from ayni.v1 import credit_pb2, entitlements_pb2, result_pb2
from ledger import refusals
from ledger.amounts import shown
from ledger.books import pay
from ledger.records import Lot, ReversedRecord
from ledger.refusals import Refusal
from ledger.rule import Context, open_account
from ledger.rules.ceilings import check_ceiling
from ledger.rules.classes import CREDIT, HOURS, ClassPolicy
from ledger.rules.deposits import return_deposit
from ledger.rules.holdings import ClassBook
from ledger.rules.lots import lots_to_restore, uses_by_line
from ledger.state import LoggedTransaction, State


class Line(NamedTuple):
    """A line of the reversal."""

    position: int
    """Its place in the reversal."""
    original_line: int
    amount: int
    reason: str

    @property
    def field(self) -> str:
        """Path of its amount."""
        return f"reversal.lines[{self.position}].amount_minor"


class Original(Protocol):
    """A transaction of the log that can be taken back."""

    def lines(self) -> int:
        """How many lines it has."""

    def moved(self, line: int) -> int:
        """What a line of it moved: credit, or entitlement value."""

    def unit(self, line: int) -> str:
        """The unit of that."""

    def losers(self, line: int) -> tuple[str, ...]:
        """Who loses when a line of it is taken back, and therefore signs (R6)."""

    def take_back(self, context: Context, line: Line, before: ReversedRecord) -> ReversedRecord | Refusal:
        """Posts the negative of `line.amount`; what is taken back of that line from then on."""

    def finish(self) -> Refusal | None:
        """After the last line."""


class TransferOriginal:
    """R2."""

    def __init__(self, author: str, payload: credit_pb2.Transfer) -> None:
        self._author = author
        self._legs = payload.legs

    def lines(self) -> int:
        """See Original."""
        return len(self._legs)

    def moved(self, line: int) -> int:
        """See Original."""
        return self._legs[line].amount_minor

    def unit(self, line: int) -> str:
        """See Original."""
        return self._legs[line].unit

    def losers(self, line: int) -> tuple[str, ...]:
        """The payee gives back."""
        return (self._legs[line].payee,)

    def take_back(self, context: Context, line: Line, before: ReversedRecord) -> ReversedRecord | Refusal:
        """Payee −a, payer +a."""
        leg = self._legs[line.original_line]
        refusal = _pay_back(context, leg.payee, leg.payer or self._author, leg.unit, line.amount, line)
        return refusal or before._replace(amount=before.amount + line.amount)

    def finish(self) -> Refusal | None:
        """Nothing is left to write."""
        return None


class _OfClass:
    """What issue, service record and redemption share: a class, and its book while they are taken back."""

    def __init__(self, author: str, payload: Any, logged: LoggedTransaction, policy: ClassPolicy) -> None:
        self._author = author
        self._payload = payload
        self._log_index = logged.log_index
        self._result = result_pb2.Result.FromString(logged.result)
        self._policy = policy
        self._open_book: ClassBook | None = None

    @cached_property
    def _uses(self) -> dict[int, list[result_pb2.LotUse]]:
        return uses_by_line(self._result.lots_used)

    def _book(self, context: Context) -> ClassBook:
        """The same for every line of one reversal."""
        if self._open_book is None:
            self._open_book = ClassBook(context, self._policy, "reversal.original_tx_id")
        return self._open_book

    def finish(self) -> Refusal | None:
        """Writes the class's book back."""
        return self._open_book.write() if self._open_book is not None else None

    def lines(self) -> int:
        """See Original."""
        return len(self._payload.lines)

    def unit(self, line: int) -> str:
        """See Original: the class's."""
        return self._policy.unit

    def _cancel(self, context: Context, issuer: str, holder: str, line: Line) -> Refusal | None:
        """Of what the original's line gave the holder: holder −v, issuer's outstanding −v, cancelled +v."""
        return self._book(context).cancel(
            issuer,
            holder,
            self._log_index,
            line.original_line,
            line.amount,
            line.position,
            line.field,
            line.reason,
        )

    def _unredeem(
        self, context: Context, line: Line, before: ReversedRecord, holder: str, provider: str, served_by: str
    ) -> ReversedRecord | Refusal:
        """R5: the holder's lots again, latest first, and dues back; of hours also what was earned by it."""
        lots = lots_to_restore(self._uses.get(line.original_line, ()), before.amount, line.amount)
        book = self._book(context)
        rooms = {lot.issuer: book.room(lot.issuer) for lot in lots}
        refusal = (
            still_open(context.state, holder, line.field)
            or _issuers_open(context.state, lots, line)
            or book.unredeem(holder, provider, lots, line.position, line.field, line.reason)
            or self._within_ceilings(context, book, provider, rooms, line)
            or self._covered(context, book, provider, lots, line)
        )
        if not refusal and self._policy.kind == HOURS:
            refusal = self._cancel(context, provider, served_by, line)
        return refusal or before._replace(amount=before.amount + line.amount)

    def _within_ceilings(
        self, context: Context, book: ClassBook, provider: str, rooms: Mapping[str, int], line: Line
    ) -> Refusal | None:
        """R5: what was issued since in its place counts, or each reversal would raise the ceiling.

        `rooms`: what each issuer could still issue before (H2). Of hours, who earned them loses as much as
        the provider issued, and what another issuer owes of the period may fall by what is outstanding again.
        """
        hours = self._policy.kind == HOURS
        for issuer, room in rooms.items():
            if hours and (issuer == provider or book.room(issuer) >= room):
                continue
            change = book.outstanding_change(issuer)
            if change > 0 and (
                refusal := check_ceiling(context, issuer, self._policy.unit, change, line.field, again=True)
            ):
                return refusal
        return None

    def _of_open_period(self, context: Context) -> bool:
        """Whether no close came since."""
        return self._log_index >= context.state.period().opened_log_index

    def _covered(
        self, context: Context, book: ClassBook, provider: str, lots: Iterable[Lot], line: Line
    ) -> Refusal | None:
        """R5: after a close, which may have paid it, what the provider comes to owe must be available."""
        state, unit = context.state, self._policy.unit
        given_back = sum([lot.amount for lot in lots if lot.issuer != provider])
        owed = max(0, -book.dues_total(provider))
        record = state.balance(provider, unit)
        available = record.balance + record.credit_limit - owed
        if available >= 0 or self._of_open_period(context) or not (given_back and owed):
            return None
        return Refusal(
            refusals.LIMIT_EXCEEDED,
            line.field,
            f"{provider} cannot give back {shown(state, given_back, unit)} of dues: balance"
            f" {shown(state, record.balance, unit)}, credit limit {shown(state, record.credit_limit, unit)},"
            f" dues owed then {shown(state, owed, unit)}, available then {shown(state, available, unit)};"
            " take back less, or send again when it has more",
        )


class IssueOriginal(_OfClass):
    """R3."""

    def moved(self, line: int) -> int:
        """Its value."""
        return int(self._payload.lines[line].items) * self._policy.item_value

    def losers(self, line: int) -> tuple[str, ...]:
        """The holder, whose shares are cancelled; the issuer too when it pays the price back."""
        holder = self._payload.lines[line].holder
        return (holder, self._author) if self._policy.given_for == CREDIT else (holder,)

    def take_back(self, context: Context, line: Line, before: ReversedRecord) -> ReversedRecord | Refusal:
        """Holder's lots −v; deposit and price go back pro rata."""
        issuer, unit = self._author, self._policy.unit
        entry = self._payload.lines[line.original_line]
        if refusal := self._cancel(context, issuer, entry.holder, line):
            return refusal
        moved = self.moved(line.original_line)
        paid_in = self._result.deposits_minor
        deposit = paid_in[line.original_line] if line.original_line < len(paid_in) else 0
        returned = min(
            _part(deposit, moved, line, before.amount, before.deposit),
            context.state.organisation_unit(issuer, unit).deposit,
        )
        if refusal := return_deposit(context, issuer, unit, returned, line.position, line.field, line.reason):
            return refusal
        context.result.deposits_minor.append(returned)
        price = 0
        if self._policy.given_for == CREDIT:
            price = _part(
                entry.items * self._policy.item_contribution, moved, line, before.amount, before.fee
            )
        if refusal := _pay_back(context, issuer, entry.holder, unit, price, line):
            return refusal
        return ReversedRecord(before.amount + line.amount, before.deposit + returned, before.fee + price)


class ServiceOriginal(_OfClass):
    """R4; R5 where it was paid with credits."""

    def moved(self, line: int) -> int:
        """Minutes."""
        return int(self._payload.lines[line].amount_minor)

    def losers(self, line: int) -> tuple[str, ...]:
        """Who served; the host too when it was the provider of a redemption, or gives a fee back."""
        entry = self._payload.lines[line]
        if entry.WhichOneof("paid") == "credits" or _fee_in_credit(entry):
            return (entry.served_by, self._author)
        return (entry.served_by,)

    def take_back(self, context: Context, line: Line, before: ReversedRecord) -> ReversedRecord | Refusal:
        """What was earned −m; a fee in credit goes back pro rata."""
        host, entry = self._author, self._payload.lines[line.original_line]
        if entry.WhichOneof("paid") == "credits":
            return self._unredeem(context, line, before, entry.credits.holder, host, entry.served_by)
        if refusal := self._cancel(context, host, entry.served_by, line):
            return refusal
        moved = self.moved(line.original_line)
        fee = _part(_fee_in_credit(entry), moved, line, before.amount, before.fee)
        if refusal := _pay_back(context, host, entry.recipient, entry.fee.unit, fee, line):
            return refusal
        return before._replace(amount=before.amount + line.amount, fee=before.fee + fee)


class RedemptionOriginal(_OfClass):
    """R5."""

    def lines(self) -> int:
        """Line 0 alone."""
        return 1

    def moved(self, line: int) -> int:
        """Its value."""
        return int(self._payload.amount_minor)

    def losers(self, line: int) -> tuple[str, ...]:
        """The provider; of hours also who earned them."""
        served_by = self._payload.served_by
        return (self._payload.provider, served_by) if served_by else (self._payload.provider,)

    def take_back(self, context: Context, line: Line, before: ReversedRecord) -> ReversedRecord | Refusal:
        """The holder's lots again, and dues back."""
        said = self._payload
        return self._unredeem(context, line, before, said.holder, said.provider, said.served_by)


REVERSIBLE: Final[dict[str, Callable[[str, Any, LoggedTransaction, ClassPolicy], Original]]] = {
    "issue_entitlements": IssueOriginal,
    "record_service": ServiceOriginal,
    "redeem_entitlements": RedemptionOriginal,
}
"""Beside transfers."""


def still_open(state: State, account: str, field: str) -> Refusal | None:
    """R1: refuses unless `account`, which the original names, is open; there is no other to name instead."""
    refusal = open_account(state, account, field)
    return refusal and refusal._replace(
        message=f"account {account} is closed and has no part in a reversal any more; make it good with a"
        " transaction of another type"
    )


def _pay_back(context: Context, payer: str, payee: str, unit: str, amount: int, line: Line) -> Refusal | None:
    """Credit that goes back, dated now. The payer signs and must have it available."""
    if not amount:
        return None
    return still_open(context.state, payee, line.field) or pay(
        context,
        payer,
        payee,
        unit,
        amount,
        line.position,
        line.field,
        value_date=context.today,
        reference=line.reason,
    )


def _part(whole: int, moved: int, line: Line, taken_before: int, returned_before: int) -> int:
    """R3: what goes back of `whole`: pro rata of all taken back by now, less what went back before."""
    return whole * (taken_before + line.amount) // moved - returned_before


def _fee_in_credit(line: entitlements_pb2.ServiceLine) -> int:
    """0 when it was paid otherwise."""
    return line.fee.amount_minor if line.WhichOneof("paid") == "fee" and not line.fee.in_cash else 0


def _issuers_open(state: State, lots: Iterable[Lot], line: Line) -> Refusal | None:
    """A closed issuer cannot owe again."""
    for lot in lots:
        if refusal := still_open(state, lot.issuer, line.field):
            return refusal
    return None
