"""A bug in the rules cannot pass twice: the second recomputation finds it, and names the block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit import verify_export
from audit.naive_books import LOTS_MAX, Logged, Lot, NaiveBooks
from ayni.v1 import genesis_pb2, members_pb2
from ledger import books, records
from ledger.rules import (
    accounts,
    claims,
    closing,
    deposits,
    held,
    holdings,
    lots,
    members,
    reversals,
    service,
    settlement,
)
from ledger.state import State
from tests.audit.history import (
    HOURS,
    VALUE_DATE,
    History,
    accredit,
    ceiling,
    hours_class,
    leg,
    opened,
    payments,
)
from tests.audit.year import year
from tests.vectors.founding import genesis

SETTLED = records.SettlementRecord


class NoSources:
    """Asked for nothing."""

    def transaction(self, tx_id: bytes) -> Logged | None:
        return None

    def get(self, key: bytes) -> bytes | None:
        return None


def newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lots are used newest first."""
    take = held.HeldLots.take

    def reverse(self: Any, holder: str, *arguments: Any) -> Any:
        self._of(holder).reverse()
        taken = take(self, holder, *arguments)
        self._of(holder).sort(key=lots.order_of_use)
        return taken

    monkeypatch.setattr(held.HeldLots, "take", reverse)


def deposit_rounded_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """One part less is deposited than E2 says."""
    pay = deposits.pay_deposit

    def less(context: Any, issuer: str, unit: str, amount: int, *rest: Any) -> Any:
        return pay(context, issuer, unit, amount - 1, *rest)

    monkeypatch.setattr(deposits, "pay_deposit", less)


def remainder_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Creditors are paid newest vintage first, one part less."""
    share = claims.share

    def wrong(stated: Any, money: int) -> dict[str, int]:
        return {name: amount - 1 for name, amount in share(stated, money).items() if amount > 1}

    monkeypatch.setattr(settlement, "share", wrong)


def never_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lots stay with their holders when they expire."""
    monkeypatch.setattr(holdings.ClassBook, "expire", lambda self, holder: 0)


def dues_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redemption of shares elsewhere makes no dues."""
    owe = holdings.ClassBook._owe

    def of_hours_only(self: Any, *arguments: Any) -> None:
        if self.policy.unit == "HRS":
            owe(self, *arguments)

    monkeypatch.setattr(holdings.ClassBook, "_owe", of_hours_only)


def attests_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """H5: who served may attest its own line."""
    count = service._count_unattested

    def lenient(context: Any, host: str, unit: str, payload: Any) -> Any:
        return None if payload.attesters else count(context, host, unit, payload)

    monkeypatch.setattr(service, "_count_unattested", lenient)


def unattested_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """S9: a close does not reset the count of unattested service."""
    reset = settlement._UnitClose._reset

    def forgetful(self: Any) -> None:
        names, unit, state = self._organisations, self._unit, self._context.state
        before = {name: state.organisation_unit(name, unit).unattested for name in names}
        reset(self)
        for name in names:
            record = state.organisation_unit(name, unit)
            key = records.organisation_unit_key(name, unit)
            state.put(key, record._replace(unattested=before[name]))

    monkeypatch.setattr(settlement._UnitClose, "_reset", forgetful)


def quota_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """M6: a decided quota is one part more than was decided."""
    decide = members._quota

    def more(state: Any, height: int, quota: genesis_pb2.Quota, path: str) -> Any:
        other = genesis_pb2.Quota(
            federation=quota.federation, unit=quota.unit, amount_minor=quota.amount_minor + 1
        )
        return decide(state, height, other, path)

    monkeypatch.setitem(members._ITEMS, "quota", more)


def limits_outlive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A2: the limit of an account that is closed stays, and stays granted."""
    monkeypatch.setattr(closing, "_return_quota", lambda *arguments: None)


def upper_limit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A2: an upper limit outlives its account."""
    give_back = closing._return_quota

    def keep(state: Any, account: str) -> None:
        before = {unit: state.balance(account, unit) for unit in state.unit_codes()}
        give_back(state, account)
        for unit, record in before.items():
            if record.has_upper_limit:
                state.put(records.balance_key(account, unit), record._replace(credit_limit=0))

    monkeypatch.setattr(closing, "_return_quota", keep)


def upper_limit_never_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A3: no account gets an upper limit."""
    put = accounts._put_limits

    def without(state: Any, account: str, named: Any, path: str) -> Any:
        fewer = [
            members_pb2.Limit(unit=each.unit, credit_limit_minor=each.credit_limit_minor) for each in named
        ]
        return put(state, account, fewer, path)

    monkeypatch.setattr(accounts, "_put_limits", without)


