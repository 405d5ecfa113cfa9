"""Planted bugs are each caught within a stated number of seeds; were one not, the simulator is blind."""

from __future__ import annotations

import pytest

from consensus.voting import Ballot
from proofs.membership import quorum
from tests.sim.mutations.catalogue import MUTATIONS
from tests.sim.mutations.edits import CannotPlant, Edit, planted
from tests.sim.mutations.hunt import caught_on, first_caught, plan_for
from tests.sim.mutations.report import table
from tests.sim.run import run

QUORUM = "proofs.membership:quorum"
DIRECTED = {
    "nullify after finalize": "votes in the order of C2 to C4",
    "parent check skipped": "one block final at a height",
}
"""Bugs with a schedule of their own, and the oracle that it makes see them."""
RANGES = (1, 5_000, 9_000)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_bug_is_caught(name: str) -> None:
    caught = first_caught(MUTATIONS[name])
    assert caught is not None
    assert caught.oracle != "no oracle: it fell over", caught.violation


@pytest.mark.parametrize(("name", "oracle"), DIRECTED.items())
@pytest.mark.parametrize("seed", RANGES)
def test_a_directed_schedule_shows_its_bug_on_whatever_seed(name: str, oracle: str, seed: int) -> None:
    caught = caught_on(MUTATIONS[name], seed)
    assert caught is not None
    assert caught.oracle == oracle, caught.violation


@pytest.mark.parametrize("name", DIRECTED)
@pytest.mark.parametrize("seed", RANGES)
def test_a_directed_schedule_comes_about_and_who_keeps_the_rules_gets_through(name: str, seed: int) -> None:
    situation = MUTATIONS[name].situation
    report = run(plan_for(situation, seed))
    assert report.violations == []
    assert report.injected[f"scene: {situation.scene}"] == 1


def test_what_was_planted_is_taken_out_again() -> None:
    before = Ballot.may.__code__
    with planted((Edit(QUORUM, (("members - (", "members + ("),)), *MUTATIONS["vote guard dropped"].edits)):
        assert quorum(4) == 5
        assert Ballot.may.__code__ is not before
    assert quorum(4) == 3
    assert Ballot.may.__code__ is before


def test_a_bug_that_no_longer_fits_production_is_refused() -> None:
    with (
        pytest.raises(CannotPlant, match="0 times, not once"),
        planted([Edit(QUORUM, (("members + 7", "members"),))]),
    ):
        raise AssertionError("it was planted")
    with (
        pytest.raises(CannotPlant, match="EXCLUDED_BY is no plain function"),
        planted([Edit("consensus.voting:EXCLUDED_BY", (("a", "b"),))]),
    ):
        raise AssertionError("it was planted")


def test_the_table_names_what_was_not_caught() -> None:
    name = next(iter(MUTATIONS))
    lines = table({name: None}).splitlines()
    assert name in lines[1]
    assert lines[1].endswith("NOT CAUGHT")
    assert lines[-1] == "1 planted, 0 caught"
