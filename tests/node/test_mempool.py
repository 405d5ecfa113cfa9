"""The mempool: bounded in every way, in order, each signature verified once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from config import MempoolSection
from ledger.records import PeriodRecord
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.transactions import parse_transactions
from node import mempool as module
from node.closer import STAGGER_MS, TRY_AGAIN_MS, Closer
from node.mempool import Mempool, Taken
from node.outcomes import REFUSALS_REMEMBERED_MAX, Expired, Final, Outcomes, Settled
from tests.node.acts import COOP, OTHER, signed_by_others, transfer
from tests.node.founders import Founder, key_of

HASH = b"\x05" * 32
NOW = 1_000_000


def pool(**bounds: int) -> Mempool:
    return Mempool(MempoolSection(**bounds), lambda raws: parse_transactions(raws, HASH))


def parsed(pool: Mempool, raw: bytes) -> ParsedTransaction:
    (found,) = pool.parse([raw])
    assert isinstance(found, ParsedTransaction)
    return found


def some(pool: Mempool, count: int, **fields: object) -> list[ParsedTransaction]:
    return [parsed(pool, transfer(HASH, number + 1, **fields)) for number in range(count)]


def test_transactions_leave_in_the_order_they_came() -> None:
    mempool = pool()
    transactions = some(mempool, 5)
    for tx in transactions:
        assert Taken.NEW is mempool.add(tx, NOW, is_local=True)
    assert transactions == list(mempool.candidates())
    assert [tx.tx_id for tx in transactions] == mempool.take_fresh()
    assert mempool.take_fresh() == []


def test_what_is_gone_again_is_not_remembered_as_new() -> None:
    mempool = pool()
    first, second = some(mempool, 2)
    mempool.add(first, NOW, is_local=True)
    mempool.add(second, NOW, is_local=True)
    mempool.remove([first.tx_id])
    assert mempool.take_fresh() == [second.tx_id]


def test_the_same_transaction_waits_once() -> None:
    mempool = pool()
    (tx,) = some(mempool, 1)
    assert Taken.NEW is mempool.add(tx, NOW, is_local=False)
    assert Taken.ALREADY_WAITING is mempool.add(tx, NOW, is_local=True)
    assert len(mempool) == 1


def wrong_and_right() -> tuple[Mempool, ParsedTransaction, ParsedTransaction]:
    """A mempool, and one transaction with a signature too many, and with those that are due."""
    due = {key_of(COOP).public_key}
    parse = pool().parse
    mempool = Mempool(MempoolSection(), parse, is_signed_as_due=lambda tx: tx.signers == due)
    right = transfer(HASH)
    wrong = signed_by_others(HASH, right, key_of(COOP), key_of(OTHER))
    return mempool, parsed(mempool, wrong), parsed(mempool, right)


def test_the_right_signatures_take_the_place_of_wrong_ones() -> None:
    mempool, wrong, right = wrong_and_right()
    (behind,) = some(mempool, 1)
    for tx in (wrong, behind):
        assert Taken.NEW is mempool.add(tx, NOW, is_local=False)
    mempool.take_fresh()
    assert Taken.NEW is mempool.add(right, NOW + 1_000, is_local=True)
    assert list(mempool.candidates()) == [right, behind]
    assert mempool.take_fresh() == [right.tx_id]
    assert mempool.bytes_waiting == len(right.raw) + len(behind.raw)
    assert mempool.due_again(NOW + 2_999) == []
    assert mempool.due_again(NOW + 3_000) == [right.raw]
    assert len(mempool.remove([right.tx_id, behind.tx_id])) == 2
    assert mempool.bytes_waiting == 0


def test_wrong_signatures_take_no_place_of_right_ones_nor_of_each_other() -> None:
    mempool, wrong, right = wrong_and_right()
    wrong_too = parsed(mempool, signed_by_others(HASH, right.raw, key_of(OTHER)))
    for first, second in ((right, wrong), (wrong, wrong_too)):
        assert Taken.NEW is mempool.add(first, NOW, is_local=True)
        assert Taken.ALREADY_WAITING is mempool.add(second, NOW, is_local=True)
        assert list(mempool.candidates()) == [first]
        mempool.remove([first.tx_id])


def test_the_right_signatures_too_are_within_the_bounds() -> None:
    mempool, _, right = wrong_and_right()
    few = parsed(mempool, signed_by_others(HASH, right.raw))
    bounded = Mempool(
        MempoolSection(bytes_max=len(few.raw), transactions_max=1, per_organisation_max=1),
        mempool.parse,
        is_signed_as_due=lambda tx: bool(tx.signers),
    )
    assert Taken.NEW is bounded.add(few, NOW, is_local=True)
    assert Taken.ALREADY_WAITING is bounded.add(right, NOW, is_local=True)
    assert list(bounded.candidates()) == [few]


def test_the_number_is_bounded() -> None:
    mempool = pool(transactions_max=3)
    transactions = some(mempool, 4)
    assert [mempool.add(tx, NOW, is_local=True) for tx in transactions] == [Taken.NEW] * 3 + [Taken.FULL]
    mempool.remove([transactions[0].tx_id])
    assert Taken.NEW is mempool.add(transactions[3], NOW, is_local=True)


def test_the_bytes_are_bounded() -> None:
    mempool = pool()
    transactions = some(mempool, 3)
    bounded = pool(bytes_max=sum(len(tx.raw) for tx in transactions) - 1, per_organisation_max=50_000)
    taken = [bounded.add(tx, NOW, is_local=True) for tx in transactions]
    assert taken == [Taken.NEW, Taken.NEW, Taken.FULL]
    assert bounded.bytes_waiting == len(transactions[0].raw) + len(transactions[1].raw)


def test_one_organisation_cannot_fill_it() -> None:
    mempool = pool(per_organisation_max=2)
    mine = some(mempool, 3)
    hosted = parsed(mempool, transfer(HASH, payer=f"{COOP}:m-1"))
    others = parsed(mempool, transfer(HASH, payer=OTHER, payee=COOP))
    assert [mempool.add(tx, NOW, is_local=True) for tx in mine] == [
        Taken.NEW,
        Taken.NEW,
        Taken.ORGANISATION_FULL,
    ]
    assert Taken.ORGANISATION_FULL is mempool.add(hosted, NOW, is_local=True)
    assert Taken.NEW is mempool.add(others, NOW, is_local=True)
    mempool.remove([tx.tx_id for tx in mine])
    assert Taken.NEW is mempool.add(hosted, NOW, is_local=True)


def test_one_organisation_cannot_fill_it_with_few_large_transactions() -> None:
    size = len(some(pool(), 1)[0].raw)
    mempool = pool(transactions_max=10, per_organisation_max=4, bytes_max=10 * size + 100)
    large = [parsed(mempool, transfer(HASH, reference="x" * 140)) for _ in range(3)]
    others = parsed(mempool, transfer(HASH, payer=OTHER, payee=COOP))
    taken = [mempool.add(tx, NOW, is_local=True) for tx in large]
    assert taken == [Taken.NEW, Taken.NEW, Taken.ORGANISATION_FULL]
    assert Taken.NEW is mempool.add(others, NOW, is_local=True)


def test_faulty_federations_leave_room_for_the_others() -> None:
    """However many organisations a federation opens: with one in four lying, half is left."""
    bounds = MempoolSection(transactions_max=8, per_organisation_max=2)
    mempool = Mempool(bounds, lambda raws: parse_transactions(raws, HASH), faulty=1)
    flood = [parsed(mempool, transfer(HASH, payer=f"emilia/o{number}", payee=COOP)) for number in range(6)]
    honest = [parsed(mempool, transfer(HASH, payer=f"japan/o{number}", payee=COOP)) for number in range(4)]
    taken = [mempool.add(tx, NOW, is_local=False) for tx in flood]
    assert taken == [Taken.NEW] * 4 + [Taken.FEDERATION_FULL] * 2
    assert [mempool.add(tx, NOW, is_local=True) for tx in honest] == [Taken.NEW] * 4


def test_what_its_author_did_not_sign_takes_nobodys_place() -> None:
    """Anybody can make a transaction in anybody's name, and as many as he likes: until the rules refuse them
    they wait in a small place of their own, and the organisation's is free."""
    genuine: set[bytes] = set()
    bounds = MempoolSection(transactions_max=32, per_organisation_max=3)
    mempool = Mempool(
        bounds, lambda raws: parse_transactions(raws, HASH), is_authors_own=lambda tx: tx.tx_id in genuine
    )
    forged, own = some(mempool, 10), some(mempool, 4)
    genuine.update(tx.tx_id for tx in own)
    taken = [mempool.add(tx, NOW, is_local=False) for tx in forged]
    assert taken == [Taken.NEW] * 2 + [Taken.STRANGERS_FULL] * 8
    assert not taken[-1].is_in
    assert [mempool.add(tx, NOW, is_local=True) for tx in own] == [Taken.NEW] * 3 + [Taken.ORGANISATION_FULL]
    mempool.remove([tx.tx_id for tx in (*forged, *own)])
    assert [mempool.add(tx, NOW, is_local=False) for tx in forged[:2]] == [Taken.NEW] * 2


