"""Lots that cannot be used are passed over, whatever came and went before (E3, E5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import limits
from ledger.records import Lot
from ledger.rules.classes import ClassPolicy, find_class
from ledger.rules.held import HeldLots
from tests.ledger.bare import START_DAY
from tests.ledger.holders import (
    SHARES,
    A,
    B,
    bare_with_classes,
)

TODAY = START_DAY + 10
LOT = st.builds(
    Lot,
    issuer=st.sampled_from([A, B]),
    amount=st.integers(1, 9),
    origin=st.integers(0, 2),
    origin_line=st.integers(0, 2),
    value_date=st.integers(TODAY - 7, TODAY),
    issuer_only=st.sampled_from([True, True, False]),
).map(lambda lot: lot._replace(expires_on=lot.value_date + 5))
"""Two days in eight it has expired."""


@settings(max_examples=500)
@given(
    st.lists(LOT, min_size=5, max_size=12),
    st.lists(
        st.one_of(
            st.tuples(st.just("take"), st.sampled_from([A, A, B, None]), st.integers(1, 3)),
            st.tuples(st.just("add"), LOT),
            st.tuples(st.just("take_of_origin"), LOT),
            st.tuples(st.just("take_expired")),
        ),
        min_size=2,
        max_size=12,
    ),
)
def test_what_cannot_be_used_is_passed_over_once_and_nothing_else_is(
    held_first: list[Lot], steps: list[Any]
) -> None:
    """E3, E5: after any steps lots are taken as from the same lots looked at anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "LOTS_MAX", 8)
        take_and_compare([*(("add", lot) for lot in held_first), *steps])


@pytest.mark.parametrize("age", [5, 0], ids=["before them", "when the first two become one"])
def test_a_lot_that_comes_moves_those_that_were_passed_over(
    age: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOTS_MAX", 3 if age == 0 else 4)
    at_b, at_a = (Lot(issuer, 5, 0, 0, TODAY, TODAY + 5, True) for issuer in (B, A))
    first = [at_b._replace(value_date=TODAY - 3), at_b._replace(value_date=TODAY - 2)]
    come = at_a._replace(value_date=TODAY - age, origin=1)
    take_and_compare(
        [
            *(("add", lot) for lot in (*first, at_a._replace(value_date=TODAY - 1))),
            ("take", A, 1),
            ("add", come),
            ("take", A, 1),
        ]
    )


def take_and_compare(steps: list[Any]) -> None:
    bare = bare_with_classes(expires_after_days=5)
    policy = find_class(bare.state, SHARES, "class_id")
    assert isinstance(policy, ClassPolicy)
    holder = "f/a:p-1"
    lots = HeldLots(bare.state, policy, TODAY, "class_id")
    for step, *arguments in steps:
        if step == "add":
            if lots.add(holder, arguments[0], "") is not None:
                return  # no two are alike: the transaction is refused
        elif step == "take_expired":
            lots.take_expired(holder)
        elif step == "take_of_origin":
            lot = arguments[0]
            lots.take_of_origin(lot.issuer, holder, lot.origin, lot.origin_line, 1, "")
        else:
            anew = HeldLots(bare.state, policy, TODAY, "class_id")
            for lot in lots._of(holder):
                anew.add(holder, lot, "")
            provider, amount = arguments
            assert lots.take(holder, amount, "", provider) == anew.take(holder, amount, "", provider)
            assert lots._of(holder) == anew._of(holder)
