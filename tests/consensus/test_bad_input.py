"""What a peer may not send: each is a `PeerFault` that says what is wrong, and nothing is lost or raised."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

import pytest
from google.protobuf.message import DecodeError, Message

from ayni.v1.block_pb2 import Certificate, CertifiedBlock, Header, Proposal, Vote
from ayni.v1.peer_service_pb2 import (
    BlockRequest,
    BlockResponse,
    Certificates,
    OwnVotesResponse,
    Status,
    Votes,
)
from consensus.events import Broadcast, Commit, Effect, PeerFrameMessage, PeerMessage, Persist, Send
from consensus.votes import VotePool
from proofs.certificates import CertificateInvalid
from tests.consensus.network import (
    FINALIZE,
    NOTARIZE,
    NULLIFY,
    certificate,
    membership_of,
    proposal_of,
    vote,
)
from tests.consensus.simulation import Faults, Simulation
from tests.consensus.transcript import Made, Played

M = TypeVar("M", bound=Message)

A = bytes(31) + b"a"


def started() -> Played:
    node = Played(0)
    node.start()
    return node


def changed(block: Made, **fields: object) -> bytes:
    header = Header.FromString(block.header)
    for name, value in fields.items():
        setattr(header, name, value)
    return header.SerializeToString(deterministic=True)


def unsigned(kind: int, view: int, **fields: object) -> Vote:
    return Vote(view=view, kind=kind, member=1, signature=bytes(64), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: vote(2, NULLIFY, 1), "sent a vote of member 2 as its own"),
        (lambda: unsigned(NULLIFY, 1), "the signature of member 1 (m1) does not verify"),
        (lambda: unsigned(NULLIFY, 1, digest=A), "the digest of a nullify vote has 0 bytes, not 32"),
        (lambda: unsigned(NOTARIZE, 1, digest=b"a"), "the digest of a notarize vote has 32 bytes, not 1"),
        (lambda: unsigned(NULLIFY, 1, epoch=1), "the vote is of epoch 1; there is only epoch 0"),
        (lambda: unsigned(0, 1), "no vote is of kind 0"),
    ],
)
def test_a_wrong_vote_is_refused(made: Callable[[], Vote], reason: str) -> None:
    assert started().receive(1, Votes(votes=[made()])) == [f"fault 1: {reason}"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            lambda: certificate([1, 2], NULLIFY, 1),
            "the nullify certificate of view 1 has 2 signatures; it needs exactly 3, a quorum of 4",
        ),
        (
            lambda: certificate([0, 1, 2, 3], NULLIFY, 1),
            "the nullify certificate of view 1 has 4 signatures; it needs exactly 3, a quorum of 4",
        ),
        (
            lambda: certificate([2, 1, 3], NULLIFY, 1),
            "the nullify certificate of view 1 is not ascending by member, each once: [2, 1, 3]",
        ),
        (
            lambda: certificate([1, 2, 2], NOTARIZE, 1, A),
            "the notarize certificate of view 1 is not ascending by member, each once: [1, 2, 2]",
        ),
        (lambda: certificate([1, 2, 4], NULLIFY, 1), "there is no member 4; there are 4"),
        (lambda: Certificate(view=1), "no certificate is of kind 0"),
        (lambda: _spoiled(), "the signature of member 3 (m3) does not verify"),
    ],
)
def test_a_wrong_certificate_is_refused(made: Callable[[], Certificate], reason: str) -> None:
    node = started()
    assert node.certificates(made()) == [f"fault 1: {reason}"]
    assert node.machine.view == 1


def test_a_certificate_of_another_epoch_is_refused_though_each_of_its_signatures_is_known() -> None:
    pool = VotePool(membership_of(4))
    for member in (1, 2, 3):
        pool.receive(vote(member, NULLIFY, 1))
    right = certificate([1, 2, 3], NULLIFY, 1)
    pool.verify(right)
    right.epoch = 1
    with pytest.raises(CertificateInvalid, match="the vote is of epoch 1; there is only epoch 0"):
        pool.verify(right)


def _spoiled() -> Certificate:
    spoiled = certificate([1, 2, 3], NOTARIZE, 1, A)
    spoiled.signatures[2].signature = spoiled.signatures[1].signature
    return spoiled


def test_a_wrong_proposal_is_refused() -> None:
    node = started()
    first = node.make(1, None, 1)
    third = node.make(3, first, 3)
    cases: list[tuple[int, Proposal, str]] = [
        (2, node.proposal(first), "proposed in view 1, whose leader is another"),
        (1, Proposal(header=b"\xff"), "the header is no Header"),
        (1, Proposal(header=bytes(513)), "a header has at most 512 bytes, not 513"),
        (
            1,
            Proposal(),
            "a block has a view and a height from 1 and a parent of 32 bytes, "
            "not view 0, height 0 and 0 bytes",
        ),
        (1, proposal_of(changed(first, epoch=2)), "the block is of epoch 2; there is only epoch 0"),
        (1, proposal_of(changed(first, leader=2)), "the leader of view 1 is member 1, not 2"),
        (
            1,
            proposal_of(first.header, b"another body"),
            "the body is not the one that the header of view 1 names",
        ),
        (
            1,
            proposal_of(changed(first, parent=A), first.body),
            "the proposal of view 1 lacks the notarisation of its parent",
        ),
        (
            3,
            proposal_of(third.header, third.body, node.nullification(1)),
            "the proposal of view 3 does not notarise its parent",
        ),
        (
            3,
            proposal_of(third.header, third.body, certificate([1, 2, 3], NOTARIZE, 3, first.digest)),
            "the proposal of view 3 has its parent in view 3",
        ),
        (
            3,
            proposal_of(third.header, third.body, node.notarization(first)),
            "between the parent's view 1 and view 3 there must be one nullification a view, not of views []",
        ),
        (
            3,
            proposal_of(third.header, third.body, node.notarization(first), [node.notarization(first)]),
            "the proposal of view 3 has other certificates among its nullifications",
        ),
    ]
    for member, proposal, reason in cases:
        assert node.receive(member, proposal) == [f"fault {member}: {reason}"]
    forged = node.proposal(first)
    forged.signature = bytes(65)
    reason = "the signature of view 1's proposal has 65 bytes, not 64"
    assert node.receive(1, forged) == [f"fault 1: {reason}"]
    forged.signature = bytes(64)
    assert node.receive(1, forged) == ["fault 1: the signature of member 1 (m1) does not verify"]
    assert node.receive(1, node.proposal(first))[-1] == "broadcast votes notarize 1"


@pytest.mark.parametrize("view", [(1 << 40) + 1, (1 << 63) + 1, (1 << 64) - 3])
def test_a_proposal_of_a_view_that_never_comes_is_refused_without_counting_up_to_it(view: int) -> None:
    """Anybody may propose in a view of their own choice: what is made of it is not as large as they like."""
    node = started()
    first = node.make(1, None, 1)
    for parent, notarization, nullifications, found in (
        (0, None, [], "[]"),
        (0, None, [node.nullification(1), node.nullification(2)], "[1, 2]"),
        (1, node.notarization(first), [node.nullification(3)], "[3]"),
    ):
        header = changed(first, view=view) if not parent else changed(first, view=view, parent=first.digest)
        wrong = proposal_of(header, first.body, notarization, nullifications)
        assert node.receive(1, wrong) == [
            f"fault 1: between the parent's view {parent} and view {view} there must be one nullification a "
            f"view, not of views {found}"
        ]
    many = [node.nullification(view) for view in range(2, 30)]
    (fault,) = node.receive(1, proposal_of(changed(first, view=view), first.body, None, many))
    assert fault.endswith("not of views [2, 3, 4, 5, 6, 7, 8, 9] and 20 more")


def test_a_proposal_at_the_wrong_height_gets_no_vote() -> None:
    node = started()
    first = node.make(1, None, 1)
    node.receive(1, node.proposal(first))
    second = node.make(2, first, 2)
    header = changed(second, height=7)
    assert node.receive(2, proposal_of(header, second.body, node.notarization(first)))[-1] == (
        "alarm invalid_proposal: block 7 of view 2 by member 2 (m2) is not valid: "
        "its height is 7 on a parent of height 1"
    )


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Votes(votes=[Vote()] * 257), "sent 257 votes in one message; 256 at most"),
        (
            Certificates(certificates=[Certificate()] * 257),
            "sent 257 certificates in one message; 256 at most",
        ),
        (Status(own_latest=[Vote()] * 257), "sent 257 votes in one message; 256 at most"),
        (BlockRequest(id=1, digests=[A] * 17), "sent 17 digests in one message; 16 at most"),
        (BlockRequest(id=1, from_height=1, count=257), "sent 257 blocks in one message; 256 at most"),
        (
            BlockResponse(id=1, blocks=[CertifiedBlock()] * 257),
            "sent 257 blocks in one message; 256 at most",
        ),
        (OwnVotesResponse(id=1, votes=[Vote()] * 257), "sent 257 votes in one message; 256 at most"),
        (
            Status(finalization=Certificate(view=3, kind=NULLIFY)),
            "its status has another certificate for a finalisation",
        ),
    ],
)
def test_a_message_out_of_bounds_is_refused(message: PeerFrameMessage, reason: str) -> None:
    assert started().receive(1, message) == [f"fault 1: {reason}"]


def test_a_block_that_is_asked_for_many_times_in_one_message_is_answered_once() -> None:
    node = started()
    block = node.make(1, None, 1)
    node.receive(1, node.proposal(block))
    node.certificates(node.notarization(block))
    request = BlockRequest(id=1, digests=[block.digest, A] * 8)
    assert node.receive(2, request) == ["serve 2 1 unfinal, 1 by digest, 0 from 0"]


def _wrong(node: Played, block: Made, **changes: object) -> CertifiedBlock:
    certified = node.certified(block)
    for name, value in changes.items():
        if isinstance(value, bytes):
            setattr(certified, name, value)
        elif isinstance(value, list):
            certified.ClearField(name)  # type: ignore[arg-type]
            getattr(certified, name).extend(value)
        else:
            getattr(certified, name).CopyFrom(value)
    return certified


def test_a_wrong_block_in_an_answer_is_refused_and_another_is_asked() -> None:
    node = started()
    block = node.make(1, None, 1)
    other = node.make(1, None, 2)
    node.certificates(node.notarization(block))
    cases = [
        (
            _wrong(node, block, notarization=node.notarization(other)),
            "the block of view 1 came without its notarisation",
        ),
        (_wrong(node, block, body=b"x"), "the body is not the one that the header of view 1 names"),
        (
            _wrong(node, block, nullifications=[node.nullification(1)]),
            "the block of view 1 came with a wrong nullification",
        ),
        (
            _wrong(node, block, finalization=node.finalization(other)),
            "the block of view 1 came with another's finalisation",
        ),
    ]
    for wrong, reason in cases:
        holder, request = _next_request(node)
        assert node.receive(holder, BlockResponse(id=request.id, blocks=[wrong]))[0] == (
            f"fault {holder}: {reason}"
        )
    assert node.certificates(node.finalization(block)) == ["commit 1"]  # the fourth brought the block too


def padded(message: M) -> M:
    """Return a message that says the same, and carries what nobody reads besides."""
    return type(message).FromString(message.SerializeToString() + b"\xa2\x06\x80\x01" + bytes(128))


def _by_certificates(node: Played, first: Made, second: Made) -> None:
    node.receive(1, node.proposal(first))
    node.certificates(padded(node.notarization(first)))
    node.certificates(padded(node.nullification(2)))
    node.receive(
        3, proposal_of(second.header, second.body, node.notarization(first), [node.nullification(2)])
    )
    node.certificates(padded(node.notarization(second)), padded(node.finalization(second)))


def _by_proposal(node: Played, first: Made, second: Made) -> None:
    node.receive(1, padded(node.proposal(first)))
    notarization, nullification = padded(node.notarization(first)), padded(node.nullification(2))
    node.receive(3, proposal_of(second.header, second.body, notarization, [nullification]))
    node.certificates(node.notarization(second), node.finalization(second))


def _by_status(node: Played, first: Made, second: Made) -> None:
    node.receive(1, node.proposal(first))
    node.receive(1, Status(view=2, highest=padded(node.notarization(first))))
    node.receive(1, Status(view=3, highest=padded(node.nullification(2))))
    node.receive(3, node.proposal(second, first))
    node.receive(1, Status(view=4, highest=padded(node.notarization(second))))
    node.receive(1, Status(view=4, finalization=padded(node.finalization(second))))


def _by_answer(node: Played, first: Made, second: Made) -> None:
    node.certificates(node.finalization(second))
    for block, parent in ((second, first), (first, None)):
        holder, request = _next_request(node)
        certified = node.certified(block, parent)
        certified.notarization.CopyFrom(padded(certified.notarization))
        for nullification in certified.nullifications:
            nullification.CopyFrom(padded(nullification))
        node.receive(holder, BlockResponse(id=request.id, blocks=[padded(certified)]))


def _by_votes(node: Played, first: Made, second: Made) -> None:
    node.receive(1, node.proposal(first))
    node.certificates(node.notarization(first), node.nullification(2))
    node.receive(3, node.proposal(second, first))
    for kind in (NOTARIZE, FINALIZE):
        for member in (1, 2, 3):
            node.receive(member, padded(Votes(votes=[padded(vote(member, kind, 3, second.digest))])))


@pytest.mark.parametrize("bring", [_by_certificates, _by_proposal, _by_status, _by_answer, _by_votes])
def test_what_nobody_reads_is_neither_kept_nor_passed_on(
    bring: Callable[[Played, Made, Made], None],
) -> None:
    """Other members close the stream of whoever sends them too much, and an auditor knows one form only."""
    node = started()
    seen: list[bytes] = []
    execute = node._execute

    def look(effect: Effect) -> None:
        match effect:
            case Persist(records):
                seen.extend(value for _, value in records)
            case Send(_, message) | Broadcast(message):
                seen.append(message.SerializeToString())
            case Commit(blocks):
                seen.extend(block.SerializeToString() for block in blocks)
        execute(effect)

    node._execute = look  # type: ignore[method-assign]
    first = node.make(1, None, 1)
    second = node.make(3, first, 2)
    bring(node, first, second)
    node.wait(2_000)
    assert node.machine.height == 2
    assert not [data for data in seen if bytes(128) in data]


def _next_request(node: Played) -> tuple[int, BlockRequest]:
    for _ in range(4):
        node.wait(500)
        if node.sent(BlockRequest):
            return node.sent(BlockRequest)[-1]
    raise AssertionError("no other member was asked")


def test_a_block_without_the_nullifications_since_its_parent_is_dropped_and_fetched_again() -> None:
    node = started()
    first = node.make(1, None, 1)
    third = node.make(3, first, 3)
    node.finalised(first)
    node.certificates(node.finalization(third))
    holder, request = _next_request(node)
    lacking = _wrong(node, third, nullifications=[])
    assert node.receive(holder, BlockResponse(id=request.id, blocks=[lacking])) == [
        f"fault {holder}: the block of view 3 came without the nullifications since its parent"
    ]
    holder, request = _next_request(node)
    whole = node.certified(third, first)
    assert node.receive(holder, BlockResponse(id=request.id, blocks=[whole])) == ["commit 2"]


def test_blocks_that_were_not_asked_for_are_refused_though_they_are_final() -> None:
    """A long chain, from above what can be executed: all of it would be kept until it is its turn."""
    node = started()
    chain: list[tuple[Made, Made | None]] = []
    parent: Made | None = None
    for view in range(1, 301):
        block = node.make(view, parent, view)
        chain.append((block, parent))
        parent = block
    last, below = chain[-1], chain[-2]
    node.certificates(node.finalization(last[0]))
    holder, request = _next_request(node)
    assert request.digests == [last[0].digest]
    answer = BlockResponse(id=request.id, blocks=[node.certified(*last), node.certified(*below)])
    fault = f"fault {holder}: sent a block of height 299, which was not asked for"
    assert node.receive(holder, answer)[-1] == fault
    holder, request = _next_request(node)
    assert (request.from_height, request.count) == (1, 256)
    high = BlockResponse(id=request.id, blocks=[node.certified(*each) for each in chain[256:]])
    fault = f"fault {holder}: sent a block of height 257, which was not asked for"
    assert node.receive(holder, high)[-1] == fault
    holder, request = _next_request(node)
    answer = BlockResponse(id=request.id, blocks=[node.certified(*each) for each in chain[:256]])
    assert not any(line.startswith("fault") for line in node.receive(holder, answer))
    node.wait(100)
    assert node.machine._round.tree.get(chain[255][0].digest) is not None


def test_proposals_that_came_to_nothing_are_not_kept_while_blocks_are_missing() -> None:
    """A liar's, each as large as a frame may be: they could not be looked at, and none would be final."""
    node = started()
    parent = node.make(1, None, 1)
    top = node.make(2, parent, 2)
    node.certificates(node.notarization(top), node.finalization(top))  # neither block is here
    for view in (3, 7, 11):
        made_up = node.make(view, top, view)
        between = [node.nullification(other) for other in range(3, view)]
        proposal = proposal_of(made_up.header, made_up.body, node.notarization(top), between)
        node.receive(3, proposal)
        assert node.machine._round.tree.get(made_up.digest) is not None
        node.certificates(*(node.nullification(other) for other in range(view, view + 4)))
        assert node.machine._round.tree.get(made_up.digest) is None
    wanted = node.make(15, top, 15)
    between = [node.nullification(other) for other in range(3, 15)]
    node.receive(3, proposal_of(wanted.header, wanted.body, node.notarization(top), between))
    node.certificates(node.notarization(wanted))
    assert node.machine._round.tree.get(wanted.digest) is not None


