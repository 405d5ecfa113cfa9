"""The summary and the report say what was counted, and say what is real."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from client.cli.demo import SEED_DEFAULT
from client.demo.figures import Books
from client.demo.ledger_year import HOURS_CLASS
from client.demo.report import render
from client.demo.scenario import REAL, Totals, scaled
from client.demo.summary import Absence, Run, percentile, ratio, summary
from client.output import Unit
from tests.demo.memory import MemoryYear

REQUIRED = {
    "volunteers", "recipients", "earned", "redeemed", "redeemed_elsewhere", "offices", "federations",
    "settlements", "blocks", "transactions", "finality_ms_p50", "finality_ms_p99",
    "transactions_per_second", "coverage", "data", "genesis", "audit",
}  # fmt: skip


def played(seed: int, totals: Totals) -> Run:
    memory = MemoryYear(seed, totals)
    told = memory.run()
    closing = memory.year.opening + memory.year.earned - memory.year.redeemed
    books = Books({}, {}, {HOURS_CLASS: closing}, 4, {"chubu": totals.offices + 4})
    return Run(
        seed=seed,
        totals=totals,
        units={"EUC": Unit("EUC", 100), "HRS": Unit("HRS", 60, True)},
        genesis_hash=bytes(range(32)),
        year=memory.year,
        books=books,
        settlements=memory.settlements,
        blocks=40,
        seconds=2.0,
        latencies_ms=[float(value) for value in range(1, 101)],
        absence=Absence("kyushu", 5, 7, 12, 900),
        refusal=told,
    )


@pytest.fixture(scope="module")
def run() -> Run:
    return played(7, scaled(40))


def text_of(run: Run) -> str:
    target = io.StringIO()
    render(run, Console(file=target, width=10_000, highlight=False, markup=False, color_system=None))
    return target.getvalue()


def test_the_json_object_has_every_key_that_was_asked_for(run: Run) -> None:
    document = json.loads(json.dumps(summary(run)))
    assert set(document) >= REQUIRED
    assert set(document["data"]) == {"real", "synthetic", "seed"}
    assert document["settlements"] == 12
    assert document["audit"] == "ok"
    assert document["finality_ms_p50"] == 50.0
    assert document["finality_ms_p99"] == 99.0


def test_credits_are_whole_hours_and_add_up(run: Run) -> None:
    document = summary(run)
    assert document["earned"] == scaled(40).earned
    assert document["opening"] + document["earned"] - document["redeemed"] == document["closing"]
    service = document["service"]
    assert service["credits"] + service["fees"] + service["organisation"] == service["total"]


def test_a_scaled_year_is_never_called_real(run: Run) -> None:
    document = summary(run)
    assert document["data"]["real"] == []
    assert "not the published ones" in document["data"]["synthetic"][0]
    assert "NOT REAL" in text_of(run)


def test_the_real_year_says_what_is_real_and_what_is_ours(run: Run) -> None:
    document = summary(replace(run, totals=REAL))
    assert "12,367 volunteer members" in document["data"]["real"][0]
    assert any("119" in text for text in document["data"]["synthetic"])


def test_what_the_audit_found_is_in_the_json_and_in_the_report(run: Run) -> None:
    found = replace(run, findings=["history.bin, block 3: header.state_root: is wrong"])
    assert summary(found)["audit"] == ["history.bin, block 3: header.state_root: is wrong"]
    assert "audit: history.bin, block 3" in text_of(found)


def test_figures_that_do_not_add_up_are_said(run: Run) -> None:
    wrong = replace(run, differences=["credits redeemed: 5 in the history, 6 in the ledger's records"])
    assert summary(wrong)["audit"] == ["credits redeemed: 5 in the history, 6 in the ledger's records"]
    assert "DOES NOT ADD UP: credits redeemed" in text_of(wrong)


def test_the_report_has_what_a_treasurer_wants(run: Run) -> None:
    text = text_of(run)
    for words in (
        "opening", "= closing", "= credits", "+ fees", "+ organisation", "Settlements in EUC",
        "Settlements in HRS", "arrears by age", "kansai/care-coop: to its limit, into arrears, and out of",
        "Received minus served", "coverage in EUC", "caught up in 0.9 s", "finality p50 50 ms", "audit: ok",
        "when it tried to issue in arrears: ARREARS",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, 0.0), ([5.0], 99, 5.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0), ([4.0, 1.0, 3.0, 2.0], 99, 4.0)],
)
def test_percentiles_are_by_nearest_rank(values: list[float], percent: int, expected: float) -> None:
    assert percentile(values, percent) == expected


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 4, "0.2500"), (-1, 4, "-0.2500"), (7, 3, "2.3333"), (1, 0, None), (0, 5, "0.0000")],
)
def test_a_ratio_has_four_decimals(part: int, whole: int, expected: str | None) -> None:
    assert ratio(part, whole) == expected


def test_the_readme_shows_what_the_demo_prints() -> None:
    """The year at its real totals, on the ledger alone: all but what depends on the network and the clock."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    start = readme.index("A time bank's year over 4 federations and 119 offices")
    said = readme[start : readme.index("```", start)].splitlines()
    measured = ("…", "  the node of ", "  genesis ", "  audit: ")
    lasting = [line for line in said if not line.startswith(measured) and " blocks, " not in line]
    assert len(lasting) > 25
    printed = iter(text_of(played(SEED_DEFAULT, REAL)).splitlines())
    assert [line for line in lasting if line not in printed] == []  # each, in this order
