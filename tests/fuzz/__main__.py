"""Tries hostile inputs for minutes: `./scripts/fuzz [--minutes M] [--target NAME] [--seed S]`.

Each target gets the same share of the time. A finding is shrunk, written to a file and shown with the
command that tries it again; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz import engine
from tests.fuzz.targets import TARGETS, by_name

FOUND = Path("fuzz-found")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 nothing found, 1 something, 2 no such target."""
    options = _options(arguments)
    if options.list:
        for target in TARGETS:
            print(f"{target.name:<22}{target.about}")
        return 0
    unknown = [name for name in options.target if name not in by_name()]
    if unknown:
        print(f"there is no target {', '.join(unknown)}; see --list", file=sys.stderr)
        return 2
    chosen = [by_name()[name] for name in options.target] or list(TARGETS)
    if options.input:
        return _try_file(chosen, options.input)
    seconds = options.minutes * 60 / len(chosen)
    if options.coverage:
        return _guided(chosen, seconds, options.seed, options.output)
    reports = []
    for target in chosen:
        report = engine.run(target, options.seed, inputs=options.inputs, seconds=seconds)
        reports.append(report)
        if not options.json:
            _show(report)
        report.findings = [_keep(target, finding, options.output) for finding in report.findings]
    if options.json:
        print(json.dumps(_document(reports, options.seed), indent=2))
    return 1 if any(report.findings for report in reports) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="for all targets together (5)")
    parser.add_argument("--inputs", type=int, default=0, help="so many inputs a target instead of a time")
    parser.add_argument("--target", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--seed", type=int, default=1, help="the same seed tries the same inputs (1)")
    parser.add_argument("--input", type=Path, help="try this one file on --target")
    parser.add_argument("--output", type=Path, default=FOUND, help="where inputs found are written")
    parser.add_argument("--coverage", action="store_true", help="guided by coverage; needs atheris")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    return parser.parse_args(arguments)


def _guided(chosen: Sequence[engine.Target], seconds: float, seed: int, output: Path) -> int:
    """Each target in a process of its own: what guides it must be there before anything is imported."""
    if importlib.util.find_spec("atheris") is None:
        print("--coverage needs atheris, which is not installed here: pip install atheris", file=sys.stderr)
        return 2
    output.mkdir(parents=True, exist_ok=True)
    found = 0
    for target in chosen:
        log = output / f"{target.name}.log"
        with log.open("w") as out:
            words = [target.name, str(max(1, int(seconds))), str(seed), str(output)]
            code = subprocess.call(
                [sys.executable, "-m", "tests.fuzz.guided", *words], stdout=out, stderr=subprocess.STDOUT
            )
        text = log.read_text(errors="replace")
        figures = dict(re.findall(r"stat::(\w+):\s+(\d+)", text))
        print(
            f"{target.name:<22}{figures.get('number_of_executed_units', '?'):>9} inputs "
            f"{figures.get('new_units_added', '?'):>6} brought new coverage  {'FOUND' if code else ''}",
            flush=True,
        )
        if code:
            found = 1
            print("\n".join(line for line in text.splitlines() if "FOUND" in line or "again:" in line))
    return found


def _try_file(chosen: Sequence[engine.Target], path: Path) -> int:
    data = path.read_bytes()
    code = 0
    for target in chosen:
        finding, shape = engine.attempt(target, data)
        print(f"{target.name}: {shape}")
        if finding is not None:
            print(f"{finding.reason}\n{finding.trace}")
            code = 1
    return code


def _show(report: engine.Report) -> None:
    rate = report.inputs / report.seconds if report.seconds else 0
    print(
        f"{report.target:<22}{report.inputs:>9} inputs {rate:>8.0f}/s {report.accepted:>9} accepted "
        f"{report.shapes:>5} shapes {report.slowest_ms:>8.0f} ms slowest  seed trace {report.trace[:12]}",
        flush=True,
    )


def _keep(target: engine.Target, finding: engine.Finding, output: Path) -> engine.Finding:
    small = engine.shrink(target, finding)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{target.name}-{hashlib.sha256(small.data).hexdigest()[:12]}"
    path.write_bytes(small.data)
    print(f"FOUND {target.name}: {small.reason}", file=sys.stderr)
    print(f"  at {small.where or '(no line)'}; {len(small.data)} bytes in {path}", file=sys.stderr)
    print(f"  again: ./scripts/fuzz --target {target.name} --input {path}", file=sys.stderr)
    return small


def _document(reports: Sequence[engine.Report], seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "targets": [
            {
                "target": report.target,
                "inputs": report.inputs,
                "accepted": report.accepted,
                "shapes": report.shapes,
                "seconds": round(report.seconds, 1),
                "slowest_ms": round(report.slowest_ms, 1),
                "trace": report.trace,
                "findings": [
                    {"reason": finding.reason, "where": finding.where, "input": finding.data.hex()[:2_000]}
                    for finding in report.findings
                ],
            }
            for report in reports
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
