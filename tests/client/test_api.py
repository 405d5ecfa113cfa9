"""The SDK against nodes that refuse, fail, lie and come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from audit import verify_receipt_file
from ayni.v1 import entitlements_pb2, ledger_service_pb2, result_pb2
from client import Client, channels, transactions
from client.drafts import id_of, sign
from client.errors import ExitCode, KeyProblem, NoNode, NotFound, UsageProblem, VerificationFailed
from client.flow import flow
from client.networks import Network, NodeAddress
from client.outcomes import Kind, Outcome, outcome_of
from client.stamps import Stamp
from config.certificates import make_certificate
from ledger import limits
from proofs.receipts import verify_receipt
from tests.client.fakes import FakeNode, seeded


def raws(node: FakeNode, count: int) -> list[bytes]:
    made = []
    for number in range(1, count + 1):
        leg = transactions.leg("lazio/coop", "EUC", number, value_date=20_000)
        stamp = Stamp(number.to_bytes(16), 1_900_000_000_000)
        made.append(
            sign(transactions.transfer("emilia/cadiai", [leg], stamp), [seeded("cadiai")], node.genesis_hash)
        )
    return made


@pytest.fixture
def second(node: FakeNode) -> Iterator[FakeNode]:
    """Another node of the same network."""
    other = FakeNode(accounts=node.accounts)
    yield other
    other.stop()


def refusal(
    code: int = result_pb2.REFUSAL_CODE_LIMIT_EXCEEDED, final_after_ms: int = 0
) -> result_pb2.Refusal:
    return result_pb2.Refusal(
        code=code,
        field="transfer.legs[0].amount_minor",
        message="balance 0, credit limit 100, available 100, amount 500",
        final_after_ms=final_after_ms,
    )


def test_a_final_outcome_comes_with_a_receipt_that_verifies(node: FakeNode) -> None:
    with Client(node.network()) as client:
        [first, second] = client.submit(raws(node, 2))
    assert (first.kind, first.height, first.log_index) == (Kind.FINAL, 1, 0)
    assert second.receipt is not None
    assert second.tx_id == verify_receipt(second.receipt, node.genesis_hash).tx_id
    assert second.error() is None


def test_a_receipt_that_does_not_verify_is_never_taken_as_final(node: FakeNode) -> None:
    node.spoil_receipts = True
    with Client(node.network()) as client, pytest.raises(VerificationFailed, match="does not verify"):
        client.submit(raws(node, 1))


def told(node: FakeNode, **lies: Any) -> ledger_service_pb2.Outcome:
    """What the node says of a final transaction, with its receipt, but for `lies`."""
    [raw] = raws(node, 1)
    outcome = node.Submit(ledger_service_pb2.SubmitRequest(transactions=[raw], want_receipts=True), None)
    outcome.outcomes[0].MergeFrom(ledger_service_pb2.Outcome(**lies))
    return outcome.outcomes[0]


@pytest.mark.parametrize(
    "lies",
    [
        {"log_index": 7},
        {"height": 2},
        {"result": result_pb2.Result(deposits_minor=[1]).SerializeToString()},
    ],
    ids=str,
)
def test_what_a_node_says_beside_its_receipt_is_not_believed(node: FakeNode, lies: dict[str, Any]) -> None:
    assert outcome_of(told(node), node.genesis_hash).receipt is not None
    with pytest.raises(VerificationFailed, match="The node contradicts the receipt") as raised:
        outcome_of(told(node, **lies), node.genesis_hash)
    assert "proven is position 0, in a block up to 1, with its result" in str(raised.value)


def test_a_result_that_is_none_is_not_believed(node: FakeNode) -> None:
    with pytest.raises(VerificationFailed, match=r"cannot be right\. Its result is none"):
        outcome_of(told(node, result=b"\xff"), node.genesis_hash)


def test_an_answer_of_countless_empty_parts_is_not_unpacked(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 MiB of them, an answer of the largest size, would take nearly 3 GB."""
    monkeypatch.setattr(channels, "LEDGER_PARTS_FREE", 10)
    with Client(node.network()) as client:
        assert not client.classes().classes
        node.classes = [entitlements_pb2.DefineClass()] * 10_000
        with pytest.raises(NoNode, match="Exception deserializing response!"):
            client.classes()


