"""How long the histories are whose growth, footprint and synchronisation are measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lengths:
    """The defaults are what a figure is measured with; tests measure less."""

    growth_sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Accounts, and as many transactions in the log, before any is measured; ascending."""
    organisations: int = 1_000
    """At every size; the other accounts are hosted by them."""
    dues: int = 100
    """Organisations that owe, and are owed, at each settlement."""
    due_decisions: int = 20
    """Decisions that take effect at the height of the settlement."""
    cycle_transactions: int = 40_000
    """Executed at each size to know what one costs: as many as fill LevelDB's list of newest records once."""
    probe_transactions: int = 1_000
    """Executed after each restart to know the same."""
    probe_block: int = 100
    reads: int = 500
    statement_lines: int = 100
    node_transactions: int = 5_000
    """Handed in to a node process after each restart."""
    long_up_transactions: int = 50_000
    """And so many, once, at the largest size."""
    sync_accounts: int = 10_000
    sync_transactions: int = 30_000
    """What the node that was away lacks."""
    sync_load_rate: int = 100
    """Transactions a second that the network takes meanwhile."""


LENGTHS = Lengths()
