"""`ayni tx import`: transfers from a CSV file, each row once, for ever."""

from __future__ import annotations

from pathlib import Path

import click

from client.cli.imports import Import, check_profile
from client.cli.options import shared_options
from client.context import Context
from client.errors import ExitCode
from client.importing import TRANSFER_COLUMNS, read_rows, transfer_builder
from client.output import duration_ms, parse_day
from client.stamps import new_stamp

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("import")
@click.argument("path", type=FILE, metavar="FILE.csv")
@click.option("--payer", default="", help="Who pays the rows that name no payer.")
@click.option("--date", "date_text", default="", metavar="DAY", help="Value date of rows that give none.")
@click.option(
    "--profile",
    default="transfers",
    show_default=True,
    help="Where the ids come from: the same profile and id is the same transaction, for ever.",
)
@click.option("--preview", is_flag=True, help="Check and show only.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option(
    "--drafts",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    metavar="DIR",
    help="Write each row to a file for others to sign; send nothing.",
)
@click.option("--expires-in", default="10m", show_default=True, help="How long rows stay valid; at most 7d.")
@shared_options
def import_rows(
    context: Context,
    path: Path,
    payer: str,
    date_text: str,
    profile: str,
    preview: bool,
    yes: bool,
    drafts: Path | None,
    expires_in: str,
) -> ExitCode:
    """Send the transfers of FILE.csv, whose columns are id, payee, amount, unit; optional payer, date,
    reference, document_hash.

    Every row is checked before anything is sent. A row whose id is final already is skipped if its content
    is the same, and an error if it is not. The exit code is that of the worst row.
    """
    rows = read_rows(
        path,
        TRANSFER_COLUMNS,
        transfer_builder(context.units, payer, parse_day(date_text) if date_text else 0),
        profile=check_profile(profile),
        expires_at_ms=new_stamp(duration_ms(expires_in)).expires_at_ms,
    )
    return Import(context, path, rows, drafts, preview, yes).run()
