"""`ayni tx import`: transfers from a CSV file, each row once, for ever."""

from __future__ import annotations

import click

from client.cli.import_options import Asked, import_options
from client.errors import ExitCode
from client.importing import TRANSFER_COLUMNS, transfer_builder
from client.output import parse_day


@click.command("import")
@click.option("--payer", default="", help="Who pays the rows that name no payer.")
@click.option("--date", "date_text", default="", metavar="DAY", help="Value date of rows that give none.")
@import_options("transfers")
def import_rows(asked: Asked, payer: str, date_text: str) -> ExitCode:
    """Send the transfers of FILE.csv, whose columns are id, payee, amount, unit; optional payer, date,
    reference, document_hash.

    Every row is checked before anything is sent. A row whose id is final already is skipped if its content
    is the same, and an error if it is not. The exit code is that of the worst row.
    """
    value_date = parse_day(date_text) if date_text else 0
    return asked.run(TRANSFER_COLUMNS, transfer_builder(asked.context.units, payer, value_date))