def settlement_kept_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """S9: what is kept of a close is not what was published."""
    monkeypatch.setattr(
        records, "SettlementRecord", lambda settlement: SETTLED(settlement.replace(b"EUC", b"EUR"))
    )


def taken_back_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """R1: of what was taken back, one part is forgotten."""
    put = State.put

    def less(self: State, key: bytes, record: Any) -> None:
        if key.startswith(b"r|"):
            record = record._replace(amount=record.amount - 1)
        put(self, key, record)

    monkeypatch.setattr(State, "put", less)


def parameter_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """M8: a parameter is one more than was decided."""
    put = State.put

    def more(self: State, key: bytes, record: Any) -> None:
        if key.startswith(b"p|"):
            record = record._replace(value_plus_one=record.value_plus_one + 1)
        put(self, key, record)

    monkeypatch.setattr(State, "put", more)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (newest_first, "result.lots_used"),
        (deposit_rounded_down, "b|emilia/cadiai|EUC"),
        (remainder_to_the_last, "result.settlement"),
        (never_expires, "result.settlement"),
        (dues_forgotten, "d|emilia/cadiai|EUC"),
        (attests_for_itself, "d|japan/tokyo|HRS"),
        (unattested_for_ever, "d|japan/tokyo|HRS"),
        (quota_one_more, "q|quebec|EUC"),
        (limits_outlive, "q|emilia|EUC"),
        (upper_limit_stays, "b|emilia/temporary|EUC"),
        (upper_limit_never_set, "b|emilia/zenit|EUC"),
        (settlement_kept_wrong, "t|1"),
        (parameter_one_more, "p|2|EUC"),
    ],
)
def test_planted_bug_in_the_rules_is_found_by_the_second_recomputation(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    expected: str,
) -> None:
    plant(monkeypatch)  # network and auditor execute the same wrong rule: every root agrees
    history = year()

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    assert expected in [finding.field for finding in report.findings]
    assert all(finding.height == report.blocks + 1 for finding in report.findings)
    assert all("recomputed" in finding.message for finding in report.findings)


def test_what_the_rules_never_wrote_is_found_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(members._ITEMS, "quota", lambda *arguments: None)  # M6
    history = year()

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    assert [(report.blocks, "q|quebec|EUC")] == [(each.height, each.field) for each in report.findings]


def test_wrong_payment_is_found_in_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pay = books.CreditBook.pay

    def more(self: Any, payer: str, payee: str, unit: str, amount: int, *rest: Any) -> Any:
        return pay(self, payer, payee, unit, amount + (amount == 102), *rest)

    monkeypatch.setattr(books.CreditBook, "pay", more)
    history = payments(5)

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    messages = {finding.field: finding.message for finding in report.findings}
    assert {finding.height for finding in report.findings} == {4}
    assert sorted(messages) == ["b|andes/one|EUC", "b|andes/two|EUC"]
    ours = "balance: the state says -102; recomputed from the signed transactions it is -101"
    assert ours in messages["b|andes/one|EUC"]


def test_a_payment_beyond_the_limit_that_the_rules_let_pass_is_found_in_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A3, A5: the balances agree, and nobody may owe so much."""
    pay = books.CreditBook.pay
    monkeypatch.setattr(
        books.CreditBook, "pay", lambda self, *arguments: pay(self, *arguments[:8], by_rule=True)
    )
    history = payments(2)
    history.block(history.tx("andes/one", transfer={"legs": [leg("andes/two", 10**9 + 5)]}))
    history.block()

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    (finding,) = report.findings
    assert (finding.height, finding.field) == (4, "b|andes/one|EUC")
    assert finding.message.startswith("owed beyond the credit limit: the state says 4; recomputed")


def taken_back_twice(history: History) -> None:
    """A payment."""
    paid = history.finals[1].entries[0].tx
    for _ in range(2):
        lines = [{"line": 0, "amount_minor": 100}]
        back = {"original_tx_id": paid.tx_id, "lines": lines, "reason": "error"}
        history.block(history.tx("andes/two", reversal=back))


def test_more_taken_back_than_was_moved_is_found_in_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R1: the balances agree, and each was signed by who lost."""
    monkeypatch.setattr(reversals, "_within_original", lambda *arguments: None)
    history = payments(2)
    taken_back_twice(history)

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    (finding,) = report.findings
    assert (finding.height, finding.field) == (5, "reversal.lines[0]")
    assert finding.message == "100 more is taken back than the line moved"


