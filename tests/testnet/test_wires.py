"""Wires between the nodes of a test network carry, delay, hold up and cut what passes."""

from __future__ import annotations

import socket
import time

import pytest

from client.testnet.ports import free_ports
from client.testnet.wires import Wires


def test_a_wire_carries_delays_holds_up_and_cuts() -> None:
    port, target = free_ports(2)
    with (
        socket.create_server(("127.0.0.1", target)) as server,
        Wires({(0, 1): (port, target)}) as wires,
        socket.create_connection(("127.0.0.1", port), 10) as dialled,
    ):
        server.settimeout(10)
        answered, _ = server.accept()
        with answered:
            answered.settimeout(10)
            dialled.sendall(b"hello")
            assert answered.recv(5) == b"hello"
            answered.sendall(b"back")
            assert dialled.recv(4) == b"back"

            wires.delay(150)
            began = time.monotonic()
            dialled.sendall(b"later")
            assert answered.recv(5) == b"later"
            assert time.monotonic() - began >= 0.14
            wires.mend()

            wires.mute({0}, {1})
            dialled.sendall(b"held")
            answered.sendall(b"heard")
            assert dialled.recv(5) == b"heard"
            answered.settimeout(0.2)
            with pytest.raises(TimeoutError):
                answered.recv(4)
            answered.settimeout(10)
            wires.mend()
            assert answered.recv(4) == b"held"

            wires.cut({0}, {1})
            with pytest.raises(ConnectionResetError):
                dialled.recv(1)
