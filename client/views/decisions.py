"""Decisions as people and programs read them: what each item does, who signed, whether it has effect.

Pure. Spec: docs/protocol.md, M2 to M8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ayni.v1 import members_pb2, state_pb2
from client.output import Unit, amount_text, decimal_text, time_json, time_text
from client.views.common import Document, key_set_json, key_set_text, percent_text, unit_or_parts
from client.views.pool import PARAMETERS, parameter_json, parameter_text

if TYPE_CHECKING:
    from rich.console import Console

Units = Mapping[str, Unit]
_STATUS: dict[int, str] = {
    state_pb2.DECISION_STATUS_PENDING: "pending",
    state_pb2.DECISION_STATUS_EFFECTIVE: "effective",
    state_pb2.DECISION_STATUS_VOID: "void",
}


def item_text(item: members_pb2.DecisionItem, units: Units) -> str:
    """One item as a sentence."""
    match item.WhichOneof("item"):
        case "accredit":
            return _accredit_text(item.accredit)
        case "reinstate":
            return f"reinstate {item.reinstate.organisation}"
        case "quota":
            amount = amount_text(item.quota.amount_minor, unit_or_parts(units, item.quota.unit))
            return f"the quota of {item.quota.federation} is {amount}"
        case "ceiling":
            amount = amount_text(item.ceiling.amount_minor, unit_or_parts(units, item.ceiling.unit))
            return f"the issue ceiling of {item.ceiling.organisation} is {amount}"
        case "parameter":
            name = PARAMETERS.get(item.parameter.name, "?")
            where = f" in {item.parameter.unit}" if item.parameter.unit else ""
            return f"the parameter {name}{where} is {parameter_text(item.parameter, units)}"
        case _:
            return "nothing"


def item_json(item: members_pb2.DecisionItem, units: Units) -> Document:
    """One item as a document."""
    kind = item.WhichOneof("item") or ""
    document: dict[str, Any] = {"type": kind}
    match kind:
        case "accredit":
            one = item.accredit
            document |= {
                "organisation": one.organisation,
                "keys": key_set_json(one.keys) if one.HasField("keys") else None,
                "charter_hash": one.charter_hash.hex(),
                "user_seats_bp": one.user_seats_bp,
                "non_member_bp": one.non_member_bp,
                "valid_until": time_json(one.valid_until_ms) if one.valid_until_ms else None,
            }
        case "reinstate":
            document["organisation"] = item.reinstate.organisation
        case "quota":
            quota = item.quota
            amount = decimal_text(quota.amount_minor, unit_or_parts(units, quota.unit))
            document |= {"federation": quota.federation, "unit": quota.unit, "amount": amount}
        case "ceiling":
            ceiling = item.ceiling
            amount = decimal_text(ceiling.amount_minor, unit_or_parts(units, ceiling.unit))
            document |= {"organisation": ceiling.organisation, "unit": ceiling.unit, "amount": amount}
        case "parameter":
            document |= parameter_json(item.parameter, units)
    return document


def decision_json(decision: members_pb2.Decision, units: Units) -> Document:
    """What is decided, and when it takes effect."""
    return {
        "effective_height": decision.effective_height or None,
        "items": [item_json(one, units) for one in decision.items],
    }


def record_json(record: state_pb2.PendingDecisionRecord, units: Units) -> Document:
    """A decision in the ledger."""
    reason = record.void_reason if record.HasField("void_reason") else None
    return {
        "status": _STATUS.get(record.status, ""),
        **decision_json(record.decision, units),
        "void_reason": {"field": reason.field, "message": reason.message} if reason is not None else None,
    }


def decision_lines(decision: members_pb2.Decision, units: Units) -> Iterator[str]:
    """What is decided, and when it takes effect, a line each."""
    for number, item in enumerate(decision.items, start=1):
        yield f"  {number}. {item_text(item, units)}"
    if decision.effective_height:
        yield f"  takes effect at the start of block {decision.effective_height:,}"
    else:
        yield "  takes effect in the block that includes it"


def print_record(target: Console, record: state_pb2.PendingDecisionRecord, units: Units) -> None:
    """A decision in the ledger, for a person."""
    target.print(f"status: {_STATUS.get(record.status, 'unknown')}")
    for line in decision_lines(record.decision, units):
        target.print(line, soft_wrap=True)
    if record.HasField("void_reason"):
        target.print(f"  void, because {record.void_reason.message}", soft_wrap=True)


def _accredit_text(one: members_pb2.Accredit) -> str:
    keys = f", with {key_set_text(one.keys)} of its own" if one.HasField("keys") else ""
    until = f", until {time_text(one.valid_until_ms)}" if one.valid_until_ms else ""
    return (
        f"accredit {one.organisation}{keys}{until}: users hold {percent_text(one.user_seats_bp)} of the board"
        f" seats, non-members {percent_text(one.non_member_bp)}; charter {one.charter_hash.hex()}"
    )