def test_each_transaction_is_parsed_once_while_it_is_remembered() -> None:
    asked: list[bytes] = []

    def parse(raws: Sequence[bytes]) -> list[ParsedTransaction | Refusal]:
        asked.extend(raws)
        return parse_transactions(raws, HASH)

    mempool = Mempool(MempoolSection(), parse)
    raw = transfer(HASH)
    again = bytes(bytearray(raw))
    first, second = mempool.parse([raw, again])
    assert first is second
    assert [first] == mempool.parse([again])
    assert [raw] == asked


def test_what_waits_is_not_parsed_again_however_much_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PARSED_MAX", 3)
    mempool = pool()
    (tx,) = some(mempool, 1)
    mempool.add(tx, NOW, is_local=False)
    some(mempool, 10)
    assert tx is parsed(mempool, tx.raw)
    assert tx.raw not in mempool._parsed
    mempool.remove([tx.tx_id])
    assert tx is not parsed(mempool, tx.raw)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PARSED_MAX", 3)
    mempool = pool()
    some(mempool, 10)
    assert len(mempool._parsed) == 3
    assert mempool._parsed_bytes == sum(len(raw) for raw in mempool._parsed)


def test_what_became_final_is_remembered_as_bytes_only() -> None:
    mempool = pool()
    block = some(mempool, 10)
    mempool.finalise(block, NOW)
    assert (len(mempool._parsed), mempool._parsed_bytes) == (0, 0)
    assert all(mempool.is_lately_final(tx.raw) for tx in block)


