"""Decisions beside the case files: what a void one leaves on record, and the largest that is taken."""

from __future__ import annotations

from typing import Any

import pytest

from ayni.v1 import result_pb2, state_pb2
from ledger import limits, records
from ledger.refusals import QUOTA_EXCEEDED
from tests.ledger.world import World, genesis, standard

SIGNERS = ("emilia", "japan", "quebec")


def pending(world: World, label: str) -> records.PendingDecisionRecord:
    return world.state.get(records.PendingDecisionRecord, records.decision_key(world.labels[label]))


def test_a_void_decision_records_why() -> None:
    world = standard()
    ceiling = {"organisation": "kenya/shamba", "unit": "EUC", "amount_minor": 900_000}
    world.do(
        {"author": "emilia", "decision": {"effective_height": 8, "items": [{"ceiling": ceiling}]}},
        SIGNERS,
        "later",
    )
    raised = {"account": "kenya/shamba", "limits": [{"unit": "EUC", "credit_limit_minor": 200_000}]}
    world.do({"author": "kenya", "set_limits": {"accounts": [raised]}})
    world.block()
    assert pending(world, "later").status == state_pb2.DECISION_STATUS_PENDING
    world.block()
    record = pending(world, "later")
    assert record.status == state_pb2.DECISION_STATUS_VOID
    reason = result_pb2.Refusal.FromString(record.void_reason or b"")
    assert reason.code == QUOTA_EXCEEDED
    assert reason.field == "decision.items[0].ceiling.amount_minor"
    assert "kenya would have granted 11,000.00 EUC of its quota of 10,000.00 EUC" in reason.message
    world.check_invariants()


ACCREDITED = {"organisation": "kenya/shamba", "charter_hash": "charter"}
NEW = {"organisation": "kenya/new", "charter_hash": "charter", "keys": "kenya/new"}
OPENED = {"author": "kenya", "open_accounts": {"accounts": [{"account": "kenya/new", "keys": "kenya/new"}]}}
SHAMBA = ["kenya/shamba", "kenya/shamba:f-1"]
CLOSED = {"author": "kenya", "close_accounts": {"accounts": SHAMBA}}
SUSPENDED = {"author": "kenya", "suspend_organisation": {"organisation": "kenya/shamba"}}
CEILING = {"organisation": "kenya/shamba", "unit": "EUC", "amount_minor": 900_000}
LIMITS = [{"unit": "EUC", "credit_limit_minor": 200_000}]
RAISED = {"author": "kenya", "set_limits": {"accounts": [{"account": "kenya/shamba", "limits": LIMITS}]}}
REINSTATED = {"author": "emilia", "decision": {"items": [{"reinstate": {"organisation": "kenya/shamba"}}]}}
VOID = {
    "closed": ({"accredit": ACCREDITED}, CLOSED, "account kenya/shamba is closed; use another"),
    "opened": ({"accredit": NEW}, OPENED, "kenya/new has an account; leave keys out"),
    "quota": (
        {"ceiling": CEILING},
        RAISED,
        "kenya would have granted 11,000.00 EUC of its quota of 10,000.00 EUC: 2,000.00 EUC are used and this"
        " adds 9,000.00 EUC; grant less, lower another limit or ceiling, or have the quota raised by a"
        " decision",
    ),
    "reinstated": (
        {"reinstate": {"organisation": "kenya/shamba"}},
        REINSTATED,
        "kenya/shamba is not suspended; leave the item out",
    ),
}


@pytest.mark.parametrize(("item", "meanwhile", "words"), VOID.values(), ids=VOID)
def test_the_words_in_which_a_decision_is_void_are_part_of_the_state_and_stay(
    item: dict[str, Any], meanwhile: dict[str, Any], words: str
) -> None:
    """M3: were they other words tomorrow, the history of yesterday would come to other roots."""
    world = standard()
    if "reinstate" in item:
        world.do(SUSPENDED)
    at = world.height + 3
    world.do({"author": "emilia", "decision": {"effective_height": at, "items": [item]}}, SIGNERS, "later")
    world.do(meanwhile, SIGNERS if meanwhile is REINSTATED else None)
    world.block()
    reason = result_pb2.Refusal.FromString(pending(world, "later").void_reason or b"")
    assert reason.message == words


def test_so_are_the_words_of_one_for_which_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """M3, A1."""
    monkeypatch.setattr(limits, "ORGANISATIONS_MAX", 2)
    world = standard()
    items = [{"accredit": {**NEW, "organisation": "kenya/other", "keys": "kenya/other"}}]
    world.do({"author": "emilia", "decision": {"effective_height": 7, "items": items}}, SIGNERS, "later")
    world.do(OPENED)
    world.block()
    reason = result_pb2.Refusal.FromString(pending(world, "later").void_reason or b"")
    assert reason.message == "kenya has 2 organisations already, the most allowed; close one first"


def test_two_decisions_of_one_height_take_effect_in_the_order_of_the_log() -> None:
    world = standard()
    for value in (7, 9):
        parameter = {"parameter": {"name": "ADVANCE_BP", "unit": "EUC", "value": value}}
        world.do({"author": "emilia", "decision": {"effective_height": 8, "items": [parameter]}}, SIGNERS)
    world.block()
    world.block()
    record = world.state.get(records.ParameterRecord, records.parameter_key(2, "EUC"))
    assert record.value_plus_one == 10


def test_what_takes_effect_with_the_next_block_holds_for_whoever_asks_what_that_would_refuse() -> None:
    world = standard()
    legs = [{"payee": "japan/nalc", "unit": "EUC", "amount_minor": 5}]
    paid = world.transaction({"author": "kenya/shamba", "transfer": {"legs": legs}})
    world.do(SUSPENDED)
    item = {"reinstate": {"organisation": "kenya/shamba"}}
    at = world.height + 3
    world.do({"author": "emilia", "decision": {"effective_height": at, "items": [item]}}, SIGNERS)
    refusal = world.refusal(paid)
    assert refusal is not None
    assert refusal.name == "SUSPENDED"
    world.block()
    assert world.refusal(paid) is None
    world.block(paid)
    assert world.height == at


def test_the_largest_decision_is_taken_and_one_item_more_is_refused() -> None:
    world = standard()
    item = {"quota": {"federation": "quebec", "unit": "EUC", "amount_minor": 1}}
    body = {"author": "emilia", "decision": {"items": [item] * (limits.DECISION_ITEMS_MAX + 1)}}
    refusal = world.refusal(world.transaction(body, SIGNERS))
    assert refusal is not None
    assert (refusal.field, refusal.message) == (
        "decision.items",
        "decision.items has 65 items; it must have from 1 to 64",
    )
    world.do({"author": "emilia", "decision": {"items": [item] * limits.DECISION_ITEMS_MAX}}, SIGNERS)


def test_a_network_of_one_decides_alone() -> None:
    world = World(genesis(federations=("solo",)))
    accredit = {"organisation": "solo/coop", "keys": "solo/coop", "charter_hash": "charter"}
    world.do({"author": "solo", "decision": {"items": [{"accredit": accredit}]}})
    assert world.state.organisation("solo/coop").accredited
