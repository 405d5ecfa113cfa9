"""What is final, in tables: blocks, log, state, and the indexes that reads need. A `StateReader`.

Decides the bytes of each row and what one final block adds to a batch; keys begin with the table prefixes
of `node/store.py`. Never decides whether a block is right, and never writes by itself: the caller gives the
batch. Spec: DESIGN 4.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from ayni.v1 import block_pb2, result_pb2, transaction_pb2
from ledger.blocks import FinalBlock, Tip
from ledger.codec import log_entry
from ledger.state import LoggedTransaction
from node import postings
from node.store import (
    BUCKET,
    DIGEST,
    EVIDENCE,
    HEADER,
    JOURNAL,
    LOG,
    LOG_NODE,
    META,
    NAME,
    NONCE,
    STATE,
    TX_INDEX,
    Batch,
    Database,
    StoreDamaged,
    next_prefix,
)
from proofs import domains, statetree
from proofs.merkle import Frontier, leaf_hash, root_of

M = TypeVar("M", bound=Message)

LISTED_FAMILIES: Final = (b"a|", b"c|", b"i|")
"""State keys that can be listed by prefix: accounts, classes, issuances."""
_TIP_KEY: Final = META + b"tip"
_HASH: Final = 32
_EVIDENCE_ROWS_MAX: Final = 10_000
_UNUSED_NONCES_MAX: Final = 100_000
LEAST_LEVEL_STORED: Final = 4
"""Log nodes below are made of the log's rows again: two of them for each transaction."""


class StoredBlock(NamedTuple):
    """A final block without its body, with what proves it (C9)."""

    header: block_pb2.Header
    certified: block_pb2.CertifiedBlock
    """Its `body` is empty."""


def number(value: int) -> bytes:
    """Eight bytes, so that rows sort by number."""
    return value.to_bytes(8)


