"""Arithmetic of dues: setting off, paying oldest first, sharing by largest remainder (S3, S4, S6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.records import Due
from ledger.rules.claims import net, pay_oldest, pro_rata, share

AMOUNTS = st.integers(min_value=1, max_value=10**15)
NAMES = st.sampled_from([f"f/{letter}" for letter in "abcdefgh"])


def dues(**by_period: int) -> tuple[Due, ...]:
    return tuple([Due(int(period[1:]), amount) for period, amount in by_period.items()])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (dues(), dues()),
        (dues(p1=-5), dues(p1=-5)),
        (dues(p1=-5, p2=8), dues(p2=3)),
        (dues(p1=4, p2=4, p3=-5), dues(p2=3)),
        (dues(p1=4, p2=-4), dues()),
        (dues(p1=-3, p2=-3, p3=5), dues(p2=-1)),
        (dues(p1=3, p2=-9, p3=4, p4=-1), dues(p2=-2, p4=-1)),
    ],
)
def test_dues_are_set_off_oldest_first(before: tuple[Due, ...], after: tuple[Due, ...]) -> None:
    assert after == net(before)


@given(st.dictionaries(st.integers(1, 50), st.integers(-(10**15), 10**15).filter(bool), max_size=8))
def test_what_remains_after_setting_off_has_one_sign_and_the_same_total(by_period: dict[int, int]) -> None:
    before = tuple([Due(period, by_period[period]) for period in sorted(by_period)])
    after = net(before)
    assert sum(due.amount for due in after) == sum(due.amount for due in before)
    assert all(due.amount > 0 for due in after) or all(due.amount < 0 for due in after)
    assert [due.period for due in after] == sorted({due.period for due in after})


def test_the_oldest_debt_is_paid_first() -> None:
    assert dues(p2=-1, p5=-4) == pay_oldest(dues(p1=-3, p2=-3, p5=-4), 5)


def test_parts_left_over_go_to_the_largest_remainders() -> None:
    # 100 × {1, 2, 4} / 7 = 14 r 2, 28 r 4, 57 r 1; one part is left over
    assert pro_rata({"f/a": 10, "f/b": 20, "f/c": 40}, 10) == {"f/a": 1, "f/b": 3, "f/c": 6}
    assert pro_rata({"f/a": 100, "f/b": 200, "f/c": 400}, 100) == {"f/a": 14, "f/b": 29, "f/c": 57}


def test_equal_remainders_go_by_name() -> None:
    assert pro_rata({"f/c": 7, "f/b": 7, "f/a": 7}, 10) == {"f/a": 4, "f/b": 3, "f/c": 3}
    assert pro_rata({"f/b": 7, "f/a": 7, "f/c": 7}, 11) == {"f/a": 4, "f/b": 4, "f/c": 3}


def test_names_are_compared_whole_and_not_by_federation() -> None:
    assert pro_rata({"a/x": 1, "a-b/x": 1}, 1) == {"a-b/x": 1, "a/x": 0}


@given(st.dictionaries(NAMES, AMOUNTS, min_size=1), st.data())
def test_all_of_the_money_is_shared_nobody_gets_more_than_its_claim(
    claims: dict[str, int], data: st.DataObject
) -> None:
    total = sum(claims.values())
    money = data.draw(st.integers(0, total))
    shares = pro_rata(claims, money)
    assert sum(shares.values()) == money
    for name, amount in shares.items():
        exact = claims[name] * money // total
        assert exact <= amount <= min(exact + 1, claims[name])


@given(st.dictionaries(NAMES, AMOUNTS, min_size=1), st.data())
def test_the_order_in_which_claims_come_does_not_matter(claims: dict[str, int], data: st.DataObject) -> None:
    money = data.draw(st.integers(0, sum(claims.values())))
    shuffled = dict(data.draw(st.permutations(list(claims.items()))))
    assert pro_rata(claims, money) == pro_rata(shuffled, money)


def test_an_older_vintage_is_paid_whole_before_any_newer() -> None:
    claims = {"f/a": dues(p1=10, p2=10), "f/b": dues(p2=20), "f/c": dues(p3=5)}
    assert share(claims, 7) == {"f/a": 7}
    assert share(claims, 15) == {"f/a": 12, "f/b": 3}  # 5 over 10 and 20: 1 r 20, 3 r 10
    assert share(claims, 41) == {"f/a": 20, "f/b": 20, "f/c": 1}
    assert share(claims, 1_000) == {"f/a": 20, "f/b": 20, "f/c": 5}
    assert share(claims, 0) == {}


@given(
    st.dictionaries(NAMES, st.dictionaries(st.integers(1, 4), AMOUNTS, min_size=1), min_size=1),
    st.integers(0, 10**16),
)
def test_money_is_used_up_or_all_claims_are_paid(claims: dict[str, dict[int, int]], money: int) -> None:
    given_dues = {name: tuple([Due(p, by[p]) for p in sorted(by)]) for name, by in claims.items()}
    paid = share(given_dues, money)
    assert sum(paid.values()) == min(money, sum(sum(by.values()) for by in claims.values()))
    unpaid = {name: pay_oldest(owed, paid.get(name, 0)) for name, owed in given_dues.items()}
    oldest_unpaid = min([due.period for owed in unpaid.values() for due in owed], default=5)
    for name, owed in given_dues.items():  # nothing newer than the oldest unpaid vintage was touched
        assert [due for due in owed if due.period > oldest_unpaid] == [
            due for due in unpaid[name] if due.period > oldest_unpaid
        ]
