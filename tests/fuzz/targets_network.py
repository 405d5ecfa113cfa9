"""What peers and clients send over the wire: frames, greetings, calls."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message

from ayni.v1 import ledger_service_pb2 as rpc
from ayni.v1 import peer_service_pb2 as pb
from consensus.events import PeerFault as FaultEffect
from consensus.events import PeerMessage
from node.frames import parse_frame
from node.handshake import NONCE_BYTES, Handshake, PeerFault
from node.outcomes import Outcomes
from node.parts import Parts
from node.services.ledger import LedgerService
from node.services.status import Consensus, NodeStatus
from node.submit import Doors
from tests.audit.year import CADIAI, MARIA, TOKYO
from tests.consensus.network import FINALIZE, NOTARIZE, NULLIFY
from tests.consensus.network import certificate as certificate_of
from tests.consensus.network import vote as vote_of
from tests.consensus.transcript import Played
from tests.fuzz import mutate_wire, seeds
from tests.fuzz.engine import Target
from tests.fuzz.node_parts import stored_parts
from tests.fuzz.targets_proofs import Said, behind_a_byte, forget
from tests.vectors.founding import canonical, key

T = TypeVar("T")


# --- peers --------------------------------------------------------------------------------------------


def _handshake(data: bytes) -> None:
    """Two frames of somebody who greets: a challenge and a hello."""
    membership = seeds.history().founding.membership
    own = Handshake(membership, 0, key("andes/consensus"), b"\x01" * 32, b"\x05" * NONCE_BYTES)
    first, second = (*mutate_wire.split(data), b"", b"")[:2]
    own.claimed(parse_frame(first))
    own.answer(b"\x02" * 32)
    own.admit(parse_frame(second))


def _handshake_seeds() -> list[bytes]:
    membership = seeds.history().founding.membership
    own = Handshake(membership, 0, key("andes/consensus"), b"\x01" * 32, b"\x05" * NONCE_BYTES)
    other = Handshake(membership, 1, key("emilia/consensus"), b"\x02" * 32, b"\x06" * NONCE_BYTES)
    other.claimed(own.challenge())
    frames = [other.challenge(), other.answer(b"\x01" * 32)]
    return [mutate_wire.join([canonical(frame) for frame in frames])]


def _frames(data: bytes) -> None:
    """Frames of authenticated members, to the production machine; the first byte of each says whose."""
    node = Played(0)
    node.start()
    reasons = []
    for number, content in enumerate(mutate_wire.split(data)[:40]):
        try:
            frame = parse_frame(content[1:])
        except PeerFault as fault:
            reasons.append(str(fault))
            continue
        kind = frame.WhichOneof("frame")
        if kind in (None, "hello", "challenge", "transactions"):
            continue
        member = 1 + content[0] % 3 if content else 1
        node.step(PeerMessage(member, getattr(frame, cast(str, kind))))
        reasons += [effect.reason for effect in node.effects if isinstance(effect, FaultEffect)]
        if number % 8 == 7:
            node.wait(50)
    node.wait(3_000)
    if reasons:
        raise Said("\n".join(reasons[:3]))


def _frame_seeds() -> list[bytes]:
    """An ordinary round, an answer to a request, statuses, and what faulty members send."""
    node = Played(0)
    node.start()
    first = node.make(1)
    second = node.make(2, first, 7, 8)
    third = node.make(4, second)
    frames: list[tuple[int, pb.PeerFrame]] = [
        (1, pb.PeerFrame(proposal=node.proposal(first))),
        (2, pb.PeerFrame(votes=pb.Votes(votes=[vote_of(2, NOTARIZE, 1, first.digest)]))),
        (3, pb.PeerFrame(votes=pb.Votes(votes=[vote_of(3, NOTARIZE, 1, first.digest)]))),
        (2, pb.PeerFrame(proposal=node.proposal(second, first))),
        (2, pb.PeerFrame(certificates=pb.Certificates(certificates=[node.notarization(second)]))),
        (3, pb.PeerFrame(votes=pb.Votes(votes=[vote_of(3, NULLIFY, 3)]))),
        (1, pb.PeerFrame(certificates=pb.Certificates(certificates=[node.finalization(second)]))),
    ]
    lagging = [
        (
            1,
            pb.PeerFrame(
                status=pb.Status(
                    height=3,
                    view=5,
                    finalization=node.finalization(third),
                    highest=certificate_of([1, 2, 3], NULLIFY, 5),
                    own_latest=[vote_of(1, NOTARIZE, 5, third.digest)],
                )
            ),
        ),
        (
            1,
            pb.PeerFrame(
                block_response=pb.BlockResponse(
                    id=1, blocks=[node.certified(first), node.certified(third, second, final=True)]
                )
            ),
        ),
    ]
    asking = [
        (1, pb.PeerFrame(block_request=pb.BlockRequest(id=7, digests=[first.digest, second.digest]))),
        (2, pb.PeerFrame(block_request=pb.BlockRequest(id=8, from_height=1, count=256))),
        (3, pb.PeerFrame(own_votes_request=pb.OwnVotesRequest(id=9))),
        (3, pb.PeerFrame(own_votes_response=pb.OwnVotesResponse(id=1, votes=[vote_of(0, NULLIFY, 1)]))),
    ]
    lies = [
        (3, pb.PeerFrame(votes=pb.Votes(votes=[vote_of(3, kind, 2, digest) for kind, digest in pairs])))
        for pairs in (
            ((NOTARIZE, first.digest), (NOTARIZE, second.digest)),
            ((NULLIFY, b""), (FINALIZE, first.digest)),
        )
    ]
    groups = [frames, lagging, asking, lies, frames + asking, frames[:4] + lagging]
    return [mutate_wire.join([bytes([who - 1]) + canonical(frame) for who, frame in g]) for g in groups]


def _of_frames(chance: Any, data: bytes, pool: Any) -> bytes:
    frames = mutate_wire.split(data)
    if frames and chance.random() < 0.8:
        at = chance.randrange(len(frames))
        inner = [each[1:] for one in pool[:40] for each in mutate_wire.split(one)[:6]]
        frames[at] = frames[at][:1] + mutate_wire.mutate(chance, frames[at][1:], inner or [b""])
        return mutate_wire.join(frames)
    return mutate_wire.sequence(chance, data, pool)


# --- clients ------------------------------------------------------------------------------------------


class Aborted(Exception):
    """A call ended with a status other than OK."""


class Context:
    """What a method needs of grpc's context."""

    async def abort(self, code: grpc.StatusCode, details: str, trailing: object = ()) -> None:
        """Ends the call."""
        if code is grpc.StatusCode.INTERNAL:
            raise RuntimeError("the call ended as a bug of the node")
        raise Aborted(f"{code.name}: {details}")

    def peer(self) -> str:
        """Who calls."""
        return "ipv4:127.0.0.1:1"


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next deadline: nobody waits."""

    def __init__(self) -> None:
        self.offset = 0.0
        outer = self

        class Impatient(selectors.SelectSelector):
            """Never sleeps; lets the time pass instead."""

            def select(self, timeout: float | None = None) -> Any:
                if timeout:
                    outer.offset += timeout
                return super().select(0)

        super().__init__(Impatient())

    def time(self) -> float:
        """Seconds."""
        return super().time() + self.offset


@cache
def _loop() -> _Loop:
    return _Loop()


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, without waiting."""
    return _loop().run_until_complete(coroutine)


