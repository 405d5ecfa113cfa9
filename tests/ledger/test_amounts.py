"""How an amount is written in its unit, also one that the ledger does not have or has no finite decimal."""

from __future__ import annotations

import pytest

from ledger.amounts import Unit, amount_text, duration_text, shown
from ledger.state import Overlay, State
from tests.ledger.world import standard


@pytest.mark.parametrize(
    ("code", "amount", "text"),
    [
        ("EUC", 123_450, "1,234.50 EUC"),
        ("EUC", -5, "-0.05 EUC"),
        ("HRS", 185, "3:05 HRS"),
        ("HRS", -90, "-1:30 HRS"),
        ("XYZ", 1_200, "1,200 XYZ"),  # no such unit: nothing is made of it
    ],
)
def test_an_amount_of_the_ledger_is_written_in_its_unit(code: str, amount: int, text: str) -> None:
    world = standard()
    assert shown(State(Overlay(world.state.block.base, None)), amount, code) == text


def test_a_part_without_a_finite_decimal_is_told_from_its_neighbours() -> None:
    unit = Unit("DAY", 7)
    assert [amount_text(parts, unit) for parts in (1, 2, 7)] == ["0.143 DAY", "0.286 DAY", "1 DAY"]


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (28 * 86_400_000, "28 d"),
        (4_344_704, "1 h 12 min 24 s"),
        (1_000, "1 s"),
        (250, "250 ms"),
        (0, "0 ms"),
    ],
)
def test_a_duration_is_written_to_the_second(length_ms: int, text: str) -> None:
    assert duration_text(length_ms) == text
