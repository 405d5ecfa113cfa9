"""How fast an export is verified offline, by a process of its own. The method is in bench/README.md."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from audit.archive import write_export
from bench.figures import Figure, Say
from bench.load import flood
from bench.network import ACCOUNTS, MEMBERS, running_bench
from bench.sizes import SIZES, Sizes


def audit(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Offline audit with full re-execution: transactions per second of one core's time; `all_cores`: as it
    runs, on all of them."""
    values, rates = [], []
    with tempfile.TemporaryDirectory(prefix="ayni-bench-") as temporary:
        history = Path(temporary) / "export"
        with running_bench() as bench:
            say(f"making a history of {sizes.audit_transactions:,} transfers")
            flood(bench, bench.single_leg(sizes.audit_transactions), sizes.throughput_window)
            manifest = write_export(history, bench.testnet.signed_genesis, bench.client.export())
            genesis = bench.testnet.genesis_hash.hex()
        for run in range(runs):
            say(f"run {run + 1} of {runs}: verifying it in a process of its own")
            processor, passed = audit_seconds(history, genesis)
            values.append(manifest["transactions"] / processor)
            rates.append(manifest["transactions"] / passed)
            say(f"  {values[-1]:,.0f} transactions a second of a core, {rates[-1]:,.0f} a second")
    parameters = {
        "members": MEMBERS,
        "accounts": ACCOUNTS,
        "transactions": manifest["transactions"],
        "blocks": manifest["blocks"],
        "legs": 1,
    }
    return Figure("audit", "transactions/s/core", values, parameters, {"all_cores": median(rates)})


def audit_seconds(history: Path, genesis: str) -> tuple[float, float]:
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
