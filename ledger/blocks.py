"""A block: as it is executed, as it is final, why it is refused; its bytes read, its roots compared (B1).

What is here knows nothing of other blocks; `chain.py` builds, executes and keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from ayni.v1 import block_pb2
from ledger import limits
from ledger.rule import ParsedTransaction, Posting
from ledger.state import Overlay
from ledger.statetree import TreeChange
from ledger.wire import NotCanonical, check
from proofs.merkle import EMPTY_ROOT, Frontier


class BlockInvalid(ValueError):
    """A block that the rules refuse: `field` of the header or `transactions[i]`, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnknownParent(ValueError):
    """The parent is neither final nor executed here: fetch it first."""


class Entry(NamedTuple):
    """A transaction in a block, as executed."""

    tx: ParsedTransaction
    result: bytes
    log_index: int
    leaf_hash: bytes
    postings: list[Posting]


entry_of: Final[Callable[[tuple[Any, ...]], Entry]] = partial(tuple.__new__, Entry)
"""An Entry from its fields in order, at half the cost of calling the type."""


class Tip(NamedTuple):
    """The last final block, as far as the next one depends on it."""

    digest: bytes
    """Of height 0: the genesis hash."""
    height: int
    time_ms: int
    frontier: Frontier


class Executed:
    """A block that was executed and found right."""

    __slots__ = (
        "body",
        "digest",
        "entries",
        "frontier",
        "header",
        "header_bytes",
        "log_nodes",
        "overlay",
        "parent",
        "tree",
        "writes",
    )

    def __init__(self, parent: Executed | None, overlay: Overlay) -> None:
        self.parent = parent
        self.overlay = overlay
        self.entries: list[Entry] = []
        self.header = block_pb2.Header()
        self.header_bytes = b""
        self.body = b""
        self.digest = b""
        self.frontier = Frontier()
        self.log_nodes: list[tuple[int, int, bytes]] = []
        self.tree: TreeChange
        self.writes: dict[bytes, bytes] = {}
        """What the block wrote, as bytes: hashed when it was executed, stored when it is final."""


class FinalBlock(NamedTuple):
    """All that storage must make durable, in one batch, when a block becomes final."""

    header: block_pb2.Header
    header_bytes: bytes
    body: bytes
    digest: bytes
    entries: list[Entry]
    writes: dict[bytes, bytes | None]
    """State records: key → canonical bytes; None: deleted."""
    key_hashes: dict[bytes, bytes]
    """Of every key written, its hash."""
    buckets: dict[int, bytes]
    """State tree buckets whose hash changed."""
    frontier: Frontier
    log_nodes: list[tuple[int, int, bytes]]
    """(level, index, hash) of complete subtrees of the log that this block completed, leaves included."""


def final_of(block: Executed) -> FinalBlock:
    """What storage must keep of a block that becomes final."""
    return FinalBlock(
        block.header,
        block.header_bytes,
        block.body,
        block.digest,
        block.entries,
        {key: value or None for key, value in block.writes.items()},
        block.tree.key_hashes,
        block.tree.changed_buckets(),
        block.frontier,
        block.log_nodes,
    )


def read_header(data: bytes) -> block_pb2.Header:
    """The header that canonical bytes are. Raises BlockInvalid."""
    try:
        header = check(block_pb2.Header, data)
    except NotCanonical as error:
        raise BlockInvalid(error.path, error.reason) from None
    for field in ("parent", "body_hash", "log_root", "state_root"):
        if len(getattr(header, field)) != limits.HASH_BYTES:
            raise BlockInvalid(
                field, f"has {len(getattr(header, field))} bytes; a hash has {limits.HASH_BYTES}"
            )
    return header


def read_body(data: bytes) -> list[bytes]:
    """The transactions of canonical body bytes, each as it stands there. Raises BlockInvalid."""
    try:
        body = check(block_pb2.BlockBody, data, limits.BLOCK_TRANSACTIONS_MAX)
    except NotCanonical as error:
        raise BlockInvalid(error.path or "body", error.reason) from None
    if len(body.transactions) > limits.BLOCK_TRANSACTIONS_MAX:
        raise BlockInvalid(
            "body", f"{len(body.transactions)} transactions; at most {limits.BLOCK_TRANSACTIONS_MAX}"
        )
    return list(body.transactions)


def compare(header: block_pb2.Header, block: Executed) -> None:
    """Whether a header says what executing the block gave. Raises BlockInvalid."""
    found: dict[str, Any] = {
        "log_size": block.frontier.size,
        "log_root": block.frontier.root() if block.frontier.size else EMPTY_ROOT,
        "state_root": block.tree.root(),
    }
    for field, value in found.items():
        stated = getattr(header, field)
        if stated != value:
            shown = (stated.hex(), value.hex()) if isinstance(value, bytes) else (stated, value)
            raise BlockInvalid(field, f"is {shown[0]}; executing the block gives {shown[1]}")
