"""How much is sent to measure a figure."""

from __future__ import annotations

from dataclasses import dataclass

from bench.lengths import LENGTHS, Lengths


@dataclass(frozen=True)
class Sizes:
    """The defaults are what a figure is measured with; tests send less."""

    throughput_transactions: int = 60_000
    """Divided by the number of members."""
    throughput_window: int = 6_000
    """Most on their way at once."""
    redemptions: int = 8_000
    multileg_transactions: int = 200
    multileg_legs: int = 1_000
    multileg_window: int = 100
    latency_rate: int = 100
    """Transactions a second."""
    latency_seconds: int = 20
    curve_rates: tuple[int, ...] = (100, 250, 500, 1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000, 4_000)
    """Offered, in transactions a second, one after the other until the network is saturated."""
    curve_seconds: int = 6
    callers: tuple[int, ...] = (1, 20, 200)
    """Each with one call at a time."""
    calls_seconds: int = 6
    wan_delays_ms: tuple[int, ...] = (0, 10, 25, 50, 100)
    """One way."""
    wan_transactions: int = 60
    """At each delay, one at a time; then at a rate."""
    wan_rate: int = 20
    wan_seconds: int = 5
    audit_transactions: int = 50_000
    warm_up_transactions: int = 1_000
    warm_up_multileg: int = 10
    lengths: Lengths = LENGTHS


SIZES = Sizes()
