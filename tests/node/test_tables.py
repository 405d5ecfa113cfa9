"""What is final, on disk: the same state after a restart, receipts and statements from the indexes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ayni.v1 import block_pb2
from ayni.v1 import ledger_service_pb2 as pb
from ledger import records
from ledger.chain import Chain
from ledger.codec import log_entry
from ledger.rule import ParsedTransaction, Posting
from ledger.state import MemoryReader
from node import doctor, postings
from node import reads as reading
from node import statements as statements_module
from node.postings import Book
from node.reads import BadRequest, NotFound, Reads
from node.receipts import Receipts
from node.statements import Statements
from node.store import (
    BUCKET,
    DIGEST,
    LOG,
    LOG_NODE,
    NAME,
    NONCE,
    POSTING,
    STATE,
    TX_INDEX,
    Batch,
    Database,
    StoreDamaged,
    next_prefix,
)
from node.tables import number
from node.turns import at_once
from proofs import domains
from proofs.merkle import consistency_path, leaf_hash, root_of, verify_consistency
from proofs.receipts import verify_receipt, verify_state_proof
from tests.node.acts import COOP, OTHER, close_period, transfer
from tests.node.ledgers import StoredLedger


@pytest.fixture
def ledger(tmp_path: Path) -> StoredLedger:
    """Two accounts, and seven payments in three blocks, the second of them not directly final."""
    ledger = StoredLedger(tmp_path)
    ledger.open_accounts(COOP, OTHER)
    for count, is_direct in ((2, True), (4, False), (1, True)):
        raws = [
            transfer(ledger.hash, amount, reference=f"invoice {amount}", time_ms=ledger.time_ms)
            for amount in range(1, count + 1)
        ]
        ledger.commit(*raws, is_direct=is_direct)
    return ledger


def reads_of(ledger: StoredLedger) -> Reads:
    return Reads(ledger.founding, ledger.tables, ledger.chain)


def statement(ledger: StoredLedger, **request: object) -> pb.GetStatementResponse:
    statements = Statements(ledger.database, ledger.tables, reads_of(ledger))
    return statements.statement(pb.GetStatementRequest(**request))


def examine(ledger: StoredLedger) -> list[str]:
    return list(doctor.findings_in(ledger.database, ledger.founding, lambda line: None))


def spoil(ledger: StoredLedger, table: bytes) -> None:
    """Changes the last byte of a table's first record."""
    key, value = next(iter(ledger.database.range(table, next_prefix(table))))
    batch = Batch()
    batch.put(key, value[:-1] + bytes([value[-1] ^ 1]))
    ledger.database.write(batch)


# --- the state ----------------------------------------------------------------------------------------


def test_the_state_after_a_restart_is_the_state_before(ledger: StoredLedger) -> None:
    tip, root = ledger.chain.tip, ledger.chain.state_root
    ledger.restart()
    assert (tip, root) == (ledger.chain.tip, ledger.chain.state_root)


def test_the_database_holds_what_memory_would(ledger: StoredLedger) -> None:
    memory = MemoryReader(ledger.founding.genesis.state_tree_bits)
    memory.write(Chain.founding_records(ledger.founding))
    chain = Chain(ledger.founding, memory, None)
    for height in range(1, ledger.chain.tip.height + 1):
        stored = ledger.tables.certified(height)
        executed = chain.check(stored.header, stored.body)
        (final,) = chain.finalise(executed.digest)
        memory.write(final.writes)
    assert chain.state_root == ledger.chain.state_root
    assert all(ledger.tables.get(key) == value for key, value in memory.values.items())
    assert chain.tree.bucket_hashes() == ledger.tables.bucket_hashes()


def test_a_transaction_is_found_by_id_and_nonce(ledger: StoredLedger) -> None:
    raw = transfer(ledger.hash, 9, time_ms=ledger.time_ms)
    entry = ledger.commit(raw).entries[0]
    found = ledger.tables.transaction(entry.tx.tx_id)
    assert found is not None and (found.raw, found.result, found.height) == (raw, entry.result, 5)
    assert entry.tx.tx_id == ledger.tables.nonce(COOP, entry.tx.nonce)
    assert ledger.tables.nonce(OTHER, entry.tx.nonce) is None
    assert ledger.tables.transaction(b"\x00" * 32) is None


