"""Where `ayni` is run with an output that nobody reads, that is full, or that is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from client.outbox import Outbox
from tests.client.fakes import TRANSFER, FakeNode, tx_id_of

ROOT = Path(__file__).parents[2]


def run(stdout: int | None, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of one command in a process of its own. `stdout` None: it has none."""
    command = [sys.executable, "-m", "client.cli", *arguments]
    if stdout is None:
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.usefixtures("home")
def test_a_reader_that_is_gone_stops_no_payment_and_changes_no_exit_code(
    node: FakeNode, outbox: Outbox, form: tuple[str, ...]
) -> None:
    """As after `ayni tx transfer … | head -1`: whoever is told otherwise pays again."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        code, said = run(writing, *TRANSFER, *form)
    finally:
        os.close(writing)
    assert (code, len(node.seen), outbox.pending()) == (0, 1, []), said


@pytest.mark.usefixtures("home")
def test_a_program_without_an_output_pays_all_the_same(node: FakeNode) -> None:
    assert run(None, *TRANSFER) == (0, "")
    assert len(node.seen) == 1


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("form", "escaped"), [((), "caf\\xe9"), (("--json",), "caf\\u00e9")], ids=["text", "json"]
)
def test_what_a_terminal_of_old_cannot_show_is_shown_escaped(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: tuple[str, ...], escaped: str
) -> None:
    """Whoever is paid chooses none of the references in the own statement."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    name = tmp_path / "said"
    with name.open("w") as said:
        assert run(said.fileno(), *TRANSFER, "--reference", "café") == (0, "")
    with name.open("w") as said:
        code, error = run(said.fileno(), "tx", "show", tx_id_of(node.seen[0]).hex(), *form)
    assert (code, error) == (0, "")
    text = name.read_text()
    assert escaped in text
    if form:
        assert json.loads(text)["transfer"]["legs"][0]["reference"] == "café"


@pytest.mark.usefixtures("home")
def test_an_output_that_is_full_stops_a_payment_before_it_is_sent(node: FakeNode) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, said = run(full, *TRANSFER)
    finally:
        os.close(full)
    assert (code, said.splitlines()) == (
        2,
        [
            "ayni: what it says, or a file, cannot be written.",
            "  why:  No space left on device.",
            "  next: Make room, and see with `ayni tx pending` what was sent before you run it again.",
        ],
    )
    assert node.seen == []