class _Raises:
    """A log that turns errors into exceptions: a bug that is only logged is one all the same."""

    def debug(self, event: str, **fields: Any) -> None:
        """Nothing."""

    info = warning = debug

    def error(self, event: str, **fields: Any) -> None:
        """Raises what went wrong."""
        if isinstance(error := fields.get("exc_info"), Exception):
            raise error


@cache
def _service() -> tuple[LedgerService, Parts]:
    """The production service over the stored history; no consensus runs."""
    parts = stored_parts(_Raises())
    status = NodeStatus(parts, lambda: Consensus(1, False, False, {}))
    chain = parts.chain

    def refuse_now(tx_id: bytes) -> Any:
        entry = parts.mempool.get(tx_id)
        if entry is None:
            return None
        return chain.refusal_now(entry.tx, chain.tip.digest, chain.tip.time_ms + 1)

    doors = Doors(
        chain=chain,
        mempool=parts.mempool,
        tables=parts.tables,
        outcomes=parts.outcomes,
        receipts=parts.receipts,
        forward=lambda raws: None,
        turned_away=lambda: None,
        refuse_now=refuse_now,
        clock_ms=lambda: chain.tip.time_ms + 1_000,
    )
    return LedgerService(parts, status, doors), parts


def _requests() -> list[tuple[str, type[Message], list[Message]]]:
    """(method, request type, real requests) of every call but the streams, which have targets below."""
    history = seeds.history()
    tx = history.finals[3].entries[0].tx
    return [
        ("GetNetwork", rpc.GetNetworkRequest, [rpc.GetNetworkRequest()]),
        ("GetStatus", rpc.GetStatusRequest, [rpc.GetStatusRequest()]),
        (
            "Submit",
            rpc.SubmitRequest,
            [
                rpc.SubmitRequest(
                    genesis_hash=history.hash,
                    transactions=seeds.transactions()[3:6],
                    wait_ms=50,
                    want_receipts=True,
                ),
                rpc.SubmitRequest(genesis_hash=history.hash, transactions=[b"\x0a\x00", b""]),
            ],
        ),
        ("GetOutcome", rpc.GetOutcomeRequest, [rpc.GetOutcomeRequest(tx_id=tx.tx_id, wait_ms=9)]),
        (
            "GetTransaction",
            rpc.GetTransactionRequest,
            [
                rpc.GetTransactionRequest(tx_id=tx.tx_id),
                rpc.GetTransactionRequest(author=tx.author, nonce=tx.nonce),
            ],
        ),
        ("GetReceipt", rpc.GetReceiptRequest, [rpc.GetReceiptRequest(tx_id=tx.tx_id)]),
        ("GetBlock", rpc.GetBlockRequest, [rpc.GetBlockRequest(height=3)]),
        ("Export", rpc.ExportRequest, [rpc.ExportRequest(from_height=9)]),
        (
            "GetConsistencyProof",
            rpc.GetConsistencyProofRequest,
            [rpc.GetConsistencyProofRequest(old_size=3, new_size=9)],
        ),
        ("GetAccount", rpc.GetAccountRequest, [rpc.GetAccountRequest(account=MARIA)]),
        (
            "ListAccounts",
            rpc.ListAccountsRequest,
            [
                rpc.ListAccountsRequest(prefix="emilia", limit=2),
                rpc.ListAccountsRequest(prefix=CADIAI, after=MARIA, limit=1_000),
            ],
        ),
        (
            "GetStatement",
            rpc.GetStatementRequest,
            [
                rpc.GetStatementRequest(account=TOKYO, limit=2),
                rpc.GetStatementRequest(account=CADIAI, from_ms=history.document.time_ms, until_ms=2**62),
                rpc.GetStatementRequest(account="pool", after="7.1", limit=3),
            ],
        ),
        ("ListMembers", rpc.ListMembersRequest, [rpc.ListMembersRequest()]),
        (
            "ListClasses",
            rpc.ListClassesRequest,
            [rpc.ListClassesRequest(), rpc.ListClassesRequest(class_id="hours@japan")],
        ),
        ("GetPool", rpc.GetPoolRequest, [rpc.GetPoolRequest()]),
        ("ListDues", rpc.ListDuesRequest, [rpc.ListDuesRequest(unit="EUC")]),
        (
            "ListSettlements",
            rpc.ListSettlementsRequest,
            [rpc.ListSettlementsRequest(after_period=1, limit=2)],
        ),
        (
            "GetDecision",
            rpc.GetDecisionRequest,
            [rpc.GetDecisionRequest(tx_id=history.finals[0].entries[0].tx.tx_id)],
        ),
        (
            "GetStateProof",
            rpc.GetStateProofRequest,
            [rpc.GetStateProofRequest(key=name) for name in seeds.state_keys()[:3]],
        ),
        ("ListEvidence", rpc.ListEvidenceRequest, [rpc.ListEvidenceRequest()]),
    ]


