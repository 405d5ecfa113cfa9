"""Lots at their limits, the expiry index over many pages, and books that hold after any sequence of steps."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ayni.v1 import credit_pb2, entitlements_pb2, pool_pb2, result_pb2
from ledger import limits, records
from ledger.records import Lot
from ledger.refusals import Refusal
from ledger.rules import originals
from ledger.rules.classes import ClassPolicy, find_class
from ledger.rules.held import HeldLots
from ledger.rules.lots import fold_oldest, insert_lot, lots_to_restore, order_of_use, uses_by_line
from tests.ledger.bare import DAY_MS, HASH, START_DAY, Bare, define_class

A, B, C = "f/a", "f/b", "g/c"
SHARES, HOURS = "shares@f", "hours@f"


def bare_with_classes(*, expires_after_days: int = 0, cap: int = 0) -> Bare:
    """Three organisations with ceilings and credit, a class of shares and one of hours."""
    bare = Bare([A, B, C])
    for name in (A, B, C):
        for unit in ("EUC", "HRS"):
            bare.organisation(name, unit, limit=5_000, ceiling=2_000)
    for federation, organisations in (("f", 2), ("g", 1)):
        for unit in ("EUC", "HRS"):
            used = records.QuotaRecord(10**15, organisations * 7_000)
            bare.put(records.quota_key(federation, unit), used)
    for class_id, unit in ((SHARES, "EUC"), (HOURS, "HRS")):
        done = bare.do("f", define_class(class_id, unit, expires_after_days=expires_after_days, cap=cap))
        assert done is None
    return bare


def issue(issuer: str, holder: str, amount: int, value_date: int = START_DAY) -> Any:
    line = entitlements_pb2.IssueLine(holder=holder, items=amount, value_date=value_date, document_hash=HASH)
    return issuer, entitlements_pb2.IssueEntitlements(class_id=SHARES, lines=[line])


def give(holder: str, receiver: str, amount: int, class_id: str = SHARES) -> Any:
    return holder, entitlements_pb2.GiveEntitlements(
        holder=holder, receiver=receiver, class_id=class_id, amount_minor=amount
    )


def donate(holder: str, amount: int, class_id: str = SHARES) -> Any:
    return holder, entitlements_pb2.DonateEntitlements(holder=holder, class_id=class_id, amount_minor=amount)


def redeem(holder: str, provider: str, amount: int, served_by: str = "") -> Any:
    return provider, entitlements_pb2.RedeemEntitlements(
        holder=holder,
        provider=provider,
        class_id=HOURS if served_by else SHARES,
        amount_minor=amount,
        value_date=START_DAY,
        served_by=served_by,
    )


def serve(host: str, *lines: tuple[str, str, int], paid_by: str = "") -> Any:
    record = entitlements_pb2.RecordService(class_id=HOURS)
    for served_by, recipient, amount in lines:
        line = record.lines.add(
            served_by=served_by, recipient=recipient, value_date=START_DAY, amount_minor=amount
        )
        if paid_by:
            line.credits.holder = paid_by
        else:
            line.organisation.SetInParent()
    return host, record


def lot(amount: int, origin: int, line: int = 0, date: int = START_DAY, issuer: str = A) -> Lot:
    return Lot(issuer, amount, origin, line, date)


def held(bare: Bare, holder: str, class_id: str = SHARES) -> list[tuple[int, int, int]]:
    return [
        (item.amount, item.origin, item.origin_line) for item in bare.state.holding(holder, class_id).lots
    ]


# --- lots -------------------------------------------------------------------------------------------------


def test_lots_stand_in_order_of_use_and_equal_ones_merge() -> None:
    lots: list[Lot] = []
    for item in (lot(1, 5), lot(2, 4), lot(3, 4, 1), lot(4, 9, date=START_DAY - 1), lot(5, 4)):
        insert_lot(lots, item)
    assert [(item.amount, item.origin, item.origin_line) for item in lots] == [
        (4, 9, 0),
        (7, 4, 0),
        (3, 4, 1),
        (1, 5, 0),
    ]
    assert lots == sorted(lots, key=order_of_use)


def test_a_redemption_is_restored_latest_lot_first_and_where_the_last_reversal_stopped() -> None:
    used = [
        result_pb2.LotUse(line=0, issuer=A, amount_minor=30, origin=1, value_date=7, expires_on=9),
        result_pb2.LotUse(line=1, issuer=A, amount_minor=99, origin=2),
        result_pb2.LotUse(line=0, issuer=B, amount_minor=20, origin=3, issuer_only=True),
    ]
    uses = uses_by_line(used)[0]
    first = lots_to_restore(uses, 0, 15)
    second = lots_to_restore(uses, 15, 10)
    third = lots_to_restore(uses, 25, 25)
    assert [(item.issuer, item.amount) for item in first] == [(B, 15)]
    assert [(item.issuer, item.amount) for item in second] == [(B, 5), (A, 5)]
    assert [(item.issuer, item.amount) for item in third] == [(A, 25)]
    assert second[0] == Lot(B, 5, 3, 0, 0, 0, True)
    assert second[1] == Lot(A, 5, 1, 0, 7, 9, False)


def full_of_hours(bare: Bare, holder: str = "f/a:p-1") -> None:
    lines = [(holder, "f/a:p-2" if holder != "f/a:p-2" else "f/a:p-3", 1)] * limits.LOTS_MAX
    assert bare.do(*serve(A, *lines)) is None
    assert len(held(bare, holder, HOURS)) == limits.LOTS_MAX


def test_care_is_recorded_for_who_holds_the_most_lots_and_the_two_oldest_become_one() -> None:
    bare = bare_with_classes()
    full_of_hours(bare)
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 7))) is None
    lots = held(bare, "f/a:p-1", HOURS)
    assert len(lots) == limits.LOTS_MAX
    assert (lots[0], lots[1], lots[-1]) == ((2, 2, 1), (1, 2, 2), (7, 3, 0))
    bare.check()


def test_what_joined_a_later_lot_has_lost_its_tag_and_cannot_be_taken_back() -> None:
    bare = bare_with_classes()
    full_of_hours(bare)
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 7))) is None

    def take_back(log_index: int, line: int, amount: int) -> Refusal | None:
        lines = [credit_pb2.ReversalLine(line=line, amount_minor=amount)]
        original = bare.tx_id(log_index)
        return bare.do("f/a:p-1", credit_pb2.Reversal(original_tx_id=original, lines=lines))

    refusal = take_back(2, 0, 1)
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("NOT_ENOUGH_HELD", "reversal.lines[0].amount_minor")
    assert "still holds 0.00 HRS of what that line gave it" in refusal.message
    assert take_back(2, 1, 1) is None
    assert take_back(3, 0, 7) is None
    assert held(bare, "f/a:p-1", HOURS)[0] == (1, 2, 1)
    bare.check()


def test_a_full_holding_takes_gifts_and_what_a_reversal_restores() -> None:
    bare = bare_with_classes()
    full_of_hours(bare)
    assert bare.do(*redeem("f/a:p-1", B, 3, served_by="f/b:p-1")) is None
    assert bare.do(*serve(A, *[("f/a:p-1", "f/a:p-2", 1)] * 3)) is None
    lines = [credit_pb2.ReversalLine(line=0, amount_minor=3)]
    original = bare.tx_id(3)
    assert bare.do(B, credit_pb2.Reversal(original_tx_id=original, lines=lines)) is None
    assert bare.do(*serve(A, ("f/a:p-2", "f/a:p-3", 1))) is None
    assert bare.do(*give("f/a:p-2", "f/a:p-1", 1, HOURS)) is None
    lots = held(bare, "f/a:p-1", HOURS)
    assert (len(lots), sum(amount for amount, _, _ in lots)) == (limits.LOTS_MAX, limits.LOTS_MAX + 4)
    bare.check()


def test_only_lots_of_one_issuer_and_alike_become_one() -> None:
    expired = Lot(A, 1, 0, 0, 1, 9)
    lots = [
        expired,
        Lot(B, 2, 0, 1, 1, 20),
        Lot(A, 4, 0, 2, 1, 20),
        Lot(A, 8, 0, 3, 1, 20, True),
        Lot(A, 16, 0, 4, 2, 21),
        Lot(B, 32, 0, 5, 2, 21),
    ]
    assert fold_oldest(lots, 10)
    assert lots == [expired, lots[1], Lot(A, 8, 0, 3, 1, 20, True), Lot(A, 20, 0, 4, 2, 21), lots[4]]
    assert fold_oldest(lots, 10)
    assert [item.amount for item in lots] == [1, 8, 20, 34]
    assert not fold_oldest(lots, 10)
    assert fold_oldest(lots, 9)
    assert [item.amount for item in lots] == [8, 21, 34]


def test_a_holding_of_as_many_issuers_takes_no_other() -> None:
    bare = bare_with_classes()
    lots = tuple([Lot(f"f/i-{n}", 1, 0, n, 1) for n in range(limits.LOTS_MAX)])
    bare.put(records.holding_key("f/a:p-1", HOURS), records.HoldingRecord(lots))
    refusal = bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 1)))
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("LOTS_TOO_MANY", "record_service.lines[0].served_by")
    assert "would hold 1025 lots of class hours@f, no two of one issuer; at most 1024" in refusal.message


def test_one_transaction_uses_at_most_so_many_lots() -> None:
    bare = bare_with_classes()
    bare.parameter(5, "HRS", limits.AMOUNT_MAX)  # nobody attests
    holders = [f"f/a:h-{n:02}" for n in range(limits.LOTS_USED_MAX // limits.LOTS_MAX + 1)]
    for holder in holders:
        bare.put(records.account_key(holder), records.AccountRecord(opened_height=1))
        full_of_hours(bare, holder)
    host, record = serve(A, *[("f/a:p-1", "f/a:p-2", limits.LOTS_MAX)] * len(holders))
    for line, holder in zip(record.lines, holders, strict=True):
        line.credits.holder = holder
    refusal = bare.do(host, record)
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("LOTS_TOO_MANY", "record_service.lines[16].amount_minor")
    assert "use more than 16384 lots in one transaction; split it" in refusal.message
    del record.lines[-1]
    assert bare.do(host, record) is None
    assert len(bare.result.lots_used) == limits.LOTS_USED_MAX


def test_the_pool_takes_any_number_of_lots_and_keeps_one_for_each_issuer() -> None:
    bare = bare_with_classes()
    for host in (A, B):
        lines = [(f"{host}:p-1", f"{host}:p-2", 1)] * limits.LOTS_MAX
        assert bare.do(*serve(host, *lines)) is None
        assert bare.do(*donate(f"{host}:p-1", limits.LOTS_MAX, HOURS)) is None
    lots = bare.state.holding("pool", HOURS).lots
    assert lots == (Lot(A, limits.LOTS_MAX, 0, 0, 0), Lot(B, limits.LOTS_MAX, 0, 0, 0))
    bare.check()


def test_what_only_its_issuer_redeems_stays_apart_at_the_pool() -> None:
    bare = bare_with_classes()
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 1_500), ("f/a:p-1", "f/a:p-2", 600))) is None
    assert bare.do(*donate("f/a:p-1", 2_000, HOURS)) is None
    lots = bare.state.holding("pool", HOURS).lots
    assert [(item.amount, item.issuer_only) for item in lots] == [(1_500, False), (500, True)]


def test_an_account_holds_at_most_so_many_classes() -> None:
    bare = bare_with_classes()
    for number in range(limits.HELD_CLASSES_MAX + 1):
        assert bare.do("f", define_class(f"c-{number}@f")) is None
        line = entitlements_pb2.IssueLine(holder="f/b:p-1", items=1, value_date=1, document_hash=HASH)
        refusal = bare.do(A, entitlements_pb2.IssueEntitlements(class_id=f"c-{number}@f", lines=[line]))
        if number < limits.HELD_CLASSES_MAX:
            assert refusal is None
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("LOTS_TOO_MANY", "issue_entitlements.class_id")
    assert "64 classes already, and at most 64 are allowed here; have it use up 1 first" in refusal.message
    assert bare.do(*issue(A, "f/a:p-1", 1)) is None
    refusal = bare.do(*give("f/a:p-1", "f/b:p-1", 1))
    assert refusal is not None
    assert "64 classes already, and at most 32 are allowed here; have it use up 33 first" in refusal.message


def test_gifts_leave_room_for_the_classes_of_what_is_earned() -> None:
    bare = bare_with_classes()
    for number in range(limits.HELD_CLASSES_GIVEN_MAX + 1):
        class_id = f"c-{number}@f"
        assert bare.do("f", define_class(class_id)) is None
        line = entitlements_pb2.IssueLine(holder="f/b:p-1", items=2, value_date=1, document_hash=HASH)
        assert bare.do(A, entitlements_pb2.IssueEntitlements(class_id=class_id, lines=[line])) is None
        refusal = bare.do(*give("f/b:p-1", "f/a:p-1", 1, class_id))
        if number < limits.HELD_CLASSES_GIVEN_MAX:
            assert refusal is None
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("LOTS_TOO_MANY", "give_entitlements.class_id")
    assert "f/a:p-1 holds entitlements of 32 classes already" in refusal.message
    assert bare.do(*give("f/b:p-1", "f/a:p-1", 1, "c-0@f")) is None
    assert bare.do(*donate("f/b:p-1", 2, class_id)) is None
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 1))) is None


def test_who_records_service_of_anothers_people_leaves_room_for_what_they_earn_at_home() -> None:
    """They do not sign: one host could have taken the room of thousands of people in 64 transactions."""
    bare = bare_with_classes()
    for number in range(limits.HELD_CLASSES_GIVEN_MAX + 1):
        class_id = f"c-{number}@f"
        assert bare.do("f", define_class(class_id, "HRS")) is None
        host, record = serve(B, ("f/a:p-1", "f/a:p-2", 1))
        record.class_id = class_id
        refusal = bare.do(host, record)
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("LOTS_TOO_MANY", "record_service.class_id")
    assert "f/a:p-1 holds entitlements of 32 classes already, and at most 32 are" in refusal.message
    own = serve(A, ("f/a:p-1", "f/a:p-2", 1))
    own[1].class_id = class_id
    assert bare.do(*own) is None


# --- what a statement shows -------------------------------------------------------------------------------


def said(bare: Bare) -> set[tuple[int, str]]:
    """Value date and reference of every posting of the last transaction."""
    return {(posting.value_date, posting.reference) for posting in bare.postings}


def test_every_posting_of_a_redemption_carries_its_value_date_and_reference() -> None:
    bare = bare_with_classes()
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 90))) is None
    provider, redemption = redeem("f/a:p-1", B, 60, served_by="f/b:p-1")
    redemption.value_date, redemption.reference = START_DAY - 3, "winter"
    assert bare.do(provider, redemption) is None
    assert len(bare.postings) == 6  # two of them dues
    assert said(bare) == {(START_DAY - 3, "winter")}


def test_every_posting_of_a_service_paid_with_credits_carries_its_value_date() -> None:
    bare = bare_with_classes()
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 90))) is None
    host, record = serve(B, ("f/b:p-1", "f/b:p-2", 60), paid_by="f/a:p-1")
    record.lines[0].value_date = START_DAY - 2
    assert bare.do(host, record) is None
    assert said(bare) == {(START_DAY - 2, "")}


def test_every_posting_of_a_reversal_is_dated_now_and_says_why() -> None:
    bare = bare_with_classes()
    assert bare.do(*issue(A, "f/a:p-1", 90)) is None
    assert bare.do(*redeem("f/a:p-1", B, 60)) is None
    bare.time_ms += 2 * DAY_MS
    for author, log_index, amount in ((B, 3, 60), ("f/a:p-1", 2, 90)):
        lines = [credit_pb2.ReversalLine(line=0, amount_minor=amount)]
        reversal = credit_pb2.Reversal(original_tx_id=bare.tx_id(log_index), lines=lines, reason="error")
        assert bare.do(author, reversal) is None
        assert len(bare.postings) == 4
        assert said(bare) == {(START_DAY + 2, "error")}


def test_balances_follow_line_by_line_when_an_issuer_gets_back_what_it_held_of_its_own() -> None:
    """R5: both postings are its own; `ayni node doctor` adds them up."""
    bare = bare_with_classes()
    assert bare.do(*issue(A, "f/a:p-1", 90)) is None
    assert bare.do(*give("f/a:p-1", A, 90)) is None
    assert bare.do(*redeem(A, B, 60)) is None
    original = bare.tx_id(bare.log_index - 1)
    lines = [credit_pb2.ReversalLine(amount_minor=50)]
    assert bare.do(B, credit_pb2.Reversal(original_tx_id=original, lines=lines)) is None
    balance = 0
    for posting in bare.history:
        if (posting.account, posting.unit) == (A, SHARES):
            balance += posting.amount
            assert posting.balance_after == balance
    assert [posting.amount for posting in bare.postings if posting.unit == SHARES] == [-50, 50]


def test_the_lots_that_an_original_used_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They can be 16,384, and 4,096 the lines of a reversal: for each line anew, that was half a minute."""
    looked_through = []

    def counted(lots_used: Any) -> Any:
        looked_through.append(len(lots_used))
        return uses_by_line(lots_used)

    monkeypatch.setattr(originals, "uses_by_line", counted)
    bare = bare_with_classes()
    assert bare.do(*serve(B, *[("f/a:p-1", "f/a:p-3", 7)] * 9)) is None
    assert bare.do(*serve(A, *[("f/a:p-2", "f/a:p-3", 21)] * 3, paid_by="f/a:p-1")) is None
    original = bare.tx_id(bare.log_index - 1)
    lines = [credit_pb2.ReversalLine(line=line, amount_minor=8 + line) for line in range(3)]
    assert bare.do(A, credit_pb2.Reversal(original_tx_id=original, lines=lines)) is None
    assert looked_through == [9]
    assert [item[0] for item in held(bare, "f/a:p-1", HOURS)] == [1, 7, 2, 7, 3, 7]
    bare.check()


