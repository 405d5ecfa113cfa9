"""The log's tree against RFC 6962: known answers, every size up to 64, and every proof that was changed."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofInvalid,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.vectors.make_hashes import merkle_root
from tests.vectors.reading import load

VECTORS = load("merkle")
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
SIZE_MAX = 64


def node(level: int, index: int) -> bytes:
    return nodes()[level, index]


@cache
def nodes() -> dict[tuple[int, int], bytes]:
    _, created = Frontier().extend([leaf_hash(leaf(n)) for n in range(SIZE_MAX)])
    return {(level, index): value for level, index, value in created}


def leaf(number: int) -> bytes:
    return b"leaf %d" % number


@cache
def root(size: int) -> bytes:
    return merkle_root([leaf(n) for n in range(size)])


def test_known_roots() -> None:
    for size, expected in enumerate(VECTORS["roots"]):
        assert expected == root_of([leaf_hash(each) for each in LEAVES[:size]]).hex()


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_known_inclusion_paths(case: dict[str, Any]) -> None:
    _, created = Frontier().extend([leaf_hash(each) for each in LEAVES])
    known = {(level, index): value for level, index, value in created}
    index, size = case["index"], case["size"]

    path = inclusion_path(index, size, lambda level, at: known[level, at])

    assert case["path"] == [each.hex() for each in path]
    verify_inclusion(leaf_hash(LEAVES[index]), index, size, path, bytes.fromhex(VECTORS["roots"][size]))


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_known_consistency_paths(case: dict[str, Any]) -> None:
    _, created = Frontier().extend([leaf_hash(each) for each in LEAVES])
    known = {(level, index): value for level, index, value in created}
    old_size, new_size = case["old_size"], case["new_size"]
    old_root, new_root = (bytes.fromhex(VECTORS["roots"][size]) for size in (old_size, new_size))

    path = consistency_path(old_size, new_size, lambda level, at: known[level, at])

    assert case["path"] == [each.hex() for each in path]
    verify_consistency(old_size, new_size, old_root, new_root, path)


def test_frontier_gives_the_root_of_the_definition_at_every_size() -> None:
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for size in range(1, SIZE_MAX + 1):
        frontier = frontier.append([leaf_hash(leaf(size - 1))])
        assert (size, root(size)) == (frontier.size, frontier.root())


def test_frontier_reports_every_complete_subtree_once() -> None:
    frontier, created = Frontier().extend([leaf_hash(leaf(n)) for n in range(11)])

    expected = {(level, index) for level in range(4) for index in range(11 >> level)}
    assert expected == {(level, index) for level, index, _ in created}
    assert len(expected) == len(created)
    assert root(11) == frontier.root()


@given(st.lists(st.integers(1, 20), max_size=8))
def test_frontier_does_not_depend_on_how_leaves_are_batched(batches: list[int]) -> None:
    total = sum(batches)
    hashes = [leaf_hash(leaf(n)) for n in range(total)]
    frontier, position = Frontier(), 0
    for batch in batches:
        frontier = frontier.append(hashes[position : position + batch])
        position += batch

    assert Frontier().append(hashes) == frontier


def test_every_inclusion_proof_up_to_64_verifies() -> None:
    for size in range(1, SIZE_MAX + 1):
        for index in range(size):
            path = inclusion_path(index, size, node)
            verify_inclusion(leaf_hash(leaf(index)), index, size, path, root(size))


def test_every_consistency_proof_up_to_64_verifies() -> None:
    for new_size in range(1, SIZE_MAX + 1):
        for old_size in range(1, new_size + 1):
            path = consistency_path(old_size, new_size, node)
            verify_consistency(old_size, new_size, root(old_size), root(new_size), path)


def mutations(path: list[bytes], position: int, bit: int) -> list[list[bytes]]:
    """The path with one bit changed, one hash left out, put in, swapped or cut short."""
    found = [[*path, root(1)], [root(1), *path]]
    if path:
        at = position % len(path)
        changed = bytearray(path[at])
        changed[bit // 8] ^= 1 << bit % 8
        found.append([*path[:at], bytes(changed), *path[at + 1 :]])
        found.append([*path[:at], *path[at + 1 :]])
        found.append([*path[:at], path[at], *path[at:]])
        found.append([*path[:at], path[at][:31], *path[at + 1 :]])
        if len(path) > 1 and path[at] != path[at - 1]:
            swapped = list(path)
            swapped[at], swapped[at - 1] = swapped[at - 1], swapped[at]
            found.append(swapped)
    return found


@given(st.data(), st.integers(1, SIZE_MAX), st.integers(0, 10), st.integers(0, 255))
def test_changed_inclusion_proof_is_refused(data: st.DataObject, size: int, at: int, bit: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, node)

    for changed in mutations(path, at, bit):
        with pytest.raises(ProofInvalid, match="path"):
            verify_inclusion(leaf_hash(leaf(index)), index, size, changed, root(size))
    for other in {index - 1, index + 1, index ^ 1, size, -1} - {index}:
        with pytest.raises(ProofInvalid, match=r"path|no leaf"):
            verify_inclusion(leaf_hash(leaf(index)), other, size, path, root(size))
    with pytest.raises(ProofInvalid, match="leads to"):
        verify_inclusion(leaf_hash(b"another"), index, size, path, root(size))


@given(st.data(), st.integers(2, SIZE_MAX), st.integers(0, 10), st.integers(0, 255))
def test_changed_consistency_proof_is_refused(data: st.DataObject, size: int, at: int, bit: int) -> None:
    old = data.draw(st.integers(1, size - 1))
    path = consistency_path(old, size, node)

    for changed in mutations(path, at, bit):
        with pytest.raises(ProofInvalid, match="path"):
            verify_consistency(old, size, root(old), root(size), changed)
    with pytest.raises(ProofInvalid, match="root"):
        verify_consistency(old, size, root(size), root(size), path)
    with pytest.raises(ProofInvalid, match="new root"):
        verify_consistency(old, size, root(old), root(old), path)


def test_proofs_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="no leaf 3 in a log of 3"):
        inclusion_path(3, 3, node)
    with pytest.raises(ValueError, match="no consistency proof from size 0 to 3"):
        consistency_path(0, 3, node)
    with pytest.raises(ProofInvalid, match="no consistency proof from size 4 to 3"):
        verify_consistency(4, 3, root(4), root(3), [])
    with pytest.raises(ProofInvalid, match="between equal sizes is empty"):
        verify_consistency(3, 3, root(3), root(3), [root(1)])
    with pytest.raises(ProofInvalid, match="path is empty"):
        verify_consistency(3, 5, root(3), root(5), [])
