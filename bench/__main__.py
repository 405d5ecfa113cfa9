"""`python -m bench FIGURE…|all`: measures some figures, or every one, prints them and writes them down.

Decides what is printed and where results go; what is measured is registry.py's to say.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.machine import describe_machine
from bench.plots import PLOTS
from bench.registry import FIGURES

RUNS_DEFAULT = 3
ALL = "all"
SHOWN_FIRST = {"figure", "unit", "median", "min", "max", "runs", "values", "points", "parameters", "machine"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    asked = _parse(arguments)
    every = ALL in asked.figures
    for name in FIGURES if every else asked.figures:
        sizes = FIGURES[name].members
        for members in sizes if every else [asked.members or sizes[0]]:
            _measure(asked, name, {"members": members} if len(sizes) > 1 else {})
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures some figures, or all; the method is in bench/README.md."
    )
    parser.add_argument("figures", nargs="+", choices=[*FIGURES, ALL], metavar="FIGURE", help=_names())
    parser.add_argument("--members", type=int, help="size of the network, for throughput: 4, 7 or 10")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure on stdout")
    parser.add_argument("--runs", type=int, default=RUNS_DEFAULT, help=f"default {RUNS_DEFAULT}")
    parser.add_argument("--into", type=Path, metavar="DIR", help="write results and plots into DIR too")
    asked = parser.parse_args(arguments)
    if asked.runs < 1:
        parser.error("--runs is at least 1")
    for name in asked.figures:
        sizes = FIGURES[name].members if name != ALL else ()
        if asked.members and asked.members not in sizes:
            allowed = f"one of {', '.join(map(str, sizes))}" if sizes else "not given"
            parser.error(f"--members is {allowed} for {name}")
    return asked


def _names() -> str:
    return ", ".join([*FIGURES, ALL])


def _measure(asked: argparse.Namespace, name: str, parameters: dict[str, int]) -> None:
    machine = describe_machine()
    _say(" ".join([name, *(f"{value} {key}" for key, value in parameters.items())]))
    figure = FIGURES[name].run(asked.runs, _say, **parameters)
    document = figure.document(machine)
    if asked.into:
        _write(asked.into, figure, document)
    print(json.dumps(document) if asked.json else _text(document), flush=True)


def _write(directory: Path, figure: Figure, document: dict[str, Any]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / figure.file_name
    file.write_text(json.dumps(document, indent=1) + "\n")
    if figure.name in PLOTS:
        file.with_suffix(".svg").write_text(PLOTS[figure.name](document))


def _text(document: dict[str, Any]) -> str:
    """For people."""
    unit = document["unit"]
    lines = [
        f"{document['figure']}: median {document['median']:,} {unit} of {document['runs']} runs",
        f"  min {document['min']:,}, max {document['max']:,}",
    ]
    if extra := [f"{name} {value:,}" for name, value in document.items() if name not in SHOWN_FIRST]:
        lines.append(f"  {', '.join(extra)}")
    if points := document.get("points"):
        rows = [list(points[0]), *([f"{value:,}" for value in point.values()] for point in points)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += [
            "  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
    for key in ("parameters", "machine"):
        lines.append(f"  {key}: {', '.join(f'{name} {value}' for name, value in document[key].items())}")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
