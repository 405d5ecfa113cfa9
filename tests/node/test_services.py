"""What a node answers: outcomes, reads, errors with words and details; on a network of one member."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2

from ayni.v1 import block_pb2, transaction_pb2
from ayni.v1 import ledger_service_pb2 as pb
from config import MempoolSection
from ledger.refusals import code_name
from node import calls, submit
from node.services.ledger import LedgerService
from node.services.status import Consensus, NodeStatus
from proofs.domains import genesis_hash
from proofs.merkle import verify_consistency
from proofs.receipts import verify_receipt, verify_state_proof
from proofs.signing import SigningKey
from tests.node.acts import COOP, OTHER, open_accounts, signed, transfer
from tests.node.alone import Alone, node_alone
from tests.node.founders import NAMES, write_network
from tests.node.running import Rounds, running_node, stub_of

FINAL, REFUSED = pb.OUTCOME_KIND_FINAL, pb.OUTCOME_KIND_REFUSED
EXPIRED, UNKNOWN = pb.OUTCOME_KIND_EXPIRED, pb.OUTCOME_KIND_UNKNOWN


@pytest_asyncio.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Alone]:
    (config,) = write_network(tmp_path, ("emilia",))
    async with node_alone(config) as network:
        yield network


async def refusal(alone: Alone, raw: bytes) -> tuple[str, str, str]:
    """Code, field and message."""
    (outcome,) = await alone.submit(raw)
    assert outcome.kind == REFUSED
    return code_name(outcome.refusal.code), outcome.refusal.field, outcome.refusal.message


async def error(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


# --- outcomes -----------------------------------------------------------------------------------------


async def test_a_payment_is_final_with_a_receipt_that_verifies(alone: Alone) -> None:
    raw = transfer(alone.hash, 5)
    (outcome,) = await alone.submit(raw, receipts=True)
    assert (outcome.kind, outcome.log_index) == (FINAL, 1)
    verified = verify_receipt(outcome.receipt, alone.hash)
    assert (alone.id(raw), 1) == (verified.tx_id, verified.log_index)
    assert outcome.receipt == await alone.stub.GetReceipt(pb.GetReceiptRequest(tx_id=outcome.tx_id))


async def test_a_transaction_is_found_by_its_author_and_nonce(alone: Alone) -> None:
    raw = transfer(alone.hash, 5)
    await alone.submit(raw)
    body = transaction_pb2.Body.FromString(transaction_pb2.SignedTransaction.FromString(raw).body)
    asked = pb.GetTransactionRequest(author=body.author, nonce=body.nonce)
    assert raw == (await alone.stub.GetTransaction(asked)).transaction


async def test_the_bytes_of_a_final_transaction_sent_again_yield_its_receipt(alone: Alone) -> None:
    """T2."""
    raw = transfer(alone.hash, 5)
    first = await alone.submit(raw, receipts=True)
    assert first == await alone.submit(raw, receipts=True)
    assert (await alone.stub.GetStatus(pb.GetStatusRequest())).log_size == 2


async def test_a_batch_may_build_on_itself(alone: Alone) -> None:
    opened = open_accounts(alone.hash, ["emilia/new"])
    paid = transfer(alone.hash, 5, payee="emilia/new")
    outcomes = await alone.submit(opened, paid, paid)
    assert [outcome.kind for outcome in outcomes] == [FINAL] * 3
    assert outcomes[1] == outcomes[2]


async def test_what_the_rules_refuse_is_refused_with_the_figures(alone: Alone) -> None:
    code, field, message = await refusal(alone, transfer(alone.hash, 1_000_001))
    assert (code, field) == ("LIMIT_EXCEEDED", "transfer.legs[0].amount_minor")
    assert "cannot pay 10,000.01 EUC: balance 0.00 EUC, credit limit 10,000.00 EUC" in message
    assert len(alone.node.parts.mempool) == 0


async def test_one_refused_transaction_does_not_hold_up_the_others(alone: Alone) -> None:
    outcomes = await alone.submit(
        transfer(alone.hash, 1_000_001), transfer(alone.hash, 1), transfer(alone.hash, 1, payee="emilia/x")
    )
    assert [outcome.kind for outcome in outcomes] == [REFUSED, FINAL, REFUSED]


async def test_others_have_their_turn_between_transactions_that_take_long_to_verify(alone: Alone) -> None:
    """Anybody may sign with as many keys as there may be: it is not known yet that nobody has them."""
    keys = [SigningKey(bytes([number]) * 32) for number in range(128)]
    few = [transaction_pb2.SignedTransaction.FromString(transfer(alone.hash)) for _ in range(12)]
    raws = [signed(alone.hash, transaction_pb2.Body.FromString(each.body), *keys) for each in few]
    mempool = alone.node.parts.mempool
    parse = mempool.parse
    verified: list[int] = []
    rounds = Rounds(lambda: len(verified) < len(raws))

    def noting(raws: list[bytes]) -> Any:
        verified.append(rounds.count)
        return parse(raws)

    mempool.parse = noting  # type: ignore[method-assign]
    outcomes = await alone.submit(*raws)
    assert {code_name(outcome.refusal.code) for outcome in outcomes} == {"SIGNATURE_MISSING"}
    assert len(set(verified)) == len(raws)


async def test_others_have_their_turn_while_a_long_page_is_read(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alone.submit(open_accounts(alone.hash, [f"emilia/c{number:02}" for number in range(43)]))
    await alone.submit(*[transfer(alone.hash, amount) for amount in range(1, 131)])
    service = alone.node._ledger
    assert service is not None

    def note(owner: Any, name: str, count: int) -> list[int]:
        """In which round of the event loop each of `count` pieces of work is done."""
        work, done = getattr(owner, name), list[int]()
        rounds = Rounds(lambda: len(done) < count)

        def noting(argument: Any, *others: Any) -> Any:
            done.append(rounds.count)
            return work(argument, *others)

        monkeypatch.setattr(owner, name, noting)
        return done

    done = note(service._reads, "_account", 45)
    assert len((await alone.stub.ListAccounts(pb.ListAccountsRequest(limit=1_000))).accounts) == 45
    assert (len(done), max(done.count(each) for each in done)) == (45, 20)
    done = note(service._statements, "_identify", 130)
    assert len((await alone.stub.GetStatement(pb.GetStatementRequest(account=OTHER))).lines) == 130
    assert (len(done), max(done.count(each) for each in done)) == (130, 64)


async def test_bytes_that_are_no_transaction_are_refused(alone: Alone) -> None:
    (outcome,) = await alone.submit(b"\xff\xff")
    assert (outcome.kind, outcome.tx_id) == (REFUSED, b"")
    raw = bytearray(transfer(alone.hash))
    raw[-1] ^= 1
    assert (await refusal(alone, bytes(raw)))[0] == "SIGNATURE_INVALID"
    code, _, message = await refusal(alone, b"\x0a" + b"\x00" * ((1 << 20) + 1))
    assert code == "TOO_LARGE" and "split it" in message


async def test_a_transaction_of_another_network_is_refused(alone: Alone) -> None:
    assert (await refusal(alone, transfer(b"\x01" * 32)))[0] == "SIGNATURE_INVALID"


async def test_what_is_past_its_expiry_has_expired(alone: Alone) -> None:
    (outcome,) = await alone.submit(transfer(alone.hash, expires_in_ms=-60_000))
    assert outcome.kind == EXPIRED


async def test_an_expiry_too_far_ahead_is_refused(alone: Alone) -> None:
    week_ms = 7 * 24 * 3600 * 1000
    assert (await refusal(alone, transfer(alone.hash, expires_in_ms=week_ms + 60_000)))[
        0
    ] == "EXPIRES_TOO_FAR"


async def test_an_outcome_is_found_by_id(alone: Alone) -> None:
    raw, refused = transfer(alone.hash), transfer(alone.hash, 1_000_001)
    (submitted,) = await alone.submit(raw)
    await alone.submit(refused)

    async def kind(tx_id: bytes) -> int:
        outcome = await alone.stub.GetOutcome(pb.GetOutcomeRequest(tx_id=tx_id))
        return int(outcome.kind)

    assert await kind(submitted.tx_id) == FINAL
    assert await kind(alone.id(refused)) == REFUSED
    assert await kind(b"\x09" * 32) == UNKNOWN


async def test_what_was_refused_is_expired_once_a_final_block_is_past_its_expiry(alone: Alone) -> None:
    refused = transfer(alone.hash, 1_000_001, expires_in_ms=500)
    body = transaction_pb2.Body.FromString(transaction_pb2.SignedTransaction.FromString(refused).body)
    assert (await alone.submit(refused))[0].kind == REFUSED
    async with asyncio.timeout(20):
        while (await alone.stub.GetStatus(pb.GetStatusRequest())).at.time_ms <= body.expires_at_ms:
            await alone.submit(transfer(alone.hash, 1))
    outcome = await alone.stub.GetOutcome(pb.GetOutcomeRequest(tx_id=alone.id(refused)))
    assert outcome.kind == EXPIRED


async def test_who_waits_for_an_id_hears_of_it(alone: Alone) -> None:
    raw = transfer(alone.hash)
    request = pb.GetOutcomeRequest(tx_id=alone.id(raw), wait_ms=10_000)
    waiting = asyncio.ensure_future(alone.stub.GetOutcome(request))
    await alone.submit(raw)
    assert (await waiting).kind == FINAL


async def test_a_stream_answers_every_transaction_and_ends(alone: Alone) -> None:
    batches = [[transfer(alone.hash, 1) for _ in range(150)] for _ in range(3)]
    batches[1].append(transfer(alone.hash, 1_000_001))

    async def requests() -> AsyncIterator[pb.SubmitRequest]:
        for batch in batches:
            yield pb.SubmitRequest(
                genesis_hash=alone.hash, transactions=batch, wait_ms=10_000, want_receipts=True
            )

    outcomes: dict[bytes, pb.Outcome] = {}
    async for response in alone.stub.SubmitStream(requests()):
        outcomes.update({outcome.tx_id: outcome for outcome in response.outcomes})
    kinds = [outcome.kind for outcome in outcomes.values()]
    assert (kinds.count(FINAL), kinds.count(REFUSED)) == (450, 1)
    final = next(outcome for outcome in outcomes.values() if outcome.kind == FINAL)
    assert final.tx_id == verify_receipt(final.receipt, alone.hash).tx_id
    assert len(alone.node.parts.outcomes) == 0


async def test_a_stream_of_another_network_is_refused(alone: Alone) -> None:
    async def requests() -> AsyncIterator[pb.SubmitRequest]:
        yield pb.SubmitRequest(genesis_hash=b"\x01" * 32)

    call = alone.stub.SubmitStream(requests())
    assert grpc.StatusCode.FAILED_PRECONDITION is (await error(call.read())).code()


async def test_streams_beyond_the_bound_are_turned_away_until_one_ends(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "STREAMS_MAX", 1)
    refused = transfer(alone.hash, 1_000_001)
    request = pb.SubmitRequest(genesis_hash=alone.hash, transactions=[refused], wait_ms=1_000)
    held = alone.stub.SubmitStream()
    await held.write(request)
    await held.read()
    for call in (alone.stub.SubmitStream(iter([request])), alone.stub.Export(pb.ExportRequest())):
        failed = await error(call.read())
        assert grpc.StatusCode.RESOURCE_EXHAUSTED is failed.code()
        assert "1 streams are open on this node, as many as it keeps" in (failed.details() or "")
    assert (await alone.submit(transfer(alone.hash)))[0].kind == FINAL
    await held.done_writing()
    assert await held.read() is grpc.aio.EOF
    assert len([each async for each in alone.stub.Export(pb.ExportRequest())]) > 0


@pytest.mark.parametrize("method", ["SubmitStream", "Export"])
async def test_a_stream_that_its_client_drops_is_open_no_longer(
    alone: Alone, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(calls, "STREAMS_MAX", 1)
    for number in range(20):
        await alone.submit(transfer(alone.hash, number + 1))
    dropped = alone.stub.SubmitStream() if method == "SubmitStream" else alone.stub.Export(pb.ExportRequest())
    if method == "SubmitStream":
        await dropped.write(pb.SubmitRequest(genesis_hash=alone.hash, transactions=[b"x"]))
    await dropped.read()
    dropped.cancel()
    async with asyncio.timeout(10):
        while True:
            try:
                assert await alone.stub.Export(pb.ExportRequest()).read()
                return
            except grpc.aio.AioRpcError as turned_away:
                assert grpc.StatusCode.RESOURCE_EXHAUSTED is turned_away.code()


async def test_a_large_answer_leaves_receipts_out_that_can_be_asked_for(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a client of any language takes it with gRPC's own bound of 4 MiB."""
    monkeypatch.setattr(submit, "ANSWER_BYTES_AIM", 3_000)
    raws = [transfer(alone.hash, amount) for amount in range(1, 21)]
    outcomes = await alone.submit(*raws, receipts=True)
    assert [outcome.kind for outcome in outcomes] == [FINAL] * 20
    has = [outcome.HasField("receipt") for outcome in outcomes]
    assert (has[0], has[-1]) == (True, False)
    assert has == sorted(has, reverse=True)
    receipt = await alone.stub.GetReceipt(pb.GetReceiptRequest(tx_id=outcomes[-1].tx_id))
    assert verify_receipt(receipt, alone.hash).tx_id == outcomes[-1].tx_id


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "request_", "code", "words"),
    [
        (
            "Submit",
            pb.SubmitRequest(),
            "FAILED_PRECONDITION",
            "the request to (none); choose the right network",
        ),
        ("GetOutcome", pb.GetOutcomeRequest(tx_id=b"x"), "INVALID_ARGUMENT", "tx_id: has 1 bytes"),
        (
            "GetOutcome",
            pb.GetOutcomeRequest(tx_id=b"x" * 32, wait_ms=60_001),
            "INVALID_ARGUMENT",
            "wait_ms: is",
        ),
        ("GetTransaction", pb.GetTransactionRequest(tx_id=b"x" * 32), "NOT_FOUND", "the log does not hold"),
        (
            "GetTransaction",
            pb.GetTransactionRequest(author="a/b", nonce=bytes(16)),
            "NOT_FOUND",
            "the log holds no transaction of a/b with this nonce",
        ),
        (
            "GetTransaction",
            pb.GetTransactionRequest(author="a/b", nonce=b"x"),
            "INVALID_ARGUMENT",
            "nonce: has 1 bytes; a nonce has 16",
        ),
        (
            "GetTransaction",
            pb.GetTransactionRequest(author="Nobody", nonce=bytes(16)),
            "INVALID_ARGUMENT",
            "author: Nobody is no name of an account or a federation; check it",
        ),
        ("GetReceipt", pb.GetReceiptRequest(tx_id=b"x" * 32), "NOT_FOUND", "the log does not hold"),
        (
            "GetBlock",
            pb.GetBlockRequest(height=99),
            "NOT_FOUND",
            "there is no final block 99; there are 1 to 1",
        ),
        ("GetAccount", pb.GetAccountRequest(account="a/b"), "NOT_FOUND", "there is no account a/b"),
        ("ListClasses", pb.ListClassesRequest(class_id="a@b"), "NOT_FOUND", "there is no class a@b"),
        ("ListDues", pb.ListDuesRequest(unit="XYZ"), "NOT_FOUND", "this network has no unit XYZ"),
        ("GetDecision", pb.GetDecisionRequest(tx_id=b"x" * 32), "NOT_FOUND", "there is no final decision"),
        ("GetStateProof", pb.GetStateProofRequest(), "INVALID_ARGUMENT", "key: has 0 bytes"),
        ("ListSettlements", pb.ListSettlementsRequest(limit=121), "INVALID_ARGUMENT", "ask for at most 120"),
        (
            "GetConsistencyProof",
            pb.GetConsistencyProofRequest(old_size=2, new_size=1),
            "INVALID_ARGUMENT",
            "up to the log's size 1",
        ),
    ],
)
async def test_a_wrong_request_gets_a_status_and_words(
    alone: Alone, method: str, request_: Any, code: str, words: str
) -> None:
    failed = await error(getattr(alone.stub, method)(request_))
    assert code == failed.code().name
    assert words in (failed.details() or "")


