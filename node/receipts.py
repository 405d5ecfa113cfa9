"""Makes receipts: that a transaction is in the log, certified by the nearest directly final header.

Decides nothing; `proofs/receipts.py` says what a receipt must prove. A receipt is made when it is asked
for, from the log's stored nodes. Spec: receipt.proto, DESIGN 4.2.
"""

from __future__ import annotations

from collections import OrderedDict

from ayni.v1 import genesis_pb2, receipt_pb2
from ledger.state import LoggedTransaction
from node.tables import StoredBlock, Tables
from proofs.merkle import LogNode, inclusion_path

_NODES_REMEMBERED_MAX = 50_000
_BLOCKS_REMEMBERED_MAX = 256


class Receipts:
    """Makes receipts from the tables, remembering the nodes and headers used last."""

    def __init__(self, genesis: genesis_pb2.SignedGenesis, tables: Tables) -> None:
        self._genesis = genesis
        self._tables = tables
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._new: list[list[LogNode]] = []
        """Those of the last blocks: put into `_nodes` when the first receipt is asked for."""
        self._remembered = 0
        self._final: OrderedDict[int, StoredBlock] = OrderedDict()

    def remember(self, nodes: list[LogNode]) -> None:
        """Log nodes of a block that has just become final, soon to be asked for."""
        if self._remembered + len(nodes) > _NODES_REMEMBERED_MAX:
            self._nodes.clear()
            self._new.clear()
            self._remembered = 0
        self._new.append(nodes)
        self._remembered += len(nodes)

    def receipt(self, logged: LoggedTransaction) -> receipt_pb2.Receipt | None:
        """The receipt of a final transaction."""
        final = self._final_at_or_after(logged.height)
        if final is None:
            return None
        return receipt_pb2.Receipt(
            genesis=self._genesis,
            transaction=logged.raw,
            result=logged.result,
            log_index=logged.log_index,
            inclusion_path=inclusion_path(logged.log_index, final.header.log_size, self._node),
            header=final.certified.header,
            finalization=final.certified.finalization,
        )

    def _node(self, level: int, index: int) -> bytes:
        for nodes in self._new:
            self._nodes.update({(level, index): node for level, index, node in nodes})
        self._new.clear()
        node = self._nodes.get((level, index))
        return self._tables.log_node(level, index) if node is None else node

    def _final_at_or_after(self, height: int) -> StoredBlock | None:
        found = self._final.get(height)
        if found is None:
            found = self._tables.final_at_or_after(height)
            if found is not None:
                self._final[height] = found
                if len(self._final) > _BLOCKS_REMEMBERED_MAX:
                    self._final.popitem(last=False)
        return found
