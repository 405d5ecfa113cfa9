"""How many transactions become final in a second, and how soon one does.

No figure is taken from anywhere but a run of this program. The load generator is this process, the nodes
are others; whatever is sent was signed before the clock starts. The method is in bench/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from bench.figures import Figure, Say, percentile
from bench.load import FLOW_BATCH, flood, paced
from bench.network import ACCOUNTS, MEMBERS, Bench, running_bench
from bench.redeeming import Redeeming
from bench.sizes import SIZES, Sizes

MULTILEG_BATCH = 10
SATURATED_MS = 2_000
"""From this p99 on, a higher rate would only make the queue longer."""
KEPT_UP = 0.9
"""A network that makes less than this part of what is offered final is saturated."""


def throughput(runs: int, say: Say, sizes: Sizes = SIZES, *, members: int = MEMBERS) -> Figure:
    """Single-leg transfers, signed one by one, final per second."""
    count = sizes.throughput_transactions // members
    with running_bench(members) as bench:
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        values = _rates(
            bench, runs, say, f"{count:,} transfers", lambda: bench.single_leg(count), sizes.throughput_window
        )
    parameters = _parameters(members, transactions=count, legs=1, window=sizes.throughput_window)
    return Figure("throughput", "transactions/s", values, parameters, label=str(members))


def multileg(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Legs final per second, in transfers of 1,000 legs over 1,000 accounts."""
    legs, window = sizes.multileg_legs, sizes.multileg_window
    with running_bench() as bench:
        flood(bench, bench.multi_leg(sizes.warm_up_multileg, legs), window, MULTILEG_BATCH)
        values = _rates(
            bench,
            runs,
            say,
            f"{sizes.multileg_transactions:,} transfers of {legs:,} legs",
            lambda: bench.multi_leg(sizes.multileg_transactions, legs),
            window,
            MULTILEG_BATCH,
        )
    parameters = _parameters(
        MEMBERS,
        distinct_accounts=1 + min(legs, ACCOUNTS - 1),
        transactions=sizes.multileg_transactions,
        legs=legs,
    )
    parameters["window"] = window
    return Figure("multileg", "legs/s", [value * legs for value in values], parameters, label=f"{legs}-legs")


def redemptions(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Shares redeemed at another federation's organisation, each signed by holder and provider, final per
    second."""
    window = sizes.throughput_window
    with running_bench() as bench:
        redeeming = Redeeming(bench)
        flood(bench, redeeming.redemptions(sizes.warm_up_transactions), window)
        values = _rates(
            bench,
            runs,
            say,
            f"{sizes.redemptions:,} redemptions",
            lambda: redeeming.redemptions(sizes.redemptions),
            window,
        )
    parameters = _parameters(MEMBERS, holders=redeeming.holders, organisations=redeeming.organisations)
    parameters |= {"transactions": sizes.redemptions, "signatures": 2, "window": window}
    return Figure("redemptions", "transactions/s", values, parameters)


def latency(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """From due time to a verified receipt, at 100 transactions a second: milliseconds."""
    rate, seconds = sizes.latency_rate, sizes.latency_seconds
    p50s, p99s = [], []
    with running_bench() as bench:
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            say(f"run {run + 1} of {runs}: {rate} transfers a second for {seconds} s")
            values, _ = paced(bench, bench.single_leg(rate * seconds), rate)
            p50s.append(percentile(values, 50))
            p99s.append(percentile(values, 99))
            say(f"  p50 {p50s[-1]:.1f} ms, p99 {p99s[-1]:.1f} ms")
    parameters = _parameters(MEMBERS, rate=rate, seconds=seconds, receipts="verified")
    extra = {"p50": median(p50s), "p99": median(p99s)}
    return Figure("latency", "ms", p50s, parameters, extra, label=str(rate))


def curve(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Latency to a verified receipt at rising rates, until the network is saturated; the value of a run is
    the most that was final in a second."""
    best: list[float] = []
    measured: dict[int, list[dict[str, float]]] = {}
    with running_bench() as bench:
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            points = []
            for rate in sizes.curve_rates:
                point = _point(bench, rate, sizes.curve_seconds)
                say(
                    f"run {run + 1} of {runs}: {rate:,} a second offered, {point['final']:,.0f} final, "
                    f"p50 {point['p50']:,.1f} ms, p99 {point['p99']:,.1f} ms"
                )
                points.append(point)
                measured.setdefault(rate, []).append(point)
                if point["final"] < rate * KEPT_UP or point["p99"] > SATURATED_MS:
                    break
            best.append(max(point["final"] for point in points))
    parameters = _parameters(MEMBERS, seconds=sizes.curve_seconds, receipts="verified")
    points = [
        {name: median(point[name] for point in of_rate) for name in ("offered", "final", "p50", "p99")}
        | {"runs": len(of_rate)}
        for of_rate in measured.values()
    ]
    return Figure("curve", "transactions/s", best, parameters, points=points, label=str(MEMBERS))


def _rates(
    bench: Bench,
    runs: int,
    say: Say,
    what: str,
    sign: Callable[[], Sequence[bytes]],
    window: int,
    batch: int = FLOW_BATCH,
) -> list[float]:
    """Transactions final per second, as fast as they are taken: one value for each run."""
    values = []
    for run in range(runs):
        say(f"run {run + 1} of {runs}: signing {what}")
        signed = sign()
        values.append(len(signed) / flood(bench, signed, window, batch))
        say(f"  {values[-1]:,.1f} transactions a second")
    return values


def _point(bench: Bench, rate: int, seconds: int) -> dict[str, float]:
    signed = bench.single_leg(rate * seconds)
    values, final = paced(bench, signed, rate)
    return {
        "offered": float(rate),
        "final": final,
        "p50": percentile(values, 50),
        "p99": percentile(values, 99),
    }


def _parameters(members: int, **others: Any) -> dict[str, Any]:
    return {"members": members, "accounts": ACCOUNTS, **others}
