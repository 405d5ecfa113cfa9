"""Which refusal is given when several apply: the first in the order of RefusalCode, then of the body (T7)."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.refusals import FIELD_INVALID, Refusal


def foremost(found: Iterable[Refusal | None]) -> Refusal | None:
    """T7: the refusal with the lowest code; of several, the first in the order of the body."""
    first: Refusal | None = None
    for refusal in found:
        if refusal is not None and (first is None or refusal.code < first.code):
            if (
                refusal.code <= FIELD_INVALID
            ):  # what is found in a body has no lower: a megabyte has many of it
                return refusal
            first = refusal
    return first


def within(refusal: Refusal, field: str) -> Refusal:
    """The refusal of a part, said of the whole: its field's path continues `field`."""
    return refusal._replace(field=f"{field}.{refusal.field}" if refusal.field else field)
