"""What a step asks for, put into the one legal order: execute, persist, send; on finality commit; answer.

Never decides anything. Spec: docs/protocol.md, C7.
"""

from dataclasses import dataclass, field

from ayni.v1.block_pb2 import Vote
from ayni.v1.peer_service_pb2 import Votes
from consensus.config import ITEMS_MAX
from consensus.events import (
    Alarm,
    Broadcast,
    Commit,
    Effect,
    PeerFault,
    Persist,
    ReportEvidence,
    Send,
    ServeBlocks,
)
from consensus.journal import Journal


@dataclass(slots=True)
class Outbox:
    """The effects of the step that is under way."""

    has_peers: bool
    """In a network of one member nothing is sent."""
    votes: list[Vote] = field(default_factory=list)
    """Own votes; one message carries them all, or as many as it may have, ahead of the bigger ones."""
    messages: list[Send | Broadcast] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    answers: list[ServeBlocks] = field(default_factory=list)
    """After the commits: a block that has just become final is served from the store."""
    notices: list[ReportEvidence | PeerFault | Alarm] = field(default_factory=list)

    def drain(self, journal: Journal) -> list[Effect]:
        """Return the step's effects in order, and begin the next step empty."""
        effects: list[Effect] = []
        records = journal.batch()
        if records:
            effects.append(Persist(records))
        if self.has_peers:
            for start in range(0, len(self.votes), ITEMS_MAX):
                effects.append(Broadcast(Votes(votes=self.votes[start : start + ITEMS_MAX])))
            effects += self.messages
        effects += self.commits
        effects += self.answers
        effects += self.notices
        self.votes.clear()
        self.messages.clear()
        self.commits.clear()
        self.answers.clear()
        self.notices.clear()
        return effects
