"""`ayni node` and `ayni testnet start` with nodes that run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli import main
from client.testnet import Testnet, create, federation_names
from client.testnet.founding import Founding
from tests.network import running_network, until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testnet]:
    with running_network(tmp_path_factory.mktemp("commands"), validators=2) as testnet:
        yield testnet


def config(testnet: Testnet, index: int = 0) -> str:
    return str(testnet.nodes[index].directory / "node.toml")


def test_status_says_height_peers_and_memory(network: Testnet, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "status", "-c", config(network), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["federation"] == "emilia"
    assert [(peer["federation"], peer["connected"]) for peer in document["peers"]] == [("lombardia", True)]
    assert document["memory_bytes"] > 0
    assert main(["node", "status", "-c", config(network)]) == 0
    assert "emilia: in step" in capsys.readouterr().out


def test_health_is_serving(network: Testnet, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "health", "-c", config(network)]) == 0
    assert capsys.readouterr().out == "serving\n"


def test_the_node_of_this_machine_is_asked_past_any_proxy(
    network: Testnet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that reaches the outside through a proxy has its address in every shell."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nothing listens
    assert main(["node", "status", "-c", config(network)]) == 0
    assert main(["node", "health", "-c", config(network)]) == 0
    assert capsys.readouterr().out.endswith("serving\n")


def test_health_names_a_certificate_that_cannot_be_read(
    network: Testnet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("gone.crt", None), ("odd.crt", "odd")):
        if content is not None:
            (tmp_path / name).write_text(content)
        file = tmp_path / "node.toml"
        text = Path(config(network)).read_text()
        file.write_text(re.sub(r'(?m)^certificate = "node.crt"', f'certificate = "{tmp_path / name}"', text))
        assert main(["node", "health", "-c", str(file)]) == 2
        assert f"{tmp_path / name}" in capsys.readouterr().err


def test_a_network_that_runs_is_not_started_over(
    network: Testnet, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second start said that the nodes run, and wrote into the logs of the first that they cannot."""
    assert main(["testnet", "start", str(network.directory), "--keep"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "ayni: The nodes of emilia, lombardia run already; nothing was started.",
        "  why:  Their databases are held by the processes that run.",
        f"  next: Name others with --only, or stop them first: ayni testnet stop {network.directory}",
    ]
    assert "cannot start" not in "".join(node.process.log.read_text() for node in network.nodes)


def test_config_check_of_a_running_node_can_leave_its_ports_alone(
    network: Testnet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "check", config(network)]) == 2
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().out
    assert main(["config", "check", "--running", config(network)]) == 0


def test_doctor_finds_a_stopped_node_well(tmp_path: Path) -> None:
    with running_network(tmp_path, validators=1) as testnet:
        testnet.stop()
        done = doctor(testnet)
        told = doctor(testnet, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "nothing is wrong"
    document = json.loads(told.stdout)
    assert (document["kind"], document["ok"], document["complete"]) == ("node_doctor", True, True)
    assert document["findings"] == []
    assert "blocks" in told.stderr


def doctor(testnet: Testnet, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "client.cli", "node", "doctor", "-c", config(testnet), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_doctor_lists_what_it_finds_as_json(tmp_path: Path) -> None:
    from node.store import BUCKET, Batch, Database, next_prefix

    with running_network(tmp_path, validators=1) as testnet:
        testnet.stop()
        database = Database(testnet.nodes[0].config.node.data_dir, testnet.genesis_hash)
        key, value = next(iter(database.range(BUCKET, next_prefix(BUCKET))))
        batch = Batch()
        batch.put(key, bytes(len(value)))
        database.write(batch)
        database.close()
        told = doctor(testnet, "--json")
    document = json.loads(told.stdout)
    assert (told.returncode, document["ok"]) == (4, False)
    assert "does not have the hash that is stored" in document["findings"][0]


def test_testnet_start_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    testnet = create(tmp_path / "net", Founding(federations=federation_names(2), state_tree_bits=8))
    process = subprocess.Popen(
        [sys.executable, "-m", "client.cli", "testnet", "start", str(testnet.directory)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=(tmp_path / "out").open("w"),
        stderr=subprocess.STDOUT,
    )
    until(lambda: "The nodes run." in (tmp_path / "out").read_text(), "the network is up")
    assert testnet.status(1).federation == "lombardia"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "Stopping" in (tmp_path / "out").read_text()


def test_node_start_becomes_the_node_and_stops_in_good_order(tmp_path: Path) -> None:
    testnet = create(tmp_path / "net", Founding(federations=federation_names(1), state_tree_bits=8))
    process = subprocess.Popen(
        [sys.executable, "-m", "client.cli", "node", "start", "-c", config(testnet)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=(tmp_path / "out").open("w"),
        stderr=subprocess.STDOUT,
    )
    until(lambda: main(["node", "health", "-c", config(testnet)]) == 0, "the node serves")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
