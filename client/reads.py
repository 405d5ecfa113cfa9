"""Reads that need more than one question: statements, the unit of each class, lists cut at a limit.

Decides nothing about trust; a statement that does not add up is refused in client/statement.py.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ayni.v1 import ledger_service_pb2
from client.errors import NotFound
from client.output import Unit
from client.statement import Page, Statement, read_statement
from client.views.classes import class_units

if TYPE_CHECKING:
    from client.api import Client


def units_of_classes(client: Client) -> dict[str, Unit]:
    """The unit of every class of the network."""
    return class_units(client.classes(), client.units)


def class_unit(client: Client, class_id: str) -> Unit:
    """The unit of one class. Raises NotFound."""
    return client.units[class_entry(client.classes(class_id), class_id).record.definition.unit]


def class_entry(
    classes: ledger_service_pb2.ListClassesResponse, class_id: str
) -> ledger_service_pb2.ClassEntry:
    """One class of a list. Raises NotFound."""
    for entry in classes.classes:
        if entry.class_id == class_id:
            return entry
    raise NotFound(
        f"There is no class '{class_id}'.",
        "Classes are named like shares-2026@emilia/cadiai or hours@emilia.",
        "See `ayni class list`.",
    )


def statement_of(client: Client, account: str, from_ms: int, until_ms: int) -> Statement:
    """An account's whole statement. Raises NotFound, VerificationFailed."""

    def page_of(until: int, after: str) -> Page:
        return client.statement(account, from_ms=from_ms, until_ms=until, after=after)

    return read_statement(account, from_ms, until_ms, page_of)


def accounts_of(
    client: Client, prefix: str, limit: int
) -> tuple[list[ledger_service_pb2.GetAccountResponse], bool]:
    """Up to `limit` accounts whose name begins with `prefix`, and whether there are more."""
    found = list(islice(client.accounts(prefix), limit + 1))
    return found[:limit], len(found) > limit


def organisation_entry(
    members: ledger_service_pb2.ListMembersResponse, organisation: str
) -> ledger_service_pb2.OrganisationEntry:
    """One organisation of the members' list. Raises NotFound."""
    for federation in members.federations:
        for entry in federation.organisations:
            if entry.organisation == organisation:
                return entry
    raise NotFound(
        f"There is no organisation '{organisation}'.",
        "No federation of this network has one of that name.",
        "See `ayni member list`.",
    )


def federation_entry(
    members: ledger_service_pb2.ListMembersResponse, federation: str
) -> ledger_service_pb2.FederationEntry:
    """One federation of the members' list. Raises NotFound."""
    for entry in members.federations:
        if entry.name == federation:
            return entry
    raise NotFound(
        f"There is no federation '{federation}'.",
        f"The federations of this network are {', '.join(one.name for one in members.federations)}.",
        "Use one of these.",
    )