def test_a_transaction_larger_than_any_is_not_unpacked(node: FakeNode) -> None:
    [raw] = raws(node, 1)
    node.Submit(ledger_service_pb2.SubmitRequest(transactions=[raw]), None)
    with Client(node.network()) as client:
        tx_id = client.outcome(id_of(raw)).tx_id
        assert client.transaction(tx_id).transaction == raw
        node.log[0] = (raw + b"\x12\0" * limits.TRANSACTION_BYTES_MAX, b"")
        with pytest.raises(VerificationFailed, match="the bytes are no transaction with its result"):
            client.transaction(tx_id)


def test_a_transaction_asked_for_by_nonce_is_proven_to_be_final_and_that_one(node: FakeNode) -> None:
    [raw, other] = raws(node, 2)
    node.Submit(ledger_service_pb2.SubmitRequest(transactions=[raw]), None)
    author, nonce = "emilia/cadiai", (1).to_bytes(16)
    with Client(node.network()) as client:
        found = client.transaction_by_nonce(author, nonce)
        assert found is not None
        assert found.transaction == raw
        node.by_nonce = other
        with pytest.raises(NotFound, match="No such transaction is final"):
            client.transaction_by_nonce(author, nonce)
        node.Submit(ledger_service_pb2.SubmitRequest(transactions=[other]), None)
        with pytest.raises(VerificationFailed, match="The node answered with another transaction") as raised:
            client.transaction_by_nonce(author, nonce)
        assert f"{author}'s with nonce {2:032x}, not {author}'s with {1:032x}." in str(raised.value)
        node.by_nonce, node.spoil_receipts = b"", True
        with pytest.raises(VerificationFailed, match="does not verify"):
            client.transaction_by_nonce(author, nonce)


class Talkative(FakeNode):
    """Its receipts hold fields that nobody knows."""

    def GetReceipt(self, request: Any, context: Any) -> Any:
        receipt = super().GetReceipt(request, context)
        unknown = b"\x98\x3e\x01"
        receipt.finalization.MergeFromString(unknown)
        receipt.MergeFromString(unknown)
        return receipt


def test_a_receipt_that_was_verified_is_one_to_every_auditor(tmp_path: Path) -> None:
    node = Talkative(accounts={})
    [raw] = raws(node, 1)
    node.Submit(ledger_service_pb2.SubmitRequest(transactions=[raw]), None)
    with Client(node.network()) as client:
        receipt = client.receipt(id_of(raw))
    node.stop()
    (tmp_path / "receipt").write_bytes(receipt.SerializeToString(deterministic=True))
    assert [str(one) for one in verify_receipt_file(tmp_path / "receipt", node.genesis_hash).findings] == []


def test_unknown_outcomes_are_asked_for_again_with_the_same_bytes(node: FakeNode) -> None:
    node.unknown_first = 2
    [raw] = raws(node, 1)
    with Client(node.network()) as client:
        [outcome] = client.submit([raw])
    assert outcome.kind == Kind.FINAL
    assert [raw] * 3 == node.seen


def test_what_is_not_known_in_time_is_unknown_and_safe_to_resubmit(node: FakeNode) -> None:
    node.unknown_first = 1_000
    with Client(node.network()) as client:
        [outcome] = client.submit(raws(node, 1), wait_ms=100)
    assert outcome.kind == Kind.UNKNOWN
    assert not outcome.definite
    problem = outcome.error()
    assert problem is not None
    assert problem.exit_code == ExitCode.UNKNOWN
    assert "ayni tx wait" in problem.next_step


def test_a_refusal_tells_code_field_figures_and_whether_it_may_still_happen() -> None:
    never = Outcome(b"a" * 32, Kind.REFUSED, refusal=refusal())
    problem = never.error()
    assert problem is not None
    assert (
        problem.what
        == "Transaction 6161616161616161 is refused: LIMIT_EXCEEDED at transfer.legs[0].amount_minor."
    )
    assert problem.why == "balance 0, credit limit 100, available 100, amount 500"
    assert "will never be accepted" in problem.next_step
    assert never.definite
    later = Outcome(b"a" * 32, Kind.REFUSED, refusal=refusal(final_after_ms=1_700_000_000_000))
    assert not later.definite
    problem = later.error()
    assert problem is not None
    assert "handed in again by anybody until 2023-11-14 22:13:20 UTC, these bytes" in problem.next_step


def test_each_outcome_has_its_exit_code() -> None:
    expected = {Kind.FINAL: 0, Kind.REFUSED: 3, Kind.UNKNOWN: 6, Kind.EXPIRED: 9}
    assert expected == {kind: int(Outcome(b"", kind).exit_code) for kind in Kind}


