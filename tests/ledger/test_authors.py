"""Whose a transaction is, before the rules judge it: who could have made it."""

from __future__ import annotations

import pytest

from ayni.v1.transaction_pb2 import Body
from ledger.rule import is_authors_own
from tests.audit.history import History, leg, opened

COOP, HOSTED, HELD = "emilia/coop", "emilia/coop:m-1", "emilia/coop:m-2"


@pytest.fixture(scope="module")
def history() -> History:
    history = History()
    history.block(history.tx("emilia", open_accounts={"accounts": [opened(COOP)]}))
    accounts = [opened(HOSTED), opened(HELD, keys=False)]
    history.block(history.tx(COOP, open_accounts={"accounts": accounts}))
    return history


def transfer(history: History, author: str) -> Body:
    return history.body(author, transfer={"legs": [leg("japan/coop", 1)]})


@pytest.mark.parametrize(
    ("author", "signers", "expected"),
    [
        (COOP, [COOP], True),
        (COOP, [HOSTED], False),
        (HOSTED, [HOSTED], True),
        (HOSTED, [COOP], False),
        (HELD, [COOP], True),
        (HELD, [HOSTED], False),
        ("emilia", ["emilia"], True),
        ("emilia", ["emilia/service"], True),
        ("emilia", ["japan"], False),
        ("emilia/nobody", [COOP], False),
        ("emilia/nobody:m-1", [COOP], False),
        ("nobody", ["emilia"], False),
    ],
)
def test_the_authors_own_keys_make_it_the_authors(
    history: History, author: str, signers: list[str], expected: bool
) -> None:
    tx = history.sign(transfer(history, author), *signers)
    assert is_authors_own(history.chain.final_state(), tx) is expected
