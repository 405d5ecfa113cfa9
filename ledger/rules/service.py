"""Records of service: the care that was given, who earns hours by it, and how it was paid (H1 to H5).

Thousands of lines come in one transaction: paths of fields at fault are put together only when there is a
fault, and every account, unit and holding is looked up once.
"""

from __future__ import annotations

from typing import Any, Final

from ayni.v1 import genesis_pb2
from ledger import books, fields, limits, records, refusals
from ledger.amounts import shown
from ledger.books import CreditBook
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, open_account, signed_by
from ledger.rules.classes import (
    HOURS,
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


def _fields(payload: Any) -> Refusal | None:
    if refusal := fields.class_id(payload.class_id, "record_service.class_id"):
        return refusal
    if refusal := fields.count(payload.lines, "record_service.lines", limits.LINES_MAX):
        return refusal
    for index, line in enumerate(payload.lines):
        if refusal := _line_fields(line):
            return within(refusal, f"record_service.lines[{index}]")
    if refusal := fields.count(payload.attesters, "record_service.attesters", limits.ATTESTERS_MAX, 0):
        return refusal
    for index, attester in enumerate(payload.attesters):
        if refusal := _person(attester, f"record_service.attesters[{index}]"):
            return refusal
    return fields.ascending(payload.attesters, "record_service.attesters")


def _line_fields(line: Any) -> Refusal | None:
    category = line.category
    if refusal := (
        _person(line.served_by, "served_by")
        or _person(line.recipient, "recipient")
        or fields.date(line.value_date, "value_date")
        or fields.amount(line.amount_minor, "amount_minor")
        or (category_field(category, "category") if category else None)
    ):
        return refusal
    match line.WhichOneof("paid"):
        case "organisation":
            return None
        case "credits":
            return fields.account(line.credits.holder, "credits.holder")
        case "fee":
            fee = line.fee
            return (
                fields.unit(fee.unit, "fee.unit")
                or fields.amount(fee.amount_minor, "fee.amount_minor")
                or fields.digest(fee.document_hash, "fee.document_hash", optional=not fee.in_cash)
            )
        case _:
            return fields.invalid("paid", "it does not say how it was paid: credits, fee or organisation")


def _person(value: str, field: str) -> Refusal | None:
    """H1, H5: an account that an organisation hosts."""
    if limits.HOSTED_NAME.match(value):
        return None
    return fields.invalid(
        field, f"{fields.quoted(value)} is no hosted account; write federation/organisation:sub"
    )


def _parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    """The host (author), attesters (H5), holders who pay with credits (H3), recipients who pay a fee (H4)."""
    signing = {author: "author"}
    named: dict[str, str] = {}
    for index, line in enumerate(payload.lines):
        served_by, recipient = line.served_by, line.recipient
        if served_by not in named:
            named[served_by] = f"record_service.lines[{index}].served_by"
        if recipient not in named:
            named[recipient] = f"record_service.lines[{index}].recipient"
        paid = line.WhichOneof("paid")
        if paid == "credits":
            signing.setdefault(line.credits.holder, f"record_service.lines[{index}].credits.holder")
        elif paid == "fee" and not line.fee.in_cash:
            signing.setdefault(recipient, named[recipient])
    for index, attester in enumerate(payload.attesters):
        signing.setdefault(attester, f"record_service.attesters[{index}]")
    found = foremost([open_account(state, account, field) for account, field in named.items()])
    if found:
        return found
    policy = find_class(state, payload.class_id, "record_service.class_id")
    return policy if isinstance(policy, Refusal) else account_parties(state, signing.items())


def _execute(context: Context, author: str, payload: Any) -> Refusal | None:
    policy = find_class(context.state, payload.class_id, "record_service.class_id")
    if isinstance(policy, Refusal):
        return policy
    if refusal := _check(context, author, policy, payload) or _count_unattested(
        context, author, policy.unit, payload
    ):
        return refusal
    book = ClassBook(context, policy, "record_service.class_id")
    credit = CreditBook(context)
    for index, line in enumerate(payload.lines):
        if refusal := _record_line(context, author, book, credit, line, index):
            return within(refusal, f"record_service.lines[{index}]")
    return book.write()


def _record_line(
    context: Context, host: str, book: ClassBook, credit: CreditBook, line: Any, index: int
) -> Refusal | None:
    amount, value_date = line.amount_minor, line.value_date
    paid = line.WhichOneof("paid")
    if paid == "credits":  # H3: a redemption at the host
        if refusal := book.redeem(line.credits.holder, host, amount, index, "amount_minor", value_date):
            return refusal
    elif paid == "fee" and not line.fee.in_cash:  # H4
        fee = line.fee
        if refusal := credit.pay(
            line.recipient, host, fee.unit, fee.amount_minor, index, "fee.amount_minor", value_date
        ):
            return refusal
    issuer_only = amount > book.room(host)  # H2
    if issuer_only:
        context.result.issuer_only_lines.append(index)
    return book.issue(
        host, line.served_by, amount, value_date, index, "served_by", issuer_only=issuer_only, earned=True
    )


def _check(context: Context, host: str, policy: ClassPolicy, payload: Any) -> Refusal | None:
    """H1, H3, H4, H5: what can be refused before anything is posted, foremost first (T7)."""
    state = context.state
    found = [
        check_may_issue(policy, host, "record_service.class_id"),
        check_accredited(context, host, "author"),
        check_kind(policy, HOURS, "record_service.class_id"),
    ]
    for index, attester in enumerate(payload.attesters):
        if state.account(attester).keys is None:
            found.append(
                Refusal(
                    refusals.NOT_PERMITTED,
                    f"record_service.attesters[{index}]",
                    f"{attester} has no keys of its own, and only who has attests; name another",
                )
            )
    units: dict[str, Refusal | None] = {}
    for index, line in enumerate(payload.lines):
        served_by = line.served_by
        refusal = None
        if served_by == line.recipient:
            refusal = _self("recipient", f"{served_by} would serve itself; name who was cared for")
        match line.WhichOneof("paid"):
            case "credits":
                refusal = _check_credits(state, policy, host, line) or refusal
            case "fee":
                unit = line.fee.unit
                if unit not in units:
                    units[unit] = _check_fee_unit(state, unit)
                refusal = units[unit] or refusal
        if refusal := check_dated(line.value_date, context.today, "value_date") or refusal:
            found.append(within(refusal, f"record_service.lines[{index}]"))
    return foremost(found)


def _check_credits(state: State, policy: ClassPolicy, host: str, line: Any) -> Refusal | None:
    """H3, E5, E6, M9: who pays may, the class is good for it, and nobody redeems with itself."""
    holder = line.credits.holder
    if refusal := check_not_suspended(state, holder, "credits.holder") or check_category(
        policy, line.category, "category"
    ):
        return refusal
    if holder == line.served_by:
        return _self("credits.holder", f"{holder} would pay for what it served itself; name who pays")
    if holder == host:
        return _self("credits.holder", f"{holder} would redeem at itself; name who pays")
    return None


def _self(field: str, message: str) -> Refusal:
    return Refusal(refusals.SELF, field, message)


def _check_fee_unit(state: State, unit: str) -> Refusal | None:
    """H4: fees are in mutual credit."""
    if refusal := books.check_unit(state, unit, "fee.unit"):
        return refusal
    if state.unit(unit).nature == genesis_pb2.NATURE_MUTUAL_CREDIT:
        return None
    return Refusal(
        refusals.CLASS_POLICY, "fee.unit", f"a fee is in a unit of mutual credit, and {unit} is none"
    )


def _count_unattested(context: Context, host: str, unit: str, payload: Any) -> Refusal | None:
    """H5: a line is attested by its recipient or by anyone but who served; the rest is capped a period."""
    attesters = payload.attesters
    if len(attesters) > 1:  # one of them is not who served
        return None
    alone = attesters[0] if attesters else ""
    state = context.state
    key = records.organisation_unit_key(host, unit)
    record = state.get(records.OrganisationUnitRecord, key)
    most = books.parameter(state, genesis_pb2.PARAMETER_NAME_UNATTESTED_MAX, unit)
    unattested = record.unattested
    for index, line in enumerate(payload.lines):
        if alone and alone != line.served_by:
            continue
        unattested += line.amount_minor
        if unattested > most:
            return Refusal(
                refusals.UNATTESTED_CAP_EXCEEDED,
                f"record_service.lines[{index}].amount_minor",
                f"{host} would have recorded {shown(state, unattested, unit)} unattested since the last"
                f" close, and {shown(state, most, unit)} is the most; have the recipient or a second person"
                " co-sign",
            )
    if unattested != record.unattested:
        state.put(key, record._replace(unattested=unattested))
    return None


RECORD_SERVICE: Final = Rule(fields=_fields, authorise=signed_by(_parties), execute=_execute)