def test_what_has_no_value_date_of_its_own_is_dated_by_its_block() -> None:
    bare = bare_with_classes()
    assert bare.do(*issue(A, "f/a:p-1", 90)) is None
    gift, donation = give("f/a:p-1", "f/a:p-2", 1)[1], donate("f/a:p-1", 1)[1]
    paid = pool_pb2.ContributeToPool(payer=A, unit="EUC", amount_minor=1)
    opening = pool_pb2.Opening()
    opening.lines.add().balance.CopyFrom(
        pool_pb2.OpeningBalance(debtor=A, creditor=B, unit="EUC", amount_minor=1)
    )
    assert bare.do(*redeem("f/a:p-1", B, 60)) is None
    for payload in (gift, donation, paid, opening, pool_pb2.ClosePeriod(period=1)):
        assert bare.do("f" if payload.DESCRIPTOR.name == "ClosePeriod" else A, payload) is None
        assert said(bare) == {(START_DAY, "")}


def test_what_one_organisation_records_leaves_room_for_others() -> None:
    """Two transactions of one host would have taken all that a unit's total can hold, for ever."""
    bare = bare_with_classes()
    for person in ("f/a:p-2", "f/a:p-3"):
        keys = records.KeySet(1, (person.encode(),))
        bare.put(records.account_key(person), records.AccountRecord(keys, opened_height=1))

    def record(host: str, amount: int) -> Refusal | None:
        author, service = serve(host, ("f/a:p-1", "f/a:p-2", amount))
        service.attesters.extend(["f/a:p-2", "f/a:p-3"])
        return bare.do(author, service)

    assert record(A, limits.AMOUNT_MAX) is None
    entries = bare.entries()
    refusal = record(A, 1)
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("OVERFLOW", "record_service.class_id")
    assert "what f/a has outstanding in HRS would pass the most that is kept" in refusal.message
    assert entries == bare.entries()
    assert record(B, limits.AMOUNT_MAX) is None
    bare.check()


