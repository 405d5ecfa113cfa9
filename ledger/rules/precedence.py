"""Which refusal is given when several apply: the first in the order of RefusalCode, then of the body (T7)."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.refusals import Refusal


def foremost(found: Iterable[Refusal | None]) -> Refusal | None:
    """T7: the refusal with the lowest code; of several, the first in the order of the body."""
    return min((refusal for refusal in found if refusal is not None), key=_code, default=None)


def within(refusal: Refusal, field: str) -> Refusal:
    """The refusal of a part, said of the whole: its field's path continues `field`."""
    return refusal._replace(field=f"{field}.{refusal.field}" if refusal.field else field)


def _code(refusal: Refusal) -> int:
    return refusal.code
