"""`ayni opening`: balances and holdings of an older system, co-signed by those they concern."""

from __future__ import annotations

from pathlib import Path

import click

from client.cli.imports import Import, check_profile
from client.cli.options import shared_options
from client.context import Context
from client.errors import ExitCode
from client.importing import OPENING_COLUMNS, opening_builder, read_rows
from client.output import duration_ms
from client.stamps import new_stamp

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("opening")
def command() -> None:
    """Balances and holdings of an older system."""


@command.command("import")
@click.argument("path", type=FILE, metavar="FILE.csv")
@click.option(
    "--profile",
    default="opening",
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
    help="Write each row to a file for the others to sign; send nothing.",
)
@click.option("--expires-in", default="10m", show_default=True, help="How long rows stay valid; at most 7d.")
@shared_options
def import_rows(
    context: Context, path: Path, profile: str, preview: bool, yes: bool, drafts: Path | None, expires_in: str
) -> ExitCode:
    """Bring over the rows of FILE.csv, each signed by both whom it concerns.

    Of kind balance: id, kind, debtor, creditor, unit, amount; optional reference, document_hash.
    Of kind holding: id, kind, issuer, holder, class, amount, date; optional document_hash.
    """
    from client.reads import units_of_classes

    rows = read_rows(
        path,
        OPENING_COLUMNS,
        opening_builder(context.units, units_of_classes(context.client)),
        profile=check_profile(profile),
        expires_at_ms=new_stamp(duration_ms(expires_in)).expires_at_ms,
    )
    return Import(context, path, rows, drafts, preview, yes).run()
