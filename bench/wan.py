"""Finality over long lines: how soon a transaction is final when federations are far from each other.

Decides delays and what they are compared with. The lines are delayed by a process of their own
(client/testnet/wires.py); everything else is real. The method is in bench/README.md.
"""

from __future__ import annotations

from statistics import median

from bench.figures import Figure, Say, percentile
from bench.load import flood, one_by_one, paced
from bench.network import ACCOUNTS, MEMBERS, wired_bench
from bench.sizes import SIZES, Sizes


def wan(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """From sending to a verified receipt, by one-way delay: milliseconds; one transaction at a time, and at a
    low rate."""
    alone: dict[int, list[list[float]]] = {delay: [] for delay in sizes.wan_delays_ms}
    steady: dict[int, list[list[float]]] = {delay: [] for delay in sizes.wan_delays_ms}
    with wired_bench() as (bench, wires):
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            for delay in sizes.wan_delays_ms:
                wires.delay(delay)
                one_by_one(bench, bench.single_leg(MEMBERS))  # nothing of the delay before is on its way
                alone[delay].append(one_by_one(bench, bench.single_leg(sizes.wan_transactions)))
                signed = bench.single_leg(sizes.wan_rate * sizes.wan_seconds)
                steady[delay].append(paced(bench, signed, sizes.wan_rate)[0])
                p50s = [percentile(values[delay][-1], 50) for values in (alone, steady)]
                say(
                    f"run {run + 1} of {runs}: {delay} ms one way, one at a time p50 {p50s[0]:.1f} ms, "
                    f"{sizes.wan_rate} a second p50 {p50s[1]:.1f} ms"
                )
    none, *_, longest = sizes.wan_delays_ms
    computing = {percent: _of_runs(alone[none], percent) for percent in (10, 50, 99)}
    points = [
        _point(delay, alone[delay], computing)
        | {f"steady_p{percent}": _of_runs(steady[delay], percent) for percent in (50, 99)}
        for delay in sizes.wan_delays_ms
    ]
    parameters = {
        "members": MEMBERS,
        "accounts": ACCOUNTS,
        "transactions": sizes.wan_transactions,
        "rate": sizes.wan_rate,
        "seconds": sizes.wan_seconds,
        "one_way_delays_ms": list(sizes.wan_delays_ms),
        "value_is_at_ms": longest,
        "client": "beside one node",
        "receipts": "verified",
    }
    values = [percentile(run, 50) for run in alone[longest]]
    return Figure("wan", "ms", values, parameters, points=points, label=str(MEMBERS))


def _point(delay: int, runs: list[list[float]], computing: dict[int, float]) -> dict[str, float]:
    """`delays_pN`: how many one-way delays the percentile is above that without delay."""
    point: dict[str, float] = {"delay_ms": delay}
    for percent, base in computing.items():
        value = _of_runs(runs, percent)
        point[f"p{percent}"] = value
        if delay:
            point[f"delays_p{percent}"] = (value - base) / delay
        else:
            point[f"delays_p{percent}"] = 0.0
    return point


def _of_runs(runs: list[list[float]], percent: int) -> float:
    return median(percentile(values, percent) for values in runs)
