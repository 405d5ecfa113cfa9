"""The largest transfers, openings and key sets that are taken, and one past them (limits.py)."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from ayni.v1 import credit_pb2, keys_pb2, transaction_pb2
from ledger import blocks, limits
from ledger.books import CreditBook
from ledger.refusals import Refusal
from ledger.rule import Context, ParsedTransaction
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


@pytest.mark.parametrize("what", ["transfer.legs", "signatures"])
def test_of_half_a_million_only_the_number_is_looked_at(what: str) -> None:
    """Each takes a hundred bytes of memory and a microsecond, and anybody can write two bytes for one."""
    count = 500_000
    world = standard()
    nothing = [credit_pb2.Leg()] * (count if what == "transfer.legs" else 1)
    body = transaction_pb2.Body(
        author="emilia/cadiai", nonce=bytes(16), expires_at_ms=1, transfer=credit_pb2.Transfer(legs=nothing)
    )
    signatures = [keys_pb2.Signature()] * (count if what == "signatures" else 1)
    raw = transaction_pb2.SignedTransaction(
        body=body.SerializeToString(deterministic=True), signatures=signatures
    ).SerializeToString(deterministic=True)
    assert len(raw) <= limits.TRANSACTION_BYTES_MAX
    tracemalloc.start()
    refusal = world.parse(raw)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(refusal, Refusal)
    assert (refusal.name, refusal.field) == ("FIELD_INVALID", what)
    assert "500000" in refusal.message
    assert most < 8 * len(raw)


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


@pytest.mark.parametrize(("count", "accepted"), [(256, True), (257, False)])
def test_how_many_keys_are_opened_at_once(count: int, accepted: bool) -> None:
    """Each takes as long to check as two signatures: a megabyte of them, of anybody, took seconds."""
    world = standard()
    keys = {"of": sorted([f"k{n}" for n in range(16)], key=lambda name: key(name).public_key), "threshold": 1}
    accounts = [{"account": f"emilia/cadiai:p-{n:03}", "keys": keys} for n in range(count)]
    refusal = world.refusal(
        world.transaction({"author": "emilia/cadiai", "open_accounts": {"accounts": accounts}})
    )
    assert (refusal is None) == accepted
    if refusal:
        assert (refusal.name, refusal.field) == ("FIELD_INVALID", "open_accounts.accounts")
        assert refusal.message == "these accounts have 4112 keys together; at most 4096 are opened at once"


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
    assert refusal.message == "a balance would pass 46,116,860,184,273,879.04 EUC; pay less"


def test_how_many_organisations_a_federation_has() -> None:
    """A close looks at each, so their number is bounded: opened or accredited."""
    world = standard()
    opened = [{"account": f"quebec/o-{n:04}", "keys": "x"} for n in range(limits.ORGANISATIONS_MAX)]
    world.do({"author": "quebec", "open_accounts": {"accounts": opened}})
    another = {"account": "quebec/another", "keys": "x"}
    refusal = world.refusal(world.transaction({"author": "quebec", "open_accounts": {"accounts": [another]}}))
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("NOT_PERMITTED", "open_accounts.accounts[0].account")
    assert refusal.message == "quebec has 4096 organisations already, the most allowed; close one first"
    one_more = {"accredit": {"organisation": "quebec/one-more", "keys": "x", "charter_hash": "charter"}}
    decision = {"author": "quebec", "decision": {"items": [one_more]}}
    refusal = world.refusal(world.transaction(decision, ["emilia", "japan", "quebec"]))
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("NOT_PERMITTED", "decision.items[0].accredit.organisation")


def test_a_name_of_any_length_is_refused_in_few_words() -> None:
    world = standard()
    name = "\x00" * 1_000_000
    raw = world.transaction(
        {"author": "emilia/cadiai", "transfer": {"legs": [{**legs(1)[0], "payee": name}]}}
    )
    refusal = world.refusal(raw)
    assert refusal is not None
    assert (refusal.name, refusal.field) == ("FIELD_INVALID", "transfer.legs[0].payee")
    assert "… (1000000 characters) is no account name" in refusal.message
    assert len(refusal.message) < 1_000


def test_a_block_is_built_until_its_results_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """B4: few bytes can ask for much work: what does not fit waits for the next block, and is not refused."""
    monkeypatch.setattr(limits, "BLOCK_RESULT_BYTES", 100)
    world = standard()
    policy = {"class_id": "x@japan", "kind": "HOURS", "unit": "HRS", "given_for": "SERVICE"}
    world.do({"author": "japan", "define_class": {**policy, "transferability": "ANYONE"}})
    line = {"served_by": "japan/nalc:v-1", "recipient": "japan/nalc:v-2", "organisation": {}}
    served = {"class_id": "x@japan", "lines": [{**line, "amount_minor": 10}]}
    world.do({"author": "japan/nalc", "record_service": served})
    gift = {
        "holder": "japan/nalc:v-1",
        "receiver": "japan/nalc:v-2",
        "class_id": "x@japan",
        "amount_minor": 1,
    }
    raws = [world.transaction({"author": "japan/nalc:v-1", "give_entitlements": gift}) for _ in range(9)]
    gifts = [tx for raw in raws if isinstance(tx := world.parse(raw), ParsedTransaction)]
    slot = {"epoch": 0, "view": 9, "leader": 0, "time_ms": world.time_ms + 1}
    block, refused = world.chain.build(world.chain.tip.digest, gifts, **slot)
    results = [len(entry.result) for entry in block.entries]
    assert sum(results[:-1]) <= 100 < sum(results)
    assert (len(results) < 9, refused) == (True, [])
    world.witness.check(block.header_bytes, block.body)

    with monkeypatch.context() as patch:
        patch.setattr(limits, "BLOCK_RESULT_BYTES", 10_000)
        greedy, _ = world.chain.build(world.chain.tip.digest, gifts, **slot)
    with pytest.raises(blocks.BlockInvalid) as caught:
        world.witness.check(greedy.header_bytes, greedy.body)
    assert str(caught.value) == (
        f"transactions[{len(results)}]: the results of those before it have {sum(results)} bytes;"
        " none may follow above 100"
    )


def test_a_block_cites_so_much_of_the_log_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """B4: a few hundred bytes have every node read a large original; what does not fit waits."""
    world = standard()
    raised = {"account": "emilia/cadiai", "limits": [{"unit": "EUC", "credit_limit_minor": limits.LEGS_MAX}]}
    world.do({"author": "emilia", "set_limits": {"accounts": [raised]}})
    large = [{**leg, "reference": "r" * limits.REFERENCE_BYTES_MAX} for leg in legs(limits.LEGS_MAX)]
    original = world.do({"author": "emilia/cadiai", "transfer": {"legs": large}}, label="large")
    size = len(original.tx.raw) + len(original.result)
    fitting = limits.BLOCK_CITED_BYTES // size + 1

    def reversal(line: int) -> ParsedTransaction:
        values = {"original_tx_id": "large", "lines": [{"line": line, "amount_minor": 1}]}
        tx = world.parse(world.transaction({"author": "japan/nalc", "reversal": values}))
        assert isinstance(tx, ParsedTransaction)
        return tx

    reversals = [reversal(line) for line in range(fitting + 2)]
    slot = {"epoch": 0, "view": 9, "leader": 0, "time_ms": world.time_ms + 1}
    block, refused = world.chain.build(world.chain.tip.digest, reversals, **slot)
    assert (len(block.entries), refused) == (fitting, [])
    world.witness.check(block.header_bytes, block.body)

    with monkeypatch.context() as patch:
        patch.setattr(limits, "BLOCK_CITED_BYTES", 100 * size)
        greedy, _ = world.chain.build(world.chain.tip.digest, reversals, **slot)
    with pytest.raises(blocks.BlockInvalid) as caught:
        world.witness.check(greedy.header_bytes, greedy.body)
    assert str(caught.value) == (
        f"transactions[{fitting}]: those before it cite {fitting * size} bytes of the log;"
        f" none may follow above {limits.BLOCK_CITED_BYTES}"
    )


def test_refused_reversals_take_no_room_in_a_block_and_only_so_much_of_its_leaders_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """B4: whoever has many waiting that are refused, again and again, would else close every block early."""
    world = standard()
    transfer = {"author": "emilia/cadiai", "transfer": {"legs": legs(10)}}
    original = world.do(transfer, label="original")
    size = len(original.tx.raw) + len(original.result)
    monkeypatch.setattr(limits, "BLOCK_CITED_BYTES", 3 * size)

    def parsed(intent: dict[str, object]) -> ParsedTransaction:
        tx = world.parse(world.transaction(intent))
        assert isinstance(tx, ParsedTransaction)
        return tx

    def reversal(line: int, amount: int) -> ParsedTransaction:
        lines = [{"line": line, "amount_minor": amount}]
        return parsed({"author": "japan/nalc", "reversal": {"original_tx_id": "original", "lines": lines}})

    def built(*candidates: ParsedTransaction) -> tuple[list[bytes], list[bytes]]:
        slot = {"epoch": 0, "view": 9, "leader": 0, "time_ms": world.time_ms + 1}
        block, refused = world.chain.build(world.chain.tip.digest, candidates, **slot)
        world.witness.check(block.header_bytes, block.body)
        return [entry.tx.tx_id for entry in block.entries], [tx_id for tx_id, _ in refused]

    beyond = [reversal(0, 2) for _ in range(6)]
    fitting = [reversal(line, 1) for line in range(6)]
    payment = parsed(transfer)
    ids = [[tx.tx_id for tx in txs] for txs in (beyond, fitting, [payment])]
    assert built(*beyond[:3], *fitting) == (ids[1][:4], ids[0][:3])
    assert built(*beyond, *fitting, payment) == (ids[2], ids[0][:4])
