"""What a client hands in: taken, turned away, or answered at once; and the wait for its outcome.

Decides the four outcomes as clients see them (DESIGN 4.1). Judges form and signatures at the edge; whether
the rules accept is found while blocks are built. Work is done in chunks, never a task a transaction.
`node/stream.py` does the same for streams. Spec: ledger_service.proto (Submit, GetOutcome).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from google.protobuf.message import DecodeError

from ayni.v1 import ledger_service_pb2 as pb
from ayni.v1 import transaction_pb2
from ledger import limits
from ledger.chain import Chain
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from node.mempool import Mempool, Taken
from node.outcomes import Expired, Final, Outcomes, Said, Settled, Unknown
from node.receipts import Receipts
from node.tables import Tables
from node.turns import Turn
from proofs.density import TooManyParts, check_parts
from proofs.domains import tx_id as id_of

CHUNK = 64
"""Transactions verified, or receipts made, before others get their turn (about 5 ms),"""
CHUNK_BYTES = 16 * 1024
"""and so many bytes of transactions: a larger one, of 128 signatures or a megabyte, has a turn of its own."""
ANSWER_BYTES_AIM = 2 * 1024 * 1024
"""A unary answer has no more receipts once it is so large: gRPC clients take 4 MiB by default."""
RETRY_UNKNOWN_MS = 1_000
RETRY_FULL_MS = 500
QUICK_MS = 25
"""The least wait: in a quiet network a refusal is known by then."""


class Doors(NamedTuple):
    """What submission needs of the node."""

    chain: Chain
    mempool: Mempool
    tables: Tables
    outcomes: Outcomes
    receipts: Receipts
    forward: Callable[[list[bytes]], None]
    """Sends transactions newly taken to the peers and wakes consensus."""
    turned_away: Callable[[], None]
    """Counts a transaction that a bound of the mempool keeps out."""
    refuse_now: Callable[[bytes], Refusal | None]
    """Refuses a waiting transaction if the rules would on the tip; None when they would not."""
    clock_ms: Callable[[], int]


class MempoolFull(Exception):
    """Nothing of a request could be taken; `retry_after_ms` says when to come again."""

    def __init__(self, reason: str, retry_after_ms: int) -> None:
        super().__init__(reason)
        self.retry_after_ms = retry_after_ms


class Collector:
    """Gathers the outcomes of what one call waits for."""

    def __init__(self) -> None:
        self.waiting: set[bytes] = set()
        self.ready: list[tuple[bytes, Said]] = []
        self.has_ready = asyncio.Event()

    def settled(self, tx_id: bytes, outcome: Settled) -> None:
        """See `outcomes.Watcher`."""
        self.waiting.discard(tx_id)
        self.ready.append((tx_id, outcome))
        self.has_ready.set()

    def take(self) -> list[tuple[bytes, Said]]:
        """What is known since the last time."""
        taken, self.ready = self.ready, []
        self.has_ready.clear()
        return taken


class Submissions:
    """Takes transactions in and says what became of them."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def submit(self, request: pb.SubmitRequest, turn: Turn) -> pb.SubmitResponse:
        """Takes a batch in and waits up to `wait_ms`. Raises TooMany, MempoolFull: nothing could be taken."""
        collector = Collector()
        deadline = deadline_in(request.wait_ms)
        order: list[tuple[bytes, Said | None]] = []
        turned_away: list[Taken] = []
        try:
            for chunk in chunks(request.transactions):
                async with turn:
                    taken = self.take_chunk(chunk, collector, turned_away)
                order += taken
                await asyncio.sleep(0)
            if turned_away and len(turned_away) == len(request.transactions):
                raise MempoolFull(_full_words(turned_away[0]), RETRY_FULL_MS)
            await _wait_for(collector, deadline)
            known = dict(collector.take())
        finally:
            left = set(collector.waiting)
            self._doors.outcomes.unwatch(left, collector)
        await self._ask_why(sorted(left), known, turn)
        # What was known at once is of those bytes: others of the same id may have other signatures.
        outcomes = [outcome_of(tx_id, said or known[tx_id]) for tx_id, said in order]
        if request.want_receipts:
            await self._add_receipts(outcomes, turn)
        return pb.SubmitResponse(outcomes=outcomes)

    async def outcome(self, tx_id: bytes, wait_ms: int) -> pb.Outcome:
        """What became of a transaction, by its id; waits up to `wait_ms` for it."""
        if (known := self._known(tx_id)) is not None:
            return outcome_of(tx_id, known)
        collector = Collector()
        collector.waiting.add(tx_id)
        self._doors.outcomes.watch(tx_id, collector)
        try:
            await _wait_for(collector, deadline_in(wait_ms))
        finally:
            self._doors.outcomes.unwatch([tx_id], collector)
        for _, settled in collector.take():
            return outcome_of(tx_id, settled)
        refusal = self._doors.outcomes.latest_refusal(tx_id)
        if refusal is None or tx_id in self._doors.mempool:  # handed in again since
            return outcome_of(tx_id, self.unknown_or_refused(tx_id))
        is_past = 0 < refusal.final_after_ms < self._doors.chain.tip.time_ms
        return outcome_of(tx_id, Expired(refusal.final_after_ms) if is_past else refusal)

    # --- taking in ----------------------------------------------------------------------------------

    def take_chunk(
        self, raws: Sequence[bytes], collector: Collector, turned_away: list[Taken]
    ) -> list[tuple[bytes, Said | None]]:
        """(tx_id, what is said of it when that is known at once) of each; what is new goes to the peers."""
        now_ms = self._doors.clock_ms()
        new: list[bytes] = []
        answers = [
            (_id_if_readable(raw), tx)
            if isinstance(tx, Refusal)
            else (tx.tx_id, self._take(tx, collector, turned_away, new, now_ms))
            for raw, tx in zip(raws, self._doors.mempool.parse(raws), strict=True)
        ]
        if new:
            self._doors.forward(new)
        return answers

    def _take(
        self,
        tx: ParsedTransaction,
        collector: Collector,
        turned_away: list[Taken],
        new: list[bytes],
        now_ms: int,
    ) -> Said | None:
        doors = self._doors
        is_final = doors.tables.nonce(tx.author, tx.nonce) == tx.tx_id
        if is_final and (known := self._known(tx.tx_id)) is not None:  # T2
            return known
        if tx.expires_at_ms < doors.chain.tip.time_ms:
            return Expired(tx.expires_at_ms)
        taken = doors.mempool.add(tx, now_ms, is_local=True)
        if not taken.is_in:
            turned_away.append(taken)
            doors.turned_away()
            return Unknown(RETRY_FULL_MS)
        if taken is Taken.NEW:
            new.append(tx.raw)
        if tx.tx_id not in collector.waiting:
            collector.waiting.add(tx.tx_id)
            doors.outcomes.watch(tx.tx_id, collector)
        return None

    # --- outcomes -----------------------------------------------------------------------------------

    def _known(self, tx_id: bytes) -> Final | None:
        """The outcome of what is final already."""
        logged = self._doors.tables.transaction(tx_id)
        return None if logged is None else Final(logged.height, logged.log_index, logged.result)

    def unknown_or_refused(self, tx_id: bytes) -> Said:
        """At the end of the wait: refused now if the rules say so, else unknown and safe to resubmit."""
        return self._doors.refuse_now(tx_id) or Unknown(RETRY_UNKNOWN_MS)

    async def _ask_why(self, tx_ids: list[bytes], known: dict[bytes, Said], turn: Turn) -> None:
        """Notes what is to be said of transactions whose wait is over. Raises TooMany."""
        for start in range(0, len(tx_ids), CHUNK):
            async with turn:
                for tx_id in tx_ids[start : start + CHUNK]:
                    known[tx_id] = self.unknown_or_refused(tx_id)
            await asyncio.sleep(0)

    async def _add_receipts(self, outcomes: list[pb.Outcome], turn: Turn) -> None:
        """Adds the receipts of what is final; no more once all together are large. Raises TooMany."""
        size = 0
        for start in range(0, len(outcomes), CHUNK):
            async with turn:
                for outcome in outcomes[start : start + CHUNK]:
                    if size < ANSWER_BYTES_AIM:
                        self.add_receipt(outcome)
                    size += outcome.ByteSize()
            await asyncio.sleep(0)

    def add_receipt(self, outcome: pb.Outcome) -> None:
        """Adds its receipt to the outcome of what is final."""
        if outcome.kind != pb.OUTCOME_KIND_FINAL:
            return
        logged = self._doors.tables.logged(outcome.log_index)
        if logged is not None and (receipt := self._doors.receipts.receipt(logged)) is not None:
            outcome.receipt.CopyFrom(receipt)


