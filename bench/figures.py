"""The four figures. Each function measures one and returns what `Figure` says; method in bench/README.md.

No figure is taken from anywhere but a run of this program. The load generator is this process, the nodes
are four others; whatever is sent was signed before the clock starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from audit.archive import write_export
from bench.network import ACCOUNTS, VALIDATORS, Bench, running_bench
from client.drafts import id_of
from client.flow import flow
from client.outcomes import Kind

Say = Callable[[str], None]

FLOW_BATCH = 200
MULTILEG_BATCH = 10


@dataclass(frozen=True)
class Sizes:
    """How much is sent. The defaults are what a figure is measured with; tests send less."""

    throughput_transactions: int = 15_000
    throughput_window: int = 6_000
    """Most on their way at once."""
    multileg_transactions: int = 200
    multileg_legs: int = 1_000
    multileg_window: int = 100
    latency_rate: int = 100
    """Transactions a second."""
    latency_seconds: int = 20
    audit_transactions: int = 20_000
    warm_up_transactions: int = 1_000
    warm_up_multileg: int = 10


SIZES = Sizes()


@dataclass
class Figure:
    """One figure, from several runs."""

    name: str
    unit: str
    values: list[float]
    """One for each run."""
    parameters: dict[str, Any]
    extra: dict[str, float] = field(default_factory=dict)

    def document(self, machine: dict[str, str | int]) -> dict[str, Any]:
        """The JSON object."""
        return {
            "figure": self.name,
            "unit": self.unit,
            "median": round(median(self.values), 2),
            "min": round(min(self.values), 2),
            "max": round(max(self.values), 2),
            **{name: round(value, 2) for name, value in self.extra.items()},
            "runs": len(self.values),
            "values": [round(value, 2) for value in self.values],
            "parameters": self.parameters,
            "machine": machine,
        }


def throughput(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Single-leg transfers, signed one by one, final per second."""
    values = []
    with running_bench() as bench:
        _flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            say(f"run {run + 1} of {runs}: signing {sizes.throughput_transactions:,} transfers")
            signed = bench.single_leg(sizes.throughput_transactions)
            seconds = _flood(bench, signed, sizes.throughput_window)
            values.append(len(signed) / seconds)
            say(f"  {values[-1]:,.0f} transactions a second")
    parameters = {
        "validators": VALIDATORS,
        "accounts": ACCOUNTS,
        "transactions": sizes.throughput_transactions,
        "legs": 1,
        "window": sizes.throughput_window,
    }
    return Figure("throughput", "transactions/s", values, parameters)


