"""A member that was away catches up while the others go on: docs/protocol.md, C6."""

from __future__ import annotations

from collections import deque

import pytest

from ayni.v1.peer_service_pb2 import BlockRequest, BlockResponse, Status
from consensus.config import EXECUTE_BLOCKS_MAX
from consensus.events import Commit
from tests.consensus.network import NOTARIZE
from tests.consensus.transcript import Made, Played

AHEAD = 60
ROUNDS = 30
ANSWERED = 20
"""Blocks that a peer sends in one answer."""


class Others:
    """The rest of the network: a chain that is final, and gets longer all the time."""

    def __init__(self, node: Played, base: Made | None, first_view: int) -> None:
        self._node = node
        self._asked: deque[tuple[int, BlockRequest]] = deque()
        self.blocks: list[Made] = [base] if base is not None else []
        for view in range(first_view, first_view + AHEAD):
            self.blocks.append(node.make(view, self.blocks[-1] if self.blocks else None))

    def go_on(self, milliseconds: int) -> None:
        """Another block is final, every peer says so, and answers what it is asked meanwhile."""
        self.blocks.append(self._node.make(self.blocks[-1].view + 1, self.blocks[-1]))
        top = self.blocks[-1]
        for peer in self._node.peers():
            finalization = self._node.finalization(top)
            self._receive(peer, Status(height=len(self.blocks), view=top.view + 1, finalization=finalization))
        self._node.wait(milliseconds)
        self._asked += self._node.sent(BlockRequest)
        for _ in range(len(self._asked)):
            self._answer(*self._asked.popleft())

    def _receive(self, peer: int, message: Status | BlockResponse) -> None:
        self._node.receive(peer, message)
        self._asked += self._node.sent(BlockRequest)

    def _answer(self, peer: int, request: BlockRequest) -> None:
        by_digest = [index for index, block in enumerate(self.blocks) if block.digest in request.digests]
        first = request.from_height - 1
        by_height = range(first, min(first + ANSWERED, len(self.blocks))) if request.count else ()
        blocks = [
            self._node.certified(self.blocks[index], self.blocks[index - 1] if index else None, final=True)
            for index in (*by_digest, *by_height)
        ]
        self._receive(peer, BlockResponse(id=request.id, blocks=blocks))


def catch_up(node: Played, others: Others) -> None:
    """Lets the others go on, too fast for what is asked one by one; then the node must be with them."""
    for _ in range(ROUNDS):
        others.go_on(100)
    assert node.machine.height > AHEAD


def test_C6_a_member_that_was_away_catches_up_while_the_others_go_on() -> None:
    node = Played(0)
    node.start()
    catch_up(node, Others(node, None, 1))


@pytest.mark.parametrize("restarts", [False, True])
def test_C6_a_block_that_was_executed_before_it_was_notarised_does_not_stop_it(restarts: bool) -> None:
    node = Played(0)
    node.start()
    first = node.make(1, None, 7)
    assert "vote notarize 1" in node.receive(1, node.proposal(first))[0]
    if restarts:
        node.restart()
        node.start()
    catch_up(node, Others(node, first, 2))


@pytest.mark.parametrize("forked", [1, 3, 12])
def test_C6_blocks_that_were_notarised_and_passed_over_do_not_stop_it(forked: int) -> None:
    node = Played(0)
    node.start()
    parent: Made | None = None
    views = [view for view in range(1, 2 * forked + 1) if view % node.members][:forked]
    for view in views:
        block = node.make(view, parent, view)
        node.receive(view % node.members, node.proposal(block, parent))
        node.votes(NOTARIZE, view, block.digest, of=[1, 2, 3])
        parent = block
    assert node.machine.view == views[-1] + 1
    catch_up(node, Others(node, None, views[-1] + 1))


def test_C6_many_blocks_at_once_are_committed_a_few_at_a_time() -> None:
    node = Played(None)
    node.start()
    chain: list[Made] = []
    for view in range(1, 3 * EXECUTE_BLOCKS_MAX):
        chain.append(node.make(view, chain[-1] if chain else None))
    top = Status(height=len(chain), finalization=node.finalization(chain[-1]))
    node.receive(1, top)
    commits: list[int] = []
    while sum(commits) < len(chain):
        node.wait(1)
        commits += [len(effect.blocks) for effect in node.effects if isinstance(effect, Commit)]
        for peer, request in node.sent(BlockRequest):
            asked = [block for block in chain if block.digest in request.digests] or chain
            parents = [chain[block.view - 2] if block.view > 1 else None for block in asked]
            blocks = [
                node.certified(block, parent, final=True)
                for block, parent in zip(asked, parents, strict=True)
            ]
            node.receive(peer, BlockResponse(id=request.id, blocks=blocks))
            commits += [len(effect.blocks) for effect in node.effects if isinstance(effect, Commit)]
    assert commits == [EXECUTE_BLOCKS_MAX] * 2 + [EXECUTE_BLOCKS_MAX - 1]
