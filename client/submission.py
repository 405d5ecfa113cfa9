"""Handing in transactions until their outcome is known.

Decides when the same bytes are sent again and to which node, and when it is given up. Never makes a new
transaction: whatever happens here, the bytes are the same (docs/protocol.md, T2). For a few transactions;
thousands go through client/flow.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ayni.v1 import ledger_service_pb2
from client.channels import Node, Nodes, NotThisNode, no_node
from client.drafts import checked_id
from client.networks import Network
from client.outcomes import Kind, Outcome, judged, outcome_of
from client.stamps import now_ms

WAIT_CALL_MAX_MS = 20_000
"""Longest wait asked of a node in one call; longer waits ask again."""
BATCH_TRANSACTIONS_MAX = 1_000
BATCH_BYTES_MAX = 3 << 20
MARGIN_SECONDS = 5.0
RETRY_DEFAULT_MS = 250
RETRY_MAX_MS = 2_000


def batches(transactions: Sequence[bytes], indexes: Sequence[int]) -> Iterator[list[int]]:
    """Cuts what is to be sent into requests that a node takes, by number and bytes."""
    batch: list[int] = []
    size = 0
    for index in indexes:
        if batch and (
            len(batch) == BATCH_TRANSACTIONS_MAX or size + len(transactions[index]) > BATCH_BYTES_MAX
        ):
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += len(transactions[index])
    if batch:
        yield batch


@dataclass
class Submission:
    """Some transactions on their way."""

    network: Network
    nodes: Nodes
    transactions: Sequence[bytes]
    want_receipts: bool
    ids: list[bytes] = field(init=False)
    outcomes: dict[int, Outcome] = field(init=False, default_factory=dict)
    unknown: dict[int, Outcome] = field(init=False, default_factory=dict)
    """What was last heard of those without an outcome."""
    taken: bool = False
    """Whether a node may have taken any of them."""

    def __post_init__(self) -> None:
        self.ids = [checked_id(raw) for raw in self.transactions]

    def run(self, wait_ms: int) -> list[Outcome]:
        """Sends, and sends again, until each outcome is known or `wait_ms` are over. Raises ClientError."""
        until = time.monotonic() + wait_ms / 1000
        while True:
            failures, retry_ms = self._round(until)
            left = until - time.monotonic()
            done = len(self.outcomes) == len(self.transactions)
            overloaded = any(failure.retry_after_ms for _, failure in failures)
            if failures and not self.taken and not done and (left <= 0 or not overloaded):
                raise no_node(self.network, failures)
            if done or left <= 0:
                heard = self.unknown | self.outcomes
                return [
                    heard.get(index, Outcome(tx_id, Kind.UNKNOWN)) for index, tx_id in enumerate(self.ids)
                ]
            time.sleep(min(left, retry_ms / 1000))

    def _round(self, until: float) -> tuple[list[tuple[Node, NotThisNode]], int]:
        """Sends once what has no outcome yet: (why nodes did not serve, when to try again)."""
        waiting = [index for index in range(len(self.transactions)) if index not in self.outcomes]
        failures: list[tuple[Node, NotThisNode]] = []
        retry_ms = RETRY_DEFAULT_MS
        for batch in batches(self.transactions, waiting):
            for node in self.nodes:
                try:
                    retry_ms = max(retry_ms, self._send(node, batch, until))
                except NotThisNode as failure:
                    failures.append((node, failure))
                    self.taken |= failure.sent
                    retry_ms = max(retry_ms, failure.retry_after_ms)
                    continue
                self.taken = True
                self.nodes.prefer(node)
                break
        return failures, min(retry_ms, RETRY_MAX_MS)

    def _send(self, node: Node, batch: list[int], until: float) -> int:
        """One request: when the node asks to be tried again, in ms. Raises NotThisNode, ClientError."""
        wait_ms = min(max(0, int((until - time.monotonic()) * 1000)), WAIT_CALL_MAX_MS)
        request = ledger_service_pb2.SubmitRequest(
            genesis_hash=self.network.genesis_hash,
            transactions=[self.transactions[index] for index in batch],
            wait_ms=wait_ms,
            want_receipts=self.want_receipts,
        )
        response = node.call("Submit", request, wait_ms / 1000 + MARGIN_SECONDS)
        retry_ms = 0
        for index, message in zip(batch, response.outcomes, strict=False):
            self._add_receipt(node, message)
            found = outcome_of(
                message, self.network.genesis_hash, tx_id=self.ids[index], receipt_wanted=self.want_receipts
            )
            found = judged(found, self.transactions[index], now_ms())
            if found.kind is Kind.UNKNOWN:
                retry_ms = max(retry_ms, found.retry_after_ms)
                self.unknown[index] = found
            else:
                self.outcomes[index] = found
        return retry_ms

    def _add_receipt(self, node: Node, outcome: ledger_service_pb2.Outcome) -> None:
        """Asks for a receipt that a large answer left out."""
        is_final = outcome.kind == ledger_service_pb2.OUTCOME_KIND_FINAL
        if self.want_receipts and is_final and not outcome.HasField("receipt"):
            request = ledger_service_pb2.GetReceiptRequest(tx_id=outcome.tx_id)
            outcome.receipt.CopyFrom(node.call("GetReceipt", request, MARGIN_SECONDS))
