"""The builders: canonical bytes, who must sign, bounds named by field, files for signers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ayni.v1 import credit_pb2, entitlements_pb2, members_pb2, pool_pb2, transaction_pb2
from client import transactions
from client.draftfiles import read_draft, write_draft
from client.drafts import Draft, id_of, sign, with_signatures
from client.errors import UsageProblem
from client.stamps import Stamp, import_nonce
from ledger import wire
from proofs import domains, signing
from tests.client.fakes import seeded

STAMP = Stamp(bytes(range(16)), 1_900_000_000_000)
GENESIS = b"g" * 32


def leg(amount_minor: int = 1250, payer: str = "", reference: str = "") -> credit_pb2.Leg:
    return transactions.leg(
        "lazio/coop", "EUC", amount_minor, value_date=20_000, payer=payer, reference=reference
    )


def service(paid: str) -> entitlements_pb2.ServiceLine:
    line = entitlements_pb2.ServiceLine(
        served_by="e/h:v", recipient="e/h:r", value_date=20_000, amount_minor=60
    )
    if paid == "credits":
        line.credits.holder = "e/h:x"
    elif paid == "fee":
        line.fee.CopyFrom(entitlements_pb2.PaidByFee(unit="EUC", amount_minor=5))
    else:
        line.organisation.SetInParent()
    return line


CLASS = entitlements_pb2.DefineClass(
    class_id="s@e/h",
    kind=entitlements_pb2.KIND_SHARE,
    unit="EUC",
    item_value_minor=1,
    categories=["b", "a", "a"],
)
BALANCE = pool_pb2.OpeningBalance(debtor="e/a", creditor="e/b", unit="EUC", amount_minor=1)
HOLDING = pool_pb2.OpeningHolding(
    issuer="e/h", holder="e/h:x", class_id="s@e/h", amount_minor=1, value_date=9
)
KEYS = transactions.key_set([seeded("a").public_key, seeded("b").public_key], 1)

EVERY_TYPE: dict[str, tuple[Callable[[], Draft], tuple[str, ...]]] = {
    "decision": (
        lambda: transactions.decision(
            "e", [members_pb2.DecisionItem(reinstate=members_pb2.Reinstate(organisation="e/h"))], STAMP
        ),
        ("e",),
    ),
    "suspend_organisation": (lambda: transactions.suspend_organisation("e", "e/h", "why", STAMP), ("e",)),
    "open_accounts": (
        lambda: transactions.open_accounts(
            "e/h", [members_pb2.NewAccount(account="e/h:b"), members_pb2.NewAccount(account="e/h:a")], STAMP
        ),
        ("e/h",),
    ),
    "close_accounts": (lambda: transactions.close_accounts("e", ["e/b", "e/a"], STAMP), ("e",)),
    "set_limits": (
        lambda: transactions.set_limits("e", [members_pb2.AccountLimits(account="e/h")], STAMP),
        ("e",),
    ),
    "rotate_keys": (lambda: transactions.rotate_keys("e/h", KEYS, STAMP), ("e/h",)),
    "transfer": (
        lambda: transactions.transfer("e/a", [leg(payer="e/a"), leg(payer="e/b"), leg(payer="e/b")], STAMP),
        ("e/a", "e/b"),
    ),
    "reversal": (
        lambda: transactions.reversal(
            "e/b", b"t" * 32, [credit_pb2.ReversalLine(line=0, amount_minor=1)], "why", ["e/b", "e/c"], STAMP
        ),
        ("e/b", "e/c"),
    ),
    "define_class": (lambda: transactions.define_class("e/h", CLASS, STAMP), ("e/h",)),
    "issue_entitlements": (
        lambda: transactions.issue(
            "e/h", "s@e/h", [entitlements_pb2.IssueLine(holder="e/h:x", items=1)], STAMP
        ),
        ("e/h", "e/h:x"),
    ),
    "record_service": (
        lambda: transactions.record_service(
            "e/h",
            "h@e",
            [service("credits"), service("fee"), service("organisation")],
            STAMP,
            ["e/h:z", "e/h:y"],
        ),
        ("e/h", "e/h:y", "e/h:z", "e/h:x", "e/h:r"),
    ),
    "give_entitlements": (lambda: transactions.give("e/h:x", "e/h:y", "s@e/h", 5, STAMP), ("e/h:x",)),
    "donate_entitlements": (lambda: transactions.donate("e/h:x", "s@e/h", 5, STAMP), ("e/h:x",)),
    "redeem_entitlements": (
        lambda: transactions.redeem("l/p", "e/h:x", "l/p", "s@e/h", 5, STAMP, value_date=20_000),
        ("l/p", "e/h:x"),
    ),
    "contribute_to_pool": (lambda: transactions.contribute_to_pool("e/h", "EUC", 5, STAMP), ("e/h",)),
    "close_period": (lambda: transactions.close_period("e", 3, STAMP), ("e",)),
    "opening": (
        lambda: transactions.opening(
            "e/a", [pool_pb2.OpeningLine(balance=BALANCE), pool_pb2.OpeningLine(holding=HOLDING)], STAMP
        ),
        ("e/a", "e/b", "e/h", "e/h:x"),
    ),
}


def test_there_is_a_builder_for_every_type_of_the_contract() -> None:
    fields = transaction_pb2.Body.DESCRIPTOR.oneofs_by_name["payload"].fields
    assert {one.name for one in fields} == set(EVERY_TYPE)


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_a_built_transaction_is_canonical_and_names_its_signers(kind: str) -> None:
    build, signers = EVERY_TYPE[kind]
    draft = build()
    assert (kind, signers) == (draft.kind, draft.signers)
    assert domains.tx_id(draft.body) == draft.tx_id
    raw = sign(draft, [seeded("b"), seeded("a")], GENESIS)
    signed = wire.check_strict(transaction_pb2.SignedTransaction, raw)
    wire.check_strict(transaction_pb2.Body, signed.body)
    assert id_of(raw) == draft.tx_id


def test_signatures_cover_the_genesis_and_are_ascending_by_key() -> None:
    draft = transactions.transfer("e/a", [leg()], STAMP)
    signed = transaction_pb2.SignedTransaction.FromString(sign(draft, [seeded("a"), seeded("b")], GENESIS))
    keys = [one.public_key for one in signed.signatures]
    assert sorted(keys) == keys
    for one in signed.signatures:
        signing.verify(one.public_key, domains.transaction_message(GENESIS, draft.body), one.signature)


def test_lists_are_put_in_canonical_order() -> None:
    body = EVERY_TYPE["open_accounts"][0]().parsed()
    assert [one.account for one in body.open_accounts.accounts] == ["e/h:a", "e/h:b"]
    assert list(EVERY_TYPE["define_class"][0]().parsed().define_class.categories) == ["a", "b"]
    assert EVERY_TYPE["transfer"][0]().parsed().transfer.legs[0].payer == ""


@pytest.mark.parametrize(
    ("build", "what", "why"),
    [
        (lambda: leg(0), "transfer.legs.amount_minor is out of bounds.", "It is 0."),
        (lambda: leg(10**15 + 1), "transfer.legs.amount_minor is out of bounds.", f"It is {10**15 + 1}."),
        (lambda: leg(reference="é" * 71), "transfer.legs.reference is out of bounds.", "It has 142 bytes."),
        (lambda: transactions.transfer("e/a", [], STAMP), "transfer.legs is out of bounds.", "There are 0."),
        (
            lambda: transactions.transfer("e/a", [leg()] * 4097, STAMP),
            "transfer.legs is out of bounds.", "There are 4097.",
        ),
        (
            lambda: transactions.transfer("E!", [leg()], STAMP),
            "author is out of bounds.", "'E!' is no account or federation.",
        ),
        (
            lambda: transactions.transfer("e/a", [leg()], Stamp(b"short", 1)),
            "nonce is out of bounds.", "It has 5 bytes.",
        ),
        (lambda: transactions.key_set([], 0), "0 of 0 keys is no key set.", None),
        (lambda: transactions.key_set([b"a" * 32], 2), "2 of 1 keys is no key set.", None),
    ],
)  # fmt: skip
def test_a_bound_is_checked_at_the_edge_and_named(
    build: Callable[[], object], what: str, why: str | None
) -> None:
    with pytest.raises(UsageProblem) as error:
        build()
    assert what == error.value.what
    assert why is None or why == error.value.why


def test_the_largest_transfer_is_built() -> None:
    assert len(transactions.transfer("e/a", [leg(10**15)] * 4096, STAMP).parsed().transfer.legs) == 4096


def test_the_nonce_of_a_row_follows_from_profile_and_id_alone() -> None:
    assert import_nonce("erp", "inv-1") == import_nonce("erp", "inv-1")
    assert len(import_nonce("erp", "inv-1")) == 16
    others = {import_nonce("erp", "inv-2"), import_nonce("er", "pinv-1"), import_nonce("bank", "inv-1")}
    assert len(others - {import_nonce("erp", "inv-1")}) == 3


@pytest.mark.parametrize("name", ["payment.json", "payment.ayni"])
def test_a_draft_survives_its_file_with_its_signatures(tmp_path: Path, name: str) -> None:
    draft = with_signatures(transactions.transfer("e/a", [leg()], STAMP), [seeded("a")], GENESIS)
    write_draft(tmp_path / name, draft, "valley", GENESIS)
    assert draft == read_draft(tmp_path / name, GENESIS)


def test_bare_bytes_are_not_taken_for_json_whatever_their_length(tmp_path: Path) -> None:
    """A body of 123 bytes has the length "{", and its tag is a blank to JSON."""
    path = tmp_path / "payment.ayni"
    found = []
    for size in range(140):
        one = transactions.leg("e/b", "EUC", 1, value_date=20_000, reference="x" * size)
        draft = transactions.transfer("e/a", [one], STAMP)
        write_draft(path, draft, "valley", GENESIS)
        assert draft == read_draft(path, GENESIS)
        found.append(len(draft.body))
    assert 123 in found
    content = path.with_suffix(".json")
    write_draft(content, draft, "valley", GENESIS)
    content.write_bytes(b"\n " + content.read_bytes())  # as a mail program may leave it
    assert draft == read_draft(content, GENESIS)


def test_a_drafts_file_that_shows_something_else_than_it_signs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "payment.json"
    write_draft(path, transactions.transfer("e/a", [leg(100)], STAMP), "valley", GENESIS)
    document = json.loads(path.read_text())
    document["content"]["transfer"]["legs"][0]["amount_minor"] = "1"
    path.write_text(json.dumps(document))
    with pytest.raises(UsageProblem, match="what it shows is not what would be signed"):
        read_draft(path, GENESIS)


def test_a_drafts_file_of_another_network_or_of_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "payment.json"
    write_draft(path, transactions.transfer("e/a", [leg()], STAMP), "valley", GENESIS)
    with pytest.raises(UsageProblem, match="it is for the network valley"):
        read_draft(path, b"h" * 32)
    for garbage in (b"", b"{", b"\xff\xff\xff", b"{}"):
        path.write_bytes(garbage)
        with pytest.raises(UsageProblem, match="is not a transaction for this network"):
            read_draft(path, GENESIS)
