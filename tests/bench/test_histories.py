"""The figures over long histories measure what they say, over short ones. (What they measure is no test.)"""

from __future__ import annotations

import os
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from audit import verify_export
from audit.archive import write_export
from bench import proc
from bench.histories import founded
from bench.lengths import Lengths
from bench.plots import PLOTS
from bench.registry import FIGURES
from bench.sizes import Sizes

SMALL = Sizes(
    lengths=Lengths(
        growth_sizes=(200, 400),
        organisations=10,
        dues=4,
        due_decisions=2,
        cycle_transactions=60,
        probe_transactions=20,
        probe_block=10,
        reads=20,
        statement_lines=5,
        node_transactions=20,
        long_up_transactions=30,
        sync_accounts=40,
        sync_transactions=1_000,
        sync_load_rate=5,
    )
)
FILES = {"growth": "growth-400.json", "footprint": "footprint-400.json", "sync": "sync-1000.json"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_figure_is_measured_at_each_size_and_says_how(name: str) -> None:
    said: list[str] = []
    figure = FIGURES[name].run(2, said.append, SMALL)
    assert figure.file_name == FILES[name]
    document = figure.document({"processor": "any"})
    assert document["runs"] == len(document["values"]) == 2
    assert 0 < document["min"] <= document["median"] <= document["max"]
    assert document["parameters"]["members"] == (4 if name == "sync" else 1)
    assert [point["size"] for point in document.get("points", [])] == ([] if name == "sync" else [200, 400])
    assert len({frozenset(point) for point in document.get("points", [])}) <= 1
    assert any("run 2 of 2" in line for line in said)
    if name in PLOTS:
        assert ElementTree.fromstring(PLOTS[name](document)).tag.endswith("svg")


def test_a_history_that_is_made_is_one_that_an_audit_accepts(tmp_path: Path) -> None:
    with founded(4, 10) as history:
        with history.opened() as opened:
            for raw in history.openings(40):
                opened.make([raw])
            for raws in (history.accreditations(4), history.issues(4), history.transfers(30)):
                opened.make(raws)
            opened.make([*history.redemptions(4), history.close_period(1)])
            tip = opened.chain.tip
            blocks = (opened.tables.certified(height) for height in range(1, tip.height + 1))
            write_export(tmp_path / "export", history.testnet.signed_genesis, blocks)
        report = verify_export(tmp_path / "export", history.founding.hash)
        assert list(report.findings) == []
        taken = history.taken()
        assert taken.disk > taken.handed > taken.log > 0


def test_a_transaction_that_is_refused_ends_the_making_of_a_history() -> None:
    with founded(1, 4) as history, history.opened() as opened:
        for raw in history.openings(8):
            opened.make([raw])
        with pytest.raises(RuntimeError, match=r"0 of 1 transactions fit: .*period 7 is not open"):
            opened.make([history.close_period(7)])
        with pytest.raises(RuntimeError, match="was refused: SIGNATURE_INVALID"):
            [raw] = history.transfers(1)
            opened.take([raw[:-1] + bytes([raw[-1] ^ 1])])


def test_what_the_kernel_says_of_a_process_is_read() -> None:
    memory = proc.memory(os.getpid())
    assert memory.resident >= memory.own > 0
    before, began = proc.processor_seconds(os.getpid()), time.process_time()
    while time.process_time() < began + 0.001:  # a tenth of a tick of the clock in /proc
        pass
    assert proc.processor_seconds(os.getpid()) >= before + 0.001
    assert proc.written_bytes(os.getpid()) >= 0
