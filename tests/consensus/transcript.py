"""One production machine, played by hand: what goes in, and what comes out as readable lines.

    node = Played(member=1)
    node.start()
    assert node.receive(0, proposal) == ["persist block 4, vote notarize 4", "broadcast votes notarize 4"]

Statuses and timers are left out of the lines, unless asked for: they come all the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from ayni.v1.block_pb2 import Certificate, CertifiedBlock, Header, Proposal, Vote
from ayni.v1.peer_service_pb2 import (
    BlockRequest,
    BlockResponse,
    Certificates,
    OwnVotesRequest,
    OwnVotesResponse,
    Status,
    Votes,
)
from consensus import events
from consensus.config import ConsensusConfig
from consensus.journal import BLOCK, CERTIFICATE, LOCK, VOTE, Snapshot
from consensus.machine import Machine
from proofs.certificates import KIND_WORDS
from proofs.domains import block_digest
from proofs.evidence import verify_evidence
from tests.consensus.network import (
    FINALIZE,
    GENESIS_HASH,
    KEYS,
    NOTARIZE,
    NULLIFY,
    FakeLedger,
    State,
    certificate,
    make_header,
    membership_of,
    next_root,
    proposal_of,
    split,
    vote,
)

M = TypeVar("M", bound=events.PeerFrameMessage)

WALL_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Made:
    """A block made by a test."""

    view: int
    header: bytes
    body: bytes
    digest: bytes
    state: State


class Played:
    """A machine, its ledger and its disk."""

    def __init__(
        self, member: int | None = 0, members: int = 4, config: ConsensusConfig | None = None
    ) -> None:
        self.member = member
        self.members = members
        self.membership = membership_of(members)
        self.quorum = self.membership.quorum
        self.config = config or ConsensusConfig()
        self.now_ms = 0
        self.wall_skew_ms = 0
        self.busy = False
        self.journal: dict[bytes, bytes] = {}
        self.blocks: list[CertifiedBlock] = []
        self.effects: list[events.Effect] = []
        """The effects of the last call, all of them."""
        self.timer_ms: int | None = None
        self.ledger = FakeLedger(self.wall_clock_ms)
        self.machine = self._machine()
        self.genesis = Made(0, b"", b"", GENESIS_HASH, State(0, 0, bytes(32), frozenset()))
        self._transactions = 0

    def wall_clock_ms(self) -> int:
        return WALL_MS + self.now_ms + self.wall_skew_ms

    def peers(self) -> list[int]:
        return [member for member in range(self.members) if member != self.member]

    # --- inputs ---------------------------------------------------------------------------------------------

    def start(self, *, answered: bool = True) -> list[str]:
        """Start, connect to everybody, and have everybody say that it holds no vote of ours."""
        lines = self.step(events.Start())
        for peer in self.peers():
            lines += self.step(events.PeerUp(peer))
        if answered and self.member is not None:
            for peer in self.peers():
                lines += self.receive(peer, OwnVotesResponse(id=1))
        return lines

    def restart(self) -> None:
        """Stop at once and come back from the disk; the caller starts it."""
        self.ledger = FakeLedger(self.wall_clock_ms)
        self.ledger.restore((block.header, block.body) for block in self.blocks)
        self.timer_ms = None
        self.machine = self._machine()

    def step(self, event: events.Input) -> list[str]:
        self.effects = self.machine.step(event, self.now_ms, busy=self.busy)
        for effect in self.effects:
            self._execute(effect)
        return self._lines()

    def receive(self, member: int, message: events.PeerFrameMessage) -> list[str]:
        return self.step(events.PeerMessage(member, message))

    def votes(self, kind: int, view: int, digest: bytes = b"", *, of: Iterable[int]) -> list[str]:
        """Receive one vote from each member."""
        lines: list[str] = []
        for member in of:
            lines += self.receive(member, Votes(votes=[vote(member, kind, view, digest)]))  # type: ignore[arg-type]
        return lines

    def certificates(self, *certificates: Certificate, member: int | None = None) -> list[str]:
        source = self.peers()[0] if member is None else member
        return self.receive(source, Certificates(certificates=certificates))

    def wait(self, duration_ms: int) -> list[str]:
        """Let time pass, with every tick that falls due."""
        until_ms = self.now_ms + duration_ms
        lines: list[str] = []
        effects: list[events.Effect] = []
        while self.timer_ms is not None and self.timer_ms <= until_ms:
            self.now_ms = max(self.now_ms, self.timer_ms)
            self.timer_ms = None
            lines += self.step(events.Tick())
            effects += self.effects
        self.now_ms = until_ms
        self.effects = effects
        return lines

    def submit(self, count: int = 1) -> list[str]:
        for _ in range(count):
            self._transactions += 1
            self.ledger.pending[self._transactions.to_bytes(8)] = None
        return self.step(events.TransactionsPending())

    # --- blocks, as other members make them ---------------------------------------------------------------

    def make(self, view: int, parent: Made | None = None, *transactions: int, time_ms: int = 0) -> Made:
        """Return the block that the leader of `view` could propose on `parent`."""
        parent = parent or self.genesis
        body = b"".join(number.to_bytes(8) for number in transactions)
        time_ms = time_ms or max(self.wall_clock_ms(), parent.state.time_ms + 1)
        header = make_header(
            parent.digest, parent.state, view=view, leader=view % self.members, body=body, time_ms=time_ms
        )
        included = parent.state.included.union(split(body))
        state = State(parent.state.height + 1, time_ms, next_root(parent.state, body), included)
        return Made(view, header, body, block_digest(header), state)

    def proposed(self, proposal: Proposal) -> Made:
        """Return the block of the machine's own proposal."""
        digest = block_digest(proposal.header)
        view = Header.FromString(proposal.header).view
        return Made(view, proposal.header, proposal.body, digest, self.ledger.state(digest))

    def proposal(self, block: Made, parent: Made | None = None) -> Proposal:
        """Return its leader's proposal, with the certificates that C1 asks for."""
        parent_view = parent.view if parent is not None else 0
        notarization = self.notarization(parent) if parent is not None and parent.view else None
        nullifications = [self.nullification(view) for view in range(parent_view + 1, block.view)]
        return proposal_of(block.header, block.body, notarization, nullifications)

    def signers(self) -> list[int]:
        """Members that make a quorum without us, where there are enough."""
        return sorted(self.peers()[: self.quorum])

    def notarization(self, block: Made) -> Certificate:
        return certificate(self.signers(), NOTARIZE, block.view, block.digest)

    def finalization(self, block: Made) -> Certificate:
        return certificate(self.signers(), FINALIZE, block.view, block.digest)

    def nullification(self, view: int) -> Certificate:
        return certificate(self.signers(), NULLIFY, view)

    def certified(self, block: Made, parent: Made | None = None, *, final: bool = False) -> CertifiedBlock:
        parent_view = parent.view if parent is not None else 0
        return CertifiedBlock(
            header=block.header,
            body=block.body,
            notarization=self.notarization(block),
            nullifications=[self.nullification(view) for view in range(parent_view + 1, block.view)],
            finalization=self.finalization(block) if final else None,
        )

    def finalised(self, block: Made, parent: Made | None = None) -> None:
        """Bring a block in and make it final."""
        self.receive(block.view % self.members, self.proposal(block, parent))
        self.certificates(self.notarization(block), self.finalization(block))
        assert self.machine.tip == block.digest, self._lines()

    # --- outputs --------------------------------------------------------------------------------------------

    def sent(self, kind: type[M]) -> list[tuple[int, M]]:
        """Return the messages of a kind that the last call sent, with the receiver; -1 is everybody."""
        return [
            (effect.member if isinstance(effect, events.Send) else -1, effect.message)
            for effect in self.effects
            if isinstance(effect, events.Send | events.Broadcast) and isinstance(effect.message, kind)
        ]

    def _lines(self) -> list[str]:
        return [line for effect in self.effects if (line := describe(effect))]

    def _execute(self, effect: events.Effect) -> None:
        if isinstance(effect, events.Persist):
            self.journal.update(effect.records)
        elif isinstance(effect, events.SetTimer):
            self.timer_ms = effect.deadline_ms
        elif isinstance(effect, events.Commit):
            self.blocks += effect.blocks
            for key in effect.forget:
                del self.journal[key]
            self.ledger.finalise(effect.digest, [block.body for block in effect.blocks])

    def _machine(self) -> Machine:
        return Machine(
            self.membership,
            self.member,
            KEYS[self.member] if self.member is not None else None,
            self.ledger,
            Snapshot(self.blocks[-1] if self.blocks else None, dict(self.journal)),
            self.config,
            self.now_ms,
        )


