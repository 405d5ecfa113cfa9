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

BESIDE = 0
"""The node that the client is beside (network.wired_bench)."""

Runs = list[list[float]]
"""Milliseconds, a list for each run."""


class Measured:
    """What was measured at one delay."""

    def __init__(self) -> None:
        self.every: Runs = []
        """One transaction at a time."""
        self.near: Runs = []
        """Of these, those in a block led by the client's own node."""
        self.far: Runs = []
        """And those in one led by another."""
        self.steady: Runs = []
        """At a low rate."""

    def take(self, values: list[tuple[float, int]], steady: list[float]) -> None:
        """One run."""
        self.every.append([value for value, _ in values])
        self.near.append([value for value, leader in values if leader == BESIDE])
        self.far.append([value for value, leader in values if leader != BESIDE])
        self.steady.append(steady)


def wan(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """From sending to a verified receipt, by one-way delay: milliseconds; one transaction at a time, and at a
    low rate."""
    measured = {delay: Measured() for delay in sizes.wan_delays_ms}
    with wired_bench() as (bench, wires):
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            for delay, at_delay in measured.items():
                wires.delay(delay)
                one_by_one(bench, bench.single_leg(MEMBERS))  # nothing of the delay before is on its way
                alone = one_by_one(bench, bench.single_leg(sizes.wan_transactions))
                signed = bench.single_leg(sizes.wan_rate * sizes.wan_seconds)
                at_delay.take(alone, paced(bench, signed, sizes.wan_rate)[0])
                p50s = [percentile(of[-1], 50) for of in (at_delay.every, at_delay.steady)]
                say(
                    f"run {run + 1} of {runs}: {delay} ms one way, one at a time p50 {p50s[0]:.1f} ms, "
                    f"{sizes.wan_rate} a second p50 {p50s[1]:.1f} ms"
                )
    shortest, *_, longest = sizes.wan_delays_ms
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
    points = [_point(delay, at_delay, measured[shortest]) for delay, at_delay in measured.items()]
    values = [percentile(run, 50) for run in measured[longest].every]
    return Figure("wan", "ms", values, parameters, points=points, label=str(MEMBERS))


def _point(delay: int, here: Measured, none: Measured) -> dict[str, float]:
    """`delays_…`: how many one-way delays a median is above that without delay."""
    near, far = _of_runs(here.near, 50), _of_runs(here.far, 50)
    return {
        "delay_ms": delay,
        "p50": _of_runs(here.every, 50),
        "p99": _of_runs(here.every, 99),
        "near_p50": near,
        "far_p50": far,
        "delays_near": (near - _of_runs(none.near, 50)) / delay if delay else 0.0,
        "delays_far": (far - _of_runs(none.far, 50)) / delay if delay else 0.0,
        "steady_p50": _of_runs(here.steady, 50),
        "steady_p99": _of_runs(here.steady, 99),
    }


def _of_runs(runs: Runs, percent: int) -> float:
    return median(percentile(values, percent) for values in runs if values)
