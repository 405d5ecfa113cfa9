"""Records of a node's database, changed behind its back: a start, the doctor and reads say so in words.

LevelDB's checksums find what a disk did; this is about what they cannot find: a record that is whole, and
not what this program wrote.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ayni.v1 import ledger_service_pb2 as rpc
from consensus.journal import JournalDamaged, recover
from ledger.chain import Chain
from ledger.records import RecordDamaged
from node.doctor import findings_in
from node.reads import BadRequest, NotFound, Reads
from node.statements import Statements
from node.store import StoreError
from tests.audit.year import CADIAI, MARIA, TOKYO
from tests.consensus.transcript import Played
from tests.fuzz import mutate_wire, seeds
from tests.fuzz.engine import Target
from tests.fuzz.node_parts import stored_parts, stored_rows
from tests.fuzz.targets_proofs import Said

SELECT_BYTES = 4


class _Silent:
    def debug(self, event: str, **fields: Any) -> None:
        """Nothing."""

    info = warning = error = debug


@cache
def _keys() -> list[bytes]:
    return sorted(stored_rows())


def _damaged(data: bytes) -> dict[bytes, bytes]:
    """The database with one row set to other bytes; the first four bytes say which."""
    at = int.from_bytes(data[:SELECT_BYTES]) % len(_keys())
    return stored_rows() | {_keys()[at]: data[SELECT_BYTES:]}


def _row_seeds() -> list[bytes]:
    """Some rows of every table, and of every family of state records."""
    found: dict[bytes, list[bytes]] = {}
    for at, key in enumerate(_keys()):
        value = stored_rows()[key]
        family = key[:1] + (value[2:4] if key[:1] == b"s" else b"")
        rows = found.setdefault(family, [])
        if len(rows) < 4:
            rows.append(at.to_bytes(SELECT_BYTES) + value)
    return [row for rows in found.values() for row in rows]


def _mutate(chance: Any, data: bytes, pool: Any) -> bytes:
    head = data[:SELECT_BYTES]
    return head + mutate_wire.mutate(chance, data[SELECT_BYTES:], [each[SELECT_BYTES:] for each in pool])


def _doctor(data: bytes) -> None:
    """`ayni node doctor` on the damaged database."""
    database = stored_parts_database(_damaged(data))
    findings = list(findings_in(database, seeds.history().founding, lambda text: None))
    if findings:
        raise Said("\n".join(findings[:5]))


def stored_parts_database(rows: dict[bytes, bytes]) -> Any:
    """The database alone."""
    from tests.fuzz.node_parts import MemoryDatabase

    return MemoryDatabase(rows)


def _start_and_read(data: bytes) -> None:
    """A start on the damaged database, every read of it, and a block on top of it."""
    parts = stored_parts(_Silent(), _damaged(data))
    tables, chain = parts.tables, parts.chain
    reads = Reads(parts.founding, tables, chain)
    statements = Statements(parts.database, tables, reads)
    answers = [
        reads.members,
        reads.pool,
        lambda: reads.classes(""),
        lambda: reads.dues(""),
        lambda: reads.settlements(rpc.ListSettlementsRequest()),
        lambda: reads.accounts(rpc.ListAccountsRequest(limit=100)),
        lambda: [reads.state_proof(key) for key in seeds.state_keys()],
        lambda: [tables.certified(height) for height in range(1, chain.tip.height + 1)],
        lambda: list(tables.evidence()),
        lambda: [
            statements.statement(rpc.GetStatementRequest(account=name))
            for name in (CADIAI, MARIA, TOKYO, "pool")
        ],
        lambda: [
            parts.receipts.receipt(logged)
            for index in range(0, chain.tip.frontier.size, 5)
            if (logged := tables.logged(index)) is not None
        ],
        lambda: _build(chain),
    ]
    problems: list[str] = []
    for answer in answers:
        try:
            answer()
        except (StoreError, RecordDamaged, NotFound, BadRequest) as error:
            problems.append(str(error))
    if problems:
        raise Said("\n".join(problems[:5]))


def _build(chain: Chain) -> None:
    """The next block, with a transfer and a close, as far as the rules take them."""
    history = seeds.history()
    time_ms = chain.tip.time_ms + 1_000
    chain.build(
        chain.tip.digest,
        [entry.tx for final in history.finals[-3:] for entry in final.entries],
        epoch=0,
        view=history.view + 1,
        leader=0,
        time_ms=time_ms,
    )


def _journal_seeds() -> list[bytes]:
    node = Played(0)
    node.start()
    first = node.make(1)
    node.receive(1, node.proposal(first))
    node.certificates(node.notarization(first))
    node.wait(2_000)
    rows = [key + value for key, value in sorted(node.journal.items())]
    return [
        mutate_wire.join([len(key).to_bytes(1) + key + value for key, value in sorted(node.journal.items())])
    ] + [mutate_wire.join([bytes([min(41, len(row))]) + row]) for row in rows]


def _journal(data: bytes) -> None:
    """Records of the consensus journal, and a machine that starts on them."""
    records = {}
    for row in mutate_wire.split(data)[:50]:
        if row:
            records[row[1 : 1 + row[0]]] = row[1 + row[0] :]
    recover(records)
    node = Played(0)
    node.journal = records
    node.restart()
    node.start()
    node.wait(3_000)


TARGETS = (
    Target(
        "rows-start",
        "a record of the database, at a start, in reads and in the next block",
        _row_seeds,
        _mutate,
        _start_and_read,
        (StoreError, RecordDamaged, Said),
    ),
    Target(
        "rows-doctor",
        "a record of the database, seen by `ayni node doctor`",
        _row_seeds,
        _mutate,
        _doctor,
        (StoreError, RecordDamaged, Said),
    ),
    Target(
        "journal",
        "records of the consensus journal",
        _journal_seeds,
        mutate_wire.sequence,
        _journal,
        (JournalDamaged,),
    ),
)
