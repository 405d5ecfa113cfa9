"""`ayni class`: classes of entitlements: what a share or an hour is, and who may hold it.

Decides how a class is written down; what is allowed is the ledger's (docs/protocol.md, E1).
"""

from __future__ import annotations

from typing import Any

import click

from ayni.v1 import entitlements_pb2
from client import transactions
from client.cli.arguments import class_name, one_of
from client.cli.options import shared_options
from client.cli.writing import Writing, writing_options
from client.context import Context
from client.errors import UsageProblem
from client.output import Unit, parse_amount
from client.views.classes import GIVEN_FOR, KINDS, TRANSFERABILITY
from ledger import limits


@click.group("class")
def command() -> None:
    """Classes of entitlements: shares and hours."""


@command.command("define")
@click.argument("class_id", metavar="NAME@OWNER")
@click.option("--kind", required=True, type=one_of(KINDS.values()), help="What it is.")
@click.option("--unit", "code", required=True, metavar="UNIT", help="What it is counted in.")
@click.option(
    "--given-for",
    type=one_of(GIVEN_FOR.values()),
    default=None,
    help="What is given for it: money outside the ledger, credit; hours always for service.",
)
@click.option("--item-value", default="", metavar="AMOUNT", help="Value in services of one item. Hours: 1.")
@click.option("--item-contribution", default="", metavar="AMOUNT", help="Paid for one item; shares only.")
@click.option("--holder-cap", default="", metavar="AMOUNT", help="Most one holder may hold. Default: no cap.")
@click.option(
    "--transferable-to",
    type=one_of(TRANSFERABILITY.values()),
    default="anyone",
    show_default=True,
    help="To whom a holder may give it: within its organisation, its federation, …",
)
@click.option(
    "--expires-after",
    "expires_after_days",
    type=click.IntRange(0, limits.DAYS_MAX),
    default=0,
    metavar="DAYS",
    help="Days from the value date; 0: never.",
)
@click.option(
    "--category", "categories", multiple=True, help="A service it is good for. Repeatable. Default: all."
)
@click.option("--tax-eligible", is_flag=True, help="What is paid for it may be deducted from tax.")
@writing_options
def define_command(
    writing: Writing,
    class_id: str,
    kind: str,
    code: str,
    given_for: str | None,
    item_value: str,
    item_contribution: str,
    holder_cap: str,
    transferable_to: str,
    expires_after_days: int,
    categories: tuple[str, ...],
    tax_eligible: bool,
) -> None:
    """Define a class, in its owner's name.

    Owned by an organisation, only it issues; owned by a federation, every accredited organisation may. It
    can be defined anew until something of it is issued.
    """
    class_name(class_id)
    unit = writing.context.unit(code)
    hours = kind == KINDS[entitlements_pb2.KIND_HOURS]
    _check_words(hours, given_for, item_value, item_contribution)
    definition = entitlements_pb2.DefineClass(
        class_id=class_id,
        kind=_value(KINDS, kind),
        unit=code,
        given_for=_value(GIVEN_FOR, given_for or "service"),
        item_value_minor=_amount(item_value, unit) or (unit.scale if hours else 0),
        item_contribution_minor=_amount(item_contribution, unit),
        holder_cap_minor=_amount(holder_cap, unit),
        transferability=_value(TRANSFERABILITY, transferable_to),
        expires_after_days=expires_after_days,
        categories=categories,
        tax_eligible=tax_eligible,
    )
    owner = class_id.partition("@")[2]
    writing.send(transactions.define_class(owner, definition, writing.stamp()))


@command.command("list")
@shared_options
def list_command(context: Context) -> None:
    """List the network's classes."""
    from client.views.classes import classes_json, print_classes

    classes = context.client.classes()
    context.output.result(
        "classes",
        classes_json(classes, context.units),
        lambda target: print_classes(target, classes, context.units),
    )


@command.command("show")
@click.argument("class_id", metavar="CLASS")
@shared_options
def show_command(context: Context, class_id: str) -> None:
    """Show a class: its policy, and what each issuer has of it."""
    from client.reads import class_entry
    from client.views.classes import class_json, print_class
    from client.views.common import read_at_json

    classes = context.client.classes(class_id)
    entry = class_entry(classes, class_id)
    context.output.result(
        "class",
        {**class_json(entry, context.units), "read_at": read_at_json(classes.at)},
        lambda target: print_class(target, entry, classes, context.units),
    )


def _check_words(hours: bool, given_for: str | None, item_value: str, item_contribution: str) -> None:
    if hours and (item_contribution or given_for not in (None, "service")):
        raise UsageProblem(
            "Hours are given for service.",
            "They are earned, and nothing is paid for them.",
            "Leave out --given-for and --item-contribution.",
        )
    if not hours and (given_for not in ("money", "credit") or not (item_value and item_contribution)):
        raise UsageProblem(
            "It is not said what a share costs and what it is worth.",
            "A share is given for money or credit, at a price, for a value in services.",
            "Give --given-for, --item-value and --item-contribution.",
        )


def _amount(text: str, unit: Unit) -> int:
    return parse_amount(text, unit) if text else 0


def _value(words: dict[int, str], word: str) -> Any:
    """The contract's value for a word of the command line."""
    return next(value for value, name in words.items() if name == word)
