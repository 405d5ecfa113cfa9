"""`./scripts/simulate --mutations`: every planted bug, and how soon the simulator catches it.

Exit code 0: each was caught within its bound; 1: some were not, and the simulator lacks something.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor

from tests.sim.mutations.catalogue import MUTATIONS
from tests.sim.mutations.hunt import Caught, first_caught


def hunt_all(jobs: int, *, as_json: bool) -> int:
    """Hunts every planted bug, over several processes, and prints the table."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        found = dict(zip(MUTATIONS, pool.map(_hunt, MUTATIONS), strict=True))
    missed = [name for name, caught in found.items() if caught is None]
    if as_json:
        print(
            json.dumps({"mutations": [_row(name, found[name]) for name in found], "missed": missed}, indent=2)
        )
    else:
        print(table(found))
    return 1 if missed else 0


def _hunt(name: str) -> Caught | None:
    return first_caught(MUTATIONS[name])


def _row(name: str, caught: Caught | None) -> dict[str, object]:
    mutation = MUTATIONS[name]
    return {
        "planted": name,
        "situation": str(mutation.situation),
        "within": mutation.within,
        "seeds": caught.seed + 1 if caught else None,
        "oracle": caught.oracle if caught else None,
        "violation": caught.violation if caught else None,
    }


def table(found: dict[str, Caught | None]) -> str:
    """The same for people."""
    lines = [f"{'planted bug':<46}{'where':<42}{'seeds':>6}{'at most':>9}  caught by"]
    for name, caught in found.items():
        mutation = MUTATIONS[name]
        seeds, oracle = (str(caught.seed + 1), caught.oracle) if caught else ("-", "NOT CAUGHT")
        lines.append(f"{name:<46}{mutation.situation!s:<42}{seeds:>6}{mutation.within:>9}  {oracle}")
    caught_count = sum(1 for caught in found.values() if caught)
    lines.append(f"{len(found)} planted, {caught_count} caught")
    return "\n".join(lines)
