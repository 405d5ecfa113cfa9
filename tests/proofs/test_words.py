"""Text that somebody else wrote reaches no terminal as it is."""

from __future__ import annotations

import pytest

from proofs.words import SHOWN_CHARACTERS_MAX, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, caffè, 協同組合 — 1:30", "plain, caffè, 協同組合 — 1:30"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("pay \u202eoreb", "pay \\u202eoreb"),
        ("half \ud83d", "half \\ud83d"),
        ("", ""),
    ],
)
def test_what_is_not_plainly_printed_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert printable("x" * SHOWN_CHARACTERS_MAX) == "x" * SHOWN_CHARACTERS_MAX
    shown = printable("x" * (SHOWN_CHARACTERS_MAX + 1))
    assert shown == "x" * SHOWN_CHARACTERS_MAX + f"… ({SHOWN_CHARACTERS_MAX + 1} characters)"
