"""A short torture: a few faults of each sort on four real nodes, and everything that was promised holds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.torture.cluster import ROOT

FAULTS = "kill-all,split,clock-far,strangers"


@pytest.mark.timeout(400)
def test_a_short_torture_finds_nothing_wrong() -> None:
    command = [sys.executable, "-m", "tests.torture", "--minutes=0.35", "--seed=7", "--json", "--rate=20"]
    command += ["--lifetime-ms=4000", f"--only={FAULTS}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-8_000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert all(found["checks"].values())
    assert {fault["fault"] for fault in found["faults"]} <= set(FAULTS.split(","))
    assert found["final_transactions"] > 50
