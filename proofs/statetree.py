"""The hashes of the state tree: record, bucket, node; and the root that one bucket's path leads to.

The tree is complete: 2^bits buckets; a record lies in the bucket that the first bits of its key hash
say. Never holds a state; `ledger/statetree.py` does. Spec: docs/encoding.md. Vectors:
tests/vectors/statetree.json.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from proofs.domains import HASH_BYTES, STATE_BUCKET, STATE_KEY, STATE_NODE, STATE_VALUE

BITS_MAX = 20
_KEY_HASHES_REMEMBERED = 1 << 16


@lru_cache(_KEY_HASHES_REMEMBERED)
def key_hash(key: bytes) -> bytes:
    """Return the hash of a record's key. The last ones are remembered: who pays today pays tomorrow."""
    return sha256(STATE_KEY + key).digest()


def value_hash(value: bytes) -> bytes:
    """Return the hash of a record's canonical bytes."""
    return sha256(STATE_VALUE + value).digest()


def bucket_of(key_hash: bytes, bits: int) -> int:
    """Return the number of the bucket: the first `bits` bits of the key hash."""
    return int.from_bytes(key_hash[:4]) >> (32 - bits)


def bucket_hash(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the hash of a bucket, from its (key hash, value hash) pairs ascending by key hash."""
    return joined_bucket_hash(b"".join([part for entry in entries for part in entry]))


def joined_bucket_hash(joined: bytes) -> bytes:
    """Return the hash of a bucket, from its key hash ‖ value hash entries ascending, one after the other."""
    return sha256(STATE_BUCKET + joined).digest()


EMPTY_BUCKET = bucket_hash(())


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(STATE_NODE + left + right).digest()


def level_above(level: Sequence[bytes], empty: bytes) -> tuple[list[bytes], bytes]:
    """Return the nodes above a level, and the node above two empty ones.

    Where both children are `empty` (a subtree without records) nothing is hashed: most of a tree is that.
    """
    above_empty = node_hash(empty, empty)
    pairs = zip(level[::2], level[1::2], strict=True)
    return [
        above_empty if left == empty and right == empty else node_hash(left, right) for left, right in pairs
    ], above_empty


def root_from_path(bucket: int, bucket_hash: bytes, path: Sequence[bytes], bits: int) -> bytes:
    """Return the root that a bucket's siblings lead to, bucket level first.

    Raises `ValueError` when the path does not have exactly `bits` hashes or the bucket does not exist.
    """
    if not 0 <= bucket < 1 << bits:
        raise ValueError(f"no bucket {bucket} in a state tree of {bits} bits")
    if len(path) != bits:
        raise ValueError(f"the path has {len(path)} hashes; the state tree has {bits} levels")
    node = bucket_hash
    for position, sibling in enumerate(path):
        if len(sibling) != HASH_BYTES:
            raise ValueError(f"hash {position} of the path has {len(sibling)} bytes, not {HASH_BYTES}")
        node = node_hash(sibling, node) if bucket & 1 else node_hash(node, sibling)
        bucket >>= 1
    return node