async def test_too_many_transactions_in_a_request_are_refused(alone: Alone) -> None:
    request = pb.SubmitRequest(genesis_hash=alone.hash, transactions=[b"x"] * 1_001)
    failed = await error(alone.stub.Submit(request))
    assert grpc.StatusCode.INVALID_ARGUMENT is failed.code()
    assert "1001 of them; at most 1000 in one request: split it" in (failed.details() or "")


async def test_a_node_that_is_catching_up_says_so(alone: Alone) -> None:
    behind = NodeStatus(alone.node.parts, lambda: Consensus(1, True, False, {}))
    service = LedgerService(alone.node.parts, behind, None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"this node is catching up \(at height 1\); ask another") as raised:
        service._check_submit(pb.SubmitRequest(genesis_hash=alone.hash))
    assert type(raised.value).__name__ == "Unavailable"


# --- no quorum, and a full mempool --------------------------------------------------------------------


async def test_without_a_quorum_the_outcome_is_unknown_within_the_wait(tmp_path: Path) -> None:
    config = write_network(tmp_path)[0]
    async with running_node(config) as node, stub_of(config) as stub:
        lonely = Alone(config, node, stub)
        began = asyncio.get_running_loop().time()
        (outcome,) = await lonely.submit(open_accounts(lonely.hash), wait_ms=300)
        assert 0.3 <= asyncio.get_running_loop().time() - began < 3
        assert outcome.kind == UNKNOWN and outcome.retry_after_ms > 0


