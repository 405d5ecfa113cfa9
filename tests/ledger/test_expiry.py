"""What has expired goes to the pool: the index over many pages, and closes in parts (S2)."""

from __future__ import annotations

import pytest

from ayni.v1 import credit_pb2, pool_pb2
from ledger import limits, records
from tests.ledger.bare import DAY_MS, START_DAY, Bare, define_class
from tests.ledger.holders import (
    HOURS,
    A,
    B,
    bare_with_classes,
    held,
    issue,
    redeem,
    serve,
)


def hours_of_120_people() -> Bare:
    """10 minutes each, in 120 holdings, all past their last day."""
    bare = Bare([f"f/o-{n:02}" for n in range(40)])
    people = [f"f/o-{n:02}:p-{p}" for n in range(40) for p in (1, 2, 3)]
    assert bare.do("f", define_class(HOURS, "HRS", expires_after_days=5)) is None
    lines = [(person, "f/o-00:p-1" if person != "f/o-00:p-1" else "f/o-00:p-2", 10) for person in people]
    assert bare.do(*serve("f/o-00", *lines)) is None
    bare.time_ms = (START_DAY + 6) * DAY_MS
    return bare


def test_expiry_looks_at_every_page_of_the_day_and_leaves_none() -> None:
    bare = hours_of_120_people()
    day = START_DAY + 5
    assert bare.state.get(records.ExpiryDayRecord, records.expiry_day_key(day)).entries == 120
    pages = [bare.state.get(records.ExpiryPageRecord, records.expiry_page_key(day, n)) for n in range(3)]
    assert [len(page.entries) for page in pages] == [64, 56, 0]
    bare.close()
    assert bare.result.settlement.units[1].expired_minor == 1_200
    assert sum(amount for amount, _, _ in held(bare, "pool", HOURS)) == 1_200
    assert not any(key.startswith((b"x|", b"y|")) for key, _ in bare.entries())
    assert not any(key.startswith(b"h|f/") for key, _ in bare.entries())
    bare.check()


def test_a_close_lets_no_more_expire_than_it_may_and_settles_when_the_rest_is_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S2: a thousand times as many would have taken longer than any view."""
    monkeypatch.setattr(limits, "EXPIRED_LOTS_MAX", 50)
    bare = hours_of_120_people()
    close = pool_pb2.ClosePeriod(period=1)
    seen: list[str] = []
    for part in (1, 2):
        assert bare.do("f", close) is None
        assert not bare.result.HasField("settlement")
        taken = [(each.class_id, each.holder) for each in bare.result.expired_part.holdings]
        assert len(taken) == 50
        assert taken == sorted(taken)
        seen += [holder for _, holder in taken]
        assert sum(amount for amount, _, _ in held(bare, "pool", HOURS)) == 500 * part
        assert all(not held(bare, holder, HOURS) for holder in seen)
        assert bare.state.pool_unit("HRS").expired == 500 * part
        assert bare.state.period()[:1] + bare.state.period()[-1:] == (1, part)
        bare.check()
    assert len(set(seen)) == 100
    assert bare.do("f", close) is None
    assert not bare.result.HasField("expired_part")
    assert bare.result.settlement.units[1].expired_minor == 1_200
    assert bare.state.pool_unit("HRS").expired == 0
    assert bare.state.period()[:1] + bare.state.period()[-1:] == (2, 0)
    assert not any(key.startswith((b"x|", b"y|")) for key, _ in bare.entries())
    bare.check()


def test_a_close_settles_at_last_whatever_is_left_to_expire_and_that_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S2: nobody keeps a period open by having ever more to expire."""
    monkeypatch.setattr(limits, "EXPIRED_LOTS_MAX", 30)
    monkeypatch.setattr(limits, "EXPIRY_PARTS_MAX", 2)
    bare = hours_of_120_people()
    for _ in range(2):
        assert bare.do("f", pool_pb2.ClosePeriod(period=1)) is None
        assert not bare.result.HasField("settlement")
    assert bare.do("f", pool_pb2.ClosePeriod(period=1)) is None
    assert len(bare.result.expired_part.holdings) == 30
    assert bare.result.settlement.units[1].expired_minor == 900
    assert bare.do("f", pool_pb2.ClosePeriod(period=2)) is None
    assert bare.result.settlement.units[1].expired_minor == 300
    assert not any(key.startswith((b"x|", b"y|")) for key, _ in bare.entries())
    bare.check()


def test_what_comes_between_two_parts_of_a_close_is_entered_with_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "EXPIRED_LOTS_MAX", 50)
    bare = hours_of_120_people()
    assert bare.do("f", pool_pb2.ClosePeriod(period=1)) is None
    assert bare.do(*serve("f/o-00", ("f/o-00:p-1", "f/o-00:p-2", 7))) is None  # expired at birth
    for _ in range(2):
        assert bare.do("f", pool_pb2.ClosePeriod(period=1)) is None
    assert bare.result.settlement.units[1].expired_minor == 1_207
    bare.check()


def test_what_a_reversal_restores_after_its_last_day_expires_at_the_next_close() -> None:
    bare = bare_with_classes(expires_after_days=5)
    assert bare.do(*issue(A, "f/a:p-1", 100)) is None
    assert bare.do(*redeem("f/a:p-1", B, 100)) is None
    original = bare.tx_id(bare.log_index - 1)
    bare.time_ms += 9 * DAY_MS
    bare.close()
    line = credit_pb2.ReversalLine(amount_minor=40)
    assert bare.do(B, credit_pb2.Reversal(original_tx_id=original, lines=[line])) is None
    assert held(bare, "f/a:p-1") == [(40, 2, 0)]
    figures = bare.close()
    assert figures.expired_minor == 40
    assert held(bare, "f/a:p-1") == []
    assert held(bare, "pool") == [(40, 0, 0)]
    bare.check()


def test_a_close_on_the_same_day_finds_what_was_late() -> None:
    bare = bare_with_classes(expires_after_days=5)
    bare.time_ms += 30 * DAY_MS
    bare.close()
    assert bare.do(*issue(A, "f/a:p-1", 100)) is None  # valued 30 days ago: expired at birth
    assert bare.close().expired_minor == 100
    assert bare.do(*issue(A, "f/a:p-2", 50)) is None
    assert bare.close().expired_minor == 50


def test_a_close_after_any_time_looks_no_further_than_anything_expires() -> None:
    bare = bare_with_classes(expires_after_days=limits.DAYS_MAX)
    assert bare.do(*issue(A, "f/a:p-1", 100)) is None
    bare.time_ms = limits.TIME_MAX_MS  # a hundred million days later: a quorum can say so
    assert bare.close().expired_minor == 100
    assert len(bare.overlay.reads) < 150_000
