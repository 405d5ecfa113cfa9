"""The parts of one running node, and what happens to all of them when a transaction's fate is known.

Holds, and decides little: who is told when a block is final, a transaction refused or expired, and which
warnings a sysadmin sees. Built by `node/daemon.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ayni.v1 import genesis_pb2
from config import NodeConfig
from ledger import books, limits, refusals
from ledger.blocks import FinalBlock
from ledger.chain import Chain
from ledger.genesis import Founding
from ledger.records import PeriodRecord
from ledger.refusals import Refusal
from node.log import Log
from node.mempool import Mempool
from node.metrics import Metrics
from node.outcomes import Expired, Final, Outcomes
from node.receipts import Receipts
from node.store import Database
from node.tables import Tables


def wall_clock_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass
class Parts:
    """Everything that the rooms of a node share."""

    config: NodeConfig
    founding: Founding
    member: int
    """This node's validator index."""
    database: Database
    tables: Tables
    chain: Chain
    mempool: Mempool
    outcomes: Outcomes
    receipts: Receipts
    metrics: Metrics
    log: Log
    clock_ms: Callable[[], int] = wall_clock_ms
    warnings: dict[str, str] = field(default_factory=dict)
    """What is wrong, in words, by code."""
    warned_ms: dict[str, int] = field(default_factory=dict)
    """When that was last found, Unix milliseconds: it may have been mended since."""
    _swept_height: int = -1
    """The height at which what waits was last searched for the expired."""
    _pool_height: int = -1
    """The height that the pool's metrics are of."""

    @property
    def federation(self) -> str:
        """The name of this node's federation."""
        return self.founding.membership.members[self.member].name

    def warn(self, code: str, message: str) -> None:
        """Something the sysadmin should see in the status."""
        self.warnings[code] = message
        self.warned_ms[code] = self.clock_ms()

    def settle_final(self, block: FinalBlock) -> None:
        """A block is final and on disk: whoever waits for its transactions is told."""
        now_ms = self.clock_ms()
        self.receipts.remember(block.log_nodes)
        for entry in self.mempool.finalise([each.tx for each in block.entries], now_ms):
            if entry.is_local:
                self.metrics.commit_latency.observe(max(0, now_ms - entry.added_ms) / 1000)
        height = block.header.height
        for each in block.entries:
            if each.tx.tx_id in self.outcomes:
                self.outcomes.settle(each.tx.tx_id, Final(height, each.log_index, each.result))
        self._measure(block)

    def refused(self, tx_id: bytes, refusal: Refusal) -> None:
        """The rules refuse a waiting transaction now: it is dropped, and whoever waits is told."""
        for entry in self.mempool.remove([tx_id]):
            self.metrics.refused.labels(refusal.name).inc()
            if refusal.code == refusals.INVARIANT:
                self.metrics.alarms.labels("invariant").inc()
                self.warn("invariant", f"transaction {tx_id.hex()} would break an invariant: report it")
                self.log.error("invariant", tx_id=tx_id.hex(), message=refusal.message)
            expires = entry.tx.expires_at_ms
            past = refusal.code == refusals.EXPIRED and self.chain.tip.time_ms > expires
            self.outcomes.settle(tx_id, Expired(expires) if past else refusal)

    def sweep(self) -> None:
        """What the last final block is past is dropped, and whoever waits is told: once for each such block.

        Not at the block itself: what waits may be much, and blocks come fast.
        """
        tip = self.chain.tip
        if tip.height == self._swept_height:
            return
        self._swept_height = tip.height
        for entry in self.mempool.remove(self.mempool.expired(tip.time_ms)):
            self.outcomes.settle(entry.tx.tx_id, Expired(entry.tx.expires_at_ms))

    def measure_start(self) -> None:
        """Sets the metrics that are known before anything happens."""
        self.metrics.height.set(self.chain.tip.height)
        self.metrics.log_size.set(self.chain.tip.frontier.size)
        self.metrics.evidence.inc(sum(1 for _ in self.tables.evidence()))
        for index, member in enumerate(self.founding.membership.members):
            if index != self.member:
                self.metrics.peer_up.labels(member.name).set(0)
        self.measure_pool()

    def _measure(self, block: FinalBlock) -> None:
        metrics = self.metrics
        metrics.height.set(block.header.height)
        metrics.log_size.set(block.header.log_size)
        metrics.transactions.inc(len(block.entries))
        metrics.block_transactions.observe(len(block.entries))
        self.measure_mempool()

    def measure_mempool(self) -> None:
        """Sets what waits, which changes without blocks too: when there is no quorum, it is all that does."""
        self.metrics.mempool_transactions.set(len(self.mempool))
        self.metrics.mempool_bytes.set(self.mempool.bytes_waiting)

    def measure_pool(self) -> None:
        """Sets the pool's metrics from the final state, unless they are of that state."""
        if self.chain.tip.height == self._pool_height:
            return
        self._pool_height = self.chain.tip.height
        state = self.chain.final_state()
        for unit in self.founding.genesis.units:
            balance = state.balance(limits.POOL, unit.code).balance
            record = state.pool_unit(unit.code)
            self.metrics.pool_balance.labels(unit.code).set(balance)
            if record.outstanding:
                coverage = (balance - record.deposits) * limits.BASIS_POINTS // record.outstanding
                self.metrics.pool_coverage.labels(unit.code).set(coverage)
            else:  # nothing to cover: no figure, rather than the last one
                self.metrics.pool_coverage.remove(unit.code)

    def period_due(self) -> PeriodRecord | None:
        """The open period when it may be closed by now (S1), else None."""
        state = self.chain.final_state()
        period = state.period()
        least_ms = books.parameter(state, genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS, "")
        due = self.clock_ms() - period.last_close_ms >= least_ms
        return period if due else None
