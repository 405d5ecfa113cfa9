"""Every numbered rule of docs/protocol.md is cited where it is kept, and where that is tested.

A citation is the number in a comment or docstring of the code that keeps the rule (`# T4`), and of a test in
a comment, a docstring, its name, or a case's `rules`. A range ("C1 to C12") cites nothing.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KEEPING = ("proofs", "ledger", "consensus", "audit", "node")
"""Clients only explain what the others enforce."""
NUMBER = re.compile(r"(?<![A-Za-z0-9])([A-Z][0-9]{1,2})(?![A-Za-z0-9])")
RANGE = re.compile(r"\b([A-Z])[0-9]+ (?:to|…|–) \1[0-9]+\b")


def rules() -> list[str]:
    """The numbers, in order."""
    text = (ROOT / "docs" / "protocol.md").read_text()
    return re.findall(r"^- \*\*([A-Z][0-9]+)\*\*", text, re.MULTILINE)


def said_in(path: Path) -> Iterator[str]:
    """Comments, docstrings, and names of tests."""
    text = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name.replace("_", " ")
        match node:
            case ast.Expr(value=ast.Constant(value=str() as words)):
                yield words


def cited(texts: Iterator[str]) -> set[str]:
    return {number for text in texts for number in NUMBER.findall(RANGE.sub("", text))}


def citations(paths: Iterator[Path]) -> set[str]:
    return {number for path in paths for number in cited(said_in(path))}


@pytest.fixture(scope="module")
def kept() -> set[str]:
    return citations(path for room in KEEPING for path in (ROOT / room).rglob("*.py"))


@pytest.fixture(scope="module")
def tested() -> set[str]:
    found = citations(path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))
    for path in (ROOT / "tests" / "ledger" / "cases").glob("*.toml"):
        for listed in re.findall(r"^rules = \[(.*)\]$", path.read_text(), re.MULTILINE):
            found |= set(NUMBER.findall(listed))
    return found


def test_the_protocol_has_rules_numbered_without_a_gap() -> None:
    numbers: dict[str, list[int]] = {}
    for rule in rules():
        numbers.setdefault(rule[0], []).append(int(rule[1:]))
    assert "".join(numbers) == "TMAFREHPSBC"
    for letter, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), letter


@pytest.mark.parametrize("rule", rules())
def test_a_rule_is_cited_by_the_code_that_keeps_it(rule: str, kept: set[str]) -> None:
    assert rule in kept, f"no comment or docstring in {', '.join(KEEPING)} cites {rule}"


@pytest.mark.parametrize("rule", rules())
def test_a_rule_is_cited_by_a_test(rule: str, tested: set[str]) -> None:
    assert rule in tested, f"no test or case cites {rule}"


def test_no_rule_is_cited_that_does_not_exist(kept: set[str], tested: set[str]) -> None:
    letters = {rule[0] for rule in rules()}
    strangers = {number for number in kept | tested if number[0] in letters} - set(rules())
    assert strangers == set()