class Tables:
    """The tables of one open database."""

    def __init__(self, database: Database, state_tree_bits: int) -> None:
        self._db = database
        self._bits = state_tree_bits
        self._unused: set[tuple[str, bytes]] = set()
        """Nonces that were looked up and not found: they are asked for again when they are executed."""

    # --- writing ------------------------------------------------------------------------------------

    def found(self, batch: Batch, writes: dict[bytes, bytes | None], genesis_hash: bytes) -> None:
        """Adds the state at height 0 of a new network."""
        key_hashes = {key: statetree.key_hash(key) for key in writes}
        self._put_state(batch, writes, key_hashes)
        buckets: dict[int, list[tuple[bytes, bytes]]] = {}
        for key, value in writes.items():
            if value:
                key_hash = key_hashes[key]
                bucket = buckets.setdefault(statetree.bucket_of(key_hash, self._bits), [])
                bucket.append((key_hash, statetree.value_hash(value)))
        for index, entries in buckets.items():
            batch.put(BUCKET + index.to_bytes(4), statetree.bucket_hash(sorted(entries)))
        self._put_tip(batch, genesis_hash, 0, Frontier())

    def add(self, batch: Batch, block: FinalBlock, certified: block_pb2.CertifiedBlock) -> None:
        """Adds a final block: everything it changes, and every index of it."""
        height = block.header.height
        # The body is not kept whole: it is the log's transactions again.
        kept = block_pb2.CertifiedBlock(
            header=block.header_bytes,
            notarization=certified.notarization,
            nullifications=certified.nullifications,
        )
        if certified.HasField("finalization"):
            kept.finalization.CopyFrom(certified.finalization)
        put = batch.put
        height_bytes = number(height)
        put(HEADER + height_bytes, kept.SerializeToString())
        put(DIGEST + block.digest, height_bytes)
        for entry in block.entries:
            tx = entry.tx
            index = number(entry.log_index)
            put(LOG + index, b"%b%b%b%b" % (height_bytes, len(tx.raw).to_bytes(4), tx.raw, entry.result))
            put(TX_INDEX + tx.tx_id, index)
            put(_nonce_key(tx.author, tx.nonce), index)
            self._unused.discard((tx.author, tx.nonce))
        for level, index_, node in block.log_nodes:
            if level >= LEAST_LEVEL_STORED:
                put(_log_node_key(level, index_), node)
        self._put_state(batch, block.writes, block.key_hashes)
        for bucket, bucket_hash in block.buckets.items():
            put(BUCKET + bucket.to_bytes(4), bucket_hash)
        postings.add(batch, block)
        self._put_tip(batch, block.digest, height, block.frontier)

    def _put_state(
        self, batch: Batch, writes: dict[bytes, bytes | None], key_hashes: dict[bytes, bytes]
    ) -> None:
        for key, value in writes.items():
            row = STATE + key_hashes[key]
            if value is None:
                batch.delete(row)
            else:
                batch.put(row, b"%b%b%b" % (len(key).to_bytes(2), key, value))
            if key[:2] in LISTED_FAMILIES:
                if value is None:
                    batch.delete(NAME + key)
                else:
                    batch.put(NAME + key, b"")

    def _put_tip(self, batch: Batch, digest: bytes, height: int, frontier: Frontier) -> None:
        row = digest + number(height) + number(frontier.size) + b"".join(frontier.peaks)
        batch.put(_TIP_KEY, row)

    def add_evidence(self, batch: Batch, evidence: block_pb2.Evidence) -> bool:
        """Adds evidence against a member; False when it is held already, or the table is full."""
        first, second = evidence.first, evidence.second
        key = EVIDENCE + bytes([first.member]) + number(first.view) + bytes([first.kind, second.kind])
        held = self._db.get(key) is not None or any(key == queued for queued, _ in batch.operations)
        if held or sum(1 for _ in self.evidence()) >= _EVIDENCE_ROWS_MAX:
            return False
        batch.put(key, evidence.SerializeToString())
        return True

    # --- StateReader --------------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """Value of a state record, None when absent."""
        row = self._db.get(STATE + statetree.key_hash(key))
        return None if row is None else row[2 + len(key) :]

    def bucket(self, index: int) -> list[tuple[bytes, bytes, bytes]]:
        """(key hash, value hash, value) of every record in a bucket of the state tree, ascending."""
        # This reads every record that shares a bucket with one that changes.
        value_hash = statetree.value_hash
        return [(key_hash, value_hash(value), value) for key_hash, _, value in self.bucket_records(index)]

    def bucket_records(self, index: int) -> Iterator[tuple[bytes, bytes, bytes]]:
        """(key hash, key, value) of every record in a bucket, ascending by key hash."""
        for row_key, row in self._bucket_rows(index):
            value_at = 2 + int.from_bytes(row[:2])
            yield row_key[1:], row[2:value_at], row[value_at:]

    def _bucket_rows(self, index: int) -> Iterator[tuple[bytes, bytes]]:
        shift = 32 - self._bits
        start = STATE + (index << shift).to_bytes(4)
        last = index == (1 << self._bits) - 1
        stop = next_prefix(STATE) if last else STATE + ((index + 1) << shift).to_bytes(4)
        return self._db.range(start, stop)

    def bucket_hashes(self) -> bytes:
        """The 2^k bucket hashes, 32 bytes each, in order."""
        rows = self._db.range(BUCKET, next_prefix(BUCKET))
        return statetree.bucket_hashes(((int.from_bytes(key[1:]), value) for key, value in rows), self._bits)

    def transaction(self, tx_id: bytes) -> LoggedTransaction | None:
        """A transaction of the final log. Raises StoreDamaged when what is there is another."""
        index = self.log_index(tx_id)
        if index is None or (logged := self.logged(index)) is None:
            return None
        signed = read_row(transaction_pb2.SignedTransaction, logged.raw, f"transaction {index} of the log")
        read_row(result_pb2.Result, logged.result, f"the result of transaction {index}")
        if domains.tx_id(signed.body) != tx_id:
            raise damaged(f"transaction {index} of the log is not {tx_id.hex()}")
        return logged

    def log_index(self, tx_id: bytes) -> int | None:
        """The position of a transaction in the final log, None when it is not there."""
        index = self._db.get(TX_INDEX + tx_id)
        return None if index is None else int.from_bytes(index)

    def nonce(self, author: str, nonce: bytes) -> bytes | None:
        """The tx_id that used `(author, nonce)`. Raises StoreDamaged when that transaction is not there."""
        index = self.nonce_index(author, nonce)
        if index is None:
            return None
        what = f"transaction {index} of the log"
        if (logged := self.logged(index)) is None:
            raise damaged(f"{what}, which used a nonce of {author}, is missing")
        return domains.tx_id(read_row(transaction_pb2.SignedTransaction, logged.raw, what).body)

    def nonce_index(self, author: str, nonce: bytes) -> int | None:
        """The position in the final log of the transaction that used `(author, nonce)`."""
        use = (author, nonce)
        if use in self._unused:
            return None
        row = self._db.get(_nonce_key(author, nonce))
        if row is None:
            if len(self._unused) >= _UNUSED_NONCES_MAX:
                self._unused.clear()
            self._unused.add(use)
            return None
        return int.from_bytes(row)

    # --- blocks and log -----------------------------------------------------------------------------

    def tip(self) -> Tip | None:
        """The last final block; None before the network is founded. Of height 0, its time is 0."""
        row = self._db.get(_TIP_KEY)
        if row is None:
            return None
        digest, height = row[:_HASH], int.from_bytes(row[32:40])
        peaks = tuple(row[at : at + _HASH] for at in range(48, len(row), _HASH))
        time_ms = self.block(height).header.time_ms if height else 0
        return Tip(digest, height, time_ms, Frontier(int.from_bytes(row[40:48]), peaks))

    def block(self, height: int) -> StoredBlock:
        """A final block without its body. Raises StoreDamaged when it is not there."""
        row = self._db.get(HEADER + number(height))
        if row is None:
            raise StoreDamaged(f"{self._db.path}: block {height} is missing; run `ayni node doctor`")
        return _stored_block(row)

    def height_of(self, digest: bytes) -> int | None:
        """The height of a final block, by its digest."""
        row = self._db.get(DIGEST + digest)
        return None if row is None else int.from_bytes(row)

    def blocks_from(self, height: int) -> Iterator[StoredBlock]:
        """Final blocks from a height on, without bodies."""
        for _, row in self._db.range(HEADER + number(height), next_prefix(HEADER)):
            yield _stored_block(row)

    def certified(self, height: int) -> block_pb2.CertifiedBlock:
        """A final block whole, with what proves it. Raises StoreDamaged when it is not there."""
        stored = self.block(height)
        whole = stored.certified
        whole.body = self.body(height, stored.header.log_size)
        return whole

    def body(self, height: int, log_size: int) -> bytes:
        """Canonical BlockBody bytes of a final block, made of its transactions again."""
        start = self.block(height - 1).header.log_size if height > 1 else 0
        transactions = [
            _logged(0, row).raw for _, row in self._db.range(LOG + number(start), LOG + number(log_size))
        ]
        return block_pb2.BlockBody(transactions=transactions).SerializeToString(deterministic=True)

    def final_at_or_after(self, height: int) -> StoredBlock | None:
        """The nearest directly final block at or after a height."""
        for stored in self.blocks_from(height):
            if stored.certified.HasField("finalization"):
                return stored
        return None

    def logged(self, index: int) -> LoggedTransaction | None:
        """Transaction number `index` of the final log."""
        row = self._db.get(LOG + number(index))
        return None if row is None else _logged(index, row)

    def log_node(self, level: int, index: int) -> bytes:
        """Hash of a complete subtree of the log. Raises StoreDamaged when it is not there."""
        if level < LEAST_LEVEL_STORED:
            return self._low_node(level, index)
        node = self._db.get(_log_node_key(level, index))
        if node is None:
            text = f"{self._db.path}: log node {level}/{index} is missing; run `ayni node doctor`"
            raise StoreDamaged(text)
        return node

    def _low_node(self, level: int, index: int) -> bytes:
        first, last = index << level, (index + 1) << level
        rows = self._db.range(LOG + number(first), LOG + number(last))
        leaves = [leaf_hash(log_entry(*_logged(0, row)[2:])) for _, row in rows]
        if len(leaves) != last - first:
            text = f"{self._db.path}: the log lacks some of {first} to {last - 1}; run `ayni node doctor`"
            raise StoreDamaged(text)
        return root_of(leaves)

    def first_height_at(self, time_ms: int, tip_height: int) -> int:
        """The first height whose block time is at or after `time_ms`; tip_height + 1 when there is none."""
        low, high = 1, tip_height + 1
        while low < high:
            middle = (low + high) // 2
            if self.block(middle).header.time_ms < time_ms:
                low = middle + 1
            else:
                high = middle
        return low

    # --- lists --------------------------------------------------------------------------------------

    def listed_keys(self, prefix: bytes, after: bytes = b"") -> Iterator[bytes]:
        """State keys of a listed family that start with `prefix`, ascending, above `after`."""
        start = NAME + max(prefix, after + b"\x00" if after else b"")
        for key in self._db.keys(start, next_prefix(NAME + prefix)):
            yield key[1:]

    def is_listed(self, key: bytes) -> bool:
        """Whether `listed_keys` gives this state key."""
        return self._db.get(NAME + key) is not None

    def evidence(self) -> Iterator[block_pb2.Evidence]:
        """Evidence held, by member and view."""
        for _, row in self._db.range(EVIDENCE, next_prefix(EVIDENCE)):
            yield read_row(block_pb2.Evidence, row, "evidence")

    def journal(self) -> dict[bytes, bytes]:
        """Every journal record."""
        return {key[1:]: value for key, value in self._db.range(JOURNAL, next_prefix(JOURNAL))}


def _log_node_key(level: int, index: int) -> bytes:
    return b"%b%b%b" % (LOG_NODE, level.to_bytes(1), index.to_bytes(8))


def _nonce_key(author: str, nonce: bytes) -> bytes:
    return b"%b%b\x00%b" % (NONCE, author.encode(), nonce)


def _stored_block(row: bytes) -> StoredBlock:
    certified = read_row(block_pb2.CertifiedBlock, row, "a block")
    return StoredBlock(read_row(block_pb2.Header, certified.header, "a block's header"), certified)


def read_row(message_class: type[M], row: bytes, what: str) -> M:
    """The message in a row of the database. Raises StoreDamaged, saying `what` should be there."""
    try:
        return message_class.FromString(row)
    except DecodeError:
        raise damaged(f"{what} ({len(row)} bytes) is not what was written") from None


def damaged(fact: str) -> StoreDamaged:
    """A record is whole, and not what this program wrote."""
    return StoreDamaged(f"the database is damaged: {fact}; run `ayni node doctor`")


def _logged(index: int, row: bytes) -> LoggedTransaction:
    result_at = 12 + int.from_bytes(row[8:12])
    return LoggedTransaction(index, int.from_bytes(row[:8]), row[12:result_at], row[result_at:])
