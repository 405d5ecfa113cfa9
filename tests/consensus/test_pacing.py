"""Transcripts of timers, quiet, heartbeat and bounds: docs/protocol.md, C10 and C12."""

from __future__ import annotations

import pytest

from ayni.v1.block_pb2 import Proposal, VoteKind
from ayni.v1.peer_service_pb2 import Status, Votes
from consensus.config import FUTURE_VIEWS_MAX, UNFINAL_WITH_TRANSACTIONS_MAX, ConsensusConfig
from consensus.events import SetTimer, TransactionsPending
from consensus.leader import leader_of, silent_views
from consensus.pacing import Pacing, timeout_ms
from tests.consensus.network import FINALIZE, NOTARIZE, NULLIFY, split, vote
from tests.consensus.transcript import Made, Played


def started(member: int | None, members: int = 4) -> Played:
    node = Played(member, members)
    node.start()
    return node


def test_the_leader_of_a_view_is_in_fixed_rotation() -> None:
    assert [leader_of(view, 4) for view in range(1, 6)] == [1, 2, 3, 0, 1]
    assert silent_views(4) == 8


# --- C10: quiet -------------------------------------------------------------------------------------------


def test_C10_with_nothing_pending_there_are_statuses_only() -> None:
    node = started(1)
    assert node.wait(59_000) == []
    assert [receiver for receiver, _ in node.sent(Status)] == [-1] * 59
    assert node.machine.quiet


def test_C10_the_heartbeat_is_an_empty_block_after_a_minute() -> None:
    node = started(1)
    node.wait(59_999)
    assert node.wait(1) == ["persist block 1, vote notarize 1", "broadcast proposal 1"]
    [(_, proposal)] = node.sent(Proposal)
    assert proposal.body == b""


def test_C10_a_leader_that_misses_the_heartbeat_is_nullified() -> None:
    node = started(0)
    assert node.wait(61_000) == ["persist vote nullify 1", "broadcast votes nullify 1"]


def test_C10_a_consensus_message_wakes_and_a_status_does_not() -> None:
    node = started(0)
    node.receive(3, Status(view=1))
    assert node.machine.quiet
    node.votes(NULLIFY, 1, of=[3])
    assert not node.machine.quiet
    assert node.wait(1_000) == ["persist vote nullify 1", "broadcast votes nullify 1"]


def test_C10_a_vote_that_comes_with_a_status_is_a_consensus_message() -> None:
    node = started(0)
    node.receive(3, Status(view=1, own_latest=[vote(3, NULLIFY, 1)]))
    assert not node.machine.quiet


def test_C10_after_finality_with_nothing_pending_it_is_quiet_again() -> None:
    node = started(0)
    node.finalised(node.make(1, None, 7))
    assert node.machine.quiet
    assert node.wait(50_000) == ["send 2 certificates finalize 1", "send 3 certificates finalize 1"]


def test_C10_nothing_pending_but_the_parent_not_final_an_empty_block_after_half_the_timeout() -> None:
    node = started(2)
    block = node.make(1, None, 7)
    node.receive(1, node.proposal(block))
    node.certificates(node.notarization(block))
    node.wait(499)
    assert node.sent(Proposal) == []
    node.wait(1)
    [(_, proposal)] = node.sent(Proposal)
    assert proposal.body == b""


def test_C10_a_transaction_that_comes_meanwhile_is_proposed_at_once() -> None:
    node = started(2)
    block = node.make(1, None, 7)
    node.receive(1, node.proposal(block))
    node.certificates(node.notarization(block))
    assert node.submit() == ["persist block 2, vote notarize 2", "broadcast proposal 2"]


def test_C10_looking_for_work_goes_on_in_steps_of_its_own_until_it_is_found() -> None:
    node = started(1)
    node.ledger.looks_left = 3
    assert node.submit() == []
    assert [effect for effect in node.effects if isinstance(effect, SetTimer)] == [SetTimer(node.now_ms)]
    assert node.wait(0) == ["persist block 1, vote notarize 1", "broadcast proposal 1"]


def test_C10_looking_for_work_in_vain_ends_in_quiet() -> None:
    node = started(1)
    node.ledger.looks_left = 3
    node.step(TransactionsPending())
    node.wait(0)
    assert node.ledger.looks_left == 0
    assert node.machine.quiet
    assert node.timer_ms is not None and node.timer_ms > node.now_ms


