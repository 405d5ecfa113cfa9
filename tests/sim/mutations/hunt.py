"""Runs the simulator over a planted bug until an oracle catches it, and says which one did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.sim.byzantine import STRATEGIES
from tests.sim.founding import founded
from tests.sim.mutations.catalogue import Mutation, Situation
from tests.sim.mutations.edits import planted
from tests.sim.plan import SMALL_MEMPOOL, Plan, plan_of
from tests.sim.run import run


@dataclass(frozen=True)
class Caught:
    """A seed on which a planted bug showed."""

    seed: int
    members: int
    violation: str

    @property
    def oracle(self) -> str:
        """What caught it, in few words."""
        return next((name for words, name in ORACLES if words in self.violation), "no oracle: it fell over")


ORACLES = (
    ("finds fault with", "the honest find no fault with each other"),
    ("BUG OverflowError", "no bug"),
    ("is not on its disk", "votes leave only when durable"),
    ("signed both", "no vote contradicts another"),
    ("on an old disk", "an old disk does not vote"),
    (" votes ", "votes in the order of C2 to C4"),
    ("did not sign for this network", "votes are signed for this network"),
    ("badly certified", "blocks are kept with their certificates"),
    ("does not check", "final blocks re-execute"),
    ("certified_invalid", "final blocks re-execute"),
    ("are final", "one block final at a height"),
    ("held block", "nothing final is lost"),
    ("its disk holds", "nothing final is lost"),
    ("is in the log twice", "no transaction is final twice"),
    ("which is honest", "no evidence against the honest"),
    ("proves nothing", "evidence is true"),
    ("nobody kept proof", "evidence against every equivocator"),
    ("expired", "outcomes are true"),
    ("said ", "outcomes are true"),
    ("holds ", "buffers are bounded"),
    ("not within", "liveness"),
    ("not quiet", "quiet when there is nothing to do"),
)
"""Words of a violation to the oracle that says them; the first that fits."""


def caught_on(mutation: Mutation, seed: int) -> Caught | None:
    """Runs one seed with the bug planted; None when every oracle holds."""
    plan = plan_for(mutation.situation, seed)
    with _founding(mutation, plan.members), planted(mutation.edits):
        report = run(plan)
    if not report.violations:
        return None
    return Caught(seed, report.members, report.violations[0])


def first_caught(mutation: Mutation) -> Caught | None:
    """Runs seeds in order until one catches the bug, or as many as it may take are through."""
    for seed in range(mutation.within):
        caught = caught_on(mutation, seed)
        if caught is not None:
            return caught
    return None


def plan_for(situation: Situation, seed: int) -> Plan:
    """What the seed stands for, in a situation that is made sure of."""
    plan = plan_of(seed, STRATEGIES, situation.members)
    faulty = sorted({*plan.liars, *plan.damaged}) or [seed % plan.members]
    if situation.liar:
        plan.liars, plan.damaged = {faulty[0]: situation.liar}, {}
    if situation.damage:
        plan.liars, plan.damaged = {}, {faulty[0]: situation.damage}
    plan.crash_weight = situation.crash_weight or plan.crash_weight
    plan.close_periods |= situation.closes_periods
    if situation.has_small_mempool:
        plan.mempool = SMALL_MEMPOOL
    if situation.scene:
        plan.scene, plan.troubles, plan.crash_weight = situation.scene, ("calm",), 0.0
        plan.trouble_seconds, plan.client_pause_ms = 16.0, 60
        plan.liars, plan.damaged = plan.liars if situation.liar else {}, {}
    return plan


@contextmanager
def _founding(mutation: Mutation, members: int) -> Iterator[None]:
    """The network is founded without the bug, unless its votes would then not verify."""
    if not mutation.from_genesis:
        founded(members)
        yield
        return
    founded.cache_clear()
    try:
        yield
    finally:
        founded.cache_clear()
