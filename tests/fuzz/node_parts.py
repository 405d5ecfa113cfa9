"""The history in a database, and the parts of a node over it: for calls, and for damaged records."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import cast

from config import MempoolSection, NodeConfig
from ledger.chain import Chain
from ledger.transactions import parse_transactions
from node.log import Log
from node.mempool import Mempool
from node.metrics import Metrics
from node.outcomes import Outcomes
from node.parts import Parts
from node.receipts import Receipts
from node.startup import open_chain
from node.store import Batch, Database, next_prefix
from node.tables import Tables
from tests.fuzz import seeds


class MemoryDatabase:
    """`node.store.Database` over a dictionary: rows can be set to anything, as bit rot would."""

    def __init__(self, rows: dict[bytes, bytes] | None = None) -> None:
        self.path = Path("memory")
        self.rows = dict(rows or {})
        self._keys = sorted(self.rows)

    def get(self, key: bytes) -> bytes | None:
        """See Database."""
        return self.rows.get(key)

    def range(
        self, start: bytes, stop: bytes, *, reverse: bool = False, fill_cache: bool = True
    ) -> Iterator[tuple[bytes, bytes]]:
        """See Database."""
        for key in self._between(start, stop, reverse):
            yield key, self.rows[key]

    def keys(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """See Database."""
        yield from self._between(start, stop, False)

    def _between(self, start: bytes, stop: bytes, reverse: bool) -> list[bytes]:
        keys = self._keys[bisect.bisect_left(self._keys, start) : bisect.bisect_left(self._keys, stop)]
        return keys[::-1] if reverse else keys

    def write(self, batch: Batch, *, sync: bool = True) -> None:
        """See Database."""
        for key, value in batch.operations:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
        self._keys = sorted(self.rows)

    def scan(self, tables: Iterable[bytes]) -> int:
        """See Database."""
        return sum(1 for table in tables for _ in self.range(table, next_prefix(table)))

    def size_bytes(self) -> int:
        """See Database."""
        return 0

    def close(self) -> None:
        """See Database."""


@cache
def stored_rows() -> dict[bytes, bytes]:
    """Every row of the history's database."""
    history = seeds.history()
    memory = MemoryDatabase()
    database = cast(Database, memory)
    tables = Tables(database, history.document.state_tree_bits)
    batch = Batch()
    tables.found(batch, Chain.founding_records(history.founding), history.hash)
    for final, certified in zip(history.finals, history.blocks, strict=True):
        tables.add(batch, final, certified)
    database.write(batch)
    return dict(memory.rows)


def stored_parts(log: Log, rows: dict[bytes, bytes] | None = None) -> Parts:
    """A node's parts over these rows, or the history's. Raises StoreError as a start does."""
    founding = seeds.history().founding
    database = cast(Database, MemoryDatabase(stored_rows() if rows is None else rows))
    tables = Tables(database, founding.genesis.state_tree_bits)
    mempool = Mempool(MempoolSection(), lambda raws: parse_transactions(raws, founding.hash))
    chain = open_chain(founding, database, tables, mempool)
    return Parts(
        config=NodeConfig(),
        founding=founding,
        member=0,
        database=database,
        tables=tables,
        chain=chain,
        mempool=mempool,
        outcomes=Outcomes(),
        receipts=Receipts(founding.signed, tables),
        metrics=Metrics(),
        log=log,
        clock_ms=lambda: chain.tip.time_ms + 1_000,
    )
