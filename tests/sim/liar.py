"""What a Byzantine strategy works with: the member's key, a chance of its own, and what it kept.

Decides nothing; the strategies are in `byzantine.py` and `absurd.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ayni.v1 import peer_service_pb2 as pb
from ayni.v1.block_pb2 import Proposal, Vote
from proofs.domains import vote_message
from proofs.signing import SigningKey
from tests.sim.cluster import Cluster, SimulatedNode
from tests.vectors.founding import key

FLOODS_A_SECOND = 8
"""Bursts of a flooder; two of them would answer each other without end."""


class Liar:
    """What a strategy works with."""

    def __init__(self, cluster: Cluster, member: int, chance: random.Random) -> None:
        self.cluster = cluster
        self.member = member
        self.members = len(cluster.founded.federations)
        self.chance = chance
        self.genesis_hash = cluster.founded.founding.hash
        self.key: SigningKey = key(f"{cluster.founded.federations[member]}/consensus")
        self.kept: list[bytes] = []
        """Frames kept back, or heard before."""
        self._second = 0
        self._extra = 0
        self.others: dict[bytes, Proposal] = {}
        """Digest of a block proposed to the second block of that view."""

    def vote(self, kind: int, view: int, digest: bytes, epoch: int = 0) -> Vote:
        """A vote of its own, whatever it voted before."""
        message = vote_message(self.genesis_hash, epoch, view, kind, digest)
        return Vote(epoch=epoch, view=view, kind=kind, digest=digest, member=self.member,  # type: ignore[arg-type]
                    signature=self.key.sign(message))  # fmt: skip

    def may_send_more(self) -> bool:
        """Whether a flood may go on: so many frames a second are enough to see that it does no harm."""
        second = int(self.cluster.loop.time())
        if second != self._second:
            self._second, self._extra = second, 0
        self._extra += 1
        return self._extra <= FLOODS_A_SECOND

    def is_other_half(self, member: int) -> bool:
        """Whether a member is one of those that hear the second story."""
        return (member + self.member) % 2 == 0


Strategy = Callable[[Liar, SimulatedNode, int, pb.PeerFrame], list[Any]]
"""(liar, its node, receiver, the frame it should send) to the messages to send instead."""
