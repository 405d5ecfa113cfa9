"""Deposits: what issuers pay into the pool for their own shares, and get back (E2, R3).

A deposit is a payment to the pool that stays tagged with its issuer; the pool's total of tags follows.
Settlement uses and releases deposits itself (S4, S7).
"""

from __future__ import annotations

from ledger import books, limits, records
from ledger.refusals import Refusal
from ledger.rule import Context


def pay_deposit(
    context: Context, issuer: str, unit: str, amount: int, line: int, field: str, value_date: int = 0
) -> Refusal | None:
    """E2: issuer −amount, pool +amount, tagged the issuer's."""
    if not amount:
        return None
    if refusal := books.pay(context, issuer, limits.POOL, unit, amount, line, field, value_date=value_date):
        return refusal
    retag_deposit(context, issuer, unit, amount)
    return None


def return_deposit(
    context: Context, issuer: str, unit: str, amount: int, line: int, field: str, reference: str = ""
) -> Refusal | None:
    """R3, S7: pool −amount, issuer +amount, tag −amount, by rule; the caller keeps to its deposit."""
    if not amount:
        return None
    retag_deposit(context, issuer, unit, -amount)
    return books.pay(
        context,
        limits.POOL,
        issuer,
        unit,
        amount,
        line,
        field,
        value_date=context.today,
        reference=reference,
        by_rule=True,
    )


def retag_deposit(context: Context, issuer: str, unit: str, change: int) -> None:
    """Of the pool's balance, `change` more is the issuer's deposit."""
    state = context.state
    own = state.organisation_unit(issuer, unit)
    state.put(records.organisation_unit_key(issuer, unit), own._replace(deposit=own.deposit + change))
    pool = state.pool_unit(unit)
    state.put(records.pool_unit_key(unit), pool._replace(deposits=pool.deposits + change))