def test_an_answer_that_was_not_asked_for_is_not_read() -> None:
    node = started()
    garbage = CertifiedBlock(header=b"\xff")
    assert node.receive(1, BlockResponse(id=9, blocks=[garbage])) == []


def test_no_mutated_frame_raises() -> None:
    """Frames of a real run, with bytes changed, into machines in the middle of a round."""
    chance = random.Random(7)
    frames: list[PeerFrameMessage] = []
    simulation = Simulation(7, 4, Faults(loss=0.3))
    record = simulation._transmit

    def transmit(index: int, other: int, message: PeerFrameMessage) -> None:
        frames.append(message)
        record(index, other, message)

    simulation._transmit = transmit  # type: ignore[method-assign]
    simulation.start_all()
    for _ in range(10):
        simulation.submit(2)
        simulation.run(simulation.now_ms + 400)
    faults = 0
    for _ in range(3_000):
        message = chance.choice(frames)
        data = bytearray(message.SerializeToString())
        for _ in range(chance.randrange(1, 4)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            mutated = type(message).FromString(bytes(data))
        except DecodeError:
            continue
        before = len(simulation.peer_faults)
        simulation.deliver(0, PeerMessage(chance.randrange(1, 4), mutated))
        faults += len(simulation.peer_faults) - before
    assert faults > 100
    assert {type(frame).__name__ for frame in frames} >= {
        "Proposal",
        "Votes",
        "Certificates",
        "BlockResponse",
    }
    simulation.heal()
    assert simulation.run(simulation.now_ms + 20_000, simulation.all_final)


def test_finalize_votes_of_unknown_blocks_change_nothing_below_a_quorum() -> None:
    node = started()
    assert node.votes(FINALIZE, 5, A, of=[1, 2]) == []
    assert node.machine.view == 1


def test_a_stream_of_somebody_who_is_no_peer_is_our_own_bug() -> None:
    with pytest.raises(ValueError, match="member 0 is no peer: there are 4, and we are 0"):
        started().receive(0, Votes())