def test_a_nonce_that_was_asked_for_before_is_found_once_it_is_used(ledger: StoredLedger) -> None:
    raw = transfer(ledger.hash, 9, time_ms=ledger.time_ms)
    (tx,) = ledger.mempool.parse([raw])
    assert isinstance(tx, ParsedTransaction)
    for _ in range(2):
        assert ledger.tables.nonce(tx.author, tx.nonce) is None
    ledger.commit(raw)
    assert tx.tx_id == ledger.tables.nonce(tx.author, tx.nonce)


def test_a_nonce_whose_transaction_is_missing_means_that_the_database_is_damaged(
    ledger: StoredLedger,
) -> None:
    entry = ledger.commit(transfer(ledger.hash, 9, time_ms=ledger.time_ms)).entries[0]
    batch = Batch()
    batch.delete(LOG + number(entry.log_index))
    ledger.database.write(batch)
    words = f"transaction {entry.log_index} of the log, which used a nonce of {COOP}, is missing; run `ayni"
    with pytest.raises(StoreDamaged, match=words):
        ledger.tables.nonce(COOP, entry.tx.nonce)


def test_a_body_is_made_of_the_log_again(ledger: StoredLedger) -> None:
    stored = ledger.tables.certified(3)
    header = block_pb2.Header.FromString(stored.header)
    assert header.body_hash == domains.body_hash(stored.body)


def test_blocks_are_found_by_digest(ledger: StoredLedger) -> None:
    assert ledger.chain.tip.height == ledger.tables.height_of(ledger.chain.tip.digest)
    assert ledger.tables.height_of(b"\x00" * 32) is None


# --- start-up -----------------------------------------------------------------------------------------


def test_a_start_refuses_a_state_that_is_not_the_certified_one(ledger: StoredLedger) -> None:
    spoil(ledger, BUCKET)
    with pytest.raises(StoreDamaged, match=r"the last final block, 4, does not check: its state root is"):
        ledger.restart()


def test_a_start_refuses_a_tip_whose_certificate_does_not_verify(ledger: StoredLedger) -> None:
    stored = ledger.tables.block(4).certified
    stored.finalization.signatures[0].signature = b"\x00" * 64
    batch = Batch()
    batch.put(b"h" + (4).to_bytes(8), stored.SerializeToString())
    ledger.database.write(batch)
    with pytest.raises(StoreDamaged, match="its certificate does not verify"):
        ledger.restart()


# --- the doctor ---------------------------------------------------------------------------------------


def test_the_doctor_finds_nothing_wrong_where_nothing_is(ledger: StoredLedger) -> None:
    assert examine(ledger) == []


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (LOG, "block 1: its transactions are not those its header names"),
        (STATE, "does not have the hash that is stored"),
        (BUCKET, "does not have the hash that is stored"),
        (TX_INDEX, "the index by id does not lead to it"),
        (NONCE, "the index by nonce does not lead to it"),
        (DIGEST, "the index by digest does not lead to it"),
        (LOG_NODE, "log: node 4/0 is not the hash of its transactions"),
    ],
)
def test_the_doctor_locates_a_changed_record(ledger: StoredLedger, table: bytes, words: str) -> None:
    if table == LOG:  # a byte of a signature, so that the transaction still parses
        key, row = next(iter(ledger.database.range(LOG, next_prefix(LOG))))
        at = 12 + int.from_bytes(row[8:12]) - 1
        batch = Batch()
        batch.put(key, row[:at] + bytes([row[at] ^ 1]) + row[at + 1 :])
        ledger.database.write(batch)
    else:
        # Sixteen transactions have a node of their own.
        ledger.commit(*[transfer(ledger.hash, time_ms=ledger.time_ms) for _ in range(8)])
        spoil(ledger, table)
    found = examine(ledger)
    assert any(words in finding for finding in found), found


def test_the_doctor_finds_a_list_of_accounts_that_is_not_that_of_the_state(ledger: StoredLedger) -> None:
    batch = Batch()
    batch.delete(NAME + records.account_key(COOP))
    batch.put(NAME + records.account_key("emilia/nobody"), b"")
    ledger.database.write(batch)
    assert examine(ledger) == [
        f"state: the record a|{COOP} is not listed",
        "state: a|emilia/nobody is listed, and there is no such record",
    ]


