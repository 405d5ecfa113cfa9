"""What a figure is: the values of several runs, what they were measured with, and how they are written down.

Decides the JSON of a result and the name of its file. Measures nothing: finality.py, audit.py and others do,
registry.py names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Say = Callable[[str], None]
"""Tells who waits what is going on."""


@dataclass
class Figure:
    """One figure, from several runs."""

    name: str
    unit: str
    values: list[float]
    """One for each run."""
    parameters: dict[str, Any]
    extra: dict[str, float] = field(default_factory=dict)
    """Numbers beside the median that belong to it, by name."""
    points: list[dict[str, float]] = field(default_factory=list)
    """For a figure with series: one object for each point, all with the same names."""
    label: str = ""
    """Tells it from the same figure with other parameters: a part of the file's name."""

    @property
    def file_name(self) -> str:
        """The file that holds the result: throughput-4.json."""
        return "-".join(filter(None, [self.name, self.label])) + ".json"

    def document(self, machine: dict[str, str | int]) -> dict[str, Any]:
        """The JSON object."""
        points = [{name: round(value, 2) for name, value in point.items()} for point in self.points]
        return {
            "figure": self.name,
            "unit": self.unit,
            "median": round(median(self.values), 2),
            "min": round(min(self.values), 2),
            "max": round(max(self.values), 2),
            **{name: round(value, 2) for name, value in self.extra.items()},
            "runs": len(self.values),
            "values": [round(value, 2) for value in self.values],
            **({"points": points} if points else {}),
            "parameters": self.parameters,
            "machine": machine,
        }


def percentile(values: Sequence[float], percent: int) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(1, -(-percent * len(ordered) // 100)) - 1]
