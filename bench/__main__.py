"""`python -m bench FIGURE [--json] [--runs N]`: measures one figure and prints it."""

from __future__ import annotations

import argparse
import json
import sys

from bench.machine import describe_machine
from bench.registry import FIGURES

RUNS_DEFAULT = 3


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures one figure; the method is in bench/README.md."
    )
    parser.add_argument("figure", choices=sorted(FIGURES))
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--runs", type=int, default=RUNS_DEFAULT, help=f"default {RUNS_DEFAULT}")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs is at least 1")

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    machine = describe_machine()
    document = FIGURES[arguments.figure](arguments.runs, say).document(machine)
    if arguments.json:
        print(json.dumps(document))
        return 0
    unit = document["unit"]
    print(f"{document['figure']}: median {document['median']:,} {unit} of {document['runs']} runs")
    print(f"  min {document['min']:,}, max {document['max']:,}")
    if "p99" in document:
        print(f"  p50 {document['p50']:,} {unit}, p99 {document['p99']:,} {unit}")
    print(f"  parameters: {', '.join(f'{name} {value}' for name, value in document['parameters'].items())}")
    print(f"  machine: {', '.join(f'{name} {value}' for name, value in machine.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