def test_what_is_forgotten_of_what_was_taken_back_is_found_in_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_back_forgotten(monkeypatch)
    history = payments(2)
    paid = history.finals[1].entries[0].tx
    lines = [{"line": 0, "amount_minor": 60}]
    back = {"original_tx_id": paid.tx_id, "lines": lines, "reason": "error"}
    history.block(history.tx("andes/two", reversal=back))

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    (finding,) = report.findings
    assert (finding.height, finding.field) == (4, f"r|{paid.tx_id.hex()}|0")
    assert finding.message.startswith("taken back: the state says 59; recomputed")


def neighbours() -> tuple[History, str, str, str]:
    """A host of hours, and two who serve each other through it."""
    history = History()
    host, aiko, ken = "japan/tokyo", "japan/tokyo:aiko", "japan/tokyo:ken"
    history.block(history.decide(accredit(host), ceiling(host, "HRS", 900)))
    history.block(
        history.tx(host, open_accounts={"accounts": [opened(aiko), opened(ken)]}),
        history.tx("japan", define_class=hours_class()),
    )
    return history, host, aiko, ken


def test_what_has_expired_and_is_taken_back_is_found_in_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E3: an expired lot is used for nothing."""
    history, host, aiko, ken = neighbours()
    line = {"served_by": aiko, "recipient": ken, "amount_minor": 7, "organisation": {}}
    dated = {**line, "value_date": VALUE_DATE - 100}
    record = history.tx(host, record_service={"class_id": HOURS, "lines": [dated]})
    history.block(record)
    monkeypatch.setattr(held, "is_expired", lambda lot, today: False)
    back = {"original_tx_id": record.tx_id, "lines": [{"line": 0, "amount_minor": 7}], "reason": "error"}
    history.block(history.tx(aiko, reversal=back))

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    (finding,) = report.findings
    assert (finding.height, finding.field) == (4, "reversal.lines[0]")
    assert finding.message == f"{aiko} holds nothing of that origin to use"


def test_balance_that_was_never_written_is_found_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = payments(2)
    directory = history.export(tmp_path / "export")
    from audit import reader

    advance = reader.AuditReader.advance

    def forget(self: Any, block: Any) -> None:
        advance(self, block)
        self.values.pop(records.balance_key("andes/one", "EUC"), None)

    monkeypatch.setattr(reader.AuditReader, "advance", forget)

    report = verify_export(directory, history.hash)

    messages = [str(finding) for finding in report.findings]
    assert any("an invariant is broken: credit" in message for message in messages), messages
    assert any("header.state_root: it is" in message for message in messages), messages
    assert any("b|andes/one|EUC: the record is absent" in message for message in messages), messages


def test_history_is_recomputed_whatever_the_number_of_members(tmp_path: Path) -> None:
    history = History(("solo",))
    history.block()

    assert verify_export(history.export(tmp_path / "export"), history.hash).ok


def test_a_full_holding_is_recomputed_as_the_rules_keep_it(tmp_path: Path) -> None:
    """E3: the two oldest lots of one issuer become one, on both sides; some of them have expired."""
    history, host, aiko, ken = neighbours()
    line = {"served_by": aiko, "recipient": ken, "amount_minor": 1, "organisation": {}}
    for days_ago, count in ((100, 3), (7, 800), (1, 220), (0, 30), (90, 2)):
        dated = {**line, "value_date": VALUE_DATE - days_ago}
        history.block(history.tx(host, record_service={"class_id": HOURS, "lines": [dated] * count}))
    used = {"holder": aiko, "provider": host, "class_id": HOURS, "amount_minor": 850, "served_by": ken}
    history.block(history.tx(host, aiko, redeem_entitlements={**used, "value_date": VALUE_DATE}))
    given = {"holder": ken, "receiver": aiko, "class_id": HOURS, "amount_minor": 5}
    history.block(history.tx(ken, give_entitlements=given))

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    assert [str(finding) for finding in report.findings] == []


def test_a_full_holding_of_many_issuers_is_recomputed_at_no_great_cost() -> None:
    """E3: a service record may have thousands of lines, and each add a lot to it."""
    books = NaiveBooks(genesis(), NoSources())
    for number in range(LOTS_MAX):
        books.add_lot("japan/tokyo:aiko", HOURS, Lot(1, number, 0, f"japan/office-{number}", 0, False), 1)

    for line in range(512):
        books.add_lot("japan/tokyo:aiko", HOURS, Lot(2, LOTS_MAX, line, "japan/office-9", 0, False), 1)

    lots = sorted(books.held["japan/tokyo:aiko", HOURS].items())
    assert (len(lots), lots[-1]) == (LOTS_MAX, (Lot(2, LOTS_MAX, 511, "japan/office-9", 0, False), 513))
