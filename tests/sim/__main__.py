"""`./scripts/simulate`: runs seeds, and says in a table what was injected and what was survived.

Exit code 0: every seed held; 1: some did not, and how to see each again is printed; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.sim.run import Report, run_seed

SHORT_SEEDS = 1_000
CHUNK = 8


def main() -> int:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(prog="./scripts/simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run (100)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (0)")
    parser.add_argument("--members", type=int, help="validators, instead of what each seed draws")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one per core)")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_SEEDS} seeds, as in CI")
    parser.add_argument("--json", action="store_true", help="figures for a program")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and print every event")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        return replay(arguments.replay, arguments.members)
    count = SHORT_SEEDS if arguments.short else arguments.seeds
    began = time.monotonic()
    reports = run_all(range(arguments.first, arguments.first + count), arguments.members, arguments.jobs)
    summary = summed(reports, time.monotonic() - began)
    print(json.dumps(summary, indent=2, sort_keys=True) if arguments.json else table(summary))
    return 1 if summary["failed"] else 0


def run_all(seeds: range, members: int | None, jobs: int) -> list[Report]:
    """Runs seeds over several processes; a failed one is shown at once."""
    reports = []
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for report in pool.map(partial(run_seed, members=members), seeds, chunksize=CHUNK):
            if report.violations:
                print(failure(report, members), file=sys.stderr, flush=True)
            reports.append(report)
    return reports


def failure(report: Report, members: int | None) -> str:
    """What was wrong with a seed, and how to see it again."""
    size = "" if members is None else f" --members {members}"
    return (
        f"seed {report.seed} ({report.members} members): {report.violations[0]}\n"
        f"  see it step by step: ./scripts/simulate --replay {report.seed}{size}"
    )


def replay(seed: int, members: int | None) -> int:
    """One seed, with every event in words."""
    report = run_seed(seed, members, transcribe=True)
    print("\n".join(report.transcript))
    print(f"trace {report.trace}")
    if report.violations:
        print(failure(report, members))
    return 1 if report.violations else 0


def summed(reports: list[Report], seconds: float) -> dict[str, object]:
    """The figures of all runs together."""
    injected: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for report in reports:
        injected += report.injected
        survived += report.survived
        sizes[str(report.members)] += 1
    slowest = max((report.survived["recovery ms"] for report in reports), default=0)
    survived["recovery ms"] = slowest
    return {
        "seeds": len(reports),
        "failed": [report.seed for report in reports if report.violations],
        "sizes": dict(sorted(sizes.items(), key=lambda item: int(item[0]))),
        "simulated_hours": round(sum(report.simulated_seconds for report in reports) / 3600, 2),
        "seconds": round(seconds, 1),
        "injected": dict(sorted(injected.items())),
        "survived": dict(sorted(survived.items())),
    }


def table(summary: dict[str, object]) -> str:
    """The same for people."""
    lines = [f"{'injected':<44}{'times':>14}"]
    injected, survived = summary["injected"], summary["survived"]
    if isinstance(injected, dict) and isinstance(survived, dict):
        lines += [f"  {name:<42}{count:>14,}" for name, count in injected.items()]
        lines.append(f"{'survived':<44}{'count':>14}")
        survived = {("slowest recovery, ms" if name == "recovery ms" else name): count
                    for name, count in survived.items()}  # fmt: skip
        lines += [f"  {name:<42}{count:>14,}" for name, count in survived.items()]
    lines.append(f"members to seeds: {summary['sizes']}")
    lines.append(
        f"{summary['seeds']} seeds, {summary['simulated_hours']} simulated hours in {summary['seconds']} s; "
        f"failed: {summary['failed'] or 'none'}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
