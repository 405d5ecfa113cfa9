"""Transfers: who pays whom, many legs in one transaction, all or none (F1, F2, A5).

Decides bounds, signers and order of legs; the posting itself is `books.pay`. Taking one back is in
`reversals.py`. The paths of fields at fault are put together only when there is a fault: this is the
path that most transactions take, and why a leg is read from its message once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple

from ayni.v1 import credit_pb2
from ledger import fields, limits, refusals
from ledger.books import CreditBook, check_unit
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, open_account, signed_by
from ledger.rules.precedence import foremost, within
from ledger.state import State


class Leg(NamedTuple):
    """One payment of a transfer; fields as in credit.proto."""

    payer: str
    payee: str
    unit: str
    amount_minor: int
    value_date: int
    reference: str
    document_hash: bytes


class Transfer(NamedTuple):
    """A transfer as the rule reads it: its legs, each field read from the message once."""

    legs: Sequence[Leg]


_values: Final = attrgetter(*Leg._fields)
_leg: Final[Callable[[tuple[Any, ...]], Leg]] = partial(tuple.__new__, Leg)


def _read(transfer: credit_pb2.Transfer) -> Transfer:
    legs: Any = transfer.legs
    if len(legs) > limits.LEGS_MAX:
        return Transfer(legs)  # to be counted: a megabyte has half a million
    # A slice is a plain list: to iterate over protobuf's own costs twice as much.
    return Transfer([_leg(_values(leg)) for leg in legs[:]])


def _fields(transfer: Transfer) -> Refusal | None:
    if refusal := fields.count(transfer.legs, "transfer.legs", limits.LEGS_MAX):
        return refusal
    is_account, is_unit = limits.ACCOUNT_NAME.match, limits.UNIT_CODE.match
    right: str | None = None  # the unit of the leg before
    for line, leg in enumerate(transfer.legs):
        payer, payee, unit, amount, value_date, reference, document_hash = leg
        if (
            is_account(payee)
            and (unit == right or is_unit(unit))
            and 1 <= amount <= limits.AMOUNT_MAX
            and 1 <= value_date <= limits.VALUE_DATE_MAX
            and reference.isascii()
            and reference.isprintable()
            and len(reference) <= limits.REFERENCE_BYTES_MAX
            and not payer
            and not document_hash
        ):
            right = unit
            continue  # a leg as most are; any other is looked at field by field
        if refusal := _leg_fields(leg):
            return within(refusal, f"transfer.legs[{line}]")
    return None


def _leg_fields(leg: Leg) -> Refusal | None:
    return (
        (fields.account(leg.payer, "payer") if leg.payer else None)
        or fields.account(leg.payee, "payee")
        or fields.unit(leg.unit, "unit")
        or fields.amount(leg.amount_minor, "amount_minor")
        or fields.date(leg.value_date, "value_date")
        or fields.text(leg.reference, "reference", limits.REFERENCE_BYTES_MAX)
        or fields.digest(leg.document_hash, "document_hash")
    )


def _parties(state: State, author: str, transfer: Transfer) -> Sequence[Party] | Refusal:
    """F1: the author, and every payer named."""
    payers = {author: "author"}
    for line, leg in enumerate(transfer.legs):
        payer = leg.payer
        if not payer:
            continue
        if payer == author:
            return fields.invalid(
                f"transfer.legs[{line}].payer",
                f"{author} is the author; leave payer empty where it pays",
            )
        if payer not in payers:
            payers[payer] = f"transfer.legs[{line}].payer"
    return account_parties(state, payers.items())


def _execute(context: Context, author: str, transfer: Transfer) -> Refusal | None:
    if refusal := _check_legs(context.state, author, transfer.legs):
        return refusal
    pay = CreditBook(context).pay
    for line, (payer, payee, unit, amount, value_date, reference, _) in enumerate(transfer.legs):
        # F1: legs apply in order, each covered when it applies. F2.
        if refusal := pay(payer or author, payee, unit, amount, line, "amount_minor", value_date, reference):
            return within(refusal, f"transfer.legs[{line}]")
    return None


def _check_legs(state: State, author: str, legs: Sequence[Leg]) -> Refusal | None:
    """F1, but for what must be covered. Each account and unit is looked up once."""
    found: list[tuple[int, Refusal]] = []
    payers: set[str] = set()
    payees: set[str] = set()
    units: set[str] = set()
    for line, leg in enumerate(legs):
        payer, payee, unit = leg.payer or author, leg.payee, leg.unit
        if payee not in payees:
            payees.add(payee)
            # Only an open account has a balance or a limit (A2): most payees are known by the record that is
            # paid to.
            if not any(state.balance(payee, unit)) and (fault := open_account(state, payee, "payee")):
                found.append((line, fault))
        if unit not in units:
            units.add(unit)
            if fault := check_unit(state, unit, "unit"):
                found.append((line, fault))
        if payer not in payers:
            payers.add(payer)
            if fault := _not_suspended(state, payer):
                found.append((line, fault))
        if payer == payee:
            found.append(
                (line, Refusal(refusals.SELF, "payee", f"{payer} would pay itself; name another payee"))
            )
    return foremost(within(fault, f"transfer.legs[{line}]") for line, fault in found) if found else None


def _not_suspended(state: State, payer: str) -> Refusal | None:
    """M9: a suspended organisation's own account pays nothing of its own accord."""
    if ":" in payer or not state.organisation(payer).suspended:
        return None
    return Refusal(
        refusals.SUSPENDED,
        "payer",
        f"{payer} is suspended and cannot pay; it can be paid, and a decision of the federations"
        " can reinstate it",
    )


TRANSFER: Final[Rule] = Rule(_fields, signed_by(_parties), _execute, _read)
"""`transfer`."""
