"""Transcripts of the six rules of the round: docs/protocol.md, C1 to C6.

Four members; the leader of view v is member v mod 4; a quorum is three.
"""

from __future__ import annotations

from itertools import pairwise

from ayni.v1.block_pb2 import Proposal
from ayni.v1.peer_service_pb2 import (
    BlockRequest,
    BlockResponse,
    Certificates,
    OwnVotesResponse,
    Status,
    Votes,
)
from consensus.config import ITEMS_MAX
from tests.consensus.network import FINALIZE, NOTARIZE, NULLIFY, certificate, vote
from tests.consensus.transcript import Played


def started(member: int | None, members: int = 4) -> Played:
    node = Played(member, members)
    node.start()
    return node


# --- C1: proposing ----------------------------------------------------------------------------------------


def test_C1_the_leader_proposes_at_once_and_its_proposal_is_its_vote() -> None:
    node = started(1)
    assert node.submit() == ["persist block 1, vote notarize 1", "broadcast proposal 1"]


def test_C1_a_member_that_does_not_lead_does_not_propose() -> None:
    assert started(2).submit() == []


def test_C1_the_next_leader_proposes_on_the_notarised_block_without_waiting_for_its_finality() -> None:
    node = started(2)
    node.submit(5)
    first = node.make(1, None, 1, 2, 3, 4)
    node.receive(1, node.proposal(first))
    assert node.votes(NOTARIZE, 1, first.digest, of=[0]) == [
        "persist block 2, certificate notarize 1, vote finalize 1, vote notarize 2",
        "broadcast votes finalize 1",
        "broadcast proposal 2",
    ]
    [(_, proposal)] = node.sent(Proposal)
    assert proposal.parent_notarization.digest == first.digest
    assert list(proposal.nullifications) == []


def test_C1_a_proposal_carries_a_nullification_for_every_view_since_its_parent() -> None:
    node = started(3)
    node.certificates(node.nullification(1), node.nullification(2))
    node.submit()
    [(_, proposal)] = node.sent(Proposal)
    assert [(certificate.kind, certificate.view) for certificate in proposal.nullifications] == [
        (NULLIFY, 1),
        (NULLIFY, 2),
    ]
    assert not proposal.HasField("parent_notarization")


def test_C1_a_leader_that_lacks_a_certificate_of_a_view_between_waits_for_it() -> None:
    node = started(3)
    node.certificates(node.nullification(2))
    assert node.machine.view == 3
    assert node.submit() == []
    assert node.certificates(node.nullification(1)) == [
        "persist block 3, certificate nullify 1, certificate nullify 2, vote notarize 3",
        "broadcast proposal 3",
    ]


def test_C1_a_notarised_block_is_preferred_to_the_nullification_of_its_view() -> None:
    node = started(2)
    first = node.make(1, None, 7)
    node.receive(1, node.proposal(first))
    node.certificates(node.nullification(1))
    node.certificates(node.notarization(first))
    node.submit()
    [(_, proposal)] = node.sent(Proposal)
    assert proposal.parent_notarization.digest == first.digest


# --- C2: notarize -----------------------------------------------------------------------------------------


def test_C2_a_member_executes_the_first_proposal_and_votes_notarize() -> None:
    node = started(0)
    assert node.receive(1, node.proposal(node.make(1, None, 7))) == [
        "persist block 1, vote notarize 1",
        "broadcast votes notarize 1",
    ]


def test_C2_a_proposal_received_twice_is_voted_for_once() -> None:
    node = started(0)
    proposal = node.proposal(node.make(1, None, 7))
    node.receive(1, proposal)
    assert node.receive(1, proposal) == []


def test_C2_no_notarize_after_nullify() -> None:
    node = started(0)
    node.submit()
    assert node.wait(1_000) == ["persist vote nullify 1", "broadcast votes nullify 1"]
    assert node.receive(1, node.proposal(node.make(1, None, 7))) == []


def test_C2_a_proposal_of_a_later_view_brings_us_there_by_its_certificates() -> None:
    node = started(0)
    first = node.make(1, None, 1)
    third = node.make(3, first, 3)
    node.receive(1, node.proposal(first))
    assert node.receive(3, node.proposal(third, first)) == [
        "persist block 3, certificate notarize 1, certificate nullify 2, vote finalize 1, vote notarize 3",
        "broadcast votes finalize 1, notarize 3",
    ]


