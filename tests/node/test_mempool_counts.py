"""What the mempool counts, after anything in any order: against a recount of what it holds."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import MempoolSection
from ledger.limits import federation_of
from ledger.rule import ParsedTransaction
from ledger.transactions import parse_transactions
from node import mempool as module
from node.mempool import Mempool, Taken
from tests.node.acts import signed_by_others, transfer
from tests.node.founders import key_of

HASH = b"\x05" * 32
NOW = 1_000_000
PAYERS = ("emilia/coop", "emilia/other", "emilia/other:m-1", "kenya/shamba")


def variants(number: int) -> list[ParsedTransaction]:
    """One transaction as its author signed it, and with a signature too many, and with another's alone."""
    payer = PAYERS[number % len(PAYERS)]
    right = transfer(HASH, payer=payer, payee="quebec/jal", expires_in_ms=60_000 + number)
    raws = [right]
    raws += [signed_by_others(HASH, right, *map(key_of, keys)) for keys in ((payer, "x/y"), ("x/y",))]
    found = parse_transactions(raws, HASH)
    return [tx for tx in found if isinstance(tx, ParsedTransaction)]


TRANSACTIONS = [tx for number in range(12) for tx in variants(number)]
BY_BYTES = {tx.raw: tx for tx in TRANSACTIONS}
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["parse", "add", "remove", "finalise", "expire"]),
        st.lists(st.sampled_from(range(len(TRANSACTIONS))), min_size=1, max_size=4),
    ),
    max_size=60,
)
SIZE = len(TRANSACTIONS[0].raw)


def act(mempool: Mempool, what: str, transactions: list[ParsedTransaction]) -> None:
    match what:
        case "parse":
            assert mempool.parse([tx.raw for tx in transactions]) == transactions
        case "add":
            for tx in transactions:
                mempool.add(tx, NOW, is_local=True)
        case "remove":
            mempool.remove([tx.tx_id for tx in transactions])
        case "finalise":
            mempool.finalise(transactions, NOW)
            assert not any(tx.tx_id in mempool for tx in transactions)
        case "expire":
            mempool.remove(mempool.expired(transactions[0].expires_at_ms))


def check(mempool: Mempool) -> None:
    entries = list(mempool._entries.values())
    assert mempool.bytes_waiting == sum(len(entry.tx.raw) for entry in entries)
    assert mempool._waiting == {entry.tx.raw: entry.tx for entry in entries}
    assert not mempool._waiting.keys() & mempool._parsed.keys()
    assert mempool._parsed_bytes == sum(map(len, mempool._parsed))
    assert len(mempool._parsed) <= module.PARSED_MAX
    assert mempool._parsed_bytes <= module.PARSED_BYTES_MAX
    assert sorted(mempool._lately_final) == sorted(mempool._final)
    assert mempool._final_bytes == sum(map(len, mempool._final)) <= module.FINAL_BYTES_MAX
    assert mempool._fresh.keys() <= mempool._entries.keys()
    own, together = mempool._by_organisation, mempool._by_federation
    counts = Counter(entry.organisation for entry in entries)
    assert {name: share.count for name, share in own.items()} == counts
    for shares, name_of in ((own, str), (together, federation_of)):
        for name, share in shares.items():
            of_it = [len(entry.tx.raw) for entry in entries if name_of(entry.organisation) == name]
            assert (share.count, share.bytes) == (len(of_it), sum(of_it))


@given(acts=ACTS)
def test_counts_bytes_and_shares_are_of_what_is_there(acts: list[tuple[str, list[int]]]) -> None:
    def is_due(tx: ParsedTransaction) -> bool:
        return tx.signers == {key_of(tx.author).public_key}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PARSED_MAX", 8)
        patch.setattr(module, "PARSED_BYTES_MAX", 7 * SIZE)
        patch.setattr(module, "FINAL_BYTES_MAX", 5 * SIZE)
        mempool = Mempool(
            MempoolSection(transactions_max=8, per_organisation_max=4, bytes_max=8 * SIZE),
            lambda raws: [BY_BYTES[raw] for raw in raws],
            faulty=1,
            is_authors_own=lambda tx: key_of(tx.author).public_key in tx.signers,
            is_signed_as_due=is_due,
        )
        for what, numbers in acts:
            act(mempool, what, [TRANSACTIONS[number] for number in numbers])
            check(mempool)


def test_an_organisation_that_is_turned_away_leaves_nothing_behind() -> None:
    mempool = Mempool(
        MempoolSection(transactions_max=2, per_organisation_max=2),
        lambda raws: parse_transactions(raws, HASH),
        faulty=1,
    )
    first, turned_away = TRANSACTIONS[0], TRANSACTIONS[3]
    taken = [mempool.add(tx, NOW, is_local=True) for tx in (first, turned_away)]
    assert taken == [Taken.NEW, Taken.FEDERATION_FULL]
    check(mempool)
