"""Nodes that are killed, stopped and started again, under load: nothing final is lost, progress returns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit import verify_export
from audit.archive import write_export
from client.api import Client
from client.outcomes import Kind
from client.testnet import Testnet
from tests.network import heights, running_network, until
from tests.system.load import Accounts, Load, logged

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Testnet]:
    with running_network(tmp_path) as testnet:
        yield testnet


def all_agree(testnet: Testnet) -> bool:
    found = heights(testnet)
    return len(found) == len(testnet.nodes) and len(set(found)) == 1


def verify(testnet: Testnet, directory: Path) -> None:
    """The whole history, as each node exports it, re-executed."""
    for index, node in enumerate(testnet.nodes):
        with Client(testnet.network(index)) as client:
            write_export(directory / node.federation, testnet.signed_genesis, client.export())
        report = verify_export(directory / node.federation, testnet.genesis_hash)
        assert [str(finding) for finding in report.findings] == []


def test_one_node_killed_under_load_is_not_missed_and_comes_back(network: Testnet, tmp_path: Path) -> None:
    with Client(network.network(0, 1, 2)) as client:
        load = Load(client, Accounts(network, client))
        until(lambda: load.final > 100, "the load runs")
        network.kill(3)
        killed_at = load.final
        until(lambda: load.final > killed_at + 200, "the other three go on")
        network.restart(3)
        load.stop()
        final = [outcome.tx_id for outcome in load.outcomes if outcome.kind is Kind.FINAL]
        assert len(final) == len(load.sent)
    until(lambda: all_agree(network), "all are at one height")
    with Client(network.network(3)) as client:
        assert logged(client, final) == len(final)
    verify(network, tmp_path)


def test_all_nodes_killed_under_load_lose_nothing_final(network: Testnet, tmp_path: Path) -> None:
    with Client(network.network()) as client:
        load = Load(client, Accounts(network, client))
        until(lambda: load.final > 200, "the load runs")
        for index in range(4):
            network.kill(index)
        final = [outcome.tx_id for outcome in list(load.outcomes) if outcome.kind is Kind.FINAL]
        network.start()
        until(lambda: load.final > len(final), "what was on its way becomes final")
        load.stop()
        assert logged(client, final) == len(final)
        assert all(outcome.kind is Kind.FINAL for outcome in load.outcomes)
    until(lambda: all_agree(network), "all are at one height")
    verify(network, tmp_path)


def test_without_a_quorum_a_submission_says_so_in_time_and_nothing_final_is_lost(
    network: Testnet, tmp_path: Path
) -> None:
    with Client(network.network(0, 1)) as client:
        accounts = Accounts(network, client)
        before = [accounts.transfer(number) for number in range(20)]
        ids = [outcome.tx_id for outcome in client.submit(before)]
        network.stop(2, 3)
        waiting = accounts.transfer(20)
        began = time.monotonic()
        [outcome] = client.submit([waiting], wait_ms=2_000)
        assert outcome.kind is Kind.UNKNOWN
        assert time.monotonic() - began < 8
        error = outcome.error()
        assert error is not None
        assert "not known yet" in error.what
        assert logged(client, ids) == 20

        network.start(2, 3)
        [outcome] = client.submit([waiting], wait_ms=20_000)
        assert outcome.kind is Kind.FINAL
        assert logged(client, ids) == 20
    until(lambda: all_agree(network), "all are at one height")
    verify(network, tmp_path)


def test_the_same_bytes_again_are_the_same_transaction_on_every_node(network: Testnet) -> None:
    with Client(network.network()) as client:
        raw = Accounts(network, client).transfer(0)
        [first] = client.submit([raw])
    until(lambda: all_agree(network), "all are at one height")
    for index in range(4):
        with Client(network.network(index)) as client:
            [again] = client.submit([raw])
            assert (again.kind, again.height, again.log_index) == (Kind.FINAL, first.height, first.log_index)


def test_a_network_of_one_member_works(tmp_path: Path) -> None:
    with running_network(tmp_path, validators=1) as testnet, Client(testnet.network()) as client:
        accounts = Accounts(testnet, client)
        outcomes = client.submit([accounts.transfer(number) for number in range(10)])
        assert [outcome.kind for outcome in outcomes] == [Kind.FINAL] * 10
        testnet.kill(0)
        testnet.restart(0)
        assert logged(client, [outcome.tx_id for outcome in outcomes]) == 10
