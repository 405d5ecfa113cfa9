"""Ports of test networks: no two processes are given the same, whether or not somebody listens yet."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import client
from client.testnet.ports import BLOCK_PORTS, BLOCKS_MAX, PortBlocks, free_ports

TREE = Path(client.__file__).resolve().parent.parent
ASK = "from client.testnet.ports import free_ports; print(*free_ports(400), flush=True); input()"


def test_two_processes_are_given_different_ports() -> None:
    asking = [
        subprocess.Popen([sys.executable, "-c", ASK], stdin=-1, stdout=-1, text=True, cwd=TREE)
        for _ in range(2)
    ]
    given = []
    for process in asking:
        assert process.stdout is not None
        given.append(set(process.stdout.readline().split()))
    for process in asking:
        process.communicate("\n")
    assert [len(each) for each in given] == [400, 400]
    assert given[0] & given[1] == set()


def test_a_port_on_which_somebody_listens_is_not_given_out(tmp_path: Path) -> None:
    blocks = PortBlocks(tmp_path)
    [first] = blocks.take(1)
    with socket.create_server(("127.0.0.1", first - 1)):
        assert first - 1 not in blocks.take(2 * BLOCK_PORTS)


def test_one_process_may_make_more_networks_than_there_are_ports() -> None:
    for _ in range(3 * BLOCKS_MAX):
        assert len(set(free_ports(BLOCK_PORTS))) == BLOCK_PORTS


def test_what_is_asked_for_together_is_all_different(tmp_path: Path) -> None:
    taken = PortBlocks(tmp_path).take(10 * BLOCK_PORTS)
    assert len(set(taken)) == len(taken)
