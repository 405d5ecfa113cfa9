"""One SubmitStream: what comes in on it, and which outcomes go out when.

Decides how much is read of a client that does not read, and how large a message is; what becomes of a
transaction is decided in `node/submit.py`. Spec: ledger_service.proto (SubmitStream).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque

from ayni.v1 import ledger_service_pb2 as pb
from node.outcomes import Said
from node.submit import CHUNK, Collector, Doors, Submissions, chunks, deadline_in, outcome_of
from node.turns import Turn

OUTCOMES_UNFETCHED_MAX = 2_000
"""A stream whose client does not fetch its outcomes is read no further."""
OUTCOMES_A_MESSAGE = 512
"""Without receipts (about 2 ms); with them, as many as are made before others get their turn,"""
MESSAGE_BYTES_AIM = 2 * 1024 * 1024
"""and no more than gRPC clients take by default (4 MiB)."""


class Stream:
    """One SubmitStream: batches come in at any time, outcomes go out as they are known.

    A transaction that is sent again while it waits is answered once, by the deadline of the later batch.
    """

    def __init__(self, submissions: Submissions, doors: Doors, turn: Turn) -> None:
        self._submissions = submissions
        self._turn = turn
        self._doors = doors
        self._collector = Collector()
        self._deadlines: list[tuple[float, int, deque[bytes]]] = []
        self._batches = 0
        self._batch_of: dict[bytes, int] = {}
        """The latest batch of each transaction, until that batch's deadline."""
        self._want_receipts = False
        self._ended = False
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def take(self, request: pb.SubmitRequest) -> None:
        """Takes one batch in; first waits while the client does not fetch the outcomes it has."""
        if len(self._collector.ready) > OUTCOMES_UNFETCHED_MAX:
            self._has_room.clear()
        await self._has_room.wait()
        self._want_receipts = request.want_receipts
        waiting: deque[bytes] = deque()
        for chunk in chunks(request.transactions):
            async with self._turn:
                taken = self._submissions.take_chunk(chunk, self._collector, [])
            for tx_id, said in taken:
                if said is None:
                    waiting.append(tx_id)
                else:
                    self._collector.ready.append((tx_id, said))
            if self._collector.ready:
                self._collector.has_ready.set()
            await asyncio.sleep(0)
        if waiting:
            self._batches += 1
            self._batch_of.update(dict.fromkeys(waiting, self._batches))
            heapq.heappush(self._deadlines, (deadline_in(request.wait_ms), self._batches, waiting))
            self._collector.has_ready.set()

    def end(self) -> None:
        """No more batches will come."""
        self._ended = True
        self._collector.has_ready.set()

    def abandon(self) -> None:
        """Nothing more is waited for."""
        self._ended = True
        self.close()
        self._collector.waiting.clear()
        self._collector.has_ready.set()

    async def outcomes(self) -> list[pb.Outcome]:
        """The next outcomes, a message's; empty once everything is answered after `end`. Raises TooMany.

        With a receipt each is larger a hundred times: receipts are made of what is sent next only, so that
        a client that does not read has none made.
        """
        while True:
            while not self._has_some():
                if self._ended and not self._collector.waiting:
                    return []
                await self._sleep()
            async with self._turn:
                found = self._next()
            await asyncio.sleep(0)
            if found:
                return found

    def _has_some(self) -> bool:
        """Whether something is to be said now."""
        if self._collector.ready:
            return True
        return bool(self._deadlines) and self._deadlines[0][0] <= asyncio.get_running_loop().time()

    def _next(self) -> list[pb.Outcome]:
        """What is to be said now, as much as goes into one message."""
        ready = self._collector.ready
        if len(ready) < CHUNK:
            ready += self._overdue(CHUNK - len(ready))
        found: list[pb.Outcome] = []
        size = 0
        for tx_id, said in ready[: CHUNK if self._want_receipts else OUTCOMES_A_MESSAGE]:
            outcome = outcome_of(tx_id, said)
            if self._want_receipts:
                self._submissions.add_receipt(outcome)
            size += outcome.ByteSize()
            if found and size > MESSAGE_BYTES_AIM:
                break
            found.append(outcome)
        del ready[: len(found)]
        if len(ready) <= OUTCOMES_UNFETCHED_MAX:
            self._has_room.set()
        return found

    def close(self) -> None:
        """The client is gone, or everything is answered."""
        self._doors.outcomes.unwatch(list(self._collector.waiting), self._collector)

    def _overdue(self, most: int) -> list[tuple[bytes, Said]]:
        """Of what waited as long as was asked, so many."""
        now = asyncio.get_running_loop().time()
        found: list[tuple[bytes, Said]] = []
        while self._deadlines and self._deadlines[0][0] <= now and len(found) < most:
            _, batch, tx_ids = self._deadlines[0]
            if not tx_ids:
                heapq.heappop(self._deadlines)
                continue
            tx_id = tx_ids.popleft()
            if self._batch_of.get(tx_id) != batch:
                continue  # it was sent again since
            del self._batch_of[tx_id]
            if tx_id in self._collector.waiting:
                self._collector.waiting.discard(tx_id)
                self._doors.outcomes.unwatch([tx_id], self._collector)
                found.append((tx_id, self._submissions.unknown_or_refused(tx_id)))
        return found

    async def _sleep(self) -> None:
        """Until something is known, or the next deadline."""
        self._collector.has_ready.clear()
        when = self._deadlines[0][0] if self._deadlines else None
        try:
            async with asyncio.timeout_at(when):
                await self._collector.has_ready.wait()
        except TimeoutError:
            return
