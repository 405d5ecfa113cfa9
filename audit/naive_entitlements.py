"""The second recomputation, of entitlements: issued, brought over, given, redeemed, earned by service.

Part of naive.py, and under its rules: plain, from docs/protocol.md (E, H, P2), and no code of
`ledger/`. What each writes into `result` is what the log should say.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.naive_books import DEPOSIT_BP, POOL, Lot, NaiveBooks, ceil_share
from ayni.v1 import entitlements_pb2, pool_pb2, result_pb2


def _new_lot(
    books: NaiveBooks,
    class_id: str,
    issuer: str,
    holder: str,
    amount: int,
    value_date: int,
    origin: tuple[int, int],
    *,
    issuer_only: bool = False,
    brought_over: bool = False,
) -> None:
    """Entitlements: issuer −v, holder +v."""
    policy = books.class_of(class_id)
    expires_on = value_date + policy.expires_after_days if policy.expires_after_days else 0
    lot = Lot(value_date, *origin, issuer, expires_on, issuer_only)
    books.add_lot(holder, class_id, lot, amount)
    books.figures[class_id, issuer].issued += amount
    books.outstanding[issuer, policy.unit] += amount
    if not brought_over:
        books.count("contributed", issuer, policy.unit, amount)


def issue(
    books: NaiveBooks,
    issuer: str,
    payload: entitlements_pb2.IssueEntitlements,
    log_index: int,
    result: result_pb2.Result,
) -> None:
    policy = books.class_of(payload.class_id)
    ratio = books.parameter(DEPOSIT_BP, policy.unit)
    for number, line in enumerate(payload.lines):
        value = line.items * policy.item_value_minor
        origin = log_index, number
        _new_lot(books, payload.class_id, issuer, line.holder, value, line.value_date, origin)
        if policy.given_for == entitlements_pb2.GIVEN_FOR_CREDIT:
            books.pay(line.holder, issuer, policy.unit, line.items * policy.item_contribution_minor)
        deposit = ceil_share(value, ratio)
        books.pay(issuer, POOL, policy.unit, deposit)
        books.deposits[issuer, policy.unit] += deposit
        result.deposits_minor.append(deposit)


def open_balances(books: NaiveBooks, opening: pool_pb2.Opening, log_index: int) -> None:
    for number, line in enumerate(opening.lines):
        if line.HasField("balance"):
            balance = line.balance
            books.pay(balance.debtor, balance.creditor, balance.unit, balance.amount_minor)
        else:
            held = line.holding
            _new_lot(
                books,
                held.class_id,
                held.issuer,
                held.holder,
                held.amount_minor,
                held.value_date,
                (log_index, number),
                brought_over=True,
            )


def used(result: result_pb2.Result, line: int, lot: Lot, amount: int) -> None:
    result.lots_used.add(
        line=line,
        issuer=lot.issuer,
        amount_minor=amount,
        origin=lot.origin,
        origin_line=lot.origin_line,
        value_date=lot.value_date,
        expires_on=lot.expires_on,
        issuer_only=lot.issuer_only,
    )


def give(books: NaiveBooks, payload: entitlements_pb2.GiveEntitlements, result: result_pb2.Result) -> None:
    """Given: h −v, h′ +v."""
    _move(books, payload.holder, payload.receiver, payload.class_id, payload.amount_minor, result)


def donate(
    books: NaiveBooks, payload: entitlements_pb2.DonateEntitlements, result: result_pb2.Result
) -> None:
    """Donated: h −v, pool +v."""
    _move(books, payload.holder, POOL, payload.class_id, payload.amount_minor, result)


def _move(
    books: NaiveBooks, holder: str, receiver: str, class_id: str, amount: int, result: result_pb2.Result
) -> None:
    for lot, part in books.take_lots(holder, class_id, amount, None):
        books.add_lot(receiver, class_id, lot, part)
        used(result, 0, lot, part)


def _use_at(
    books: NaiveBooks,
    holder: str,
    provider: str,
    class_id: str,
    amount: int,
    line: int,
    result: result_pb2.Result,
) -> None:
    """Redeemed at P: h −v, I +v; and when P is not I, dues: I −v, P +v."""
    unit = books.class_of(class_id).unit
    for lot, part in books.take_lots(holder, class_id, amount, provider):
        books.figures[class_id, lot.issuer].redeemed += part
        books.outstanding[lot.issuer, unit] -= part
        if lot.issuer != provider:
            books.owe(lot.issuer, provider, unit, part)
        used(result, line, lot, part)
    books.count("served", provider, unit, amount)


def _earn(
    books: NaiveBooks,
    class_id: str,
    host: str,
    served_by: str,
    amount: int,
    value_date: int,
    origin: tuple[int, int],
    result: result_pb2.Result,
) -> None:
    """H2: H −m, V +m; redeemable only at the issuer when above its ceiling."""
    unit = books.class_of(class_id).unit
    # Within a vintage, of the open period too, dues are set off as they are made.
    owed = -sum(due for due in books.dues[host, unit].values() if due < 0)
    ceiling = books.ceilings.get((host, unit), 0)
    above = books.outstanding[host, unit] + amount + owed > ceiling
    _new_lot(books, class_id, host, served_by, amount, value_date, origin, issuer_only=above)
    if above:
        result.issuer_only_lines.append(origin[1])


def redeem(
    books: NaiveBooks,
    redemption: entitlements_pb2.RedeemEntitlements,
    log_index: int,
    result: result_pb2.Result,
) -> None:
    class_id, amount = redemption.class_id, redemption.amount_minor
    _use_at(books, redemption.holder, redemption.provider, class_id, amount, 0, result)
    if books.class_of(class_id).kind == entitlements_pb2.KIND_HOURS:
        origin = log_index, 0
        _earn(
            books,
            class_id,
            redemption.provider,
            redemption.served_by,
            amount,
            redemption.value_date,
            origin,
            result,
        )


def record_service(
    books: NaiveBooks,
    host: str,
    record: entitlements_pb2.RecordService,
    log_index: int,
    result: result_pb2.Result,
) -> None:
    unit = books.class_of(record.class_id).unit
    for number, line in enumerate(record.lines):
        if not _attested(record.attesters, host, line):
            books.unattested[host, unit] += line.amount_minor
        match line.WhichOneof("paid"):
            case "credits":
                holder = line.credits.holder
                _use_at(books, holder, host, record.class_id, line.amount_minor, number, result)
            case "fee" if not line.fee.in_cash:
                books.pay(line.recipient, host, line.fee.unit, line.fee.amount_minor)
        origin = log_index, number
        _earn(
            books,
            record.class_id,
            host,
            line.served_by,
            line.amount_minor,
            line.value_date,
            origin,
            result,
        )


def _attested(attesters: Iterable[str], host: str, line: entitlements_pb2.ServiceLine) -> bool:
    """H5: by its recipient, or by anybody who is neither the host nor who served in it."""
    return any(name == line.recipient or name not in (host, line.served_by) for name in attesters)
