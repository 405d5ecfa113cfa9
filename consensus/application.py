"""What consensus orders, seen through a narrow window: propose a block, check a block, is there work.

The machine calls these synchronously from `step`, and the application is told of finality by the effect
`Commit`. Bodies are opaque here. Another engine could drive the same ledger through this protocol, and
another ledger be driven by this engine. Spec: docs/protocol.md, B and C2.
"""

from dataclasses import dataclass
from typing import Protocol


class BlockInvalid(ValueError):
    """The rules refuse the block, now and for ever; the message says which and why (B1, B2, B3)."""


class BlockUntimely(ValueError):
    """The rules may accept the block, but its time is not within 10 s of this node's clock (B2)."""


class Unavailable(Exception):
    """The parent's state is not known here, so that nothing can be said about the block yet."""


@dataclass(frozen=True, slots=True)
class BlockSlot:
    """Where a proposed block goes: the header fields that consensus decides."""

    parent: bytes
    """Digest of the parent; the genesis hash for the first block."""
    epoch: int
    view: int
    leader: int
    failures: int
    """Views before this one that brought no block, since the last final one (C12)."""
    with_transactions: bool
    """False: the block is to be empty (C10: at most 8 unfinal blocks carry transactions, or none wait)."""


@dataclass(frozen=True, slots=True)
class BuiltBlock:
    """A block that `check` accepts, executed."""

    header: bytes
    """Canonical `Header` bytes."""
    body: bytes
    """Canonical `BlockBody` bytes; empty if and only if there is no transaction."""


class Application(Protocol):
    """The ledger, as consensus sees it. It keeps the state after each executed block that is not final."""

    def build(self, slot: BlockSlot) -> BuiltBlock | None:
        """Return a block in `slot`, executed, its time from the node's wall clock (above the parent's).

        With `slot.with_transactions`, None when no transaction is executable after all; otherwise an
        empty block. How many transactions it takes is the application's choice.
        Raises `Unavailable` if the parent is not executed.
        """
        ...

    def check(self, header: bytes, body: bytes, *, timely: bool) -> None:
        """Execute a block and compare roots; keep the resulting state. Doing so again does no harm.

        With `timely` (when a vote depends on it), the time must also be near the node's wall clock.
        Raises `BlockInvalid`, `BlockUntimely` or, if the parent is not executed, `Unavailable`.
        """
        ...

    def executable_pending(self, parent: bytes) -> bool | None:
        """Return whether a transaction waits that could go into a block on the executed block `parent`.

        Cheap: it is asked after most steps. None if looking at all that waits would not be: it is asked
        again in a step of its own. False if `parent` is not known.
        """
        ...
