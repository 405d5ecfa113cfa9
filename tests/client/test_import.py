"""`ayni tx import` and `ayni opening import`: every row once, every error first."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ayni.v1 import entitlements_pb2, result_pb2, transaction_pb2
from client import transactions
from client.drafts import sign
from client.outbox import Outbox
from client.output import time_json
from client.stamps import Stamp, import_nonce, now_ms
from tests.client.conftest import Ayni, three_lines
from tests.client.fakes import FakeNode, account_record, body_of, interrupting, refuse, seeded, tx_id_of

HEADER = "id,payer,payee,amount,unit,date,reference\n"
GOOD = (
    HEADER
    + "inv-1,emilia/cadiai,lazio/coop,12.50,EUC,2026-03-01,March\n"
    + "inv-2,emilia/cadiai,lazio/coop,1:30,HRS,2026-03-02,\n"
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV file with two good rows."""
    path = tmp_path / "rows.csv"
    path.write_text(GOOD)
    return path


def test_rows_are_previewed_sent_and_counted(ayni: Ayni, node: FakeNode, table: Path, outbox: Outbox) -> None:
    preview = ayni("tx", "import", str(table), "--preview")
    assert preview.code == 0
    assert f"{table}: 2 rows, 0 final already, 2 to send" in preview.out
    assert "emilia/cadiai pays 12.50 EUC in 1 row\n" in preview.out
    assert node.seen == []
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 0, result.err
    assert "2 final" in result.out
    assert [body_of(raw).transfer.legs[0].amount_minor for raw in node.seen] == [1250, 90]
    assert outbox.pending() == []


def test_without_a_terminal_and_without_yes_nothing_is_sent(ayni: Ayni, node: FakeNode, table: Path) -> None:
    result = ayni("tx", "import", str(table))
    assert result.code == 2
    assert "There is no terminal to confirm at." in three_lines(result.err)[1]
    assert node.seen == []


def test_rows_that_are_final_already_are_listed_and_skipped(ayni: Ayni, node: FakeNode, table: Path) -> None:
    ayni("tx", "import", str(table), "--yes")
    table.write_text(GOOD + "inv-3,emilia/cadiai,lazio/coop,1,EUC,2026-03-03,\n")
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 0
    assert "3 rows, 2 final already, 1 to send" in result.out
    assert len(node.seen) == 3
    document = json.loads(ayni("tx", "import", str(table), "--yes", "--json").out)
    assert [row["outcome"] for row in document["rows"]] == ["skipped"] * 3
    assert f"skipped: id inv-1 is final as {document['rows'][0]['tx_id']}\n" in result.out


def test_one_row_is_one_row(ayni: Ayni, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + "a,emilia/cadiai,lazio/coop,1,EUC,2026-03-01,\n")
    shown = ayni("tx", "import", str(path), "--preview").out
    assert f"{path}: 1 row, 0 final already, 1 to send" in shown


def test_rows_are_looked_up_several_at_a_time(ayni: Ayni, node: FakeNode, table: Path) -> None:
    """Over a long line, one after the other would take as many round trips as there are rows."""
    node.meeting = threading.Barrier(2)
    result = ayni("tx", "import", str(table), "--yes")
    assert (result.code, len(node.log)) == (0, 2), result.err


def test_a_row_that_is_final_with_other_content_is_an_error_before_anything_is_sent(
    ayni: Ayni, node: FakeNode, table: Path
) -> None:
    [final, _] = json.loads(ayni("tx", "import", str(table), "--yes", "--json").out)["rows"]
    table.write_text(GOOD.replace("12.50", "13.50") + "inv-3,emilia/cadiai,lazio/coop,1,EUC,2026-03-03,\n")
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 2
    assert (
        f"line 2 (id inv-1): it is final already with other content, as transaction {final['tx_id']};"
        in result.err
    )
    assert "Nothing was sent" in three_lines(result.err)[1]
    assert len(node.seen) == 2


def test_another_profile_means_other_transactions(ayni: Ayni, node: FakeNode, table: Path) -> None:
    ayni("tx", "import", str(table), "--yes")
    assert ayni("tx", "import", str(table), "--yes", "--profile", "bank").code == 0
    assert len({body_of(raw).nonce for raw in node.seen}) == 4


def test_an_account_that_there_is_not_is_told_with_its_row_before_anything_is_sent(
    ayni: Ayni, node: FakeNode, table: Path
) -> None:
    table.write_text(GOOD + "inv-3,emilia/cadai,lazio/coop,1,EUC,2026-03-03,\n")
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 2
    [error, *_] = result.err.splitlines()
    assert error.startswith("line 4 (id inv-3): ")
    assert "emilia/cadai" in error
    assert f"ayni: 1 of 3 rows of {table} are not right." == three_lines(result.err)[0]
    assert node.seen == []


