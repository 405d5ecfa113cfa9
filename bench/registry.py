"""Every figure by its name."""

from __future__ import annotations

from collections.abc import Callable

from bench.audit import audit
from bench.figures import Figure
from bench.finality import latency, multileg, throughput

FIGURES: dict[str, Callable[..., Figure]] = {
    "throughput": throughput,
    "multileg": multileg,
    "latency": latency,
    "audit": audit,
}