async def test_a_full_mempool_says_when_to_come_again(tmp_path: Path) -> None:
    config = replace(write_network(tmp_path)[0], mempool=MempoolSection(transactions_max=2))
    async with running_node(config) as node, stub_of(config) as stub:
        lonely = Alone(config, node, stub)
        opened = [open_accounts(lonely.hash, [f"{name}/c"], federation=name) for name in NAMES]
        first = await lonely.submit(*opened[:3], wait_ms=1)
        assert [outcome.kind for outcome in first] == [UNKNOWN] * 3
        assert len(node.parts.mempool) == 2
        failed = await error(lonely.submit(opened[3], wait_ms=1))
        assert grpc.StatusCode.RESOURCE_EXHAUSTED is failed.code()
        assert "the mempool is full; send the same bytes again" in (failed.details() or "")
        metadata: Iterable[tuple[str, Any]] = failed.trailing_metadata()
        status = status_pb2.Status.FromString(dict(metadata)["grpc-status-details-bin"])
        info = error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(info)
        assert info.retry_delay.nanos == 500_000_000


async def test_what_is_sent_again_on_a_stream_is_watched_and_answered_once(tmp_path: Path) -> None:
    config = write_network(tmp_path)[0]
    async with running_node(config) as node, stub_of(config) as stub:
        lonely = Alone(config, node, stub)
        raw = open_accounts(lonely.hash)

        async def requests() -> AsyncIterator[pb.SubmitRequest]:
            for wait_ms in (300, 600):
                yield pb.SubmitRequest(
                    genesis_hash=lonely.hash, transactions=[raw, raw], wait_ms=wait_ms, want_receipts=True
                )

        kinds = [each.kind async for answer in stub.SubmitStream(requests()) for each in answer.outcomes]
        assert kinds == [UNKNOWN]
        assert len(node.parts.outcomes) == 0


