"""Four nodes as processes: killed, stopped and started again, nothing final is lost and progress resumes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import grpc
import pytest

from ayni.v1 import ledger_service_pb2 as pb
from proofs.receipts import verify_receipt
from tests.node.acts import COOP, OTHER, open_accounts, transfer
from tests.node.founders import NAMES
from tests.node.running import Process, ProcessNetwork, elapsed_ms, start_all

FINAL, UNKNOWN = pb.OUTCOME_KIND_FINAL, pb.OUTCOME_KIND_UNKNOWN


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessNetwork]:
    """Every test leaves all four nodes running."""
    with ProcessNetwork(tmp_path_factory.mktemp("network")) as network:
        (opened,) = network.submit(0, open_accounts(network.genesis_hash))
        assert opened.kind == FINAL
        yield network


def pay(network: ProcessNetwork, index: int, count: int = 1, *, wait_ms: int = 20_000) -> list[pb.Outcome]:
    """Payments handed to one node."""
    raws = [transfer(network.genesis_hash) for _ in range(count)]
    return network.submit(index, *raws, wait_ms=wait_ms, want_receipts=True)


def height(node: Process) -> int:
    status = node.stub.GetStatus(pb.GetStatusRequest(), timeout=10, wait_for_ready=True)
    return int(status.at.height)


def state_roots(network: ProcessNetwork, at_height: int) -> set[bytes]:
    """What every node says the state was after a block."""
    found = set()
    for node in network.nodes:
        block = node.stub.GetBlock(pb.GetBlockRequest(height=at_height), timeout=10)
        found.add(bytes(block.header))
    return found


def test_every_node_takes_payments_and_all_agree(network: ProcessNetwork) -> None:
    outcomes = [pay(network, index, 3) for index in range(4)]
    assert {FINAL} == {outcome.kind for batch in outcomes for outcome in batch}
    for batch in outcomes:
        for outcome in batch:
            verified = verify_receipt(outcome.receipt, network.genesis_hash)
            assert (outcome.tx_id, outcome.log_index) == (verified.tx_id, verified.log_index)
    last = outcomes[-1][-1]
    for node in network.nodes:
        assert node.outcome(last.tx_id).kind == FINAL
    assert len(state_roots(network, last.height)) == 1


def test_a_killed_node_is_not_missed_and_catches_up(network: ProcessNetwork) -> None:
    victim = network.nodes[3]
    victim.kill()
    during = [pay(network, index)[0] for index in (0, 1, 2, 0, 1, 2)]
    assert {FINAL} == {outcome.kind for outcome in during}
    victim.start()
    for outcome in during:
        found = victim.outcome(outcome.tx_id)
        assert (FINAL, outcome.log_index) == (found.kind, found.log_index)
    assert pay(network, 3)[0].kind == FINAL


def test_without_a_quorum_nothing_moves_and_nothing_breaks(network: ProcessNetwork) -> None:
    (before,) = pay(network, 0)
    for node in network.nodes[2:]:
        assert node.stop() == 0
    raw = transfer(network.genesis_hash)
    began = time.monotonic()
    (outcome,) = network.submit(0, raw, wait_ms=500)
    assert outcome.kind == UNKNOWN and outcome.retry_after_ms > 0
    assert 450 <= elapsed_ms(began) < 5_000
    at = height(network.nodes[0])
    start_all(network.nodes[2:])
    (after,) = network.submit(1, raw)
    assert after.kind == FINAL and after.height > at
    assert network.nodes[2].outcome(before.tx_id).kind == FINAL


def test_all_nodes_killed_under_load_lose_nothing_final(network: ProcessNetwork) -> None:
    seen: list[pb.Outcome] = []

    are_killed = threading.Event()

    def load() -> Iterator[pb.SubmitRequest]:
        while not are_killed.is_set():
            transactions = [transfer(network.genesis_hash) for _ in range(50)]
            yield pb.SubmitRequest(
                genesis_hash=network.genesis_hash, transactions=transactions, wait_ms=10_000
            )

    with pytest.raises(grpc.RpcError):
        for response in network.nodes[0].stub.SubmitStream(load()):
            seen += response.outcomes
            if sum(1 for outcome in seen if outcome.kind == FINAL) >= 100:
                for node in network.nodes:
                    node.kill()
                are_killed.set()
    final = [outcome for outcome in seen if outcome.kind == FINAL]
    assert len(final) >= 100
    start_all(network.nodes)
    for outcome in final:
        found = network.nodes[2].outcome(outcome.tx_id)
        assert (FINAL, outcome.height, outcome.log_index) == (found.kind, found.height, found.log_index)
    assert pay(network, 1)[0].kind == FINAL


def test_a_statement_is_the_same_on_every_node(network: ProcessNetwork) -> None:
    (last,) = pay(network, 0, 1)
    shown = []
    for node in network.nodes:
        node.outcome(last.tx_id)
        request = pb.GetStatementRequest(account=OTHER)
        shown.append(node.stub.GetStatement(request, timeout=10))
    assert all(each.lines == shown[0].lines for each in shown)
    assert shown[0].lines[0].counterparty == COOP
    assert len(NAMES) == 4
