"""How text that somebody else wrote is shown: on one line, without control characters, and not without end.

Decides what may reach a terminal, a log or an error message, wherever the text came from: a file, a peer, a
ledger. Never decides what is valid; what is signed or hashed never passes through here.
"""

from typing import Final

SHOWN_CHARACTERS_MAX: Final = 500


def printable(text: str, characters_max: int = SHOWN_CHARACTERS_MAX) -> str:
    """`text` with everything escaped that is not plainly printed (control characters, line breaks, what turns
    the direction of writing, halves of characters), and cut to its beginning when it is long."""
    shown = _escaped(text[:characters_max])
    if len(shown) > characters_max or len(text) > characters_max:
        return f"{shown[:characters_max]}… ({len(text)} characters)"
    return shown


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        [each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text]
    )
