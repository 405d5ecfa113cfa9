"""What enters the consensus machine and what it asks for: inputs and effects, plain values.

Effects are listed in the one legal order of execution: whoever runs the machine executes them one after
another, and starts none before the one in front of it is done (a `Persist` or a `Commit` is done when it
is synced to disk). Nothing here decides anything. Spec: docs/protocol.md, C7 (*durable first*).
"""

from dataclasses import dataclass
from typing import TypeAlias

from ayni.v1.block_pb2 import CertifiedBlock, Evidence, Proposal
from ayni.v1.peer_service_pb2 import (
    BlockRequest,
    BlockResponse,
    Certificates,
    OwnVotesRequest,
    OwnVotesResponse,
    Status,
    Votes,
)

PeerFrameMessage: TypeAlias = (
    Proposal
    | Votes
    | Certificates
    | Status
    | BlockRequest
    | BlockResponse
    | OwnVotesRequest
    | OwnVotesResponse
)
"""The frames of `PeerService` that belong to consensus; each is sent and received as it is."""


# --- inputs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """The first input, once: recover what the journal holds and begin."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline of the latest `SetTimer` has come. A tick too early or too many does no harm."""


@dataclass(frozen=True, slots=True)
class PeerUp:
    """An authenticated stream with a member is open."""

    member: int


@dataclass(frozen=True, slots=True)
class PeerDown:
    """The stream with a member is gone."""

    member: int


@dataclass(frozen=True, slots=True)
class PeerMessage:
    """A frame from a member, over its authenticated stream."""

    member: int
    message: PeerFrameMessage


@dataclass(frozen=True, slots=True)
class TransactionsPending:
    """Transactions have come in that may be executable. Saying so too often does no harm."""


Input: TypeAlias = Start | Tick | PeerUp | PeerDown | PeerMessage | TransactionsPending


# --- effects ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Persist:
    """Write these journal records in one batch and sync it, before any later effect (C7)."""

    records: tuple[tuple[bytes, bytes], ...]
    """(key, value); a key written again has the same meaning and replaces the value."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send to one member if it is connected; else drop."""

    member: int
    message: PeerFrameMessage


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Send to every other member that is connected."""

    message: PeerFrameMessage


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Give a `Tick` at `deadline_ms` (at once if it is past). Replaces the timer set before."""

    deadline_ms: int
    """On the clock of `Machine.step`'s `now_ms`."""


@dataclass(frozen=True, slots=True)
class Commit:
    """These blocks are final: store them, finalise the application up to the last, in one synced batch.

    Only then may clients be answered.
    """

    blocks: tuple[CertifiedBlock, ...]
    """Ascending by height, the first a child of the last final block. Each carries all that C9 keeps; the
    last carries its finalisation."""
    digest: bytes
    """Of the last block."""
    forget: tuple[bytes, ...]
    """Journal keys to delete in the same batch: records of views that are over."""


@dataclass(frozen=True, slots=True)
class ServeBlocks:
    """Answer a member's `BlockRequest` with one `BlockResponse` of the same id, at most 4 MiB of blocks.

    First `unfinal`; then, of the store: final blocks by the digests left over, or by height ascending
    from `from_height`, at most `count`.
    """

    member: int
    request_id: int
    unfinal: tuple[CertifiedBlock, ...]
    digests: tuple[bytes, ...]
    from_height: int
    count: int


@dataclass(frozen=True, slots=True)
class ReportEvidence:
    """Store evidence against a member (C8)."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class PeerFault:
    """A member sent what no honest member sends: say so and close its stream."""

    member: int
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person must know. With `halt`, stop the node: going on could do damage."""

    code: str
    """One of the `ALARM_*` below."""
    message: str
    halt: bool = False


ALARM_VOTING_LOCKED = "voting_locked"
"""A vote of ours is missing in our journal (C11): the node only observes."""
ALARM_INVALID_PROPOSAL = "invalid_proposal"
"""A leader signed a block that the rules refuse."""
ALARM_UNTIMELY_PROPOSAL = "untimely_proposal"
"""A block's time is too far from our clock (B2): one of the two clocks is wrong."""
ALARM_CERTIFIED_INVALID = "certified_invalid"
"""A quorum certified a block that the rules refuse here; with `halt`, a final one."""
ALARM_SAFETY = "safety"
"""Two conflicting blocks are final: more than a third of the members are faulty. Always halts."""

Effect: TypeAlias = (
    Persist | Send | Broadcast | SetTimer | Commit | ServeBlocks | ReportEvidence | PeerFault | Alarm
)
