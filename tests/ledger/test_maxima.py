"""The largest transfers, openings and key sets that are taken, and one past them (limits.py)."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import limits
from ledger.books import CreditBook
from ledger.rule import Context
from ledger.state import Overlay, State
from tests.ledger.world import key, standard


def legs(count: int) -> list[dict[str, Any]]:
    return [{"payee": "japan/nalc", "unit": "EUC", "amount_minor": 1}] * count


def test_a_transfer_of_the_most_legs_is_taken() -> None:
    world = standard()
    raised = {"account": "emilia/cadiai", "limits": [{"unit": "EUC", "credit_limit_minor": limits.LEGS_MAX}]}
    world.do({"author": "emilia", "set_limits": {"accounts": [raised]}})
    entry = world.do({"author": "emilia/cadiai", "transfer": {"legs": legs(limits.LEGS_MAX)}})
    assert len(entry.postings) == 2 * limits.LEGS_MAX
    assert world.state.balance("japan/nalc", "EUC").balance == limits.LEGS_MAX
    world.check_invariants()


def test_one_leg_more_is_refused() -> None:
    world = standard()
    raw = world.transaction({"author": "emilia/cadiai", "transfer": {"legs": legs(limits.LEGS_MAX + 1)}})
    refusal = world.refusal(raw)
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("FIELD_INVALID", "transfer.legs")
    assert refusal.message == "transfer.legs has 4097 items; it must have from 1 to 4096"


@pytest.mark.parametrize(
    ("count", "accepted"), [(limits.ACCOUNTS_MAX, True), (limits.ACCOUNTS_MAX + 1, False)]
)
def test_how_many_accounts_are_opened_at_once(count: int, accepted: bool) -> None:
    world = standard()
    accounts = [{"account": f"emilia/cadiai:p-{n:05}"} for n in range(count)]
    refusal = world.refusal(
        world.transaction({"author": "emilia/cadiai", "open_accounts": {"accounts": accounts}})
    )
    assert (refusal is None) == accepted
    if refusal:
        assert refusal.message == "open_accounts.accounts has 4097 items; it must have from 1 to 4096"


@pytest.mark.parametrize(("count", "accepted"), [(limits.KEYS_MAX, True), (limits.KEYS_MAX + 1, False)])
def test_how_many_keys_an_account_has(count: int, accepted: bool) -> None:
    world = standard()
    names = sorted([f"k{n}" for n in range(count)], key=lambda name: key(name).public_key)
    keys = {"of": names, "threshold": count}
    refusal = world.refusal(
        world.transaction(
            {"author": "emilia/cadiai", "rotate_keys": {"account": "emilia/cadiai", "keys": keys}}
        )
    )
    assert (refusal is None) == accepted
    if refusal:
        assert refusal.message == "rotate_keys.keys.public_keys has 17 items; it must have from 1 to 16"


def test_a_balance_does_not_overflow() -> None:
    """No limit in bounds lets a balance near the greatest total; the check stands all the same."""
    world = standard()
    state = State(Overlay(world.state.block.base, None))
    book = CreditBook(Context(state, 5, 1, 0, b""))
    refusal = book.pay("pool", "japan/nalc", "EUC", limits.TOTAL_MAX + 1, 0, "amount", by_rule=True)
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("OVERFLOW", "amount")
    assert refusal.message == f"a balance would pass {limits.TOTAL_MAX}; pay less"
