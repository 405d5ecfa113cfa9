"""`ayni entitlement`: shares and hours: issued, earned by service, given, donated, redeemed.

Decides how each is written down; what may be done is the ledger's (docs/protocol.md, E and H). Whoever
must sign and has no key here signs the file that --draft writes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from client import transactions
from client.cli.arguments import as_option, class_name, date_option, one_of, reference_option, value_date
from client.cli.entitlement_rows import (
    PAID,
    Service,
    issue_line,
    read_issues,
    read_services,
    service_line,
)
from client.cli.options import FILE, shared_options
from client.cli.writing import Writing, writing_options
from client.context import Context
from client.errors import UsageProblem
from client.output import Unit, parse_amount
from client.tables import CellProblem
from ledger import limits

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


@click.group("entitlement")
def command() -> None:
    """Shares and hours: issue, serve, give, donate, redeem."""


@command.command("issue")
@click.argument("class_id", metavar="CLASS")
@click.option("--to", "holder", default="", metavar="ACCOUNT", help="Who will hold it.")
@click.option("--items", default="", metavar="NUMBER", help="How many shares.")
@date_option("Value date: when it was paid, year-month-day. Default: today.")
@click.option(
    "--document", type=FILE, default=None, help="The receipt of money paid: its SHA-256 is recorded."
)
@click.option(
    "--csv", "csv_path", type=FILE, default=None, help="Many holders. Columns: holder, items, date, document."
)
@as_option("The issuer. Default: the class's owner.")
@writing_options
def issue_command(
    writing: Writing,
    class_id: str,
    holder: str,
    items: str,
    date_text: str,
    document: Path | None,
    csv_path: Path | None,
    author: str,
) -> None:
    """Issue shares. The issuer and each holder sign."""
    if csv_path is not None:
        _only_csv(holder, items, date_text, document)
        lines = read_issues(csv_path)
    else:
        _needed("issue", {"--to": holder, "--items": items})
        lines = [_checked(lambda: issue_line(holder, items, date_text, document))]
    issuer = author or _owner(class_id)
    writing.send(transactions.issue(issuer, class_id, lines, writing.stamp()))


@command.command("serve")
@click.argument("class_id", metavar="CLASS")
@click.option("--served-by", default="", metavar="ACCOUNT", help="Who served, and earns the hours.")
@click.option("--recipient", default="", metavar="ACCOUNT", help="Who was cared for.")
@click.option("--amount", default="", metavar="HOURS", help="How long: 1:30 or 1.5.")
@click.option("--paid", type=one_of(PAID), default=None, help="How it was paid.")
@click.option("--holder", default="", metavar="ACCOUNT", help="Whose credits pay. Default: the recipient's.")
@click.option("--fee", nargs=2, default=None, metavar="AMOUNT UNIT", help="The user fee, in credit or cash.")
@click.option(
    "--document", type=FILE, default=None, help="The receipt of a fee in cash: its SHA-256 is recorded."
)
@click.option("--category", default="", help="What kind of service.")
@date_option()
@click.option("--attester", "attesters", multiple=True, metavar="ACCOUNT", help="Who co-signs. Repeatable.")
@click.option(
    "--csv",
    "csv_path",
    type=FILE,
    default=None,
    help="Many services. Columns: served_by, recipient, amount, paid, and date, category, holder, fee, "
    "fee_unit, document.",
)
@as_option("The organisation that hosts the service. Default: that of --served-by.")
@writing_options
def serve_command(
    writing: Writing,
    class_id: str,
    served_by: str,
    recipient: str,
    amount: str,
    paid: str | None,
    holder: str,
    fee: tuple[str, str] | None,
    document: Path | None,
    category: str,
    date_text: str,
    attesters: tuple[str, ...],
    csv_path: Path | None,
    author: str,
) -> None:
    """Record care that was given; whoever served earns the hours.

    Paid with credits it is a redemption too, and the holder signs; by a fee in credit, the recipient signs.
    """
    context = writing.context
    if csv_path is not None:
        _only_csv(served_by, recipient, amount, paid, holder, fee, document, category, date_text)
        lines = read_services(csv_path, context, _class_unit(context, class_id))
    else:
        given = {"--served-by": served_by, "--recipient": recipient, "--amount": amount, "--paid": paid}
        _needed("record", given)
        fee_amount, fee_unit = fee or ("", "")
        service = Service(
            *(served_by, recipient, amount, paid or "", date_text, category, holder),
            *(fee_amount, fee_unit, document),
        )
        unit = _class_unit(context, class_id)
        lines = [_checked(lambda: service_line(service, context, unit))]
    host = author or limits.organisation_of(lines[0].served_by)
    writing.send(transactions.record_service(host, class_id, lines, writing.stamp(), attesters))


@command.command("give")
@click.argument("class_id", metavar="CLASS")
@click.argument("amount")
@click.option("--from", "holder", required=True, metavar="ACCOUNT", help="Who gives.")
@click.option("--to", "receiver", required=True, metavar="ACCOUNT", help="Who receives.")
@reference_option()
@writing_options
def give_command(
    writing: Writing, class_id: str, amount: str, holder: str, receiver: str, reference: str
) -> None:
    """Give to another holder, oldest first. The holder signs."""
    amount_minor = parse_amount(amount, _class_unit(writing.context, class_id))
    draft = transactions.give(holder, receiver, class_id, amount_minor, writing.stamp(), reference=reference)
    writing.send(draft)


@command.command("donate")
@click.argument("class_id", metavar="CLASS")
@click.argument("amount")
@click.option("--from", "holder", required=True, metavar="ACCOUNT", help="Who donates.")
@reference_option()
@writing_options
def donate_command(writing: Writing, class_id: str, amount: str, holder: str, reference: str) -> None:
    """Give to the collective pool. The holder signs."""
    amount_minor = parse_amount(amount, _class_unit(writing.context, class_id))
    writing.send(transactions.donate(holder, class_id, amount_minor, writing.stamp(), reference=reference))


@command.command("redeem")
@click.argument("class_id", metavar="CLASS")
@click.argument("amount")
@click.option("--from", "holder", required=True, metavar="ACCOUNT", help="Who redeems.")
@click.option(
    "--at", "provider", required=True, metavar="ORGANISATION", help="Who serves, and is paid by the pool."
)
@click.option("--served-by", default="", metavar="ACCOUNT", help="Hours: who served, and earns them.")
@click.option("--category", default="", help="What kind of service.")
@date_option()
@reference_option()
@as_option("Who makes it: holder or provider. Default: the provider.")
@writing_options
def redeem_command(
    writing: Writing,
    class_id: str,
    amount: str,
    holder: str,
    provider: str,
    served_by: str,
    category: str,
    date_text: str,
    reference: str,
    author: str,
) -> None:
    """Use entitlements at a provider, whoever issued them. Both sign."""
    amount_minor = parse_amount(amount, _class_unit(writing.context, class_id))
    draft = transactions.redeem(
        author or provider,
        holder,
        provider,
        class_id,
        amount_minor,
        writing.stamp(),
        value_date=value_date(date_text),
        category=category,
        reference=reference,
        served_by=served_by,
    )
    writing.send(draft)


@command.command("list")
@click.argument("account")
@shared_options
def list_command(context: Context, account: str) -> None:
    """List what an account holds: every lot, oldest first."""
    from client.reads import units_of_classes
    from client.views.accounts import holding_json, print_holdings
    from client.views.common import print_read_at, read_at_json

    if account == limits.POOL:
        pool = context.client.pool()
        at, holdings = pool.at, pool.holdings
    else:
        found = context.client.account(account)
        at, holdings = found.at, found.holdings
    classes = units_of_classes(context.client) if holdings else {}

    def render(target: Console) -> None:
        if holdings:
            print_holdings(target, holdings, classes)
        else:
            target.print(f"{account} holds no entitlements")
        print_read_at(target, at)

    document = {
        "account": account,
        "holdings": [holding_json(one, classes[one.class_id]) for one in holdings],
        "read_at": read_at_json(at),
    }
    context.output.result("holdings", document, render)


def _class_unit(context: Context, class_id: str) -> Unit:
    from client.reads import class_unit

    return class_unit(context.client, class_id)


def _owner(class_id: str) -> str:
    """The organisation that owns the class, and so issues it. Raises UsageProblem."""
    owner = class_name(class_id).partition("@")[2]
    if "/" not in owner:
        raise UsageProblem(
            f"It is not clear who issues {class_id}.",
            "A federation owns this class, and any of its accredited organisations may issue.",
            "Say it with --as ORGANISATION.",
        )
    return owner


def _needed(verb: str, given: dict[str, Any]) -> None:
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise UsageProblem(
            f"There is not enough to {verb}.",
            f"Missing: {', '.join(missing)}.",
            "Give them, or --csv FILE.",
        )


def _only_csv(*others: Any) -> None:
    if any(others):
        raise UsageProblem(
            "The lines are given twice.",
            "--csv holds all of them.",
            "Leave out the options of a single line.",
        )


def _checked(make: Callable[[], T]) -> T:
    """A line made from options; a cell's problem is said as the option's."""
    try:
        return make()
    except CellProblem as problem:
        raise UsageProblem(
            f"The line cannot be right: {problem}.", "It was given by options.", "Correct it."
        ) from problem
