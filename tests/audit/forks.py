"""Two histories of one network, made by more colluders than the protocol bears: for the auditor's tests.

Honest members keep to the rules of docs/protocol.md whatever they are shown: in one view one `notarize`, one
`finalize`, never `finalize` and `nullify` (C2 to C4); but they may well `notarize` one block, `nullify` the
view, and appear in certificates of both histories. Colluders sign anything. A quorum of them alone is enough
for everything; with fewer, honest members complete the certificates.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY, VoteKind
from tests.audit.history import STEP_MS, History, leg, opened

NOTARIZE, NULLIFY, FINALIZE = VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE
NAMES = tuple(sorted(f"federation-{number:02}" for number in range(10)))
VIEWS_BEFORE_MAX = 4
VIEWS_AFTER_MAX = 7

SHARED = 2
"""In place of a side's number: a block that either may take."""


class Votes:
    """What the honest members have signed so far, in every view."""

    def __init__(self, members: int, quorum: int, colluders: frozenset[int], chance: random.Random) -> None:
        self.members = range(members)
        self.quorum = quorum
        self.colluders = colluders
        self.chance = chance
        self._signed: dict[tuple[int, int, VoteKind], str] = {}
        """(member, view, kind) → what."""

    def certificate(self, kind: VoteKind, view: int, what: str) -> tuple[int, ...] | None:
        """Who signs it, ascending; None when too few may."""
        able = [member for member in self.members if self._may(member, view, kind, what)]
        if len(able) < self.quorum:
            return None
        signers = tuple(sorted(self.chance.sample(able, self.quorum)))
        for member in signers:
            self._signed[member, view, kind] = what
        return signers

    def _may(self, member: int, view: int, kind: VoteKind, what: str) -> bool:
        if member in self.colluders:
            return True
        excluded = {NOTARIZE: (), NULLIFY: (FINALIZE,), FINALIZE: (NULLIFY,)}[kind]
        if any((member, view, other) in self._signed for other in excluded):
            return False
        return self._signed.get((member, view, kind), what) == what


class Step(NamedTuple):
    """One block of a side."""

    skip: int
    """Views skipped before it."""
    of_side: int
    """Which of the blocks that could follow its parent in this view it is: its time tells."""
    name: str
    """Tells it from every other block, before it is made."""
    final: bool


@dataclass
class Side:
    """One of the two histories, as planned."""

    steps: list[Step] = field(default_factory=list)
    signers: dict[tuple[VoteKind, int], tuple[int, ...]] = field(default_factory=dict)
    skipped: int = 0
    tip: str = ""

    def cut(self) -> None:
        """An export ends in a directly final block (C9)."""
        while self.steps and not self.steps[-1].final:
            self.steps.pop()


@dataclass
class Fork:
    """Two exports to be, and what is true of them."""

    first: History
    second: History
    colluders: frozenset[int]
    is_fork: bool
    """Else one is the beginning of the other."""


def make_fork(seed: int, members: int, colluders: int) -> Fork:
    """From a seed: views that both share, then views in which each side goes on as it can."""
    chance = random.Random(f"{seed} {members} {colluders}")
    quorum = members - (members - 1) // 3
    guilty = frozenset(chance.sample(range(members), colluders))
    votes = Votes(members, quorum, guilty, chance)
    sides = Side(), Side()
    before = chance.randrange(VIEWS_BEFORE_MAX)
    for view in range(1, before + 1):
        _shared_view(sides, votes, view, chance)
    for view in range(before + 1, before + 2 + chance.randrange(1, VIEWS_AFTER_MAX)):
        for number in chance.sample((0, 1), 2):
            _view_of_one_side(sides[number], votes, view, number, chance)
    for side in sides:
        side.cut()
    names = [[step.name for step in side.steps] for side in sides]
    shorter = min(len(each) for each in names)
    is_fork = names[0][:shorter] != names[1][:shorter]
    first, second = (_made(side, members) for side in sides)
    return Fork(first, second, guilty, is_fork)


def _shared_view(sides: Iterable[Side], votes: Votes, view: int, chance: random.Random) -> None:
    """Both sides take the same block, or none; each may hold certificates of its own of it."""
    of_side = SHARED if chance.random() < 0.8 else None
    for side in sides:
        _take(side, votes, view, of_side, final=chance.random() < 0.6)


def _view_of_one_side(side: Side, votes: Votes, view: int, number: int, chance: random.Random) -> None:
    """A block of this side alone, the one that the other side may take too, or a skipped view."""
    final = chance.random() < 0.7
    for of_side in chance.sample((number, SHARED, None), 3):
        if _take(side, votes, view, of_side, final=final):
            return


def _take(side: Side, votes: Votes, view: int, of_side: int | None, *, final: bool) -> bool:
    """Certify a block, or with None the nullification; return whether enough could sign it.

    A side that can certify neither does not get beyond the view.
    """
    if view > 1 and not any((kind, view - 1) in side.signers for kind in (NOTARIZE, NULLIFY)):
        return False
    name = "" if of_side is None else f"{side.tip} {view}:{of_side}"
    signers = votes.certificate(NOTARIZE if name else NULLIFY, view, name)
    if signers is None:
        return False
    if of_side is None:
        side.signers[NULLIFY, view] = signers
        side.skipped += 1
        return True
    side.signers[NOTARIZE, view] = signers
    finalizers = votes.certificate(FINALIZE, view, name) if final else None
    if finalizers is not None:
        side.signers[FINALIZE, view] = finalizers
    side.steps.append(Step(side.skipped, of_side, name, finalizers is not None))
    side.skipped = 0
    side.tip = name
    return True


def _made(side: Side, members: int) -> History:
    """The history as planned."""
    history = History(NAMES[:members], bits=1)
    history.signers = lambda kind, view: side.signers[kind, view]
    for step in side.steps:
        history.block(skip=step.skip, final=step.final, after_ms=STEP_MS + step.of_side)
    return history


def double_spend(view_later: int = 0) -> tuple[History, History]:
    """Members 1 and 2 of 4 sign with each honest one a payment of the same money to somebody else.

    In the same view, or in the second history in a later one: the views between are nullified there.
    """
    histories = []
    for honest, payee in ((0, "andes/two"), (3, "andes/three")):
        history = History()
        accounts = [opened(f"andes/{name}", 100) for name in ("one", "three", "two")]
        history.block(history.tx("andes", open_accounts={"accounts": accounts}))
        history.quorum = tuple(sorted((1, 2, honest)))
        paid = history.tx("andes/one", transfer={"legs": [leg(payee, 100)]})
        history.block(paid, skip=view_later if honest == 3 else 0)
        histories.append(history)
    return histories[0], histories[1]
