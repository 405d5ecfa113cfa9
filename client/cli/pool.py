"""`ayni pool`: the collective pool: what it has and owes, contributions, dues, settlements.

Decides how the pool is asked for; what it pays is the ledger's rule (docs/protocol.md, P and S). Nobody
holds its key, because there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from client import transactions
from client.cli.arguments import as_option, federation_here, reference_option
from client.cli.options import shared_options
from client.cli.writing import Writing, writing_options
from client.context import Context
from client.errors import NotFound
from client.output import parse_amount

if TYPE_CHECKING:
    from rich.console import Console

SETTLEMENTS_MAX = 120


@click.group("pool")
def command() -> None:
    """The collective pool and its settlements."""


@command.command("show")
@shared_options
def show_command(context: Context) -> None:
    """Show what the pool has, owes and is owed, per unit."""
    from client.reads import units_of_classes
    from client.views.pool import pool_json, print_pool

    pool = context.client.pool()
    classes = units_of_classes(context.client) if pool.holdings else {}
    context.output.result(
        "pool",
        pool_json(pool, context.units, classes),
        lambda target: print_pool(target, pool, context.units, classes),
    )


@command.command("contribute")
@click.argument("amount")
@click.argument("code", metavar="UNIT")
@click.option("--from", "payer", required=True, metavar="ACCOUNT", help="Who pays.")
@reference_option()
@writing_options
def contribute_command(writing: Writing, amount: str, code: str, payer: str, reference: str) -> None:
    """Pay into the common capital of the pool. It is not paid back."""
    amount_minor = parse_amount(amount, writing.context.unit(code))
    draft = transactions.contribute_to_pool(payer, code, amount_minor, writing.stamp(), reference=reference)
    writing.send(draft)


@command.command("dues")
@click.option("--unit", "code", default="", metavar="UNIT", help="Only this one.")
@shared_options
def dues_command(context: Context, code: str) -> None:
    """List dues by organisation and vintage."""
    from client.views.pool import dues_json, print_dues

    if code:
        context.unit(code)
    dues = context.client.dues(code)
    open_period = context.client.pool().period.open_period
    context.output.result(
        "dues",
        {"open_period": open_period, **dues_json(dues, context.units)},
        lambda target: print_dues(target, dues, context.units, open_period),
    )


@command.command("settlements")
@click.option("--period", type=click.IntRange(1), default=None, help="One settlement, whole.")
@click.option(
    "--last",
    type=click.IntRange(1, SETTLEMENTS_MAX),
    default=12,
    show_default=True,
    help="So many of the latest.",
)
@shared_options
def settlements_command(context: Context, period: int | None, last: int) -> None:
    """List settlements, or show one whole with --period."""
    from client.views.common import print_read_at, read_at_json
    from client.views.pool import print_settlement, print_settlements, settlement_json

    if period is None:
        open_period = context.client.pool().period.open_period
        found = context.client.settlements(max(0, open_period - 1 - last), last)
    else:
        found = context.client.settlements(period - 1, 1)
        if not found.settlements or found.settlements[0].period != period:
            raise NotFound(
                f"Period {period} was not settled yet.",
                "A settlement is published when its period is closed.",
                "See `ayni pool show` for the open period.",
            )

    def render(target: Console) -> None:
        if period is not None:
            print_settlement(target, found.settlements[0], context.units)
        elif found.settlements:
            print_settlements(target, found.settlements, context.units)
        else:
            target.print("no period was settled yet")
        print_read_at(target, found.at)

    document = {
        "settlements": [settlement_json(one, context.units) for one in found.settlements],
        "read_at": read_at_json(found.at),
    }
    context.output.result("settlements", document, render)


@command.command("close-period")
@click.option("--period", type=click.IntRange(1), default=None, help="Its number. Default: the open one.")
@as_option("The federation whose service key signs. Default: the one whose key is here.")
@writing_options
def close_period_command(writing: Writing, period: int | None, author: str) -> None:
    """Close the open period: the pool settles, by rule.

    Any federation's service key may, once the voted minimum period is over. Nodes do it by themselves
    unless configured not to.
    """
    context = writing.context
    federation = author or federation_here(context, "", service=True)
    number = period or context.client.pool().period.open_period
    outcome = writing.send(transactions.close_period(federation, number, writing.stamp()))
    if outcome is None or context.as_json:
        return
    result = outcome.result
    if result is not None and result.HasField("expired_part") and not result.HasField("settlement"):  # S2
        context.output.notice(
            f"period {number} is still open: so much has expired that only a part of it went to the pool;"
            " close it again, or let the nodes do so"
        )
    else:
        context.output.notice(f"period {number} is settled: see `ayni pool settlements --period {number}`")
