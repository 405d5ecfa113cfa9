"""Hostile input, in short: every real object is accepted as before, every input that once broke something is
refused in words, and some thousands of new ones, always the same, break nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.limits import FIELDS_MAX
from tests.fuzz import engine
from tests.fuzz.engine import Target
from tests.fuzz.targets import TARGETS, by_name

CASES = Path(__file__).with_name("cases")
SEED = 1
INPUTS = 60
"""New inputs a target, times its rate; the long form is `./scripts/fuzz`."""


def cases() -> list[tuple[str, Path]]:
    """(target, file) of every input that once broke something."""
    return [(path.parent.name, path) for path in sorted(CASES.glob("*/*"))]


def described(finding: engine.Finding | None) -> str:
    return f"{finding.reason} at {finding.where}\n{finding.trace}" if finding else ""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_real_objects_are_read(target: Target) -> None:
    for data in target.seeds():
        assert described(engine.attempt(target, data)[0]) == ""


@pytest.mark.parametrize(("name", "path"), cases(), ids=lambda value: getattr(value, "name", value))
def test_what_once_broke_something_breaks_it_no_more(name: str, path: Path) -> None:
    finding, shape = engine.attempt(by_name()[name], path.read_bytes())
    assert described(finding) == ""
    assert shape


def test_every_case_belongs_to_a_target() -> None:
    assert {name for name, _ in cases()} <= set(by_name())


@pytest.mark.parametrize("target", [each for each in TARGETS if each.rate], ids=lambda target: target.name)
def test_hostile_input_is_refused_in_words(target: Target) -> None:
    inputs = len(target.seeds()) + INPUTS * target.rate
    report = engine.run(target, SEED, inputs=inputs)
    assert [described(finding) for finding in report.findings] == []


def test_two_readers_agree_that_it_is_refused_though_one_does_not_say_which_of_too_many_fields() -> None:
    author_again_and_again = b"\x01" + b"\x0a\x00" * (FIELDS_MAX + 1)
    finding, shape = engine.attempt(by_name()["wire"], author_again_and_again)
    assert described(finding) == ""
    assert shape == "NotCanonical the Body of # bytes has more than # fields"
