"""Classes of entitlements and their issuers, as people and programs read them.

Pure. Spec: docs/protocol.md, E1 (classes), E7 (issued = outstanding + redeemed + bought back + cancelled).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ayni.v1 import entitlements_pb2, ledger_service_pb2
from client.answers import ClassUnits
from client.output import Unit, amount_text, decimal_text, print_table
from client.views.common import Document, amounts_json, print_read_at, read_at_json

if TYPE_CHECKING:
    from rich.console import Console

Units = Mapping[str, Unit]
Classes = ledger_service_pb2.ListClassesResponse
ClassEntry = ledger_service_pb2.ClassEntry

KINDS: dict[int, str] = {
    entitlements_pb2.KIND_SHARE: "share",
    entitlements_pb2.KIND_HOURS: "hours",
}
GIVEN_FOR: dict[int, str] = {
    entitlements_pb2.GIVEN_FOR_MONEY_OUTSIDE: "money",
    entitlements_pb2.GIVEN_FOR_CREDIT: "credit",
    entitlements_pb2.GIVEN_FOR_SERVICE: "service",
}
TRANSFERABILITY: dict[int, str] = {
    entitlements_pb2.TRANSFERABILITY_NOBODY: "nobody",
    entitlements_pb2.TRANSFERABILITY_SAME_ORGANISATION: "organisation",
    entitlements_pb2.TRANSFERABILITY_SAME_FEDERATION: "federation",
    entitlements_pb2.TRANSFERABILITY_ANYONE: "anyone",
}
"""The words of the command line for the contract's values."""

_GIVEN_FOR_TEXT = {
    "money": "money paid outside the ledger",
    "credit": "credit",
    "service": "service rendered",
}
_TO_WHOM_TEXT = {
    "nobody": "nobody",
    "organisation": "accounts of the same organisation",
    "federation": "accounts of the same federation",
    "anyone": "anyone",
}


def class_units(classes: Classes, units: Units) -> dict[str, Unit]:
    """The unit of each class."""
    return ClassUnits({one.class_id: units[one.record.definition.unit] for one in classes.classes})


def classes_json(classes: Classes, units: Units) -> Document:
    """All classes with their issuers."""
    return {
        "classes": [class_json(one, units) for one in classes.classes],
        "read_at": read_at_json(classes.at),
    }


def class_json(entry: ClassEntry, units: Units) -> Document:
    """One class with its issuers."""
    definition = entry.record.definition
    unit = units[definition.unit]
    return {
        "class": entry.class_id,
        **definition_json(definition, unit),
        "issued": entry.record.issued,
        "issuers": [
            {
                "issuer": one.issuer,
                **amounts_json(
                    unit,
                    issued=one.record.issued,
                    redeemed=one.record.redeemed,
                    bought_back=one.record.bought_back,
                    cancelled=one.record.cancelled,
                    outstanding=one.record.outstanding,
                ),
            }
            for one in entry.issuers
        ],
    }


def definition_json(definition: entitlements_pb2.DefineClass, unit: Unit) -> Document:
    """What a class's policy is."""
    contribution, cap = definition.item_contribution_minor, definition.holder_cap_minor
    return {
        "class_kind": KINDS.get(definition.kind, ""),
        "unit": unit.code,
        "given_for": GIVEN_FOR.get(definition.given_for, ""),
        "item_value": decimal_text(definition.item_value_minor, unit),
        "item_contribution": decimal_text(contribution, unit) if contribution else None,
        "holder_cap": decimal_text(cap, unit) if cap else None,
        "transferable_to": TRANSFERABILITY.get(definition.transferability, ""),
        "expires_after_days": definition.expires_after_days or None,
        "categories": list(definition.categories),
        "tax_eligible": definition.tax_eligible,
    }


def print_classes(target: Console, classes: Classes, units: Units) -> None:
    """A line for each class."""
    rows = []
    for one in classes.classes:
        definition = one.record.definition
        unit = units[definition.unit]
        outstanding = sum(issuer.record.outstanding for issuer in one.issuers)
        rows.append(
            (
                one.class_id,
                KINDS.get(definition.kind, ""),
                amount_text(definition.item_value_minor, unit),
                TRANSFERABILITY.get(definition.transferability, ""),
                f"{definition.expires_after_days:,} days" if definition.expires_after_days else "never",
                f"{len(one.issuers):,}",
                amount_text(outstanding, unit),
            )
        )
    columns = ("class", "kind", "item value", "transferable to", "expires", "issuers", "outstanding")
    print_table(target, columns, rows, right=("item value", "issuers", "outstanding"))
    print_read_at(target, classes.at)


def print_class(target: Console, entry: ClassEntry, classes: Classes, units: Units) -> None:
    """One class whole: its policy, and what each issuer has of it."""
    definition = entry.record.definition
    unit = units[definition.unit]
    target.print(f"{entry.class_id}" + ("" if entry.record.issued else " (nothing issued yet)"))
    for name, text in _policy(definition, unit):
        target.print(f"  {name}: {text}", soft_wrap=True)
    target.print()
    rows = [
        (
            one.issuer,
            amount_text(one.record.issued, unit),
            amount_text(one.record.outstanding, unit),
            amount_text(one.record.redeemed, unit),
            amount_text(one.record.bought_back, unit),
            amount_text(one.record.cancelled, unit),
        )
        for one in entry.issuers
    ]
    columns = ("issuer", "issued", "outstanding", "redeemed", "bought back", "cancelled")
    print_table(target, columns, rows, right=columns[1:])
    print_read_at(target, classes.at)


def _policy(definition: entitlements_pb2.DefineClass, unit: Unit) -> list[tuple[str, str]]:
    given_for = GIVEN_FOR.get(definition.given_for, "")
    to_whom = TRANSFERABILITY.get(definition.transferability, "")
    days, cap = definition.expires_after_days, definition.holder_cap_minor
    policy = [
        ("kind", f"{KINDS.get(definition.kind, '')}, given for {_GIVEN_FOR_TEXT.get(given_for, '')}"),
        ("one item is worth", f"{amount_text(definition.item_value_minor, unit)} in services"),
    ]
    if definition.item_contribution_minor:
        policy.append(("paid for one item", amount_text(definition.item_contribution_minor, unit)))
    policy += [
        ("most one holder may hold", amount_text(cap, unit) if cap else "no cap"),
        ("may be given to", _TO_WHOM_TEXT.get(to_whom, "")),
        ("expires", f"{days:,} days after its value date" if days else "never"),
        ("good for", ", ".join(definition.categories) or "every service"),
        ("tax eligible", "yes" if definition.tax_eligible else "no"),
    ]
    return policy
