"""The second recomputation, of reversals (R1 to R5).

Part of naive.py, and under its rules. The lots and deposits of an original are read from its result in the
log, which was compared with the recomputed one when the original was applied.
"""

from __future__ import annotations

from typing import NamedTuple

from audit.naive_books import POOL, Fault, Lot, NaiveBooks
from audit.naive_entitlements import used
from ayni.v1 import credit_pb2, entitlements_pb2, result_pb2, transaction_pb2


class Original(NamedTuple):
    """What a reversal cites."""

    author: str
    body: transaction_pb2.Body
    log_index: int
    result: result_pb2.Result


def reverse(books: NaiveBooks, reversal: credit_pb2.Reversal, result: result_pb2.Result) -> None:
    """The negative of part of an original, line by line."""
    logged = books.sources.transaction(reversal.original_tx_id)
    if logged is None:
        raise Fault("reversal.original_tx_id", "it cites a transaction that is not in the log")
    signed = transaction_pb2.SignedTransaction.FromString(logged.raw)
    body = transaction_pb2.Body.FromString(signed.body)
    stated = result_pb2.Result.FromString(logged.result)
    original = Original(body.author, body, logged.log_index, stated)
    for number, line in enumerate(reversal.lines):
        key = reversal.original_tx_id, line.line
        before = books.taken_back.get(key, (0, 0, 0))
        amount = before[0] + line.amount_minor
        deposit, price = _take_back(books, original, number, line, before, result)
        books.taken_back[key] = amount, before[1] + deposit, before[2] + price


def _take_back(
    books: NaiveBooks,
    original: Original,
    number: int,
    line: credit_pb2.ReversalLine,
    before: tuple[int, int, int],
    result: result_pb2.Result,
) -> tuple[int, int]:
    """Take back part of one line; return what of the deposit and of the price or fee goes back with it."""
    body, at = original.body, line.line
    match body.WhichOneof("payload"):
        case "transfer":
            leg = body.transfer.legs[at]
            books.pay(leg.payee, leg.payer or original.author, leg.unit, line.amount_minor)
            return 0, 0
        case "issue_entitlements":
            return _take_back_issue(books, original, number, line, before, result)
        case "redeem_entitlements":
            redemption = body.redeem_entitlements
            class_id, provider = redemption.class_id, redemption.provider
            _restore(books, original, line, before[0], redemption.holder, provider, class_id)
            if books.class_of(class_id).kind == entitlements_pb2.KIND_HOURS:
                _cancel(books, original, number, line, class_id, provider, redemption.served_by, result)
            return 0, 0
        case "record_service":
            return _take_back_service(books, original, number, line, before, result)
    raise Fault("reversal.original_tx_id", "it cites a transaction that cannot be reversed")


def _take_back_issue(
    books: NaiveBooks,
    original: Original,
    number: int,
    line: credit_pb2.ReversalLine,
    before: tuple[int, int, int],
    result: result_pb2.Result,
) -> tuple[int, int]:
    """R3."""
    issue, issuer = original.body.issue_entitlements, original.author
    policy = books.class_of(issue.class_id)
    issued = issue.lines[line.line]
    value = issued.items * policy.item_value_minor
    reversed_now = before[0] + line.amount_minor
    _cancel(books, original, number, line, issue.class_id, issuer, issued.holder, result)
    paid_in = original.result.deposits_minor[line.line]
    deposit = paid_in * reversed_now // value - before[1]
    deposit = min(deposit, books.deposits[issuer, policy.unit])
    books.pay(POOL, issuer, policy.unit, deposit)
    books.deposits[issuer, policy.unit] -= deposit
    result.deposits_minor.append(deposit)
    if policy.given_for != entitlements_pb2.GIVEN_FOR_CREDIT:
        return deposit, 0
    price = issued.items * policy.item_contribution_minor * reversed_now // value - before[2]
    books.pay(issuer, issued.holder, policy.unit, price)
    return deposit, price


def _take_back_service(
    books: NaiveBooks,
    original: Original,
    number: int,
    line: credit_pb2.ReversalLine,
    before: tuple[int, int, int],
    result: result_pb2.Result,
) -> tuple[int, int]:
    """R4, and R5 for a line that was paid with credits."""
    record, host = original.body.record_service, original.author
    served = record.lines[line.line]
    if served.WhichOneof("paid") == "credits":
        _restore(books, original, line, before[0], served.credits.holder, host, record.class_id)
    _cancel(books, original, number, line, record.class_id, host, served.served_by, result)
    if served.WhichOneof("paid") != "fee" or served.fee.in_cash:
        return 0, 0
    reversed_now = before[0] + line.amount_minor
    fee = served.fee.amount_minor * reversed_now // served.amount_minor - before[2]
    books.pay(host, served.recipient, served.fee.unit, fee)
    return 0, fee


def _cancel(
    books: NaiveBooks,
    original: Original,
    number: int,
    line: credit_pb2.ReversalLine,
    class_id: str,
    issuer: str,
    holder: str,
    result: result_pb2.Result,
) -> None:
    """The holder's lots of that origin −v, issuer's outstanding −v."""
    amount = line.amount_minor
    origin = original.log_index, line.line
    for lot in sorted(books.held[holder, class_id]):
        if (lot.origin, lot.origin_line) == origin and lot.issuer == issuer:
            books.remove_lot(holder, class_id, lot, amount)
            used(result, number, lot, amount)
            break
    else:
        raise Fault(f"reversal.lines[{number}]", f"{holder} holds nothing of that origin")
    books.figures[class_id, issuer].cancelled += amount
    unit = books.class_of(class_id).unit
    books.outstanding[issuer, unit] -= amount
    books.count("contributed", issuer, unit, -amount)


def _restore(
    books: NaiveBooks,
    original: Original,
    line: credit_pb2.ReversalLine,
    restored_before: int,
    holder: str,
    provider: str,
    class_id: str,
) -> None:
    """R5: of the lots that were used, latest first, the holder's again; dues of the open period go back."""
    unit = books.class_of(class_id).unit
    skip, missing = restored_before, line.amount_minor
    for use in reversed([use for use in original.result.lots_used if use.line == line.line]):
        if not missing:
            break
        part = max(0, use.amount_minor - skip)
        skip = max(0, skip - use.amount_minor)
        part = min(part, missing)
        if not part:
            continue
        missing -= part
        lot = Lot(use.value_date, use.origin, use.origin_line, use.issuer, use.expires_on, use.issuer_only)
        books.add_lot(holder, class_id, lot, part)
        books.figures[class_id, use.issuer].redeemed -= part
        books.outstanding[use.issuer, unit] += part
        if use.issuer != provider:
            books.owe(provider, use.issuer, unit, part)
    books.count("served", provider, unit, missing - line.amount_minor)
    if missing:
        raise Fault("reversal.lines", f"{missing} more is taken back than the original used")
