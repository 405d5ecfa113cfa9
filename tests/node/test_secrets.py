"""Nothing secret is in what a node says of itself: logs, errors, status, metrics, representations."""

from __future__ import annotations

import base64
import urllib.request
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from ayni.v1 import admin_service_pb2, admin_service_pb2_grpc
from ayni.v1 import ledger_service_pb2 as pb
from config import LogSection, NodeConfig, read_key_file, write_toml
from node.startup import prepare
from tests.node.acts import open_accounts, transfer
from tests.node.founders import Founder, write_network
from tests.node.running import Process


def secrets_of(config: NodeConfig, federation: str) -> list[str]:
    """Every form in which a secret of this node could be written down."""
    founder = Founder(federation)
    pem = config.tls.key.read_text()
    found = ["".join(pem.splitlines()[1:-1])[:40], pem.splitlines()[1]]
    for seed in (founder.consensus.seed, founder.service.seed):
        assert seed in (read_key_file(config.node.consensus_key), read_key_file(config.node.service_key))
        found += [seed.hex(), repr(seed)[2:-1], base64.b64encode(seed).decode(), str(list(seed))]
    return found


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_is_logged_or_answered_by_a_node(tmp_path: Path, form: str) -> None:
    """At the lowest level, with transactions, refusals, garbage and a configuration that warns."""
    config = replace(write_network(tmp_path, ("emilia",))[0], log=LogSection("debug", form))
    write_toml(config, tmp_path / "emilia" / "node.toml")
    node = Process(config)
    node.start()
    try:
        genesis_hash = node.stub.GetNetwork(pb.GetNetworkRequest(), wait_for_ready=True).genesis_hash
        raws = [open_accounts(genesis_hash), transfer(genesis_hash), transfer(genesis_hash, 10**9), b"\xff"]
        node.stub.Submit(pb.SubmitRequest(genesis_hash=genesis_hash, transactions=raws, wait_ms=5_000))
        with grpc.insecure_channel(config.listen.admin) as channel:
            admin = admin_service_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
            status = str(admin.GetNodeStatus(admin_service_pb2.GetNodeStatusRequest()))
        with urllib.request.urlopen(f"http://{config.listen.metrics}/metrics") as page:
            metrics = page.read().decode()
    finally:
        node.stop()
        node.channel.close()
    said = (tmp_path / "emilia" / "log").read_text() + status + metrics
    assert "ready" in said
    assert [secret for secret in secrets_of(config, "emilia") if secret in said] == []


def test_no_secret_is_in_how_a_nodes_parts_are_shown(tmp_path: Path) -> None:
    config = write_network(tmp_path, ("emilia",))[0]
    prepared = prepare(config)
    shown = " ".join([repr(prepared), repr(prepared.parts), repr(prepared.consensus_key), repr(config)])
    prepared.parts.database.close()
    assert [secret for secret in secrets_of(config, "emilia") if secret in shown] == []


def test_a_damaged_key_file_is_not_quoted(tmp_path: Path) -> None:
    config = write_network(tmp_path, ("emilia",))[0]
    seed = config.node.consensus_key.read_text().strip()
    config.node.consensus_key.write_text(seed + "00\n")
    with pytest.raises(Exception, match="not a key file") as refused:
        prepare(config)
    assert seed not in str(refused.value)
