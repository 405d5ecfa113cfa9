"""Issue, give, donate and redeem entitlements (E2, E4, E5, E6).

Decides who signs, who may, and at what price; what moves is kept in `holdings.py`. Hours are issued by
service, in `service.py`. Postings: the table of rules E2 to E6 in docs/protocol.md.
"""

from __future__ import annotations

from typing import Any, Final

from ayni.v1 import entitlements_pb2, genesis_pb2
from ledger import books, fields, limits, refusals
from ledger.amounts import shown
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, open_account, signed_by
from ledger.rules import ceilings, deposits
from ledger.rules.classes import (
    CREDIT,
    HOURS,
    MONEY_OUTSIDE,
    SHARE,
    ClassPolicy,
    category_field,
    check_accredited,
    check_category,
    check_kind,
    check_may_issue,
    check_not_suspended,
    find_class,
)
from ledger.rules.holdings import ClassBook
from ledger.rules.lots import check_dated
from ledger.rules.precedence import foremost, within
from ledger.state import State

# --- issue ----------------------------------------------------------------------------------------------


def _issue_fields(payload: Any) -> Refusal | None:
    if refusal := fields.class_id(payload.class_id, "issue_entitlements.class_id"):
        return refusal
    if refusal := fields.count(payload.lines, "issue_entitlements.lines", limits.ISSUE_LINES_MAX):
        return refusal
    for index, line in enumerate(payload.lines):
        if refusal := fields.first(
            fields.account(line.holder, "holder"),
            fields.amount(line.items, "items"),
            fields.date(line.value_date, "value_date"),
            fields.digest(line.document_hash, "document_hash"),
        ):
            return within(refusal, f"issue_entitlements.lines[{index}]")
    return None


def _issue_parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """E2: issuer (the author) and holders."""
    holders = [
        (line.holder, f"issue_entitlements.lines[{index}].holder") for index, line in enumerate(payload.lines)
    ]
    parties = account_parties(state, [(author, "author"), *holders])
    policy = find_class(state, payload.class_id, "issue_entitlements.class_id")
    return policy if isinstance(policy, Refusal) and not isinstance(parties, Refusal) else parties


def _issue(context: Context, author: str, payload: Any) -> Refusal | None:
    """E2."""
    policy = find_class(context.state, payload.class_id, "issue_entitlements.class_id")
    if isinstance(policy, Refusal):
        return policy
    deposit_bp = books.parameter(context.state, genesis_pb2.PARAMETER_NAME_DEPOSIT_BP, policy.unit)
    if refusal := _check_issue(context, author, policy, payload.lines, deposit_bp):
        return refusal
    book = ClassBook(context, policy, "issue_entitlements.class_id")
    for index, line in enumerate(payload.lines):
        if refusal := _issue_line(context, author, book, line, index, deposit_bp):
            return within(refusal, f"issue_entitlements.lines[{index}]")
    return book.write()


def _check_issue(
    context: Context, author: str, policy: ClassPolicy, lines: Any, deposit_bp: int
) -> Refusal | None:
    """What can be refused before anything is posted, foremost first (T7)."""
    state = context.state
    kind = check_kind(policy, SHARE, "issue_entitlements.class_id")
    found = [
        check_may_issue(policy, author, "issue_entitlements.class_id"),
        check_accredited(context, author, "author"),
        kind,
    ]
    issued = dues = 0
    if not deposit_bp:  # E2: else shares redeemed elsewhere could be issued anew without end before a close
        record = state.organisation_unit(author, policy.unit)
        dues = ceilings.dues_of_period(record, state.period().open_period)
    for index, line in enumerate(lines):
        path = f"issue_entitlements.lines[{index}]."
        found.append(check_dated(line.value_date, context.today, path + "value_date"))
        if line.holder == author:
            found.append(
                Refusal(
                    refusals.SELF, path + "holder", f"{author} would issue to itself; name another holder"
                )
            )
        if policy.given_for == MONEY_OUTSIDE and not line.document_hash:
            found.append(
                Refusal(
                    refusals.CLASS_POLICY,
                    path + "document_hash",
                    f"class {policy.class_id} is paid outside the ledger; give the hash of the receipt",
                )
            )
        if policy.given_for == CREDIT:
            found.append(check_not_suspended(state, line.holder, path + "holder"))
        largest = max(policy.item_value, policy.item_contribution)
        if line.items * largest > limits.AMOUNT_MAX:
            found.append(
                Refusal(
                    refusals.OVERFLOW,
                    path + "items",
                    f"{line.items} items of {shown(state, largest, policy.unit)} are more than"
                    f" {shown(state, limits.AMOUNT_MAX, policy.unit)}; issue fewer",
                )
            )
        issued += line.items * policy.item_value
        if not kind:
            found.append(ceilings.check_ceiling(context, author, policy.unit, issued, path + "items", dues))
    if not kind:
        found.append(ceilings.check_old_arrears(context, author, policy.unit, "author"))
    return foremost(found)


