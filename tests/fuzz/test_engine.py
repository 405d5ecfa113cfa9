"""The fuzzer has teeth: it finds planted faults of every kind, and the same seed tries the same inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ayni.v1.block_pb2 import Certificate, MemberSignature
from tests.fuzz import __main__ as command
from tests.fuzz import engine, mutate_bytes, mutate_text, mutate_wire
from tests.fuzz.engine import Finding, Target, attempt, run, shrink, unclear

WORD = b'{"name": "a", "count": 3, "list": [1, 2]}'


def target(function: Callable[[bytes], object], *allowed: type[BaseException]) -> Target:
    return Target("planted", "", lambda: [WORD], mutate_text.json_tree, function, allowed)


def crashes_on_a_missing_key(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise LookupError("it is no JSON") from None
    if isinstance(document, dict):
        document["count"]


def echoes(data: bytes) -> None:
    raise LookupError(f"{data.decode(errors='replace')} is not right")


def does_not_end(data: bytes) -> None:
    while data.count(b"a") != 1:
        pass


def grows(data: bytes) -> None:
    if data != WORD:
        _ = b"x" * (engine.MEMORY_GROWTH_MAX_BYTES + (256 << 20))


def test_a_crash_is_found_and_shrunk() -> None:
    planted = target(crashes_on_a_missing_key, LookupError)
    planted = Target("planted", "", planted.seeds, planted.mutate, planted.run, (ArithmeticError,))
    finding = run(planted, 1, inputs=300).findings[0]
    assert finding.reason.startswith(("KeyError", "LookupError"))
    small = shrink(planted, finding)
    assert small.key == finding.key
    assert len(small.data) <= len(finding.data)


def test_a_text_that_helps_nobody_is_found() -> None:
    reasons = {finding.reason for finding in run(target(echoes, LookupError), 1, inputs=300).findings}
    assert any(reason.startswith("unclear") for reason in reasons), reasons


def test_an_input_without_end_is_found() -> None:
    finding, shape = attempt(target(does_not_end), b"aa", seconds_max=0.05)
    assert finding is not None
    assert (shape, finding.reason) == ("slow", "slow: more than 0.05 s")


def test_an_input_that_takes_memory_is_found() -> None:
    finding, _ = attempt(target(grows), b"x", seconds_max=60)
    assert finding is not None
    assert finding.reason.startswith("memory: ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("the amount is 3, at most 2", ""),
        (" \n", "it says nothing"),
        ("x" * 2_001, "it has 2001 characters"),
        ("a\x1b[2J", "it holds the control character '\\x1b'"),
        ("a\x9b", "it holds the control character '\\x9b'"),
        ("a\ud800", "it cannot be printed"),
        ("one fault of many\n" * 20, ""),
        ("a" * 600 + "\n" + "b" * 600, ""),
        ("\n".join(["a" * 600] * 21), ""),
        ("\n".join(["a" * 600] * 22), "it has 13221 characters"),
        ("\n".join(["a" * 601] * 4), "it has 2407 characters"),
    ],
)
def test_what_makes_a_text_unclear(text: str, fault: str) -> None:
    assert unclear(text) == fault


def test_the_same_seed_tries_the_same_inputs_and_another_seed_others() -> None:
    planted = target(crashes_on_a_missing_key, LookupError)
    first, again, other = (run(planted, seed, inputs=200) for seed in (7, 7, 8))
    assert first.trace == again.trace
    assert first.trace != other.trace


def test_wire_changes_keep_what_they_do_not_change() -> None:
    certificate = Certificate(
        view=300, kind=1, digest=b"\x07" * 32, signatures=[MemberSignature(member=2, signature=b"s" * 64)]
    )
    data = certificate.SerializeToString(deterministic=True)
    tree = mutate_wire.read(data)
    assert tree is not None
    assert mutate_wire.write(tree) == data


def test_wire_changes_lie_about_lengths_and_nest_and_pad() -> None:
    field = mutate_wire.Field(1, 2, b"abc", lie=5)
    assert mutate_wire.write([field]) == b"\x0a\x08abc"
    assert mutate_wire.write([mutate_wire.Field(1, 0, 3, padding=2)]) == b"\x08\x83\x80\x00"


def test_no_change_makes_inputs_grow_without_end() -> None:
    from random import Random

    chance, data = Random(1), b"x" * 1_000_000
    for _ in range(20):
        data = mutate_bytes.mutate(chance, data, [data])
        assert len(data) <= mutate_bytes.BYTES_MAX


def test_the_command_writes_what_it_found_and_how_to_try_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = target(crashes_on_a_missing_key, ArithmeticError)
    monkeypatch.setattr(command, "TARGETS", (planted,))
    monkeypatch.setattr(command, "by_name", lambda: {"planted": planted})
    assert command.main(["--inputs", "200", "--output", str(tmp_path)]) == 1
    written = sorted(tmp_path.iterdir())
    assert written
    error = capsys.readouterr().err
    assert f"./scripts/fuzz --target planted --input {written[0]}" in error
    assert command.main(["--target", "planted", "--input", str(written[0])]) == 1


def test_the_command_says_which_targets_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--target", "nonsense"]) == 2
    assert "there is no target nonsense" in capsys.readouterr().err
    assert command.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(command.TARGETS)


def test_findings_of_one_cause_count_once() -> None:
    first = Finding("t", b"a", "KeyError: 'x'", "client/keys.py:7")
    second = Finding("t", b"b", "KeyError: 'y'", "client/keys.py:7")
    assert first.key == second.key
    assert engine.Report("t").findings == []
