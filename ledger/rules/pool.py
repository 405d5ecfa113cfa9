"""What is paid into the pool, and what is brought over from an older system (P1, P2).

An opening concerns whoever it names, so all of them sign. Deposits are in `deposits.py`, what the pool pays
in `settlement.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ledger import books, fields, limits, refusals
from ledger.books import CreditBook
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, signed_by
from ledger.rules import ceilings
from ledger.rules.classes import (
    SHARE,
    ClassPolicy,
    check_accredited,
    check_may_issue,
    check_not_suspended,
    find_class,
)
from ledger.rules.holdings import ClassBook
from ledger.rules.lots import check_dated
from ledger.rules.precedence import foremost, within
from ledger.state import State

# --- contribute -------------------------------------------------------------------------------------------


def _contribute_fields(payload: Any) -> Refusal | None:
    name = "contribute_to_pool."
    return fields.first(
        fields.account(payload.payer, name + "payer"),
        fields.unit(payload.unit, name + "unit"),
        fields.amount(payload.amount_minor, name + "amount_minor"),
        fields.text(payload.reference, name + "reference", limits.REFERENCE_BYTES_MAX),
    )


def _contribute_parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """P1: the payer (and the author, T5)."""
    parties = account_parties(state, [(author, "author"), (payload.payer, "contribute_to_pool.payer")])
    if isinstance(parties, Refusal):
        return parties
    return books.check_unit(state, payload.unit, "contribute_to_pool.unit") or parties


def _contribute(context: Context, author: str, payload: Any) -> Refusal | None:
    """P1."""
    name = "contribute_to_pool."
    return check_not_suspended(context.state, payload.payer, name + "payer") or books.pay(
        context,
        payload.payer,
        limits.POOL,
        payload.unit,
        payload.amount_minor,
        0,
        name + "amount_minor",
        value_date=context.today,
        reference=payload.reference,
    )


# --- opening ----------------------------------------------------------------------------------------------


def _opening_fields(payload: Any) -> Refusal | None:
    if refusal := fields.count(payload.lines, "opening.lines", limits.LINES_MAX):
        return refusal
    for index, line in enumerate(payload.lines):
        match line.WhichOneof("line"):
            case "balance":
                refusal = _balance_fields(line.balance)
            case "holding":
                refusal = _holding_fields(line.holding)
            case _:
                refusal = fields.invalid("line", "it is empty: say a balance or a holding")
        if refusal:
            return within(refusal, f"opening.lines[{index}]")
    return None


def _balance_fields(balance: Any) -> Refusal | None:
    return (
        fields.account(balance.debtor, "balance.debtor")
        or fields.account(balance.creditor, "balance.creditor")
        or fields.unit(balance.unit, "balance.unit")
        or fields.amount(balance.amount_minor, "balance.amount_minor")
        or fields.text(balance.reference, "balance.reference", limits.REFERENCE_BYTES_MAX)
        or fields.digest(balance.document_hash, "balance.document_hash")
    )


def _holding_fields(holding: Any) -> Refusal | None:
    return (
        fields.organisation(holding.issuer, "holding.issuer")
        or fields.account(holding.holder, "holding.holder")
        or fields.class_id(holding.class_id, "holding.class_id")
        or fields.amount(holding.amount_minor, "holding.amount_minor")
        or fields.date(holding.value_date, "holding.value_date")
        or fields.digest(holding.document_hash, "holding.document_hash")
    )


def _opening_parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """P2: everyone named (and the author, T5)."""
    named = {author: "author"}
    units: dict[str, str] = {}
    classes: dict[str, str] = {}
    for index, line in enumerate(payload.lines):
        if line.HasField("balance"):
            balance = line.balance
            pair = ((balance.debtor, "balance.debtor"), (balance.creditor, "balance.creditor"))
            if balance.unit not in units:
                units[balance.unit] = f"opening.lines[{index}].balance.unit"
        else:
            holding = line.holding
            pair = ((holding.issuer, "holding.issuer"), (holding.holder, "holding.holder"))
            if holding.class_id not in classes:
                classes[holding.class_id] = f"opening.lines[{index}].holding.class_id"
        for account, field in pair:
            if account not in named:
                named[account] = f"opening.lines[{index}].{field}"
    parties = account_parties(state, named.items())
    if isinstance(parties, Refusal):
        return parties
    for unit, field in units.items():
        if refusal := books.check_unit(state, unit, field):
            return refusal
    for class_id, field in classes.items():
        policy = find_class(state, class_id, field)
        if isinstance(policy, Refusal):
            return policy
    return _distinct(parties)


def _distinct(parties: list[Party]) -> list[Party]:
    """Accounts that one organisation holds are one party: its keys sign once for all of them."""
    seen = set()
    distinct = []
    for party in parties:
        if party.keys not in seen:
            seen.add(party.keys)
            distinct.append(party)
    return distinct


def _opening(context: Context, author: str, payload: Any) -> Refusal | None:
    """P2."""
    policies: dict[str, ClassPolicy] = {}
    for line in payload.lines:
        if line.HasField("holding") and line.holding.class_id not in policies:
            policy = find_class(context.state, line.holding.class_id, "opening.lines")
            if isinstance(policy, Refusal):
                return policy
            policies[line.holding.class_id] = policy
    if refusal := foremost(_opening_faults(context, payload, policies)):
        return refusal
    credit = CreditBook(context)
    opened = {class_id: ClassBook(context, policy, "opening.lines") for class_id, policy in policies.items()}
    for index, line in enumerate(payload.lines):
        if line.HasField("holding"):
            refusal = _open_holding(opened[line.holding.class_id], line.holding, index)
        else:
            refusal = _open_balance(credit, line.balance, index, context.today)
        if refusal:
            return within(refusal, f"opening.lines[{index}]")
    for class_id in sorted(opened):
        if refusal := opened[class_id].write():
            return refusal
    return None


def _open_balance(credit: CreditBook, balance: Any, index: int, today: int) -> Refusal | None:
    return credit.pay(
        balance.debtor,
        balance.creditor,
        balance.unit,
        balance.amount_minor,
        index,
        "balance.amount_minor",
        value_date=today,
        reference=balance.reference,
    )


def _open_holding(book: ClassBook, holding: Any, index: int) -> Refusal | None:
    return book.issue(
        holding.issuer,
        holding.holder,
        holding.amount_minor,
        holding.value_date,
        index,
        "holding.amount_minor",
        brought_over=True,
    )


def _opening_faults(
    context: Context, payload: Any, policies: dict[str, ClassPolicy]
) -> Iterator[Refusal | None]:
    """What can be refused before anything is posted; who may do what is looked up once."""
    may: dict[tuple[str, str], Refusal | None] = {}
    rooms: dict[tuple[str, str], int] = {}
    for index, line in enumerate(payload.lines):
        if line.HasField("balance"):
            faults = _balance_faults(context, line.balance, may)
        else:
            faults = _holding_faults(context, line.holding, policies[line.holding.class_id], may, rooms)
        for refusal in faults:
            if refusal:
                yield within(refusal, f"opening.lines[{index}]")


def _balance_faults(
    context: Context, balance: Any, may: dict[tuple[str, str], Refusal | None]
) -> list[Refusal | None]:
    debtor = balance.debtor
    if (debtor, "") not in may:
        may[debtor, ""] = check_not_suspended(context.state, debtor, "balance.debtor")
    faults = [may[debtor, ""]]
    if debtor == balance.creditor:
        faults.append(
            Refusal(refusals.SELF, "balance.creditor", f"{debtor} would owe itself; name another creditor")
        )
    return faults


def _holding_faults(
    context: Context,
    holding: Any,
    policy: ClassPolicy,
    may: dict[tuple[str, str], Refusal | None],
    rooms: dict[tuple[str, str], int],
) -> list[Refusal | None]:
    """`rooms`: (issuer, unit) → ceiling less what is outstanding, owed, and issued by earlier lines."""
    issuer, unit = holding.issuer, policy.unit
    if (issuer, policy.class_id) not in may:
        shares = policy.kind == SHARE
        may[issuer, policy.class_id] = (
            check_may_issue(policy, issuer, "holding.class_id")
            or check_accredited(context, issuer, "holding.issuer")
            or (ceilings.check_old_arrears(context, issuer, unit, "holding.issuer") if shares else None)
        )
    dated = check_dated(holding.value_date, context.today, "holding.value_date")
    faults = [dated, may[issuer, policy.class_id]]
    if issuer == holding.holder:
        faults.append(
            Refusal(refusals.SELF, "holding.holder", f"{issuer} would hold its own; name another holder")
        )
    before = rooms.get((issuer, unit))
    # P2: no deposit bounds what is brought over, redeemed elsewhere, and brought over again in one period.
    record, open_period = context.state.organisation_unit(issuer, unit), context.state.period().open_period
    dues = ceilings.dues_of_period(record, open_period)
    room = ceilings.room(record, open_period)
    left = (room if before is None else before) - holding.amount_minor
    rooms[issuer, unit] = left
    if left < 0:
        field = "holding.amount_minor"
        faults.append(ceilings.check_ceiling(context, issuer, unit, room - left, field, dues))
    return faults


CONTRIBUTE: Final = Rule(
    fields=_contribute_fields, authorise=signed_by(_contribute_parties), execute=_contribute
)
OPENING: Final = Rule(fields=_opening_fields, authorise=signed_by(_opening_parties), execute=_opening)
