"""Lots: what a holder holds of one issue, and the order in which they are used (E3).

Pure functions over lists of `Lot`; which holder, class or book they belong to is decided in `held.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from ayni.v1 import result_pb2
from ledger.fields import invalid
from ledger.records import Lot
from ledger.refusals import Refusal


def order_of_use(lot: Lot) -> tuple[int, int, int, str, bool]:
    """E3: ascending (value_date, origin, origin_line, issuer); the last is for what the pool holds."""
    return lot.value_date, lot.origin, lot.origin_line, lot.issuer, lot.issuer_only


def is_expired(lot: Lot, today: int) -> bool:
    """E3: its last day is before today; it is used for nothing."""
    return 0 < lot.expires_on < today


def check_dated(value_date: int, today: int, field: str) -> Refusal | None:
    """E3: a lot is dated tomorrow at the latest, as somewhere it is tomorrow already."""
    if value_date <= today + 1:
        return None
    return invalid(
        field,
        f"the value date is day {value_date} since 1970-01-01, and today is day {today}: what is held is"
        " dated by when it was paid or given; say that day",
    )


def held_value(lots: Iterable[Lot]) -> int:
    """The value of all lots."""
    return sum([lot.amount for lot in lots])


def uses_by_line(lots_used: Iterable[result_pb2.LotUse]) -> dict[int, list[result_pb2.LotUse]]:
    """The lots that each line of a transaction used, in order: all are looked through once, not for each."""
    by_line: dict[int, list[result_pb2.LotUse]] = {}
    for use in lots_used:
        by_line.setdefault(use.line, []).append(use)
    return by_line


def lots_to_restore(uses: Sequence[result_pb2.LotUse], reversed_before: int, amount: int) -> list[Lot]:
    """R5: of the lots that a line of a redemption used, what taking back `amount` restores, latest first.

    `reversed_before` is what was taken back of the line already. Less comes out when less was used.
    """
    restored: list[Lot] = []
    skip, missing = reversed_before, amount
    for use in reversed(uses):
        skipped = min(skip, use.amount_minor)
        skip -= skipped
        part = min(use.amount_minor - skipped, missing)
        if not part:
            continue
        missing -= part
        restored.append(lot_used(use, part))
    return restored


def lot_used(use: result_pb2.LotUse, amount: int) -> Lot:
    """The lot that a result names, with another amount."""
    return Lot(
        use.issuer, amount, use.origin, use.origin_line, use.value_date, use.expires_on, use.issuer_only
    )


def fold_oldest(lots: list[Lot], today: int) -> bool:
    """E3: the oldest lot that has a later one of its issuer joins the next such; whether there was a pair.

    Both are `issuer_only` or neither, and both expired or neither. The later keeps its origin and expiry.
    """
    earlier: dict[tuple[str, bool, bool], int] = {}
    for index, lot in enumerate(lots):
        kind = (lot.issuer, lot.issuer_only, is_expired(lot, today))
        first = earlier.get(kind)
        if first is not None:
            lots[index] = lot._replace(amount=lot.amount + lots[first].amount)
            del lots[first]
            return True
        earlier[kind] = index
    return False


def insert_lot(lots: list[Lot], lot: Lot) -> None:
    """Puts a lot in order of use, merging it with the equal one if there is one."""
    key = order_of_use(lot)
    index = bisect_left(lots, key, key=order_of_use)
    if index < len(lots) and order_of_use(lots[index]) == key:
        lots[index] = lots[index]._replace(amount=lots[index].amount + lot.amount)
    else:
        lots.insert(index, lot)
