"""What a seed stands for: how many members, who lies and how, which troubles come, and how hard.

Everything follows from the seed, so a seed is all that is needed to see a run again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from config import MempoolSection

SIZES = (1,) * 2 + (4,) * 17 + (5,) * 4 + (7,) * 3 + (10, 13)
"""The sizes that seeds draw from: small ones find most, and cost least."""
TROUBLES = (
    "partition", "one-way cut", "flapping", "storm", "slow link", "pause", "kill", "power cut", "stop",
    "full disk", "clock", "holiday", "calm",
)  # fmt: skip
DAMAGES = ("old disk", "empty disk", "bit rot", "wild clock")
"""What makes a member faulty though it means well."""
PACES = (1,) * 12 + (4,) * 2 + (16, 64)
"""How many times as long everything lasts. At 1 things get in each other's way; the others are long enough
for patience to end: time-outs at their cap, pauses between dialling at their longest."""
NIGHTS = (0.0, 0.0, 600.0)
"""Seconds that a run is left alone at its end, all members' together."""
SMALL_MEMPOOL = MempoolSection(transactions_max=64, per_organisation_max=4)


@dataclass
class Plan:
    """One run."""

    seed: int
    members: int
    trouble_seconds: float
    troubles: tuple[str, ...]
    """Kinds of trouble that this run draws from."""
    trouble_pause_ms: int
    liars: dict[int, str] = field(default_factory=dict)
    """Byzantine member to its strategy."""
    damaged: dict[int, str] = field(default_factory=dict)
    """Member to what befalls its disk or clock; such members and liars are at most f together."""
    clients: int = 2
    client_pause_ms: int = 400
    close_periods: bool = False
    timeout_ms: int = 1_000
    timeout_max_ms: int = 10_000
    crash_weight: float = 0.0
    """Probability that a write, before, in or after it, loses the power."""
    pace: int = 1
    """How many times as long everything lasts; the other numbers are multiplied already."""
    mempool: MempoolSection = field(default_factory=MempoolSection)
    """Sometimes so small that there is no room."""
    scene: str = ""
    """A directed schedule that is played once (`scenes.py`); no seed draws one."""
    night_seconds: float = 0.0
    """How long it is left alone at the end, when nobody lies."""
    audits: bool = False
    """Whether the auditor verifies an export of it at the end."""

    @property
    def faulty_max(self) -> int:
        """f."""
        return (self.members - 1) // 3


def plan_of(seed: int, strategies: tuple[str, ...], members: int | None = None) -> Plan:
    """The run of a seed; `members` overrides its size."""
    chance = random.Random(f"{seed}/plan")
    size = chance.choice(SIZES)
    size = members or size
    kinds = tuple(kind for kind in TROUBLES if chance.random() < 0.5) or TROUBLES
    plan = Plan(
        seed=seed,
        members=size,
        trouble_seconds=chance.choice([6.0, 10.0, 16.0]) * (1.0 if size < 7 else 0.5 if size == 7 else 0.3),
        troubles=kinds,
        trouble_pause_ms=chance.choice([300, 800, 2_000]),
        clients=chance.choice([1, 2, 3]),
        client_pause_ms=chance.choice([60, 150, 400]),
        close_periods=chance.random() < 0.4,
        timeout_ms=chance.choice([300, 1_000]),
        timeout_max_ms=chance.choice([2_000, 10_000]),
        crash_weight=chance.choice([0.0, 0.0, 0.002, 0.01]),
        audits=chance.random() < 0.1,
    )
    faulty = chance.sample(range(size), plan.faulty_max)
    for member in faulty:
        luck = chance.random()
        if luck < 0.6:
            plan.liars[member] = chance.choice(strategies)
        elif luck < 0.85:
            plan.damaged[member] = chance.choice(DAMAGES)
    if chance.random() < 0.2:
        plan.mempool = SMALL_MEMPOOL
    plan.pace = chance.choice(PACES)
    plan.trouble_seconds *= max(1, plan.pace // 4)
    plan.trouble_pause_ms *= plan.pace
    plan.client_pause_ms *= plan.pace
    plan.night_seconds = chance.choice(NIGHTS) / size
    return plan
