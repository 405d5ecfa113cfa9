"""Fixtures of the client's tests: a fake node, and a home that knows its network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.cli import main
from client.keys import KdfCost, Keystore
from client.networks import Networks, save_networks
from client.outbox import Outbox
from tests.client.fakes import FakeNode, account_record, seeded

CHEAP = KdfCost(operations=1, memory_bytes=8192)
PASSWORD = "correct horse"


@dataclass
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


Ayni = Callable[..., Result]


@pytest.fixture
def node() -> Iterator[FakeNode]:
    """A node that knows two organisations with keys, and a member that one of them holds."""
    fake = FakeNode(
        accounts={
            "emilia/cadiai": account_record(seeded("cadiai")),
            "emilia/cadiai:m-1": account_record(),
            "lazio/coop": account_record(seeded("coop")),
        }
    )
    yield fake
    fake.stop()


@pytest.fixture
def home(tmp_path: Path, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Ayni home that knows the node's network and holds the key of emilia/cadiai."""
    path = tmp_path / "home"
    save_networks(path, Networks({"valley": node.network()}, "valley"))
    Keystore(path / "keystore.json", lambda new: PASSWORD, CHEAP).put({"cadiai": seeded("cadiai").seed})
    monkeypatch.setenv("AYNI_HOME", str(path))
    monkeypatch.setenv("AYNI_KEYSTORE_PASSWORD", PASSWORD)
    for name in ("AYNI_NETWORK", "AYNI_NODE", "AYNI_KEYSTORE", "AYNI_DEBUG", "AYNI_KEYSTORE_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture
def outbox(home: Path, node: FakeNode) -> Outbox:
    """The outbox of that home."""
    return Outbox(home / "outbox" / node.genesis_hash.hex())


@pytest.fixture
def ayni(home: Path, capsys: pytest.CaptureFixture[str]) -> Ayni:
    """Runs `ayni` with arguments in that home: exit code, stdout, stderr."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = main([str(one) for one in arguments])
        captured = capsys.readouterr()
        return Result(int(code), captured.out, captured.err)

    return run


def three_lines(err: str) -> list[str]:
    """The three lines of an error: what, why, next; fails when they are not exactly that."""
    lines = err.rstrip("\n").split("\n")[-3:]
    assert lines[0].startswith("ayni: "), err
    assert lines[1].startswith("  why:  "), err
    assert lines[2].startswith("  next: "), err
    return lines
