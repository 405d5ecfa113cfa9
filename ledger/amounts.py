"""How an amount is written: exactly, in its unit, by integer arithmetic; and how a duration is.

Decides the text of amounts in refusals, and at the client everywhere ("1,234.50 EUC", "3:05 HRS"). Never
decides about an amount, and nothing that is hashed depends on it but the reason of a void decision (M3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ayni.v1 import genesis_pb2

if TYPE_CHECKING:
    from ledger.state import State


@dataclass(frozen=True)
class Unit:
    """A unit of the network, as its genesis defines it."""

    code: str
    scale: int
    """Smallest parts in one: 100 for EUC, 60 for HRS."""
    hours: bool = False


def shown(state: State, amount_minor: int, code: str) -> str:
    """An amount of a unit of the ledger, for a person; of one that it does not have, as it is."""
    unit = state.unit(code)
    return amount_text(amount_minor, Unit(code, unit.scale or 1, unit.nature == genesis_pb2.NATURE_HOURS))


def amount_text(amount_minor: int, unit: Unit, *, with_unit: bool = True) -> str:
    """An amount for a person: "1,234.50 EUC", "-3:05 HRS"."""
    if unit.hours and unit.scale == 60:
        sign = "-" if amount_minor < 0 else ""
        hours, minutes = divmod(abs(amount_minor), 60)
        figure = f"{sign}{hours:,}:{minutes:02d}"
    else:
        whole, dot, fraction = decimal_text(abs(amount_minor), unit).partition(".")
        figure = ("-" if amount_minor < 0 else "") + f"{int(whole):,}{dot}{fraction}"
    return f"{figure} {unit.code}" if with_unit else figure


def decimal_text(amount_minor: int, unit: Unit) -> str:
    """An amount as an exact decimal string, for JSON and CSV: "-12.34".

    A part that has no finite decimal is written with as many digits as tell it from its neighbours.
    """
    sign = "-" if amount_minor < 0 else ""
    whole, rest = divmod(abs(amount_minor), unit.scale)
    digits = _digits(unit.scale)
    if is_decimal(unit.scale):
        return f"{sign}{whole}.{rest * 10**digits // unit.scale:0{digits}d}" if digits else f"{sign}{whole}"
    scaled, remainder = divmod(rest * 10**digits, unit.scale)
    if 2 * remainder >= unit.scale:
        scaled += 1
    fraction = f"{scaled:0{digits}d}".rstrip("0") if remainder == 0 else f"{scaled:0{digits}d}"
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def duration_text(length_ms: int) -> str:
    """A duration to the second: "28 d", "1 h 12 min 24 s"; below a second "250 ms"."""
    seconds = length_ms // 1000
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:,} {name}")
    return " ".join(parts) or f"{length_ms} ms"


def is_decimal(scale: int) -> bool:
    """Whether every part of a unit of that scale has a finite decimal."""
    power: int = 10 ** _digits(scale)
    return power % scale == 0


def _digits(scale: int) -> int:
    """Decimal digits that tell the parts of one apart: 2 for 100, 4 for 60 (inexact)."""
    digits = 0
    while 10**digits % scale and digits < len(str(scale)) + 2:
        digits += 1
    return digits
