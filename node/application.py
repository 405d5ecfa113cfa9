"""The ledger as consensus sees it: `consensus.application.Application` over `ledger.chain.Chain`.

Decides how much goes into a block and which waiting transactions are offered to it; the rules decide what is
right. What the rules refuse while looking for work is reported, so that whoever waits is told. Never
writes storage. Spec: docs/protocol.md B1 to B3, C2, C10.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from consensus.application import BlockInvalid, BlockSlot, BlockUntimely, BuiltBlock, Unavailable
from ledger import blocks
from ledger.chain import Chain
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from node.mempool import Mempool

CLOCK_DIFFERENCE_MAX_MS = 10_000
"""B2: how far a block's time may be from the voter's clock."""
BLOCK_BYTES_AIM = 768 * 1024
"""A block is to reach everybody well within a view; the rules allow five times more,"""
BUILDING_MS = 250
"""and everybody is to execute it: none is added once those before took the leader so long. Both are halved
for each view that failed (C12)."""

PROBED_A_STEP = 64
"""Waiting transactions tried in one step of consensus in search of one that the rules accept,"""
PROBING_MS = 20
"""and no further one after so long: one may have a megabyte of legs. A full mempool would take seconds."""
LOOK_AGAIN_MS = 1_000
"""After so long, what the rules accepted is tried again: it may have expired. Who does not vote, and proposes
nothing, would find out with the next block only."""

Refused = Callable[[bytes, Refusal], None]


class LedgerApplication:
    """Builds and checks blocks over the chain and the mempool of one node."""

    def __init__(
        self, chain: Chain, mempool: Mempool, clock_ms: Callable[[], int], on_refused: Refused
    ) -> None:
        """`clock_ms`: Unix milliseconds. `on_refused(tx_id, refusal)`: a waiting transaction was refused."""
        self._chain = chain
        self._mempool = mempool
        self._clock_ms = clock_ms
        self._on_refused = on_refused
        self._probed_parent = b""
        self._in_flight: set[bytes] = set()
        """Ids of what is in the block last worked on, or in an ancestor of it that is not final."""
        self._unprobed: deque[bytes] = deque()
        self._executable: bytes | None = None
        self._looked_ms = 0
        """When that was last tried."""

    def build(self, slot: BlockSlot) -> BuiltBlock | None:
        """See `consensus.application.Application.build`."""
        candidates = self._candidates(slot) if slot.with_transactions else iter(())
        try:
            block, refused = self._chain.build(
                slot.parent,
                candidates,
                epoch=slot.epoch,
                view=slot.view,
                leader=slot.leader,
                time_ms=self._clock_ms(),
            )
        except blocks.UnknownParent as error:
            raise Unavailable(str(error)) from None
        for tx_id, refusal in refused:
            self._on_refused(tx_id, refusal)
        if slot.with_transactions and not block.entries:
            return None
        return BuiltBlock(block.header_bytes, block.body)

    def check(self, header: bytes, body: bytes, *, timely: bool) -> None:
        """See `consensus.application.Application.check`."""
        try:
            block = self._chain.check(header, body)
        except blocks.UnknownParent as error:
            raise Unavailable(str(error)) from None
        except blocks.BlockInvalid as error:
            raise BlockInvalid(str(error)) from None
        if timely:
            now_ms = self._clock_ms()
            ahead_ms = block.header.time_ms - now_ms
            if abs(ahead_ms) > CLOCK_DIFFERENCE_MAX_MS:
                raise BlockUntimely(
                    f"the block's time {block.header.time_ms} is {abs(ahead_ms)} ms "
                    f"{'ahead of' if ahead_ms > 0 else 'behind'} this node's clock {now_ms}; "
                    f"at most {CLOCK_DIFFERENCE_MAX_MS} ms are accepted"
                )

    def executable_pending(self, parent: bytes) -> bool | None:
        """See `consensus.application.Application.executable_pending`."""
        if not self._chain.knows(parent):
            return False
        fresh = self._mempool.take_fresh()
        if parent != self._probed_parent:
            self._probed_parent = parent
            self._in_flight = self._transactions_up_to(parent)
            self._unprobed = deque(self._mempool.tx_ids())
            self._executable = None
        else:
            self._unprobed.extend(fresh)
            if len(self._unprobed) > 2 * len(self._mempool) + PROBED_A_STEP:
                # What was refused when a client asked is gone; no block comes, and it would pile up.
                self._unprobed = deque(dict.fromkeys(filter(self._mempool.__contains__, self._unprobed)))
        if self._executable is not None and self._executable in self._mempool:
            if 0 <= self._clock_ms() - self._looked_ms < LOOK_AGAIN_MS:  # a clock may be set back
                return True
            self._unprobed.appendleft(self._executable)
        return self._probe(parent)

    def refusal_of(self, tx_id: bytes) -> Refusal | None:
        """Why a waiting transaction would be refused now on the block last worked on; None when it would
        not, when it is in a block already, or when it does not wait."""
        entry = self._mempool.get(tx_id)
        if entry is None or tx_id in self._in_flight:
            return None
        parent = self._probed_parent if self._chain.knows(self._probed_parent) else self._chain.tip.digest
        now_ms = max(self._clock_ms(), self._time_of(parent) + 1)
        return self._chain.refusal_now(entry.tx, parent, now_ms)

    def _probe(self, parent: bytes) -> bool | None:
        """Looks for one waiting transaction that the rules accept; what they refuse is reported. None when a
        step's share of them brought none, and others are left."""
        left = PROBED_A_STEP
        began_ms = self._clock_ms()
        now_ms = max(began_ms, self._time_of(parent) + 1)
        while self._unprobed:
            tx_id = self._unprobed.popleft()
            if tx_id in self._in_flight or (entry := self._mempool.get(tx_id)) is None:
                continue
            if left == 0 or self._clock_ms() - began_ms >= PROBING_MS:
                self._unprobed.appendleft(tx_id)
                return None
            left -= 1
            refusal = self._chain.refusal_now(entry.tx, parent, now_ms)
            if refusal is None:
                self._executable, self._looked_ms = tx_id, began_ms
                return True
            self._on_refused(tx_id, refusal)
        self._executable = None
        return False

    def _candidates(self, slot: BlockSlot) -> Iterator[ParsedTransaction]:
        """Waiting transactions not already in an ancestor that is not final, as many as are aimed at."""
        in_flight = self._transactions_up_to(slot.parent)
        bytes_left = BLOCK_BYTES_AIM >> slot.failures
        began_ms, most_ms = self._clock_ms(), BUILDING_MS >> slot.failures
        for tx in self._mempool.candidates():
            if tx.tx_id in in_flight:
                continue
            yield tx
            bytes_left -= len(tx.raw)
            if bytes_left <= 0 or self._clock_ms() - began_ms >= most_ms:
                return

    def _transactions_up_to(self, parent: bytes) -> set[bytes]:
        """Ids of the transactions of `parent` and its ancestors that are not final."""
        found: set[bytes] = set()
        block = self._chain.executed(parent)
        while block is not None:
            found.update(block.overlay.transactions)
            block = block.parent
        return found

    def _time_of(self, parent: bytes) -> int:
        block = self._chain.executed(parent)
        return self._chain.tip.time_ms if block is None else block.header.time_ms
