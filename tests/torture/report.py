"""What a run found, as a table for people and as one JSON object for machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tests.torture.checks import Told
from tests.torture.run import Row
from tests.torture.watch import MIB, Life

WARM_SECONDS = 10.0
"""What a process takes up after this long is where its growth is counted from."""


@dataclass
class Report:
    """One run."""

    seed: int
    minutes: float
    """How long faults were injected for."""
    machine: dict[str, str | int]
    disk: str
    rows: list[Row] = field(default_factory=list)
    heights: int = 0
    transactions: int = 0
    starts: int = 0
    """Processes of nodes that were started."""
    told: Told = field(default_factory=Told)
    lives: list[Life] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    checks: dict[str, bool] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything held."""
        return not self.wrong and all(self.checks.values())

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "seed": self.seed,
            "minutes": round(self.minutes, 1),
            "passed": self.passed,
            "machine": self.machine,
            "full_disk_is": self.disk,
            "faults": [_fault(row) for row in self.rows],
            "final_blocks": self.heights,
            "final_transactions": self.transactions,
            "node_processes_started": self.starts,
            "clients": asdict(self.told),
            "memory": [
                memory for memory in (self._memory(index) for index in range(len(self.names))) if memory
            ],
            "checks": self.checks,
            "wrong": self.wrong,
        }

    def _memory(self, index: int) -> dict[str, Any]:
        """Of one node: the most it took, and how its longest-lived process grew."""
        lives = [life for life in self.lives if life.node == index and life.samples]
        if not lives:
            return {}
        longest = max(lives, key=lambda life: life.seconds)
        warm = [size for age, size in longest.samples if age >= WARM_SECONDS] or [longest.samples[-1][1]]
        return {
            "node": self.names[index],
            "most_mib": round(max(size for life in lives for _, size in life.samples) / MIB),
            "longest_life_s": round(longest.seconds),
            "then_blocks": longest.last_height - longest.first_height,
            "warm_mib": round(warm[0] / MIB),
            "last_mib": round(warm[-1] / MIB),
        }

    def text(self) -> str:
        """As tables (Markdown), and what was wrong."""
        document = self.document()
        lines = [
            f"seed {self.seed}, {self.minutes:.1f} minutes of faults, {self.heights:,} final blocks, "
            f"{self.transactions:,} final transactions, {self.starts} node processes started",
            "",
            "| fault | times | longest wait for a final block meanwhile | final again after, median / max | "
            "in step again after, median / max | noted |",
            "| --- | --- | --- | --- | --- | --- |",
            *(_line(fault) for fault in document["faults"]),
            "",
            "| node | most memory | longest life | after 10 s | at its end | blocks meanwhile |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for each in document["memory"]:
            lines.append(
                f"| {each['node']} | {each['most_mib']} MiB | {each['longest_life_s']} s "
                f"| {each['warm_mib']} MiB | {each['last_mib']} MiB | {each['then_blocks']:,} |"
            )
        told = self.told
        lines += [
            "",
            f"Clients sent {sum(told.sent.values()):,} transactions and were told {_counts(told.answers)}. "
            f"{told.final:,} they know to be final, {told.expired:,} to have expired; {told.in_log_untold:,} "
            f"are in the log though nobody was told; of {told.undecided:,} they know nothing definite.",
            "",
            *(f"- {name}: {'yes' if held else 'NO'}" for name, held in self.checks.items()),
        ]
        lines += ["", *(f"WRONG: {each}" for each in self.wrong)] if self.wrong else []
        return "\n".join(lines)


def _fault(row: Row) -> dict[str, Any]:
    return {
        "fault": row.name,
        "what": row.what,
        "times": row.times,
        "meanwhile_longest_gap_s": round(max(row.gaps), 1) if row.gaps else None,
        "stood_still": row.stood_still,
        "final_again_s": _spread(row.final),
        "in_step_again_s": _spread(row.in_step),
        "notes": row.notes,
    }


def _spread(values: list[float]) -> dict[str, float] | None:
    return {"median": round(median(values), 1), "max": round(max(values), 1)} if values else None


def _line(fault: dict[str, Any]) -> str:
    gap = fault["meanwhile_longest_gap_s"]
    meanwhile = (
        f"{gap} s" if gap is not None else "none, as no quorum was left" if fault["stood_still"] else ""
    )
    spreads = [
        f"{spread['median']} / {spread['max']} s" if spread else ""
        for spread in (fault["final_again_s"], fault["in_step_again_s"])
    ]
    notes = ", ".join(f"{words} {count}" for words, count in sorted(fault["notes"].items()))
    return f"| {fault['what']} | {fault['times']} | {meanwhile} | {' | '.join(spreads)} | {notes} |"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,} times" for name, count in sorted(counts.items()))
