"""Lots at their limits, and books that hold after any sequence of steps."""

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
from ledger.rules.lots import fold_oldest, insert_lot, lots_to_restore, order_of_use, uses_by_line
from tests.ledger.bare import DAY_MS, HASH, START_DAY, Bare, define_class
from tests.ledger.holders import (
    HOURS,
    SHARES,
    A,
    B,
    C,
    bare_with_classes,
    donate,
    give,
    held,
    issue,
    lot,
    redeem,
    serve,
)

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
