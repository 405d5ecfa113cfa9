"""Federations, their organisations, accreditation and quotas, as people and programs read them.

Pure. Spec: docs/protocol.md, M2 to M9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ayni.v1 import ledger_service_pb2
from client.output import Unit, amount_text, decimal_text, print_table
from client.views.accounts import organisation_json, organisation_text
from client.views.common import (
    Document,
    key_set_json,
    key_set_text,
    percent_text,
    print_read_at,
    read_at_json,
)

if TYPE_CHECKING:
    from rich.console import Console

Units = Mapping[str, Unit]
Members = ledger_service_pb2.ListMembersResponse
FederationEntry = ledger_service_pb2.FederationEntry


def members_json(members: Members, units: Units) -> Document:
    """Every federation with its organisations and quotas."""
    return {
        "federations": [federation_json(one, units) for one in members.federations],
        "read_at": read_at_json(members.at),
    }


def federation_json(entry: FederationEntry, units: Units) -> Document:
    """One federation."""
    record = entry.record
    return {
        "federation": entry.name,
        "decision_keys": key_set_json(record.decision_keys),
        "consensus_key": record.consensus_key.hex(),
        "service_key": record.service_key.hex(),
        "organisations": [
            {"organisation": one.organisation, **organisation_json(one.record)} for one in entry.organisations
        ],
        "quotas": [
            {
                "unit": one.unit,
                "quota": decimal_text(one.record.quota, units[one.unit]),
                "used": decimal_text(one.record.used, units[one.unit]),
            }
            for one in entry.quotas
        ],
    }


def print_members(target: Console, members: Members) -> None:
    """A line for each organisation, and for a federation without one."""
    rows: list[tuple[str, ...]] = []
    for federation in members.federations:
        for one in federation.organisations:
            rows.append(
                (
                    federation.name,
                    one.organisation,
                    organisation_text(one.record),
                    f"{one.record.hosted_accounts:,}",
                )
            )
        if not federation.organisations:
            rows.append((federation.name, "-", "no organisation yet", "-"))
    columns = ("federation", "organisation", "standing", "hosted accounts")
    print_table(target, columns, rows, right=("hosted accounts",))
    print_read_at(target, members.at)


def print_federation(target: Console, entry: FederationEntry, members: Members, units: Units) -> None:
    """One federation whole."""
    target.print(f"{entry.name}, a federation")
    target.print(f"  decides with {key_set_text(entry.record.decision_keys)}")
    target.print()
    rows = [
        (
            one.unit,
            amount_text(one.record.quota, units[one.unit]),
            amount_text(one.record.used, units[one.unit]),
            amount_text(max(0, one.record.quota - one.record.used), units[one.unit]),
        )
        for one in entry.quotas
    ]
    print_table(target, ("unit", "quota", "used", "left"), rows, right=("quota", "used", "left"))
    target.print()
    organisations = [
        (one.organisation, organisation_text(one.record), f"{one.record.hosted_accounts:,}")
        for one in entry.organisations
    ]
    columns = ("organisation", "standing", "hosted accounts")
    print_table(target, columns, organisations, right=("hosted accounts",))
    print_read_at(target, members.at)


def print_organisation(
    target: Console, entry: ledger_service_pb2.OrganisationEntry, members: Members
) -> None:
    """One organisation's standing and the terms it was accredited on."""
    record = entry.record
    target.print(f"{entry.organisation}: {organisation_text(record)}", soft_wrap=True)
    if record.charter_hash:
        target.print(f"  charter: SHA-256 {record.charter_hash.hex()}", soft_wrap=True)
        target.print(f"  board seats held by users: {percent_text(record.user_seats_bp)}")
        target.print(f"  held by non-members: {percent_text(record.non_member_bp)}")
    target.print(f"  hosted accounts: {record.hosted_accounts:,}")
    print_read_at(target, members.at)
