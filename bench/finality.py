"""How many transactions become final in a second, and how soon one does.

No figure is taken from anywhere but a run of this program. The load generator is this process, the nodes
are others; whatever is sent was signed before the clock starts. The method is in bench/README.md.
"""

from __future__ import annotations

from statistics import median

from bench.figures import Figure, Say, percentile
from bench.load import flood, paced
from bench.network import ACCOUNTS, VALIDATORS, running_bench
from bench.sizes import SIZES, Sizes

MULTILEG_BATCH = 10


def throughput(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Single-leg transfers, signed one by one, final per second."""
    values = []
    with running_bench() as bench:
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            say(f"run {run + 1} of {runs}: signing {sizes.throughput_transactions:,} transfers")
            signed = bench.single_leg(sizes.throughput_transactions)
            seconds = flood(bench, signed, sizes.throughput_window)
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
        flood(
            bench,
            bench.multi_leg(sizes.warm_up_multileg, sizes.multileg_legs),
            sizes.multileg_window,
            MULTILEG_BATCH,
        )
        for run in range(runs):
            each = f"{sizes.multileg_transactions:,} transfers of {sizes.multileg_legs:,} legs"
            say(f"run {run + 1} of {runs}: signing {each}")
            signed = bench.multi_leg(sizes.multileg_transactions, sizes.multileg_legs)
            seconds = flood(bench, signed, sizes.multileg_window, MULTILEG_BATCH)
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
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            each = f"{sizes.latency_rate} transfers a second for {sizes.latency_seconds} s"
            say(f"run {run + 1} of {runs}: {each}")
            values = paced(
                bench, bench.single_leg(sizes.latency_rate * sizes.latency_seconds), sizes.latency_rate
            )
            p50s.append(percentile(values, 50))
            p99s.append(percentile(values, 99))
            say(f"  p50 {p50s[-1]:.1f} ms, p99 {p99s[-1]:.1f} ms")
    parameters = {
        "validators": VALIDATORS,
        "accounts": ACCOUNTS,
        "rate": sizes.latency_rate,
        "seconds": sizes.latency_seconds,
        "receipts": "verified",
    }
    return Figure("latency", "ms", p50s, parameters, {"p50": median(p50s), "p99": median(p99s)})
