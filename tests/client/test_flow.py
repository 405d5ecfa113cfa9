"""A flow whose source fails, or hands in what is no transaction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client import Client
from client.drafts import id_of
from client.errors import UsageProblem
from client.flow import flow
from client.outcomes import Outcome
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
