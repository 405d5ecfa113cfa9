"""`ayni member`: federations and organisations; a federation suspends its own organisation.

Decides how members are asked for; accrediting and reinstating is a decision (client/cli/decision.py).
Spec: docs/protocol.md, M4 to M9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from client import transactions
from client.cli.options import shared_options
from client.cli.writing import Writing, writing_options
from client.context import Context
from client.errors import UsageProblem
from ledger import limits

if TYPE_CHECKING:
    from rich.console import Console


@click.group("member")
def command() -> None:
    """Federations and organisations: who they are, their standing."""


@command.command("suspend")
@click.argument("organisation")
@click.option(
    "--reason", required=True, help="At most 256 bytes. It is public and for ever: no personal data."
)
@writing_options
def suspend_command(writing: Writing, organisation: str, reason: str) -> None:
    """Suspend an organisation, in its own federation's name.

    It pays and issues nothing and is no provider until the federations decide to reinstate it; what the
    people it hosts hold stays theirs.
    """
    if not limits.ORGANISATION_NAME.match(organisation):
        raise UsageProblem(
            f"'{organisation}' is no organisation.",
            "A federation suspends one of its own organisations.",
            "Write it like emilia/cadiai.",
        )
    federation = limits.federation_of(organisation)
    writing.send(transactions.suspend_organisation(federation, organisation, reason, writing.stamp()))


@command.command("list")
@shared_options
def list_command(context: Context) -> None:
    """List every federation with its organisations."""
    from client.views.members import members_json, print_members

    members = context.client.members()
    context.output.result(
        "members", members_json(members, context.units), lambda target: print_members(target, members)
    )


@command.command("show")
@click.argument("name")
@shared_options
def show_command(context: Context, name: str) -> None:
    """Show a federation, or an organisation's terms."""
    from client.reads import federation_entry, organisation_entry
    from client.views.accounts import organisation_json
    from client.views.common import read_at_json
    from client.views.members import federation_json, print_federation, print_organisation

    members = context.client.members()
    document: dict[str, Any]
    if "/" in name:
        organisation = organisation_entry(members, name)
        document = {"organisation": name, **organisation_json(organisation.record)}
    else:
        federation = federation_entry(members, name)
        document = federation_json(federation, context.units)

    def render(target: Console) -> None:
        if "/" in name:
            print_organisation(target, organisation, members)
        else:
            print_federation(target, federation, members, context.units)

    context.output.result("member", {**document, "read_at": read_at_json(members.at)}, render)
