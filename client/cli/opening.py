"""`ayni opening`: balances and holdings of an older system, co-signed by those they concern."""

from __future__ import annotations

import click

from client.cli.import_options import Asked, import_options
from client.errors import ExitCode
from client.importing import OPENING_COLUMNS, opening_builder


@click.group("opening")
def command() -> None:
    """Balances and holdings of an older system."""


@command.command("import")
@import_options("opening")
def import_rows(asked: Asked) -> ExitCode:
    """Bring over the rows of FILE.csv, each signed by both whom it concerns.

    Of kind balance: id, kind, debtor, creditor, unit, amount; optional reference, document_hash.
    Of kind holding: id, kind, issuer, holder, class, amount, date; optional document_hash.
    """
    from client.reads import ProvenUnits

    classes = ProvenUnits(asked.context.client)
    return asked.run(OPENING_COLUMNS, opening_builder(asked.context.units, classes), classes)
