"""The tree whose root is `state_root`: 2^k buckets of records, copy on write for each unfinal block.

Only touched buckets are rehashed, so that a block costs what it touches and not what the state holds.
Shapes and tags: docs/encoding.md; verification of proofs: `proofs/statetree.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from ledger.state import StateReader
from proofs import statetree as shape
from proofs.domains import STATE_NODE

_CACHED_BYTES_MAX: Final = 192 << 20
"""Of buckets: those of three million records."""
_HASH: Final = 32
_ENTRY: Final = 2 * _HASH


class StateTree:
    """The tree of the final state. Nodes are numbered as in a heap: 1 is the root, 2^k + i bucket i."""

    def __init__(self, reader: StateReader, bits: int) -> None:
        self.bits = bits
        self._reader = reader
        self._buckets: dict[int, bytes] = {}
        """Each as it is hashed: 64 bytes for a record, where a dict takes four times as much."""
        self.cached_bytes = 0
        """Of buckets remembered."""
        self._nodes: list[bytes] = [b""] * (2 << bits)
        self._fill(reader.bucket_hashes())

    def _fill(self, stored: bytes | None) -> None:
        size = 1 << self.bits
        empty = shape.EMPTY_BUCKET
        if stored is None:
            level = [self._stored_bucket(index) for index in range(size)]
        else:
            hashes = (stored[at : at + _HASH] for at in range(0, size * _HASH, _HASH))
            level = [empty if found == empty else found for found in hashes]  # one object: most are empty
        while size:
            self._nodes[size : 2 * size] = level
            size //= 2
            if size:
                level, empty = shape.level_above(level, empty)

    def _stored_bucket(self, index: int) -> bytes:
        entries = self._reader.bucket(index)
        return shape.bucket_hash(sorted(entries)) if entries else shape.EMPTY_BUCKET

    def node(self, number: int) -> bytes:
        """Hash of a node."""
        return self._nodes[number]

    @property
    def nodes(self) -> Sequence[bytes]:
        """Hashes of all nodes, by number."""
        return self._nodes

    def root(self) -> bytes:
        """`state_root` of the final state."""
        return self.node(1)

    def bucket(self, index: int) -> dict[bytes, bytes]:
        """key hash → value hash of a bucket."""
        joined = self.joined_bucket(index)
        return {
            joined[at : at + _HASH]: joined[at + _HASH : at + _ENTRY] for at in range(0, len(joined), _ENTRY)
        }

    def joined_bucket(self, index: int) -> bytes:
        """key hash ‖ value hash of each record in a bucket, ascending."""
        found = self._buckets.get(index)
        if found is None:
            entries = sorted(self._reader.bucket(index))
            found = b"".join([part for entry in entries for part in entry])
            self._keep(index, found)
        return found

    def _keep(self, index: int, joined: bytes) -> None:
        buckets = self._buckets
        self.cached_bytes += len(joined) - len(buckets.get(index, b""))
        buckets[index] = joined
        while self.cached_bytes > _CACHED_BYTES_MAX:
            for old in list(buckets)[: 1 + len(buckets) // 8]:
                self.cached_bytes -= len(buckets.pop(old))

    def bucket_hashes(self) -> bytes:
        """All bucket hashes, in order."""
        return b"".join(self._nodes[1 << self.bits :])

    def path(self, index: int) -> list[bytes]:
        """Sibling hashes from bucket `index` up to below the root."""
        node = (1 << self.bits) + index
        siblings = []
        while node > 1:
            siblings.append(self.node(node ^ 1))
            node >>= 1
        return siblings

    def advance(self, change: TreeChange) -> None:
        """Takes over the change of a block that became final."""
        nodes = self._nodes
        for number, value in change.nodes.items():
            nodes[number] = value
        for index, joined in change.buckets.items():
            self._keep(index, joined)


class TreeChange:
    """What one unfinal block changes of the tree, over its parent's change or the final tree."""

    def __init__(self, tree: StateTree, parent: TreeChange | None, writes: Mapping[bytes, bytes]) -> None:
        """`writes`: key → value bytes, empty where the record is absent afterwards."""
        self.tree = tree
        self.parent = parent
        self.nodes: dict[int, bytes] = {}
        self.buckets: dict[int, bytes] = {}
        self._put(writes)
        self._rehash()

    def root(self) -> bytes:
        """`state_root` after the block."""
        return self.node(1)

    def node(self, number: int) -> bytes:
        """Hash of a node after the block."""
        change: TreeChange | None = self
        while change is not None:
            if found := change.nodes.get(number):
                return found
            change = change.parent
        return self.tree.node(number)

    def detach(self) -> None:
        """Its parent became final."""
        self.parent = None

    def changed_buckets(self) -> dict[int, bytes]:
        """Bucket index → new hash, of the buckets the block touched."""
        leaves = 1 << self.tree.bits
        return {index: self.nodes[leaves + index] for index in sorted(self.buckets)}

    def _bucket(self, index: int) -> bytes:
        change = self.parent
        while change is not None:
            if (found := change.buckets.get(index)) is not None:
                return found
            change = change.parent
        return self.tree.joined_bucket(index)

    def _put(self, writes: Mapping[bytes, bytes]) -> None:
        shift = 32 - self.tree.bits
        for key, value in writes.items():
            key_hash = shape.key_hash(key)
            index = int.from_bytes(key_hash[:4], "big") >> shift
            joined = self.buckets.get(index)
            if joined is None:
                joined = self._bucket(index)
            entry = key_hash + shape.value_hash(value) if value else b""
            start, end = _place_of(key_hash, joined)
            self.buckets[index] = joined[:start] + entry + joined[end:]

    def _rehash(self) -> None:
        leaves = 1 << self.tree.bits
        nodes = self.nodes
        for index, joined in self.buckets.items():
            nodes[leaves + index] = shape.joined_bucket_hash(joined)
        changed, before = nodes.get, self._before()
        level = set(nodes)
        while level and 1 not in level:
            level = {number >> 1 for number in level}
            for number in level:
                left = number << 1
                right = left | 1
                # `shape.node_hash` written out: there are six of these for a transaction.
                children = (changed(left) or before(left)) + (changed(right) or before(right))
                nodes[number] = sha256(STATE_NODE + children).digest()

    def _before(self) -> Callable[[int], bytes]:
        """Hashes of nodes below this block: of the latest block that changed them, or final."""
        final = self.tree.nodes
        below: list[TreeChange] = []
        change = self.parent
        while change is not None:
            below.append(change)
            change = change.parent
        if not below:
            return final.__getitem__
        unfinal: dict[int, bytes] = {}
        for change in reversed(below):
            unfinal.update(change.nodes)
        return lambda number: unfinal.get(number) or final[number]


def _place_of(key_hash: bytes, joined: bytes) -> tuple[int, int]:
    """From where to where the entry of a record is in a bucket; when it is not there, where it belongs."""
    low, high = 0, len(joined) // _ENTRY
    while low < high:
        middle = (low + high) // 2
        if joined[middle * _ENTRY : middle * _ENTRY + _HASH] < key_hash:
            low = middle + 1
        else:
            high = middle
    start = low * _ENTRY
    is_there = joined[start : start + _HASH] == key_hash
    return start, start + _ENTRY if is_there else start