def test_what_is_issued_in_all_does_not_pass_what_a_record_can_hold() -> None:
    bare = bare_with_classes()
    key = records.issuance_key(HOURS, A)
    bare.put(key, records.IssuanceRecord(limits.TOTAL_MAX - 1, limits.TOTAL_MAX - 1))
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 1))) is None
    refusal = bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 1)))
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("OVERFLOW", "record_service.class_id")
    assert "what f/a issued in HRS would pass the most that is kept" in refusal.message


# --- expiry -----------------------------------------------------------------------------------------------


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


# --- any sequence of steps ----------------------------------------------------------------------------------

PEOPLE = [f"{name}:p-{n}" for name in (A, B, C) for n in (1, 2)]
PERSON = st.sampled_from(PEOPLE)
ORGANISATION = st.sampled_from([A, B, C])
AMOUNT = st.integers(1, 200)
PAIR = st.permutations(PEOPLE).map(lambda people: people[:2])
STEP = st.one_of(
    st.builds(issue, ORGANISATION, PERSON, AMOUNT, st.integers(START_DAY - 5, START_DAY)),
    st.builds(lambda pair, m, c: give(*pair, m, c), PAIR, AMOUNT, st.sampled_from([SHARES, HOURS])),
    st.builds(donate, PERSON, AMOUNT, st.sampled_from([SHARES, HOURS])),
    st.builds(redeem, PERSON, ORGANISATION, AMOUNT),
    st.builds(lambda pair, o, m: redeem(pair[0], o, m, pair[1]), PAIR, ORGANISATION, AMOUNT),
    st.builds(lambda o, pair, m: serve(o, (*pair, m), (*pair[::-1], m)), ORGANISATION, PAIR, AMOUNT),
    st.builds(lambda o, pair, m: serve(o, (*pair, m), paid_by=pair[1]), ORGANISATION, PAIR, AMOUNT),
    st.builds(
        lambda payer, a: (payer, pool_pb2.ContributeToPool(payer=payer, unit="EUC", amount_minor=a)),
        ORGANISATION,
        AMOUNT,
    ),
    st.tuples(st.just("reverse"), st.integers(0, 20), AMOUNT),
    st.tuples(st.just("wait"), st.integers(1, 3)),
    st.just(("close",)),
)