def test_blank_columns_beside_the_table_are_passed_over(ayni: Ayni, node: FakeNode, table: Path) -> None:
    table.write_text("".join(f"{line},,\n" for line in GOOD.splitlines()))
    assert ayni("tx", "import", str(table), "--yes").code == 0
    assert len(node.seen) == 2
    table.write_text(HEADER.strip() + ",,\na,emilia/cadiai,lazio/coop,1,EUC,2026-03-01,,stray,\n")
    result = ayni("tx", "import", str(table), "--yes")
    assert result.err.splitlines()[0] == "line 2: it has another number of cells than the header"


def test_every_error_of_every_row_is_told_before_anything_is_sent(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        HEADER
        + "a,emilia/cadiai,lazio/coop,1,EUC,2026-03-01,\n"
        + "a,emilia/cadiai,lazio/coop,1.234,EUC,2026-03-01,\n"
        + ",emilia/cadiai,Lazio,1,EUC,tomorrow,\n"
        + "c,,lazio/coop,1,XXX,,\n"
        + "d,emilia/cadiai,lazio/coop\n"
        + f"e,emilia/cadiai,lazio/coop,1,EUC,2026-03-01,{'x' * 141}\n"
        + "f,emilia/cadiai,emilia/cadiai,1,EUC,2026-03-01,\n"
    )
    result = ayni("tx", "import", str(path), "--yes")
    assert result.code == 2
    assert result.err.splitlines()[:-3] == [
        "line 3 (id a): id: 'a' is there already in line 2",
        "line 3 (id a): amount: '1.234' is not an amount of EUC. "
        "It is not a whole number of the smallest part (1/100).",
        "line 4: id: it is empty",
        "line 4: payee: 'Lazio' is not an account; write it like emilia/cadiai",
        "line 4: date: 'tomorrow' is not a date. Dates are written year-month-day, from 1970-01-02 to"
        " 2269-12-31.",
        "line 5 (id c): payer: it is empty",
        "line 5 (id c): unit: there is no 'XXX'; known are EUC, HRS",
        "line 5 (id c): date: it is empty; give the row a date, or all rows one with --date",
        "line 6: it has another number of cells than the header",
        "line 7 (id e): transfer.legs.reference is out of bounds. It has 141 bytes.",
        "line 8 (id f): emilia/cadiai would pay itself. A payment is between two accounts; no node takes this"
        " one.",
    ]
    assert f"ayni: 6 of 7 rows of {path} are not right." == three_lines(result.err)[0]
    assert node.seen == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"id,payee,amount\n", "The header of"),
        (b"id,payee,amount,unit,colour\n", "The header of"),
        (b"id,id,payee,amount,unit\n", "The header of"),
        (b"", "The header of"),
        (b"id,payee,amount,unit\n", "has no rows"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b'id,payee,amount,unit\n"a,b\n', "is not a CSV file"),
    ],
)
def test_a_file_that_is_no_table_is_refused(ayni: Ayni, tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    result = ayni("tx", "import", str(path), "--yes")
    assert result.code == 2
    assert text in three_lines(result.err)[0]


def test_semicolons_a_byte_order_mark_and_blank_rows_are_read_too(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "\ufeffid;payee;amount;unit\r\n;;;\r\n1;lazio/coop;2;EUC\r\n\r\n ;;;\r\n", encoding="utf-8"
    )
    result = ayni("tx", "import", str(path), "--yes", "--payer", "emilia/cadiai", "--date", "2026-03-01")
    assert result.code == 0, result.err
    assert body_of(node.seen[0]).transfer.legs[0].amount_minor == 200


def test_the_exit_code_is_that_of_the_worst_row_and_the_others_go_through(
    ayni: Ayni, node: FakeNode, table: Path
) -> None:
    def judge(body: object) -> result_pb2.Refusal | None:
        legs = body.transfer.legs  # type: ignore[attr-defined]
        message = "available 0, amount 90"
        code = result_pb2.REFUSAL_CODE_LIMIT_EXCEEDED
        return result_pb2.Refusal(code=code, message=message) if legs[0].unit == "HRS" else None

    node.judge = judge
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 3
    assert "1 final, 1 refused" in result.out
    assert "LIMIT_EXCEEDED available 0, amount 90" in result.out


def test_a_crash_in_the_middle_of_an_import_sends_the_same_bytes_again(
    ayni: Ayni, node: FakeNode, table: Path, outbox: Outbox
) -> None:
    node.break_after = 1
    ayni("tx", "import", str(table), "--yes")
    node.log.clear()  # as if the node had taken nothing; the outbox still holds what was signed
    outbox.put(node.seen[:1])
    assert ayni("tx", "import", str(table), "--yes").code == 0
    assert node.seen[0] in node.seen[2:]


def test_missing_keys_stop_the_import_before_anything_is_sent(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(GOOD + "x,lazio/coop,emilia/cadiai,1,EUC,2026-03-01,\n")
    result = ayni("tx", "import", str(path), "--yes")
    assert result.code == 7
    assert (
        "1 of 3 rows lack signatures: lazio/coop (1 more of its 1-of-1 keys)." in three_lines(result.err)[0]
    )
    assert node.seen == []


def test_openings_are_signed_by_both_or_passed_on_as_files(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    node.classes = [entitlements_pb2.DefineClass(class_id="hours@emilia", unit="HRS")]
    path, drafts = tmp_path / "opening.csv", tmp_path / "drafts"
    path.write_text(
        "id,kind,debtor,creditor,unit,amount,issuer,holder,class,date\n"
        "1,balance,emilia/cadiai,lazio/coop,EUC,100,,,,\n"
        "2,holding,,,,2:30,emilia/cadiai,emilia/cadiai:m-1,hours@emilia,2020-01-01\n"
    )
    preview = ayni("opening", "import", str(path), "--preview")
    assert preview.code == 0
    assert preview.out.splitlines() == [
        f"{path}: 2 rows, 0 final already, 2 to send",
        "  emilia/cadiai has issued 2:30 HRS of hours@emilia in 1 row",
        "  emilia/cadiai owes 100.00 EUC in 1 row",
        "  has no key here: lazio/coop (1 more of its 1-of-1 keys), in 1 row",
    ]
    assert ayni("opening", "import", str(path), "--yes").code == 7
    written = ayni("opening", "import", str(path), "--drafts", str(drafts))
    assert written.code == 0, written.err
    assert node.seen == []
    shown = json.loads(ayni("tx", "inspect", str(min(drafts.iterdir())), "--json").out)
    assert shown["expires_at"] > time_json(now_ms() + 86_000_000)  # a day, for the others to sign it
    node.accounts["lazio/coop"] = account_record(seeded("cadiai"))
    result = ayni("tx", "submit", *(str(one) for one in sorted(drafts.iterdir())))
    assert result.code == 0, result.err
    bodies = [body_of(raw).opening.lines[0] for raw in node.seen]
    assert (bodies[0].balance.creditor, bodies[0].balance.amount_minor) == ("lazio/coop", 10000)
    assert (bodies[1].holding.holder, bodies[1].holding.amount_minor) == ("emilia/cadiai:m-1", 150)


def test_faulty_opening_rows_are_told(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    path = tmp_path / "opening.csv"
    path.write_text(
        "id,kind,issuer,holder,class,amount,date\n"
        "1,loan,,,,5,\n"
        "2,holding,emilia/cadiai,emilia/cadiai:m-1,shares@x,5,\n"
    )
    result = ayni("opening", "import", str(path), "--yes")
    assert result.code == 2
    assert "line 2 (id 1): kind: 'loan' is neither balance nor holding" in result.err
    assert "line 3 (id 2): class: there is no 'shares@x'; known are none" in result.err
    assert "line 3 (id 2): date: it is empty" in result.err


def test_a_row_whose_bytes_have_expired_is_sent_anew_under_its_nonce(
    ayni: Ayni, node: FakeNode, table: Path, outbox: Outbox
) -> None:
    """What is pending and still valid is sent with the same bytes; what is past its time is not."""
    node.unknown_first = 2
    leg = transactions.leg("lazio/coop", "EUC", 1250, value_date=20513, reference="March")
    stale = transactions.transfer(
        "emilia/cadiai", [leg], Stamp(import_nonce("transfers", "inv-1"), 1_700_000_000_000)
    )
    outbox.put([sign(stale, [seeded("cadiai")], node.genesis_hash)])
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 0, result.err
    assert "2 final" in result.out
    assert stale.tx_id not in {tx_id_of(raw) for raw in node.seen}
    assert body_of(node.seen[0]).nonce == stale.parsed().nonce
    assert outbox.pending() == []


def test_what_became_of_each_row_is_told_though_the_outbox_cannot_take_note_of_it(
    ayni: Ayni, node: FakeNode, outbox: Outbox, table: Path
) -> None:
    leg = transactions.leg("lazio/coop", "EUC", 7, value_date=20_513)
    other = transactions.transfer("emilia/cadiai", [leg], Stamp(bytes(16), 1_900_000_000_000))
    outbox.put([sign(other, [seeded("cadiai")], node.genesis_hash)])
    (outbox.pending()[0].path.parent.parent / "done").write_text("a file is in the way")
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 0
    assert "2 final" in result.out
    assert "the outbox could not take note of it (Not a directory)" in result.err
    again = ayni("tx", "import", str(table), "--yes")
    assert len(node.log) == 2, again.err


def test_an_import_that_is_cut_short_tells_what_became_of_its_rows(
    ayni: Ayni, node: FakeNode, table: Path
) -> None:
    with interrupting(node):
        result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 6
    assert result.out.splitlines()[-1] == "2 unknown"
    assert three_lines(result.err) == [
        "ayni: Interrupted before every row had its outcome.",
        "  why:  A node may have taken the others.",
        "  next: Import the file again: rows that are final are skipped.",
    ]


def test_an_import_whose_node_is_caught_lying_tells_what_became_of_its_rows(
    ayni: Ayni, node: FakeNode, table: Path
) -> None:
    node.spoil_receipts = True
    result = ayni("tx", "import", str(table), "--yes", "--json")
    assert result.code == 4
    assert [row["outcome"] for row in json.loads(result.out)["rows"]] == ["unknown"] * 2
    assert "does not verify" in three_lines(result.err)[0]
    node.spoil_receipts = False
    again = ayni("tx", "import", str(table), "--yes")
    assert (again.code, len(node.log)) == (0, 2)


def test_a_reference_with_a_control_character_stops_the_import_before_anything_is_sent(
    ayni: Ayni, node: FakeNode, table: Path
) -> None:
    table.write_text(GOOD + "inv-9,lazio/coop,emilia/cadiai,1,EUC,2026-03-01,a\tb\n")
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 2
    assert (
        "line 4 (id inv-9): transfer.legs.reference is out of bounds. It has a control character, like a tab."
        in result.err
    )
    assert node.seen == []


def test_a_link_to_a_device_that_never_ends_is_read_no_further_than_the_bound(
    ayni: Ayni, tmp_path: Path
) -> None:
    path = tmp_path / "payments.csv"
    path.symlink_to("/dev/zero")
    result = ayni("tx", "import", str(path))
    assert (result.code, three_lines(result.err)) == (
        2,
        [
            f"ayni: {path} is too large.",
            "  why:  At most 64 MiB are imported at once.",
            "  next: Split the file.",
        ],
    )


def test_a_row_whose_payer_was_changed_is_not_paid_by_both(ayni: Ayni, node: FakeNode, table: Path) -> None:
    """A nonce is used once by each author, so that the ledger would take the second one as well."""
    node.accounts["lazio/coop"] = account_record(seeded("cadiai"))
    assert ayni("tx", "import", str(table), "--yes").code == 0
    first = tx_id_of(node.seen[0]).hex()[:16]
    table.write_text(HEADER + "inv-1,lazio/coop,emilia/cadiai,12.50,EUC,2026-03-01,March\n")
    result = ayni("tx", "import", str(table), "--yes")
    assert result.code == 2
    assert (
        f"line 2 (id inv-1): its id is final already for emilia/cadiai, as transaction {first};"
        " give a new row a new id" in result.err
    )
    assert len(node.seen) == 2


def test_a_pending_row_is_signed_anew_with_the_key_that_came_instead(
    ayni: Ayni, node: FakeNode, table: Path, tmp_path: Path
) -> None:
    node.judge = lambda body: refuse(final_after_ms=body.expires_at_ms)
    assert ayni("tx", "import", str(table), "--yes").code == 3
    key = tmp_path / "new.key"
    key.write_text(seeded("new").seed.hex())
    assert ayni("keys", "import", str(key), "--name", "new").code == 0
    node.accounts["emilia/cadiai"] = account_record(seeded("new"))
    node.judge = lambda body: None
    assert ayni("tx", "import", str(table), "--yes").code == 0
    for before, after in zip(sorted(node.seen[:2]), sorted(node.seen[2:]), strict=True):
        assert tx_id_of(before) == tx_id_of(after)
        signed = transaction_pb2.SignedTransaction.FromString(after)
        assert [one.public_key for one in signed.signatures] == [seeded("new").public_key]
