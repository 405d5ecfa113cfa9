"""Arithmetic of dues by vintage: setting off, paying oldest first, sharing money among claims (S3, S4, S6).

Pure functions over integers; nothing here knows accounts' state. A claim is a positive amount, a debt a
negative one, each with the period in which it arose, ascending.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.records import Due

Dues = tuple[Due, ...]


def net(dues: Dues) -> Dues:
    """S3: what remains after debts and claims are set off against each other, each oldest first."""
    owed = sum([due.amount for due in dues if due.amount > 0])
    owing = -sum([due.amount for due in dues if due.amount < 0])
    if owed >= owing:
        return pay_oldest(tuple([due for due in dues if due.amount > 0]), owing)
    return pay_oldest(tuple([due for due in dues if due.amount < 0]), owed)


def pay_oldest(dues: Dues, amount: int) -> Dues:
    """S4: dues of one sign after `amount` (not more than they come to) of the oldest is paid."""
    left: list[Due] = []
    for due in dues:
        part = min(abs(due.amount), amount)
        amount -= part
        rest = due.amount - part if due.amount > 0 else due.amount + part
        if rest:
            left.append(Due(due.period, rest))
    return tuple(left)


def share(claims: Mapping[str, Dues], money: int) -> dict[str, int]:
    """S6: what each claimant gets of `money`: the oldest vintage whole before any newer, the last pro rata.

    Claimants who get nothing are left out. All of `money` is shared, or all claims are paid.
    """
    by_vintage: dict[int, dict[str, int]] = {}
    for claimant in sorted(claims):
        for due in claims[claimant]:
            by_vintage.setdefault(due.period, {})[claimant] = due.amount
    paid: dict[str, int] = {}
    for period in sorted(by_vintage):
        vintage = by_vintage[period]
        part = min(money, sum(vintage.values()))
        if not part:
            break
        for claimant, amount in pro_rata(vintage, part).items():
            if amount:
                paid[claimant] = paid.get(claimant, 0) + amount
        money -= part
    return paid


def pro_rata(claims: Mapping[str, int], money: int) -> dict[str, int]:
    """S6: `money` (not more than the claims) by integer largest remainder, ties by claimant ascending."""
    total = sum(claims.values())
    names = sorted(claims)
    shares = {name: claims[name] * money // total for name in names}
    over = money - sum(shares.values())
    by_remainder = sorted(names, key=lambda name: (-(claims[name] * money % total), name))
    for name in by_remainder[:over]:
        shares[name] += 1
    return shares
