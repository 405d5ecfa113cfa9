"""One target under atheris, guided by coverage: for long runs, where atheris is installed.

`python -m tests.fuzz.guided TARGET SECONDS SEED OUTPUT`. Decides nothing about findings: tests/fuzz/engine.py
does. Every room of the tree is instrumented; libFuzzer mutates, and every second input is changed by the
target's own mutation, which knows its form. Ends with 1 at the first finding, whose input is in OUTPUT.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from random import Random
from typing import Any

ROOMS = ["proofs", "config", "ledger", "consensus", "audit", "node", "client"]
INPUT_BYTES_MAX = 1 << 16


def main(name: str, seconds: int, seed: int, output: Path) -> None:
    """Fuzzes until the time is over or something is found; does not return."""
    import atheris

    with atheris.instrument_imports(include=ROOMS):
        from tests.fuzz import engine
        from tests.fuzz.targets import by_name

    target = by_name()[name]
    pool = list(target.seeds())
    corpus = output / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in pool:
        (corpus / hashlib.sha256(data).hexdigest()).write_bytes(data)

    def attempt(data: bytes) -> None:
        finding, _ = engine.attempt(target, data)
        if finding is None:
            return
        path = output / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        print(f"FOUND {name}: {finding.reason}\n  at {finding.where}\n{finding.trace}", file=sys.stderr)
        print(f"  again: ./scripts/fuzz --target {name} --input {path}", file=sys.stderr)
        raise RuntimeError(finding.reason)

    def mutate(data: bytes, size_max: int, chance_seed: int) -> bytes:
        chance = Random(chance_seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, size_max))
        return target.mutate(chance, data, pool)[:size_max]

    bounds = [f"-max_len={INPUT_BYTES_MAX}", "-rss_limit_mb=4096"]
    options = [f"-max_total_time={seconds}", f"-seed={seed}", *bounds]
    quiet = ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={output}/"]
    arguments: Any = [sys.argv[0], str(corpus), *options, *quiet]
    atheris.Setup(arguments, attempt, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