@pytest.mark.parametrize(
    ("which", "row", "words"),
    [
        (-1, None, f"postings: those of {OTHER} in EUC end with 13, its balance is 14"),
        (0, None, f"postings of {COOP} in EUC, block 3: 0 and -1 make -4, they say"),
        (0, b"junk", f"postings of {COOP} in EUC, block 2: they are not what was written"),
    ],
)
def test_the_doctor_finds_statements_that_do_not_add_up(
    ledger: StoredLedger, which: int, row: bytes | None, words: str
) -> None:
    """A node that finds such a row asks for the doctor, who had nothing to say."""
    key = list(ledger.database.keys(POSTING, next_prefix(POSTING)))[which]
    batch = Batch()
    batch.operations.append((key, row))
    ledger.database.write(batch)
    found = examine(ledger)
    assert found and any(words in finding for finding in found), found


def test_a_database_that_lost_its_tip_is_not_said_to_be_new(ledger: StoredLedger) -> None:
    batch = Batch()
    batch.delete(b"!tip")
    ledger.database.write(batch)
    assert examine(ledger) == ["tip: it is missing, and there are records of a network"]
    with pytest.raises(StoreDamaged, match="the last final block is not known"):
        ledger.restart()


# --- receipts and proofs ------------------------------------------------------------------------------


def test_every_receipt_verifies_against_the_nearest_directly_final_header(ledger: StoredLedger) -> None:
    receipts = Receipts(ledger.founding.signed, ledger.tables)
    heights = []
    for index in range(8):
        logged = ledger.tables.logged(index)
        assert logged is not None
        receipt = receipts.receipt(logged)
        assert receipt is not None
        heights.append(verify_receipt(receipt, ledger.hash).height)
    assert heights == [1, 2, 2, 4, 4, 4, 4, 4]


def test_a_record_and_its_absence_are_proven(ledger: StoredLedger) -> None:
    reads = reads_of(ledger)
    for account in (COOP, "emilia/nobody"):
        key = records.balance_key(account, "EUC")
        proven = verify_state_proof(reads.state_proof(key), ledger.hash)
        assert (ledger.tables.get(key), 4) == (proven.value, proven.height)


def test_the_log_is_the_tree_of_its_entries(ledger: StoredLedger) -> None:
    leaves = []
    for index in range(8):
        logged = ledger.tables.logged(index)
        assert logged is not None
        entry = block_pb2.LogEntry(transaction=logged.raw, result=logged.result)
        leaves.append(leaf_hash(entry.SerializeToString(deterministic=True)))
    assert root_of(leaves) == ledger.tables.block(4).header.log_root
    path = consistency_path(3, 8, ledger.tables.log_node)
    verify_consistency(3, 8, root_of(leaves[:3]), root_of(leaves), path)


def test_every_node_of_a_longer_log_is_found(ledger: StoredLedger) -> None:
    time_ms = ledger.time_ms
    ledger.commit(*[transfer(ledger.hash, 1, time_ms=time_ms) for _ in range(30)])
    logged = [ledger.tables.logged(index) for index in range(32)]
    leaves = [leaf_hash(log_entry(each.raw, each.result)) for each in logged if each is not None]
    for level in range(6):
        for index in range(32 >> level):
            expected = root_of(leaves[index << level : (index + 1) << level])
            assert expected == ledger.tables.log_node(level, index)


def test_a_node_of_a_log_with_a_gap_is_said_to_be_missing(ledger: StoredLedger) -> None:
    batch = Batch()
    batch.delete(LOG + number(2))
    ledger.database.write(batch)
    with pytest.raises(StoreDamaged, match="the log lacks some of 0 to 3; run `ayni node doctor`"):
        ledger.tables.log_node(2, 0)


# --- statements ---------------------------------------------------------------------------------------


def test_a_statement_adds_up(ledger: StoredLedger) -> None:
    whole = statement(ledger, account=OTHER)
    assert [line.amount_minor for line in whole.lines] == [1, 2, 1, 2, 3, 4, 1]
    assert [(each.opening_minor, each.closing_minor) for each in whole.balances] == [(0, 14)]
    line = whole.lines[1]
    assert (line.counterparty, line.reference, line.type) == (COOP, "invoice 2", "transfer")
    assert (line.height, line.log_index, line.value_date) == (2, 2, 19_700)
    logged = ledger.tables.logged(2)
    assert logged is not None and ledger.tables.log_index(line.tx_id) == 2