def test_C2_a_block_that_the_rules_refuse_gets_no_vote_and_an_alarm() -> None:
    node = started(0)
    node.ledger.refuse = lambda header, body: "transaction 4: the account is unknown"
    assert node.receive(1, node.proposal(node.make(1, None, 7))) == [
        "alarm invalid_proposal: block 1 of view 1 by member 1 (m1) is not valid: "
        "transaction 4: the account is unknown"
    ]


def test_C2_a_block_whose_time_is_far_from_our_clock_gets_no_vote_until_it_is_near() -> None:
    node = started(0)
    proposal = node.proposal(node.make(1, None, 7))
    node.wall_skew_ms = -10_500
    assert node.receive(1, proposal) == [
        "alarm untimely_proposal: block 1 of view 1 by member 1 (m1): "
        "its time is 1700000000000, our clock says 1699999989500"
    ]
    assert node.receive(1, proposal) == []
    node.wall_skew_ms = -9_000
    assert node.receive(1, proposal) == ["persist block 1, vote notarize 1", "broadcast votes notarize 1"]


def test_C2_a_parent_that_is_missing_is_fetched_and_executed_before_the_vote() -> None:
    node = started(0)
    parent = node.make(1, None, 1)
    child = node.make(2, parent, 2)
    assert node.receive(2, node.proposal(child, parent)) == [
        "persist certificate notarize 1, vote finalize 1",
        "broadcast votes finalize 1",
    ]
    node.wait(50)
    [(holder, request)] = node.sent(BlockRequest)
    assert list(request.digests) == [parent.digest]
    assert node.receive(holder, BlockResponse(id=request.id, blocks=[node.certified(parent)])) == [
        "persist block 2, vote notarize 2",
        "broadcast votes notarize 2",
    ]


# --- C3: nullify ------------------------------------------------------------------------------------------


def test_C3_on_the_timer_nullify_once_even_after_notarize() -> None:
    node = started(0)
    node.receive(1, node.proposal(node.make(1, None, 7)))
    assert node.wait(999) == []
    assert node.wait(1) == ["persist vote nullify 1", "broadcast votes nullify 1"]
    assert node.wait(60_000) == []


def test_C3_a_leader_without_a_vote_for_two_rotations_is_not_waited_for() -> None:
    node = started(0, members=7)  # member 1 leads views 1, 8 and 15, and shows nothing of itself
    node.submit()
    entered: dict[int, list[str]] = {}
    for view in range(1, 15):
        entered[view + 1] = node.certificates(certificate(range(2, 7), NULLIFY, view))
    assert [line for lines in entered.values() for line in lines if "votes" in line] == [
        "broadcast votes nullify 15"
    ]


def test_C3_without_work_the_timer_does_not_run() -> None:
    node = started(0)
    assert node.wait(59_000) == []


# --- C4: notarisation -------------------------------------------------------------------------------------


def test_C4_a_quorum_of_notarize_is_stored_and_brings_a_finalize_and_the_next_view() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.receive(1, node.proposal(block))
    assert node.votes(NOTARIZE, 1, block.digest, of=[2]) == [
        "persist certificate notarize 1, vote finalize 1",
        "broadcast votes finalize 1",
    ]
    assert node.machine.view == 2


def test_C4_finalize_needs_the_certificate_only_and_the_body_is_fetched_from_its_signers() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    assert node.votes(NOTARIZE, 1, block.digest, of=[1, 2, 3]) == [
        "persist certificate notarize 1, vote finalize 1",
        "broadcast votes finalize 1",
    ]
    node.wait(50)
    [(holder, _)] = node.sent(BlockRequest)
    assert holder in (1, 2, 3)
    node.wait(500)
    [(another, again)] = node.sent(BlockRequest)
    assert another != holder
    assert list(again.digests) == [block.digest]


def test_C4_no_finalize_in_a_view_where_nullify_was_voted() -> None:
    node = started(0)
    node.submit()
    node.wait(1_000)
    block = node.make(1, None, 7)
    assert node.votes(NOTARIZE, 1, block.digest, of=[1, 2, 3]) == []
    assert node.machine.view == 2


def test_C4_a_notarisation_of_an_older_view_that_is_not_final_gets_its_finalize_too() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.certificates(node.nullification(1), node.nullification(2))
    assert node.certificates(node.notarization(block)) == [
        "persist certificate notarize 1, certificate nullify 1, certificate nullify 2, vote finalize 1",
        "broadcast votes finalize 1",
    ]
    assert node.machine.view == 3


