"""What a view prints into a pipe."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console

from ayni.v1 import ledger_service_pb2
from client.output import Unit

EUC = Unit("EUC", 100)
HRS = Unit("HRS", 60, hours=True)
UNITS = {"EUC": EUC, "HRS": HRS}
TIME_MS = 1_767_225_600_000
"""2026-01-01."""
AT = ledger_service_pb2.ReadAt(height=1_234, state_root=bytes(31) + b"\x07", time_ms=TIME_MS)
READ_AT = "Read at height 1,234, 2026-01-01 00:00:00 UTC, state root " + "0" * 63 + "7."


def shown(render: Callable[[Console], None]) -> list[str]:
    """The lines that `render` prints."""
    buffer = io.StringIO()
    render(Console(file=buffer, width=10_000, highlight=False, markup=False, emoji=False, color_system=None))
    return buffer.getvalue().splitlines()
