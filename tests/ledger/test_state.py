"""The final state's decoded records: bounded, and always what was written last."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import records, state
from ledger.records import BalanceRecord, HoldingRecord, Lot
from ledger.state import Base, MemoryReader

RECENT_MAX = 40
BLOCK = 20


def key(number: int) -> bytes:
    return b"b|emilia/a-%d|EUC" % number


def test_what_was_written_last_is_found_and_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block writes twenty records, ten of them for the second time."""
    monkeypatch.setattr(state, "_RECENT_RECORDS_MAX", RECENT_MAX)
    reader = MemoryReader(3)
    base = Base(reader, reader.get)
    expected: dict[int, BalanceRecord] = {}

    def all_are_found() -> None:
        assert {number: base.record(BalanceRecord, key(number)) for number in expected} == expected
        assert len(base._recent) < RECENT_MAX
        assert len(base._older) < RECENT_MAX + BLOCK

    for block in range(20):
        written = {BLOCK // 2 * block + number: BalanceRecord(block + 1) for number in range(BLOCK)}
        expected |= written
        writes: dict[bytes, tuple[Any, ...]] = {key(number): each for number, each in written.items()}
        reader.write({each: records.encode(record) for each, record in writes.items()})
        base.advance(writes)
        if block % 3 == 0:
            all_are_found()
    all_are_found()


def test_a_record_that_is_asked_for_again_and_again_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_RECENT_RECORDS_MAX", RECENT_MAX)
    reader = MemoryReader(3)
    reader.write({key(number): records.encode(BalanceRecord(number + 1)) for number in range(400)})
    asked: list[bytes] = []

    def value_of(each: bytes) -> bytes | None:
        asked.append(each)
        return reader.get(each)

    base = Base(reader, value_of)
    for number in range(1, 400):
        assert base.record(BalanceRecord, key(0)) == BalanceRecord(1)
        assert base.record(BalanceRecord, key(number)) == BalanceRecord(number + 1)

    assert asked == [key(number) for number in range(400)]


@pytest.mark.parametrize("is_written", [True, False])
def test_a_record_of_many_lots_counts_as_so_many(monkeypatch: pytest.MonkeyPatch, is_written: bool) -> None:
    monkeypatch.setattr(state, "_RECENT_RECORDS_MAX", RECENT_MAX)
    reader = MemoryReader(3)
    lots = tuple([Lot("emilia/cadiai", 1, number, 0, 7) for number in range(9)])
    writes: dict[bytes, tuple[Any, ...]] = {key(number): HoldingRecord(lots) for number in range(40)}
    reader.write({each: records.encode(record) for each, record in writes.items()})
    base = Base(reader, reader.get)
    for each, record in writes.items():
        if is_written:
            base.advance({each: record})
        assert base.record(HoldingRecord, each) == record
        assert len(base._recent) + len(base._older) <= 2 * RECENT_MAX // 10
