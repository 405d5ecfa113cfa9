"""What is explored: the members, the blocks that may exist, and every message that may come.

One member is Byzantine. Its keys sign whatever is of use to it, at any time, to anybody: it needs no state.
Messages are never lost from the network nor used up: whatever was once sent may reach anybody at any later
time, any number of times, or never. So delay, loss, reordering and duplication need no state either, and a
message is *available* for good once its votes were cast (`World.available`).

Votes are delivered as the certificates that they make. A vote that completes none changes only what can
become evidence; that this is so is not believed but checked, see `member.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from ayni.v1.block_pb2 import Certificate, Header, MemberSignature, Proposal, Vote, VoteKind
from consensus.application import BlockSlot, BuiltBlock
from consensus.leader import leader_of
from proofs.certificates import KIND_WORDS
from proofs.domains import block_digest, body_hash, vote_message
from tests.consensus.network import FINALIZE, GENESIS_HASH, KEYS, NOTARIZE, NULLIFY, membership_of

MEMBERS = 4


@dataclass(frozen=True)
class Block:
    """A block that may come to exist."""

    name: str
    """E.g. "2a": the view, and which of its blocks."""
    digest: bytes
    parent: bytes
    parent_view: int
    view: int
    height: int
    header: bytes
    body: bytes


@dataclass(frozen=True)
class CertificateInput:
    """A quorum's votes reach the member."""

    kind: VoteKind
    view: int
    digest: bytes


@dataclass(frozen=True)
class ProposalInput:
    """A leader's proposal reaches the member."""

    digest: bytes
    linked: bool = True
    """With the nullifications since its parent; without, only the Byzantine member proposes."""


@dataclass(frozen=True)
class WorkInput:
    """A transaction is pending: whoever leads proposes."""


@dataclass(frozen=True)
class TimeoutInput:
    """The view's timer runs out."""


@dataclass(frozen=True)
class CrashInput:
    """The member loses what it did not sync, and starts again from its disk."""


AnyInput: TypeAlias = CertificateInput | ProposalInput | WorkInput | TimeoutInput | CrashInput
VoteKey: TypeAlias = tuple[VoteKind, int, bytes]


