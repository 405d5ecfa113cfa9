"""Reads the vector files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent


def load(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((DIRECTORY / f"{name}.json").read_text())
    return value


def named(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Arguments for pytest.mark.parametrize, one case each, by its name."""
    return {"argvalues": cases, "ids": [str(case["name"]) for case in cases]}
