"""The state tree's hashes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import statetree
from tests.vectors.make_hashes import bucket_hash, levels, siblings
from tests.vectors.reading import load

VECTORS = load("statetree")


@pytest.mark.parametrize("case", VECTORS["cases"])
def test_buckets_and_root_are_the_vectors(case: dict[str, Any]) -> None:
    bits = case["bits"]
    contents: dict[int, list[tuple[bytes, bytes]]] = {}
    for key, value in case["records"].items():
        hashed = statetree.key_hash(key.encode())
        entry = hashed, statetree.value_hash(bytes.fromhex(value))
        contents.setdefault(statetree.bucket_of(hashed, bits), []).append(entry)
    hashes = {number: statetree.bucket_hash(sorted(entries)) for number, entries in contents.items()}

    assert case["buckets"] == {str(number): hashes[number].hex() for number in sorted(hashes)}
    level = b"".join([hashes.get(number, statetree.EMPTY_BUCKET) for number in range(2**bits)])
    assert level == statetree.bucket_hashes(hashes.items(), bits)
    assert case["root"] == statetree.levels(level, bits)[-1].hex()


def test_empty_bucket_is_the_vectors() -> None:
    assert VECTORS["empty_bucket"] == statetree.EMPTY_BUCKET.hex()


@given(st.integers(1, 8), st.data())
def test_path_leads_to_the_root_from_every_bucket(bits: int, data: st.DataObject) -> None:
    contents = [bucket_hash([(b"%d" % n, b"value")]) for n in range(2**bits)]
    tree = levels(contents)
    bucket = data.draw(st.integers(0, 2**bits - 1))
    path = siblings(tree, bucket)

    assert tree[-1][0] == statetree.root_from_path(bucket, contents[bucket], path, bits)
    assert tree[-1][0] != statetree.root_from_path(bucket ^ 1, contents[bucket], path, bits)


def test_path_of_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="no bucket 4 in a state tree of 2 bits"):
        statetree.root_from_path(4, bytes(32), [bytes(32)] * 3, 2)
    with pytest.raises(ValueError, match="the path has 1 hashes; in a state tree of 2 bits it has 3"):
        statetree.root_from_path(3, bytes(32), [bytes(32)], 2)
    with pytest.raises(ValueError, match="hash 1 of the path has 31 bytes, not 32"):
        statetree.root_from_path(3, bytes(32), [bytes(32), bytes(31), bytes(32)], 2)