def test_C4_many_votes_that_are_overdue_leave_in_frames_that_a_peer_takes() -> None:
    """Before it knows what it voted, a node casts none; then all at once."""
    node = Played(0)
    node.start(answered=False)
    digests = [view.to_bytes(32) for view in range(1, ITEMS_MAX + 2)]
    for view, digest in enumerate(digests, 1):
        node.certificates(certificate([1, 2, 3], NOTARIZE, view, digest))
    assert node.receive(1, OwnVotesResponse(id=1)) == []
    node.receive(2, OwnVotesResponse(id=1))
    sent = [[each.view for each in message.votes] for _, message in node.sent(Votes)]
    assert sent == [list(range(1, ITEMS_MAX + 1)), [ITEMS_MAX + 1]]


def test_C4_it_is_relayed_to_those_who_do_not_show_that_they_hold_it() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.receive(1, node.proposal(block))
    node.votes(NOTARIZE, 1, block.digest, of=[2])
    node.votes(FINALIZE, 1, block.digest, of=[2])
    assert node.wait(30) == ["send 1 certificates notarize 1", "send 3 certificates notarize 1"]


# --- C5: nullification ------------------------------------------------------------------------------------


def test_C5_a_quorum_of_nullify_brings_the_next_view_and_is_relayed() -> None:
    node = started(0)
    assert node.votes(NULLIFY, 1, of=[1, 2, 3]) == []
    assert node.machine.view == 2
    assert node.machine.views_nullified == 1
    assert node.wait(30) == [f"send {peer} certificates nullify 1" for peer in (1, 2, 3)]


def test_C5_many_nullifications_are_relayed_in_frames_that_a_peer_takes() -> None:
    """After a long time without finality there may be more of them than one message may have."""
    node = started(0, members=7)
    nullifications = [node.nullification(view) for view in range(1, ITEMS_MAX + 2)]
    node.certificates(*nullifications[:ITEMS_MAX])
    node.certificates(nullifications[-1])
    node.wait(30)
    relayed: dict[int, list[list[int]]] = {peer: [] for peer in node.peers()}
    for receiver, message in node.sent(Certificates):
        relayed[receiver].append([each.view for each in message.certificates])
    last = [ITEMS_MAX + 1]
    # Whoever sent them holds them, and who voted in the last of these views has entered it.
    assert relayed == {
        1: [],
        **{signer: [last] for signer in (2, 3, 4, 5)},
        6: [list(range(1, ITEMS_MAX + 1)), last],
    }


def test_C5_a_nullification_never_leads_back() -> None:
    node = started(0)
    node.certificates(node.nullification(7))
    node.certificates(node.nullification(3))
    assert node.machine.view == 8


# --- C6: finalisation -------------------------------------------------------------------------------------


def test_C6_a_quorum_of_finalize_commits_the_block_and_its_ancestors() -> None:
    node = started(0)
    first = node.make(1, None, 1)
    second = node.make(2, first, 2)
    node.receive(1, node.proposal(first))
    node.receive(2, node.proposal(second, first))
    node.votes(NOTARIZE, 2, second.digest, of=[3])
    assert node.votes(FINALIZE, 2, second.digest, of=[1, 2])[-1] == "commit 1, 2"
    assert [block.HasField("finalization") for block in node.blocks] == [False, True]


def test_C6_three_messages_after_the_proposal_the_block_is_final() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    lines = node.receive(1, node.proposal(block))
    lines += node.votes(NOTARIZE, 1, block.digest, of=[2])
    lines += node.votes(FINALIZE, 1, block.digest, of=[2, 3])
    assert lines == [
        "persist block 1, vote notarize 1",
        "broadcast votes notarize 1",
        "persist certificate notarize 1, vote finalize 1",
        "broadcast votes finalize 1",
        "commit 1",
    ]


def test_C6_a_finalisation_that_comes_before_the_body_is_committed_when_the_body_is_there() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    assert node.certificates(node.finalization(block)) == []
    node.wait(50)
    [(holder, request)] = node.sent(BlockRequest)
    assert node.receive(holder, BlockResponse(id=request.id, blocks=[node.certified(block)])) == ["commit 1"]


def test_C6_a_message_of_a_view_that_is_over_is_answered_with_the_finalisation() -> None:
    node = started(0)
    first = node.make(1, None, 1)
    node.finalised(first)
    node.finalised(node.make(2, first, 2), first)
    assert node.votes(NOTARIZE, 1, first.digest, of=[3]) == ["send 3 certificates finalize 2"]


def test_C6_a_status_that_lags_is_answered_with_what_is_lacking() -> None:
    node = started(0)
    first = node.make(1, None, 1)
    node.finalised(first)
    node.certificates(node.nullification(2), node.nullification(3))
    assert node.receive(2, Status(view=1)) == ["send 2 certificates finalize 1, nullify 2, nullify 3"]