def test_garbage_is_a_refusal_and_is_not_remembered() -> None:
    mempool = pool()
    (answer,) = mempool.parse([b"garbage"])
    assert isinstance(answer, Refusal) and answer.name == "NOT_CANONICAL"
    assert len(mempool._parsed) == 0


def test_the_expired_are_found() -> None:
    mempool = pool()
    soon = parsed(mempool, transfer(HASH, time_ms=NOW, expires_in_ms=10))
    late = parsed(mempool, transfer(HASH, time_ms=NOW, expires_in_ms=1_000))
    for tx in (soon, late):
        mempool.add(tx, NOW, is_local=True)
    assert mempool.expired(NOW + 10) == []
    assert [soon.tx_id] == mempool.expired(NOW + 11)


def test_only_what_a_client_handed_in_is_sent_again_and_not_too_often() -> None:
    mempool = pool()
    mine, theirs = some(mempool, 2)
    mempool.add(mine, NOW, is_local=True)
    mempool.add(theirs, NOW, is_local=False)
    assert mempool.due_again(NOW + 1_999) == []
    assert [mine.raw] == mempool.due_again(NOW + 2_000)
    assert mempool.due_again(NOW + 2_001) == []


def test_a_node_that_does_not_vote_passes_on_what_peers_sent_too() -> None:
    mempool = pool()
    mine, theirs = some(mempool, 2)
    mempool.add(mine, NOW, is_local=True)
    mempool.add(theirs, NOW, is_local=False)
    assert [mine.raw, theirs.raw] == mempool.due_again(NOW + 2_000, of_peers=True)


def test_what_was_sent_before_the_clock_was_set_back_is_sent_again() -> None:
    mempool = pool()
    (mine,) = some(mempool, 1)
    mempool.add(mine, NOW, is_local=True)
    assert [mine.raw] == mempool.due_again(NOW - 3_600_000)
    assert mempool.due_again(NOW - 3_600_000 + 1_999) == []


def test_what_is_behind_in_a_queue_that_moves_is_not_sent_again() -> None:
    mempool = pool()
    first, lost, second, behind = some(mempool, 4)
    for place, tx in enumerate((first, lost, second, behind)):
        mempool.add(tx, NOW + place, is_local=True)
    mempool.finalise([first, second], NOW + 5_000)
    assert [lost.raw] == mempool.due_again(NOW + 5_001)
    assert [lost.raw, behind.raw] == mempool.due_again(NOW + 7_001)


