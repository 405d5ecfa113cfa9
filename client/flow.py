"""Thousands of transactions, pipelined over one stream: what imports, the demo and the bench use.

Decides how many may be on their way at once, what is sent again when a stream breaks or a node asks for
time, and when it is given up. Never makes a transaction: the same bytes are sent again, which is safe
(docs/protocol.md, T2). For a few transactions use `Client.submit`.

    for outcome in flow(client, transactions, window=4000, batch=200):
        ...                                     # in any order; one for each transaction

The source is read, and requests are sent, on a thread of grpc; outcomes come out on the caller's. A message
is sent when it is full or the source at its end: of a source that pauses, `batch=1` keeps nothing waiting.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import grpc

from ayni.v1 import ledger_service_pb2
from client.api import Client
from client.channels import Node, NotThisNode, no_node, translated
from client.drafts import checked_id, id_of
from client.errors import UsageProblem, VerificationFailed
from client.outcomes import Kind, Outcome, judged, outcome_of
from client.stamps import now_ms
from client.submission import BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX

WINDOW_DEFAULT = 4_000
BATCH_DEFAULT = 200
WAIT_MS = 20_000
GIVE_UP_SECONDS_DEFAULT = 60.0
STALL_SECONDS = 30.0
"""A stream that told no outcome for so long is given up for the next node, whatever else it says."""
RECONNECT_SECONDS = 0.25
RETRY_DEFAULT_MS = 250


def flow(
    client: Client,
    transactions: Iterable[bytes],
    *,
    window: int = WINDOW_DEFAULT,
    batch: int = BATCH_DEFAULT,
    want_receipts: bool = False,
    give_up_s: float = GIVE_UP_SECONDS_DEFAULT,
) -> Iterator[Outcome]:
    """Hands in transactions, at most `window` on their way at once, `batch` in a message.

    Yields one outcome for each, in any order; what the source gives twice may have one for both. When no
    node told any outcome for `give_up_s` seconds, as when a quorum of them is down, what was sent comes back
    as unknown; if the source had more, NoNode is raised then. An error of the source, and UsageProblem for
    bytes that are no transaction, end it: they are raised once what was sent before has its outcomes. With
    `want_receipts` each final outcome is believed only with a receipt that verifies. Raises ClientError.
    """
    if window < 1 or batch < 1:
        raise UsageProblem(
            f"A flow with a window of {window} and batches of {batch} never sends anything.",
            "At least one transaction is on its way, and in a message.",
            "Give 1 or more of both.",
        )
    run = _Flow(client, transactions, window, min(batch, BATCH_TRANSACTIONS_MAX), want_receipts)
    run.stall_s = min(STALL_SECONDS, give_up_s)
    while not run.finished():
        failures: list[tuple[Node, NotThisNode]] = []
        for node in client.nodes:
            try:
                yield from run.through(node)
                break
            except NotThisNode as failure:
                failures.append((node, failure))
                if run.recall() > give_up_s:
                    sent, more = run.give_up()
                    yield from sent
                    if more:
                        raise no_node(client.network, failures) from failure
                    run.raise_error()
                    return
                time.sleep(max(RECONNECT_SECONDS, min(failure.retry_after_ms / 1000, 2.0)))
    run.raise_error()


class _Stream:
    """One stream, while it lasts."""

    def __init__(self) -> None:
        self.open = True
        self.opened_at = time.monotonic()
        self.call: Any = None


class _Flow:
    """What is on its way, and what must be sent (again). Shared by two threads under one condition."""

    def __init__(
        self, client: Client, source: Iterable[bytes], window: int, batch: int, want_receipts: bool
    ) -> None:
        self._client = client
        self._source = iter(source)
        self._source_lock = threading.Lock()
        self.exhausted = False
        """Whether the source was read to its end, or to its error."""
        self._error: BaseException | None = None
        self._window, self._batch, self._want_receipts = window, batch, want_receipts
        self._changed = threading.Condition()
        self._on_the_way: dict[bytes, bytes] = {}
        self._again: deque[bytes] = deque()
        self._later: list[tuple[float, bytes, bytes]] = []
        self._in_hand = 0
        """Taken from the source, and not yet on the way."""
        self.stall_s = STALL_SECONDS
        self._waiting_since: float | None = time.monotonic()
        """Since when no outcome was told though one was expected; None: none is expected."""

    def finished(self) -> bool:
        """Whether every transaction of the source has its outcome."""
        with self._changed:
            return self._done()

    def through(self, node: Node) -> Iterator[Outcome]:
        """Sends through one node and yields outcomes. Raises NotThisNode, ClientError."""
        node.check_genesis()
        self._client.nodes.prefer(node)
        stream = _Stream()
        try:
            stream.call = node.stub.SubmitStream(self._requests(stream))
            for response in stream.call:
                for message in response.outcomes:
                    outcome = self._take(message)
                    if outcome is not None:
                        self._told()
                        yield outcome
        except grpc.RpcError as error:
            raise translated(error) from error
        finally:
            with self._changed:
                stream.open = False
                self._changed.notify_all()
            if stream.call is not None:
                stream.call.cancel()
        if not self.finished():
            raise NotThisNode("it ended the stream", sent=True)

    def raise_error(self) -> None:
        """Raises what ended the source, if anything did."""
        if self._error is not None:
            raise self._error

    def recall(self) -> float:
        """What was on its way through a broken stream is sent again; seconds since an outcome was told."""
        now = time.monotonic()
        with self._changed:
            self._again.extend(self._on_the_way.values())
            self._on_the_way.clear()
            self._waiting_since = now if self._waiting_since is None else self._waiting_since
            return now - self._waiting_since

    def give_up(self) -> tuple[list[Outcome], bool]:
        """What was sent and has no outcome, as unknown; whether the source had more."""
        with self._changed:
            left = [*self._on_the_way.values(), *self._again, *(raw for _, _, raw in self._later)]
            more = not self.exhausted or self._in_hand > 0
        return [Outcome(id_of(raw), Kind.UNKNOWN) for raw in left], more

    def _take(self, message: ledger_service_pb2.Outcome) -> Outcome | None:
        if not message.tx_id:
            raise VerificationFailed(
                "The node could not read a transaction.",
                message.refusal.message or "It gave no reason.",
                "Check that the node's version is this one's.",
            )
        with self._changed:
            raw = self._on_the_way.pop(message.tx_id, None)
            self._changed.notify_all()
        if raw is None:
            return None
        outcome = outcome_of(message, self._client.genesis_hash, receipt_wanted=self._want_receipts)
        outcome = judged(outcome, raw, now_ms())
        if outcome.kind is Kind.UNKNOWN:
            ready = time.monotonic() + max(outcome.retry_after_ms, RETRY_DEFAULT_MS) / 1000
            with self._changed:
                heapq.heappush(self._later, (ready, message.tx_id, raw))
            return None
        return outcome

    def _requests(self, stream: _Stream) -> Iterator[ledger_service_pb2.SubmitRequest]:
        while stream.open:
            room = self._wait_for_room(stream)
            if room == 0:
                return
            taken = self._gather(min(room, self._batch), stream)
            if taken:
                yield ledger_service_pb2.SubmitRequest(
                    genesis_hash=self._client.genesis_hash,
                    transactions=taken,
                    wait_ms=WAIT_MS,
                    want_receipts=self._want_receipts,
                )

    def _wait_for_room(self, stream: _Stream) -> int:
        """How many more may be sent; 0 when the stream is over or everything has its outcome."""
        with self._changed:
            while stream.open:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    self._again.append(heapq.heappop(self._later)[2])
                room = self._window - len(self._on_the_way)
                if room > 0 and (self._again or not self.exhausted):
                    return room
                if self._done():
                    return 0
                if self._stalled(stream, now):
                    stream.call.cancel()
                    return 0
                self._changed.wait(self._later[0][0] - now if self._later else 1.0)
        return 0

    def _gather(self, most: int, stream: _Stream) -> list[bytes]:
        """What is sent next: what must be sent again comes first, and waits for no source."""
        with self._changed:
            if not stream.open:
                return []
            if self._again:
                return self._sent(_popped(self._again, most))
        taken = self._read(most)
        with self._changed:
            self._in_hand -= len(taken)
            if stream.open:
                return self._sent(taken)
            self._again.extend(taken)  # the next stream sends them
        return []

    def _sent(self, taken: list[bytes]) -> list[bytes]:
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        self._on_the_way.update((id_of(raw), raw) for raw in taken)
        return taken

    def _told(self) -> None:
        with self._changed:
            waiting = self._on_the_way or self._again or self._later
            self._waiting_since = time.monotonic() if waiting else None

    def _stalled(self, stream: _Stream, now: float) -> bool:
        if stream.call is None or self._waiting_since is None or not self._on_the_way:
            return False
        return now - max(self._waiting_since, stream.opened_at) > self.stall_s

    def _done(self) -> bool:
        return self.exhausted and not (self._on_the_way or self._again or self._later or self._in_hand)

    def _read(self, most: int) -> list[bytes]:
        """The next ones of the source; whatever is wrong with it ends it, and is raised by `raise_error`."""
        taken: deque[bytes] = deque()
        size = 0
        with self._source_lock:
            while len(taken) < most and size < BATCH_BYTES_MAX and not self.exhausted:
                error: BaseException | None = None
                try:
                    raw = next(self._source)
                    checked_id(raw)
                    with self._changed:
                        self._in_hand += 1
                    taken.append(raw)
                    size += len(raw)
                    continue
                except StopIteration:
                    pass
                except BaseException as problem:  # it is raised again where the outcomes are read
                    error = problem
                with self._changed:
                    self.exhausted, self._error = True, error
                    self._changed.notify_all()
        first = _popped(taken, most)
        with self._changed:
            self._again.extend(taken)  # what makes the message too large is in the next one
            self._in_hand -= len(taken)
        return first


def _popped(waiting: deque[bytes], most: int) -> list[bytes]:
    """Takes out the first ones, at most as many as a message holds."""
    taken: list[bytes] = []
    size = 0
    while waiting and len(taken) < most and (not taken or size + len(waiting[0]) <= BATCH_BYTES_MAX):
        taken.append(waiting.popleft())
        size += len(taken[-1])
    return taken