async def test_what_waits_and_is_turned_away_is_measured_without_a_quorum(tmp_path: Path) -> None:
    config = replace(write_network(tmp_path)[0], mempool=MempoolSection(transactions_max=2))
    async with running_node(config) as node, stub_of(config) as stub:
        lonely = Alone(config, node, stub)
        raws = [open_accounts(lonely.hash, [f"{name}/c"], federation=name) for name in NAMES[:3]]
        await lonely.submit(*raws, wait_ms=1_000)
        value = node.parts.metrics.registry.get_sample_value
        assert value("mempool_transactions") == 2
        assert value("mempool_turned_away_total") == 1


async def test_one_organisation_does_not_fill_the_mempool_for_all(tmp_path: Path) -> None:
    config = replace(write_network(tmp_path)[0], mempool=MempoolSection(per_organisation_max=1))
    async with running_node(config) as node, stub_of(config) as stub:
        lonely = Alone(config, node, stub)
        opened = [open_accounts(lonely.hash, [f"emilia/c{number}"]) for number in range(2)]
        other = open_accounts(lonely.hash, ["japan/c"], federation="japan")
        await lonely.submit(opened[0], wait_ms=1)
        failed = await error(lonely.submit(opened[1], wait_ms=1))
        assert "too many transactions of this organisation are waiting" in (failed.details() or "")
        assert (await lonely.submit(other, wait_ms=1))[0].kind == UNKNOWN


