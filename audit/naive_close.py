"""The second recomputation, of a close: S2 to S9.

Part of naive.py, and under its rules: plain, from docs/protocol.md, and no code of `ledger/`.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.naive_books import ADVANCE_BP, BASIS_POINTS, DEPOSIT_BP, POOL, Fault, NaiveBooks, ceil_share
from ayni.v1 import result_pb2

EXPIRY_PARTS_MAX = 1_024

Vintages = dict[int, int]
"""Period → amount, all of one sign."""


def close_period(books: NaiveBooks, theirs: result_pb2.Result, result: result_pb2.Result) -> None:
    """Settle every unit, and write what should be published into `result`; in `theirs`, what the log says, it
    is said whose lots expired when not all were."""
    if theirs.HasField("expired_part"):
        result.expired_part.CopyFrom(theirs.expired_part)
        _expire_part(books, theirs.expired_part.holdings)
        if books.expiry_parts < EXPIRY_PARTS_MAX:
            books.expiry_parts += 1
            return
    else:
        for holder, class_id in list(books.held):
            _expire(books, holder, class_id)
    settlement = result.settlement
    settlement.period = books.open_period
    settlement.time_ms = books.time_ms
    for unit in books.units:
        figures = settlement.units.add(unit=unit, expired_minor=books.expired[unit])
        _settle(books, unit, figures)
    books.contributed.clear()
    books.served.clear()
    books.unattested.clear()
    books.dues_made.clear()
    books.expired.clear()
    books.expiry_parts = 0
    books.settlements[books.open_period] = settlement.SerializeToString(deterministic=True)
    books.open_period += 1


def _expire_part(books: NaiveBooks, holdings: Iterable[result_pb2.ExpiredHolding]) -> None:
    """S2: of these only, each of which had something to expire; ascending, none twice."""
    before = ("", "")
    for each in holdings:
        key = each.class_id, each.holder
        if key <= before or not _expire(books, each.holder, each.class_id):
            raise Fault("expired_part", f"nothing of {each.class_id} expires of {each.holder}, or no more")
        before = key


def _expire(books: NaiveBooks, holder: str, class_id: str) -> bool:
    """S2: what is past its last day goes to the pool. Returns whether anything was."""
    if holder == POOL or not books.class_of(class_id).expires_after_days:
        return False
    lots = books.held.get((holder, class_id), {})
    expired = [lot for lot in lots if books.is_expired(lot)]
    for lot in expired:
        amount = lots[lot]
        books.remove_lot(holder, class_id, lot, amount)
        books.add_lot(POOL, class_id, lot, amount)
        books.expired[books.class_of(class_id).unit] += amount
    return bool(expired)


def _settle(books: NaiveBooks, unit: str, figures: result_pb2.UnitSettlement) -> None:
    names = sorted(name for name, code in books.dues if code == unit)
    dues = {name: books.dues[name, unit] for name in names}
    common_capital = books.credit[POOL, unit] - _deposits(books, unit)
    shown: dict[str, dict[str, int]] = {}

    # S3
    older = [due for each in dues.values() for period, due in each.items() if period < books.open_period]
    figures.gross_minor = books.dues_made[unit] - sum(due for due in older if due < 0)
    debts, claims = _net(dues)
    figures.dues_minor = sum(sum(each.values()) for each in claims.values())
    figures.netted_minor = figures.gross_minor - sum(sum(each.values()) for each in debts.values())

    # S4
    for name in sorted(debts):
        debt = sum(debts[name].values())
        room = books.credit[name, unit] + books.credit_limits.get((name, unit), 0)
        from_credit = min(debt, max(0, room))
        from_deposit = min(debt - from_credit, books.deposits[name, unit])
        books.pay(name, POOL, unit, from_credit)
        books.deposits[name, unit] -= from_deposit
        _pay_oldest(debts[name], from_credit + from_deposit)
        figures.paid_credit_minor += from_credit
        figures.paid_deposit_minor += from_deposit
        _show(shown, name, "paid_credit_minor", from_credit)
        _show(shown, name, "paid_deposit_minor", from_deposit)

    # S6
    came_in = figures.paid_credit_minor + figures.paid_deposit_minor
    advance = common_capital * books.parameter(ADVANCE_BP, unit) // BASIS_POINTS
    for name, amount in _share(claims, came_in + advance).items():
        books.pay(POOL, name, unit, amount)
        _pay_oldest(claims[name], amount)
        figures.paid_out_minor += amount
        _show(shown, name, "received_minor", amount)
    figures.advanced_minor = max(0, figures.paid_out_minor - came_in)
    for name in names:
        books.dues[name, unit] = {period: -debt for period, debt in debts.get(name, {}).items()} or dict(
            claims.get(name, {})
        )

    _release(books, unit, figures, shown, debts)
    _publish(books, unit, figures, shown, debts, claims)


def _net(dues: dict[str, Vintages]) -> tuple[dict[str, Vintages], dict[str, Vintages]]:
    """S3: (debts, claims) of each organisation, as positive amounts; of the two only one is left."""
    debts: dict[str, Vintages] = {}
    claims: dict[str, Vintages] = {}
    for name, vintages in dues.items():
        owing = {period: -vintages[period] for period in sorted(vintages) if vintages[period] < 0}
        owed = {period: vintages[period] for period in sorted(vintages) if vintages[period] > 0}
        set_off = min(sum(owing.values()), sum(owed.values()))
        _pay_oldest(owing, set_off)
        _pay_oldest(owed, set_off)
        if owing:
            debts[name] = owing
        elif owed:
            claims[name] = owed
    return debts, claims


def _pay_oldest(vintages: Vintages, amount: int) -> None:
    for period in sorted(vintages):
        part = min(vintages[period], amount)
        vintages[period] -= part
        amount -= part
        if not vintages[period]:
            del vintages[period]


def _share(claims: dict[str, Vintages], money: int) -> dict[str, int]:
    """S6: the oldest vintage whole, the last one pro rata by largest remainder, ties by name."""
    paid: dict[str, int] = {}
    for period in sorted({period for vintages in claims.values() for period in vintages}):
        vintage = {name: each[period] for name, each in sorted(claims.items()) if period in each}
        total = sum(vintage.values())
        if money >= total:
            parts = dict(vintage)
        else:
            parts = {name: claim * money // total for name, claim in vintage.items()}
            remainders = {name: claim * money % total for name, claim in vintage.items()}
            left = money - sum(parts.values())
            for name in sorted(remainders, key=lambda each: (-remainders[each], each))[:left]:
                parts[name] += 1
        for name, part in parts.items():
            if part:
                paid[name] = paid.get(name, 0) + part
        money -= sum(parts.values())
    return paid


def _release(
    books: NaiveBooks,
    unit: str,
    figures: result_pb2.UnitSettlement,
    shown: dict[str, dict[str, int]],
    debts: dict[str, Vintages],
) -> None:
    """S7: of who owes nothing any more, what its deposit is above ceil(r × outstanding)."""
    ratio = books.parameter(DEPOSIT_BP, unit)
    for (name, code), deposit in list(books.deposits.items()):
        if code != unit or debts.get(name):
            continue
        released = max(0, deposit - ceil_share(books.outstanding[name, unit], ratio))
        books.pay(POOL, name, unit, released)
        books.deposits[name, unit] -= released
        figures.released_minor += released
        _show(shown, name, "released_minor", released)


def _publish(
    books: NaiveBooks,
    unit: str,
    figures: result_pb2.UnitSettlement,
    shown: dict[str, dict[str, int]],
    debts: dict[str, Vintages],
    claims: dict[str, Vintages],
) -> None:
    """S9."""
    arrears: Vintages = {}
    for name, vintages in debts.items():
        _show(shown, name, "arrears_minor", sum(vintages.values()))
        for period, debt in vintages.items():
            arrears[period] = arrears.get(period, 0) + debt
    for name, vintages in claims.items():
        _show(shown, name, "carried_minor", sum(vintages.values()))
        figures.carried_minor += sum(vintages.values())
    for figure, counted in (("contributions_minor", books.contributed), ("served_minor", books.served)):
        for (name, code), amount in counted.items():
            if code == unit:
                _show(shown, name, figure, amount)
    figures.pool_balance_minor = books.credit[POOL, unit]
    figures.deposits_minor = _deposits(books, unit)
    figures.outstanding_minor = sum(value for (_, code), value in books.outstanding.items() if code == unit)
    for period in sorted(arrears):
        figures.arrears.add(period=period, amount_minor=arrears[period])
    for name in sorted(shown):
        figures.organisations.add(organisation=name, **shown[name])


def _deposits(books: NaiveBooks, unit: str) -> int:
    return sum(deposit for (_, code), deposit in books.deposits.items() if code == unit)


def _show(shown: dict[str, dict[str, int]], name: str, figure: str, amount: int) -> None:
    if amount:
        shown.setdefault(name, {})[figure] = amount