def test_a_statement_of_a_time_has_opening_and_closing_balances(ledger: StoredLedger) -> None:
    times = [ledger.tables.block(height).header.time_ms for height in range(1, 5)]
    part = statement(ledger, account=COOP, from_ms=times[2], until_ms=times[3])
    assert [line.amount_minor for line in part.lines] == [-1, -2, -3, -4]
    assert [(each.opening_minor, each.closing_minor) for each in part.balances] == [(-3, -13)]
    empty = statement(ledger, account=COOP, from_ms=times[3] + 1)
    assert list(empty.lines) == []
    assert [(each.opening_minor, each.closing_minor) for each in empty.balances] == [(-14, -14)]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_pages_of_a_statement_make_the_whole(ledger: StoredLedger, limit: int) -> None:
    whole = statement(ledger, account=OTHER)
    lines, after = [], ""
    while True:
        page = statement(ledger, account=OTHER, limit=limit, after=after)
        assert len(page.lines) <= limit
        lines += page.lines
        after = page.next
        if not after:
            break
    assert list(whole.lines) == lines


@pytest.mark.parametrize("after", ["3.999999999", "3.4"])
def test_a_page_token_passes_over_lines_of_its_own_block_only(ledger: StoredLedger, after: str) -> None:
    """Whatever it says: else one request would read every line that an account ever had."""
    lines = list(statement(ledger, account=OTHER).lines)
    assert [line.height for line in lines] == [2, 2, 3, 3, 3, 3, 4]
    assert list(statement(ledger, account=OTHER, after=after).lines) == lines[-1:]


