"""`./scripts/simulate`: runs seeds, and says in a table what was injected and what was survived.

Exit code 0: every seed held; 1: some did not, and how to see each again is printed; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from tests.sim.mutations.report import hunt_all
from tests.sim.run import Report, run_seed

SHORT_SEEDS = 1_000
CHUNK = 8


def main() -> int:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(prog="./scripts/simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run (100)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (0)")
    parser.add_argument("--members", type=int, help="validators, instead of what each seed draws")
    parser.add_argument("--trouble", type=float, help="simulated seconds of it, instead of what a seed draws")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one per core)")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_SEEDS} seeds, as in CI")
    parser.add_argument("--json", action="store_true", help="figures for a program")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and print every event")
    parser.add_argument("--mutations", action="store_true", help="plant bugs, and see each be caught")
    arguments = parser.parse_args()
    if arguments.mutations:
        return hunt_all(arguments.jobs, as_json=arguments.json)
    if arguments.replay is not None:
        return replay(arguments.replay, arguments.members, arguments.trouble)
    count = SHORT_SEEDS if arguments.short else arguments.seeds
    tally = Tally()
    try:
        seeds = range(arguments.first, arguments.first + count)
        run_all(seeds, arguments.members, arguments.trouble, arguments.jobs, tally)
    except KeyboardInterrupt:
        print("interrupted; so far:", file=sys.stderr)
    summary = tally.summary()
    print(json.dumps(summary, indent=2, sort_keys=True) if arguments.json else table(summary))
    return 1 if tally.failed else 0


class Tally:
    """The figures of many runs together."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seeds = 0
        self.failed: list[int] = []
        self.injected: Counter[str] = Counter()
        self.survived: Counter[str] = Counter()
        self.sizes: Counter[int] = Counter()
        self.simulated_seconds = 0.0
        self.slowest_ms = 0

    def add(self, report: Report) -> None:
        """Takes one run in."""
        self.seeds += 1
        self.sizes[report.members] += 1
        self.injected += report.injected
        self.survived += report.survived
        self.simulated_seconds += report.simulated_seconds
        self.slowest_ms = max(self.slowest_ms, report.recovery_ms)
        if report.violations:
            self.failed.append(report.seed)

    def summary(self) -> dict[str, Any]:
        """For a program."""
        seconds = time.monotonic() - self.began
        return {
            "seeds": self.seeds,
            "failed": self.failed,
            "sizes": {str(size): self.sizes[size] for size in sorted(self.sizes)},
            "simulated_hours": round(self.simulated_seconds / 3600, 2),
            "seconds": round(seconds, 1),
            "simulated_per_real": round(self.simulated_seconds / seconds),
            "slowest_recovery_ms": self.slowest_ms,
            "injected": dict(sorted(self.injected.items())),
            "survived": dict(sorted(self.survived.items())),
        }


def run_all(seeds: range, members: int | None, trouble: float | None, jobs: int, tally: Tally) -> None:
    """Runs seeds over several processes; a failed one is shown at once."""
    pool = ProcessPoolExecutor(jobs, initializer=_begin_worker)
    try:
        for report in pool.map(
            partial(run_seed, members=members, trouble_seconds=trouble), seeds, chunksize=CHUNK
        ):
            if report.violations:
                print(failure(report, members, trouble), file=sys.stderr, flush=True)
            tally.add(report)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Who types Ctrl-C means the process that counts; cycles are collected between runs only."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()


def failure(report: Report, members: int | None = None, trouble: float | None = None) -> str:
    """What was wrong with a seed, and how to see it again."""
    size = "" if members is None else f" --members {members}"
    size += "" if trouble is None else f" --trouble {trouble:g}"
    return (
        f"seed {report.seed} ({report.members} members): {report.violations[0]}\n"
        f"  see it step by step: ./scripts/simulate --replay {report.seed}{size}"
    )


def replay(seed: int, members: int | None, trouble: float | None) -> int:
    """One seed, with every event in words."""
    report = run_seed(seed, members, trouble, transcribe=True)
    print("\n".join(report.transcript))
    print(f"trace {report.trace}")
    if report.violations:
        print(failure(report, members, trouble))
    return 1 if report.violations else 0


def table(summary: dict[str, Any]) -> str:
    """The same for people."""
    lines = []
    for title in ("injected", "survived"):
        lines.append(f"{title:<44}{'count':>14}")
        lines += [f"  {name:<42}{count:>14,}" for name, count in summary[title].items()]
    sizes = ", ".join(f"{count:,} of {size}" for size, count in summary["sizes"].items())
    lines.append(f"seeds by members: {sizes}")
    lines.append(f"slowest recovery after the repair: {summary['slowest_recovery_ms']:,} ms")
    lines.append(
        f"{summary['seeds']:,} seeds, {summary['simulated_hours']} simulated hours, "
        f"in {summary['seconds']} s ({summary['simulated_per_real']} to 1); "
        f"failed: {summary['failed'] or 'none'}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
