"""The auditor's state: records in memory, transactions by where they stand in the export.

Implements `ledger.state.StateReader`. The log itself is not kept in memory: a transaction that a reversal
cites is read from history.bin again.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import lru_cache

from audit.archive import Frames
from ayni.v1.block_pb2 import BlockBody, CertifiedBlock
from ledger.blocks import FinalBlock
from ledger.state import LoggedTransaction
from proofs import statetree

_BLOCKS_CACHED_MAX = 16


class AuditReader:
    """What is final so far."""

    def __init__(self, bits: int, frames: Frames, founding_records: Mapping[bytes, bytes | None]) -> None:
        self._bits = bits
        self.values: dict[bytes, bytes] = {}
        """State records by key."""
        self._keys_of_bucket: dict[int, set[bytes]] = {}
        self._log: dict[bytes, int] = {}
        self._nonces: dict[bytes, bytes] = {}
        self._heights = array("Q")
        """Of the block that holds a transaction, by log index."""
        self._first_of_block = array("Q", [0])
        """Log index of a block's first transaction, by height."""
        self._results: dict[int, bytes] = {}
        self._body = lru_cache(_BLOCKS_CACHED_MAX)(lambda height: _transactions(frames.again(height)))
        self._write(founding_records)

    def get(self, key: bytes) -> bytes | None:
        """See StateReader."""
        return self.values.get(key)

    def bucket(self, index: int) -> list[tuple[bytes, bytes, bytes]]:
        """See StateReader."""
        values = [(key, self.values[key]) for key in self._keys_of_bucket.get(index, ())]
        return [(statetree.key_hash(key), statetree.value_hash(value), value) for key, value in values]

    def bucket_hashes(self) -> bytes:
        """See StateReader."""
        hashes = (
            (index, statetree.bucket_hash(sorted([each[:2] for each in self.bucket(index)])))
            for index in self._keys_of_bucket
        )
        return statetree.bucket_hashes(hashes, self._bits)

    def transaction(self, tx_id: bytes) -> LoggedTransaction | None:
        """See StateReader."""
        log_index = self._log.get(tx_id)
        if log_index is None:
            return None
        height = self._heights[log_index]
        raw = self._body(height)[log_index - self._first_of_block[height]]
        return LoggedTransaction(log_index, height, raw, self._results.get(log_index, b""))

    def nonce(self, author: str, nonce: bytes) -> bytes | None:
        """See StateReader."""
        return self._nonces.get(author.encode() + nonce)

    def advance(self, block: FinalBlock) -> None:
        """Take over a block that became final."""
        self._write(block.writes)
        height = block.header.height
        self._first_of_block.append(len(self._heights))
        for entry in block.entries:
            tx = entry.tx
            self._log[tx.tx_id] = entry.log_index
            self._heights.append(height)
            if entry.result:
                self._results[entry.log_index] = entry.result
            self._nonces[tx.author.encode() + tx.nonce] = tx.tx_id

    def _write(self, writes: Mapping[bytes, bytes | None]) -> None:
        for key, value in writes.items():
            if value is None:
                if self.values.pop(key, None) is not None:
                    self._bucket_of(key).discard(key)
            else:
                if key not in self.values:
                    self._bucket_of(key).add(key)
                self.values[key] = value

    def _bucket_of(self, key: bytes) -> set[bytes]:
        index = statetree.bucket_of(statetree.key_hash(key), self._bits)
        return self._keys_of_bucket.setdefault(index, set())


def _transactions(frame: bytes) -> list[bytes]:
    return list(BlockBody.FromString(CertifiedBlock.FromString(frame).body).transactions)
