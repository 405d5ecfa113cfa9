"""What a node says of what was handed in is worked out a little at a time, and not before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ayni.v1 import ledger_service_pb2 as pb
from ayni.v1 import transaction_pb2
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from node import stream as stream_module
from node import submit
from node.daemon import Node
from node.outcomes import Final
from node.stream import Stream
from proofs.domains import tx_id
from proofs.receipts import verify_receipt
from tests.node.acts import COOP, OTHER, open_accounts, signed_by_others, transfer
from tests.node.founders import key_of, write_network
from tests.node.running import Rounds, running_node, tick

UNKNOWN = pb.OUTCOME_KIND_UNKNOWN


@pytest_asyncio.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Node]:
    """A node that is a network by itself, with two accounts."""
    async with running_node(write_network(tmp_path, ("emilia",))[0]) as node:
        await outcomes_of(node, open_accounts(node.parts.founding.hash))
        yield node


async def outcomes_of(node: Node, *raws: bytes) -> list[pb.Outcome]:
    service = node.ledger_service()
    request = pb.SubmitRequest(transactions=raws, wait_ms=10_000)
    return list((await service._submissions.submit(request, service.turns.of("10.0.0.1"))).outcomes)


def stream_of(node: Node) -> Stream:
    service = node.ledger_service()
    return Stream(service._submissions, service._doors, service.turns.of("10.0.0.1"))


@pytest.mark.parametrize("signers", [(), (OTHER,), (COOP, OTHER)])
async def test_who_signs_anothers_transaction_wrongly_does_not_keep_it_out(
    alone: Node, signers: tuple[str, ...]
) -> None:
    genesis_hash = alone.parts.founding.hash
    right = transfer(genesis_hash)
    wrong = signed_by_others(genesis_hash, right, *map(key_of, signers))
    outcomes = await outcomes_of(alone, wrong, right)
    assert [each.kind for each in outcomes] == [pb.OUTCOME_KIND_FINAL] * 2, outcomes[1].refusal.message
    logged = alone.parts.tables.transaction(outcomes[1].tx_id)
    assert logged is not None and logged.raw == right


async def test_what_is_final_is_said_to_be_though_the_same_body_comes_again_with_a_broken_signature(
    alone: Node,
) -> None:
    raw = transfer(alone.parts.founding.hash)
    await outcomes_of(alone, raw)
    broken = raw[:-1] + bytes([raw[-1] ^ 1])
    first, second = await outcomes_of(alone, raw, broken)
    assert first.kind == pb.OUTCOME_KIND_FINAL
    assert second.kind == pb.OUTCOME_KIND_REFUSED and "does not verify" in second.refusal.message
    assert first.tx_id == second.tx_id


async def test_outcomes_without_receipts_come_many_in_a_message(alone: Node) -> None:
    raw = transfer(alone.parts.founding.hash)
    await outcomes_of(alone, raw)
    stream = stream_of(alone)
    await stream.take(pb.SubmitRequest(transactions=[raw] * 600, wait_ms=1))
    stream.end()
    assert [len(await stream.outcomes()) for _ in range(3)] == [512, 88, 0]


async def test_outcomes_are_sent_in_messages_of_a_bounded_size(alone: Node) -> None:
    stream = stream_of(alone)
    sizes = [10, 1_500_000, 600_000, 3_000_000, 10]
    stream._collector.ready += [(bytes(32), Final(1, 1, b"x" * size)) for size in sizes]
    stream.end()
    sent = []
    while found := await stream.outcomes():
        sent.append([len(each.result) for each in found])
    assert sent == [[10, 1_500_000], [600_000], [3_000_000], [10]]


async def test_receipts_are_made_of_what_a_stream_sends_next_only(alone: Node) -> None:
    """Each is a hundred times its outcome: a client that reads nothing would have tens of thousands made."""
    raw = transfer(alone.parts.founding.hash)
    await outcomes_of(alone, raw)
    stream = stream_of(alone)
    request = pb.SubmitRequest(transactions=[raw] * 200, wait_ms=1, want_receipts=True)
    await stream.take(request)
    assert [type(said) for _, said in stream._collector.ready] == [Final] * 200
    stream.end()
    sizes = []
    while found := await stream.outcomes():
        assert all(each.HasField("receipt") for each in found)
        sizes.append(len(found))
    assert sizes == [64, 64, 64, 8]


async def test_a_stream_sends_no_more_receipts_at_a_time_than_are_large(
    alone: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "MESSAGE_BYTES_AIM", 3_000)
    raws = [transfer(alone.parts.founding.hash, amount) for amount in range(1, 21)]
    ids = [outcome.tx_id for outcome in await outcomes_of(alone, *raws)]
    stream = stream_of(alone)
    await stream.take(pb.SubmitRequest(transactions=raws, wait_ms=1, want_receipts=True))
    stream.end()
    heard = []
    while found := await stream.outcomes():
        assert len(found) > 1 and sum(each.ByteSize() for each in found) <= 3_000
        heard += [verify_receipt(each.receipt, alone.parts.founding.hash).tx_id for each in found]
    assert heard == ids


async def test_what_is_refused_for_its_form_is_not_unpacked_to_say_its_id(alone: Node) -> None:
    """Two million empty signatures, four megabytes of a request, take 160 MB and a third of a second."""
    body = transaction_pb2.SignedTransaction(body=b"body").SerializeToString()
    few, many = [body + b"\x12\x00" * signatures for signatures in (900, 2_000_000)]
    small, large = await outcomes_of(alone, few, many)
    assert small.tx_id == tx_id(b"body")
    assert (large.kind, large.tx_id) == (pb.OUTCOME_KIND_REFUSED, b"")


async def test_a_stream_whose_client_reads_nothing_is_read_no_further(alone: Node) -> None:
    """And keeps what is to be said, not the messages that say it: those of 200 streams took gigabytes."""
    stream = stream_of(alone)
    refused = pb.SubmitRequest(transactions=[b"\xff"] * 1_000)
    for _ in range(3):
        await stream.take(refused)
    further = asyncio.create_task(stream.take(refused))
    for _ in range(100):
        await tick()
    assert (further.done(), len(stream._collector.ready)) == (False, 3_000)
    assert {type(said) for _, said in stream._collector.ready} == {Refusal}
    heard = 0
    while not further.done():
        heard += len(await stream.outcomes())
    assert heard >= 1_000
    stream.end()
    while found := await stream.outcomes():
        heard += len(found)
    assert heard == 4_000


@pytest.mark.parametrize("how", ["Submit", "SubmitStream"])
async def test_others_have_their_turn_while_the_end_of_many_waits_is_answered(
    tmp_path: Path, how: str
) -> None:
    """What the rules say of each is asked then, and each takes them as long as in a block."""
    config = write_network(tmp_path)[0]
    async with running_node(config) as node:
        raws = [open_accounts(node.parts.founding.hash, [f"emilia/c{number}"]) for number in range(200)]
        service = node.ledger_service()
        asked: list[int] = []
        rounds = Rounds(lambda: len(asked) < len(raws))

        def refuse_now(tx_id: bytes) -> None:
            asked.append(rounds.count)

        doors = service._doors._replace(refuse_now=refuse_now)
        submissions, turn = submit.Submissions(doors), service.turns.of("10.0.0.1")
        request = pb.SubmitRequest(transactions=raws, wait_ms=1)
        outcomes: list[pb.Outcome] = []
        if how == "Submit":
            outcomes += (await submissions.submit(request, turn)).outcomes
        else:
            stream = Stream(submissions, doors, turn)
            await stream.take(request)
            stream.end()
            while found := await stream.outcomes():
                outcomes += found
        assert [outcome.kind for outcome in outcomes] == [UNKNOWN] * 200
        assert max(asked.count(each) for each in asked) <= 64
        assert len(node.parts.outcomes) == 0


async def test_what_waits_again_is_not_said_to_be_refused_because_it_once_was(tmp_path: Path) -> None:
    """Whoever believed that would pay another way, and pay twice when it is final after all."""
    async with running_node(write_network(tmp_path)[0]) as node:
        service = node.ledger_service()
        turn, request = service.turns.of("10.0.0.1"), pb.SubmitRequest(wait_ms=1)
        request.transactions.append(transfer(node.parts.founding.hash))
        (refused,) = (await service._submissions.submit(request, turn)).outcomes
        assert refused.kind == pb.OUTCOME_KIND_REFUSED  # there is no such account yet
        assert await service._submissions.outcome(refused.tx_id, 1) == refused
        mempool = node.parts.mempool
        (waiting,) = mempool.parse(request.transactions)
        assert isinstance(waiting, ParsedTransaction)
        mempool.add(waiting, node.parts.clock_ms(), is_local=False)
        opened = service._doors._replace(refuse_now=lambda tx_id: None)  # as if now there were
        answer = await submit.Submissions(opened).outcome(refused.tx_id, 1)
        assert (answer.kind, refused.tx_id in mempool) == (UNKNOWN, True)
