"""The figures of the round that an operator may change, and the bounds that nobody may.

Spec: docs/protocol.md, C3, C10, C12.
"""

from dataclasses import dataclass

UNFINAL_WITH_TRANSACTIONS_MAX = 8
"""How many blocks that are not final may carry transactions (C10)."""
FLAT_FAILURES = 2
"""Failures before timeouts begin to double (C12)."""
FUTURE_VIEWS_MAX = 32
"""How far ahead of the current view a member's votes are buffered (C12)."""
EVIDENCE_VIEWS = 64
"""How far behind the last final view a contradicting vote is still noticed (C8)."""
EVIDENCE_MAX = 8
"""Reports of evidence a member, after any start: one is enough to act on."""
ANSWER_CERTIFICATES_MAX = 64
"""Certificates in one answer to a member that lags."""
ANSWER_INTERVAL_MS = 100
"""At least so long between two answers to old messages, or to statuses, of one member."""
ITEMS_MAX = 256
"""Votes or certificates in one message."""
DIGESTS_MAX = 16
"""Digests in one `BlockRequest`."""
RANGE_BLOCKS_MAX = 256
"""Final blocks in one `BlockRequest`; the answer is bounded by 4 MiB too."""
RANGE_GAP = 8
"""From this many missing blocks on, they are asked for by height rather than one by one."""
GATHER_OF_TIMEOUT = 4
"""Blocks are gathered for this fraction of the timeout at most: no view ends by it (C10)."""
HEAVY_BODY_BYTES = 1 << 15
"""From this body size on, votes already cast are sent before it is executed."""
EXECUTE_BYTES_MAX = 1 << 17
"""Bodies executed in one step while catching up; the rest waits for the next step."""
EXECUTE_BLOCKS_MAX = 32
"""And blocks: each has to look through all those executed before it that are not committed yet."""


@dataclass(frozen=True, slots=True)
class ConsensusConfig:
    """Durations in milliseconds. The defaults suit a network over the Internet and over loopback alike."""

    timeout_base_ms: int = 1_000
    """How long a leader has before a view is nullified (C3)."""
    timeout_max_ms: int = 10_000
    """What the timeout doubles up to (C12)."""
    status_interval_ms: int = 1_000
    """Between statuses to all peers, always."""
    heartbeat_ms: int = 60_000
    """Without a block for so long, an empty one moves time (C10)."""
    relay_delay_ms: int = 30
    """How long a member may show by itself that it holds a certificate, before it is relayed (C4 to C6)."""
    fetch_delay_ms: int = 50
    """How long a body may still come from its leader, before it is fetched."""
    fetch_retry_ms: int = 500
    """How long a member may take to answer a request for blocks, before another is asked."""
    gather_ms: int = 250
    """How long a leader waits after the last block while a member is behind, or blocks take it long (C10)."""

    def __post_init__(self) -> None:
        for name in (
            "timeout_base_ms",
            "timeout_max_ms",
            "status_interval_ms",
            "heartbeat_ms",
            "relay_delay_ms",
            "fetch_delay_ms",
            "fetch_retry_ms",
            "gather_ms",
        ):
            value = getattr(self, name)
            if not 1 <= value <= 3_600_000:
                raise ValueError(f"{name} is 1 to 3600000 milliseconds, not {value}")
        if self.timeout_max_ms < self.timeout_base_ms:
            raise ValueError(
                f"timeout_max_ms ({self.timeout_max_ms}) is below timeout_base_ms ({self.timeout_base_ms})"
            )