def test_a_close_is_on_the_statement_of_whom_it_concerns(ledger: StoredLedger) -> None:
    ledger.commit(close_period(ledger.hash, 1, time_ms=ledger.time_ms))
    reads = reads_of(ledger)
    settlements = reads.settlements(pb.ListSettlementsRequest())
    assert [each.period for each in settlements.settlements] == [1]
    assert reads.pool().period.open_period == 2


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"account": "emilia/none"}, NotFound, "there is no account emilia/none"),
        ({"account": COOP, "limit": 1_001}, BadRequest, "limit: is 1001; ask for at most 1000"),
        ({"account": COOP, "after": "x"}, BadRequest, "after: is no page token"),
        ({"account": COOP, "from_ms": 9, "until_ms": 8}, BadRequest, "until_ms: 8 is before from_ms 9"),
    ],
)
def test_a_wrong_request_for_a_statement_says_why(
    ledger: StoredLedger, request_: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        statement(ledger, **request_)


# --- lists --------------------------------------------------------------------------------------------


def test_accounts_are_listed_by_prefix_in_pages(ledger: StoredLedger) -> None:
    ledger.open_accounts("emilia/coop:m-1", "emilia/coop:m-2", "emilia/cooper")
    reads = reads_of(ledger)

    def names(**request: object) -> list[str]:
        listed = reads.accounts(pb.ListAccountsRequest(**request)).accounts
        return [each.account for each in listed]

    assert names(prefix="emilia/coop") == [COOP, "emilia/coop:m-1", "emilia/coop:m-2"]
    assert names(prefix="emilia") == [COOP, "emilia/coop:m-1", "emilia/coop:m-2", "emilia/cooper", OTHER]
    assert names(after="emilia/coop:m-1", limit=2) == ["emilia/coop:m-2", "emilia/cooper"]
    assert names(prefix="japan") == []
    assert reads.accounts(pb.ListAccountsRequest(limit=2)).more
    with pytest.raises(BadRequest, match="limit: is 2000; ask for at most 1000"):
        names(limit=2_000)


def test_a_page_of_accounts_ends_before_it_is_too_large_for_a_client(
    ledger: StoredLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_BYTES_AIM", 1)
    reads = reads_of(ledger)
    first = reads.accounts(pb.ListAccountsRequest())
    assert ([each.account for each in first.accounts], first.more) == ([COOP], True)
    last = reads.accounts(pb.ListAccountsRequest(after=COOP))
    assert ([each.account for each in last.accounts], last.more) == ([OTHER], False)


def test_a_page_of_accounts_is_of_one_block_though_the_next_becomes_final_meanwhile(
    ledger: StoredLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ACCOUNTS_A_TURN", 1)
    pieces = reads_of(ledger).accounts_in_pieces(pb.ListAccountsRequest())
    next(pieces)  # between the first account and the second
    ledger.commit(transfer(ledger.hash, 9, time_ms=ledger.time_ms))
    page = at_once(pieces)
    assert ([each.account for each in page.accounts], page.more, page.at.height) == ([COOP], True, 4)
    rest = reads_of(ledger).accounts(pb.ListAccountsRequest(after=COOP))
    assert ([each.account for each in rest.accounts], rest.more, rest.at.height) == ([OTHER], False, 5)


def test_an_account_that_holds_much_has_a_turn_of_its_own(
    ledger: StoredLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = reads_of(ledger).accounts_in_pieces(pb.ListAccountsRequest())
    assert list(pieces) == []
    monkeypatch.setattr(reading, "BYTES_A_TURN", 1)
    pieces = reads_of(ledger).accounts_in_pieces(pb.ListAccountsRequest())
    assert list(pieces) == [None]


def test_what_becomes_final_while_a_statement_is_read_is_not_in_it(
    ledger: StoredLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements_module, "LINES_A_TURN", 1)
    whole = statement(ledger, account=COOP)
    statements = Statements(ledger.database, ledger.tables, reads_of(ledger))
    pieces = statements.statement_in_pieces(pb.GetStatementRequest(account=COOP))
    next(pieces)
    ledger.commit(transfer(ledger.hash, 9, time_ms=ledger.time_ms))
    assert whole == at_once(pieces)


def test_accounts_that_only_begin_alike_are_not_looked_at(
    ledger: StoredLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prefix that ends within a name matches nothing, and must not cost a look at a million names."""
    looked_at: list[bytes] = []
    keys = ledger.database.keys

    def noting(start: bytes, stop: bytes) -> Iterator[bytes]:
        for key in keys(start, stop):
            looked_at.append(key)
            yield key

    monkeypatch.setattr(ledger.database, "keys", noting)
    for prefix in ("e", "emili", "emilia/co", "emilia/coop:"):
        assert list(reads_of(ledger).accounts(pb.ListAccountsRequest(prefix=prefix)).accounts) == []
    assert looked_at == []


def test_what_is_read_of_the_whole_network_is_worked_out_once_a_block(
    ledger: StoredLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = reads_of(ledger)
    for read in (reads.members, reads.pool, lambda: reads.dues(""), lambda: reads.classes("")):
        assert read() is read()
    before = reads.members()
    ledger.open_accounts("emilia/later")
    after = reads.members()
    assert [len(each.federations[0].organisations) for each in (before, after)] == [2, 3]
    assert (after.at.height, reads.dues("EUC").at.height) == (ledger.chain.tip.height,) * 2


def test_an_account_shows_balance_limit_and_available(ledger: StoredLedger) -> None:
    answer = reads_of(ledger).account(COOP)
    (balance,) = answer.balances
    assert (
        balance.record.balance,
        balance.record.credit_limit,
        balance.available,
    ) == (-14, 1_000_000, 999_986)
    assert (4, ledger.chain.state_root) == (answer.at.height, answer.at.state_root)


def test_members_quotas_and_the_pool_are_read(ledger: StoredLedger) -> None:
    reads = reads_of(ledger)
    first = reads.members().federations[0]
    assert (first.name, [each.organisation for each in first.organisations]) == ("emilia", [COOP, OTHER])
    assert [(each.unit, each.record.used) for each in first.quotas] == [("EUC", 2_000_000), ("HRS", 0)]
    pool = reads.pool()
    assert [each.unit for each in pool.units] == ["EUC", "HRS"]
    assert pool.parameters[0].value == 1_000
    with pytest.raises(NotFound, match="this network has no unit XYZ; it has EUC, HRS"):
        reads.dues("XYZ")


def test_evidence_is_kept_once(ledger: StoredLedger) -> None:
    votes = [block_pb2.Vote(view=3, kind=1, digest=bytes([n]) * 32, member=2, signature=b"s") for n in (1, 2)]
    evidence = block_pb2.Evidence(genesis_hash=ledger.hash, first=votes[0], second=votes[1])
    for expected in (True, False):
        batch = Batch()
        assert expected == ledger.tables.add_evidence(batch, evidence)
        ledger.database.write(batch)
    assert [evidence] == list(ledger.tables.evidence())


def test_postings_of_units_that_begin_alike_are_kept_apart(tmp_path: Path) -> None:
    database = Database(tmp_path, b"\x01" * 32)
    batch = Batch()
    for unit in ("EUC", "EUCX", "EU"):
        key = POSTING + b"a/b\x00\x01" + unit.encode() + b"\x00" + (1).to_bytes(8)
        batch.put(key, postings._encode([0, (5, 5, "a/c", 0, 1, unit)]))
    database.write(batch)
    assert [Book(1, "EU"), Book(1, "EUC"), Book(1, "EUCX")] == postings.books(database, "a/b")
    found = list(postings.lines(database, "a/b", Book(1, "EUC"), 0, 9))
    assert found == [(1, 0, Posting(1, "a/b", "EUC", 5, 5, "a/c", 0, 1, "EUC"))]
    database.close()
