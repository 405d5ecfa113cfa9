"""Two exports side by side, each damaged, of another network, or rewritten: `ayni audit compare`.

Besides what every target must keep to: whoever is named is guilty, by evidence that verifies alone, and two
exports that verify and part name everybody who is.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from audit import Comparison, NotComparable, compare_exports, verify_evidence_file
from audit.archive import GENESIS, HISTORY, MANIFEST, describe_file, manifest_bytes
from client.cli.audit_shown import comparison_json, fail_comparison, print_comparison, print_evidence
from client.errors import ClientError
from tests.audit.forks import double_spend
from tests.audit.history import History
from tests.audit.tampering import frames, joined, tiny
from tests.fuzz import mutate_text, mutate_wire, seeds
from tests.fuzz.engine import Target, unclear
from tests.fuzz.targets_proofs import Said

GUILTY = [1, 2]
"""Who signs both histories of `double_spend`."""
TRUSTED, CAREFUL = 1, 2
"""Bits of the first byte: whether a trusted genesis is named, and whether the manifests are made right."""


@cache
def _forked() -> tuple[History, History]:
    """Two histories of one network; in the second, a view is skipped where the first has a block."""
    return double_spend(1)


def _side(history: History, name: str, blocks: int | None = None) -> bytes:
    """An export as one list: genesis, manifest, and the frames of the history."""
    directory = seeds.directory() / f"compare-{name}"
    if not directory.exists():
        history.export(directory, history.blocks[:blocks])
    genesis, manifest = ((directory / each).read_bytes() for each in (GENESIS, MANIFEST))
    return mutate_wire.join([genesis, manifest, *frames(directory / HISTORY)])


def _seeds() -> list[bytes]:
    first, second = _forked()
    ours, theirs = _side(first, "first"), _side(second, "second")
    pairs = [
        (TRUSTED | CAREFUL, ours, theirs),
        (CAREFUL, theirs, ours),
        (TRUSTED, ours, ours),
        (TRUSTED | CAREFUL, ours, _side(first, "beginning", 1)),
        (CAREFUL, ours, _side(tiny(), "tiny")),
        (TRUSTED, _side(tiny(), "tiny"), theirs),
    ]
    return [mutate_wire.join([bytes([how]), one, other]) for how, one, other in pairs]


def _mutate(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """Another way of comparing, the sides exchanged, or something else in one of them, maybe the other's."""
    how, *sides = _parts(data)
    change = chance.randrange(12)
    if change == 0:
        return mutate_wire.join([bytes([chance.randrange(4)]), *sides])
    if change == 1:
        return mutate_wire.join([how, *reversed(sides)])
    at = chance.randrange(2)
    if change == 2:
        genesis, manifest, *blocks = _files(sides[at])
        sides[at] = mutate_wire.join([genesis, mutate_text.json_tree(chance, manifest, [manifest]), *blocks])
    else:
        known = [side for each in pool for side in _parts(each)[1:]]
        sides[at] = mutate_wire.sequence(chance, sides[at], [*sides, *sides, *known])
    return mutate_wire.join([how, *sides])


def _parts(data: bytes) -> list[bytes]:
    """How to compare, and the two sides."""
    return [*mutate_wire.split(data), b"", b"", b""][:3]


def _files(side: bytes) -> list[bytes]:
    """Genesis, manifest, and the frames of the history."""
    parts = mutate_wire.split(side)
    return parts + [b""] * (2 - len(parts))


def _compare(data: bytes) -> None:
    how, *sides = _parts(data)
    flags = how[0] if how else 0
    directories = tuple(seeds.directory() / f"compare-{name}" for name in ("a", "b"))
    for directory, side in zip(directories, sides, strict=True):
        _write(directory, side, careful=bool(flags & CAREFUL))
    first, second = directories
    trusted = _forked()[0].hash if flags & TRUSTED else None
    found = compare_exports(first, second, trusted)
    _check(found)
    text = io.StringIO()
    console = Console(file=text, width=10_000, highlight=False, markup=False, emoji=False, color_system=None)
    print_comparison(console, (first, second), found, trusted=trusted is not None)
    print_evidence(console, found, None, "there is no room.")
    for line in text.getvalue().splitlines():
        if fault := unclear(line):
            raise RuntimeError(f"{fault}: {line[:200]!r}")
    json.dumps(comparison_json((first, second), found, None)).encode()
    try:
        fail_comparison((first, second), found)
    except ClientError as error:
        raise Said(str(error)) from error


def _write(directory: Path, side: bytes, *, careful: bool) -> None:
    directory.mkdir(exist_ok=True)
    genesis, manifest, *blocks = _files(side)
    for name, content in zip((GENESIS, MANIFEST, HISTORY), (genesis, manifest, joined(blocks)), strict=True):
        (directory / name).write_bytes(content)
    if careful:
        # A manifest that cannot be made right is compared as it is.
        with suppress(ValueError, TypeError, LookupError, RecursionError):
            document = json.loads(manifest)
            for name in (GENESIS, HISTORY):
                document["files"][name] = describe_file(directory / name)
            (directory / MANIFEST).write_bytes(manifest_bytes(document))


def _check(found: Comparison) -> None:
    """Whoever is named is guilty, and when both verify, nobody who is guilty is missed."""
    first, _ = _forked()
    if found.reports[0].genesis_hash != first.hash:
        return
    path = seeds.directory() / "compare.evidence"
    path.write_bytes(found.evidence_bytes)
    named: list[Any] = []
    if found.evidence:
        report = verify_evidence_file(path, first.signed)
        if report.findings:
            raise RuntimeError(f"the evidence does not verify: {report.findings}")
        named = [guilty.member for guilty in report.guilty]
    if not set(named) <= set(GUILTY):
        raise RuntimeError(f"somebody honest is named: {named}")
    if found.parting is not None and named != GUILTY:
        raise RuntimeError(f"they part, and only these are named: {named}")


TARGETS = (
    Target(
        "compare",
        "two exports, compared: damaged, of another network, or two histories of one",
        _seeds,
        _mutate,
        _compare,
        (Said, NotComparable),
    ),
)