@cache
def _methods() -> list[tuple[str, type[Message]]]:
    return [(name, message_class) for name, message_class, _ in _requests()]


def _call_seeds() -> list[bytes]:
    return [
        bytes([number]) + request.SerializeToString(deterministic=True)
        for number, (_, _, requests) in enumerate(_requests())
        for request in requests
    ]


def _call(data: bytes) -> None:
    """One call; the first byte says which."""
    if not data:
        return
    name, message_class = _methods()[data[0] % len(_methods())]
    try:
        request = message_class.FromString(data[1:])
    except DecodeError as error:
        raise Aborted("grpc itself refuses it") from error
    service, parts = _service()
    method: Callable[..., Any] = getattr(service, name)
    try:
        if name == "Export":
            answer = run_now(_collect(method(request, Context())))
        else:
            answer = [run_now(method(request, Context()))]
        for message in answer:
            message.SerializeToString()
    finally:
        _forget(parts)


async def _collect(stream: Any) -> list[Any]:
    return [message async for message in stream]


def _stream(data: bytes) -> None:
    """SubmitStream: requests behind lengths."""
    requests = []
    for content in mutate_wire.split(data)[:8]:
        try:
            requests.append(rpc.SubmitRequest.FromString(content))
        except DecodeError:
            break
    service, parts = _service()

    async def sent() -> Any:
        for request in requests:
            yield request

    try:
        run_now(_collect(service.SubmitStream(sent(), Context())))
    finally:
        _forget(parts)


