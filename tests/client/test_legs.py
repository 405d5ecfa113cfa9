"""Transfers of several legs: all or nothing, each payer signs."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from client.keys import Keystore
from tests.client.conftest import CHEAP, PASSWORD, Ayni, three_lines
from tests.client.fakes import TRANSFER, FakeNode, body_of, seeded


def legs_of(raw: bytes) -> list[tuple[str, str, str, int, str]]:
    legs = body_of(raw).transfer.legs
    return [(one.payer, one.payee, one.unit, one.amount_minor, one.reference) for one in legs]


def test_several_legs_are_one_transaction(ayni: Ayni, node: FakeNode) -> None:
    more = ("--leg", "emilia/cadiai:m-1", "1:30", "HRS", "--leg", "lazio/coop", "3", "EUC")
    assert ayni(*TRANSFER, *more, "--reference", "March").code == 0
    [raw] = node.seen
    assert legs_of(raw) == [
        ("", "lazio/coop", "EUC", 1250, "March"),
        ("", "emilia/cadiai:m-1", "HRS", 90, "March"),
        ("", "lazio/coop", "EUC", 300, "March"),
    ]
    assert ayni("tx", "transfer", "emilia/cadiai", "--leg", "lazio/coop", "3", "EUC").code == 0
    assert legs_of(node.seen[1]) == [("", "lazio/coop", "EUC", 300, "")]


def test_legs_of_a_file_name_their_payers_who_sign_on_another_machine(
    ayni: Ayni, node: FakeNode, home: Path, tmp_path: Path
) -> None:
    """A round of debts set off: everybody's leg or nobody's."""
    table = tmp_path / "legs.csv"
    (tmp_path / "invoice.pdf").write_bytes(b"abc")
    table.write_text(
        "payer,payee,amount,unit,date,reference,document\n"
        "emilia/cadiai,lazio/coop,12.50,EUC,2026-03-31,invoice 7,invoice.pdf\n"
        "lazio/coop,emilia/cadiai,10,EUC,,,\n"
    )
    path = tmp_path / "round.json"
    alone = ayni("tx", "transfer", "emilia/cadiai", "--csv", str(table))
    assert alone.code == 7
    assert "lacks signatures: lazio/coop (1 more of its 1-of-1 keys)." in three_lines(alone.err)[0]
    drafted = ayni("tx", "transfer", "emilia/cadiai", "--csv", str(table), "--draft", str(path))
    assert drafted.code == 0
    assert drafted.out.splitlines()[-1] == "must sign still: lazio/coop (1 more of its 1-of-1 keys)"
    theirs = tmp_path / "their-keys.json"
    Keystore(theirs, lambda new: PASSWORD, CHEAP).put({"coop": seeded("coop").seed})
    signed = ayni("tx", "sign", str(path), "--key", "coop", "--keystore", str(theirs), "--json")
    assert json.loads(signed.out)["signers"] == ["emilia/cadiai", "lazio/coop"]
    assert ayni("tx", "submit", str(path)).code == 0
    [raw] = node.seen
    assert legs_of(raw) == [
        ("", "lazio/coop", "EUC", 1250, "invoice 7"),
        ("lazio/coop", "emilia/cadiai", "EUC", 1000, ""),
    ]
    first = body_of(raw).transfer.legs[0]
    assert first.document_hash == sha256(b"abc").digest()
    assert first.value_date == 20543


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "It is not clear what is paid."),
        (("lazio/coop", "12.50"), "It is not clear what is paid."),
        (("lazio/coop", "12.50", "EUC", "--csv", "legs.csv"), "The legs are given twice."),
        (("--csv", "legs.csv", "--reference", "March"), "The legs are given twice."),
        (("--csv", "legs.csv"), "2 of the 3 rows of legs.csv cannot be right; nothing was sent."),
        (("lazio", "1", "EUC"), "'lazio' cannot be an account's name."),
        (("lazio/coop", "1", "EUC", "--leg", "lazio/coop", "0", "EUC"), "'0' is not an amount of EUC."),
        (("lazio/coop", "1", "XYZ"), "There is no unit 'XYZ'."),
    ],
)
def test_legs_that_cannot_be_right_are_told_before_anything_is_sent(
    ayni: Ayni,
    node: FakeNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    what: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("legs.csv").write_text("payee,amount,unit,payer\nlazio/coop,1,EUC,\nlazio/coop,,EUC,\nx,1,EUC,y\n")
    result = ayni("tx", "transfer", "emilia/cadiai", *arguments)
    assert result.code in (2, 8)
    assert three_lines(result.err)[0] == f"ayni: {what}"
    assert node.seen == []
