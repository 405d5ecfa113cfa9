"""What the shell is told by the command, as a process at a real network that loses its quorum and returns."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.keys import Keystore
from client.testnet import Testnet
from tests.client.conftest import CHEAP, PASSWORD
from tests.client.fakes import seeded
from tests.network import running_network, until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Testnet]:
    """Four federations, of which three nodes run: a quorum. A home with the keys of the first and a co-op."""
    with running_network(tmp_path, only=(0, 1, 2)) as testnet:
        seeds = {"emilia": testnet.founders[0].decision.seed, "coop": seeded("coop").seed}
        Keystore(testnet.home / "keystore.json", lambda new: PASSWORD, CHEAP).put(seeds)
        yield testnet


class Shell:
    """Runs `ayni` in a directory and keeps what it said."""

    def __init__(self, directory: Path, home: Path) -> None:
        self._directory = directory
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AYNI_")}
        self._environment = {**kept, "AYNI_HOME": str(home), "AYNI_KEYSTORE_PASSWORD": PASSWORD}
        self._environment["PYTHONPATH"] = str(ROOT)
        self.said = ""

    def code(self, line: str) -> int:
        """The exit code of one command."""
        done = subprocess.run(
            [sys.executable, "-m", "client.cli", *line.split()],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said = done.stdout + done.stderr
        return done.returncode


def test_every_exit_code_is_reached(network: Testnet, tmp_path: Path) -> None:
    """All but 1, which is a bug's: tests/client/test_cli.py plants one."""
    shell = Shell(tmp_path, network.home)
    gone = network.nodes[3].address
    assert shell.code("account open emilia/coop --key coop") == 0, shell.said
    assert shell.code("account open emilia/coop:m-1") == 0, shell.said
    assert shell.code("tx transfer emilia/coop emilia/coop:m-1 1.234 EUC") == 2, shell.said
    assert shell.code("tx transfer emilia/coop emilia/coop:m-1 1 EUC") == 3, shell.said
    assert shell.code("export -o history") == 0, shell.said
    manifest = tmp_path / "history" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"blocks": ', '"blocks": 1'))
    assert shell.code("audit verify history --genesis test") == 4, shell.said
    assert shell.code(f"account show emilia/coop --node {gone}") == 5, shell.said
    assert shell.code("account open emilia/other --key coop --keystore none.json") == 8, shell.said
    assert shell.code("account close emilia/coop:m-1 --keystore none.json") == 7, shell.said
    assert shell.code("account show emilia/nobody") == 8, shell.said

    network.stop(2)  # quorum is lost: nothing becomes final, and submission says so within its deadline
    assert shell.code("account open emilia/coop:m-2 --wait 1s --expires-in 2s") == 6, shell.said
    [tx_id] = [line.split()[1] for line in shell.said.splitlines() if line.startswith("transaction ")]
    over = time.monotonic() + 2
    until(lambda: time.monotonic() > over, "its time is over")
    network.restart(2)
    assert shell.code("account open emilia/coop:m-3") == 0, shell.said  # a final block past that time
    assert shell.code(f"tx wait {tx_id}") == 9, shell.said
