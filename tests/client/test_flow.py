"""A flow whose source fails, pauses, or hands in what is no transaction, and whose caller takes its time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from client import Client
from client import flow as flow_module
from client.drafts import id_of
from client.errors import UsageProblem
from client.flow import flow
from client.outcomes import Kind, Outcome
from ledger import limits
from tests.client.fakes import FakeNode
from tests.client.test_api import raws

NO_TRANSACTIONS = {
    "no protobuf": b"\xff\xff\xff",
    "no bytes": b"",
    "a signature alone": b"\x12\x00",
    "countless signatures": b"\x0a\x01\x00" + b"\x12\x00" * 5_000,
    "larger than any": b"\x0a\x81\x80\x40" + bytes(limits.TRANSACTION_BYTES_MAX + 1),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("name", NO_TRANSACTIONS)
def test_bytes_that_are_no_transaction_end_a_flow_and_take_no_outcome_with_them(
    node: FakeNode, name: str, batch: int
) -> None:
    many = raws(node, 6)
    told: list[Outcome] = []
    with Client(node.network()) as client, pytest.raises(UsageProblem, match="no signed transaction"):
        for one in flow(client, [*many[:3], NO_TRANSACTIONS[name], *many[3:]], batch=batch):
            told.append(one)
    assert [one.tx_id for one in told] == [id_of(raw) for raw in many[:3]]
    assert node.seen == many[:3]


@pytest.mark.parametrize("name", NO_TRANSACTIONS)
def test_bytes_that_are_no_transaction_are_refused_before_anything_is_sent(node: FakeNode, name: str) -> None:
    with Client(node.network()) as client, pytest.raises(UsageProblem, match="no signed transaction"):
        client.submit([*raws(node, 2), NO_TRANSACTIONS[name]])
    assert node.seen == []


def test_an_error_of_the_source_is_raised_after_the_outcomes_of_what_was_sent(node: FakeNode) -> None:
    many = raws(node, 25)

    def source() -> Iterator[bytes]:
        yield from many
        raise ZeroDivisionError("in the source")

    told: list[Outcome] = []
    with Client(node.network()) as client, pytest.raises(ZeroDivisionError, match="in the source"):
        for one in flow(client, source(), batch=10):
            told.append(one)
    assert {one.tx_id for one in told} == {id_of(raw) for raw in many}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("window", "batch"), [(0, 10), (10, 0), (-1, 10)])
def test_a_flow_in_which_nothing_may_be_sent_is_refused(node: FakeNode, window: int, batch: int) -> None:
    with Client(node.network()) as client, pytest.raises(UsageProblem, match="never sends anything"):
        list(flow(client, raws(node, 1), window=window, batch=batch))


# --- a caller that takes its time, and a source that does ----------------------------------------------


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By how many seconds, all together, the clock is ahead."""
    seconds: list[float] = []
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(seconds))
    return seconds


class OneAtATime:
    """A source that hands in the next one when the outcome of the one before is there."""

    def __init__(self, many: list[bytes]) -> None:
        self.many = many
        self._outcomes = threading.Semaphore(1)

    def __iter__(self) -> Iterator[bytes]:
        for raw in self.many:
            if not self._outcomes.acquire(timeout=10):
                raise TimeoutError("no outcome of what was handed in")
            yield raw

    def outcomes(
        self, client: Client, source: Iterator[bytes] | None = None, window: int = 4_000
    ) -> list[bytes]:
        """The ids of what became final, each told to the source."""
        told = []
        for one in flow(client, source or iter(self), batch=1, window=window):
            assert one.kind is Kind.FINAL
            told.append(one.tx_id)
            self._outcomes.release()
        return told


