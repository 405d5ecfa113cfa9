"""Every figure by its name, and the sizes of network at which it is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.audit import audit
from bench.calls import calls
from bench.figures import Figure
from bench.finality import curve, latency, multileg, redemptions, throughput
from bench.footprint import footprint
from bench.growth import growth
from bench.network import MEMBERS
from bench.sync import sync
from bench.wan import wan


class Measure(NamedTuple):
    """How a figure is measured."""

    run: Callable[..., Figure]
    """(runs, say) to the figure; and `members=` when there are several."""
    members: tuple[int, ...] = (MEMBERS,)
    """Sizes of network."""


FIGURES: dict[str, Measure] = {
    "throughput": Measure(throughput, (4, 7, 10)),
    "multileg": Measure(multileg),
    "redemptions": Measure(redemptions),
    "latency": Measure(latency),
    "curve": Measure(curve),
    "calls": Measure(calls),
    "wan": Measure(wan),
    "audit": Measure(audit),
    "sync": Measure(sync),
    "growth": Measure(growth),
    "footprint": Measure(footprint),
}
"""In the order in which `all` measures them."""
