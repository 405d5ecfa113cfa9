"""The short form of the exploration, and that it finds what is planted. Longer: `./scripts/explore`."""

from __future__ import annotations

import json

import pytest

from tests.explorer.__main__ import main
from tests.explorer.actual import Violation
from tests.explorer.planted import PLANTED
from tests.explorer.search import Search
from tests.explorer.world import World


@pytest.mark.parametrize(
    ("byzantine", "crashes", "states"),
    [(0, 0, 59), (1, 0, 126), (2, 0, 59), (3, 0, 59), (1, 1, 748), (3, 1, 464)],
)
def test_one_view_is_safe_whatever_one_member_does(byzantine: int, crashes: int, states: int) -> None:
    explored = Search(World(byzantine, views=1, crashes=crashes)).run()
    assert explored.complete
    assert explored.states == states
    assert explored.finals > 0


@pytest.mark.parametrize("byzantine", [1, 2, 3])
def test_two_views_are_safe_as_far_as_is_looked(byzantine: int) -> None:
    explored = Search(World(byzantine, views=2)).run(states_max=500)
    assert explored.states == 500
    assert explored.finals > 0


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str) -> None:
    bug = PLANTED[name]
    with bug.planted(), pytest.raises(Violation) as found:
        Search(bug.world()).run()
    assert bug.found in found.value.message
    assert found.value.path


def test_the_long_form_says_how_much_was_explored(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--views", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["complete"] for row in report["explored"]] == [True] * 4
    assert report["states"] == 303
    assert main(["--views", "2", "--states", "300", "--byzantine", "1"]) == 0
    assert "the limit of 300 states was reached" in capsys.readouterr().out
