"""Every invariant of B3, broken by hand: over what one transaction wrote, and over a whole state."""

from __future__ import annotations

from typing import Any

import pytest

from ayni.v1.entitlements_pb2 import DefineClass
from ledger import apply, records
from ledger.invariants import InvariantBroken, check_state, check_writes
from ledger.records import (
    BalanceRecord,
    ClassRecord,
    Due,
    HoldingRecord,
    IssuanceRecord,
    Lot,
    OrganisationUnitRecord,
    PoolUnitRecord,
    QuotaRecord,
)
from ledger.refusals import Refusal
from ledger.rule import Context
from ledger.rules import transfers
from ledger.state import Overlay
from tests.ledger.world import World, standard

CADIAI = records.organisation_unit_key("emilia/cadiai", "EUC")
POOL = records.balance_key("pool", "EUC")
TOTALS = records.pool_unit_key("EUC")
CLASS = records.class_key("x@japan")
DEFINED = ClassRecord(DefineClass(class_id="x@japan", unit="EUC").SerializeToString(deterministic=True))
Writes = dict[bytes, tuple[Any, ...]]

BROKEN: dict[str, tuple[Writes, str]] = {
    "credit out of nothing": (
        {records.balance_key("japan/nalc", "EUC"): BalanceRecord(5, 1000)},
        "credit EUC is off by 5",
    ),
    "a pool below zero": (
        {POOL: BalanceRecord(-5), records.balance_key("japan/nalc", "EUC"): BalanceRecord(5, 1000)},
        "the pool's balance would be -5",
    ),
    "deposits that the pool does not hold": (
        {
            TOTALS: PoolUnitRecord(deposits=5),
            CADIAI: OrganisationUnitRecord(ceiling=5000, deposit=5),
        },
        "common capital: the pool holds 0, deposits are 5",
    ),
    "a deposit that is not counted": (
        {CADIAI: OrganisationUnitRecord(ceiling=5000, deposit=5)},
        "deposits EUC is off by 5",
    ),
    "dues of one side": (
        {CADIAI: OrganisationUnitRecord(ceiling=5000, dues=(Due(1, -5),))},
        "dues EUC is off by -5",
    ),
    "a ceiling that the quota does not count": (
        {CADIAI: OrganisationUnitRecord(ceiling=5001)},
        "quota used emilia EUC is off by 1",
    ),
    "a credit limit that the quota does not count": (
        {records.balance_key("emilia/cadiai", "EUC"): BalanceRecord(0, 1001)},
        "quota used emilia EUC is off by 1",
    ),
    "a quota that counts too much": (
        {records.quota_key("emilia", "EUC"): QuotaRecord(1_000_000, 6001)},
        "quota used emilia EUC is off by -1",
    ),
    "a lot that nobody issued": (
        {records.holding_key("japan/nalc:v-1", "x@japan"): HoldingRecord((Lot("japan/nalc", 5, 1, 0, 1),))},
        "held x@japan japan/nalc is off by 5",
    ),
    "an issue that is not outstanding": (
        {CLASS: DEFINED, records.issuance_key("x@japan", "japan/nalc"): IssuanceRecord(issued=5)},
        "issued x@japan japan/nalc is off by 5",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_transaction_that_breaks_an_invariant_is_found(name: str) -> None:
    writes, message = BROKEN[name]
    with pytest.raises(InvariantBroken) as found:
        check_writes(Overlay(standard().state.block.base, None), writes)
    assert message in str(found.value)


@pytest.mark.parametrize("name", BROKEN)
def test_a_state_that_breaks_an_invariant_is_found(name: str) -> None:
    values = dict(standard().readers[0].values)
    for key, record in BROKEN[name][0].items():
        values[key] = records.encode(record)
    with pytest.raises(InvariantBroken):
        check_state(values.items())


def test_what_the_pool_pays_leaves_the_deposits_whole_though_their_record_is_not_written() -> None:
    """P3: the pool holds 7, of which 5 are a deposit; one payment of 3 touches its balance alone."""
    before = Overlay(standard().state.block.base, None)
    nalc = records.balance_key("japan/nalc", "EUC")
    before.writes.update({POOL: BalanceRecord(7), TOTALS: PoolUnitRecord(deposits=5)})
    check_writes(before, {POOL: BalanceRecord(5), nalc: BalanceRecord(2, 1000)})
    with pytest.raises(InvariantBroken) as found:
        check_writes(before, {POOL: BalanceRecord(4), nalc: BalanceRecord(3, 1000)})
    assert str(found.value) == "the pool would hold 4, deposits are 5"


def test_a_sound_state_passes() -> None:
    check_state(standard().readers[0].values.items())


def test_a_rule_that_would_break_an_invariant_is_refused_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """B3: the transaction is not executed; somebody is told."""

    def pays_nobody(context: Context, author: str, payload: Any) -> Refusal | None:
        context.state.put(records.balance_key(author, "EUC"), BalanceRecord(1_000_000, 1000))
        return None

    world = standard()
    faulty = transfers.TRANSFER._replace(execute=pays_nobody)
    monkeypatch.setitem(apply.RULES, "transfer", faulty)
    refusal = refused(world)
    assert (refusal.name, refusal.field) == ("INVARIANT", "")
    assert "credit EUC is off by 1000000" in refusal.message
    assert world.state.balance("emilia/cadiai", "EUC").balance == 0


def refused(world: World) -> Refusal:
    legs = [{"payee": "japan/nalc", "unit": "EUC", "amount_minor": 5}]
    refusal = world.refusal(world.transaction({"author": "emilia/cadiai", "transfer": {"legs": legs}}))
    assert refusal is not None
    return refusal
