"""The long form: explore, and say how many states were told apart. See `./scripts/explore --help`.

The exit code is 1 when something was found that must never happen; it is printed with the way there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence

from tests.explorer.actual import Violation
from tests.explorer.search import Explored, Search
from tests.explorer.world import MEMBERS, World


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore as asked for, and print what was."""
    options = _parser().parse_args(arguments)
    explored: list[tuple[Explored, float]] = []
    for byzantine in options.byzantine if options.byzantine is not None else range(MEMBERS):
        world = World(byzantine, options.views, variants=options.blocks, crashes=options.crashes)
        started = time.monotonic()
        try:
            found = Search(world).run(options.states)
        except Violation as violation:
            print(f"with member {byzantine} Byzantine: {violation.message}", file=sys.stderr)
            for line in violation.path:
                print(f"  {line}", file=sys.stderr)
            return 1
        explored.append((found, time.monotonic() - started))
        if not options.json:
            print(_line(found, explored[-1][1], options.states), flush=True)
    rows = [dataclasses.asdict(found) | {"seconds": round(seconds, 1)} for found, seconds in explored]
    states = sum(found.states for found, _ in explored)
    if options.json:
        print(json.dumps({"explored": rows, "states": states}, indent=2))
    else:
        print(f"{states} states in all, and nothing found that must not be")
    return 0


def _line(found: Explored, seconds: float, limit: int | None) -> str:
    whole = "complete" if found.complete else f"the limit of {limit} states was reached"
    return (
        f"member {found.byzantine} Byzantine, {found.views} views, {found.crashes} crashes a member: "
        f"{found.states} states, {found.turns} turns, {found.finals} states with a final block; "
        f"{found.member_states} states of single members, {found.steps} inputs; {whole}; {seconds:.0f} s"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./scripts/explore",
        description="Explores the consensus machine: 4 members, one Byzantine, all orders of messages.",
    )
    parser.add_argument("--views", type=int, default=2, help="the last view that is played (default: 2)")
    parser.add_argument(
        "--states", type=int, help="at most so many states a Byzantine member; all if not given"
    )
    parser.add_argument("--blocks", type=int, default=2, help="a Byzantine leader's blocks on one parent (2)")
    parser.add_argument("--crashes", type=int, default=0, help="how often each honest member may crash (0)")
    parser.add_argument("--byzantine", type=int, action="append", help="the Byzantine member (each in turn)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