def year_begun() -> Bare:
    """Everybody holds shares and hours, of different issuers."""
    bare = bare_with_classes(expires_after_days=8, cap=1_500)
    for number, person in enumerate(PEOPLE):
        issuers = [A, B, C, A, B]
        assert bare.do(*issue(issuers[number % 3], person, 150)) is None
        assert bare.do(*issue(issuers[number % 3 + 1], person, 150)) is None
        assert bare.do(*serve(issuers[number % 3 + 2], (person, PEOPLE[number - 1], 200))) is None
    return bare


def take(bare: Bare, step: Any) -> Refusal | None:
    if step[0] == "wait":
        bare.time_ms += step[1] * DAY_MS
        bare.postings = []
        return None
    if step[0] == "close":
        bare.close()
        return None
    if step[0] == "reverse":
        original = bare.tx_id(bare.log_index - 1 - step[1] % bare.log_index)
        line = credit_pb2.ReversalLine(amount_minor=step[2])
        return bare.do(A, credit_pb2.Reversal(original_tx_id=original, lines=[line]))
    return bare.do(*step)


@settings(max_examples=60)
@given(st.lists(STEP, min_size=5, max_size=30))
def test_the_books_hold_after_every_step_and_are_the_sums_of_the_postings(steps: list[Any]) -> None:
    bare = year_begun()
    sums: dict[tuple[int, str, str], int] = defaultdict(int)
    for posting in bare.history:
        sums[posting.book, posting.account, posting.unit] += posting.amount
    for step in steps:
        bare.postings = []
        before = bare.entries()
        if take(bare, step) is not None:
            assert before == bare.entries()  # T8: no trace
            continue
        for book in (1, 2, 3):
            assert sum(posting.amount for posting in bare.postings if posting.book == book) == 0
        for posting in bare.postings:
            sums[posting.book, posting.account, posting.unit] += posting.amount
            assert posting.balance_after == sums[posting.book, posting.account, posting.unit]
        bare.check()
    check_sums(bare, sums)


