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
from ledger.books import check_unit, pay
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, open_account, signed_by
from ledger.rules.precedence import foremost, within
from ledger.state import State


def _fields(transfer: credit_pb2.Transfer) -> Refusal | None:
    if refusal := fields.count(transfer.legs, "transfer.legs", limits.LEGS_MAX):
        return refusal
    for line, leg in enumerate(transfer.legs):
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
    if refusal := _check_legs(context.state, author, transfer):
        return refusal
    for line, leg in enumerate(transfer.legs):
        # F1: legs apply in order, each covered when it applies. F2.
        if refusal := pay(
            context,
            leg.payer or author,
            leg.payee,
            leg.unit,
            leg.amount_minor,
            line,
            "amount_minor",
            value_date=leg.value_date,
            reference=leg.reference,
        ):
            return within(refusal, f"transfer.legs[{line}]")
    return None


def _check_legs(state: State, author: str, transfer: credit_pb2.Transfer) -> Refusal | None:
    """F1, but for what must be covered. Each account and unit is looked up once."""
    found: list[Refusal] = []
    checked: set[str] = set()  # units, payees, and payers as "payer>"; no name contains ">"
    for line, leg in enumerate(transfer.legs):
        payer, payee, unit = leg.payer or author, leg.payee, leg.unit
        faults: list[Refusal | None] = []
        if payee not in checked:
            checked.add(payee)
            faults.append(open_account(state, payee, "payee"))
        if unit not in checked:
            checked.add(unit)
            faults.append(check_unit(state, unit, "unit"))
        if ":" not in payer and f"{payer}>" not in checked:
            checked.add(f"{payer}>")
            faults.append(_not_suspended(state, payer))
        if payer == payee:
            faults.append(Refusal(refusals.SELF, "payee", f"{payer} would pay itself; name another payee"))
        if any(faults):
            found.extend([within(fault, f"transfer.legs[{line}]") for fault in faults if fault])
    return foremost(found)


def _not_suspended(state: State, organisation: str) -> Refusal | None:
    """M9: a suspended organisation's own account pays nothing of its own accord."""
    if not state.organisation(organisation).suspended:
        return None
    return Refusal(
        refusals.SUSPENDED,
        "payer",
        f"{organisation} is suspended and cannot pay; it can be paid, and a decision of the federations"
        " can reinstate it",
    )


TRANSFER: Final[Rule] = Rule(_fields, signed_by(_parties), _execute)
"""`transfer`."""