def test_C10_at_most_eight_unfinal_blocks_carry_transactions() -> None:
    node = started(1)  # leads views 1, 5 and 9
    node.submit(100)
    parent: Made | None = None
    for view in range(1, UNFINAL_WITH_TRANSACTIONS_MAX + 1):
        if view % 4 == 1:
            [(_, proposal)] = node.sent(Proposal)
            parent = node.proposed(proposal)
            assert parent.body != b"", f"view {view}"
        else:
            parent, before = node.make(view, parent, 1_000 + view), parent
            node.receive(view % 4, node.proposal(parent, before))
        node.certificates(node.notarization(parent))
    assert node.submit() == []
    node.wait(500)
    [(_, proposal)] = node.sent(Proposal)
    assert proposal.body == b""


# --- C3, C10: a member that is behind -----------------------------------------------------------------------


def after_ten_blocks(config: ConsensusConfig | None = None) -> tuple[Played, Made]:
    """Member 2 in view 14, which it leads, with ten final blocks behind it; and the last of them."""
    node = Played(2, config=config)
    node.start()
    parent: Made | None = None
    for view in (1, 3, 4, 5, 7, 8, 9, 11, 12, 13):
        block = node.make(view, parent, 1_000 + view)
        node.finalised(block, parent)
        parent = block
    assert parent is not None
    assert (node.machine.view, node.machine.leader, node.machine.height) == (14, 2, 10)
    return node, parent


def proposes_after(node: Played) -> int:
    """Milliseconds until the leader proposes."""
    for waited in range(1_000):
        if node.sent(Proposal):
            return waited
        node.wait(1)
    raise AssertionError("no proposal in a second")


@pytest.mark.parametrize(("height", "waits_ms"), [(0, 250), (1, 250), (2, 0), (10, 0)])
def test_C10_with_a_member_behind_a_leader_waits_a_moment_after_the_last_block(
    height: int, waits_ms: int
) -> None:
    node, _ = after_ten_blocks()
    node.receive(3, Status(height=height, view=1))
    node.submit()
    assert proposes_after(node) == waits_ms


def test_C10_what_comes_while_a_leader_gathers_is_in_one_block() -> None:
    node, _ = after_ten_blocks()
    node.receive(3, Status(view=1))
    node.submit()
    node.wait(60)
    node.submit()
    assert proposes_after(node) == 190
    [(_, proposal)] = node.sent(Proposal)
    assert len(split(proposal.body)) == 2


def test_C10_who_was_behind_is_waited_for_until_two_statuses_say_nothing_of_it() -> None:
    node, tip = after_ten_blocks()
    node.receive(3, Status(view=1))
    node.wait(1_950)
    block = node.make(16, tip, 1_016)
    node.finalised(block, tip)
    node.certificates(node.nullification(17))
    node.submit()
    assert proposes_after(node) == 50


def test_C10_finality_that_comes_late_does_not_prolong_gathering() -> None:
    node, tip = after_ten_blocks()
    node.receive(3, Status(view=1))
    node.wait(1_000)
    block = node.make(15, tip, 1_015)
    node.certificates(node.nullification(14))
    node.receive(3, node.proposal(block, tip))
    node.receive(3, Status(view=1))
    node.certificates(node.notarization(block), node.nullification(16), node.nullification(17))
    node.submit()
    node.wait(60)
    node.certificates(node.finalization(block))
    assert node.machine.height == 11
    assert proposes_after(node) == 190


def test_C10_a_leader_whom_blocks_take_long_waits_a_moment_after_the_last_block() -> None:
    node, _ = after_ten_blocks()
    node.busy = True
    node.submit()
    assert proposes_after(node) == 250


def test_C10_it_waits_no_longer_than_it_is_busy() -> None:
    node, _ = after_ten_blocks()
    node.busy = True
    node.submit()
    node.wait(100)
    assert node.sent(Proposal) == []
    node.busy = False
    node.submit()
    assert proposes_after(node) == 0


def test_C10_gathering_takes_no_more_than_a_quarter_of_the_timeout() -> None:
    node, _ = after_ten_blocks(ConsensusConfig(timeout_base_ms=120))
    node.receive(3, Status(view=1))
    node.submit()
    assert proposes_after(node) == 30


def test_C3_C10_on_a_clock_that_begins_below_zero_nobody_is_behind() -> None:
    pacing = Pacing(ConsensusConfig(), -5_000)
    assert (pacing.is_behind(1, -5_000), pacing.gathering(-5_000)) == (False, False)


