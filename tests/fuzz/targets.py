"""The list of targets: every function that reads what somebody else wrote."""

from __future__ import annotations

from functools import cache

from tests.fuzz import (
    targets_answers,
    targets_client,
    targets_compare,
    targets_network,
    targets_proofs,
    targets_store,
)
from tests.fuzz.engine import Target

TARGETS: tuple[Target, ...] = (
    *targets_proofs.TARGETS,
    *targets_compare.TARGETS,
    *targets_network.TARGETS,
    *targets_client.TARGETS,
    *targets_answers.TARGETS,
    *targets_store.TARGETS,
)


@cache
def by_name() -> dict[str, Target]:
    """Every target by its name."""
    return {target.name: target for target in TARGETS}
