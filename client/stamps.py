"""Nonce and expiry of new transactions: the only place where the client meets clock and chance for them.

A nonce is 16 random bytes, or, for a row of an import, derived from the file's profile and the row's
`id`, so that the same row never becomes two transactions (docs/protocol.md, T4).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import NamedTuple

from client.errors import UsageProblem
from ledger import limits

LIFETIME_DEFAULT_MS = 120_000
CLOCK_MARGIN_MS = 60_000
_IMPORT_TAG = b"ayni/v1/import-nonce\0"


class Stamp(NamedTuple):
    """What makes one transaction unlike any other, and until when it may be included."""

    nonce: bytes
    """16 bytes; unique per author."""
    expires_at_ms: int
    """Unix milliseconds."""


def now_ms() -> int:
    """The wall clock, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def new_stamp(lifetime_ms: int = LIFETIME_DEFAULT_MS) -> Stamp:
    """A stamp for a new intent: random nonce, expiring `lifetime_ms` from now (two minutes by default).

    Raises UsageProblem beyond seven days (T4). Just under them, so that a block whose clock is a little
    behind ours still takes it.
    """
    if not 0 < lifetime_ms <= limits.EXPIRY_AHEAD_MAX_MS:
        raise UsageProblem(
            f"A transaction cannot stay valid for {lifetime_ms // 1000:,} seconds.",
            f"At most {limits.EXPIRY_AHEAD_MAX_MS // 86_400_000} days, and more than none.",
            "Choose a shorter time, and sign again later if it takes longer.",
        )
    lifetime_ms = min(lifetime_ms, limits.EXPIRY_AHEAD_MAX_MS - CLOCK_MARGIN_MS)
    return Stamp(secrets.token_bytes(16), now_ms() + lifetime_ms)


def import_nonce(profile: str, row_id: str) -> bytes:
    """The nonce of a row of an import: the same for the same profile and `id`, for ever."""
    content = _IMPORT_TAG + profile.encode() + b"\0" + row_id.encode()
    return hashlib.sha256(content).digest()[:16]
