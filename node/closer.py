"""Closes a settlement period when it may be closed: the node sends `ClosePeriod` by itself.

Decides when, and makes the transaction; the rules decide whether it is accepted. Every federation's node may
do so, and whichever comes first closes: each waits a little longer than the one before it in the genesis.
Never signs anything but a ClosePeriod of its own federation. Spec: docs/protocol.md S1, S2.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from ayni.v1 import keys_pb2, pool_pb2, transaction_pb2
from ledger.records import PeriodRecord
from proofs.domains import transaction_message
from proofs.signing import SigningKey

STAGGER_MS: Final = 2_000
"""How much longer each member waits than the one before."""
TRY_AGAIN_MS: Final = 30_000
EXPIRES_AFTER_MS: Final = 120_000
_NONCE_BYTES: Final = 16


class Closer:
    """Makes this node's ClosePeriod transactions. Times are Unix milliseconds."""

    def __init__(self, genesis_hash: bytes, federation: str, member: int, key: SigningKey) -> None:
        """`key`: the federation's service key; `member`: its validator index."""
        self._genesis_hash = genesis_hash
        self._federation = federation
        self._wait_ms = member * STAGGER_MS
        self._key = key
        self._begun = (0, 0)
        """The period last waited for, and how many closes it had had that only let lots expire (S2)."""
        self._next_ms = 0

    def due(self, period: PeriodRecord | None, now_ms: int) -> bytes | None:
        """The transaction to send now, if any; `period`: the open one when it may be closed, else None."""
        if period is None:
            self._begun = (0, 0)
            return None
        begun = period.open_period, period.expiry_parts
        if begun != self._begun:
            self._begun = begun
            self._next_ms = now_ms + self._wait_ms
        if now_ms < self._next_ms:
            return None
        self._next_ms = now_ms + TRY_AGAIN_MS
        return self._transaction(*begun, now_ms)

    def _transaction(self, period: int, part: int, now_ms: int) -> bytes:
        # The nonce follows from period and part, so that however often it is sent, it is accepted once (T4).
        words = f"ayni/v1/close-period/{self._federation}/{period}/{part}".encode()
        body = transaction_pb2.Body(
            author=self._federation,
            nonce=sha256(words).digest()[:_NONCE_BYTES],
            expires_at_ms=now_ms + EXPIRES_AFTER_MS,
            close_period=pool_pb2.ClosePeriod(period=period),
        ).SerializeToString(deterministic=True)
        signature = keys_pb2.Signature(
            public_key=self._key.public_key,
            signature=self._key.sign(transaction_message(self._genesis_hash, body)),
        )
        signed = transaction_pb2.SignedTransaction(body=body, signatures=[signature])
        return signed.SerializeToString(deterministic=True)
