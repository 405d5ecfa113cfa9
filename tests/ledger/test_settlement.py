"""Settlements with figures worked out by hand, and what holds of every settlement (S1 to S9, P3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ayni.v1 import result_pb2
from ledger import records
from tests.ledger.bare import DAY_MS, Bare

ADVANCE_BP, DEPOSIT_BP = 2, 3
A, B, C, D = "f/a", "f/b", "g/c", "g/d"


def dues(bare: Bare, name: str, unit: str = "EUC") -> dict[int, int]:
    return {due.period: due.amount for due in bare.state.organisation_unit(name, unit).dues}


def balance(bare: Bare, name: str, unit: str = "EUC") -> int:
    return bare.state.balance(name, unit).balance


def shown(figures: result_pb2.UnitSettlement, name: str) -> result_pb2.OrganisationSettlement:
    return next(item for item in figures.organisations if item.organisation == name)


# --- netting ----------------------------------------------------------------------------------------------


def test_claims_and_debts_of_different_periods_are_set_off_oldest_first() -> None:
    bare = Bare([A, B])
    bare.organisation(A, dues={1: -50, 2: 30, 3: 60})
    bare.organisation(B, dues={1: 50, 2: -30, 3: -60})
    bare.balanced(open_period=3)
    figures = bare.close()
    assert dues(bare, A) == {3: 40}
    assert dues(bare, B) == {3: -40}
    # made in the period 60; arrears before it 50 and 30; a debt of 40 is left
    assert (figures.gross_minor, figures.netted_minor, figures.dues_minor) == (140, 100, 40)
    bare.check()


# --- debtors ----------------------------------------------------------------------------------------------


def test_a_debtor_pays_down_to_its_limit_then_from_its_deposit_and_owes_the_rest() -> None:
    bare = Bare([A, B])
    bare.organisation(A, balance=-70, limit=100, deposit=25, dues={1: -80})
    bare.organisation(B, dues={1: 80})
    bare.balanced()
    figures = bare.close()
    assert (figures.paid_credit_minor, figures.paid_deposit_minor, figures.paid_out_minor) == (30, 25, 55)
    assert balance(bare, A) == -100
    assert balance(bare, B) == 55
    assert bare.state.organisation_unit(A, "EUC").deposit == 0
    assert (dues(bare, A), dues(bare, B)) == ({1: -25}, {1: 25})
    assert [(item.period, item.amount_minor) for item in figures.arrears] == [(1, 25)]
    assert figures.carried_minor == 25
    assert balance(bare, "pool") == 0
    bare.check()


def test_a_debtor_below_its_limit_pays_nothing_from_credit() -> None:
    bare = Bare([A, B])
    bare.organisation(A, balance=-120, limit=100, dues={1: -80})  # its limit was lowered since
    bare.organisation(B, dues={1: 80})
    bare.balanced()
    figures = bare.close()
    assert (figures.paid_credit_minor, figures.paid_out_minor, figures.carried_minor) == (0, 0, 80)
    assert balance(bare, A) == -120


def test_the_oldest_arrears_are_paid_first() -> None:
    bare = Bare([A, B])
    bare.organisation(A, balance=60, dues={1: -40, 2: -50})
    bare.organisation(B, dues={1: 40, 2: 50})
    bare.balanced(open_period=2)
    figures = bare.close()
    assert dues(bare, A) == {2: -30}
    assert dues(bare, B) == {2: 30}
    assert [(item.period, item.amount_minor) for item in figures.arrears] == [(2, 30)]


# --- creditors --------------------------------------------------------------------------------------------


def test_creditors_share_pro_rata_and_parts_left_over_go_to_the_largest_remainders() -> None:
    bare = Bare([A, B, C, D])
    bare.organisation(A, balance=100, dues={1: -700})
    bare.organisation(B, dues={1: 100})
    bare.organisation(C, dues={1: 200})
    bare.organisation(D, dues={1: 400})
    bare.balanced()
    figures = bare.close()
    # 100 over 100, 200, 400 of 700: 14 r 200, 28 r 400, 57 r 100: one part over, to the second
    assert [balance(bare, name) for name in (B, C, D)] == [14, 29, 57]
    assert [dues(bare, name) for name in (B, C, D)] == [{1: 86}, {1: 171}, {1: 343}]
    assert (figures.paid_out_minor, figures.carried_minor) == (100, 600)
    assert figures.arrears[0].amount_minor == 600


def test_equal_remainders_go_to_the_first_name() -> None:
    bare = Bare([A, B, C, D])
    bare.organisation(A, balance=11, dues={1: -21})
    for name in (B, C, D):
        bare.organisation(name, dues={1: 7})
    bare.balanced()
    bare.close()
    assert [balance(bare, name) for name in (B, C, D)] == [4, 4, 3]


def test_an_older_claim_is_paid_whole_before_any_newer() -> None:
    bare = Bare([A, B, C, D])
    bare.organisation(A, balance=70, dues={2: -100})
    bare.organisation(B, dues={1: 50})
    bare.organisation(C, dues={2: 30})
    bare.organisation(D, dues={2: 20})
    bare.balanced(open_period=2)
    bare.close()
    assert [balance(bare, name) for name in (B, C, D)] == [50, 12, 8]  # 20 left over 30 and 20
    assert [dues(bare, name) for name in (B, C, D)] == [{}, {2: 18}, {2: 12}]


# --- the pool ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("advance_bp", "advanced", "pool"), [(0, 0, 201), (5_000, 100, 101), (9_999, 200, 1), (10_000, 201, 0)]
)
def test_the_pool_advances_at_most_the_voted_share_of_common_capital(
    advance_bp: int, advanced: int, pool: int
) -> None:
    bare = Bare([A, B])
    bare.parameter(ADVANCE_BP, "EUC", advance_bp)
    bare.organisation(A, dues={1: -500})
    bare.organisation(B, dues={1: 500})
    bare.balanced(common_capital=201)
    figures = bare.close()
    assert (figures.advanced_minor, figures.paid_out_minor) == (advanced, advanced)
    assert dues(bare, A) == {1: -500}  # an advance leaves the debtor's arrears as they are
    assert dues(bare, B) == {1: 500 - advanced}
    assert balance(bare, "pool") == pool
    assert bare.state.pool_unit("EUC").dues == advanced  # the pool is owed what it advanced
    bare.check()


def test_what_was_advanced_comes_back_to_common_capital_when_the_debtor_pays() -> None:
    bare = Bare([A, B])
    bare.organisation(A, dues={1: -500})
    bare.organisation(B, dues={1: 500})
    bare.balanced(common_capital=200)
    bare.close()
    funded = bare.state.balance(A, "EUC")
    bare.put(records.balance_key(A, "EUC"), funded._replace(balance=funded.balance + 600))
    anybody = bare.state.balance(f"{A}:p-1", "EUC")
    bare.put(records.balance_key(f"{A}:p-1", "EUC"), anybody._replace(balance=anybody.balance - 600))
    figures = bare.close()
    assert (figures.paid_credit_minor, figures.paid_out_minor, figures.advanced_minor) == (500, 400, 0)
    assert balance(bare, "pool") == 200
    assert bare.state.pool_unit("EUC").dues == 0
    assert (dues(bare, A), dues(bare, B)) == ({}, {})
    bare.check()


def test_an_advance_is_a_share_of_what_was_there_before_anyone_paid() -> None:
    bare = Bare([A, B, C])
    bare.organisation(A, balance=40, deposit=60, dues={1: -100})
    bare.organisation(B, dues={1: 300})
    bare.organisation(C, dues={1: -200})
    bare.balanced(common_capital=100)
    figures = bare.close()
    assert figures.paid_out_minor == 40 + 60 + 50
    assert figures.advanced_minor == 50
    assert (figures.pool_balance_minor, figures.deposits_minor) == (50, 0)


# --- release ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deposit", "outstanding", "released"),
    [(100, 1000, 0), (101, 1000, 1), (101, 1001, 0), (101, 991, 1), (7, 0, 7)],
)
def test_deposit_above_the_voted_ratio_of_outstanding_rounded_up_is_released(
    deposit: int, outstanding: int, released: int
) -> None:
    bare = Bare([A])
    bare.organisation(A, deposit=deposit, outstanding=outstanding)
    bare.balanced(common_capital=13)
    figures = bare.close()
    assert figures.released_minor == released
    assert balance(bare, A) == released
    assert balance(bare, "pool") == 13 + deposit - released
    bare.check()


def test_nothing_is_released_to_who_is_in_arrears() -> None:
    bare = Bare([A, B])
    bare.organisation(A, deposit=50, dues={1: -60})
    bare.organisation(B, dues={1: 60})
    bare.balanced()
    figures = bare.close()
    assert (figures.paid_deposit_minor, figures.released_minor) == (50, 0)
    assert shown(figures, A).arrears_minor == 10


# --- hours, several units, what is published ----------------------------------------------------------------


def test_hours_settle_in_hours_the_same_way() -> None:
    bare = Bare([A, B])
    bare.organisation(A, "HRS", balance=0, limit=60, dues={1: -100})
    bare.organisation(B, "HRS", dues={1: 100})
    bare.balanced("HRS")
    bare.close()
    figures = bare.result.settlement.units[1]
    assert figures.unit == "HRS"
    assert (figures.paid_credit_minor, figures.carried_minor) == (60, 40)
    assert balance(bare, A, "HRS") == -60
    assert balance(bare, B, "HRS") == 60
    bare.check()


def test_the_settlement_is_kept_and_the_next_period_opens() -> None:
    bare = Bare([A])
    bare.time_ms += 3 * DAY_MS
    bare.close()
    kept = bare.state.get(records.SettlementRecord, records.settlement_key(1)).settlement
    assert kept == bare.result.settlement.SerializeToString(deterministic=True)
    assert bare.state.period() == records.PeriodRecord(2, bare.time_ms, 20_456, bare.log_index)
    assert [unit.unit for unit in bare.result.settlement.units] == ["EUC", "HRS"]


def test_received_and_served_of_the_period_are_published_and_begin_anew() -> None:
    bare = Bare([A])
    bare.balanced()
    key = records.organisation_unit_key(A, "EUC")
    bare.put(key, records.OrganisationUnitRecord(unattested=5, contributions=70, served=30))
    figures = bare.close()
    assert (shown(figures, A).contributions_minor, shown(figures, A).served_minor) == (70, 30)
    assert bare.state.organisation_unit(A, "EUC") == records.OrganisationUnitRecord()


# --- what always holds --------------------------------------------------------------------------------------

AMOUNT = st.integers(0, 2_000)
ORGANISATION = st.fixed_dictionaries(
    {
        "balance": st.integers(-1_500, 1_500),
        "limit": AMOUNT,
        "deposit": AMOUNT,
        "outstanding": AMOUNT,
        "dues": st.dictionaries(st.integers(1, 3), st.integers(-2_000, 2_000), max_size=3),
    }
)
NAMES = [A, B, C, D, "a-b/x", "a/x"]
NETWORK = st.fixed_dictionaries(
    {
        "organisations": st.dictionaries(st.sampled_from(NAMES), ORGANISATION, min_size=1),
        "common_capital": AMOUNT,
        "advance_bp": st.integers(0, 10_000),
        "deposit_bp": st.integers(0, 10_000),
    }
)


def network(spec: dict[str, Any], order: list[str]) -> Bare:
    """The network of a specification, with its records put in this order."""
    bare = Bare(spec["organisations"])
    bare.parameter(ADVANCE_BP, "EUC", spec["advance_bp"])
    bare.parameter(DEPOSIT_BP, "EUC", spec["deposit_bp"])
    for name in order:
        bare.organisation(name, **spec["organisations"][name])
    bare.balanced(common_capital=spec["common_capital"], open_period=3)
    return bare


def claims_and_debts(spec: dict[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    totals = {name: sum(item["dues"].values()) for name, item in spec["organisations"].items()}
    return {n: t for n, t in totals.items() if t > 0}, {n: -t for n, t in totals.items() if t < 0}


@settings(max_examples=100)
@given(NETWORK)
def test_every_settlement_keeps_the_books_and_the_pool_whole(spec: dict[str, Any]) -> None:
    bare = network(spec, sorted(spec["organisations"]))
    bare.close()
    bare.check()  # three books, deposits, outstanding, E7, pool and common capital never below zero
    for book in (1, 2, 3):
        assert sum(posting.amount for posting in bare.postings if posting.book == book) == 0
    for name in spec["organisations"]:
        left = dues(bare, name).values()
        assert all(amount > 0 for amount in left) or all(amount < 0 for amount in left)


@settings(max_examples=100)
@given(NETWORK)
def test_every_settlement_pays_all_it_has_and_no_more_than_is_claimed(spec: dict[str, Any]) -> None:
    bare = network(spec, sorted(spec["organisations"]))
    figures = bare.close()
    claims, debts = claims_and_debts(spec)
    came_in = figures.paid_credit_minor + figures.paid_deposit_minor
    advance_max = spec["advance_bp"] * spec["common_capital"] // 10_000
    assert figures.dues_minor == sum(claims.values())
    assert figures.paid_out_minor == min(sum(claims.values()), came_in + advance_max)
    assert figures.advanced_minor == max(0, figures.paid_out_minor - came_in)
    assert figures.carried_minor == sum(claims.values()) - figures.paid_out_minor
    assert sum(item.amount_minor for item in figures.arrears) == sum(debts.values()) - came_in
    for name, debt in debts.items():
        item = spec["organisations"][name]
        from_credit = min(debt, max(0, item["balance"] + item["limit"]))
        from_deposit = min(debt - from_credit, item["deposit"])
        own = [each for each in figures.organisations if each.organisation == name]
        paid = (own[0].paid_credit_minor, own[0].paid_deposit_minor, own[0].arrears_minor)
        assert paid == (from_credit, from_deposit, debt - from_credit - from_deposit)


@settings(max_examples=100)
@given(NETWORK)
def test_a_release_leaves_what_is_needed_and_goes_to_who_owes_nothing(spec: dict[str, Any]) -> None:
    bare = network(spec, sorted(spec["organisations"]))
    figures = bare.close()
    for item in figures.organisations:
        record = bare.state.organisation_unit(item.organisation, "EUC")
        if item.released_minor:
            assert item.arrears_minor == 0
            assert record.deposit == -(-spec["deposit_bp"] * record.outstanding // 10_000)


@settings(max_examples=40)
@given(NETWORK, st.randoms(use_true_random=False))
def test_the_order_in_which_records_were_written_does_not_matter(spec: dict[str, Any], chance: Any) -> None:
    shuffled = sorted(spec["organisations"])
    chance.shuffle(shuffled)
    first, second = network(spec, sorted(spec["organisations"])), network(spec, shuffled)
    first.close()
    second.close()
    assert first.result == second.result
    assert first.postings == second.postings
    assert first.entries() == second.entries()