# --- reads over the wire ------------------------------------------------------------------------------


async def test_blocks_proofs_and_exports_are_served(alone: Alone) -> None:
    for amount in (1, 2, 3):
        await alone.submit(transfer(alone.hash, amount))
    blocks = [block async for block in alone.stub.Export(pb.ExportRequest())]
    assert [block_pb2.Header.FromString(block.header).height for block in blocks] == [1, 2, 3, 4]
    assert blocks[2] == await alone.stub.GetBlock(pb.GetBlockRequest(height=3))
    headers = [block_pb2.Header.FromString(block.header) for block in blocks]
    proof = await alone.stub.GetConsistencyProof(pb.GetConsistencyProofRequest(old_size=2))
    verify_consistency(2, proof.new_size, headers[1].log_root, headers[3].log_root, proof.path)
    key = b"b|emilia/coop|EUC"
    proven = verify_state_proof(await alone.stub.GetStateProof(pb.GetStateProofRequest(key=key)), alone.hash)
    assert headers[3].state_root == proven.state_root
    rest = [block async for block in alone.stub.Export(pb.ExportRequest(from_height=4))]
    assert blocks[3:] == rest


async def test_a_statement_and_an_account_are_served(alone: Alone) -> None:
    await alone.submit(transfer(alone.hash, 7, reference="bread"))
    statement = await alone.stub.GetStatement(pb.GetStatementRequest(account=OTHER))
    assert [(line.amount_minor, line.reference, line.counterparty) for line in statement.lines] == [
        (7, "bread", COOP)
    ]
    account = await alone.stub.GetAccount(pb.GetAccountRequest(account=COOP))
    assert (account.at.height, account.balances[0].record.balance) == (2, -7)


async def test_the_network_and_the_node_are_described(alone: Alone) -> None:
    network = await alone.stub.GetNetwork(pb.GetNetworkRequest())
    assert alone.hash == network.genesis_hash == genesis_hash(network.genesis.body)
    status = await alone.stub.GetStatus(pb.GetStatusRequest())
    assert (status.federation, status.member, status.at.height, status.catching_up) == ("emilia", 0, 1, False)
