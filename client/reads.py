"""Reads that need more than one question: statements, the unit of each class, lists cut at a limit.

Decides that amounts of a class are counted in the unit that is proven to be the class's; a statement that
does not add up is refused in client/statement.py.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ayni.v1 import entitlements_pb2, ledger_service_pb2
from client.errors import NotFound
from client.output import Unit
from client.statement import Page, Statement, read_statement
from client.views.classes import class_units
from ledger import limits, records

if TYPE_CHECKING:
    from client.api import Client


def units_of_classes(client: Client) -> dict[str, Unit]:
    """The unit of every class of the network."""
    return class_units(client.classes(), client.units)


class ProvenUnits(dict[str, Unit]):
    """The unit of every class: which there are is a node's word, what an amount is counted in is proven."""

    def __init__(self, client: Client) -> None:
        super().__init__(units_of_classes(client))
        self._client = client
        self._proven: dict[str, Unit] = {}

    def __getitem__(self, class_id: str) -> Unit:
        if class_id not in self._proven:
            self._proven[class_id] = class_unit(self._client, class_id)
        return self._proven[class_id]


def class_unit(client: Client, class_id: str) -> Unit:
    """The unit of one class, proven. Raises NotFound, VerificationFailed."""
    return client.units[class_definition(client, class_id).unit]


def class_definition(client: Client, class_id: str) -> entitlements_pb2.DefineClass:
    """What a class is, proven: an amount typed in another unit would be signed as another amount.

    Raises NotFound, VerificationFailed.
    """
    if not limits.CLASS_NAME.match(class_id):
        raise _no_class(class_id)
    _, proven = client.state_proof(records.class_key(class_id))
    if proven.value is None:
        raise _no_class(class_id)
    kept = records.decode(records.ClassRecord, proven.value)
    return entitlements_pb2.DefineClass.FromString(kept.definition or b"")


def class_entry(
    classes: ledger_service_pb2.ListClassesResponse, class_id: str
) -> ledger_service_pb2.ClassEntry:
    """One class of a list. Raises NotFound."""
    for entry in classes.classes:
        if entry.class_id == class_id:
            return entry
    raise _no_class(class_id)


def _no_class(class_id: str) -> NotFound:
    return NotFound(
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
