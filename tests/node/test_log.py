"""The log of a node as a process: its own lines and no other, whatever strangers do at its ports."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from config import split_address
from tests.node.founders import write_network
from tests.node.running import Process

VISITS = 12


def visit(host: str, port: int) -> None:
    """Garbage, a plain greeting, and TLS without a certificate: what no handshake survives."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for garbage in (b"\x16\x03\x01\x00\x05garbage" * 9, b"GET / HTTP/1.1\r\n\r\n"):
        with contextlib.suppress(OSError), socket.create_connection((host, port), 5) as plain:
            plain.sendall(garbage)
            plain.recv(100)
    with contextlib.suppress(OSError), socket.create_connection((host, port), 5) as plain:
        context.wrap_socket(plain, server_hostname="anybody").recv(100)


def test_strangers_whose_greeting_fails_do_not_fill_the_log(tmp_path: Path) -> None:
    node = Process(write_network(tmp_path)[0])
    try:
        node.start()
        for _ in range(VISITS):
            visit(*split_address(node.config.listen.peer))
        assert node.stop() == 0
    finally:
        node.kill()
        node.channel.close()
    lines = (node.home / "log").read_text().splitlines()
    foreign = [line for line in lines if not line.startswith("20")]
    assert foreign == []
    assert len([line for line in lines if "[debug" not in line]) < VISITS
