"""Who must sign, which keys here do, and who is missing."""

from __future__ import annotations

import pytest

from ayni.v1 import genesis_pb2, members_pb2, state_pb2
from client import transactions
from client.drafts import Draft, with_signatures
from client.errors import KeyProblem
from client.signers import Signing, missing_error, plan
from client.stamps import Stamp
from tests.client.fakes import account_record, body_of, seeded, signed_genesis

STAMP = Stamp(bytes(16), 1_900_000_000_000)
ACCOUNTS = {
    "emilia/cadiai": account_record(seeded("a"), seeded("b"), seeded("c"), threshold=2),
    "emilia/cadiai:m-1": account_record(),
    "emilia/cadiai:m-2": account_record(seeded("m2")),
    "lazio/coop": account_record(seeded("coop")),
}
GENESIS = genesis_pb2.Genesis.FromString(signed_genesis("emilia", "lazio", "toscana", "veneto").body)


def account(name: str) -> state_pb2.AccountRecord:
    return ACCOUNTS[name]


def planned(draft: Draft, *here: str) -> Signing:
    return plan(draft, GENESIS, account, [seeded(name).public_key for name in here])


def keys(*names: str) -> tuple[bytes, ...]:
    return tuple(sorted(seeded(name).public_key for name in names))


def transfer(payer: str, *others: str) -> Draft:
    legs = [transactions.leg("lazio/nuova", "EUC", 5, value_date=9, payer=one) for one in ("", *others)]
    return transactions.transfer(payer, legs, STAMP)


def decision(author: str) -> Draft:
    item = members_pb2.DecisionItem(reinstate=members_pb2.Reinstate(organisation="emilia/cadiai"))
    return transactions.decision(author, [item], STAMP)


def test_no_more_keys_sign_than_the_threshold_needs() -> None:
    signing = planned(transfer("emilia/cadiai"), "a", "b", "c")
    assert len(signing.use) == 2
    assert signing.missing == ()


def test_signatures_that_are_there_already_count() -> None:
    draft = with_signatures(transfer("emilia/cadiai"), [seeded("c")], b"g" * 32)
    signing = planned(draft, "a", "b", "c")
    assert len(signing.use) == 1
    assert seeded("c").public_key not in signing.use
    assert signing.missing == ()


def test_signatures_that_are_not_needed_are_known_when_it_is_complete() -> None:
    """T5 refuses them, and people who sign a file one after the other do not count."""
    draft = with_signatures(transfer("emilia/cadiai"), [seeded("a"), seeded("coop")], b"g" * 32)
    assert planned(draft).surplus == ()
    assert planned(draft, "b").surplus == keys("coop")
    every = with_signatures(draft, [seeded("b"), seeded("c")], b"g" * 32)
    assert len(planned(every).surplus) == 2
    assert set(keys("coop")) < set(planned(every).surplus)


def test_who_is_missing_is_said_with_the_number_of_keys() -> None:
    signing = planned(transfer("emilia/cadiai", "lazio/coop", "emilia/cadiai:m-2"), "a")
    assert keys("a") == signing.use
    expected = (
        "emilia/cadiai (1 more of its 2-of-3 keys)",
        "lazio/coop (1 more of its 1-of-1 keys)",
        "emilia/cadiai:m-2 (1 more of its 1-of-1 keys)",
    )
    assert expected == signing.missing
    problem = missing_error("aa", signing.missing[:1])
    assert problem.what == "Transaction aa lacks signatures: emilia/cadiai (1 more of its 2-of-3 keys)."
    assert problem.exit_code == 7
    assert "--draft FILE" in problem.next_step


def test_an_organisation_signs_for_the_account_it_holds_and_once_for_both() -> None:
    held = planned(transfer("emilia/cadiai:m-1"), "a")
    assert held.missing == ("emilia/cadiai (for emilia/cadiai:m-1) (1 more of its 2-of-3 keys)",)
    assert len(planned(transfer("emilia/cadiai:m-1", "emilia/cadiai"), "a", "b", "c").use) == 2


def test_a_federation_signs_with_decision_keys_and_closes_periods_with_its_service_key() -> None:
    suspend = transactions.suspend_organisation("emilia", "emilia/cadiai", "", STAMP)
    assert keys("emilia decision") == planned(suspend, "emilia decision", "emilia service").use
    close = transactions.close_period("emilia", 1, STAMP)
    assert keys("emilia service") == planned(close, "emilia decision", "emilia service").use


def test_a_decision_takes_exactly_a_quorum_of_federations_the_author_among_them() -> None:
    here = [f"{name} decision" for name in ("emilia", "lazio", "toscana", "veneto")]
    signing = planned(decision("veneto"), *here)
    assert len(signing.use) == 3
    assert seeded("veneto decision").public_key in signing.use
    assert signing.missing == ()
    alone = planned(decision("veneto"), "veneto decision")
    assert alone.missing == ("2 more federations",)


def test_federations_that_signed_a_decision_already_are_counted_first() -> None:
    draft = with_signatures(decision("emilia"), [seeded("veneto decision")], b"g" * 32)
    signing = planned(draft, "emilia decision", "lazio decision", "toscana decision")
    assert len(signing.use) == 2
    assert seeded("emilia decision").public_key in signing.use


def test_a_name_that_is_no_federation_cannot_sign() -> None:
    with pytest.raises(KeyProblem, match="'umbria' cannot sign"):
        planned(transactions.close_period("umbria", 1, STAMP))


def test_content_is_read_back_from_what_was_signed() -> None:
    draft = with_signatures(transfer("emilia/cadiai"), [seeded("a")], b"g" * 32)
    assert body_of(draft.envelope()).author == "emilia/cadiai"
