"""The command groups against a real node: a network of one federation, one small economy, every read.

The economy is built once, through the commands themselves (tests/client/desk.py); each test then looks at
one group.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.conftest import three_lines
from tests.client.desk import HOURS, SHARES, Desk, open_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("one")) as opened:
        yield opened


def test_members_and_their_terms_are_listed(desk: Desk) -> None:
    [federation] = desk.read("member", "list")["federations"]
    assert [one["organisation"] for one in federation["organisations"]] == ["emilia/cadiai", "emilia/camst"]
    organisation = desk.read("member", "show", "emilia/cadiai")
    assert (organisation["accredited"], organisation["user_seats_bp"]) == (True, 6_000)
    assert organisation["hosted_accounts"] == 3
    shown = desk.do("member", "show", "emilia")
    assert "EUC   100,000,000.00 EUC  12,000.00 EUC  99,988,000.00 EUC" in shown
    unknown = desk.run("member", "show", "emilia/nobody")
    assert unknown.code == 8
    assert three_lines(unknown.err) == [
        "ayni: There is no organisation 'emilia/nobody'.",
        "  why:  No federation of this network has one of that name.",
        "  next: See `ayni member list`.",
    ]


def test_an_account_shows_its_three_figures_and_what_it_holds(desk: Desk) -> None:
    cadiai = desk.read("account", "show", "emilia/cadiai")
    euc = next(one for one in cadiai["balances"] if one["unit"] == "EUC")
    assert (euc["balance"], euc["credit_limit"], euc["available"]) == ("-50.00", "1000.00", "830.00")
    assert euc["balance_words"] == "owes the network 50.00 EUC"
    assert (euc["dues"], euc["organisation"]["deposit"]) == ("-120.00", "50.00")
    text = desk.do("account", "show", "emilia/cadiai")
    assert "balance: owes the network 50.00 EUC; credit limit: 1,000.00 EUC; available: 830.00 EUC" in text
    assert "dues: it owes the pool 120.00 EUC" in text
    anna = desk.do("entitlement", "list", "emilia/cadiai:anna")
    assert [line.split()[:4] for line in anna.splitlines()[1:3]] == [
        [HOURS, "emilia/cadiai", "3:00", "HRS"],
        [SHARES, "emilia/cadiai", "380.00", "EUC"],
    ]
    missing = desk.run("account", "show", "emilia/nobody")
    assert missing.code == 8
    assert three_lines(missing.err)[0].startswith("ayni: There is no account emilia/nobody")


def test_accounts_are_listed_under_a_prefix(desk: Desk) -> None:
    listed = desk.read("account", "list", "emilia/cadiai")
    assert [one["account"] for one in listed["accounts"]] == [
        *("emilia/cadiai", "emilia/cadiai:anna", "emilia/cadiai:berta", "emilia/cadiai:carlo")
    ]
    some = desk.do("account", "list", "--limit", "1")
    assert "There are more accounts: raise --limit, or name a prefix." in some


def test_a_statement_adds_up_as_text_csv_and_json(desk: Desk, tmp_path: Path) -> None:
    text = desk.do("account", "statement", "emilia/camst")
    assert "Credit, EUC\nopening balance: 0.00 EUC\n" in text
    assert "closing balance: owes the network 50.00 EUC" in text
    assert "closing balance: the pool owes it 120.00 EUC" in text
    assert text.splitlines()[-1].startswith("Read at height ")
    issuer = desk.do("account", "statement", "emilia/cadiai")
    assert "closing balance: owes the holders 380.00 EUC" in issuer  # its shares that are out
    rows = list(csv.DictReader(io.StringIO(desk.do("account", "statement", "emilia/camst", "--csv"))))
    assert ("line", "dues", "120.00", "120.00", "emilia/cadiai") in [
        (row["row"], row["book"], row["amount"], row["balance"], row["counterparty"]) for row in rows
    ]
    path = tmp_path / "statement.json"
    desk.do("account", "statement", "emilia/cadiai:anna", "-o", path, "--json")
    sections = {one["unit"]: one for one in json.loads(path.read_text())["sections"]}
    assert [one["amount"] for one in sections[SHARES]["lines"]] == ["500.00", "-120.00"]
    assert sections[HOURS]["closing"] == "3"
    before = desk.read("account", "statement", "emilia/camst", "--until", "2020-01-01")
    assert all(one["closing"] in ("0", "0.00") and not one["lines"] for one in before["sections"])


def test_a_proof_of_a_balance_is_verified_offline(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "balance.proof"
    written = desk.do("account", "proof", "emilia/cadiai", "--balance", "EUC", "-o", path)
    says = "balance: owes the network 50.00 EUC; credit limit: 1,000.00 EUC"
    assert says in written
    verified = desk.do("audit", "receipt", path, "--genesis", desk.name)
    assert f"  balance of emilia/cadiai, EUC\n  {says}\n" in verified
    for option, value in (("--holding", SHARES), ("--dues", "EUC")):
        account = "emilia/cadiai:anna" if option == "--holding" else "emilia/cadiai"
        document = desk.read("account", "proof", account, option, value, "-o", path)
        assert document["absent"] is False
    assert "dues: it owes the pool 120.00 EUC" in document["says"]
    absent = desk.read("account", "proof", "emilia/nobody", "-o", path)
    assert (absent["absent"], absent["says"]) == (True, "there is no such record")


def test_classes_say_who_issued_what(desk: Desk) -> None:
    assert [one["class"] for one in desk.read("class", "list")["classes"]] == [HOURS, SHARES]
    shares = desk.read("class", "show", SHARES)
    assert (shares["kind"], shares["class_kind"]) == ("class", "share")
    assert shares["issuers"] == [
        {
            "issuer": "emilia/cadiai",
            "issued": "500.00",
            "redeemed": "120.00",
            "bought_back": "0.00",
            "cancelled": "0.00",
            "outstanding": "380.00",
        }
    ]
    assert "hours@emilia" in desk.do("class", "list")
    assert desk.run("class", "show", "gold@emilia").code == 8


def test_the_pool_shows_what_it_has_and_who_owes_it(desk: Desk) -> None:
    pool = desk.read("pool", "show")
    euc = next(one for one in pool["units"] if one["unit"] == "EUC")
    assert (euc["balance"], euc["deposits"], euc["common_capital"]) == ("100.00", "50.00", "50.00")
    assert (euc["claims"], euc["owed"]) == ("120.00", "120.00")
    dues = desk.do("pool", "dues", "--unit", "EUC").splitlines()
    assert [line.split() for line in dues[1:3]] == [
        ["emilia/cadiai", str(pool["open_period"]), "this", "period", "120.00", "EUC"],
        ["emilia/camst", str(pool["open_period"]), "this", "period", "120.00", "EUC"],
    ]


def test_a_decision_in_the_ledger_says_whether_it_has_effect(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "quota.json"
    desk.do("decision", "draft", "quota", "emilia", "90000000", "EUC", "-o", path)
    desk.do("decision", "sign", path)
    sent = desk.do("decision", "submit", path).splitlines()
    tx_id = sent[0].removeprefix("transaction ")
    shown = desk.do("decision", "show", tx_id[:16])
    assert "status: effective\n  1. the quota of emilia is 90,000,000.00 EUC\n" in shown
    assert desk.run("decision", "show", "ab" * 32).code == 8


def test_a_refusal_shows_the_figures(desk: Desk) -> None:
    lines = desk.refused("pool", "contribute", "5000", "EUC", "--from", "emilia/camst")
    assert "is refused: LIMIT_EXCEEDED at contribute_to_pool.amount_minor." in lines[0]
    assert lines[1] == (
        "  why:  emilia/camst cannot pay 5,000.00 EUC: balance -50.00 EUC, credit limit 1,000.00 EUC,"
        " dues owed 0.00 EUC, available 950.00 EUC; pay less, or send again when it has more"
    )
    held = desk.refused(
        "entitlement", "give", HOURS, "9:00", "--from", "emilia/cadiai:anna", "--to", "emilia/cadiai:berta"
    )
    assert "NOT_ENOUGH_HELD at give_entitlements.amount_minor." in held[0]
    assert "holds 3:00 HRS of class hours@emilia usable here; 9:00 HRS was asked" in held[1]


def test_a_suspension_is_shown_and_ended_by_a_decision(desk: Desk, tmp_path: Path) -> None:
    desk.do("member", "suspend", "emilia/camst", "--reason", "no accounts filed")
    assert "accredited, suspended" in desk.do("member", "list")
    refused = desk.refused("pool", "contribute", "1", "EUC", "--from", "emilia/camst")
    assert "SUSPENDED" in refused[0]
    path = tmp_path / "reinstate.json"
    desk.do("decision", "draft", "reinstate", "emilia/camst", "-o", path)
    desk.do("decision", "sign", path)
    desk.do("decision", "submit", path)
    assert "suspended" not in desk.do("member", "list")


def test_keys_are_rotated_and_an_empty_account_closed(desk: Desk) -> None:
    desk.do("account", "open", "emilia/cadiai:dina")
    desk.do("keys", "new", "dina")
    desk.do("account", "rotate-keys", "emilia/cadiai:dina", "--key", "dina")
    assert "signs with 1 key" in desk.do("account", "show", "emilia/cadiai:dina")
    desk.do("account", "close", "emilia/cadiai:dina")
    assert desk.do("account", "show", "emilia/cadiai:dina").splitlines()[0] == "emilia/cadiai:dina (closed)"


def test_there_is_no_evidence_against_an_honest_node(desk: Desk, tmp_path: Path) -> None:
    assert desk.do("evidence", "list") == "no evidence against anybody\n"
    assert desk.read("evidence", "export", "-o", tmp_path / "evidence")["files"] == []


def test_a_period_closes_when_it_may_and_the_settlement_is_published(desk: Desk, tmp_path: Path) -> None:
    period = desk.read("pool", "show")["open_period"]
    assert desk.run("pool", "settlements", "--period", str(period)).code == 8
    early = desk.refused("pool", "close-period")
    assert "PERIOD_TOO_EARLY" in early[0]
    path = tmp_path / "parameter.json"
    desk.do("decision", "draft", "parameter", "period-min", "0s", "-o", path)
    desk.do("decision", "sign", path)
    desk.do("decision", "submit", path)
    closed = desk.do("pool", "close-period", "--again")  # the bytes refused as too early are still valid
    assert closed.splitlines()[-1] == (
        f"period {period} is settled: see `ayni pool settlements --period {period}`"
    )
    settlement = desk.read("pool", "settlements", "--period", str(period))["settlements"][0]
    euc = next(one for one in settlement["units"] if one["unit"] == "EUC")
    assert (euc["gross"], euc["paid_credit"], euc["paid_out"], euc["carried"]) == (
        *("120.00", "120.00", "120.00"),
        "0.00",
    )
    shown = desk.do("pool", "settlements", "--period", str(period))
    assert "  paid in from credit: 120.00 EUC\n" in shown
    assert "gross" in desk.do("pool", "settlements").splitlines()[0]


def test_hours_above_the_ceiling_are_said_to_be_redeemable_only_at_their_issuer(desk: Desk) -> None:
    care = ("--served-by", "emilia/cadiai:carlo", "--recipient", "emilia/cadiai:berta", "--category")
    serve = ("entitlement", "serve", HOURS, *care, "home-care", "--paid", "organisation", "--amount")
    assert "redeemable only" not in desk.do(*serve, "0:10")
    assert desk.do(*serve, "200:00").splitlines()[-1] == (
        "redeemable only at the issuer, which has no room under its ceiling: the hours of line 0"
        " (counted from 0)"
    )
    assert desk.read(*serve, "200:01")["issuer_only_lines"] == [0]


def test_the_exported_history_verifies_and_a_changed_byte_is_found(desk: Desk, tmp_path: Path) -> None:
    directory = tmp_path / "history"
    exported = desk.do("export", "-o", directory)
    assert exported.splitlines()[-1] == f"verify them: ayni audit verify {directory} --genesis {desk.name}"
    verified = desk.read("audit", "verify", directory, "--genesis", desk.name)
    assert verified["ok"] is True
    assert verified["transactions"] > 10
    again = desk.run("export", "-o", directory)
    assert again.code == 2
    history = directory / "history.bin"
    content = bytearray(history.read_bytes())
    content[len(content) // 2] ^= 4
    history.write_bytes(content)
    found = desk.run("audit", "verify", directory, "--genesis", desk.name)
    assert found.code == 4
    assert "FOUND history.bin, block " in found.out
