"""A CSV file that people write: every mistake is named by row and column before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.errors import UsageProblem
from client.tables import CellProblem, Columns, Row, needed, read_table

COLUMNS = Columns(("id", "amount"), ("note",), lambda name: name.startswith("limit "))


def parse(row: Row) -> Row:
    needed(row, "id")
    if not row["amount"].isdecimal():
        raise CellProblem("amount", f"'{row['amount']}' is not a number")
    return row


def refused(path: Path, content: bytes) -> tuple[str, str, str]:
    path.write_bytes(content)
    with pytest.raises(UsageProblem) as caught:
        read_table(path, COLUMNS, parse)
    return caught.value.lines()


def test_rows_are_read_without_blanks_and_absent_columns_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes('﻿id, amount ,limit EUC\r\n a , 1 ,5\r\n"b,c",2,\r\n'.encode())
    assert read_table(path, COLUMNS, parse) == [
        {"id": "a", "amount": "1", "note": "", "limit EUC": "5"},
        {"id": "b,c", "amount": "2", "note": "", "limit EUC": ""},
    ]


def test_what_a_spreadsheet_with_decimal_commas_writes_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id;amount;note\r\na;1;"x;y"\r\n\r\n;;\r\nb;2;\r\n ; ;\r\n;;;;\r\n')
    assert [(row["id"], row["amount"], row["note"]) for row in read_table(path, COLUMNS, parse)] == [
        ("a", "1", "x;y"),
        ("b", "2", ""),
    ]


def test_blank_columns_beside_the_table_are_passed_over(tmp_path: Path) -> None:
    """As spreadsheets write them when a cell there was ever touched."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"id,amount,,\r\na,1,,\r\nb,2, ,\r\n,,,\r\n")
    assert [(row["id"], row["amount"]) for row in read_table(path, COLUMNS, parse)] == [
        ("a", "1"),
        ("b", "2"),
    ]
    why = "Row 1 has another number of cells than the header."
    assert why in refused(path, b"id,amount,,\r\na,1,x,\r\n")[1]


def test_a_table_of_blank_rows_has_none(tmp_path: Path) -> None:
    assert "It has no row under its header." in refused(tmp_path / "rows.csv", b"id,amount\n,\n , \n")[1]


def test_every_bad_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = "id,amount\na,1\n,2\nc,x\n" + "d,y\n" * 5
    assert refused(path, rows.encode()) == (
        f"ayni: 7 of the 8 rows of {path} cannot be right; nothing was sent.",
        "  why:  Row 2, id: it is empty; row 3, amount: 'x' is not a number; "
        "row 4, amount: 'y' is not a number; row 5, amount: 'y' is not a number; "
        "row 6, amount: 'y' is not a number; and 2 more.",
        "  next: Correct the file and run the command again.",
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "In its header these columns are missing: id, amount (known: id, amount, note)."),
        (b"id,note\nx,y\n", "In its header these columns are missing: amount (known: id, amount, note)."),
        (
            b"id,amount,what\nx,y,z\n",
            "In its header these columns are unknown: what (known: id, amount, note).",
        ),
        (
            b"id,amount,id\nx,1,z\n",
            "In its header these columns are there twice: id (known: id, amount, note).",
        ),
        (b"id,amount\n", "It has no row under its header."),
        (b"id,amount\na\n", "Row 1 has another number of cells than the header."),
        (b"id,amount\na,1\nb,2,3\n", "Row 2 has another number of cells than the header."),
        (b"id,amount\n\xff,1\n", "It is not UTF-8."),
        (b'id,amount\n"a,1\n', "Unexpected end of data."),
    ],
)
def test_what_is_no_table_is_refused_as_a_whole(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "rows.csv"
    assert refused(path, content) == (
        f"ayni: The file {path} cannot be read as a table.",
        f"  why:  {why}",
        "  next: Save it as CSV in UTF-8, separated by commas or semicolons, with a header row.",
    )


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="No such file or directory"):
        read_table(tmp_path / "none.csv", COLUMNS, parse)


def test_a_link_to_a_device_that_never_ends_is_read_no_further_than_the_bound(tmp_path: Path) -> None:
    """As in an archive that somebody sends."""
    path = tmp_path / "rows.csv"
    path.symlink_to("/dev/zero")
    with pytest.raises(UsageProblem, match="It is larger than 64 MiB"):
        read_table(path, COLUMNS, parse)