def test_C6_the_status_says_the_lowest_view_without_a_certificate() -> None:
    node = started(0)
    node.certificates(node.nullification(1), node.nullification(4))
    node.wait(1_000)
    [(_, status)] = node.sent(Status)
    assert (node.machine.view, status.view, status.highest.view) == (5, 2, 4)


def test_C6_a_leader_sends_its_proposal_again_to_those_who_have_not_voted() -> None:
    node = started(1)
    node.submit()
    node.wait(600)
    node.receive(2, Votes(votes=[vote(2, NOTARIZE, 1, bytes(31) + b"x")]))
    assert node.receive(2, Status(view=1)) == []
    assert node.receive(3, Status(view=1)) == ["send 3 proposal 1"]


def test_C6_a_member_that_floods_with_statuses_gets_the_proposal_again_but_now_and_then() -> None:
    """A status has a few bytes, a proposal megabytes; statuses come once a second."""
    node = started(1)
    node.submit()
    node.wait(600)
    resent: list[list[int]] = []
    for member, later_ms in ((3, 0), (3, 0), (2, 0), (3, 499), (3, 1), (3, 0)):
        node.now_ms += later_ms
        node.receive(member, Status(view=1))
        resent.append([receiver for receiver, _ in node.sent(Proposal)])
    assert resent == [[3], [], [2], [], [3], []]


def test_C6_a_member_that_floods_with_statuses_gets_what_is_lacking_but_now_and_then() -> None:
    node = started(0)
    node.certificates(*[node.nullification(view) for view in range(1, 4)])
    node.wait(30)  # what is relayed to all of them is gone
    lacking = ["send 3 certificates nullify 1, nullify 2, nullify 3"]
    assert node.receive(3, Status(view=1)) == lacking
    assert node.receive(3, Status(view=1)) == []
    assert node.receive(2, Status(view=3)) == ["send 2 certificates nullify 3"]
    node.now_ms += 100
    assert node.receive(3, Status(view=1)) == lacking


def test_C6_two_conflicting_finalisations_halt_the_node() -> None:
    node = started(0)
    block, other = node.make(1, None, 1), node.make(1, None, 2)
    node.finalised(block)
    lines = node.certificates(node.finalization(other))
    assert [line.split(",")[0] for line in lines if line.startswith("halt")] == [
        "halt safety: two blocks of view 1 are final"
    ]
    assert node.submit() == []


def test_C6_a_final_block_that_the_rules_refuse_halts_the_node() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.ledger.refuse = lambda header, body: "the state root is another"
    node.receive(1, node.proposal(block))
    lines = node.certificates(node.notarization(block), node.finalization(block))
    assert (
        lines[-1] == "halt certified_invalid: block 1 is final, but not valid here: the state root is another"
    )
    assert node.machine.height == 0


def test_C6_final_blocks_that_are_far_ahead_are_fetched_by_height() -> None:
    node = started(0)
    chain = [node.genesis]
    for view in range(1, 13):
        chain.append(node.make(view, chain[-1], view))
    certified = [
        node.certified(block, parent if parent.view else None, final=block.view in (6, 12))
        for parent, block in pairwise(chain)
    ]
    node.certificates(node.finalization(chain[12]))
    node.wait(50)
    [(holder, request)] = node.sent(BlockRequest)
    node.receive(holder, BlockResponse(id=request.id, blocks=[certified[-1]]))
    [(holder, request)] = node.sent(BlockRequest)
    assert (request.from_height, request.count) == (1, 256)
    assert node.receive(holder, BlockResponse(id=request.id, blocks=certified[:7])) == [
        "commit 1, 2, 3, 4, 5, 6"
    ]
    node.wait(50)
    [(holder, request)] = node.sent(BlockRequest)
    blocks = [block for block in certified if block.notarization.digest in request.digests]
    while node.machine.height < 12:
        node.receive(holder, BlockResponse(id=request.id, blocks=blocks))
        node.wait(50)
        for _, request in node.sent(BlockRequest):
            blocks = [block for block in certified if block.notarization.digest in request.digests]
    assert node.machine.tip == chain[12].digest


def test_C6_certificates_that_are_relayed_are_of_the_newest_finality() -> None:
    node = started(0)
    block = node.make(1, None, 7)
    node.finalised(block)
    node.wait(90)
    assert {
        (certificate.kind, certificate.view)
        for _, message in node.sent(Certificates)
        for certificate in message.certificates
    } == {(FINALIZE, 1)}
