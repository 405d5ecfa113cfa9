"""Transcripts of what must be durable before what: docs/protocol.md, C7, C9 and C11."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ayni.v1.block_pb2 import Proposal, Vote
from ayni.v1.peer_service_pb2 import OwnVotesRequest, OwnVotesResponse, Status
from consensus.events import PeerUp, Persist, Start
from consensus.guard import VoteGuard
from consensus.journal import Journal, JournalDamaged, Snapshot, recover
from consensus.machine import Machine
from consensus.voting import Ballot, VoteForbidden
from proofs.certificates import verify_certificate
from tests.consensus.network import FINALIZE, GENESIS_HASH, KEYS, NOTARIZE, NULLIFY, vote
from tests.consensus.transcript import Played


def started(member: int | None, members: int = 4) -> Played:
    node = Played(member, members)
    node.start()
    return node


# --- C7: durable first ------------------------------------------------------------------------------------


def test_C7_block_certificates_and_vote_are_one_batch_ahead_of_the_message() -> None:
    node = started(0)
    first = node.make(1, None, 1)
    node.receive(1, node.proposal(first))
    node.receive(3, node.proposal(node.make(3, first, 3), first))
    assert isinstance(node.effects[0], Persist)
    assert [effect for effect in node.effects[1:] if isinstance(effect, Persist)] == []
    restored = recover(node.journal)
    assert [(vote.kind, vote.view) for vote in restored.votes] == [
        (NOTARIZE, 1),
        (FINALIZE, 1),
        (NOTARIZE, 3),
    ]
    assert [(kept.kind, kept.view) for kept in restored.certificates] == [(NOTARIZE, 1), (NULLIFY, 2)]
    assert [block.header for block in restored.blocks] == [first.header, restored.blocks[1].header]


def test_C7_on_finality_the_vote_is_written_ahead_of_the_commit_that_forgets_it() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.receive(1, node.proposal(block))
    node.certificates(node.finalization(block))
    lines = node.votes(NOTARIZE, 1, block.digest, of=[2])
    assert lines == ["commit 1"]  # no vote for what is final already
    other = node.make(2, block, 8)
    node.receive(2, node.proposal(other, block))
    node.votes(FINALIZE, 2, other.digest, of=[1, 2])
    lines = node.votes(NOTARIZE, 2, other.digest, of=[1])
    assert lines == [
        "persist certificate notarize 2, certificate finalize 2, vote finalize 2",
        "broadcast votes finalize 2",
        "commit 2",
    ]
    assert node.journal == {}


def test_C7_after_a_crash_the_same_proposal_is_sent_again() -> None:
    node = started(1)
    node.submit(2)
    [(_, before)] = node.sent(Proposal)
    node.now_ms += 60_000  # its time is no longer near our clock
    node.restart()
    assert node.step(Start()) == ["broadcast proposal 1"]
    [(_, after)] = node.sent(Proposal)
    assert after.SerializeToString() == before.SerializeToString()


def test_C7_after_a_crash_the_same_votes_are_sent_with_the_status() -> None:
    node = started(0)
    node.receive(1, node.proposal(node.make(1, None, 7)))
    node.wait(1_000)
    [(_, before)] = node.sent(Status)
    node.restart()
    node.step(Start())
    [(_, after)] = node.sent(Status)
    assert [(vote.kind, vote.view) for vote in after.own_latest] == [(NOTARIZE, 1), (NULLIFY, 1)]
    assert list(after.own_latest)[:1] == list(before.own_latest)[:1]


def test_C7_after_a_crash_no_vote_contradicts_one_from_before() -> None:
    node = started(0)
    node.submit()
    node.wait(1_000)  # nullify 1
    node.restart()
    node.start()
    block = node.make(1, None, 7)
    assert node.receive(1, node.proposal(block)) == []
    assert node.certificates(node.notarization(block)) == []


def test_C7_after_a_crash_the_round_goes_on_in_its_view_with_its_blocks() -> None:
    node = started(0)
    first = node.make(1, None, 1)
    node.receive(1, node.proposal(first))
    node.votes(NOTARIZE, 1, first.digest, of=[2])
    node.restart()
    node.start()
    assert node.machine.view == 2
    assert node.certificates(node.finalization(first)) == ["commit 1"]


def test_C7_after_finality_the_journal_keeps_nothing_of_it() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.finalised(block)
    assert node.journal == {}
    node.restart()
    node.start()
    assert (node.machine.view, node.machine.tip) == (2, block.digest)


def test_C7_a_network_of_one_member_needs_no_record_before_its_commit() -> None:
    node = started(0, members=1)
    assert node.submit(3) == ["commit 1"]
    assert node.submit(1) == ["commit 2"]
    node.restart()
    assert node.start() == []
    assert node.submit(2) == ["commit 3"]


def test_a_network_of_one_member_makes_one_block_a_step() -> None:
    node = started(0, members=1)
    assert node.submit(9) == ["commit 1"]
    assert node.wait(0) == ["commit 2", "commit 3"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda journal: journal.update({b"v" + (1).to_bytes(8) + b"\x01": b"\xff"}),
            r"record 76000000000000000101 \(1 bytes\) is not what was written: check the disk, and run",
        ),
        (
            lambda journal: journal.update(
                {b"c" + (1).to_bytes(8) + b"\x02": vote(0, NULLIFY, 2).SerializeToString()}
            ),
            "record 63000000000000000102 .* is not what was written",
        ),
        (lambda journal: journal.update({b"z": b""}), "a record of unknown kind: 7a"),
        (
            lambda journal: journal.update({next(key for key in journal if key[:1] == b"b"): b""}),
            r"record 620000000000000001[0-9a-f]{64} \(0 bytes\) is not what was written",
        ),
    ],
)
def test_a_damaged_journal_is_refused(spoil: Callable[[dict[bytes, bytes]], None], message: str) -> None:
    node = started(0)
    node.receive(1, node.proposal(node.make(1, None, 7)))
    spoil(node.journal)
    with pytest.raises(JournalDamaged, match=message):
        node.restart()


def test_the_journal_of_another_member_is_refused() -> None:
    node = started(0)
    node.receive(1, node.proposal(node.make(1, None, 7)))
    node.member = 2
    with pytest.raises(
        JournalDamaged, match="a vote of member 0, and this is member 2: the database is another"
    ):
        node.restart()


def test_a_last_block_without_its_proof_is_refused() -> None:
    node = started(0)
    node.finalised(node.make(1, None, 7))
    node.blocks[-1].ClearField("finalization")
    with pytest.raises(JournalDamaged, match="stored without its notarisation and finalisation"):
        node.restart()


def test_the_key_of_another_member_is_refused() -> None:
    node = Played(0)
    with pytest.raises(
        ValueError, match=r"the signing key is not that of member 0 \(m0\): its public key is"
    ):
        Machine(node.membership, 0, KEYS[1], node.ledger, Snapshot(None, {}), node.config, 0)


# --- the vote guard ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cast", "forbidden"),
    [
        (NOTARIZE, NOTARIZE),
        (NULLIFY, NOTARIZE),
        (NULLIFY, NULLIFY),
        (FINALIZE, NULLIFY),
        (FINALIZE, FINALIZE),
        (NULLIFY, FINALIZE),
    ],
)
def test_the_vote_guard_signs_no_contradiction(cast: int, forbidden: int) -> None:
    guard = VoteGuard(Played(0, members=1).membership, 0)
    ballot = Ballot(GENESIS_HASH, 0, KEYS[0], guard)
    ballot.cast(cast, 5, b"" if cast == NULLIFY else bytes(32))  # type: ignore[arg-type]
    assert not ballot.may(forbidden, 5)
    with pytest.raises(VoteForbidden, match="in view 5, after"):
        ballot.cast(forbidden, 5, b"" if forbidden == NULLIFY else bytes(32))  # type: ignore[arg-type]


@pytest.mark.parametrize(("cast", "allowed"), [(NOTARIZE, NULLIFY), (NOTARIZE, FINALIZE)])
def test_the_vote_guard_allows_what_is_legal(cast: int, allowed: int) -> None:
    ballot = Ballot(GENESIS_HASH, 0, KEYS[0], VoteGuard(Played(0, members=1).membership, 0))
    ballot.cast(cast, 5, bytes(32))  # type: ignore[arg-type]
    assert ballot.may(allowed, 5)


def test_an_observer_never_votes() -> None:
    node = started(None)
    block = node.make(1, None, 7)
    assert node.receive(1, node.proposal(block)) == []
    node.certificates(node.notarization(block))
    assert node.certificates(node.finalization(block)) == ["commit 1"]
    assert not node.machine.voting


# --- C9: what is kept -------------------------------------------------------------------------------------


def test_C9_a_committed_block_carries_exactly_what_proves_it() -> None:
    node = started(0)
    first = node.make(1, None, 1)
    block = node.make(5, first, 5)
    node.receive(1, node.proposal(first))
    node.receive(1, node.proposal(block, first))
    node.votes(NOTARIZE, 5, block.digest, of=[1, 2, 3])
    node.votes(FINALIZE, 5, block.digest, of=[1, 2, 3])
    [ancestor, last] = node.blocks
    assert [nullification.view for nullification in last.nullifications] == [2, 3, 4]
    assert (ancestor.HasField("finalization"), last.HasField("finalization")) == (False, True)
    for kept in (ancestor.notarization, last.notarization, *last.nullifications, last.finalization):
        verify_certificate(kept, node.membership)  # exactly a quorum, ascending


# --- C11: an old disk -------------------------------------------------------------------------------------


def test_C11_before_voting_a_node_asks_its_peers_what_it_voted() -> None:
    node = Played(0)
    node.step(Start())
    assert node.step(PeerUp(2)) == ["send 2 own votes request"]
    assert node.receive(1, node.proposal(node.make(1, None, 7))) == []
    assert not node.machine.voting
    assert node.receive(2, OwnVotesResponse(id=1)) == []
    assert node.receive(2, OwnVotesResponse(id=1)) == []  # the same peer counts once
    assert node.receive(3, OwnVotesResponse(id=1)) == [
        "persist block 1, vote notarize 1",
        "broadcast votes notarize 1",
    ]


def test_C11_a_peer_that_does_not_answer_is_asked_with_every_status() -> None:
    node = Played(0)
    node.step(Start())
    node.step(PeerUp(2))
    assert node.wait(2_000) == ["send 2 own votes request"] * 2


def test_C11_the_latest_votes_of_a_member_are_told_to_it() -> None:
    node = started(0)
    node.votes(NOTARIZE, 1, bytes(32), of=[2])
    node.votes(NULLIFY, 1, of=[2])
    node.votes(NULLIFY, 3, of=[2])
    assert node.receive(2, OwnVotesRequest(id=1)) == ["send 2 own votes notarize 1, nullify 3"]


def test_C11_a_vote_that_is_missing_in_the_journal_locks_voting_for_good() -> None:
    node = Played(0)
    node.start(answered=False)
    lost = vote(0, NULLIFY, 9)
    locked = (
        "alarm voting_locked: member 3 (m3) holds our nullify vote of view 9, which our own journal lacks: "
        "this disk is older than what we signed, so this node only observes and never votes with this key "
        "again"
    )
    assert node.receive(3, OwnVotesResponse(id=1, votes=[lost])) == ["persist lock", locked]
    node.receive(1, OwnVotesResponse(id=1))
    node.receive(2, OwnVotesResponse(id=1))
    assert node.receive(1, node.proposal(node.make(1, None, 7))) == []
    node.restart()
    assert node.start() == [locked]
    assert not node.machine.voting
    block = node.make(1, None, 7)
    node.votes(NOTARIZE, 1, block.digest, of=[3])
    assert node.machine.quiet  # it cannot help: what it holds is looked at as ever, and the refused dropped
    node.receive(1, node.proposal(block))
    assert node.certificates(node.notarization(block), node.finalization(block)) == ["commit 1"]


def test_C10_who_may_not_vote_waits_no_longer_than_there_is_something_to_wait_for() -> None:
    node = Played(0)
    node.start(answered=False)
    node.receive(3, OwnVotesResponse(id=1, votes=[vote(0, NULLIFY, 9)]))
    node.submit(1)
    assert not node.machine.quiet
    node.ledger.pending.clear()  # it has expired
    node.wait(1_000)
    assert node.machine.quiet


def test_C11_votes_that_are_in_the_journal_or_of_final_views_do_not_lock() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.receive(1, node.proposal(block))
    node.certificates(node.notarization(block), node.finalization(block))
    node.submit()
    node.wait(1_000)
    node.restart()
    node.start(answered=False)
    told = OwnVotesResponse(id=1, votes=[vote(0, NOTARIZE, 1, block.digest), vote(0, NULLIFY, 2)])
    node.receive(2, told)
    node.receive(3, told)
    assert node.machine.voting


def test_C11_a_peer_cannot_lock_us_with_votes_that_we_did_not_sign() -> None:
    node = Played(0)
    node.start(answered=False)
    forged = Vote(view=9, kind=NULLIFY, member=0, signature=vote(3, NULLIFY, 9).signature)
    node.receive(3, OwnVotesResponse(id=1, votes=[forged, vote(3, NULLIFY, 9)]))
    node.receive(2, OwnVotesResponse(id=1))
    assert node.machine.voting


def test_C11_a_network_of_one_member_has_nobody_to_ask() -> None:
    assert Played(0, members=1).machine.voting


def test_the_journal_of_a_network_of_one_member_writes_nothing_that_is_final() -> None:
    journal = Journal({}, has_peers=False)
    journal.put_vote(vote(0, NULLIFY, 3))
    assert journal.forget(3) == ()
    assert journal.batch() == ()
