"""`ayni account|member|class|entitlement|pool`: what is written, and what is refused before it is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from ayni.v1 import entitlements_pb2, ledger_service_pb2, members_pb2, result_pb2, state_pb2, transaction_pb2
from client.keys import Keystore
from tests.client.conftest import CHEAP, PASSWORD, Ayni, Result, three_lines
from tests.client.fakes import FakeNode, account_record, body_of, seeded, tx_id_of

SHARES = "shares-2026@emilia/cadiai"
HOURS = "hours@emilia"
TODAY = 20_454  # 2026-01-01


@dataclass
class BankNode(FakeNode):
    """A node that knows balances too."""

    balances: list[ledger_service_pb2.UnitBalance] = field(default_factory=list)
    """Of every account."""

    def GetAccount(self, request: Any, context: grpc.ServicerContext) -> Any:
        answer = super().GetAccount(request, context)
        answer.balances.extend(self.balances)
        return answer


@pytest.fixture
def node() -> Iterator[BankNode]:
    """A node with a class of shares and one of hours, and members with and without keys."""
    fake = BankNode(
        accounts={
            "emilia/cadiai": account_record(seeded("cadiai")),
            "emilia/cadiai:m-1": account_record(),
            "emilia/cadiai:m-2": account_record(seeded("m-2")),
            "lazio/coop": account_record(seeded("coop")),
        },
        classes=[
            entitlements_pb2.DefineClass(class_id=SHARES, kind=entitlements_pb2.KIND_SHARE, unit="EUC"),
            entitlements_pb2.DefineClass(class_id=HOURS, kind=entitlements_pb2.KIND_HOURS, unit="HRS"),
        ],
    )
    yield fake
    fake.stop()


@pytest.fixture
def home(home: Path) -> Path:
    """The home, with the keys of the federation and of the member too."""
    seeds = {name: seeded(name).seed for name in ("emilia decision", "emilia service", "m-2", "coop")}
    keystore = Keystore(home / "keystore.json", lambda new: PASSWORD, CHEAP)
    keystore.put({name.replace(" ", "-"): seed for name, seed in seeds.items()})
    return home


def written(result: Result, node: FakeNode) -> transaction_pb2.Body:
    """The one transaction that the command sent and saw final."""
    assert (result.code, result.err) == (0, "")
    [(raw, _)] = node.log
    assert result.out.splitlines()[0] == f"transaction {tx_id_of(raw).hex()}"
    return body_of(raw)


def refused(result: Result, code: int, *lines: str) -> None:
    assert three_lines(result.err) == list(lines)
    assert result.code == code


# Accounts ---------------------------------------------------------------------------------------------


def test_a_federation_opens_an_organisation_with_keys_and_limits(ayni: Ayni, node: FakeNode) -> None:
    body = written(
        ayni(
            *("account", "open", "emilia/nuova", "--key", "cadiai", "--key", "m-2", "--threshold", "1"),
            *(
                "--credit-limit",
                "1000",
                "EUC",
                "--upper-limit",
                "250.50",
                "EUC",
                "--credit-limit",
                "10:00",
                "HRS",
            ),
        ),
        node,
    )
    assert body.author == "emilia"
    keys = sorted(seeded(name).public_key for name in ("cadiai", "m-2"))
    assert list(body.open_accounts.accounts) == [
        members_pb2.NewAccount(
            account="emilia/nuova",
            keys={"threshold": 1, "public_keys": keys},
            limits=[
                members_pb2.Limit(
                    unit="EUC", credit_limit_minor=100_000, has_upper_limit=True, upper_limit_minor=25_050
                ),
                members_pb2.Limit(unit="HRS", credit_limit_minor=600),
            ],
        )
    ]


def test_an_organisation_opens_the_accounts_it_hosts(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    (tmp_path / "salted.txt").write_bytes(b"salt and name")
    body = written(
        ayni("account", "open", "emilia/cadiai:m-9", "--commitment", tmp_path / "salted.txt"), node
    )
    assert body.author == "emilia/cadiai"
    assert list(body.open_accounts.accounts) == [
        members_pb2.NewAccount(
            account="emilia/cadiai:m-9", commitment=hashlib.sha256(b"salt and name").digest()
        )
    ]


def test_many_accounts_are_opened_from_a_file_in_one_transaction(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    contact = tmp_path / "anna.json"
    contact.write_text(ayni("keys", "show", "m-2", "--json").out)
    path = tmp_path / "accounts.csv"
    path.write_text(f"account,keys,credit_limit EUC\nemilia/b:m-2,,\nemilia/b,{contact} cadiai,100\n")
    body = written(ayni("account", "open", "--csv", path, "--as", "emilia"), node)
    opened = body.open_accounts.accounts
    assert [one.account for one in opened] == ["emilia/b", "emilia/b:m-2"]
    assert list(opened[0].keys.public_keys) == sorted(seeded(name).public_key for name in ("cadiai", "m-2"))
    assert opened[0].limits[0].credit_limit_minor == 10_000
    assert not opened[1].HasField("keys")


def test_a_file_that_makes_several_transactions_is_no_one_draft(ayni: Ayni, tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("account,credit_limit EUC\nemilia/cadiai:m-8,\nemilia/b,100\n")
    result = ayni("account", "open", "--csv", path, "--draft", tmp_path / "draft.json")
    refused(
        result,
        2,
        "ayni: --draft is for one transaction.",
        "  why:  These are 2: they differ in author, or are too many for one.",
        "  next: Split the file.",
    )


def test_every_bad_row_of_an_accounts_file_is_named(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text(
        "account,keys,threshold,credit_limit EUC\n"
        "emilia,,,\nemilia/a,,x,\nemilia/b,nobody,,\nemilia/c,cadiai,2,\nemilia/d,,,1.234\n"
    )
    result = ayni("account", "open", "--csv", path)
    lines = three_lines(result.err)
    assert result.code == 2
    assert lines[0] == f"ayni: 5 of the 5 rows of {path} cannot be right; nothing was sent."
    assert lines[1].startswith(
        "  why:  Row 1, account: 'emilia' is not an account's name, like emilia/cadiai:m-0412; "
        "row 2, threshold: 'x' is not a number of keys; row 3: There is no key 'nobody'. "
    )
    assert "row 4: 2 of 1 keys is no key set." in lines[1]
    assert "row 5: '1.234' is not an amount of EUC. It is not a whole number of the smallest part" in lines[1]
    path.write_text(f"account,threshold\nemilia/a,{'1' * 5_000}\n")
    result = ayni("account", "open", "--csv", path)
    assert three_lines(result.err)[1] == (f"  why:  Row 1, threshold: '{'1' * 40}' is not a number of keys.")
    path.write_text("account\nemilia/a\nemilia/a\n")
    result = ayni("account", "open", "--csv", path)
    assert three_lines(result.err)[1] == "  why:  Row 2, account: emilia/a is in row 1 already."
    assert node.seen == []


def test_a_limit_that_is_not_named_stays_as_it_is(ayni: Ayni, node: BankNode) -> None:
    record = state_pb2.BalanceRecord(credit_limit=7_000, has_upper_limit=True, upper_limit=9_000)
    node.balances = [ledger_service_pb2.UnitBalance(unit="EUC", record=record)]
    ayni("account", "limit", "emilia/cadiai", "--upper-limit", "50", "EUC")
    ayni("account", "limit", "emilia/cadiai", "--no-upper-limit", "EUC", "--credit-limit", "0", "EUC")
    changes = [body_of(raw).set_limits.accounts[0].limits[0] for raw, _ in node.log]
    assert changes == [
        members_pb2.Limit(
            unit="EUC", credit_limit_minor=7_000, has_upper_limit=True, upper_limit_minor=5_000
        ),
        members_pb2.Limit(unit="EUC"),
    ]


def test_accounts_are_closed_by_their_host(ayni: Ayni, node: FakeNode) -> None:
    body = written(ayni("account", "close", "emilia/cadiai:m-2", "emilia/cadiai:m-1"), node)
    assert body.author == "emilia/cadiai"
    assert list(body.close_accounts.accounts) == ["emilia/cadiai:m-1", "emilia/cadiai:m-2"]


def test_keys_are_rotated_by_those_in_force(ayni: Ayni, node: FakeNode) -> None:
    body = written(ayni("account", "rotate-keys", "emilia/cadiai", "--key", "m-2"), node)
    assert (body.author, body.rotate_keys.account) == ("emilia/cadiai", "emilia/cadiai")
    assert list(body.rotate_keys.keys.public_keys) == [seeded("m-2").public_key]


# Members, classes, entitlements, pool -----------------------------------------------------------------


def test_a_federation_suspends_its_organisation(ayni: Ayni, node: FakeNode) -> None:
    body = written(ayni("member", "suspend", "emilia/cadiai", "--reason", "no accounts filed"), node)
    assert body.author == "emilia"
    assert body.suspend_organisation == members_pb2.SuspendOrganisation(
        organisation="emilia/cadiai", reason="no accounts filed"
    )


def test_a_class_of_shares_is_defined_by_its_owner(ayni: Ayni, node: FakeNode) -> None:
    body = written(
        ayni(
            *("class", "define", SHARES, "--kind", "share", "--unit", "EUC", "--given-for", "money"),
            *("--item-value", "100", "--item-contribution", "120", "--holder-cap", "5000"),
            *("--transferable-to", "federation", "--expires-after", "730", "--tax-eligible"),
            *("--category", "nursery", "--category", "home-care"),
        ),
        node,
    )
    assert body.author == "emilia/cadiai"
    assert body.define_class == entitlements_pb2.DefineClass(
        class_id=SHARES,
        kind=entitlements_pb2.KIND_SHARE,
        unit="EUC",
        given_for=entitlements_pb2.GIVEN_FOR_MONEY_OUTSIDE,
        item_value_minor=10_000,
        item_contribution_minor=12_000,
        holder_cap_minor=500_000,
        transferability=entitlements_pb2.TRANSFERABILITY_SAME_FEDERATION,
        expires_after_days=730,
        categories=["home-care", "nursery"],
        tax_eligible=True,
    )


def test_an_item_of_hours_is_one_hour_by_default(ayni: Ayni, node: FakeNode) -> None:
    body = written(ayni("class", "define", HOURS, "--kind", "hours", "--unit", "HRS"), node)
    assert body.author == "emilia"
    assert body.define_class.item_value_minor == 60
    assert body.define_class.given_for == entitlements_pb2.GIVEN_FOR_SERVICE


def test_shares_are_issued_to_one_holder_or_to_many(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    (tmp_path / "receipt.pdf").write_bytes(b"paid")
    digest = hashlib.sha256(b"paid").digest()
    line = entitlements_pb2.IssueLine(
        holder="emilia/cadiai:m-2", items=3, value_date=TODAY, document_hash=digest
    )
    body = written(
        ayni(
            *("entitlement", "issue", SHARES, "--to", "emilia/cadiai:m-2", "--items", "3"),
            *("--date", "2026-01-01", "--document", tmp_path / "receipt.pdf"),
        ),
        node,
    )
    assert (body.author, list(body.issue_entitlements.lines)) == ("emilia/cadiai", [line])
    path = tmp_path / "issue.csv"
    path.write_text("holder,items,date,document\nemilia/cadiai:m-2,3,2026-01-01,receipt.pdf\n")
    assert ayni("entitlement", "issue", SHARES, "--csv", path).code == 0
    assert list(body_of(node.log[1][0]).issue_entitlements.lines) == [line]


def test_a_service_is_recorded_in_each_way_it_can_be_paid(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    (tmp_path / "cash.pdf").write_bytes(b"cash")
    common = "emilia/cadiai:m-1,emilia/cadiai:m-2,1:30,2026-01-01,home-care"
    path = tmp_path / "services.csv"
    path.write_text(
        "served_by,recipient,amount,date,category,paid,holder,fee,fee_unit,document\n"
        f"{common},credits,,,,\n"
        f"{common},credits,lazio/coop:m-1,,,\n"
        f"{common},fee,,12.50,EUC,\n"
        f"{common},cash,,5,EUC,cash.pdf\n"
        f"{common},organisation,,,,\n"
    )
    node.accounts["lazio/coop:m-1"] = account_record()
    body = written(ayni("entitlement", "serve", HOURS, "--csv", path), node)
    assert body.author == "emilia/cadiai"
    lines = body.record_service.lines
    assert {
        (line.served_by, line.recipient, line.amount_minor, line.value_date, line.category) for line in lines
    } == {("emilia/cadiai:m-1", "emilia/cadiai:m-2", 90, TODAY, "home-care")}
    assert [line.WhichOneof("paid") for line in lines] == ["credits", "credits", "fee", "fee", "organisation"]
    assert [line.credits.holder for line in lines[:2]] == ["emilia/cadiai:m-2", "lazio/coop:m-1"]
    assert lines[2].fee == entitlements_pb2.PaidByFee(unit="EUC", amount_minor=1_250)
    assert lines[3].fee == entitlements_pb2.PaidByFee(
        unit="EUC", amount_minor=500, in_cash=True, document_hash=hashlib.sha256(b"cash").digest()
    )


def test_a_service_given_by_options_is_the_same_as_one_in_a_file(ayni: Ayni, node: FakeNode) -> None:
    body = written(
        ayni(
            *("entitlement", "serve", HOURS, "--served-by", "emilia/cadiai:m-1", "--amount", "1.5"),
            *("--recipient", "emilia/cadiai:m-2", "--paid", "organisation", "--date", "2026-01-01"),
            *("--attester", "emilia/cadiai:m-2"),
        ),
        node,
    )
    assert list(body.record_service.attesters) == ["emilia/cadiai:m-2"]
    assert body.record_service.lines[0].amount_minor == 90


def test_every_bad_row_of_a_services_file_is_named(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    good = "emilia/cadiai:m-1,emilia/cadiai:m-2,1:30"
    path = tmp_path / "services.csv"
    path.write_text(
        "served_by,recipient,amount,paid,holder,fee,fee_unit,document\n"
        "emilia/cadiai,emilia/cadiai:m-2,1,organisation,,,,\n"
        f"{good},gift,,,,\n{good},fee,,,,\n{good},cash,,5,EUC,\n{good},organisation,emilia/cadiai:m-2,,,\n"
    )
    result = ayni("entitlement", "serve", HOURS, "--csv", path)
    refused(
        result,
        2,
        f"ayni: 5 of the 5 rows of {path} cannot be right; nothing was sent.",
        "  why:  Row 1, served_by: 'emilia/cadiai' is no person's account, like emilia/cadiai:m-0412; "
        "row 2, paid: 'gift' is none of credits, fee, cash, organisation; "
        "row 3, fee: an amount and its unit go with fee and cash, and with nothing else; "
        "row 4, document: the receipt goes with cash, and with nothing else; "
        "row 5, holder: only credits have a holder, and this was paid by organisation.",
        "  next: Correct the file and run the command again.",
    )
    assert node.seen == []


def test_what_an_amount_of_a_class_is_counted_in_is_not_the_nodes_to_say(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    """It says that hours are counted in hundredths: another amount would be signed than was typed."""
    node.written_classes = list(node.classes)
    node.classes = [
        entitlements_pb2.DefineClass(class_id=SHARES, kind=entitlements_pb2.KIND_SHARE, unit="HRS"),
        entitlements_pb2.DefineClass(class_id=HOURS, kind=entitlements_pb2.KIND_HOURS, unit="EUC"),
    ]
    given = ayni("entitlement", "give", HOURS, "2:30", "--from", "emilia/cadiai:m-1", "--to", "lazio/coop")
    assert written(given, node).give_entitlements.amount_minor == 150
    path = tmp_path / "opening.csv"
    path.write_text(
        "id,kind,issuer,holder,class,amount,date\n"
        f"1,holding,emilia/cadiai,emilia/cadiai:m-1,{SHARES},10,2020-01-01\n"
    )
    assert ayni("opening", "import", path, "--yes").code == 0
    [line] = body_of(node.log[1][0]).opening.lines
    assert line.holding.amount_minor == 1_000
    node.written_classes = [entitlements_pb2.DefineClass(class_id=SHARES, unit="EUC")]
    made_up = ayni("entitlement", "give", HOURS, "1", "--from", "emilia/cadiai:m-1", "--to", "lazio/coop")
    assert (made_up.code, three_lines(made_up.err)[0]) == (8, f"ayni: There is no class '{HOURS}'.")


def test_entitlements_are_given_donated_and_redeemed(ayni: Ayni, node: FakeNode) -> None:
    for arguments in (
        ("give", HOURS, "2", "--from", "emilia/cadiai:m-1", "--to", "lazio/coop", "--reference", "thanks"),
        ("donate", HOURS, "0:30", "--from", "emilia/cadiai:m-1"),
        (
            *("redeem", HOURS, "1", "--from", "emilia/cadiai:m-1", "--at", "lazio/coop"),
            *("--served-by", "emilia/cadiai:m-2", "--category", "home-care", "--date", "2026-01-01"),
        ),
        (
            "redeem",
            SHARES,
            "12.50",
            "--from",
            "emilia/cadiai:m-1",
            "--at",
            "lazio/coop",
            "--as",
            "emilia/cadiai:m-1",
        ),
    ):
        assert ayni("entitlement", *arguments).code == 0
    give, donate, hours, shares = (body_of(raw) for raw, _ in node.log)
    assert (give.author, give.give_entitlements.amount_minor) == ("emilia/cadiai:m-1", 120)
    assert (donate.author, donate.donate_entitlements.amount_minor) == ("emilia/cadiai:m-1", 30)
    assert hours.author == "lazio/coop"
    assert hours.redeem_entitlements == entitlements_pb2.RedeemEntitlements(
        holder="emilia/cadiai:m-1",
        provider="lazio/coop",
        class_id=HOURS,
        amount_minor=60,
        value_date=TODAY,
        category="home-care",
        served_by="emilia/cadiai:m-2",
    )
    assert (shares.author, shares.redeem_entitlements.amount_minor) == ("emilia/cadiai:m-1", 1_250)


def test_who_must_sign_elsewhere_is_said(ayni: Ayni, node: FakeNode) -> None:
    node.accounts["lazio/altra"] = account_record(seeded("altra"))
    result = ayni("entitlement", "redeem", HOURS, "1", "--from", "emilia/cadiai:m-1", "--at", "lazio/altra")
    assert result.code == 7
    assert "lacks signatures: lazio/altra (1 more of its 1-of-1 keys)." in three_lines(result.err)[0]


def test_the_pool_is_paid_into_and_a_period_is_closed(ayni: Ayni, node: FakeNode) -> None:
    paid = ayni("pool", "contribute", "12.50", "EUC", "--from", "emilia/cadiai", "--reference", "2026")
    closed = ayni("pool", "close-period", "--period", "3")
    assert (paid.code, closed.code) == (0, 0)
    contribution, close = (body_of(raw) for raw, _ in node.log)
    assert contribution.contribute_to_pool.amount_minor == 1_250
    assert (close.author, close.close_period.period) == ("emilia", 3)
    assert closed.out.splitlines()[-1] == "period 3 is settled: see `ayni pool settlements --period 3`"


def test_a_close_that_only_let_a_part_expire_says_that_the_period_is_open(ayni: Ayni, node: FakeNode) -> None:
    part = result_pb2.ExpiredPart(
        holdings=[result_pb2.ExpiredHolding(class_id=HOURS, holder="emilia/cadiai:m-1")]
    )
    node.result = result_pb2.Result(expired_part=part).SerializeToString(deterministic=True)
    closed = ayni("pool", "close-period", "--period", "3")
    assert closed.code == 0
    assert closed.out.splitlines()[-1] == (
        "period 3 is still open: so much has expired that only a part of it went to the pool;"
        " close it again, or let the nodes do so"
    )


def test_with_json_stdout_holds_one_document_only(ayni: Ayni, node: FakeNode) -> None:
    result = ayni("pool", "close-period", "--period", "3", "--json")
    assert json.loads(result.out)["outcome"] == "final"
    assert result.err.startswith("transaction ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{}", "It says no 'kind'."),
        ('{"ayni": 1, "kind": "keys", "keys": []}', "It holds 0 keys, not 1 to 16."),
        ('{"ayni": 1, "kind": "key", "keys": []}', "It is no contact file of version 1."),
    ],
)
def test_what_is_no_contact_file_is_refused(ayni: Ayni, tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "anna.json"
    path.write_text(content)
    refused(
        ayni("account", "open", "emilia/b", "--key", path),
        2,
        f"ayni: {path} is not a contact file.",
        f"  why:  {why}",
        "  next: Let its owner write one with `ayni keys show NAME --json > FILE`.",
    )


def test_an_unsafe_key_in_a_contact_file_is_refused(ayni: Ayni, tmp_path: Path) -> None:
    path = tmp_path / "anna.json"
    small_order = "01" + "00" * 31
    path.write_text(
        json.dumps({"ayni": 1, "kind": "keys", "keys": [{"name": "anna", "public_key": small_order}]})
    )
    result = ayni("account", "open", "emilia/b", "--key", path)
    assert result.code == 2
    assert three_lines(result.err)[0] == f"ayni: {path} holds a key that may not be registered."