class Streamed(FakeNode):
    """Says when a second stream was opened."""

    opened = 0

    def SubmitStream(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self.opened += 1
        if self.opened == 2:
            self.second.set()
        yield from super().SubmitStream(requests, context)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.second = threading.Event()


@pytest.mark.timeout(30)
def test_what_is_not_known_is_sent_again_while_the_caller_looks_at_another_outcome(node: FakeNode) -> None:
    node.unknown_first = 1
    again, judged = threading.Event(), []

    def judge(body: object) -> None:
        judged.append(body)
        if len(judged) == 2:  # the second one, and then the first one, which was not judged before
            again.set()

    node.judge = judge
    with Client(node.network()) as client:
        outcomes = flow(client, raws(node, 2), batch=2)
        next(outcomes)
        assert again.wait(10)
        assert len(list(outcomes)) == 1


@pytest.mark.timeout(30)
def test_no_more_than_a_window_is_taken_of_the_source_whose_outcomes_the_caller_has_not(
    node: FakeNode,
) -> None:
    taken, beyond = [], threading.Event()

    def source() -> Iterator[bytes]:
        for raw in raws(node, 30):
            taken.append(raw)
            if len(taken) > 11:  # the caller has one
                beyond.set()
            yield raw

    with Client(node.network()) as client:
        outcomes = flow(client, source(), window=10, batch=10)
        next(outcomes)
        assert not beyond.wait(0.5)
        assert len(list(outcomes)) == 29


@pytest.mark.timeout(30)
def test_what_is_not_known_is_sent_again_though_the_source_waits_for_its_outcome(node: FakeNode) -> None:
    node.unknown_first = 1
    source = OneAtATime(raws(node, 2))
    with Client(node.network()) as client:
        assert source.outcomes(client) == [id_of(raw) for raw in source.many]


@pytest.mark.timeout(30)
def test_what_comes_after_a_stream_broke_in_a_pause_waits_for_no_more_of_the_source() -> None:
    node = Streamed(break_after=1)
    many = OneAtATime(raws(node, 3))

    def source() -> Iterator[bytes]:
        for number, raw in enumerate(many):
            if number == 1:
                assert node.second.wait(10)
            yield raw

    try:
        with Client(node.network()) as client:
            assert many.outcomes(client, source()) == [id_of(raw) for raw in many.many]
    finally:
        node.stop()


@pytest.mark.timeout(30)
def test_a_node_that_falls_silent_is_left_for_the_next_though_the_source_waits(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_module, "STALL_SECONDS", 0.5)
    silent, over = FakeNode(), threading.Event()

    def judge(body: object) -> None:
        over.wait(20)

    silent.judge = judge
    source = OneAtATime(raws(node, 2))
    try:
        with Client(silent.network(node)) as client:
            assert source.outcomes(client) == [id_of(raw) for raw in source.many]
    finally:
        over.set()
        silent.stop()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("pause_before", [0, 1, 2])
@pytest.mark.parametrize("break_after", [0, 1])
@pytest.mark.parametrize("window", [1, 4_000])
def test_a_long_pause_of_the_source_is_no_time_in_which_a_node_was_silent(
    ahead: list[float], window: int, break_after: int, pause_before: int
) -> None:
    node = Streamed(break_after=break_after)
    many = OneAtATime(raws(node, 3))

    def source() -> Iterator[bytes]:
        for number, raw in enumerate(many):
            if number == 1 and break_after:
                assert node.second.wait(10)
            if number == pause_before:
                ahead.append(1_000.0)
            yield raw

    try:
        with Client(node.network()) as client:
            assert many.outcomes(client, source(), window) == [id_of(raw) for raw in many.many]
    finally:
        node.stop()


class Breaking(FakeNode):
    """Hands out its streams, so that they can be broken while nothing is underway."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.streams: queue.Queue[Any] = queue.Queue()

    def SubmitStream(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self.streams.put(context)
        yield from super().SubmitStream(requests, context)


@pytest.mark.timeout(30)
def test_streams_that_break_now_and_then_in_a_long_pause_are_no_sign_that_nodes_are_down(
    ahead: list[float],
) -> None:
    node = Breaking()
    many = OneAtATime(raws(node, 2))

    def source() -> Iterator[bytes]:
        for number, raw in enumerate(many):
            if number == 1:
                for _ in range(3):
                    stream = node.streams.get(timeout=10)
                    ahead.append(1_000.0)
                    stream.cancel()
                node.streams.get(timeout=10)
            yield raw

    try:
        with Client(node.network()) as client:
            assert many.outcomes(client, source()) == [id_of(raw) for raw in many.many]
    finally:
        node.stop()