def chunks(raws: Iterable[bytes]) -> Iterable[list[bytes]]:
    """Transactions in as many as are worked on in one turn."""
    chunk: list[bytes] = []
    size = 0
    for raw in raws:
        size += len(raw)
        if chunk and (len(chunk) == CHUNK or size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], len(raw)
        chunk.append(raw)
    if chunk:
        yield chunk


def deadline_in(wait_ms: int) -> float:
    """When a wait is over, on the event loop's clock in seconds: nobody waits less than is quick."""
    return asyncio.get_running_loop().time() + max(wait_ms, QUICK_MS) / 1000


async def _wait_for(collector: Collector, deadline: float) -> None:
    """Until nothing is waited for any more, or the deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            while collector.waiting:
                await collector.has_ready.wait()
                collector.has_ready.clear()
    except TimeoutError:
        return


def outcome_of(tx_id: bytes, said: Said) -> pb.Outcome:
    """The message that says what became of a transaction."""
    match said:
        case Final(height, log_index, result):
            kind = pb.OUTCOME_KIND_FINAL
            return pb.Outcome(tx_id=tx_id, kind=kind, height=height, log_index=log_index, result=result)
        case Expired():
            return pb.Outcome(tx_id=tx_id, kind=pb.OUTCOME_KIND_EXPIRED)
        case Refusal():
            return pb.Outcome(tx_id=tx_id, kind=pb.OUTCOME_KIND_REFUSED, refusal=said.to_proto())
        case Unknown(retry_after_ms):
            return pb.Outcome(tx_id=tx_id, kind=pb.OUTCOME_KIND_UNKNOWN, retry_after_ms=retry_after_ms)


def _id_if_readable(raw: bytes) -> bytes:
    """The id of a transaction that was refused for its form, when it has a body, and few parts, at all."""
    try:
        check_parts(transaction_pb2.SignedTransaction, raw, limits.SIGNED_FIELDS_MAX)
        body = transaction_pb2.SignedTransaction.FromString(raw).body
    except (DecodeError, TooManyParts):
        return b""
    return id_of(body) if body else b""


def _full_words(taken: Taken) -> str:
    return f"{taken.value}; send the same bytes again a little later"