class World:
    """The alphabet of one exploration.

    `byzantine` is a member's index, `views` the last view played, `variants` how many blocks the Byzantine
    leader makes on one parent, `crashes` how often each honest member may crash.
    """

    def __init__(
        self, byzantine: int, views: int, *, variants: int = 2, crashes: int = 0, checked: bool = True
    ) -> None:
        self.byzantine = byzantine
        self.views = views
        self.crashes = crashes
        self.checked = checked
        """Whether to check that machines taken for alike are; a planted bug may make them differ."""
        self.membership = membership_of(MEMBERS)
        self.honest = tuple(member for member in range(MEMBERS) if member != byzantine)
        self.blocks: dict[bytes, Block] = {}
        for view in range(1, views + 1):
            count = variants if leader_of(view, MEMBERS) == byzantine else 1
            self._add_blocks(view, count)
        self.votes = list(self._vote_keys())
        self.bit = {key: 1 << index for index, key in enumerate(self.votes)}
        self.inputs: list[AnyInput] = [WorkInput(), TimeoutInput()]
        self.inputs += [CertificateInput(*key) for key in self.votes]
        self.inputs += [ProposalInput(digest) for digest in self.blocks]
        self.inputs += [
            ProposalInput(block.digest, linked=False)
            for block in self.blocks.values()
            if leader_of(block.view, MEMBERS) == byzantine and block.view > block.parent_view + 1
        ]
        if crashes:
            self.inputs.append(CrashInput())
        self.block_bit = {digest: 1 << index for index, digest in enumerate(self.blocks)}
        self.available = cache(self._available)

    def roles(self) -> tuple[int, ...]:
        """Return whom each honest member behaves like: followers are alike, and one stands for all."""
        leaders = {leader_of(view, MEMBERS) for view in range(1, self.views + 1)}
        followers = [member for member in self.honest if member not in leaders]
        return tuple(followers[0] if member in followers else member for member in self.honest)

    # --- the application: every block that may exist is valid ----------------------------------------------

    def build(self, slot: BlockSlot) -> BuiltBlock | None:
        """Return the one block that an honest leader makes in a slot."""
        for block in self.blocks.values():
            if (block.view, block.parent) == (slot.view, slot.parent):
                return BuiltBlock(block.header, block.body)
        return None

    def check(self, header: bytes, body: bytes, *, timely: bool) -> None:
        """Accept: what the rules of the ledger refuse is not what is explored here."""

    # --- messages ------------------------------------------------------------------------------------------

    def name(self, digest: bytes) -> str:
        """Return a short name of a block."""
        return self.blocks[digest].name if digest in self.blocks else "genesis"

    def describe(self, event: AnyInput) -> str:
        """Return an input in words."""
        match event:
            case CertificateInput():
                what = f" of {self.name(event.digest)}" if event.digest else ""
                return f"{KIND_WORDS[event.kind]} certificate of view {event.view}{what}"
            case ProposalInput():
                block = self.blocks[event.digest]
                how = "" if event.linked else ", without nullifications"
                return f"proposal {block.name} on {self.name(block.parent)}{how}"
            case WorkInput():
                return "work"
            case TimeoutInput():
                return "timeout"
            case CrashInput():
                return "crash"

    def describe_vote(self, key: VoteKey) -> str:
        """Return a vote in words."""
        kind, view, digest = key
        return f"{KIND_WORDS[kind]} {self.name(digest) if digest else view}"

    def vote(self, member: int, key: VoteKey) -> Vote:
        """Return a member's signed vote."""
        return _signed(member, *key)

    def certificate(self, key: VoteKey, receiver: int, receiver_voted: bool) -> Certificate:
        """Return a certificate with the Byzantine member's signature and those of honest members.

        The receiver is among the signers only if it did vote so. Who else signed makes no difference.
        """
        others = [member for member in self.honest if member != receiver]
        signers = [self.byzantine, *([receiver] if receiver_voted else []), *others]
        kind, view, digest = key
        chosen = sorted(signers[: self.membership.quorum])
        return Certificate(
            view=view,
            kind=kind,
            digest=digest,
            signatures=[
                MemberSignature(member=member, signature=_signed(member, *key).signature) for member in chosen
            ],
        )

    def links(self, block: Block) -> tuple[VoteKey | None, list[VoteKey]]:
        """Return what a proposal carries: its parent's notarisation, and the nullifications between (C1)."""
        between: list[VoteKey] = [(NULLIFY, view, b"") for view in range(block.parent_view + 1, block.view)]
        if not block.parent_view:
            return None, between
        return (NOTARIZE, block.parent_view, block.parent), between

    def proposal(self, event: ProposalInput, receiver: int, sent: int) -> Proposal:
        """Return the proposal of a block; `sent` are the votes that the receiver itself has cast."""
        digest = event.digest
        block = self.blocks[digest]
        parent, between = self.links(block)
        if not event.linked:
            between = []

        def made(key: VoteKey) -> Certificate:
            return self.certificate(key, receiver, bool(sent & self.bit[key]))

        leader = leader_of(block.view, MEMBERS)
        return Proposal(
            header=block.header,
            body=block.body,
            signature=_signed(leader, NOTARIZE, block.view, digest).signature,
            parent_notarization=made(parent) if parent is not None else None,
            nullifications=[made(key) for key in between],
        )

    def certificates(self, sent: tuple[int, ...]) -> int:
        """Return of which votes there is a quorum, the Byzantine member's included.

        `sent` are the votes that each honest member has cast, as sets of bits; so is what is returned.
        """
        needed = self.membership.quorum - 1
        if needed == 1:
            return sent[0] | sent[1] | sent[2]
        first, second, third = sent
        return (first & second) | (first & third) | (second & third)

    def _available(self, sent: tuple[int, ...]) -> int:
        """Return the inputs that may reach anybody once these votes are cast, as a set of bits."""
        certified = self.certificates(sent)
        found = 0
        for index, event in enumerate(self.inputs):
            match event:
                case CertificateInput():
                    can = bool(certified & self.bit[(event.kind, event.view, event.digest)])
                case ProposalInput():
                    can = self._can_be_proposed(event, sent, certified)
                case _:
                    can = True
            found |= can << index
        return found

    def _can_be_proposed(self, event: ProposalInput, sent: tuple[int, ...], certified: int) -> bool:
        block = self.blocks[event.digest]
        leader = leader_of(block.view, MEMBERS)
        if leader != self.byzantine:
            return bool(sent[self.honest.index(leader)] & self.bit[(NOTARIZE, block.view, block.digest)])
        parent, between = self.links(block)
        keys = [*([] if parent is None else [parent]), *(between if event.linked else [])]
        return all(certified & self.bit[key] for key in keys)

    # --- the blocks and votes that may exist ----------------------------------------------------------------

    def _add_blocks(self, view: int, variants: int) -> None:
        below = [(GENESIS_HASH, 0, 0), *((b.digest, b.view, b.height) for b in self.blocks.values())]
        letter = iter("abcdefghijklmnopqrstuvwxyz")
        for parent, parent_view, parent_height in below:
            for variant in range(variants):
                body = bytes([variant]) * variant
                header = Header(
                    parent=parent,
                    height=parent_height + 1,
                    view=view,
                    leader=leader_of(view, MEMBERS),
                    time_ms=view,
                    body_hash=body_hash(body),
                    log_root=bytes(32),
                    state_root=bytes(32),
                ).SerializeToString(deterministic=True)
                digest = block_digest(header)
                height = parent_height + 1
                name = f"{view}{next(letter)}"
                self.blocks[digest] = Block(name, digest, parent, parent_view, view, height, header, body)

    def _vote_keys(self) -> Iterator[VoteKey]:
        for view in range(1, self.views + 1):
            yield NULLIFY, view, b""
        for block in self.blocks.values():
            yield NOTARIZE, block.view, block.digest
            yield FINALIZE, block.view, block.digest


@cache
def _signed(member: int, kind: VoteKind, view: int, digest: bytes) -> Vote:
    message = vote_message(GENESIS_HASH, 0, view, kind, digest)
    return Vote(view=view, kind=kind, digest=digest, member=member, signature=KEYS[member].sign(message))
