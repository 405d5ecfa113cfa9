"""Postings in the book of credit, shared by all rules, and what dues come to (A5, S3; design 4.4).

Every payment writes both sides, so that the book sums to zero. The book of entitlements, and the dues that
redemptions make, are kept in `rules/holdings.py`. Amounts are integers of the unit's smallest part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from ledger import limits, records, refusals
from ledger.amounts import shown
from ledger.records import BalanceRecord, Due
from ledger.refusals import Refusal
from ledger.rule import CREDIT, Context, Posting
from ledger.state import State

# Records from their fields in order, at half the cost of calling the type: two of each for every leg.
_posting: Final[Callable[[tuple[Any, ...]], Posting]] = partial(tuple.__new__, Posting)
_balance: Final[Callable[[tuple[Any, ...]], BalanceRecord]] = partial(tuple.__new__, BalanceRecord)


def dues_total(dues: Iterable[Due]) -> int:
    """What an organisation is owed (positive) or owes (negative), all vintages."""
    return sum([due.amount for due in dues])


def dues_owed(state: State, account: str, unit: str) -> int:
    """What an account owes the pool in a unit, after netting its own claims; at least 0."""
    if ":" in account or account == limits.POOL:
        return 0
    dues = state.organisation_unit(account, unit).dues
    return max(0, -dues_total(dues)) if dues else 0


def available(state: State, account: str, unit: str) -> int:
    """A5: balance + credit limit − holds − dues owed. There are no holds yet."""
    record = state.balance(account, unit)
    return record.balance + record.credit_limit - dues_owed(state, account, unit)


def check_unit(state: State, unit: str, field: str) -> Refusal | None:
    """The unit is one of the genesis."""
    if state.unit(unit).scale:
        return None
    return Refusal(
        refusals.UNKNOWN_UNIT, field, f"this network has no unit {unit}; see `ayni pool show` for its units"
    )


def parameter(state: State, name: int, unit: str) -> int:
    """M8: the value in force of a parameter (a number of ParameterName)."""
    record = state.get(records.ParameterRecord, records.parameter_key(name, unit))
    return record.value_plus_one - 1 if record.value_plus_one else limits.PARAMETER_BOUNDS[name][0]


class CreditBook:
    """The book of credit during one transaction of many payments.

    What a payer owes is looked up once: no dues of a payer may change while it is used.
    """

    __slots__ = ("_owed", "_payer", "_payer_key", "_post", "_state", "_unit")

    def __init__(self, context: Context) -> None:
        self._state = context.state
        self._post = context.postings.append
        self._owed: dict[bytes, int] = {}
        self._payer, self._unit, self._payer_key = "", "", b""

    def pay(
        self,
        payer: str,
        payee: str,
        unit: str,
        amount: int,
        line: int,
        field: str,
        value_date: int = 0,
        reference: str = "",
        by_rule: bool = False,
    ) -> Refusal | None:
        """Credit: payer −amount, payee +amount, with the checks of A5; see `pay`."""
        state = self._state
        if payer != self._payer or unit != self._unit:
            self._payer, self._unit, self._payer_key = payer, unit, records.balance_key(payer, unit)
        payer_key = self._payer_key
        payee_key = records.balance_key(payee, unit)
        balance, credit_limit, has_upper_limit, upper_limit = state.get(BalanceRecord, payer_key)
        received, payee_limit, payee_has_upper, payee_upper = state.get(BalanceRecord, payee_key)
        balance -= amount
        received += amount
        if not by_rule:
            owed = self._owed.get(payer_key)
            if owed is None:
                owed = self._owed[payer_key] = dues_owed(state, payer, unit)
            if balance < owed - credit_limit:
                before = balance + amount
                return _limit_exceeded(state, payer, unit, amount, before, credit_limit, owed, field)
            if payee_has_upper and received > payee_upper:
                return _upper_limit_exceeded(state, payee, unit, received, payee_upper, field)
        if received > limits.TOTAL_MAX or balance < -limits.TOTAL_MAX:
            most = shown(state, limits.TOTAL_MAX, unit)
            return Refusal(refusals.OVERFLOW, field, f"a balance would pass {most}; pay less")
        state.put(payer_key, _balance((balance, credit_limit, has_upper_limit, upper_limit)))
        state.put(payee_key, _balance((received, payee_limit, payee_has_upper, payee_upper)))
        post = self._post
        post(_posting((CREDIT, payer, unit, -amount, balance, payee, line, value_date, reference)))
        post(_posting((CREDIT, payee, unit, amount, received, payer, line, value_date, reference)))
        return None


def pay(
    context: Context,
    payer: str,
    payee: str,
    unit: str,
    amount: int,
    line: int,
    field: str,
    *,
    value_date: int = 0,
    reference: str = "",
    by_rule: bool = False,
) -> Refusal | None:
    """Credit: payer −amount, payee +amount, with the checks of A5.

    `by_rule` (S8): a payment by the pool's rules, which ignores available and upper limit; whoever calls
    has bounded it.
    """
    return CreditBook(context).pay(payer, payee, unit, amount, line, field, value_date, reference, by_rule)


def _limit_exceeded(
    state: State, payer: str, unit: str, amount: int, balance: int, credit_limit: int, owed: int, field: str
) -> Refusal:
    available = balance + credit_limit - owed
    return Refusal(
        refusals.LIMIT_EXCEEDED,
        field,
        f"{payer} cannot pay {shown(state, amount, unit)}: balance {shown(state, balance, unit)}, credit"
        f" limit {shown(state, credit_limit, unit)}, dues owed {shown(state, owed, unit)}, available"
        f" {shown(state, available, unit)}; pay less, or send again when it has more",
    )


def _upper_limit_exceeded(
    state: State, payee: str, unit: str, balance: int, upper_limit: int, field: str
) -> Refusal:
    return Refusal(
        refusals.UPPER_LIMIT_EXCEEDED,
        field,
        f"{payee} would hold {shown(state, balance, unit)}, above its upper limit"
        f" {shown(state, upper_limit, unit)}; pay less, or send again when it holds less",
    )


def add_due(dues: tuple[Due, ...], due: Due) -> tuple[Due, ...]:
    """Dues with an amount added to its vintage; ascending by period, none zero."""
    amounts = {entry.period: entry.amount for entry in dues}
    amounts[due.period] = amounts.get(due.period, 0) + due.amount
    return tuple([Due(period, amounts[period]) for period in sorted(amounts) if amounts[period]])
