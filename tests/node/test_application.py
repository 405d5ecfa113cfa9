"""The ledger as consensus sees it: how far from its own clock a node lets a block's time be (B2)."""

from __future__ import annotations

import pytest

from config import MempoolSection
from consensus.application import BlockSlot, BlockUntimely
from ledger.chain import Chain
from ledger.state import MemoryReader
from ledger.transactions import parse_transaction
from node.application import CLOCK_DIFFERENCE_MAX_MS, LedgerApplication
from node.mempool import Mempool
from tests.audit.history import History

START_MS = 1_800_000_000_000


class Node:
    """An application with a clock that the test sets."""

    def __init__(self, history: History) -> None:
        reader = MemoryReader(history.document.state_tree_bits)
        reader.write(Chain.founding_records(history.founding))
        chain = Chain(history.founding, reader, None)
        mempool = Mempool(MempoolSection(), lambda raw: parse_transaction(raw, history.hash))
        self.now_ms = START_MS
        self.application = LedgerApplication(chain, mempool, lambda: self.now_ms, lambda tx_id, refusal: None)


@pytest.fixture
def history() -> History:
    return History()


@pytest.mark.parametrize("direction", [1, -1])
def test_a_block_is_timely_up_to_ten_seconds_from_the_voter_s_clock(history: History, direction: int) -> None:
    leader, voter = Node(history), Node(history)
    slot = BlockSlot(parent=history.hash, epoch=0, view=1, leader=1, with_transactions=False)
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
