"""What one more transaction, a read, a restart and a settlement cost as log and accounts grow.

Decides what the figure is: the ratio of the largest size to the smallest. Measured in `walk.py`; the method
is in bench/README.md.
"""

from __future__ import annotations

from bench.figures import Figure, Say
from bench.lengths import LENGTHS, Lengths
from bench.walk import Point, walk

COSTS = (
    "transaction_us",
    "transaction_long_up_us",
    "node_transaction_us",
    "statement_us",
    "account_with_proof_us",
    "receipt_us",
    "settlement_ms",
    "restart_ready_s",
    "restart_first_vote_s",
)
"""What a user waits for, by its name in `walk.Point`; each is a series over the sizes."""


def growth(runs: int, say: Say, lengths: Lengths = LENGTHS) -> Figure:
    """Processor time of one more transaction at the largest size, in times of that at the smallest."""
    points = walk(runs, say, lengths)
    first, last = points[0], points[-1]
    cost = "transaction_us"
    values = [after / first.medians[cost] for after in last.values[cost]]
    ratios = {f"{_stem(name)}_times": last.medians[name] / first.medians[name] for name in COSTS}
    return Figure(
        "growth",
        "times",
        values,
        {"sizes": list(lengths.growth_sizes), "validators": 1, **parameters(lengths)},
        ratios,
        [_shown(point) for point in points],
    )


def parameters(lengths: Lengths) -> dict[str, int]:
    """With what a walk is measured, beside its sizes."""
    return {
        "organisations": lengths.organisations,
        "dues": lengths.dues,
        "due_decisions": lengths.due_decisions,
        "block_transactions": lengths.probe_block,
        "transactions_measured": lengths.probe_transactions,
        "statement_lines": lengths.statement_lines,
        "node_transactions": lengths.node_transactions,
    }


def _shown(point: Point) -> dict[str, float]:
    return {"size": point.size, **{name: point.medians[name] for name in COSTS}}


def _stem(name: str) -> str:
    """The name without its unit."""
    return name.rpartition("_")[0]
