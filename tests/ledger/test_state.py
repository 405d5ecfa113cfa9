"""The final state's decoded records: bounded, and always what was written last."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import records, state
from ledger.records import BalanceRecord
from ledger.state import Base, MemoryReader

KEPT_MAX = 40


def key(number: int) -> bytes:
    return b"b|emilia/a-%d|EUC" % number


def test_blocks_that_write_more_than_is_kept_leave_no_more_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An eighth left with each block, however much more a block had brought."""
    monkeypatch.setattr(state, "_CACHED_RECORDS_MAX", KEPT_MAX)
    reader = MemoryReader(3)
    base = Base(reader, reader.get)
    for block in range(10):
        writes: dict[bytes, tuple[Any, ...]] = {}
        writes |= {key(20 * block + number): BalanceRecord(block + 1) for number in range(20)}
        reader.write({each: records.encode(record) for each, record in writes.items()})
        base.advance(writes)
        assert len(base._records) <= KEPT_MAX

    found = [base.record(BalanceRecord, key(number)) for number in range(200)]

    assert found == [BalanceRecord(number // 20 + 1) for number in range(200)]
    assert len(base._records) <= KEPT_MAX
