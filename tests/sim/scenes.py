"""Directed schedules: which vote reaches whom, and when, so that a danger comes about for certain.

Chance rarely brings about the one order of messages in which a rule of consensus is all that stands between
two members and two histories. A scene does: it opens and shuts a gate on the wire, by what frames say, and
touches nothing else. What it keeps back is lost or late, as on any network; so whoever follows the rules
comes through. A scene is played once, early in the trouble. It wants calm weather, busy clients and four
members.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable

from ayni.v1 import peer_service_pb2 as pb
from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, VOTE_KIND_NOTARIZE, Header, Proposal, Vote, VoteKind
from consensus.leader import leader_of
from proofs.domains import block_digest
from tests.sim.clock import START_SECONDS
from tests.sim.cluster import Cluster, SimulatedNode
from tests.sim.plan import Plan
from tests.sim.wire import GREETING_FRAMES, Stream

TIMEOUTS = 2.5
"""How many timeouts of a view a scene lasts: the view after the one it is about is over too."""
LOOK_SECONDS = 0.005


class Scene(ABC):
    """A gate on the wire, and the view that the scene is about."""

    name = ""

    def __init__(self, cluster: Cluster, plan: Plan) -> None:
        self.cluster = cluster
        self.members = plan.members
        self.chance = random.Random(f"{plan.seed}/scene")
        self.view = 0
        """0 until a proposal comes that the scene can begin with."""
        self.is_over = False
        self.was_played = False
        """Whether what the scene is made for has come about."""
        self._seconds = TIMEOUTS * plan.timeout_ms / 1000
        self._begins = START_SECONDS + self.chance.uniform(0.0, 0.2) * plan.trouble_seconds
        cluster.wire.gate = self._gate

    def end(self) -> None:
        """Everything passes from now on."""
        self.is_over = True

    @abstractmethod
    def suits(self, leader: int, view: int) -> bool:
        """Whether the scene may begin with the proposal of a view by its leader."""

    @abstractmethod
    def passes(self, stream: Stream, frame: pb.PeerFrame) -> pb.PeerFrame | None:
        """What may go on its way of a frame, once the scene has begun; None for nothing."""

    def played(self) -> None:
        """What the scene is made for has come about."""
        if not self.was_played:
            self.was_played = True
            self.cluster.injected[f"scene: {self.name}"] += 1

    def over(self) -> None:
        """Its time is up; if nothing came of it, as somebody's timer had run out before, it begins again."""
        self.view = 0
        if self.was_played:
            self.end()

    def _gate(self, stream: Stream, data: bytes) -> bytes | None:
        if self.is_over or stream.sent <= GREETING_FRAMES:
            return data
        frame = pb.PeerFrame.FromString(data)
        if not self.view and not self._has_begun(frame):
            return data
        passing = self.passes(stream, frame)
        return None if passing is None else passing.SerializeToString()

    def _has_begun(self, frame: pb.PeerFrame) -> bool:
        loop = self.cluster.loop
        if frame.WhichOneof("frame") != "proposal" or loop.time() < self._begins:
            return False
        nodes = [
            host.node for host in self.cluster.hosts if host.node is not None and host.node.machine.voting
        ]
        if len(nodes) < self.members or any(len(node.network.links) < self.members - 1 for node in nodes):
            return False
        header = Header.FromString(frame.proposal.header)
        if not self.suits(header.leader, header.view):
            return False
        self.view = header.view
        loop.after(self._seconds, self.over)
        return True


class LoneFinalize(Scene):
    """One member alone sees a block notarised, votes to finalise it, and hears nobody; the others nullify
    that view and go on. Its timer runs out before anything is certain: it must not join them there (C3).
    """

    name = "a lone finalize"

    def __init__(self, cluster: Cluster, plan: Plan) -> None:
        super().__init__(cluster, plan)
        self.lone = -1
        self._has_voted = False

    def suits(self, leader: int, view: int) -> bool:
        """See Scene. The others lead this view and the next, so that they get on without the lone one."""
        others = {leader, leader_of(view + 1, self.members)}
        self.lone = self.chance.choice([member for member in range(self.members) if member not in others])
        self._has_voted = False
        return True

    def passes(self, stream: Stream, frame: pb.PeerFrame) -> pb.PeerFrame | None:
        """See Scene: votes for the block reach the lone one only, and what it says reaches nobody."""
        if stream.owner == self.lone:
            self._has_voted |= any(self._is_of(vote, VOTE_KIND_FINALIZE) for vote in votes_of(frame))
            return None
        if stream.peer == self.lone:
            return None if self._has_voted else frame
        if self._has_voted and self.view in [each.view for each in frame.proposal.nullifications]:
            self.played()
        return split(frame, lambda vote: not self._is_of(vote, VOTE_KIND_NOTARIZE))[0]

    def _is_of(self, vote: Vote, kind: VoteKind) -> bool:
        return (vote.view, vote.kind) == (self.view, kind)


