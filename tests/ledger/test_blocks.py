"""B1: what a block must be, header and body; each thing that is not so is named, and the block is refused.

The time that B2 asks of the header itself is here too; how far it may be from a voter's clock is in
tests/node/test_application.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ayni.v1.block_pb2 import BlockBody, Header
from ledger import limits
from ledger.blocks import BlockInvalid, Executed, FinalBlock, UnknownParent
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from proofs.domains import body_hash
from tests.ledger.world import BLOCK_MS, World, standard


@pytest.fixture
def world() -> World:
    return standard()


def payment(world: World, amount: int = 1) -> bytes:
    leg = {"payee": "japan/nalc", "unit": "EUC", "amount_minor": amount}
    return world.transaction({"author": "emilia/cadiai", "transfer": {"legs": [leg]}})


def built(world: World, *raws: bytes) -> Executed:
    """A block on the tip, of this node's own."""
    candidates = [tx for raw in raws if isinstance(tx := world.parse(raw), ParsedTransaction)]
    block, refused = world.chain.build(
        world.chain.tip.digest, candidates, epoch=0, view=99, leader=0, time_ms=world.time_ms + BLOCK_MS
    )
    assert refused == []
    return block


def refusal(world: World, block: Executed, body: bytes | None = None, **changes: Any) -> str:
    """What the second ledger says of the block with other fields or another body."""
    header = Header.FromString(block.header_bytes)
    if body is not None:
        header.body_hash = body_hash(body)
    for name, value in changes.items():
        setattr(header, name, value)
    with pytest.raises(BlockInvalid) as caught:
        world.witness.check(
            header.SerializeToString(deterministic=True), block.body if body is None else body
        )
    return str(caught.value)


def body_of(*raws: bytes) -> bytes:
    return BlockBody(transactions=raws).SerializeToString(deterministic=True)


def test_a_block_that_one_ledger_built_is_executed_to_the_same_roots_by_another(world: World) -> None:
    block = built(world, payment(world), payment(world))
    checked = world.witness.check(block.header_bytes, block.body)
    assert (checked.digest, checked.writes) == (block.digest, block.writes)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("height", 7, "height: is 7; the parent's is 4"),
        ("log_size", 6, "log_size: is 6; executing the block gives 5"),
        ("log_root", bytes(32), f"log_root: is {bytes(32).hex()}; executing the block gives "),
        ("state_root", bytes(32), f"state_root: is {bytes(32).hex()}; executing the block gives "),
        ("state_root", bytes(31), "state_root: has 31 bytes; a hash has 32"),
        ("body_hash", bytes(32), "body_hash: is not the hash of the body"),
    ],
)
def test_what_follows_from_parent_and_body_is_not_for_the_leader_to_choose(
    world: World, field: str, value: int | bytes, said: str
) -> None:
    changes: dict[str, Any] = {field: value}
    assert refusal(world, built(world, payment(world)), **changes).startswith(said)


def test_a_block_follows_a_block_that_is_known_here(world: World) -> None:
    block = built(world)
    header = Header.FromString(block.header_bytes)
    header.parent = bytes(32)
    with pytest.raises(UnknownParent, match="is neither final nor executed here"):
        world.witness.check(header.SerializeToString(deterministic=True), block.body)


def test_the_time_of_a_block_is_above_its_parent_s(world: World) -> None:
    """B2; one that builds a block raises it."""
    before = world.chain.tip.time_ms
    block = built(world)
    assert refusal(world, block, time_ms=before) == f"time_ms: is {before}; the parent's is {before}"
    assert refusal(world, block, time_ms=limits.TIME_MAX_MS + 1).startswith("time_ms: is ")
    late, _ = world.chain.build(world.chain.tip.digest, [], epoch=0, view=99, leader=0, time_ms=before - 5)
    assert late.header.time_ms == before + 1


def test_every_transaction_of_a_block_is_accepted_by_the_rules_in_order(world: World) -> None:
    """The second payment needs what the first one brings; the block names the one at fault, and its field."""
    back = world.transaction(
        {
            "author": "japan/nalc",
            "transfer": {"legs": [{"payee": "emilia/cadiai", "unit": "EUC", "amount_minor": 1_500}]},
        }
    )
    block = built(world, payment(world, 600), back)
    world.witness.check(block.header_bytes, block.body)
    message = refusal(world, block, body_of(*reversed(BlockBody.FromString(block.body).transactions)))
    assert message.startswith("transactions[0].transfer.legs[0].amount_minor: LIMIT_EXCEEDED: japan/nalc")
    twice = body_of(payment(world), back[:-1])
    assert refusal(world, block, twice).startswith("transactions[1].signatures[0]")


def test_a_transaction_comes_once_in_a_block(world: World) -> None:
    raw = payment(world)
    assert refusal(world, built(world, raw), body_of(raw, raw)).startswith(
        "transactions[1].nonce: NONCE_USED: "
    )


def test_a_body_has_as_many_bytes_as_are_allowed_and_no_more(world: World) -> None:
    block = built(world)
    most = limits.BLOCK_BODY_BYTES_MAX
    assert refusal(world, block, bytes(most + 1)) == f"body: {most + 1} bytes; at most {most} are allowed"
    reason = f"body: the BlockBody of {most} bytes has more than 4096 fields"
    assert refusal(world, block, bytes(most)) == reason


def test_a_body_has_as_many_transactions_as_are_allowed_and_no_more(world: World) -> None:
    block = built(world)
    most = limits.BLOCK_TRANSACTIONS_MAX
    message = refusal(world, block, body_of(*[b"x"] * (most + 1)))
    assert message == f"body: {most + 1} transactions; at most {most}"
    assert refusal(world, block, body_of(*[b"x"] * most)).startswith("transactions[0]")


def test_a_block_that_is_built_keeps_to_both_maxima(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    raws = [payment(world) for _ in range(6)]
    whole = len(built(world, *raws).body)
    monkeypatch.setattr(limits, "BLOCK_BODY_BYTES_MAX", whole - 1)
    block = built(world, *raws)
    assert 0 < len(block.body) <= whole - 1
    world.witness.check(block.header_bytes, block.body)


def test_a_block_that_is_not_stored_is_not_final(world: World) -> None:
    block, tip = built(world, payment(world)), world.chain.tip

    def full(blocks: list[FinalBlock]) -> None:
        assert [each.digest for each in blocks] == [block.digest]
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        world.chain.finalise(block.digest, full)
    assert world.chain.tip == tip
    (final,) = world.chain.finalise(block.digest)
    assert world.chain.tip.digest == final.digest == block.digest


def test_a_body_has_one_form(world: World) -> None:
    assert refusal(world, built(world), b"\x0a\x00\x12\x00") == "body: BlockBody has no field 2"
    message = refusal(world, built(world), b"\x0a\x81\x00x")
    assert message == "transactions[0]: the varint is longer than need be"


def test_a_block_that_is_wrong_at_its_beginning_is_not_verified_to_its_end(world: World) -> None:
    raws = [payment(world) for _ in range(200)]
    block = built(world, *raws)
    parse = world.witness._parse
    parsed: list[bytes] = []

    def noting(raws: Sequence[bytes]) -> list[ParsedTransaction | Refusal]:
        parsed.extend(raws)
        return parse(raws)

    world.witness._parse = noting
    said = refusal(world, block, body_of(b"\x00", *raws))
    assert said.startswith("transactions[0].: NOT_CANONICAL: ")
    assert len(parsed) <= 64
