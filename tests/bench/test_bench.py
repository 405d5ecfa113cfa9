"""The bench measures what it says, at a size that takes seconds. (What it measures is no test.)"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench_main
from bench.__main__ import main
from bench.figures import Figure, percentile
from bench.machine import describe_machine
from bench.plots import PLOTS, Axis, draw
from bench.registry import FIGURES, Measure
from bench.sizes import Sizes

SMALL = Sizes(
    throughput_transactions=240,
    redemptions=60,
    multileg_transactions=4,
    multileg_legs=20,
    latency_rate=50,
    latency_seconds=1,
    curve_rates=(20, 40),
    curve_seconds=1,
    callers=(1, 5),
    calls_seconds=1,
    wan_delays_ms=(0, 80),
    wan_transactions=8,
    wan_seconds=1,
    audit_transactions=60,
    warm_up_transactions=10,
    warm_up_multileg=1,
)
KEYS = {"figure", "median", "min", "max", "unit", "runs", "machine", "parameters"}
FILES = {
    "throughput": "throughput-7.json",
    "multileg": "multileg-20-legs.json",
    "redemptions": "redemptions.json",
    "latency": "latency-50.json",
    "curve": "curve-4.json",
    "calls": "calls.json",
    "wan": "wan-4.json",
    "audit": "audit.json",
}
POINTS = {
    "curve": {"offered", "final", "p50", "p99"},
    "calls": {"callers", "final", "p50", "p99"},
    "wan": {"delay_ms", "p50", "delays_far", "steady_p99"},
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_figure_is_measured_and_says_how(name: str) -> None:
    said: list[str] = []
    members = {"members": 7} if name == "throughput" else {}
    figure = FIGURES[name].run(2, said.append, SMALL, **members)
    assert figure.file_name == FILES[name]
    document = figure.document({"processor": "any"})
    assert set(json.loads(json.dumps(document))) >= KEYS
    assert document["figure"] == name
    assert document["runs"] == len(document["values"]) == 2
    assert document["min"] <= document["median"] <= document["max"]
    assert document["min"] > 0
    assert ("p50" in document and "p99" in document) == (name == "latency")
    assert all(set(point) >= POINTS[name] for point in document.get("points", []))
    assert ("points" in document) == (name in POINTS)
    assert any("run 2 of 2" in line for line in said)
    assert document["parameters"]["members"] == members.get("members", 4)
    if name == "wan":
        delayed = document["points"][1]
        assert delayed["near_p50"] >= 3 * 80
        assert delayed["far_p50"] >= 4 * 80
    if name in PLOTS:
        assert ElementTree.fromstring(PLOTS[name](document)).tag.endswith("svg")


def test_a_figure_is_the_median_of_its_runs() -> None:
    document = Figure("any", "units/s", [3.0, 1.0, 2.0], {"size": 1}).document({"cores": 2})
    assert (document["median"], document["min"], document["max"]) == (2.0, 1.0, 3.0)


@pytest.mark.parametrize(("percent", "value"), [(1, 10.0), (50, 20.0), (75, 30.0), (99, 40.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, value: float) -> None:
    assert value == percentile([30.0, 10.0, 40.0, 20.0], percent)


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert int(machine["cores"]) >= 1
    assert int(machine["verifications_per_second"]) > 0


# --- what is printed and written ----------------------------------------------------------------------


def _fake_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def one(runs: int, say: Any, *, members: int = 4) -> Figure:
        say("measuring")
        return Figure("one", "units/s", [float(members)] * runs, {}, label=str(members))

    def curve(runs: int, say: Any) -> Figure:
        points = [{"offered": 10.0, "final": 10.0, "p50": 5.0, "p99": 9.0, "runs": 1}] * 2
        return Figure("curve", "units/s", [1.0] * runs, {"members": 4}, {"p99": 7.0}, points)

    figures = {"one": Measure(one, (4, 7)), "curve": Measure(curve)}
    monkeypatch.setattr(bench_main, "FIGURES", figures)


def test_all_measures_every_figure_at_every_size_and_writes_each_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fake_figures(monkeypatch)
    assert main(["all", "--json", "--runs", "2", "--into", str(tmp_path / "results")]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["figure"], each["median"]) for each in printed] == [("one", 4), ("one", 7), ("curve", 1)]
    written = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert written == ["curve.json", "curve.svg", "one-4.json", "one-7.json"]
    assert json.loads((tmp_path / "results" / "one-7.json").read_text()) == printed[1]


def test_a_figure_is_printed_with_its_points_in_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fake_figures(monkeypatch)
    assert main(["curve", "one", "--runs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "one: median 4.0 units/s of 1 runs" in lines
    assert lines[0] == "curve: median 1.0 units/s of 1 runs"
    assert lines[2:5] == [
        "  p99 7.0",
        "  offered  final  p50  p99  runs",
        "     10.0   10.0  5.0  9.0     1",
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["speed"], "invalid choice"),
        (["throughput", "--runs", "0"], "--runs is at least 1"),
        (["throughput", "--members", "5"], "--members is one of 4, 7, 10 for throughput"),
        (["latency", "--members", "7"], "--members is one of 4 for latency"),
        (["all", "--members", "4"], "--members is not given for all"),
        ([], "the following arguments are required"),
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert "usage: scripts/bench" in error
    assert why in error


def test_a_plot_shows_every_line_and_round_numbers() -> None:
    svg = draw("A < B", Axis("x"), Axis("y", log=True), {"one": [(1, 5), (95, 70)], "two": [(10, 20)]})
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
    assert {"A < B", "one", "two", "0", "100", "1", "10"} <= set(texts)
