"""Examines the database of a node that is not running: everything that can be checked without re-executing.

Decides nothing and repairs nothing: every record is read (checksums verified), every certificate verified,
every body, log root and state root recomputed, every index compared with the log, the blocks and the state.
The postings that statements show must add up, and in the book of credit to the balances of the state; what
else they say only re-execution would tell, and `ayni audit verify` whether the rules were kept.
Spec: DESIGN 4.5.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from google.protobuf.message import DecodeError

from ayni.v1 import block_pb2, transaction_pb2
from config import NodeConfig
from ledger.genesis import Founding
from ledger.records import BalanceRecord, RecordDamaged, decode
from ledger.rule import CREDIT
from ledger.state import LoggedTransaction
from node import postings
from node.startup import StartError, read_founding
from node.store import (
    BUCKET,
    DIGEST,
    EVIDENCE,
    HEADER,
    JOURNAL,
    LOG,
    LOG_NODE,
    META,
    NAME,
    NONCE,
    POSTING,
    STATE,
    TX_INDEX,
    Database,
    StoreDamaged,
    StoreError,
)
from node.tables import LEAST_LEVEL_STORED, LISTED_FAMILIES, StoredBlock, Tables
from proofs import domains, statetree
from proofs.certificates import CertificateInvalid, verify_certificate
from proofs.merkle import Frontier, leaf_hash
from proofs.words import printable

ALL_TABLES = (
    META,
    HEADER,
    DIGEST,
    LOG,
    TX_INDEX,
    NONCE,
    LOG_NODE,
    STATE,
    BUCKET,
    NAME,
    POSTING,
    JOURNAL,
    EVIDENCE,
)
FINDINGS_MAX = 100
HEIGHT_END = (1 << 64) - 1
"""Above every block."""
WHAT_TO_DO = (
    "do not vote on this disk: move the database away, and keep it; the node catches up from its peers "
    "and serves, but does not vote if they hold votes that the disk lost (docs/operations.md)"
)
EXIT_OK, EXIT_CANNOT_START, EXIT_DAMAGED = 0, 2, 4


def examine(config: NodeConfig, *, as_json: bool = False) -> int:
    """Examines the database of `config` and prints what it finds; the exit code.

    `as_json`: one versioned object on standard output, and progress on standard error.
    """
    try:
        founding = read_founding(config)
        if not config.node.data_dir.is_dir():
            print(f"ayni node: there is no database at {config.node.data_dir}", file=sys.stderr)
            return EXIT_CANNOT_START
        database = Database(config.node.data_dir, founding.hash)
    except (StartError, StoreError) as error:
        print(f"ayni node: {error}", file=sys.stderr)
        return EXIT_CANNOT_START
    try:
        findings, complete = _examine(database, founding, sys.stderr if as_json else sys.stdout)
    finally:
        database.close()
    if as_json:
        document = {
            "ayni": 1,
            "kind": "node_doctor",
            "database": str(config.node.data_dir),
            "ok": not findings,
            "complete": complete,
            "findings": findings,
        }
        print(json.dumps(document, indent=2))
    elif findings:
        print(f"{len(findings)} findings: {WHAT_TO_DO}")
    else:
        print("nothing is wrong")
    return EXIT_DAMAGED if findings else EXIT_OK


def _examine(database: Database, founding: Founding, out: TextIO) -> tuple[list[str], bool]:
    """All findings, told while they are found, and whether everything was looked at."""
    findings: list[str] = []

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    try:
        for finding in findings_in(database, founding, say):
            say(f"FOUND {finding}")
            findings.append(finding)
            if len(findings) >= FINDINGS_MAX:
                say(f"stopped after {FINDINGS_MAX} findings")
                return findings, False
    except StoreError as error:
        say(f"FOUND {error}")
        return [*findings, str(error)], False
    return findings, True


def findings_in(database: Database, founding: Founding, say: Callable[[str], object]) -> Iterator[str]:
    """Everything wrong with a database, located; `say` is told of progress. Raises StoreDamaged."""
    tables = Tables(database, founding.genesis.state_tree_bits)
    say(f"{database.path}: {database.scan(ALL_TABLES)} records read, {database.size_bytes()} bytes on disk")
    tip = tables.tip()
    if tip is None and not database.is_new():
        yield "tip: it is missing, and there are records of a network"
        return
    if tip is None:
        say("the network was never founded here: the database is new")
        return
    frontier = Frontier()
    parent = founding.hash
    header = block_pb2.Header()
    for height in range(1, tip.height + 1):
        stored = tables.block(height)
        header = stored.header
        entries = _entries(tables, frontier.size, header.log_size)
        frontier, nodes = frontier.extend([_leaf(entry) for entry in entries])
        yield from _block_findings(founding, stored, height, parent, entries, frontier)
        yield from _index_findings(tables, entries, height)
        yield from _log_node_findings(tables, nodes)
        parent = domains.block_digest(stored.certified.header)
        if tables.height_of(parent) != height:
            yield f"block {height}: the index by digest does not lead to it ({parent.hex()})"
    if parent != tip.digest or frontier != tip.frontier:
        yield f"tip: says {tip.digest.hex()} with {tip.frontier.size} transactions; the blocks end otherwise"
    say(f"{tip.height} blocks, {frontier.size} transactions checked")
    yield from _state_findings(tables, database, founding, header.state_root if tip.height else None)
    say("state checked")
    yield from postings.findings(database)
    say("postings checked")


def _entries(tables: Tables, start: int, stop: int) -> list[LoggedTransaction]:
    found = [tables.logged(index) for index in range(start, stop)]
    return [entry for entry in found if entry is not None]


def _leaf(entry: LoggedTransaction) -> bytes:
    message = block_pb2.LogEntry(transaction=entry.raw, result=entry.result)
    return leaf_hash(message.SerializeToString(deterministic=True))


def _block_findings(
    founding: Founding,
    stored: StoredBlock,
    height: int,
    parent: bytes,
    entries: list[LoggedTransaction],
    frontier: Frontier,
) -> Iterator[str]:
    header, certified = stored.header, stored.certified
    body = block_pb2.BlockBody(transactions=[entry.raw for entry in entries])
    if header.height != height:
        yield f"block {height}: its header says height {header.height}"
    if header.parent != parent:
        yield f"block {height}: its parent is {header.parent.hex()}, the block before is {parent.hex()}"
    if header.body_hash != domains.body_hash(body.SerializeToString(deterministic=True)):
        yield f"block {height}: its transactions are not those its header names"
    if (header.log_size, header.log_root) != (frontier.size, frontier.root()):
        yield f"block {height}: the log up to it is not the one its header names"
    certificates = [("notarization", certified.notarization)]
    certificates += [(f"nullification of view {each.view}", each) for each in certified.nullifications]
    if certified.HasField("finalization"):
        certificates.append(("finalization", certified.finalization))
    digest = domains.block_digest(certified.header)
    for name, certificate in certificates:
        try:
            verify_certificate(certificate, founding.membership)
        except CertificateInvalid as error:
            yield f"block {height}: {name}: {error}"
        if certificate.digest and certificate.digest != digest:
            yield f"block {height}: {name}: is of another block, {certificate.digest.hex()}"


def _index_findings(tables: Tables, entries: list[LoggedTransaction], height: int) -> Iterator[str]:
    for entry in entries:
        try:
            body_bytes = transaction_pb2.SignedTransaction.FromString(entry.raw).body
            body = transaction_pb2.Body.FromString(body_bytes)
        except DecodeError:
            yield f"transaction {entry.log_index}: is not what was written ({len(entry.raw)} bytes)"
            continue
        tx_id = domains.tx_id(body_bytes)
        if entry.height != height:
            yield f"transaction {entry.log_index}: is stored as of block {entry.height}, it is of {height}"
        if tables.log_index(tx_id) != entry.log_index:
            yield f"transaction {entry.log_index}: the index by id does not lead to it ({tx_id.hex()})"
        if tables.nonce_index(body.author, body.nonce) != entry.log_index:
            yield f"transaction {entry.log_index}: the index by nonce does not lead to it ({tx_id.hex()})"


def _log_node_findings(tables: Tables, nodes: list[tuple[int, int, bytes]]) -> Iterator[str]:
    for level, index, node in nodes:
        if level >= LEAST_LEVEL_STORED and tables.log_node(level, index) != node:
            yield f"log: node {level}/{index} is not the hash of its transactions"


def _state_findings(
    tables: Tables, database: Database, founding: Founding, state_root: bytes | None
) -> Iterator[str]:
    stored = tables.bucket_hashes()
    bits = founding.genesis.state_tree_bits
    hashes = bytearray()
    for index in range(1 << bits):
        entries = []
        for key_hash, key, value in tables.bucket_records(index):
            if statetree.key_hash(key) != key_hash:
                yield f"state: the record {_shown(key)} is stored under another key"
            if key[:2] in LISTED_FAMILIES and not tables.is_listed(key):
                yield f"state: the record {_shown(key)} is not listed"
            if key.startswith(b"b|"):
                yield from _balance_findings(database, key, value)
            entries.append((key_hash, statetree.value_hash(value)))
        found = statetree.bucket_hash(entries)
        if stored[32 * index : 32 * index + 32] != found:
            yield f"state: bucket {index} does not have the hash that is stored"
        hashes += found
    for key in tables.listed_keys(b""):
        if tables.get(key) is None:
            yield f"state: {_shown(key)} is listed, and there is no such record"
    root = statetree.levels(bytes(hashes), bits)[-1]
    if state_root is not None and root != state_root:
        yield f"state: its root is {root.hex()}, the last block says {state_root.hex()}"


def _balance_findings(database: Database, key: bytes, value: bytes) -> Iterator[str]:
    account, _, unit = _shown(key)[2:].partition("|")
    book = postings.Book(CREDIT, unit)
    try:
        balance = decode(BalanceRecord, value).balance
        posted = postings.balance_before(database, account, book, HEIGHT_END)
    except (RecordDamaged, StoreDamaged):
        return  # what cannot be read is said of the bucket, or the posting
    if balance != posted:
        yield f"postings: those of {account} in {unit} end with {posted}, its balance is {balance}"


def _shown(key: bytes) -> str:
    return printable(key.decode(errors="replace"))
