"""The tree whose root is `state_root`: 2^k buckets of records, copy on write for each unfinal block.

Only touched buckets are rehashed, so that a block costs what it touches and not what the state holds.
Shapes and tags: docs/encoding.md; verification of proofs: `proofs/statetree.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger import buckets
from ledger.state import StateReader
from proofs import statetree as shape

_CACHED_BYTES_MAX: Final = 256 << 20
"""Of buckets: those of more than a million accounts."""
_HASH: Final = 32
_ENTRY: Final = 2 * _HASH


class StateTree:
    """The tree of the final state: for each level, the hashes of its nodes one after the other."""

    def __init__(self, reader: StateReader, bits: int) -> None:
        self.bits = bits
        self.node_bits: Final = shape.node_bits(bits)
        self._reader = reader
        self._buckets: list[bytes | None] = [None] * (1 << bits)
        """Of the final state, as `buckets` has them; None: not read yet, or forgotten."""
        self.cached_bytes = 0
        """Of buckets remembered."""
        self._forgets_next = 0
        """All are as likely to be asked for again: they are forgotten in turn."""
        self._levels = [bytearray(level) for level in shape.levels(reader.bucket_hashes(), bits)]

    def root(self) -> bytes:
        """`state_root` of the final state."""
        return bytes(self._levels[-1])

    def children(self, level: int, number: int) -> bytearray:
        """Hashes of the children of node `number`, which are of `level` (0: buckets), one after the other."""
        size = _HASH << self.node_bits[level]
        return self._levels[level][number * size : (number + 1) * size]

    def value(self, key: bytes) -> bytes | None:
        """Value of a state record, None when absent."""
        key_hash = shape.key_hash(key)
        bucket = self._buckets[shape.bucket_of(key_hash, self.bits)]
        # To read one record no bucket is read: that is for those who write to it.
        return self._reader.get(key) if bucket is None else buckets.value_of(bucket, key_hash)

    def entries(self, index: int) -> list[bytes]:
        """Key hash ‖ value hash of each record in a bucket, ascending."""
        hashes = buckets.hashes_of(self.bucket(index))
        return [hashes[at : at + _ENTRY] for at in range(0, len(hashes), _ENTRY)]

    def bucket(self, index: int) -> bytes:
        """A bucket of the final state."""
        found = self._buckets[index]
        if found is None:
            found = buckets.packed(self._reader.bucket(index))
            self._keep(index, found)
        return found

    def _keep(self, index: int, bucket: bytes) -> None:
        self._forget(index)
        self._buckets[index] = bucket
        self.cached_bytes += len(bucket)
        while self.cached_bytes > _CACHED_BYTES_MAX:
            self._forget(self._forgets_next)
            self._forgets_next = (self._forgets_next + 1) % len(self._buckets)

    def _forget(self, index: int) -> None:
        if (bucket := self._buckets[index]) is not None:
            self.cached_bytes -= len(bucket)
            self._buckets[index] = None

    def bucket_hashes(self) -> bytes:
        """All bucket hashes, in order."""
        return bytes(self._levels[0])

    def path(self, index: int) -> list[bytes]:
        """Sibling hashes from bucket `index` up to below the root, those of each level in order."""
        siblings: list[bytes] = []
        for level, width_bits in enumerate(self.node_bits):
            above = index >> width_bits
            children = bytes(self.children(level, above))
            hashes = [children[at : at + _HASH] for at in range(0, len(children), _HASH)]
            del hashes[index - (above << width_bits)]
            siblings += hashes
            index = above
        return siblings

    def advance(self, change: TreeChange) -> None:
        """Takes over the change of a block that became final."""
        for level, changed in zip(self._levels, change.children, strict=False):
            for number, children in changed.items():
                at = number * len(children)
                level[at : at + len(children)] = children
        self._levels[-1][:] = change.root()
        for index, bucket in change.buckets.items():
            self._keep(index, bucket)


class TreeChange:
    """What one unfinal block changes of the tree, over its parent's change or the final tree."""

    def __init__(self, tree: StateTree, parent: TreeChange | None, writes: Mapping[bytes, bytes]) -> None:
        """`writes`: key → value bytes, empty where the record is absent afterwards."""
        self.tree = tree
        self.parent = parent
        self.key_hashes: dict[bytes, bytes] = {}
        """Of every key written, its hash."""
        self.buckets: dict[int, bytes] = {}
        self.children: list[dict[int, bytearray]] = []
        """Of each level, buckets first: the number of a node above → the hashes of its children."""
        self._root = (parent or tree).root()
        self._put(writes)
        self._bucket_hashes = {
            index: shape.joined_bucket_hash(buckets.hashes_of(bucket))
            for index, bucket in self.buckets.items()
        }
        self._rehash()

    def root(self) -> bytes:
        """`state_root` after the block."""
        return self._root

    def detach(self) -> None:
        """Its parent became final."""
        self.parent = None

    def changed_buckets(self) -> dict[int, bytes]:
        """Bucket index → new hash, of the buckets the block touched."""
        return {index: self._bucket_hashes[index] for index in sorted(self._bucket_hashes)}

    def _bucket(self, index: int) -> bytes:
        change = self.parent
        while change is not None:
            if (found := change.buckets.get(index)) is not None:
                return found
            change = change.parent
        return self.tree.bucket(index)

    def _put(self, writes: Mapping[bytes, bytes]) -> None:
        shift = 32 - self.tree.bits
        for key, value in writes.items():
            key_hash = self.key_hashes[key] = shape.key_hash(key)
            index = int.from_bytes(key_hash[:4]) >> shift
            bucket = self.buckets.get(index)
            if bucket is None:
                bucket = self._bucket(index)
            self.buckets[index] = buckets.with_value(bucket, key_hash, value)

    def _rehash(self) -> None:
        changed = self._bucket_hashes
        for level, width_bits in enumerate(self.tree.node_bits):
            last = (1 << width_bits) - 1
            above: dict[int, bytearray] = {}
            for number, found in changed.items():
                parent = number >> width_bits
                children = above.get(parent)
                if children is None:
                    children = above[parent] = self._children_before(level, parent)
                at = (number & last) * _HASH
                children[at : at + _HASH] = found
            self.children.append(above)
            changed = {number: shape.node_hash(children) for number, children in above.items()}
        self._root = changed.get(0, self._root)

    def _children_before(self, level: int, number: int) -> bytearray:
        """A copy of the hashes below a node: of the latest block that changed them, or final."""
        change = self.parent
        while change is not None:
            if (found := change.children[level].get(number)) is not None:
                return found[:]
            change = change.parent
        return self.tree.children(level, number)
