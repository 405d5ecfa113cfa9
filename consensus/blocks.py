"""The blocks above the last final one: a tree, in which each is executed after its parent.

Decides which block can be executed next and which chain a final block closes; never executes, votes or
verifies a certificate. Spec: docs/protocol.md, C1, C2, C6.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import ne

from google.protobuf.message import DecodeError

from ayni.v1.block_pb2 import Certificate, CertifiedBlock, Header
from consensus.certificates import CertificateStore
from consensus.leader import leader_of
from proofs.certificates import EPOCH
from proofs.domains import HASH_BYTES, block_digest, body_hash

HEADER_BYTES_MAX = 512
"""Well above the largest canonical header; the application decides what is canonical."""
VIEWS_NAMED = 8
"""Of those that a wrong proposal has nullifications of, how many are told."""


class BlockMalformed(ValueError):
    """The bytes are no block that a leader of this network could have proposed."""


@dataclass(slots=True)
class Block:
    """A block of which header and body are here."""

    digest: bytes
    parent: bytes
    height: int
    view: int
    header: bytes
    body: bytes
    body_hash: bytes
    nullifications: tuple[Certificate, ...] = ()
    """One for every view between the parent's and this one, ascending; verified; known once executed."""
    source: int = -1
    """The member that sent it; -1 for ourselves."""
    executed: bool = False
    refused: str = ""
    """Why the rules refuse it; nothing is ever built on it."""


def read_block(header: bytes, body: bytes, members: int) -> Block:
    """Return the block of these bytes, its own fields consistent. Raises `BlockMalformed`.

    Canonical bytes, roots and rules are the application's to check; `check_body` checks the body.
    """
    if len(header) > HEADER_BYTES_MAX:
        raise BlockMalformed(f"a header has at most {HEADER_BYTES_MAX} bytes, not {len(header)}")
    try:
        fields = Header.FromString(header)
    except DecodeError:
        raise BlockMalformed("the header is no Header") from None
    if fields.epoch != EPOCH:
        raise BlockMalformed(f"the block is of epoch {fields.epoch}; there is only epoch {EPOCH}")
    if fields.view < 1 or fields.height < 1 or len(fields.parent) != HASH_BYTES:
        raise BlockMalformed(
            f"a block has a view and a height from 1 and a parent of {HASH_BYTES} bytes, not view "
            f"{fields.view}, height {fields.height} and {len(fields.parent)} bytes"
        )
    if fields.leader != leader_of(fields.view, members):
        raise BlockMalformed(
            f"the leader of view {fields.view} is member {leader_of(fields.view, members)}, "
            f"not {fields.leader}"
        )
    digest = block_digest(header)
    return Block(digest, fields.parent, fields.height, fields.view, header, body, fields.body_hash)


def check_body(block: Block) -> None:
    """Check that the body is the one that the header names. Raises `BlockMalformed`."""
    if block.body_hash != body_hash(block.body):
        raise BlockMalformed(f"the body is not the one that the header of view {block.view} names")


def check_nullifications(nullifications: Sequence[Certificate], parent_view: int, view: int) -> None:
    """Check that there is one for every view between the parent's and the block's (C1).

    Looks at views only. Raises `BlockMalformed`.
    """
    found = [certificate.view for certificate in nullifications]
    wanted = range(parent_view + 1, view)  # the views are the sender's to choose: never made a list of
    if len(found) != view - parent_view - 1 or any(map(ne, found, wanted)):
        more = f" and {len(found) - VIEWS_NAMED} more" if len(found) > VIEWS_NAMED else ""
        raise BlockMalformed(
            f"between the parent's view {parent_view} and view {view} there must be one nullification a "
            f"view, not of views {found[:VIEWS_NAMED]}{more}"
        )


class BlockTree:
    """The last final block, `tip`, and what was received above it."""

    def __init__(self, tip: Block) -> None:
        self.tip = tip
        tip.executed = True
        self._blocks: dict[bytes, Block] = {tip.digest: tip}
        self._children: dict[bytes, list[Block]] = {}
        self.ready: deque[Block] = deque()
        """Blocks to look at: not executed, but their parents are. May hold one that is not eligible."""

    def get(self, digest: bytes) -> Block | None:
        """Return the block, the tip included, or None."""
        return self._blocks.get(digest)

    def add(self, block: Block) -> Block:
        """Keep a block above the tip and return it, or the same one received before."""
        known = self._blocks.get(block.digest)
        if known is not None:
            return known
        self._blocks[block.digest] = block
        self._children.setdefault(block.parent, []).append(block)
        self.retry(block)
        return block

    def drop(self, block: Block) -> None:
        """Forget a block that must be fetched again."""
        del self._blocks[block.digest]
        self._children[block.parent].remove(block)

    def retry(self, block: Block) -> None:
        """Look at a block again, if its parent is executed: what it lacked may have come."""
        parent = self._blocks.get(block.parent)
        if parent is not None and parent.executed and not block.executed and not block.refused:
            self.ready.append(block)

    def executed(self, block: Block) -> None:
        """Note that a block is executed: its children are next."""
        block.executed = True
        for child in self._children.get(block.digest, ()):
            self.retry(child)

    def path(self, digest: bytes) -> tuple[list[Block], bytes]:
        """Return the chain of blocks from above the tip to `digest`, and the digest that is missing.

        The missing digest is empty when the chain reaches the tip. A chain that passes the tip's height
        without meeting it misses the block at that height.
        """
        chain: list[Block] = []
        while digest != self.tip.digest:
            block = self._blocks.get(digest)
            if block is None or block.height <= self.tip.height:
                return chain[::-1], digest
            chain.append(block)
            digest = block.parent
        return chain[::-1], b""

    def sound_height(self, store: CertificateStore) -> int:
        """Return the height up to which blocks are executed and notarised, one on the other above the tip."""
        height, level = self.tip.height, [self.tip]
        while level := [
            child
            for block in level
            for child in self._children.get(block.digest, ())
            if child.executed and store.notarized(child.view, child.digest) is not None
        ]:
            height += 1
        return height

    def carriers(self, digest: bytes) -> int:
        """Return how many blocks above the tip, up to `digest`, carry transactions (C10)."""
        return sum(1 for block in self.path(digest)[0] if block.body)

    def advance(self, tip: Block) -> None:
        """Make an executed block the tip, and forget what its finality excludes."""
        known = self._blocks
        self.tip = tip
        self._blocks = {tip.digest: tip}
        self._children = {}
        self.ready.clear()
        for block in sorted(known.values(), key=lambda block: block.height):
            forked = block.parent in known and block.parent not in self._blocks
            if block.view <= tip.view or forked:
                continue
            self._blocks[block.digest] = block
            self._children.setdefault(block.parent, []).append(block)
            self.retry(block)


def genesis_block(genesis_hash: bytes) -> Block:
    """Return what stands for the genesis at the root of the tree: height 0, view 0."""
    return Block(genesis_hash, b"", 0, 0, b"", b"", b"", executed=True)


def certified(
    block: Block, notarization: Certificate | None, finalization: Certificate | None
) -> CertifiedBlock:
    """Return a block with what proves it (C9)."""
    return CertifiedBlock(
        header=block.header,
        body=block.body,
        notarization=notarization,
        nullifications=block.nullifications,
        finalization=finalization,
    )