def _issue_line(
    context: Context, issuer: str, book: ClassBook, line: Any, index: int, deposit_bp: int
) -> Refusal | None:
    policy = book.policy
    value = line.items * policy.item_value
    if policy.given_for == CREDIT:  # E2: first the price, then the deposit
        price = line.items * policy.item_contribution
        if refusal := books.pay(
            context, line.holder, issuer, policy.unit, price, index, "items", value_date=line.value_date
        ):
            return refusal
    deposit = -(-value * deposit_bp // limits.BASIS_POINTS)  # E2: ceil(r × v)
    if refusal := deposits.pay_deposit(
        context, issuer, policy.unit, deposit, index, "items", line.value_date
    ):
        return refusal
    context.result.deposits_minor.append(deposit)
    return book.issue(issuer, line.holder, value, line.value_date, index, "items")


# --- give and donate --------------------------------------------------------------------------------------


def _give_fields(payload: Any) -> Refusal | None:
    name = "give_entitlements."
    return fields.first(
        fields.account(payload.holder, name + "holder"),
        fields.account(payload.receiver, name + "receiver"),
        fields.class_id(payload.class_id, name + "class_id"),
        fields.amount(payload.amount_minor, name + "amount_minor"),
        fields.text(payload.reference, name + "reference", limits.REFERENCE_BYTES_MAX),
    )


def _give_parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """E4: the holder (and the author, T5)."""
    if refusal := open_account(state, payload.receiver, "give_entitlements.receiver"):
        return refusal
    policy = find_class(state, payload.class_id, "give_entitlements.class_id")
    if isinstance(policy, Refusal):
        return policy
    return account_parties(state, [(author, "author"), (payload.holder, "give_entitlements.holder")])


def _give(context: Context, author: str, payload: Any) -> Refusal | None:
    """E4."""
    name = "give_entitlements."
    policy = find_class(context.state, payload.class_id, name + "class_id")
    if isinstance(policy, Refusal):
        return policy
    holder, receiver = payload.holder, payload.receiver
    if refusal := check_not_suspended(context.state, holder, name + "holder"):
        return refusal
    if refusal := _check_transferable(policy, holder, receiver, name + "receiver"):
        return refusal
    if holder == receiver:
        return Refusal(
            refusals.SELF, name + "receiver", f"{holder} would give to itself; name another receiver"
        )
    book = ClassBook(context, policy, name + "class_id")
    return (
        book.give(holder, receiver, payload.amount_minor, name + "amount_minor", payload.reference)
        or book.write()
    )


def _check_transferable(policy: ClassPolicy, holder: str, receiver: str, field: str) -> Refusal | None:
    """E4: the class says between whom it may be given."""
    match policy.transferability:
        case entitlements_pb2.TRANSFERABILITY_NOBODY:
            allowed, said = False, "may be given to nobody"
        case entitlements_pb2.TRANSFERABILITY_SAME_ORGANISATION:
            allowed = limits.organisation_of(holder) == limits.organisation_of(receiver)
            said = "may only be given within an organisation"
        case entitlements_pb2.TRANSFERABILITY_SAME_FEDERATION:
            allowed = limits.federation_of(holder) == limits.federation_of(receiver)
            said = "may only be given within a federation"
        case _:
            allowed, said = True, ""
    if allowed:
        return None
    return Refusal(
        refusals.CLASS_POLICY,
        field,
        f"class {policy.class_id} {said}: {holder} cannot give it to {receiver}; redeem or donate it instead",
    )


def _donate_fields(payload: Any) -> Refusal | None:
    name = "donate_entitlements."
    return fields.first(
        fields.account(payload.holder, name + "holder"),
        fields.class_id(payload.class_id, name + "class_id"),
        fields.amount(payload.amount_minor, name + "amount_minor"),
        fields.text(payload.reference, name + "reference", limits.REFERENCE_BYTES_MAX),
    )


def _donate_parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """E4: the holder (and the author, T5)."""
    policy = find_class(state, payload.class_id, "donate_entitlements.class_id")
    if isinstance(policy, Refusal):
        return policy
    return account_parties(state, [(author, "author"), (payload.holder, "donate_entitlements.holder")])


def _donate(context: Context, author: str, payload: Any) -> Refusal | None:
    """E4: to the pool, whatever the class says about giving."""
    name = "donate_entitlements."
    policy = find_class(context.state, payload.class_id, name + "class_id")
    if isinstance(policy, Refusal):
        return policy
    if refusal := check_not_suspended(context.state, payload.holder, name + "holder"):
        return refusal
    book = ClassBook(context, policy, name + "class_id")
    return (
        book.give(payload.holder, limits.POOL, payload.amount_minor, name + "amount_minor", payload.reference)
        or book.write()
    )


# --- redeem -----------------------------------------------------------------------------------------------


def _redeem_fields(payload: Any) -> Refusal | None:
    name = "redeem_entitlements."
    if refusal := fields.first(
        fields.account(payload.holder, name + "holder"),
        fields.organisation(payload.provider, name + "provider"),
        fields.class_id(payload.class_id, name + "class_id"),
        fields.amount(payload.amount_minor, name + "amount_minor"),
        fields.date(payload.value_date, name + "value_date"),
    ):
        return refusal
    if payload.category and (refusal := category_field(payload.category, name + "category")):
        return refusal
    if refusal := fields.text(payload.reference, name + "reference", limits.REFERENCE_BYTES_MAX):
        return refusal
    if payload.served_by and not limits.HOSTED_NAME.match(payload.served_by):
        return fields.invalid(
            name + "served_by",
            f"{fields.quoted(payload.served_by)} is nobody who serves; write federation/organisation:sub",
        )
    return None


def _redeem_parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """E5: holder and provider (and the author, T5)."""
    name = "redeem_entitlements."
    parties = account_parties(
        state, [(author, "author"), (payload.holder, name + "holder"), (payload.provider, name + "provider")]
    )
    if isinstance(parties, Refusal):
        return parties
    if payload.served_by and (refusal := open_account(state, payload.served_by, name + "served_by")):
        return refusal
    policy = find_class(state, payload.class_id, name + "class_id")
    return policy if isinstance(policy, Refusal) else parties


def _redeem(context: Context, author: str, payload: Any) -> Refusal | None:
    """E5, E6."""
    name = "redeem_entitlements."
    policy = find_class(context.state, payload.class_id, name + "class_id")
    if isinstance(policy, Refusal):
        return policy
    if refusal := _check_redeem(context, policy, payload):
        return refusal
    provider, served_by, amount = payload.provider, payload.served_by, payload.amount_minor
    book = ClassBook(context, policy, name + "class_id")
    if refusal := book.redeem(
        payload.holder, provider, amount, 0, name + "amount_minor", payload.value_date, payload.reference
    ):
        return refusal
    if served_by:  # E6
        issuer_only = amount > book.room(provider)  # H2
        if issuer_only:
            context.result.issuer_only_lines.append(0)
        if refusal := book.issue(
            provider,
            served_by,
            amount,
            payload.value_date,
            0,
            name + "served_by",
            reference=payload.reference,
            issuer_only=issuer_only,
            earned=True,
        ):
            return refusal
    return book.write()


def _check_redeem(context: Context, policy: ClassPolicy, payload: Any) -> Refusal | None:
    name = "redeem_entitlements."
    holder, provider, served_by = payload.holder, payload.provider, payload.served_by
    if served_by and (refusal := check_dated(payload.value_date, context.today, name + "value_date")):
        return refusal
    if refusal := check_not_suspended(context.state, holder, name + "holder") or check_accredited(
        context, provider, name + "provider"
    ):
        return refusal
    if refusal := check_category(policy, payload.category, name + "category"):
        return refusal
    if (policy.kind == HOURS) != bool(served_by):
        said = "name who served" if policy.kind == HOURS else "leave served_by empty"
        return Refusal(
            refusals.CLASS_POLICY,
            name + "served_by",
            f"who serves a redeemed hour earns it, and a share earns nobody anything: for class"
            f" {policy.class_id} {said}",
        )
    if holder == provider:
        return Refusal(
            refusals.SELF, name + "holder", f"{holder} would redeem at itself; it needs another provider"
        )
    if holder == served_by:
        return Refusal(refusals.SELF, name + "served_by", f"{holder} would serve itself; name who served")
    return None


ISSUE: Final = Rule(fields=_issue_fields, authorise=signed_by(_issue_parties), execute=_issue)
GIVE: Final = Rule(fields=_give_fields, authorise=signed_by(_give_parties), execute=_give)
DONATE: Final = Rule(fields=_donate_fields, authorise=signed_by(_donate_parties), execute=_donate)
REDEEM: Final = Rule(fields=_redeem_fields, authorise=signed_by(_redeem_parties), execute=_redeem)
