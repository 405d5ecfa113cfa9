"""Thousands of transactions, pipelined over one stream: what imports, the demo and the bench use.

Decides how many may be on their way at once, what is sent again when a stream breaks or a node asks for
time, and when it is given up. Never makes a transaction: the same bytes are sent again, which is safe
(docs/protocol.md, T2). For a few transactions use `Client.submit`.

    for outcome in flow(client, transactions, window=4000, batch=200):
        ...                                     # in any order; one for each transaction

The source is read on a thread of its own, requests are sent on one of grpc's, outcomes come out on the
caller's. A message is sent when it is full or the source at its end: of a source that pauses, `batch=1` keeps
nothing waiting, and a source may wait for the outcomes of what it gave before.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import grpc

from ayni.v1 import ledger_service_pb2
from client.api import Client
from client.channels import Node, NotThisNode, no_node, translated
from client.errors import UsageProblem, VerificationFailed
from client.outcomes import Kind, Outcome, judged, outcome_of
from client.sources import Signed, Source, popped
from client.stamps import now_ms
from client.submission import BATCH_TRANSACTIONS_MAX

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
    """Hands in transactions, at most `window` whose outcomes the caller has not, `batch` in a message.

    Yields one outcome for each, in any order; what the source gives twice may have one for both. When no
    node told any outcome for `give_up_s` seconds, as when a quorum of them is down, what was sent comes back
    as unknown; if the source had more, NoNode is raised then. (The source may pause for longer.) An error of
    the source, and UsageProblem for bytes that are no transaction, end it: they are raised once what was sent
    before has its outcomes. With `want_receipts` each final outcome is believed only with a receipt that
    verifies. Raises ClientError.
    """
    if window < 1 or batch < 1:
        raise UsageProblem(
            f"A flow with a window of {window} and batches of {batch} never sends anything.",
            "At least one transaction is on its way, and in a message.",
            "Give 1 or more of both.",
        )
    run = _Flow(client, transactions, window, min(batch, BATCH_TRANSACTIONS_MAX), want_receipts)
    run.stall_s = min(STALL_SECONDS, give_up_s)
    try:
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
    finally:
        run.abandon()


class _Stream:
    """One stream, while it lasts."""

    def __init__(self) -> None:
        self.open = True
        self.call: Any = None


class _Flow:
    """What is on its way, and what must be sent (again). Shared by three threads under one condition."""

    def __init__(
        self, client: Client, source: Iterable[bytes], window: int, batch: int, want_receipts: bool
    ) -> None:
        self._client = client
        self._window, self._batch, self._want_receipts = window, batch, want_receipts
        self._changed = threading.Condition()
        self._source = Source(source, self._changed)
        self._on_the_way: dict[bytes, bytes] = {}
        self._again: deque[Signed] = deque()
        self._later: list[tuple[float, Signed]] = []
        self._untold = 0
        """Outcomes of a message that the caller has not taken yet: it may take its time."""
        self.stall_s = STALL_SECONDS
        self._opened_at = 0.0
        """When the last stream was."""
        self._waiting_since: float | None = None
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
        self._opened_at = time.monotonic()
        try:
            stream.call = node.stub.SubmitStream(self._requests(stream))
            for response in stream.call:
                yield from self._take(response.outcomes)
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
        if self._source.error is not None:
            raise self._source.error

    def abandon(self) -> None:
        """The caller wants no more outcomes."""
        with self._changed:
            self._source.abandon()

    def recall(self) -> float:
        """What was on its way through a broken stream is sent again; seconds since an outcome was told."""
        now = time.monotonic()
        with self._changed:
            self._again.extend(self._on_the_way.items())
            self._on_the_way.clear()
            # That a stream ends in a long pause of the source is no sign that nodes are down.
            rested = not self._expected() and now - self._opened_at > self.stall_s
            if self._waiting_since is None or rested:
                self._waiting_since = now
            return now - self._waiting_since

    def give_up(self) -> tuple[list[Outcome], bool]:
        """What was sent and has no outcome, as unknown; whether the source had more."""
        with self._changed:
            left = [*self._on_the_way.items(), *self._again, *(signed for _, signed in self._later)]
            more = not self._source.ended or bool(self._source.given)
        return [Outcome(tx_id, Kind.UNKNOWN) for tx_id, _ in left], more

    def _take(self, messages: Sequence[ledger_service_pb2.Outcome]) -> Iterator[Outcome]:
        """The outcomes that one message tells of what is on its way. Raises VerificationFailed."""
        with self._changed:
            told = [(each, self._on_the_way.pop(each.tx_id, b"")) for each in messages]
            self._untold = len(told)
        news = False
        for message, raw in told:
            if not message.tx_id:
                raise VerificationFailed(
                    "The node could not read a transaction.",
                    message.refusal.message or "It gave no reason.",
                    "Check that the node's version is this one's.",
                )
            outcome = self._outcome(message, raw) if raw else None
            if outcome is not None:
                yield outcome
                news = True
            self._untold -= 1
        with self._changed:
            if news:
                self._waiting_since = time.monotonic() if self._expected() else None
            self._changed.notify_all()

    def _outcome(self, message: ledger_service_pb2.Outcome, raw: bytes) -> Outcome | None:
        """What is told of a transaction; None when that is not known yet: it is sent again."""
        outcome = outcome_of(message, self._client.genesis_hash, receipt_wanted=self._want_receipts)
        outcome = judged(outcome, raw, now_ms())
        if outcome.kind is not Kind.UNKNOWN:
            return outcome
        ready = time.monotonic() + max(outcome.retry_after_ms, RETRY_DEFAULT_MS) / 1000
        with self._changed:
            heapq.heappush(self._later, (ready, (message.tx_id, raw)))
            self._changed.notify_all()
        return None

    def _requests(self, stream: _Stream) -> Iterator[ledger_service_pb2.SubmitRequest]:
        while taken := self._next(stream):
            yield ledger_service_pb2.SubmitRequest(
                genesis_hash=self._client.genesis_hash,
                transactions=taken,
                wait_ms=WAIT_MS,
                want_receipts=self._want_receipts,
            )

    def _next(self, stream: _Stream) -> list[bytes]:
        """What is sent next, once there is room; nothing when the stream is over, or all have their outcomes.

        What must be sent again comes first, and waits for no source.
        """
        with self._changed:
            while stream.open:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    self._again.append(heapq.heappop(self._later)[1])
                room = min(self._window - len(self._on_the_way) - self._untold, self._batch)
                if room > 0 and self._again:
                    return self._sent(popped(self._again, room))
                if room > 0 and self._source.given:
                    if not self._expected():
                        self._waiting_since = now
                    return self._sent(popped(self._source.given, room))
                if room > 0:
                    self._source.ask(room)
                if self._done():
                    return []
                if self._stalled(stream, now):
                    stream.call.cancel()
                    return []
                self._changed.wait(self._later[0][0] - now if self._later else 1.0)
        return []

    def _sent(self, taken: list[Signed]) -> list[bytes]:
        self._on_the_way.update(taken)
        return [raw for _, raw in taken]

    def _stalled(self, stream: _Stream, now: float) -> bool:
        if stream.call is None or self._waiting_since is None or self._untold or not self._on_the_way:
            return False
        return now - max(self._waiting_since, self._opened_at) > self.stall_s

    def _expected(self) -> bool:
        """Whether something was sent that has no outcome."""
        return bool(self._on_the_way or self._again or self._later)

    def _done(self) -> bool:
        return self._source.ended and not (self._expected() or self._source.given or self._untold)