def _stream_seeds() -> list[bytes]:
    history = seeds.history()
    requests = [
        rpc.SubmitRequest(genesis_hash=history.hash, transactions=list(chunk), wait_ms=30)
        for chunk in (seeds.transactions()[:2], seeds.transactions()[4:5], ())
    ]
    return [mutate_wire.join([canonical(request) for request in requests])]


def _forget(parts: Parts) -> None:
    """Every input finds the same node."""
    parts.mempool.remove(parts.mempool.tx_ids())
    parts.mempool.take_fresh()
    parts.outcomes._refusals.clear()
    forget(parts.chain)
    if len(parts.outcomes):
        raise RuntimeError(f"{len(parts.outcomes)} transactions are watched by nobody")


def outcomes() -> Outcomes:
    """Whoever waits at the node under test."""
    return _service()[1].outcomes


TARGETS = (
    Target(
        "greeting",
        "challenge and hello of whoever connects to a node's peer port",
        _handshake_seeds,
        mutate_wire.sequence,
        _handshake,
        (PeerFault,),
    ),
    Target(
        "frames",
        "frames of authenticated members, one after another, to consensus",
        _frame_seeds,
        _of_frames,
        _frames,
        (Said,),
    ),
    Target(
        "calls",
        "requests of any client, to every method of LedgerService",
        _call_seeds,
        behind_a_byte(mutate_wire.mutate),
        _call,
        (Aborted,),
        rate=2,
    ),
    Target(
        "submit-stream",
        "requests on a SubmitStream",
        _stream_seeds,
        mutate_wire.sequence,
        _stream,
        (Aborted,),
    ),
)