def test_another_node_takes_over_when_one_is_gone(node: FakeNode, second: FakeNode) -> None:
    network = node.network(second)
    node.stop()
    with Client(network) as client:
        [outcome] = client.submit(raws(node, 1))
        assert outcome.kind == Kind.FINAL
        assert client.account("emilia/cadiai").account == "emilia/cadiai"


@pytest.mark.parametrize("proof", ["good", "spoiled", "none"])
def test_that_something_has_expired_is_asked_of_the_other_nodes_too(
    node: FakeNode, second: FakeNode, proof: str
) -> None:
    """The first one lies; the second one has it."""
    leg = transactions.leg("lazio/coop", "EUC", 1, value_date=20_000)
    draft = transactions.transfer("emilia/cadiai", [leg], Stamp(bytes(16), 1_700_000_000_000))
    raw = sign(draft, [seeded("cadiai")], node.genesis_hash)
    node.past_expiry = True
    second.spoil_receipts = proof == "spoiled"
    if proof != "none":
        second.log.append((raw, b""))
    with Client(node.network(second)) as client:
        [outcome] = client.submit([raw])
    assert outcome.kind is (Kind.FINAL if proof == "good" else Kind.EXPIRED)
    assert (outcome.receipt is not None) is (proof == "good")
    assert [raw] == node.seen
    assert second.seen == []


def test_no_node_at_all_is_said_at_once_with_each_ones_reason(node: FakeNode) -> None:
    network = node.network()
    node.stop()
    with Client(network) as client, pytest.raises(NoNode) as error:
        client.submit(raws(node, 1))
    assert error.value.what == "No node of the network 'valley' served this."
    assert error.value.why == (
        f"127.0.0.1:{node.port}: it cannot be reached without TLS, and no certificate of it is pinned"
        " (`ayni network add` pins one)."
    )


def test_a_node_with_another_certificate_than_the_pinned_one_is_said_to_have_one(node: FakeNode) -> None:
    """As after its keeper has replaced it: it can be reached, and is not talked to."""
    certificate, key = make_certificate("emilia")
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    pinned = NodeAddress(f"localhost:{port}", make_certificate("emilia")[0])
    raw = node.genesis.SerializeToString(deterministic=True)
    with (
        Client(Network("valley", node.genesis_hash, raw, (pinned,))) as client,
        pytest.raises(NoNode) as error,
    ):
        client.status()
    server.stop(None)
    assert error.value.why == (
        f"localhost:{port}: its certificate is not the pinned one (`ayni network add` pins another), or is"
        " out of date."
    )


def test_a_node_that_is_catching_up_took_nothing(node: FakeNode) -> None:
    node.failures = [(grpc.StatusCode.UNAVAILABLE, "catching up: at height 5 of 90")] * 9
    with Client(node.network()) as client, pytest.raises(NoNode, match="catching up: at height 5 of 90"):
        client.submit(raws(node, 1))


def test_a_connection_lost_in_the_middle_leaves_the_outcome_unknown_until_asked_again(node: FakeNode) -> None:
    node.failures = [(grpc.StatusCode.UNAVAILABLE, "Socket closed")]
    with Client(node.network()) as client:
        [outcome] = client.submit(raws(node, 1))
    assert outcome.kind == Kind.FINAL
    node.failures = [(grpc.StatusCode.UNAVAILABLE, "Socket closed")] * 99
    with Client(node.network()) as client:
        [outcome] = client.submit(raws(node, 2)[1:], wait_ms=50)
    assert outcome.kind == Kind.UNKNOWN


