"""The ledger as consensus sees it: how far from its own clock a node lets a block's time be (B2), and how
much it looks through at a time in search of work."""

from __future__ import annotations

import pytest

from ayni.v1.block_pb2 import BlockBody
from ayni.v1.keys_pb2 import KeySet
from ayni.v1.members_pb2 import NewAccount, OpenAccounts
from config import MempoolSection
from consensus.application import BlockSlot, BlockUntimely
from ledger.chain import Chain
from ledger.refusals import Refusal
from ledger.state import MemoryReader
from ledger.transactions import parse_transactions
from node import application
from node.application import (
    BUILDING_MS,
    CLOCK_DIFFERENCE_MAX_MS,
    LOOK_AGAIN_MS,
    PROBED_A_STEP,
    PROBING_MS,
    LedgerApplication,
)
from node.mempool import Mempool
from proofs.domains import block_digest
from tests.audit.history import History
from tests.vectors.founding import key

START_MS = 1_800_000_000_000
OPENED = OpenAccounts(
    accounts=[
        NewAccount(account="emilia/coop", keys=KeySet(threshold=1, public_keys=[key("coop").public_key]))
    ]
)


class Node:
    """An application with a clock that the test sets."""

    def __init__(self, history: History) -> None:
        reader = MemoryReader(history.document.state_tree_bits)
        reader.write(Chain.founding_records(history.founding))
        self.chain = Chain(history.founding, reader, None)
        self.mempool = Mempool(MempoolSection(), lambda raws: parse_transactions(raws, history.hash))
        self.now_ms = START_MS
        self.each_takes_ms = 0
        self.each_look_takes_ms = 0
        """At the clock."""
        self.refused: list[bytes] = []
        self.application = LedgerApplication(self.chain, self.mempool, self._clock_ms, self._refuse)

    def _clock_ms(self) -> int:
        self.now_ms += self.each_look_takes_ms
        return self.now_ms

    def _refuse(self, tx_id: bytes, _: Refusal) -> None:
        self.now_ms += self.each_takes_ms
        self.mempool.remove([tx_id])
        self.refused.append(tx_id)


@pytest.fixture
def history() -> History:
    return History()


@pytest.mark.parametrize("direction", [1, -1])
def test_a_block_is_timely_up_to_ten_seconds_from_the_voter_s_clock(history: History, direction: int) -> None:
    leader, voter = Node(history), Node(history)
    slot = BlockSlot(parent=history.hash, epoch=0, view=1, leader=1, failures=0, with_transactions=False)
    block = leader.application.build(slot)
    assert block is not None

    voter.now_ms = START_MS + direction * CLOCK_DIFFERENCE_MAX_MS
    voter.application.check(block.header, block.body, timely=True)

    voter.now_ms += direction
    with pytest.raises(BlockUntimely) as caught:
        voter.application.check(block.header, block.body, timely=True)
    where = "behind" if direction > 0 else "ahead of"
    assert str(caught.value) == (
        f"the block's time {START_MS} is {CLOCK_DIFFERENCE_MAX_MS + 1} ms {where} this node's clock"
        f" {voter.now_ms}; at most {CLOCK_DIFFERENCE_MAX_MS} ms are accepted"
    )
    voter.application.check(block.header, block.body, timely=False)  # what a quorum voted for


# --- how much goes into a block -------------------------------------------------------------------------


def openings(node: Node, history: History, count: int) -> int:
    """So many executable transactions that wait; how many bytes one has."""
    history.time_ms = START_MS
    keys = KeySet(threshold=1, public_keys=[key("coop").public_key])
    for number in range(count):
        account = NewAccount(account=f"emilia/coop-{number:03}", keys=keys)
        tx = history.tx("emilia", open_accounts=OpenAccounts(accounts=[account]))
        assert node.mempool.add(tx, START_MS, is_local=True).is_in
    return len(tx.raw)


def transactions_in_a_block(node: Node, history: History, failures: int) -> int:
    slot = BlockSlot(history.hash, epoch=0, view=9, leader=1, failures=failures, with_transactions=True)
    built = node.application.build(slot)
    assert built is not None
    return len(BlockBody.FromString(built.body).transactions)


@pytest.mark.parametrize(("failures", "transactions"), [(0, 25), (1, 13), (2, 7), (40, 1)])
def test_a_block_takes_as_many_as_its_leader_executes_in_time_and_half_of_them_after_each_failure(
    history: History, failures: int, transactions: int
) -> None:
    node = Node(history)
    openings(node, history, 30)
    node.each_look_takes_ms = BUILDING_MS // 25
    assert transactions_in_a_block(node, history, failures) == transactions