def describe(effect: events.Effect) -> str:
    """Return an effect as one line; empty for a timer and a status."""
    match effect:
        case events.Persist():
            return "persist " + ", ".join(_record(key, value) for key, value in effect.records)
        case events.Send():
            frame = _frame(effect.message)
            return f"send {effect.member} {frame}" if frame else ""
        case events.Broadcast():
            frame = _frame(effect.message)
            return f"broadcast {frame}" if frame else ""
        case events.Commit():
            heights = [Header.FromString(block.header).height for block in effect.blocks]
            return "commit " + ", ".join(map(str, heights))
        case events.ServeBlocks():
            return (
                f"serve {effect.member} {len(effect.unfinal)} unfinal, {len(effect.digests)} by digest, "
                + (f"{effect.count} from {effect.from_height}")
            )
        case events.ReportEvidence():
            first, second = effect.evidence.first, effect.evidence.second
            return f"evidence {_vote(first)} and {_vote(second)} by {first.member}"
        case events.PeerFault():
            return f"fault {effect.member}: {effect.reason}"
        case events.Alarm():
            return f"{'halt' if effect.halt else 'alarm'} {effect.code}: {effect.message}"
        case events.SetTimer():
            return ""


def _frame(message: events.PeerFrameMessage) -> str:
    match message:
        case Votes():
            return "votes " + ", ".join(_vote(vote) for vote in message.votes)
        case Proposal():
            return f"proposal {Header.FromString(message.header).view}"
        case Certificates():
            return "certificates " + ", ".join(_vote(certificate) for certificate in message.certificates)
        case BlockRequest():
            what = f"{len(message.digests)} by digest" if message.digests else f"from {message.from_height}"
            return f"block request {what}"
        case BlockResponse():
            return f"block response of {len(message.blocks)}"
        case OwnVotesRequest():
            return "own votes request"
        case OwnVotesResponse():
            return "own votes " + (", ".join(_vote(vote) for vote in message.votes) or "none")
        case Status():
            return ""


def _vote(vote: Vote | Certificate) -> str:
    return f"{KIND_WORDS[vote.kind]} {vote.view}"


def _record(key: bytes, value: bytes) -> str:
    match key[:1]:
        case kind if kind == VOTE:
            return f"vote {_vote(Vote.FromString(value))}"
        case kind if kind == CERTIFICATE:
            return f"certificate {_vote(Certificate.FromString(value))}"
        case kind if kind == BLOCK:
            return f"block {int.from_bytes(key[1:9])}"
        case kind if kind == LOCK:
            return "lock"
        case _:
            return key.hex()


def guilty(effects: Iterable[events.Effect], node: Played) -> list[int]:
    """Return whom the evidence among effects proves guilty."""
    return [
        verify_evidence(effect.evidence, node.membership)
        for effect in effects
        if isinstance(effect, events.ReportEvidence)
    ]
