"""What one more transaction, a read, a restart and a settlement cost as log and accounts grow.

Decides what the figure is: the ratio of the largest size to the smallest. Measured in `walk.py`; the method
is in bench/README.md.
"""

from __future__ import annotations

from typing import Any

from bench.figures import Figure, Say
from bench.lengths import Lengths
from bench.sizes import SIZES, Sizes
from bench.walk import Point, walk

COSTS = (
    "transaction_us",
    "transaction_steady_verifications",
    "transaction_same_accounts_us",
    "transaction_same_accounts_steady_verifications",
    "transaction_restarted_us",
    "transaction_restarted_steady_verifications",
    "node_transaction_us",
    "statement_us",
    "account_with_proof_us",
    "receipt_us",
    "settlement_ms",
    "restart_ready_s",
    "restart_first_vote_s",
)
"""What a user waits for, by its name in `walk.Point`; each is a series over the sizes."""


def growth(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Processor time of one more transaction at the largest size, in times of that at the smallest, by the
    speed that the core had at each."""
    points = walk(runs, say, sizes.lengths)
    first, last = points[0], points[-1]
    cost = "transaction_steady_verifications"
    values = [after / first.medians[cost] for after in last.values[cost]]
    ratios = {f"{_stem(name)}_times": last.medians[name] / first.medians[name] for name in COSTS}
    return Figure(
        "growth",
        "times",
        values,
        parameters(sizes.lengths),
        ratios,
        [_shown(point) for point in points],
        str(last.size),
    )


def parameters(lengths: Lengths) -> dict[str, Any]:
    """With what a walk is measured."""
    return {
        "members": 1,
        "sizes": list(lengths.growth_sizes),
        "organisations": lengths.organisations,
        "dues": lengths.dues,
        "due_decisions": lengths.due_decisions,
        "transactions_measured": lengths.cycle_transactions,
        "transactions_measured_restarted": lengths.probe_transactions,
        "block_transactions": lengths.probe_block,
        "reads": lengths.reads,
        "statement_lines": lengths.statement_lines,
        "node_transactions": lengths.node_transactions,
    }


def _shown(point: Point) -> dict[str, float]:
    return {"size": point.size, **{name: point.medians[name] for name in COSTS}}


def _stem(name: str) -> str:
    """The name without its unit."""
    return name.rpartition("_")[0]
