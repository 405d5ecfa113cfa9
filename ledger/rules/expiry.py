"""The index of holdings by expiry day, in pages, so that a close looks only at what expires (S2).

Invariant: a holding with a lot that expires has an entry on that day or, when that day was past already, on
day 0, at which every close looks first. An entry whose lots are gone is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from ledger import limits, records
from ledger.records import ExpiryDayRecord, ExpiryEntry, ExpiryPageRecord
from ledger.state import State

_PAGE: Final = limits.EXPIRY_PAGE_ENTRIES
_LATE: Final = 0


def index_expiry(state: State, day: int, today: int, class_id: str, holders: list[str]) -> None:
    """Enters the holdings of `holders`, which have a lot whose last day is `day` (since 1970-01-01)."""
    if day < today:
        day = _LATE
    entries = state.get(ExpiryDayRecord, records.expiry_day_key(day)).entries
    start = 0
    while start < len(holders):
        page, filled = divmod(entries, _PAGE)
        key = records.expiry_page_key(day, page)
        new = [ExpiryEntry(holder, class_id) for holder in holders[start : start + _PAGE - filled]]
        state.put(key, ExpiryPageRecord((*state.get(ExpiryPageRecord, key).entries, *new)))
        entries += len(new)
        start += len(new)
    state.put(records.expiry_day_key(day), ExpiryDayRecord(entries))


def take_expired(state: State, until: int) -> Iterator[ExpiryEntry]:
    """The entries of what was late, then of each day up to and with `until`; removes the pages."""
    until = min(until, limits.EXPIRY_DAY_MAX)  # block time can be any number of days beyond it
    for day in chain((_LATE,), range(max(1, state.period().expiry_done_until), until + 1)):
        key = records.expiry_day_key(day)
        entries = state.get(ExpiryDayRecord, key).entries
        if not entries:
            continue
        state.put(key, ExpiryDayRecord())
        for page in range(-(-entries // _PAGE)):
            page_key = records.expiry_page_key(day, page)
            yield from state.get(ExpiryPageRecord, page_key).entries
            state.put(page_key, ExpiryPageRecord())