def check_sums(bare: Bare, sums: dict[tuple[int, str, str], int]) -> None:
    """Records say what the postings add up to."""
    for (book, account, name), total in sums.items():
        if book == 1:
            assert bare.state.balance(account, name).balance == total
        elif book == 3:
            owed = bare.state.issuance(name, account).outstanding
            assert sum(item[0] for item in held(bare, account, name)) - owed == total
        elif account == "pool":
            assert bare.state.pool_unit(name).dues == total
        else:
            assert sum(due.amount for due in bare.state.organisation_unit(account, name).dues) == total


@settings(max_examples=40)
@given(st.lists(STEP, min_size=5, max_size=25))
def test_lots_stay_in_order_and_every_expiring_one_is_indexed(steps: list[Any]) -> None:
    bare = year_begun()
    for step in steps:
        take(bare, step)
    for class_id in (SHARES, HOURS):
        for holder in PEOPLE:
            lots = bare.state.holding(holder, class_id).lots
            assert list(lots) == sorted(lots, key=order_of_use)
            assert len({order_of_use(item) for item in lots}) == len(lots)
            assert all(item.amount > 0 for item in lots)
            assert (class_id in bare.state.account(holder).held_classes) == bool(lots)
            for item in lots:
                entries = indexed(bare, item.expires_on) + indexed(bare, 0)
                assert records.ExpiryEntry(holder, class_id) in entries


