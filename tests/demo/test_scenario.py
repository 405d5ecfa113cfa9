"""The demo's year adds up, exactly, before any network sees it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from client.demo.scenario import (
    FEE_AN_HOUR_MINOR,
    OPENING_LEAST,
    REAL,
    Scenario,
    build_scenario,
    scaled,
)
from client.demo.shares import ITEM_MINOR, build_shares
from client.demo.spread import by_weight, in_pieces, shuffled


@pytest.fixture(scope="module")
def year() -> Scenario:
    return build_scenario(2010)


def test_the_real_year_has_the_published_totals(year: Scenario) -> None:
    services = [line for month in year.months for lines in month.records.values() for line in lines]
    redemptions = [redemption for month in year.months for redemption in month.redemptions]
    served = {line.served_by for line in services} | {redemption.served_by for redemption in redemptions}

    assert len(year.offices) == 119
    assert len({office.federation for office in year.offices}) == 4
    assert len(year.months) == 12
    assert len(served) == 12_367
    assert len({line.recipient for line in services}) == 3_126
    assert sum(line.hours for line in services) + sum(each.hours for each in redemptions) == 198_091
    assert sum(each.hours for each in redemptions) == 10_548
    assert sum(sum(office.opening_hours) for office in year.offices) == 1_698_000


def test_thirty_in_a_hundred_redeemed_credits_are_used_at_another_office(year: Scenario) -> None:
    away = [
        each.hours
        for month in year.months
        for each in month.redemptions
        if not each.holder.startswith(f"{each.provider}:")
    ]
    assert sum(away) == REAL.redeemed * 30 // 100


def test_nobody_redeems_more_than_had_accumulated(year: Scenario) -> None:
    spent: Counter[str] = Counter()
    for month in year.months:
        for each in month.redemptions:
            spent[each.holder] += each.hours
    opening = {
        volunteer: hours
        for office in year.offices
        for volunteer, hours in zip(office.volunteers, office.opening_hours, strict=True)
    }
    assert all(opening[holder] >= hours for holder, hours in spent.items())
    assert min(opening.values()) >= OPENING_LEAST
    assert set(spent) <= year.redeemers


def test_nobody_serves_themselves_and_everybody_serves_at_their_own_office(year: Scenario) -> None:
    for month in year.months:
        for each in month.redemptions:
            assert each.served_by != each.holder
            assert each.served_by.startswith(f"{each.provider}:v-")
        for office, lines in month.records.items():
            assert all(line.served_by.startswith(f"{office}:v-") for line in lines)
            assert all(line.recipient.startswith(f"{office}:r-") for line in lines)


def test_fees_in_credit_come_to_what_was_paid_in_advance(year: Scenario) -> None:
    fees: Counter[str] = Counter()
    for month in year.months:
        for lines in month.records.values():
            for line in lines:
                if line.in_credit:
                    assert line.fee
                    fees[line.recipient] += line.hours * FEE_AN_HOUR_MINOR
    assert dict(fees) == year.prepaid_minor
    assert fees


def test_the_same_seed_is_the_same_year_and_another_seed_another(year: Scenario) -> None:
    assert build_scenario(2010) == year
    assert build_scenario(2011).months[0] != year.months[0]


@pytest.mark.parametrize("part", [10, 50, 200, 1000])
def test_a_scaled_year_adds_up_too_and_is_not_called_real(part: int) -> None:
    totals = scaled(part)
    year = build_scenario(1, totals)
    services = [line.hours for month in year.months for lines in month.records.values() for line in lines]
    redemptions = [each.hours for month in year.months for each in month.redemptions]
    assert sum(services) + sum(redemptions) == totals.earned
    assert sum(redemptions) == totals.redeemed
    assert not totals.real
    assert REAL.real


def test_contributors_never_redeem_more_than_they_bought(year: Scenario) -> None:
    shares = build_shares(2010, year.offices)
    bought = {
        holder: items * ITEM_MINOR
        for coop in shares.coops
        for holder, items in zip(coop.contributors, coop.items, strict=True)
    }
    spent: Counter[str] = Counter()
    for month in shares.months:
        for each in month.redemptions:
            spent[each.holder] += each.amount_minor
    assert all(amount <= bought[holder] for holder, amount in spent.items())


def test_spreading_is_exact_for_any_total() -> None:
    chance = Random(7)
    for _ in range(200):
        count = chance.randrange(1, 50)
        least = chance.randrange(0, 3)
        total = chance.randrange(least * count, 10_000)
        parts = by_weight(total, [chance.randrange(1, 100) for _ in range(count)], least)
        assert sum(parts) == total
        assert min(parts) >= least
        pieces = in_pieces(total, 2, 10, chance) if total > 1 else []
        assert sum(pieces) == (total if total > 1 else 0)
        assert all(2 <= piece <= 10 for piece in pieces)
        assert sorted(shuffled(range(count), chance)) == list(range(count))


def test_a_total_too_small_to_spread_is_said() -> None:
    with pytest.raises(ValueError, match="3 cannot be spread over 4 parts of at least 1"):
        by_weight(3, [1, 1, 1, 1], least=1)
