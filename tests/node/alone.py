"""A node that is a network by itself, and what tests ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ayni.v1 import ledger_service_pb2 as pb
from config import NodeConfig
from node.daemon import Node
from tests.node.acts import open_accounts
from tests.node.running import running_node, stub_of


class Alone:
    """A node that is a network by itself, with two accounts."""

    def __init__(self, config: NodeConfig, node: Node, stub: Any) -> None:
        self.config, self.node, self.stub = config, node, stub
        self.hash = node.parts.founding.hash

    async def submit(self, *raws: bytes, wait_ms: int = 10_000, receipts: bool = False) -> list[pb.Outcome]:
        request = pb.SubmitRequest(
            genesis_hash=self.hash, transactions=raws, wait_ms=wait_ms, want_receipts=receipts
        )
        return list((await self.stub.Submit(request)).outcomes)

    def id(self, raw: bytes) -> bytes:
        (found,) = self.node.parts.mempool.parse([raw])
        return found.tx_id  # type: ignore[union-attr]


@asynccontextmanager
async def node_alone(config: NodeConfig) -> AsyncIterator[Alone]:
    """The node, running, once its two accounts are open."""
    async with running_node(config) as node, stub_of(config) as stub:
        network = Alone(config, node, stub)
        (opened,) = await network.submit(open_accounts(network.hash))
        assert opened.kind == pb.OUTCOME_KIND_FINAL
        yield network
