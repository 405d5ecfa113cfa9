"""The wires between the nodes of a test network: who is cut off from whom, and how slow it is.

Decides what each wire must do; proxy.py, in a process of its own, does it.

    testnet, wires = wire_up(create(directory))
    with wires, testnet:
        testnet.start()
        wires.delay(50)
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import client
from client.testnet import Testnet, open_testnet
from client.testnet.ports import free_ports
from config import load, split_address, write_toml

AS_NEW: dict[str, bool | int] = {"cut": False, "up": True, "down": True, "delay_ms": 0}


def wire_up(testnet: Testnet) -> tuple[Testnet, Wires]:
    """Puts a wire between each node and each other: into the nodes' files, so before they start."""
    nodes = range(len(testnet.nodes))
    pairs = [(one, other) for one in nodes for other in nodes if one != other]
    listening = [split_address(node.config.listen.peer, "listen.peer")[1] for node in testnet.nodes]
    ports = {
        pair: (port, listening[pair[1]]) for pair, port in zip(pairs, free_ports(len(pairs)), strict=True)
    }
    index = {node.federation: position for position, node in enumerate(testnet.nodes)}
    for dials, node in enumerate(testnet.nodes):
        file = node.directory / "node.toml"
        config = load(file)
        peers = tuple(
            replace(peer, address=f"127.0.0.1:{ports[dials, index[peer.federation]][0]}")
            for peer in config.peers
        )
        write_toml(replace(config, peers=peers), file)
    return open_testnet(testnet.directory), Wires(ports)


class Wires:
    """Every wire between `nodes` nodes. As a context manager it ends their process on the way out."""

    def __init__(self, ports: dict[tuple[int, int], tuple[int, int]]) -> None:
        """`ports`: (who dials, whom) to (where it dials, where that one listens)."""
        self._pairs = sorted(ports)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "client.testnet.proxy"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(client.__file__).resolve().parents[1],
            start_new_session=True,
        )
        self._say({"open": {_name(*pair): ports[pair] for pair in self._pairs}})

    def __enter__(self) -> Wires:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def mend(self) -> None:
        """All as new."""
        self._set(dict.fromkeys(self._pairs, AS_NEW))

    def cut(self, one: Iterable[int], others: Iterable[int]) -> None:
        """No connection between the two groups."""
        self._set({pair: {"cut": True} for pair in self._between(set(one), set(others))})

    def stall(self, one: Iterable[int], others: Iterable[int]) -> None:
        """Connections between the two groups stay, and nothing comes through."""
        self._set({pair: {"up": False, "down": False} for pair in self._between(set(one), set(others))})

    def mute(self, one: Iterable[int], others: Iterable[int]) -> None:
        """The others hear nothing of these, who hear all the others say."""
        mute = set(one)
        pairs = self._between(mute, set(others))
        self._set({pair: {"up": False} if pair[0] in mute else {"down": False} for pair in pairs})

    def delay(self, milliseconds: int, *only: int) -> None:
        """So much later each way, on every wire or those of `only` these nodes."""
        chosen = [pair for pair in self._pairs if not only or set(pair) & set(only)]
        self._set({pair: {"delay_ms": milliseconds} for pair in chosen})

    def _between(self, one: set[int], others: set[int]) -> list[tuple[int, int]]:
        return [
            (dials, whom)
            for dials, whom in self._pairs
            if (dials in one and whom in others) or (dials in others and whom in one)
        ]

    def _set(self, changes: dict[tuple[int, int], dict[str, bool | int]]) -> None:
        self._say({"set": {_name(*pair): change for pair, change in changes.items()}})

    def _say(self, what: dict[str, object]) -> None:
        if self._process.stdin is None or self._process.stdout is None:
            raise ConnectionError("the wires have no pipes")
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != "done\n":
            raise ConnectionError(f"the process of the wires ended ({self._process.poll()})")


def _name(dials: int, whom: int) -> str:
    return f"{dials}>{whom}"