class LateFinalization(Scene):
    """A block is notarised, and the votes that finalise it are late; the next leader, who lies, proposes
    beside it, on its parent (C1). Were that notarised too, one member would hear the late votes for the
    first, and the others those for the second.
    """

    name = "a late finalisation"

    def __init__(self, cluster: Cluster, plan: Plan) -> None:
        super().__init__(cluster, plan)
        (self.liar,) = plan.liars
        self.honest = [member for member in range(plan.members) if member != self.liar]
        self.first = self.chance.choice(self.honest)
        """Who hears of the first block only, once both are as good as final."""
        self._digest = b""
        self._for_second: set[int] = set()
        """Honest members that voted to finalise the liar's block."""
        self._first_hears = self._others_hear = False
        self._held: list[tuple[Stream, Vote]] = []
        host = cluster.hosts[self.liar]
        lie = host.rewrite

        def lie_in_time(node: SimulatedNode, member: int, data: bytes) -> list[bytes]:
            return lie(node, member, data) if lie is not None and self.view and not self.is_over else [data]

        host.rewrite = lie_in_time

    def suits(self, leader: int, view: int) -> bool:
        """See Scene."""
        return leader_of(view + 1, self.members) == self.liar

    def passes(self, stream: Stream, frame: pb.PeerFrame) -> pb.PeerFrame | None:
        """See Scene: no vote to finalise passes, until the liar's block has them all too."""
        if frame.WhichOneof("frame") == "proposal":
            self._see(frame.proposal)
        if self._first_hears and stream.owner == self.first:
            return None
        passing, kept = split(frame, lambda vote: self._may_hear(stream.peer, vote))
        if frame.WhichOneof("frame") == "votes":
            self._held += [(stream, vote) for vote in kept]
        for vote in kept:
            if vote.view == self.view + 1 and stream.owner in self.honest:
                self._for_second.add(stream.owner)
        if len(self._for_second) == len(self.honest) and not self._first_hears:
            self._first_hears = True
            self.cluster.loop.after(0.0, self._let_the_first_hear)
        return passing

    def over(self) -> None:
        """See Scene."""
        super().over()
        self._for_second.clear()
        self._release()

    def end(self) -> None:
        """See Scene."""
        super().end()
        self._release()

    def _see(self, proposal: Proposal) -> None:
        header = Header.FromString(proposal.header)
        if header.view == self.view:
            self._digest = block_digest(proposal.header)
        elif header.view == self.view + 1 and header.parent != self._digest:
            self.played()

    def _may_hear(self, member: int, vote: Vote) -> bool:
        if self.is_over or not self.view or vote.kind != VOTE_KIND_FINALIZE or vote.view < self.view:
            return True
        is_of_the_first = vote.view == self.view
        if member == self.first:
            return self._first_hears and is_of_the_first
        return self._others_hear and not is_of_the_first

    def _let_the_first_hear(self) -> None:
        self._release()
        self._let_the_others_hear()

    def _let_the_others_hear(self) -> None:
        node = self.cluster.hosts[self.first].node
        if self.is_over or node is None:
            return
        if node.machine._round.tree.tip.view < self.view:
            self.cluster.loop.after(LOOK_SECONDS, self._let_the_others_hear)
            return
        self._others_hear = True
        self._release()

    def _release(self) -> None:
        """What was kept back and may be heard now arrives."""
        held, self._held = self._held, []
        for stream, vote in held:
            if self._may_hear(stream.peer, vote):
                stream.other.deliver(pb.PeerFrame(votes=pb.Votes(votes=[vote])).SerializeToString())
            else:
                self._held.append((stream, vote))


def votes_of(frame: pb.PeerFrame) -> list[Vote]:
    """The votes that a frame carries as such."""
    match frame.WhichOneof("frame"):
        case "votes":
            return frame.votes.votes[:]
        case "status":
            return frame.status.own_latest[:]
    return []


def split(frame: pb.PeerFrame, passes: Callable[[Vote], bool]) -> tuple[pb.PeerFrame | None, list[Vote]]:
    """A frame with the votes that pass, or None when that leaves nothing; and the votes that do not."""
    votes = votes_of(frame)
    kept = [vote for vote in votes if not passes(vote)]
    if not kept:
        return frame, []
    rest = [vote for vote in votes if passes(vote)]
    if frame.WhichOneof("frame") == "votes":
        return (pb.PeerFrame(votes=pb.Votes(votes=rest)) if rest else None), kept
    del frame.status.own_latest[:]
    frame.status.own_latest.extend(rest)
    return frame, kept


SCENES = {scene.name: scene for scene in (LoneFinalize, LateFinalization)}
