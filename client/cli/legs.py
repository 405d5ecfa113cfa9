"""The legs of a transfer, as `ayni tx transfer` and `ayni tx build` are given them: all or nothing.

Decides how one leg, several, or a file of them are written down. CSV columns: `payee`, `amount`, `unit`;
optional `payer` (who signs too; default: PAYER), `date` (default: today), `reference`, `document` (a file,
relative to the CSV file, whose SHA-256 is recorded). Never sends.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ayni.v1 import credit_pb2
from client import transactions
from client.cli.arguments import account_name, date_option, hash_of_file, reference_option, value_date
from client.cli.options import FILE
from client.context import Context
from client.errors import UsageProblem
from client.output import parse_amount
from client.tables import CellProblem, Columns, Row, needed, read_table
from ledger import limits

COLUMNS = Columns(("payee", "amount", "unit"), ("payer", "date", "reference", "document"))
Function = Callable[..., Any]


def leg_options(function: Function) -> Function:
    """[PAYEE AMOUNT UNIT] and the options of legs; the command gets them as `**legs`, for `legs_from`."""
    for decorate in (
        click.option(
            "--csv",
            "csv_path",
            type=FILE,
            default=None,
            help="Legs from a file. Columns: payee, amount, unit, and payer, date, reference, document.",
        ),
        click.option(
            "--document",
            type=FILE,
            default=None,
            help="A file whose SHA-256 is recorded; the file itself stays with you.",
        ),
        date_option(),
        reference_option(),
        click.option(
            "--leg",
            "more",
            nargs=3,
            multiple=True,
            metavar="PAYEE AMOUNT UNIT",
            help="One more leg of the same transaction, all or nothing. Repeatable.",
        ),
        click.argument("unit", required=False, default=""),
        click.argument("amount", required=False, default=""),
        click.argument("payee", required=False, default=""),
    ):
        function = decorate(function)
    return function


def legs_from(
    context: Context,
    *,
    payee: str,
    amount: str,
    unit: str,
    more: tuple[tuple[str, str, str], ...],
    reference: str,
    date_text: str,
    document: Path | None,
    csv_path: Path | None,
) -> list[credit_pb2.Leg]:
    """The legs that the arguments name, in their order. Raises UsageProblem, NotFound."""
    first = (payee, amount, unit)
    if csv_path is not None:
        if any(first) or more or reference or date_text or document:
            raise UsageProblem(
                "The legs are given twice.",
                "--csv holds all of them, with their dates, references and documents.",
                "Leave out --csv, or everything else that says what is paid.",
            )
        return read_table(csv_path, COLUMNS, lambda row: _leg_of(row, csv_path, context))
    if (any(first) and not all(first)) or not (all(first) or more):
        raise UsageProblem(
            "It is not clear what is paid.",
            "A leg has a PAYEE, an AMOUNT and a UNIT.",
            "Write it like emilia/cadiai lazio/coop 12.50 EUC, or give --leg or --csv.",
        )
    day = value_date(date_text)
    document_hash = hash_of_file(document) if document else b""
    return [
        transactions.leg(
            account_name(to),
            code,
            parse_amount(figure, context.unit(code)),
            value_date=day,
            reference=reference,
            document_hash=document_hash,
        )
        for to, figure, code in ([first, *more] if all(first) else more)
    ]


def _leg_of(row: Row, csv_path: Path, context: Context) -> credit_pb2.Leg:
    for column in COLUMNS.required:
        needed(row, column)
    for column in ("payee", "payer"):
        if row[column] and not limits.ACCOUNT_NAME.match(row[column]):
            raise CellProblem(column, f"'{row[column]}' is not an account's name, like emilia/cadiai")
    return transactions.leg(
        row["payee"],
        row["unit"],
        parse_amount(row["amount"], context.unit(row["unit"])),
        value_date=value_date(row["date"]),
        payer=row["payer"],
        reference=row["reference"],
        document_hash=hash_of_file(csv_path.parent / row["document"]) if row["document"] else b"",
    )
