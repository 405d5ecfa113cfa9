"""The transaction log's Merkle tree, exactly as RFC 6962 section 2.1 defines it.

Decides roots, audit paths and consistency paths, and verifies them; never stores a node. A complete
subtree of 2^level leaves is named (level, index): its leaves are index * 2^level up to the next.
Vectors: tests/vectors/merkle.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from proofs.domains import LOG_LEAF, LOG_NODE

EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""(level, index) of a complete subtree -> its hash; level 0 are the leaf hashes."""

LogNode = tuple[int, int, bytes]
"""(level, index, hash) of a complete subtree."""


class ProofInvalid(ValueError):
    """A Merkle proof does not lead to the root it is said to lead to."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(LOG_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(LOG_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that is needed to append: the roots of the complete subtrees on the right edge."""

    size: int = 0
    """Number of leaves."""
    peaks: tuple[bytes, ...] = ()
    """Subtree roots, the largest subtree first; one for each bit set in `size`."""

    def extend(self, leaf_hashes: Iterable[bytes]) -> tuple[Frontier, list[LogNode]]:
        """Append leaves; return the new frontier and every complete subtree this created, leaves included."""
        size = self.size
        peaks = list(self.peaks)
        created: list[LogNode] = []
        for node in leaf_hashes:
            level, index = 0, size
            created.append((0, index, node))
            while index & 1:
                node = sha256(LOG_NODE + peaks.pop() + node).digest()
                level += 1
                index >>= 1
                created.append((level, index, node))
            peaks.append(node)
            size += 1
        return Frontier(size, tuple(peaks)), created

    def append(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """Append leaves; return the new frontier."""
        return self.extend(leaf_hashes)[0]

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root of a tree given whole."""
    return Frontier().append(leaf_hashes).root()


def inclusion_path(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Return PATH(index, D[size]) of RFC 6962 2.1.1, leaf end first. Raises `ValueError` out of range."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a log of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(begin, middle, node))
            begin = middle
    path.reverse()
    return path


def consistency_path(old_size: int, new_size: int, node: NodeReader) -> list[bytes]:
    """Return PROOF(old_size, D[new_size]) of RFC 6962 2.1.2. Raises `ValueError` out of range."""
    if not 0 < old_size <= new_size:
        raise ValueError(f"no consistency proof from size {old_size} to {new_size}")
    path: list[bytes] = []
    begin, end = 0, new_size
    whole = True
    """Whether the subtree looked at is the old tree itself, whose root the verifier knows."""
    while end != old_size:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(begin, middle, node))
            begin = middle
            whole = False
    if not whole:
        path.append(_subtree(begin, end, node))
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash is number `index` of the log with this root.

    Raises `ProofInvalid`.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"no leaf {index} in a log of {size}")
    _check_hashes(path)
    # RFC 9162 2.1.3.2, which verifies the proofs of RFC 6962.
    first, last = index, size - 1
    node = leaf
    for sibling in path:
        if last == 0:
            raise ProofInvalid(f"the inclusion path of leaf {index} in a log of {size} is too long")
        if first & 1 or first == last:
            node = node_hash(sibling, node)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        first >>= 1
        last >>= 1
    if last != 0:
        raise ProofInvalid(f"the inclusion path of leaf {index} in a log of {size} is too short")
    if node != root:
        raise ProofInvalid(f"the inclusion path of leaf {index} leads to {node.hex()}, not to {root.hex()}")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the log of `new_size` begins with the log of `old_size`. Raises `ProofInvalid`."""
    if not 0 < old_size <= new_size:
        raise ProofInvalid(f"no consistency proof from size {old_size} to {new_size}")
    _check_hashes(path)
    if old_size == new_size:
        if path:
            raise ProofInvalid("a consistency path between equal sizes is empty")
        _check_roots(old_root, old_root, new_root, new_root, old_root == new_root)
        return
    # RFC 9162 2.1.4.2.
    nodes = list(path)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise ProofInvalid("the consistency path is empty")
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first >>= 1
        last >>= 1
    old_node = new_node = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ProofInvalid("the consistency path is too long")
        if first & 1 or first == last:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            new_node = node_hash(new_node, sibling)
        first >>= 1
        last >>= 1
    _check_roots(old_node, old_root, new_node, new_root, last == 0)


def _check_roots(old: bytes, old_root: bytes, new: bytes, new_root: bytes, complete: bool) -> None:
    if old != old_root:
        raise ProofInvalid(f"the consistency path leads to the old root {old.hex()}, not {old_root.hex()}")
    if new != new_root:
        raise ProofInvalid(f"the consistency path leads to the new root {new.hex()}, not {new_root.hex()}")
    if not complete:
        raise ProofInvalid("the consistency path is too short, or the roots differ")


def _check_hashes(path: Sequence[bytes]) -> None:
    for position, node in enumerate(path):
        if len(node) != len(EMPTY_ROOT):
            raise ProofInvalid(f"node {position} of the path has {len(node)} bytes, not {len(EMPTY_ROOT)}")


def _split(size: int) -> int:
    """Return the largest power of two below `size` (k in RFC 6962)."""
    return 1 << ((size - 1).bit_length() - 1)


def _subtree(begin: int, end: int, node: NodeReader) -> bytes:
    """Return the hash over leaves begin … end − 1, where `begin` is a multiple of the enclosing power."""
    count = end - begin
    level = count.bit_length() - 1
    if count == 1 << level:
        return node(level, begin >> level)
    middle = begin + _split(count)
    return node_hash(_subtree(begin, middle, node), _subtree(middle, end, node))
