"""What every view shares: where it was read, key sets, dues in words, basis points, hashes.

Pure. JSON never holds an amount as a number; see client/output.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ayni.v1 import keys_pb2, ledger_service_pb2
from client.output import Unit, amount_text, decimal_text, time_json, time_text

if TYPE_CHECKING:
    from rich.console import Console

Document = dict[str, Any]


def unit_or_parts(units: Mapping[str, Unit], code: str) -> Unit:
    """The unit of that code; of an unknown one, amounts are shown in smallest parts."""
    return units.get(code) or Unit(code, 1)


def read_at_json(at: ledger_service_pb2.ReadAt) -> Document:
    """Where an answer was read: height, state root, block time."""
    return {"height": at.height, "state_root": at.state_root.hex(), "time": time_json(at.time_ms)}


def read_at_text(at: ledger_service_pb2.ReadAt) -> str:
    """The line that ends every answer."""
    return f"Read at height {at.height:,}, {time_text(at.time_ms)}, state root {at.state_root.hex()}."


def print_read_at(target: Console, at: ledger_service_pb2.ReadAt) -> None:
    """An empty line, and where the answer was read."""
    target.print()
    target.print(read_at_text(at), soft_wrap=True)


def key_set_text(keys: keys_pb2.KeySet) -> str:
    """ "1 key", "2 of 3 keys"."""
    count = len(keys.public_keys)
    if count == 1:
        return "1 key"
    return f"{keys.threshold} of {count} keys"


def key_set_json(keys: keys_pb2.KeySet) -> Document:
    """A key set with its public keys in hex."""
    return {"threshold": keys.threshold, "public_keys": [key.hex() for key in keys.public_keys]}


def dues_text(dues_minor: int, unit: Unit) -> str:
    """Dues in words: who owes whom. Positive: the pool owes it."""
    if dues_minor > 0:
        return f"the pool owes it {amount_text(dues_minor, unit)}"
    if dues_minor < 0:
        return f"it owes the pool {amount_text(-dues_minor, unit)}"
    return "none"


def percent_text(basis_points: int) -> str:
    """6000 basis points as "60 %", 1250 as "12.5 %"."""
    whole, rest = divmod(basis_points, 100)
    fraction = f".{rest:02d}".rstrip("0") if rest else ""
    return f"{whole:,}{fraction} %"


def ratio_text(part: int, whole: int) -> str:
    """How often `whole` is covered by `part`, in percent with one decimal, rounded down; "-" of nothing."""
    if whole <= 0:
        return "-"
    tenths = max(part, 0) * 1000 // whole
    return f"{tenths // 10:,}.{tenths % 10} %"


def ratio_json(part: int, whole: int) -> str | None:
    """The same ratio as a decimal string with four decimals, rounded down; None of nothing."""
    if whole <= 0:
        return None
    scaled = max(part, 0) * 10_000 // whole
    return f"{scaled // 10_000}.{scaled % 10_000:04d}"


def amounts_json(unit: Unit, **amounts_minor: int) -> Document:
    """Named amounts as decimal strings."""
    return {name: decimal_text(amount, unit) for name, amount in amounts_minor.items()}
