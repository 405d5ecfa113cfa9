"""The torture's own teeth: each oracle sees what it is there to see, and the tools do what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from client.outcomes import Kind, Outcome
from tests.torture.checks import (
    History,
    Place,
    agreement,
    amiss,
    contradiction,
    outcomes,
    what_was_seen,
)
from tests.torture.cluster import CLOCKS
from tests.torture.journal import Journal, Line, read

ID = "ab" * 32


def final(height: int = 3, position: int = 7) -> Line:
    return Line(0, ID, "final", height=height, position=position)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (final(), None),
        (final(), Place(4, 7)),
        (final(), Place(3, 8)),
        (Line(0, ID, "expired"), Place(3, 7)),
        (Line(0, ID, "refused", code="LEGS", never=True), Place(3, 7)),
    ],
)
def test_an_untrue_answer_is_seen(line: Line, place: Place | None) -> None:
    assert ID in contradiction(line, place)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (final(), Place(3, 7)),
        (Line(0, ID, "expired"), None),
        (Line(0, ID, "refused", code="LIMIT_EXCEEDED"), Place(3, 7)),
        (Line(0, ID, "refused", code="LEGS", never=True), None),
        (Line(0, ID, "unknown"), None),
        (Line(0, ID, "unknown"), Place(3, 7)),
    ],
)
def test_a_true_answer_is_let_pass(line: Line, place: Place | None) -> None:
    assert contradiction(line, place) == ""


def test_two_histories_that_differ_and_what_is_twice_in_one_are_seen() -> None:
    wrong: list[str] = []
    one, other = History(blocks=[b"a", b"b"]), History(blocks=[b"a", b"c"])
    agreement(["emilia", "lombardia"], [one, other], wrong.append)
    assert wrong == ["emilia and lombardia hold different blocks at height 2"]
    wrong.clear()
    agreement(["emilia", "lombardia"], [one, History(blocks=[b"a"])], wrong.append)
    assert wrong == []
    one.twice.append(bytes.fromhex(ID))
    one.authors_nonces["emilia/coop", b"n"] = 2
    agreement(["emilia"], [one], wrong.append)
    assert ["twice" in wrong[0], "more than once" in wrong[1]] == [True, True]


def test_a_final_block_that_is_gone_or_another_is_seen() -> None:
    wrong: list[str] = []
    history = History(blocks=[b"a", b"b"], state_roots={1: b"r", 2: b"s"})
    what_was_seen({1: b"r", 2: b"s"}, history, wrong.append)
    assert wrong == []
    what_was_seen({2: b"x"}, history, wrong.append)
    what_was_seen({3: b"t"}, history, wrong.append)
    assert ["state root" in wrong[0], "ends at 2" in wrong[1]] == [True, True]


def test_the_journals_of_clients_are_read_and_held_against_the_log(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    logged, lost = bytes.fromhex(ID), bytes(32)
    journal.sent(logged, "plain", "emilia/coop 00")
    journal.outcome(Outcome(logged, Kind.FINAL, height=3, log_index=0))
    journal.sent(lost, "plain", "emilia/coop 01")
    journal.outcome(Outcome(lost, Kind.FINAL, height=2, log_index=1))
    journal.wrong(b"", "VerificationFailed: a receipt that is none")
    with (tmp_path / "journal").open("a") as file:
        file.write('{"t": 1, "id": "00')  # a client that was killed while it wrote
    assert [line.what for line in read(tmp_path / "journal")] == ["sent", "final", "sent", "final", "wrong"]
    wrong: list[str] = []
    history = History(places={logged: Place(3, 0), b"\x01" * 32: Place(3, 1)})
    told = outcomes([tmp_path / "journal"], history, [], wrong.append)
    assert told.final == 2
    assert ["does not hold it" in wrong[0], "a client met" in wrong[1], "nobody has sent" in wrong[2]] == [
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("2026 [info     ] peer_up   node=emilia peer=japan", ""),
        ("2026 [warning  ] alarm     code=untimely_proposal halt=False message='…'", ""),
        ("2026 [error    ] alarm     code=voting_locked halt=False message='…'", ""),
        (
            "2026 [error    ] alarm     code=certified_invalid halt=True message='…'",
            "alarm certified_invalid",
        ),
        ("2026 [warning  ] peer_fault  peer=japan reason='…'", "peer_fault"),
        ("Traceback (most recent call last):", "Traceback"),
        ("Fatal Python error: Segmentation fault", "Fatal Python error"),
    ],
)
def test_a_log_is_read_for_what_no_fault_explains(line: str, what: str) -> None:
    assert amiss(line) == what


def test_a_clock_is_shifted_for_a_node_and_for_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "clock-offset-ms").write_text("-90000")
    shown = "import json, time; print(json.dumps([time.time(), time.time_ns() / 1e9, time.monotonic()]))"
    environment = {**os.environ, "PYTHONPATH": str(CLOCKS)}

    def clocks(*arguments: str) -> list[float]:
        command = [sys.executable, "-c", shown, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found: list[float] = json.loads(done.stdout)
        return found

    began = time.time()
    for clock in clocks("--config", str(tmp_path / "node.toml"))[:2]:
        assert -90 <= clock - began < -60
    for clock in clocks()[:2]:
        assert 0 <= clock - began < 30