def test_what_became_final_is_known_again_for_a_while() -> None:
    mempool = pool()
    came, unknown, other = some(mempool, 3)
    mempool.add(came, NOW, is_local=False)
    assert [came.tx_id] == [entry.tx.tx_id for entry in mempool.finalise([came, unknown], NOW)]
    assert [mempool.is_lately_final(tx.raw) for tx in (came, unknown, other)] == [True, True, False]
    assert len(mempool) == 0


def test_what_became_final_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    mempool = pool()
    first, second, third = some(mempool, 3)
    monkeypatch.setattr("node.mempool.FINAL_BYTES_MAX", len(first.raw) + len(second.raw))
    for tx in (first, second, second, third):
        mempool.finalise([tx], NOW)
    assert [mempool.is_lately_final(tx.raw) for tx in (first, second, third)] == [False, True, True]


# --- outcomes -----------------------------------------------------------------------------------------


class Watching:
    def __init__(self) -> None:
        self.heard: list[tuple[bytes, Settled]] = []

    def settled(self, tx_id: bytes, outcome: Settled) -> None:
        self.heard.append((tx_id, outcome))


def test_everybody_who_waits_is_told_once() -> None:
    outcomes = Outcomes()
    first, second = Watching(), Watching()
    outcomes.watch(b"a", first)
    outcomes.watch(b"a", second)
    outcomes.watch(b"b", second)
    outcomes.unwatch([b"b"], second)
    final = Final(3, 4, b"")
    outcomes.settle(b"a", final)
    outcomes.settle(b"a", final)
    outcomes.settle(b"b", Expired(5))
    assert [(b"a", final)] == first.heard == second.heard
    assert len(outcomes) == 0


def test_who_waits_no_more_is_not_looked_for_among_all_who_do() -> None:
    """Hundreds of calls may wait for the same thousand transactions, and end at one moment."""
    compared: list[object] = []

    class Alike(Watching):
        __hash__ = object.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return self is other

    outcomes = Outcomes()
    watching = [Alike() for _ in range(100)]
    for each in watching:
        outcomes.watch(b"a", each)
    for each in reversed(watching):
        outcomes.unwatch([b"a"], each)
    assert (compared, len(outcomes)) == ([], 0)


def test_refusals_are_remembered_for_a_while() -> None:
    outcomes = Outcomes()
    refusal = Refusal(1, "", "no")
    for number in range(REFUSALS_REMEMBERED_MAX + 1):
        outcomes.settle(number.to_bytes(4), refusal)
    assert outcomes.latest_refusal((0).to_bytes(4)) is None
    assert refusal is outcomes.latest_refusal((1).to_bytes(4))
    outcomes.settle((1).to_bytes(4), Final(1, 1, b""))
    assert outcomes.latest_refusal((1).to_bytes(4)) is None


# --- closing periods ----------------------------------------------------------------------------------


def test_a_period_is_closed_when_due_with_a_nonce_of_its_own() -> None:
    closer = Closer(HASH, "emilia", 0, Founder("emilia").service)
    assert closer.due(None, NOW) is None
    first = closer.due(PeriodRecord(7), NOW)
    assert first is not None
    assert closer.due(PeriodRecord(7), NOW + TRY_AGAIN_MS - 1) is None
    again = closer.due(PeriodRecord(7), NOW + TRY_AGAIN_MS)
    continued = closer.due(PeriodRecord(7, expiry_parts=1), NOW + TRY_AGAIN_MS + 1)
    following = closer.due(PeriodRecord(8), NOW + TRY_AGAIN_MS + 2)
    assert again is not None and continued is not None and following is not None
    transactions = [parsed(pool(), raw) for raw in (first, again, continued, following)]
    assert [tx.payload.period for tx in transactions] == [7, 7, 7, 8]
    nonces = [tx.nonce for tx in transactions]
    assert nonces[0] == nonces[1]
    assert len(set(nonces)) == 3


def test_each_member_waits_a_little_longer_than_the_one_before() -> None:
    closer = Closer(HASH, "lombardia", 2, Founder("lombardia").service)
    assert closer.due(PeriodRecord(7), NOW) is None
    assert closer.due(PeriodRecord(7), NOW + 2 * STAGGER_MS - 1) is None
    assert closer.due(PeriodRecord(7), NOW + 2 * STAGGER_MS) is not None
