"""How much is sent to measure a figure of finality or of the audit."""

from __future__ import annotations

from dataclasses import dataclass


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