def test_no_proxy_is_asked_for_a_node_of_this_machine(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nothing listens
    with Client(node.network()) as client:
        assert client.status().at.height == 0


def test_a_node_of_another_network_is_not_talked_to(node: FakeNode) -> None:
    other = FakeNode(federations=("elsewhere",))
    pinned = node.network()
    wrong = Network("valley", pinned.genesis_hash, pinned.signed_genesis, other.network().nodes)
    with Client(wrong) as client, pytest.raises(VerificationFailed, match=r"its genesis is .* is pinned"):
        client.submit(raws(node, 1))
    assert other.seen == []
    other.stop()


def test_a_far_node_without_a_pinned_certificate_is_not_talked_to(node: FakeNode) -> None:
    pinned = node.network()
    far = Network("valley", pinned.genesis_hash, pinned.signed_genesis, (NodeAddress("node.example:7410"),))
    with pytest.raises(KeyProblem, match=r"The certificate of node node.example:7410 is not pinned"):
        Client(far)
    with pytest.raises(UsageProblem, match="No node of the network 'valley' is known"):
        Client(Network("valley", pinned.genesis_hash, pinned.signed_genesis, ()))


def test_a_connection_that_cannot_be_closed_any_more_does_not_keep_a_process_from_ending(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.channels.CLOSE_SECONDS", 0.01)
    over, closed = threading.Event(), threading.Event()
    client = Client(node.network())
    client.status()
    [connection] = client.nodes
    close = connection.channel.close

    def stuck() -> None:
        over.wait(10)
        close()
        closed.set()

    monkeypatch.setattr(connection.channel, "close", stuck)
    client.close()
    assert not closed.is_set()
    over.set()
    assert closed.wait(10)


def test_what_is_not_there_is_not_found(node: FakeNode) -> None:
    with Client(node.network()) as client:
        with pytest.raises(NotFound, match="There is no account emilia/nobody"):
            client.account("emilia/nobody")
        assert client.transaction_by_nonce("emilia/cadiai", bytes(16)) is None
        with pytest.raises(NotFound):
            client.receipt(bytes(32))


def test_more_than_a_request_holds_is_sent_in_several(node: FakeNode) -> None:
    with Client(node.network()) as client:
        outcomes = client.submit(raws(node, 1_001), want_receipts=False)
    assert list(range(1_001)) == [outcome.log_index for outcome in outcomes]


def test_receipts_that_a_large_answer_leaves_out_are_asked_for(node: FakeNode) -> None:
    node.receipts_max = 2
    with Client(node.network()) as client:
        outcomes = client.submit(raws(node, 5))
    assert [outcome.kind for outcome in outcomes] == [Kind.FINAL] * 5
    assert [outcome.receipt is not None for outcome in outcomes] == [True] * 5


# Flow -----------------------------------------------------------------------------------------------


def test_a_flow_gives_one_outcome_for_each_transaction(node: FakeNode) -> None:
    many = raws(node, 500)
    with Client(node.network()) as client:
        outcomes = list(flow(client, iter(many), window=64, batch=16))
    assert {id_of(raw) for raw in many} == {outcome.tx_id for outcome in outcomes}
    assert {Kind.FINAL} == {outcome.kind for outcome in outcomes}
    assert len(many) == len(outcomes)


def test_a_flow_goes_on_when_its_stream_breaks(node: FakeNode) -> None:
    many = raws(node, 200)
    node.break_after = 50
    with Client(node.network()) as client:
        outcomes = list(flow(client, many, window=64, batch=10))
    assert len(many) == len(outcomes)
    assert {Kind.FINAL} == {outcome.kind for outcome in outcomes}
    assert len(many) == len(node.log)


def test_a_flow_asks_again_for_what_is_unknown(node: FakeNode) -> None:
    node.unknown_first = 20
    many = raws(node, 50)
    with Client(node.network()) as client:
        outcomes = list(flow(client, many, batch=10, want_receipts=True))
    assert {Kind.FINAL} == {outcome.kind for outcome in outcomes}
    assert all(outcome.receipt is not None for outcome in outcomes)


def test_a_flow_gives_up_when_no_node_is_heard(node: FakeNode) -> None:
    many = raws(node, 5)
    node.failures = [(grpc.StatusCode.UNAVAILABLE, "Socket closed")] * 99
    with Client(node.network()) as client:
        outcomes = list(flow(client, many, give_up_s=0.0))
    assert {Kind.UNKNOWN} == {outcome.kind for outcome in outcomes} or outcomes == []


def test_a_flow_gives_up_when_no_node_tells_any_outcome(node: FakeNode) -> None:
    """As when a quorum of the nodes is down, or the one that answers lies: it says something, for ever."""
    node.unknown_first = 10**9
    many = raws(node, 3)
    with Client(node.network()) as client:
        outcomes = list(flow(client, many, give_up_s=1.0))
    assert {id_of(raw) for raw in many} == {one.tx_id for one in outcomes}
    assert {one.kind for one in outcomes} == {Kind.UNKNOWN}


def test_an_error_of_the_source_comes_out_where_outcomes_are_read(node: FakeNode) -> None:
    def source() -> Iterator[bytes]:
        yield from raws(node, 3)
        raise ZeroDivisionError("in the source")

    with Client(node.network()) as client, pytest.raises(ZeroDivisionError, match="in the source"):
        list(flow(client, source(), batch=1))


def test_an_empty_flow_ends(node: FakeNode) -> None:
    with Client(node.network()) as client:
        assert list(flow(client, [])) == []
