"""The search: every state of three honest members and one Byzantine one, up to what cannot be told apart.

What a member does without voting is seen by nobody else, and what is available stays so. Hence such steps
need not be interleaved with those of others: a *turn* is any number of silent steps of one member and then
one step in which it votes, and the states after turns are all that must be told apart. Silent steps after
a member's last vote are looked at from every state (`_Turns`). Members that lead no view are alike, and
their states are kept sorted.

Checked in every state, on what a quorum *could* show to anybody, be it shown or not: no two blocks of one
view notarised, no view both nullified and finalised, all finalised blocks on one chain. Checked in every step
of every member: what it votes, commits, reports and says of others (`member.py`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush

from tests.consensus.network import FINALIZE, NOTARIZE, NULLIFY
from tests.explorer.actual import Violation
from tests.explorer.member import Automaton
from tests.explorer.world import World
from tests.sim.signatures import remembered


@dataclass(frozen=True)
class Explored:
    """What was explored."""

    byzantine: int
    views: int
    crashes: int
    complete: bool
    """Whether nothing is left, within the views; else the limit on states was reached."""
    states: int
    """States of the network that were told apart, at the ends of turns."""
    turns: int
    """Turns from one to another."""
    member_states: int
    """States of single members."""
    steps: int
    """Inputs that real machines were given."""
    finals: int
    """States in which some member may commit a block: that there are many shows that much can happen."""


@dataclass(frozen=True)
class Turns:
    """What one member can do when certain messages are available."""

    votes: tuple[tuple[int, tuple[int, ...]], ...]
    """(state after, the indices of the inputs that lead there)."""
    committed: int
    """Blocks that it may have committed by now."""


class Search:
    """A search, first of where most blocks can be final: there, a bug soon shows itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        roles = world.roles()
        automata = {role: Automaton(world, role) for role in roles}
        self.automata = tuple(automata[role] for role in roles)
        alike = [index for index, role in enumerate(roles) if roles.count(role) > 1]
        self._alike = tuple(alike)
        self._turns: dict[tuple[int, int, int], Turns] = {}
        self._for_blocks = sum(bit for key, bit in world.bit.items() if key[0] != NULLIFY)
        self._checked: set[int] = set()
        self._checked_commits: set[int] = set()
        self._from: dict[tuple[int, ...], tuple[tuple[int, ...], int, tuple[int, ...]] | None] = {}

    def run(self, states_max: int | None = None) -> Explored:
        """Explore, at most so many states. Raises `Violation` with the whole path."""
        with remembered():
            return self._run(states_max)

    def _run(self, states_max: int | None) -> Explored:
        first = tuple(automaton.initial for automaton in self.automata)
        self._from[first] = None
        waiting = [(0, 0, first)]
        turns = finals = 0
        complete = True
        while waiting:
            _, _, state = heappop(waiting)
            try:
                found, committed = self._expand(state)
            except Violation as violation:
                raise Violation(violation.message, [*self._path(state), *violation.path]) from None
            turns += len(found)
            finals += committed
            for after, member, inputs in found:
                if after not in self._from:
                    if states_max is not None and len(self._from) >= states_max:
                        complete = False
                        continue
                    self._from[after] = (state, member, inputs)
                    heappush(waiting, (-self._promise(after), len(self._from), after))
        automata = set(self.automata)
        return Explored(
            byzantine=self.world.byzantine,
            views=self.world.views,
            crashes=self.world.crashes,
            complete=complete,
            states=len(self._from),
            turns=turns,
            member_states=sum(len(automaton.states) for automaton in automata),
            steps=sum(automaton.steps for automaton in automata),
            finals=finals,
        )

    def _expand(
        self, state: tuple[int, ...]
    ) -> tuple[list[tuple[tuple[int, ...], int, tuple[int, ...]]], bool]:
        """Return the states one turn further, with who moved and how, and whether a block may be final."""
        sent = self._sent(state)
        self._check_certificates(self.world.certificates(sent))
        available = self.world.available(sent)
        found = []
        committed = 0
        for member, number in enumerate(state):
            turns = self._turns_of(member, number, available)
            committed |= turns.committed
            for after, inputs in turns.votes:
                moved = list(state)
                moved[member] = after
                found.append((self._canonical(moved), member, inputs))
        self._check_commits(committed)
        return found, bool(committed)

    def _promise(self, state: tuple[int, ...]) -> int:
        """Return how soon to look at a state: only votes for blocks can bring what must not be."""
        return sum((sent & self._for_blocks).bit_count() * 2 - sent.bit_count() for sent in self._sent(state))

    def _sent(self, state: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            automaton.states[number].sent for automaton, number in zip(self.automata, state, strict=True)
        )

    def _canonical(self, state: list[int]) -> tuple[int, ...]:
        if self._alike:
            for index, number in zip(self._alike, sorted(state[i] for i in self._alike), strict=True):
                state[index] = number
        return tuple(state)

    def _turns_of(self, member: int, number: int, available: int) -> Turns:
        """Return all that a member can do before it next votes, and with that vote."""
        automaton = self.automata[member]
        key = (automaton.member, number, available)
        known = self._turns.get(key)
        if known is not None:
            return known
        indices = [index for index in range(len(self.world.inputs)) if available >> index & 1]
        sent = automaton.states[number].sent
        seen: dict[int, tuple[int, ...]] = {number: ()}
        waiting = deque([number])
        votes: dict[int, tuple[int, ...]] = {}
        committed = automaton.states[number].committed
        while waiting:
            current = waiting.popleft()
            for index in indices:
                path = (*seen[current], index)
                for after in self._after(automaton, current, index, path):
                    committed |= automaton.states[after].committed
                    if automaton.states[after].sent != sent:
                        votes.setdefault(after, path)
                    elif after not in seen:
                        seen[after] = path
                        waiting.append(after)
        found = self._turns[key] = Turns(tuple(votes.items()), committed)
        return found

    def _after(self, automaton: Automaton, number: int, index: int, path: tuple[int, ...]) -> tuple[int, ...]:
        try:
            return automaton.after(number, index)
        except Violation as violation:
            steps = ", ".join(self.world.describe(self.world.inputs[step]) for step in path)
            raise Violation(violation.message, [f"member {automaton.member}: {steps}"]) from None

    # --- what must hold ------------------------------------------------------------------------------------

    def _check_certificates(self, certified: int) -> None:
        """Check what a quorum can show, whoever has seen it."""
        if certified in self._checked:
            return
        world = self.world
        keys = [key for key, bit in world.bit.items() if certified & bit]
        for view in range(1, world.views + 1):
            notarized = [key[2] for key in keys if key[:2] == (NOTARIZE, view)]
            if len(notarized) > 1:
                names = " and ".join(world.name(digest) for digest in notarized)
                raise Violation(f"both {names} can be shown to be notarised")
            if (NULLIFY, view, b"") in keys and any(key[:2] == (FINALIZE, view) for key in keys):
                raise Violation(f"view {view} can be shown to be both nullified and finalised")
        final = [world.blocks[key[2]] for key in keys if key[0] == FINALIZE]
        for lower in final:
            for higher in final:
                if lower.height <= higher.height and lower.digest not in self._chain(higher.digest):
                    raise Violation(f"both {lower.name} and {higher.name} can be shown to be final")
        self._checked.add(certified)

    def _chain(self, digest: bytes) -> list[bytes]:
        chain = []
        while digest in self.world.blocks:
            chain.append(digest)
            digest = self.world.blocks[digest].parent
        return chain

    def _check_commits(self, committed: int) -> None:
        """Check that no two members can have committed different blocks at one height."""
        if committed in self._checked_commits:
            return
        heights: dict[int, str] = {}
        for digest, bit in self.world.block_bit.items():
            if committed & bit:
                block = self.world.blocks[digest]
                other = heights.setdefault(block.height, block.name)
                if other != block.name:
                    raise Violation(f"{other} and {block.name} are both final at height {block.height}")
        self._checked_commits.add(committed)

    def _path(self, state: tuple[int, ...]) -> list[str]:
        """Return the turns that lead to a state, in words."""
        lines: list[str] = []
        step = self._from[state]
        while step is not None:
            before, member, inputs = step
            words = ", ".join(self.world.describe(self.world.inputs[index]) for index in inputs)
            lines.append(f"member {self.world.honest[member]}: {words}")
            step = self._from[before]
        return lines[::-1]
