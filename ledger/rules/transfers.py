"""Transfers: who pays whom, many legs in one transaction, all or none (F1, F2, A5).

Decides bounds, signers and order of legs; the posting itself is `books.pay`. Taking one back is in
`reversals.py`. The paths of fields at fault are put together only when there is a fault: this is the
path that most transactions take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ayni.v1 import credit_pb2
from ledger import fields, limits, refusals
from ledger.books import CreditBook, check_unit
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, open_account, signed_by
from ledger.rules.precedence import foremost, within
from ledger.state import State


def _fields(transfer: credit_pb2.Transfer) -> Refusal | None:
    if refusal := fields.count(transfer.legs, "transfer.legs", limits.LEGS_MAX):
        return refusal
    is_account, is_unit = limits.ACCOUNT_NAME.match, limits.UNIT_CODE.match
    for line, leg in enumerate(transfer.legs):
        reference = leg.reference
        if (
            is_account(leg.payee)
            and is_unit(leg.unit)
            and 1 <= leg.amount_minor <= limits.AMOUNT_MAX
            and 1 <= leg.value_date <= limits.VALUE_DATE_MAX
            and reference.isascii()
            and reference.isprintable()
            and len(reference) <= limits.REFERENCE_BYTES_MAX
            and not leg.payer
            and not leg.document_hash
        ):
            continue  # a leg as most are; any other is looked at field by field
        if refusal := _leg_fields(leg):
            return within(refusal, f"transfer.legs[{line}]")
    return None


def _leg_fields(leg: credit_pb2.Leg) -> Refusal | None:
    return (
        (fields.account(leg.payer, "payer") if leg.payer else None)
        or fields.account(leg.payee, "payee")
        or fields.unit(leg.unit, "unit")
        or fields.amount(leg.amount_minor, "amount_minor")
        or fields.date(leg.value_date, "value_date")
        or fields.text(leg.reference, "reference", limits.REFERENCE_BYTES_MAX)
        or fields.digest(leg.document_hash, "document_hash")
    )


def _parties(state: State, author: str, transfer: credit_pb2.Transfer) -> Sequence[Party] | Refusal:
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


def _execute(context: Context, author: str, transfer: credit_pb2.Transfer) -> Refusal | None:
    legs = [(leg.payer or author, leg.payee, leg.unit, leg) for leg in transfer.legs]
    if refusal := _check_legs(context.state, legs):
        return refusal
    pay = CreditBook(context).pay
    for line, (payer, payee, unit, leg) in enumerate(legs):
        # F1: legs apply in order, each covered when it applies. F2.
        if refusal := pay(
            payer, payee, unit, leg.amount_minor, line, "amount_minor", leg.value_date, leg.reference
        ):
            return within(refusal, f"transfer.legs[{line}]")
    return None


def _check_legs(state: State, legs: list[tuple[str, str, str, credit_pb2.Leg]]) -> Refusal | None:
    """F1, but for what must be covered. Each account and unit is looked up once."""
    found: list[tuple[int, Refusal]] = []
    payers: set[str] = set()
    payees: set[str] = set()
    units: set[str] = set()
    for line, (payer, payee, unit, _) in enumerate(legs):
        if payee not in payees:
            payees.add(payee)
            if fault := open_account(state, payee, "payee"):
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


TRANSFER: Final[Rule] = Rule(_fields, signed_by(_parties), _execute)
"""`transfer`."""
