"""The bench measures what it says, at a size that takes seconds. (What it measures is no test.)"""

from __future__ import annotations

import json

import pytest

from bench.__main__ import main
from bench.figures import Figure
from bench.machine import describe_machine
from bench.registry import FIGURES
from bench.sizes import Sizes

SMALL = Sizes(
    throughput_transactions=60,
    multileg_transactions=4,
    multileg_legs=20,
    latency_rate=50,
    latency_seconds=1,
    audit_transactions=60,
    warm_up_transactions=10,
    warm_up_multileg=1,
)
KEYS = {"figure", "median", "min", "max", "unit", "runs", "machine", "parameters"}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_figure_is_measured_and_says_how(name: str) -> None:
    said: list[str] = []
    document = FIGURES[name](2, said.append, SMALL).document({"processor": "any"})
    assert set(json.loads(json.dumps(document))) >= KEYS
    assert document["figure"] == name
    assert document["runs"] == len(document["values"]) == 2
    assert document["min"] <= document["median"] <= document["max"]
    assert document["min"] > 0
    assert ("p50" in document and "p99" in document) == (name == "latency")
    assert any("run 2 of 2" in line for line in said)


def test_a_figure_is_the_median_of_its_runs() -> None:
    document = Figure("any", "units/s", [3.0, 1.0, 2.0], {"size": 1}).document({"cores": 2})
    assert (document["median"], document["min"], document["max"]) == (2.0, 1.0, 3.0)


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert int(machine["cores"]) >= 1
    assert int(machine["verifications_per_second"]) > 0


@pytest.mark.parametrize("arguments", [["speed"], ["throughput", "--runs", "0"], []])
def test_what_cannot_be_measured_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 2
    assert "usage: scripts/bench" in capsys.readouterr().err