def indexed(bare: Bare, day: int) -> list[records.ExpiryEntry]:
    entries = bare.state.get(records.ExpiryDayRecord, records.expiry_day_key(day)).entries
    return [
        entry
        for page in range(-(-entries // limits.EXPIRY_PAGE_ENTRIES))
        for entry in bare.state.get(records.ExpiryPageRecord, records.expiry_page_key(day, page)).entries
    ]


@pytest.mark.parametrize("provider", [A, B])
def test_an_issuer_only_lot_stays_so_whoever_holds_it(provider: str) -> None:
    bare = bare_with_classes()
    assert bare.do(*serve(A, ("f/a:p-1", "f/a:p-2", 2_001))) is None
    assert bare.do(*give("f/a:p-1", "f/b:p-1", 2_001, HOURS)) is None
    refusal = bare.do(*redeem("f/b:p-1", provider, 1, "f/b:p-2"))
    assert (refusal is None) == (provider == A)


TODAY = START_DAY + 10
LOT = st.builds(
    Lot,
    issuer=st.sampled_from([A, B]),
    amount=st.integers(1, 9),
    origin=st.integers(0, 2),
    origin_line=st.integers(0, 2),
    value_date=st.integers(TODAY - 7, TODAY),
    issuer_only=st.sampled_from([True, True, False]),
).map(lambda lot: lot._replace(expires_on=lot.value_date + 5))
"""Two days in eight it has expired."""


@settings(max_examples=500, deadline=None)
@given(
    st.lists(LOT, min_size=5, max_size=12),
    st.lists(
        st.one_of(
            st.tuples(st.just("take"), st.sampled_from([A, A, B, None]), st.integers(1, 3)),
            st.tuples(st.just("add"), LOT),
            st.tuples(st.just("take_of_origin"), LOT),
            st.tuples(st.just("take_expired")),
        ),
        min_size=2,
        max_size=12,
    ),
)
def test_what_cannot_be_used_is_passed_over_once_and_nothing_else_is(
    held_first: list[Lot], steps: list[Any]
) -> None:
    """E3, E5: after any steps lots are taken as from the same lots looked at anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "LOTS_MAX", 8)
        take_and_compare([*(("add", lot) for lot in held_first), *steps])


@pytest.mark.parametrize("age", [5, 0], ids=["before them", "when the first two become one"])
def test_a_lot_that_comes_moves_those_that_were_passed_over(
    age: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOTS_MAX", 3 if age == 0 else 4)
    at_b, at_a = (Lot(issuer, 5, 0, 0, TODAY, TODAY + 5, True) for issuer in (B, A))
    first = [at_b._replace(value_date=TODAY - 3), at_b._replace(value_date=TODAY - 2)]
    come = at_a._replace(value_date=TODAY - age, origin=1)
    take_and_compare(
        [
            *(("add", lot) for lot in (*first, at_a._replace(value_date=TODAY - 1))),
            ("take", A, 1),
            ("add", come),
            ("take", A, 1),
        ]
    )


def take_and_compare(steps: list[Any]) -> None:
    bare = bare_with_classes(expires_after_days=5)
    policy = find_class(bare.state, SHARES, "class_id")
    assert isinstance(policy, ClassPolicy)
    holder = "f/a:p-1"
    lots = HeldLots(bare.state, policy, TODAY, "class_id")
    for step, *arguments in steps:
        if step == "add":
            if lots.add(holder, arguments[0], "") is not None:
                return  # no two are alike: the transaction is refused
        elif step == "take_expired":
            lots.take_expired(holder)
        elif step == "take_of_origin":
            lot = arguments[0]
            lots.take_of_origin(lot.issuer, holder, lot.origin, lot.origin_line, 1, "")
        else:
            anew = HeldLots(bare.state, policy, TODAY, "class_id")
            for lot in lots._of(holder):
                anew.add(holder, lot, "")
            provider, amount = arguments
            assert lots.take(holder, amount, "", provider) == anew.take(holder, amount, "", provider)
            assert lots._of(holder) == anew._of(holder)
