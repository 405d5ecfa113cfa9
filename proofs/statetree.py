"""The hashes of the state tree: record, bucket, node; and the root that one bucket's path leads to.

The tree is complete: 2^bits buckets; a record lies in the bucket that the first bits of its key hash
say. An inner node has eight children: a bucket that changes costs a third of the hashes of a binary tree.
Never holds a state; `ledger/statetree.py` does. Spec: docs/encoding.md. Vectors:
tests/vectors/statetree.json.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from proofs.domains import HASH_BYTES, STATE_BUCKET, STATE_KEY, STATE_NODE, STATE_VALUE

BITS_MAX = 20
_NODE_BITS = 3
"""A node has 2^3 children."""


def key_hash(key: bytes) -> bytes:
    """Return the hash of a record's key."""
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


def bucket_hashes(hashes: Iterable[tuple[int, bytes]], bits: int) -> bytes:
    """Return the hash of every bucket, in order, from (number, hash) of those that are not empty."""
    joined = bytearray(EMPTY_BUCKET * (1 << bits))
    for index, found in hashes:
        joined[index * HASH_BYTES : (index + 1) * HASH_BYTES] = found
    return bytes(joined)


def node_hash(children: bytes | bytearray) -> bytes:
    """Return the hash of an inner node, from its children's hashes in order, one after the other."""
    return sha256(STATE_NODE + children).digest()


def node_bits(bits: int) -> list[int]:
    """Return of each level, the buckets' parents first, the logarithm of how many children its nodes have.

    Three, for eight children; the root has as many as are left (of ten bits: 3, 3, 3, 1).
    """
    left = bits % _NODE_BITS
    return [_NODE_BITS] * (bits // _NODE_BITS) + ([left] if left else [])


def levels(bucket_hashes: bytes, bits: int) -> list[bytes]:
    """Return the hashes of each level, one after the other: the buckets' level first, the root last.

    Where all children are empty (a subtree without records) nothing is hashed: most of a tree is that.
    """
    found = [bucket_hashes]
    empty = EMPTY_BUCKET
    for width_bits in node_bits(bits):
        below, size = found[-1], HASH_BYTES << width_bits
        nothing = empty * (1 << width_bits)
        empty = node_hash(nothing)
        groups = (below[at : at + size] for at in range(0, len(below), size))
        found.append(b"".join([empty if group == nothing else node_hash(group) for group in groups]))
    return found


def root_from_path(bucket: int, bucket_hash: bytes, path: Sequence[bytes], bits: int) -> bytes:
    """Return the root that a bucket's siblings lead to: those of each level in order, bucket level first.

    Raises `ValueError` when the path has not as many hashes as that takes or the bucket does not exist.
    """
    if not 0 <= bucket < 1 << bits:
        raise ValueError(f"no bucket {bucket} in a state tree of {bits} bits")
    wanted = sum((1 << width_bits) - 1 for width_bits in node_bits(bits))
    if len(path) != wanted:
        raise ValueError(f"the path has {len(path)} hashes; in a state tree of {bits} bits it has {wanted}")
    for position, sibling in enumerate(path):
        if len(sibling) != HASH_BYTES:
            raise ValueError(f"hash {position} of the path has {len(sibling)} bytes, not {HASH_BYTES}")
    node, at = bucket_hash, 0
    for width_bits in node_bits(bits):
        siblings = list(path[at : at + (1 << width_bits) - 1])
        at += len(siblings)
        siblings.insert(bucket & ((1 << width_bits) - 1), node)
        node = node_hash(b"".join(siblings))
        bucket >>= width_bits
    return node