def multileg(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Legs final per second, in transfers of 1,000 legs over 1,000 accounts."""
    values = []
    with running_bench() as bench:
        _flood(
            bench,
            bench.multi_leg(sizes.warm_up_multileg, sizes.multileg_legs),
            sizes.multileg_window,
            MULTILEG_BATCH,
        )
        for run in range(runs):
            each = f"{sizes.multileg_transactions:,} transfers of {sizes.multileg_legs:,} legs"
            say(f"run {run + 1} of {runs}: signing {each}")
            signed = bench.multi_leg(sizes.multileg_transactions, sizes.multileg_legs)
            seconds = _flood(bench, signed, sizes.multileg_window, MULTILEG_BATCH)
            values.append(len(signed) * sizes.multileg_legs / seconds)
            say(f"  {values[-1]:,.0f} legs a second")
    parameters = {
        "validators": VALIDATORS,
        "accounts": ACCOUNTS,
        "transactions": sizes.multileg_transactions,
        "legs": sizes.multileg_legs,
        "window": sizes.multileg_window,
    }
    return Figure("multileg", "legs/s", values, parameters)


def latency(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """From sending to a verified receipt, at 100 transactions a second: milliseconds."""
    p50s, p99s = [], []
    with running_bench() as bench:
        _flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            each = f"{sizes.latency_rate} transfers a second for {sizes.latency_seconds} s"
            say(f"run {run + 1} of {runs}: {each}")
            values = _paced(
                bench, bench.single_leg(sizes.latency_rate * sizes.latency_seconds), sizes.latency_rate
            )
            p50s.append(_percentile(values, 50))
            p99s.append(_percentile(values, 99))
            say(f"  p50 {p50s[-1]:.1f} ms, p99 {p99s[-1]:.1f} ms")
    parameters = {
        "validators": VALIDATORS,
        "accounts": ACCOUNTS,
        "rate": sizes.latency_rate,
        "seconds": sizes.latency_seconds,
        "receipts": "verified",
    }
    return Figure("latency", "ms", p50s, parameters, {"p50": median(p50s), "p99": median(p99s)})


def audit(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Offline audit with full re-execution: transactions per second of one core's time; `all_cores`: as it
    runs, on all of them."""
    values, rates = [], []
    with tempfile.TemporaryDirectory(prefix="ayni-bench-") as temporary:
        history = Path(temporary) / "export"
        with running_bench() as bench:
            say(f"making a history of {sizes.audit_transactions:,} transfers")
            _flood(bench, bench.single_leg(sizes.audit_transactions), sizes.throughput_window)
            manifest = write_export(history, bench.testnet.signed_genesis, bench.client.export())
            genesis = bench.testnet.genesis_hash.hex()
        for run in range(runs):
            say(f"run {run + 1} of {runs}: verifying it in a process of its own")
            processor, passed = _audit_seconds(history, genesis)
            values.append(manifest["transactions"] / processor)
            rates.append(manifest["transactions"] / passed)
            say(f"  {values[-1]:,.0f} transactions a second of a core, {rates[-1]:,.0f} a second")
    parameters = {
        "validators": VALIDATORS,
        "accounts": ACCOUNTS,
        "transactions": manifest["transactions"],
        "blocks": manifest["blocks"],
        "legs": 1,
    }
    return Figure("audit", "transactions/s/core", values, parameters, {"all_cores": median(rates)})


FIGURES: dict[str, Callable[..., Figure]] = {
    "throughput": throughput,
    "multileg": multileg,
    "latency": latency,
    "audit": audit,
}


def _flood(bench: Bench, signed: Sequence[bytes], window: int, batch: int = FLOW_BATCH) -> float:
    """Sends all, as fast as they are taken; seconds from the first one sent to the last one final."""
    final = 0
    began = time.perf_counter()
    for outcome in flow(bench.client, signed, window=window, batch=batch):
        if outcome.kind is not Kind.FINAL:
            raise outcome.error() or RuntimeError("an outcome is neither")
        final += 1
    seconds = time.perf_counter() - began
    if final != len(signed):
        raise RuntimeError(f"{final} of {len(signed)} transactions have an outcome")
    return seconds


def _paced(bench: Bench, signed: Sequence[bytes], rate: int) -> list[float]:
    """Sends one every 1/rate seconds, whatever comes back; milliseconds from due time to verified receipt."""
    due: dict[bytes, float] = {}
    ids = [id_of(raw) for raw in signed]
    began = time.perf_counter() + 0.1

    def source() -> Iterator[bytes]:
        for index, raw in enumerate(signed):
            at = began + index / rate
            while (left := at - time.perf_counter()) > 0:
                time.sleep(left)
            due[ids[index]] = at
            yield raw

    values = []
    for outcome in flow(bench.client, source(), window=len(signed), batch=1, want_receipts=True):
        if outcome.kind is not Kind.FINAL or outcome.receipt is None:
            raise outcome.error() or RuntimeError("a final outcome has no receipt")
        values.append((time.perf_counter() - due[outcome.tx_id]) * 1000)
    return values


def _audit_seconds(history: Path, genesis: str) -> tuple[float, float]:
    """Processor time of one audit, and how long it took, in seconds. It runs in a process of its own;
    reading, its start-up, and the processes that it starts for other cores are included."""
    program = (
        "import resource, sys, time\n"
        "from audit import verify_export\n"
        "began, began_at = time.process_time(), time.perf_counter()\n"
        "report = verify_export(sys.argv[1], bytes.fromhex(sys.argv[2]))\n"
        "others = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "spent = time.process_time() - began + others.ru_utime + others.ru_stime\n"
        "print(spent, time.perf_counter() - began_at)\n"
        "sys.exit('; '.join(map(str, report.findings)) or None)\n"
    )
    tree = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": tree}
    done = subprocess.run(
        [sys.executable, "-c", program, str(history), genesis],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the audit failed: {done.stderr.strip()}")
    processor, passed = done.stdout.split()
    return float(processor), float(passed)


def _percentile(values: Sequence[float], percent: int) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(1, -(-percent * len(ordered) // 100)) - 1]