@pytest.mark.parametrize(("height", "waited"), [(1, False), (2, True)])
def test_C3_a_leader_that_is_behind_has_as_long_as_blocks_are_gathered(height: int, waited: bool) -> None:
    node, _ = after_ten_blocks()
    node.receive(3, Status(height=height, view=1))
    node.submit()
    lines = node.certificates(node.nullification(14))
    assert node.machine.leader == 3
    assert "broadcast votes nullify 15" not in lines + node.wait(249)
    assert ("broadcast votes nullify 15" in node.wait(1)) is not waited


def test_C3_a_leader_that_was_behind_a_while_ago_is_waited_for() -> None:
    node, _ = after_ten_blocks()
    node.receive(3, Status(view=1))
    node.wait(2_000)
    node.submit()
    assert "broadcast votes nullify 15" not in node.certificates(node.nullification(14))


def test_C3_a_leader_that_says_that_it_is_behind_and_proposes_gets_its_vote() -> None:
    node, tip = after_ten_blocks()
    node.receive(3, Status(view=1))
    assert node.receive(3, node.proposal(node.make(15, tip, 1_015), tip)) == [
        "persist block 15, certificate nullify 14, vote notarize 15",
        "broadcast votes notarize 15",
    ]


@pytest.mark.parametrize(
    ("kind", "view", "is_behind"), [(NOTARIZE, 14, False), (NULLIFY, 14, True), (NOTARIZE, 13, True)]
)
def test_C3_C10_who_votes_to_notarise_now_is_not_behind(kind: VoteKind, view: int, is_behind: bool) -> None:
    node, tip = after_ten_blocks()
    node.receive(3, Status(view=1))
    block = node.make(14, tip) if view == 14 else tip
    node.votes(kind, view, block.digest if kind == NOTARIZE else b"", of=[3])
    node.submit()
    assert proposes_after(node) == (250 if is_behind else 0)
    lines = node.certificates(node.nullification(14)) + node.wait(900)
    assert ("broadcast votes nullify 15" in lines) is is_behind


# --- C12: timeouts and bounds -----------------------------------------------------------------------------


def test_C12_timeouts_are_flat_for_two_failures_then_double_to_ten_seconds() -> None:
    found = [timeout_ms(ConsensusConfig(), failures) for failures in range(9)]
    assert found == [1_000, 1_000, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]


def test_C12_timeouts_grow_with_failures_and_are_reset_by_finality() -> None:
    node = started(0)
    node.submit()
    node.certificates(*(node.nullification(view) for view in range(1, 5)))
    assert node.machine.view == 5
    assert [line for line in node.wait(3_999) if "votes" in line] == []
    assert node.wait(1)[-1] == "broadcast votes nullify 5"
    block = node.make(6, None, 6)
    node.receive(2, node.proposal(block))
    node.certificates(node.notarization(block), node.finalization(block))
    assert node.machine.view == 7
    assert [line for line in node.wait(999) if "votes" in line] == []
    assert node.wait(1)[-1] == "broadcast votes nullify 7"


def test_C12_votes_far_ahead_are_not_kept() -> None:
    node = started(0)
    far = 1 + FUTURE_VIEWS_MAX
    node.votes(NULLIFY, far, of=[3])
    node.votes(NULLIFY, far + 1, of=[3])
    assert (node.machine._round.pool.active(far), node.machine._round.pool.active(far + 1)) == (True, False)


def test_C12_a_flood_of_votes_does_not_grow_the_pool() -> None:
    node = started(0)
    for view in range(1, 200):
        node.receive(3, Votes(votes=[vote(3, kind, view, digest) for kind, digest in _kinds()]))
    assert len(node.machine._round.pool._views) == 1 + FUTURE_VIEWS_MAX


def _kinds() -> list[tuple[int, bytes]]:
    return [(NOTARIZE, bytes(32)), (FINALIZE, bytes(32))]


def test_C12_a_tick_too_early_keeps_the_timer() -> None:
    node = started(0)
    node.submit()
    node.timer_ms = 0
    assert [line for line in node.wait(1_000) if "votes" in line] == ["broadcast votes nullify 1"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"timeout_base_ms": 0}, "timeout_base_ms is 1 to 3600000 milliseconds, not 0"),
        ({"gather_ms": 0}, "gather_ms is 1 to 3600000 milliseconds, not 0"),
        ({"heartbeat_ms": 3_600_001}, "heartbeat_ms is 1 to 3600000 milliseconds, not 3600001"),
        (
            {"timeout_base_ms": 2_000, "timeout_max_ms": 1_000},
            r"timeout_max_ms \(1000\) is below timeout_base_ms \(2000\)",
        ),
    ],
)
def test_a_configuration_out_of_bounds_is_refused(config: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConsensusConfig(**config)
