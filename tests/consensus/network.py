"""Shared fakes of the consensus tests: a network's keys, a trivial application, and message builders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    Header,
    MemberSignature,
    Proposal,
    Vote,
    VoteKind,
)
from consensus.application import BlockInvalid, BlockSlot, BlockUntimely, BuiltBlock, Unavailable
from proofs.domains import block_digest, body_hash, vote_message
from proofs.membership import Member, Membership
from proofs.signing import SigningKey

GENESIS_HASH = hashlib.sha256(b"a network for tests").digest()
KEYS = tuple(SigningKey(hashlib.sha256(b"member %d" % member).digest()) for member in range(30))
NOTARIZE, NULLIFY, FINALIZE = VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE
TRANSACTION_BYTES = 8


def membership_of(members: int) -> Membership:
    return Membership(
        GENESIS_HASH, tuple(Member(f"m{index}", KEYS[index].public_key) for index in range(members)), 16
    )


@dataclass(frozen=True)
class State:
    """The fake ledger after a block: how high, when, and what is in it."""

    height: int
    time_ms: int
    root: bytes
    included: frozenset[bytes]


class FakeLedger:
    """An application whose transactions are 8 bytes each and always valid, once."""

    def __init__(self, wall_clock_ms: Callable[[], int], block_transactions_max: int = 4) -> None:
        self._wall_clock_ms = wall_clock_ms
        self._block_transactions_max = block_transactions_max
        self._states = {GENESIS_HASH: State(0, 0, bytes(32), frozenset())}
        self.tip = GENESIS_HASH
        self.pending: dict[bytes, None] = {}
        self.final_transactions: list[bytes] = []
        self.refuse: Callable[[Header, bytes], str] = lambda header, body: ""
        """Set by a test to make the rules refuse a block."""
        self.looks_left = 0
        """How often it has not looked far enough yet to say whether there is work."""

    def state(self, digest: bytes) -> State:
        return self._states[digest]

    def executable_pending(self, parent: bytes) -> bool | None:
        if self.looks_left:
            self.looks_left -= 1
            return None
        state = self._states.get(parent)
        return state is not None and any(tx not in state.included for tx in self.pending)

    def build(self, slot: BlockSlot) -> BuiltBlock | None:
        state = self._states.get(slot.parent)
        if state is None:
            raise Unavailable(slot.parent.hex())
        chosen: list[bytes] = []
        if slot.with_transactions:
            chosen = [tx for tx in self.pending if tx not in state.included][: self._block_transactions_max]
            if not chosen:
                return None
        body = b"".join(chosen)
        time_ms = max(self._wall_clock_ms(), state.time_ms + 1)
        header = make_header(
            slot.parent, state, view=slot.view, leader=slot.leader, body=body, time_ms=time_ms
        )
        self._execute(block_digest(header), state, body, time_ms)
        return BuiltBlock(header, body)

    def check(self, header: bytes, body: bytes, *, timely: bool) -> None:
        fields = Header.FromString(header)
        state = self._states.get(fields.parent)
        if state is None:
            raise Unavailable(fields.parent.hex())
        transactions = split(body)
        if len(set(transactions)) != len(transactions) or state.included.intersection(transactions):
            raise BlockInvalid("a transaction is in it twice")
        if fields.state_root != next_root(state, body) or fields.height != state.height + 1:
            raise BlockInvalid("the state root is another")
        if fields.time_ms <= state.time_ms:
            raise BlockInvalid("its time is not above its parent's")
        reason = self.refuse(fields, body)
        if reason:
            raise BlockInvalid(reason)
        if timely and abs(fields.time_ms - self._wall_clock_ms()) > 10_000:
            raise BlockUntimely(f"its time is {fields.time_ms}, our clock says {self._wall_clock_ms()}")
        self._execute(block_digest(header), state, body, fields.time_ms)

    def finalise(self, digest: bytes, bodies: Iterable[bytes]) -> None:
        for body in bodies:
            for tx in split(body):
                self.final_transactions.append(tx)
                self.pending.pop(tx, None)
        state = self._states[digest]
        self._states = {other: kept for other, kept in self._states.items() if kept.height > state.height} | {
            digest: state
        }
        self.tip = digest

    def restore(self, headers_and_bodies: Iterable[tuple[bytes, bytes]]) -> None:
        for header, body in headers_and_bodies:
            self.check(header, body, timely=False)
            self.finalise(block_digest(header), [body])

    def _execute(self, digest: bytes, parent: State, body: bytes, time_ms: int) -> None:
        included = parent.included.union(split(body)) if body else parent.included
        self._states[digest] = State(parent.height + 1, time_ms, next_root(parent, body), included)


def split(body: bytes) -> list[bytes]:
    return [body[start : start + TRANSACTION_BYTES] for start in range(0, len(body), TRANSACTION_BYTES)]


def next_root(state: State, body: bytes) -> bytes:
    return hashlib.sha256(state.root + body).digest() if body else state.root


def make_header(parent: bytes, state: State, *, view: int, leader: int, body: bytes, time_ms: int) -> bytes:
    return Header(
        parent=parent,
        height=state.height + 1,
        view=view,
        leader=leader,
        time_ms=time_ms,
        body_hash=body_hash(body),
        log_size=len(state.included) + len(split(body)),
        log_root=bytes(32),
        state_root=next_root(state, body),
    ).SerializeToString(deterministic=True)


def vote(member: int, kind: VoteKind, view: int, digest: bytes = b"") -> Vote:
    message = vote_message(GENESIS_HASH, 0, view, kind, digest)
    return Vote(view=view, kind=kind, digest=digest, member=member, signature=KEYS[member].sign(message))


def certificate(members: Iterable[int], kind: VoteKind, view: int, digest: bytes = b"") -> Certificate:
    return Certificate(
        view=view,
        kind=kind,
        digest=digest,
        signatures=[
            MemberSignature(member=member, signature=vote(member, kind, view, digest).signature)
            for member in members
        ],
    )


def proposal_of(
    header: bytes,
    body: bytes = b"",
    notarization: Certificate | None = None,
    nullifications: Iterable[Certificate] = (),
) -> Proposal:
    fields = Header.FromString(header)
    signature = vote(fields.leader, NOTARIZE, fields.view, block_digest(header)).signature
    return Proposal(
        header=header,
        body=body,
        signature=signature,
        parent_notarization=notarization,
        nullifications=list(nullifications),
    )