@pytest.mark.parametrize(("failures", "transactions"), [(0, 30), (1, 15), (2, 8), (40, 1)])
def test_a_block_takes_as_many_as_reach_everybody_in_time_and_half_of_them_after_each_failure(
    history: History, monkeypatch: pytest.MonkeyPatch, failures: int, transactions: int
) -> None:
    node = Node(history)
    size = openings(node, history, 40)
    monkeypatch.setattr(application, "BLOCK_BYTES_AIM", 30 * size)
    assert transactions_in_a_block(node, history, failures) == transactions


# --- looking for work -----------------------------------------------------------------------------------


def waiting(node: Node, history: History, count: int, good: int = -1) -> list[bytes]:
    """So many transactions that wait; those that are not `good` are refused: nobody knows their author."""
    history.time_ms = START_MS
    ids = []
    for number in range(count):
        tx = history.tx("emilia" if number == good else "nobody", open_accounts=OPENED)
        assert node.mempool.add(tx, START_MS, is_local=True).is_in
        ids.append(tx.tx_id)
    return ids


def test_a_step_looks_at_so_much_of_what_waits_and_the_next_ones_at_the_rest(history: History) -> None:
    node = Node(history)
    ids = waiting(node, history, 2 * PROBED_A_STEP + 1, good=2 * PROBED_A_STEP)
    assert node.application.executable_pending(history.hash) is None
    assert node.refused == ids[:PROBED_A_STEP]
    assert node.application.executable_pending(history.hash) is None
    assert node.application.executable_pending(history.hash) is True
    assert node.refused == ids[:-1]
    assert node.application.executable_pending(history.hash) is True  # it is known, and not looked for again


def test_what_comes_while_much_is_left_to_look_at_is_looked_at_in_its_turn(history: History) -> None:
    node = Node(history)
    waiting(node, history, PROBED_A_STEP + 1)
    assert node.application.executable_pending(history.hash) is None
    waiting(node, history, 1, good=0)
    assert node.application.executable_pending(history.hash) is True
    assert len(node.refused) == PROBED_A_STEP + 1


def test_where_nothing_that_waits_is_executable_that_is_known_in_the_end(history: History) -> None:
    node = Node(history)
    waiting(node, history, PROBED_A_STEP)
    assert node.application.executable_pending(history.hash) is False
    assert len(node.mempool) == 0


def test_what_came_is_looked_at_though_a_block_was_asked_for_first_that_is_not_known(
    history: History,
) -> None:
    node = Node(history)
    assert node.application.executable_pending(history.hash) is False
    waiting(node, history, 1, good=0)
    assert node.application.executable_pending(b"\x01" * 32) is False
    assert node.application.executable_pending(history.hash) is True


def test_what_comes_and_goes_while_no_block_becomes_final_is_not_kept(history: History) -> None:
    """While most validators are away, clients are told at once what is refused, and it waits no longer."""
    node = Node(history)
    ids = waiting(node, history, 1, good=0)
    for _ in range(500):
        gone = waiting(node, history, 1)
        assert node.application.executable_pending(history.hash) is True
        node.mempool.remove(gone)
    ids += waiting(node, history, 1, good=0)
    assert node.application.executable_pending(history.hash) is True
    kept = node.application._unprobed
    assert len(kept) <= 2 * len(node.mempool) + PROBED_A_STEP
    assert kept[-1] == ids[-1]


def test_on_a_block_that_is_no_longer_known_there_is_no_work(history: History) -> None:
    node = Node(history)
    slots = [
        BlockSlot(history.hash, epoch=0, view=view, leader=1, failures=0, with_transactions=False)
        for view in (1, 2)
    ]
    left, final = (node.application.build(slot) for slot in slots)
    assert left is not None and final is not None
    assert node.application.executable_pending(block_digest(left.header)) is False
    node.chain.finalise(block_digest(final.header))
    waiting(node, history, 1, good=0)
    assert node.application.executable_pending(block_digest(left.header)) is False
    assert node.application.executable_pending(block_digest(final.header)) is True


def test_a_step_looks_at_no_more_once_it_has_taken_long(history: History) -> None:
    node = Node(history)
    waiting(node, history, 3)
    node.each_takes_ms = PROBING_MS // 2 + 1
    assert node.application.executable_pending(history.hash) is None
    assert len(node.refused) == 2
    assert node.application.executable_pending(history.hash) is False
    assert len(node.refused) == 3


def test_what_was_accepted_once_is_tried_again_as_time_passes(history: History) -> None:
    node = Node(history)
    (tx_id,) = waiting(node, history, 1, good=0)
    assert node.application.executable_pending(history.hash) is True
    expires_at_ms = node.mempool.get(tx_id).tx.expires_at_ms  # type: ignore[union-attr]
    node.now_ms = expires_at_ms
    assert node.application.executable_pending(history.hash) is True
    node.now_ms = expires_at_ms + 1
    assert node.application.executable_pending(history.hash) is True  # it was tried a moment ago
    node.now_ms = expires_at_ms + LOOK_AGAIN_MS
    assert node.application.executable_pending(history.hash) is False
    assert node.refused == [tx_id]
