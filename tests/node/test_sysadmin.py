"""What a sysadmin has of a node: health, figures, warnings; and what it does unattended, or started again."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ayni.v1 import admin_service_pb2, admin_service_pb2_grpc
from ayni.v1 import ledger_service_pb2 as pb
from ledger.blocks import FinalBlock
from node.daemon import Node
from tests.node.acts import contribute, open_accounts, transfer
from tests.node.alone import Alone, node_alone
from tests.node.founders import write_network
from tests.node.running import credentials, running_node, stub_of, tick


@pytest_asyncio.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Alone]:
    (config,) = write_network(tmp_path, ("emilia",))
    async with node_alone(config) as network:
        yield network


async def test_health_reflection_and_metrics_are_served(alone: Alone) -> None:
    pinned, options = credentials(alone.config)
    async with grpc.aio.secure_channel(alone.config.listen.client, pinned, options) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service="ayni.v1.LedgerService"))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        async for listed in reflection.ServerReflectionInfo(iter([request])):
            names = [service.name for service in listed.list_services_response.service]
            assert "ayni.v1.LedgerService" in names

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://{alone.config.listen.metrics}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    metrics = await asyncio.to_thread(page, "/metrics")
    for name in (
        "consensus_height 1.0",
        "consensus_view ",
        "consensus_views_nullified_total 0.0",
        "consensus_evidence_total 0.0",
        "mempool_transactions 0.0",
        "commit_latency_seconds_bucket",
        "ledger_transactions_total 1.0",
        'rpc_calls_total{code="OK",method="Submit"} 1.0',
    ):
        assert name in metrics
    assert await asyncio.to_thread(page, "/healthz") == "serving\n"


async def test_a_node_listens_at_ipv6_addresses_too(tmp_path: Path) -> None:
    """Metrics and health as well, and without asking DNS what this machine is called."""
    (config,) = write_network(tmp_path, ("emilia",))
    at = {
        name: getattr(config.listen, name).replace("127.0.0.1", "[::1]")
        for name in ("client", "admin", "metrics")
    }
    config = replace(config, listen=replace(config.listen, **at))
    async with node_alone(config) as network:
        assert network.node.status.is_serving()

        def page() -> str:
            with urllib.request.urlopen(f"http://{config.listen.metrics}/healthz", timeout=5) as answer:
                return str(answer.read().decode())

        assert await asyncio.to_thread(page) == "serving\n"


async def test_the_pool_is_measured_as_it_was_at_the_last_block(alone: Alone) -> None:
    async def balance_after(*raws: bytes) -> float | None:
        await alone.submit(*raws)
        alone.node.parts.measure_pool()
        return alone.node.parts.metrics.registry.get_sample_value("pool_balance_minor", {"unit": "EUC"})

    assert await balance_after(transfer(alone.hash, 500)) == 0
    assert await balance_after(contribute(alone.hash, 300)) == 300
    assert await balance_after() == 300
    assert await balance_after(contribute(alone.hash, 20)) == 320


async def test_the_sysadmin_sees_what_is_wrong_and_can_stop_the_node(alone: Alone) -> None:
    """And when that was found: it may have been mended since."""
    alone.node.parts.warn("invariant", "look at this")
    alone.node.parts.warned_ms["invariant"] = 1_762_000_000_123
    async with grpc.aio.insecure_channel(alone.config.listen.admin) as channel:
        admin: Any = admin_service_pb2_grpc.AdminServiceStub(channel)
        status = await admin.GetNodeStatus(admin_service_pb2.GetNodeStatusRequest())
        assert list(status.warnings) == ["invariant: look at this (last found 2025-11-01 12:26:40 UTC)"]
        assert status.database_bytes > 0 and status.memory_bytes > 0
        assert str(alone.config.node.data_dir) == status.data_dir
        await admin.Stop(admin_service_pb2.StopRequest())
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await alone.submit(transfer(alone.hash))
        # What comes in while the server goes away is cancelled by gRPC; what comes later finds nobody.
        assert failed.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def test_the_sysadmin_sees_why_a_peer_is_not_reached(tmp_path: Path) -> None:
    """That nothing listens there, or that the certificate is another one: it was in no log and no status."""
    configs = write_network(tmp_path)
    away, japan = configs[0].peers[1], configs[0].peers[0]
    stranger = replace(japan, certificate=away.certificate)
    config = replace(configs[0], peers=(stranger, *configs[0].peers[1:]))

    def warning(node: Node) -> str:
        [found] = [each for each in node.status.warnings() if each.startswith("peers: ")]
        return found

    async with running_node(configs[1]), running_node(config) as node, asyncio.timeout(10):
        while warning(node).count("(") < 3:
            await tick()
        said = warning(node)
    assert "peers: not connected to japan (UNAVAILABLE: " in said and "CERTIFICATE_VERIFY_FAILED" in said
    assert f"{away.federation} (UNAVAILABLE: " in said and "Connection refused" in said


async def test_a_node_closes_a_period_that_is_due(tmp_path: Path) -> None:
    (config,) = write_network(tmp_path, ("emilia",), close_periods=True)
    closed = asyncio.Event()

    def look(block: FinalBlock) -> None:
        if any(entry.tx.kind == "close_period" for entry in block.entries):
            closed.set()

    async with running_node(config) as node, stub_of(config) as stub:
        node.loop.on_final.append(look)
        await asyncio.wait_for(closed.wait(), 10)
        listed = await stub.ListSettlements(pb.ListSettlementsRequest())
        assert listed.settlements[0].period == 1


async def test_a_restarted_node_has_everything_that_was_final(tmp_path: Path) -> None:
    (config,) = write_network(tmp_path, ("emilia",))
    async with running_node(config) as node, stub_of(config) as stub:
        network = Alone(config, node, stub)
        before = await network.submit(open_accounts(network.hash), transfer(network.hash, 3))
        root = node.parts.chain.state_root
    async with running_node(config) as node, stub_of(config) as stub:
        assert root == node.parts.chain.state_root
        again = Alone(config, node, stub)
        for outcome in before:
            assert outcome == await stub.GetOutcome(pb.GetOutcomeRequest(tx_id=outcome.tx_id))
        (more,) = await again.submit(transfer(again.hash, 4))
        assert more.kind == pb.OUTCOME_KIND_FINAL
