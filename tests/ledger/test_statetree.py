"""The tree over the state: what it says after any writes is what the records alone say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import statetree
from ledger.state import MemoryReader
from ledger.statetree import StateTree, TreeChange
from proofs import statetree as shape

BITS = 3
Writes = dict[bytes, bytes]
keys = st.integers(0, 60).map(lambda number: b"b|emilia/a-%d|EUC" % number)
blocks = st.lists(st.dictionaries(keys, st.sampled_from([b"", b"one", b"two"]), max_size=12), max_size=6)


def from_nothing(values: dict[bytes, bytes]) -> StateTree:
    """The tree of these records, read whole."""
    reader = MemoryReader(BITS)
    reader.write({key: value for key, value in values.items() if value})
    return StateTree(reader, BITS)


@given(blocks, st.integers(0, 6))
def test_blocks_over_blocks_lead_to_the_tree_of_the_records_they_leave(
    written: list[Writes], final: int
) -> None:
    reader = MemoryReader(BITS)
    tree = StateTree(reader, BITS)
    values: dict[bytes, bytes] = {}
    change = None
    for number, writes in enumerate(written):
        values |= writes
        change = TreeChange(tree, change, writes)
        assert from_nothing(values).root() == change.root()
        if number < final:  # as a block that becomes final at once
            reader.write({key: value or None for key, value in writes.items()})
            tree.advance(change)
            change = None
            assert from_nothing(values).root() == tree.root()
            assert from_nothing(values).bucket_hashes() == tree.bucket_hashes()
            assert all((tree.value(key) or b"") == value for key, value in values.items())
            assert tree.value(b"never written") is None


def test_a_bucket_holds_its_records_in_the_order_in_which_they_are_hashed() -> None:
    values = {b"b|emilia/a-%d|EUC" % number: b"value" for number in range(40)}
    tree = from_nothing(values)
    found = [entry for index in range(1 << BITS) for entry in tree.entries(index)]
    expected = sorted(shape.key_hash(key) + shape.value_hash(value) for key, value in values.items())
    assert expected == found


def test_buckets_are_forgotten_at_a_bound_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = MemoryReader(BITS)
    tree = StateTree(reader, BITS)
    values: dict[bytes, bytes] = {}
    monkeypatch.setattr(statetree, "_CACHED_BYTES_MAX", 1_000)
    for number in range(60):
        writes = {b"b|emilia/a-%d|EUC" % number: b"value"}
        values |= writes
        change = TreeChange(tree, None, writes)
        reader.write(dict(writes))
        tree.advance(change)
        assert tree.cached_bytes == sum(map(len, filter(None, tree._buckets))) <= 1_000
        assert from_nothing(values).root() == tree.root()
    assert None in tree._buckets
    assert [tree.value(key) for key in values] == list(values.values())


def test_to_read_a_record_no_bucket_is_read() -> None:
    """A close reads a record of each organisation, and writes few of them."""
    values = {b"b|emilia/a-%d|EUC" % number: b"value" for number in range(40)}
    tree = from_nothing(values)
    assert [tree.value(key) for key in values] == list(values.values())
    assert tree.value(b"never written") is None
    assert tree.cached_bytes == 0
