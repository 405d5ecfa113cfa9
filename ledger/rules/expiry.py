"""The index of holdings by expiry day, in pages, so that a close looks only at what expires (S2).

Invariant: a holding with a lot that expires has an entry on that day or, when that day was past already, on
day 0, at which every close looks first. An entry whose lots are gone is harmless.
"""

from __future__ import annotations

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


def take_expired(state: State, until: int) -> tuple[list[ExpiryEntry], bool]:
    """Entries of what was late, then of each day up to and with `until`, as many as their holdings have
    `EXPIRED_LOTS_MAX` lots together, and whether these are all; removes them from the pages."""
    until = min(until, limits.EXPIRY_DAY_MAX)  # block time can be any number of days beyond it
    taken: list[ExpiryEntry] = []
    left = limits.EXPIRED_LOTS_MAX
    for day in chain((_LATE,), range(max(1, state.period().expiry_done_until), until + 1)):
        day_key = records.expiry_day_key(day)
        entries = state.get(ExpiryDayRecord, day_key).entries
        while entries:
            if left <= 0:
                return taken, False
            page = (entries - 1) // _PAGE  # the last one: what stays is in order from the first
            page_key = records.expiry_page_key(day, page)
            kept = list(state.get(ExpiryPageRecord, page_key).entries)
            while kept and left > 0:
                entry = kept.pop()
                left -= max(1, len(state.holding(entry.holder, entry.class_id).lots))
                taken.append(entry)
            entries = page * _PAGE + len(kept)
            state.put(page_key, ExpiryPageRecord(tuple(kept)))
            state.put(day_key, ExpiryDayRecord(entries))
    return taken, True
