"""What a node takes of memory and disk, for each transaction and each account.

Decides what the figure is: the memory of a node process at the largest size. Measured in `walk.py`; the
method is in bench/README.md.
"""

from __future__ import annotations

from bench.figures import Figure, Say
from bench.growth import parameters
from bench.sizes import SIZES, Sizes
from bench.walk import MIB, walk

TAKEN = (
    "node_mib",
    "node_own_mib",
    "node_files_mib",
    "node_started_mib",
    "disk_mib",
    "account_disk_bytes",
    "transaction_disk_bytes",
    "account_written_bytes",
    "transaction_written_bytes",
    "transaction_log_bytes",
    "write_amplification",
)
"""By the name in `walk.Point`; each is a series over the sizes."""

LONG_UP = ("node_long_up_mib", "node_long_up_own_mib")
"""At the largest size only."""


def footprint(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Memory of a node process that was restarted at the largest size and took some thousand transactions."""
    points = walk(runs, say, sizes.lengths)
    last = points[-1]
    extra = {name: last.medians[name] for name in (*TAKEN, *LONG_UP) if name != "node_mib"}
    if len(points) > 1:
        before = points[-2]
        grown = (last.medians["node_mib"] - before.medians["node_mib"]) * MIB
        extra["memory_bytes"] = grown / (last.size - before.size)
    series = [{"size": point.size, **{name: point.medians[name] for name in TAKEN}} for point in points]
    return Figure(
        "footprint",
        "MiB",
        last.values["node_mib"],
        {**parameters(sizes.lengths), "long_up_transactions": sizes.lengths.long_up_transactions},
        extra,
        series,
        str(last.size),
    )
