"""The year on the ledger alone: every transaction is accepted, and the figures come out as they must."""

from __future__ import annotations

import pytest

from ayni.v1 import result_pb2
from client.demo.figures import Year
from client.demo.ledger_year import CREDIT, HOURS_CLASS
from client.demo.scenario import MINUTES, REAL, build_scenario, scaled
from client.demo.shares import build_shares
from ledger import records
from ledger.invariants import check_state
from tests.demo.memory import MemoryYear


@pytest.fixture(scope="module")
def played() -> tuple[MemoryYear, str]:
    year = MemoryYear(7, scaled(40))
    return year, year.run()


def issuance(year: MemoryYear) -> list[records.IssuanceRecord]:
    prefix = f"i|{HOURS_CLASS}|".encode()
    return [
        records.decode(records.IssuanceRecord, value)
        for key, value in year.reader.values.items()
        if key.startswith(prefix)
    ]


def of_troubled(year: MemoryYear) -> list[result_pb2.OrganisationSettlement]:
    """The settlements of the issuer that runs to its limit, one for each period in which it has any."""
    name = build_shares(7, build_scenario(7, scaled(40)).offices).troubled.name
    return [
        one
        for settlement in year.settlements
        for unit in settlement.units
        for one in unit.organisations
        if unit.unit == CREDIT and one.organisation == name
    ]


def test_the_counted_totals_are_those_of_the_scenario(played: tuple[MemoryYear, str]) -> None:
    year, totals = played[0].year, scaled(40)
    assert len(year.served_by) == totals.volunteers
    assert len(year.recipients) == totals.recipients
    assert year.opening == totals.opening * MINUTES
    assert year.earned == totals.earned * MINUTES
    assert year.redeemed == totals.redeemed * MINUTES
    assert year.redeemed_elsewhere == totals.redeemed * 30 // 100 * MINUTES
    assert year.service == year.redeemed + year.recorded_fee + year.recorded_organisation


def test_the_ledger_holds_what_the_history_adds_up_to(played: tuple[MemoryYear, str]) -> None:
    memory = played[0]
    year, issuers = memory.year, issuance(memory)
    assert sum(each.issued for each in issuers) == year.opening + year.earned
    assert sum(each.redeemed for each in issuers) == year.redeemed
    assert sum(each.outstanding for each in issuers) == year.opening + year.earned - year.redeemed


def test_no_invariant_is_broken(played: tuple[MemoryYear, str]) -> None:
    check_state(played[0].reader.values.items())


def test_twelve_periods_are_settled(played: tuple[MemoryYear, str]) -> None:
    assert [settlement.period for settlement in played[0].settlements] == list(range(1, 13))


def test_one_issuer_pays_from_credit_then_deposit_then_owes_and_recovers(
    played: tuple[MemoryYear, str],
) -> None:
    closes = of_troubled(played[0])
    arrears = [one.arrears_minor for one in closes]
    first = next(index for index, amount in enumerate(arrears) if amount)
    assert any(one.paid_credit_minor for one in closes[:first])
    assert any(one.paid_deposit_minor for one in closes[:first])
    assert max(arrears) > 0
    assert arrears[-1] == 0


def test_the_pool_advances_a_part_and_carries_the_rest(played: tuple[MemoryYear, str]) -> None:
    units = [unit for settlement in played[0].settlements for unit in settlement.units if unit.unit == CREDIT]
    assert any(unit.advanced_minor and unit.carried_minor for unit in units)
    assert units[-1].carried_minor == 0


def test_an_issuer_in_arrears_is_told_why_it_may_not_issue(played: tuple[MemoryYear, str]) -> None:
    assert played[1].startswith("ARREARS: kansai/care-coop owes the pool")


def test_the_real_year_comes_out_at_exactly_the_published_totals() -> None:
    memory = MemoryYear(2010, REAL)
    memory.run()
    year: Year = memory.year
    assert len(year.served_by) == 12_367
    assert len(year.recipients) == 3_126
    assert year.earned == 198_091 * MINUTES
    assert year.redeemed == 10_548 * MINUTES
    assert sum(each.outstanding for each in issuance(memory)) == (1_698_000 + 198_091 - 10_548) * MINUTES
