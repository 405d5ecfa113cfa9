"""Decisions beside the case files: what a void one leaves on record, and the largest that is taken."""

from __future__ import annotations

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


def test_two_decisions_of_one_height_take_effect_in_the_order_of_the_log() -> None:
    world = standard()
    for value in (7, 9):
        parameter = {"parameter": {"name": "ADVANCE_BP", "unit": "EUC", "value": value}}
        world.do({"author": "emilia", "decision": {"effective_height": 8, "items": [parameter]}}, SIGNERS)
    world.block()
    world.block()
    record = world.state.get(records.ParameterRecord, records.parameter_key(2, "EUC"))
    assert record.value_plus_one == 10


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
