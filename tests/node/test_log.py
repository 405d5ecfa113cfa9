"""The log of a node as a process: its own lines and no other, whatever strangers do at its ports."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from pathlib import Path

import pytest

from config import LogSection, split_address
from node import log as module
from node.log import ALIKE_MAX, make_log
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


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str | int]]:
    """What was logged since the last time, without what is in every line."""
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [{name: each[name] for name in each if name not in ("level", "timestamp")} for each in found]


def test_what_is_said_too_often_is_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A member that connects and hangs up, or greets wrongly, may do so a hundred times a second."""
    now = [0.0]
    log = make_log(LogSection(format="json"), clock=lambda: now[0], node="emilia")
    for reason in range(ALIKE_MAX + 5):
        log.info("peer_down", peer="japan", reason=reason)
    said = lines_of(capsys)
    assert [each["reason"] for each in said] == list(range(ALIKE_MAX))
    log.info("peer_down", peer="pacific")
    log.error("alarm", code="safety")
    assert lines_of(capsys) == [
        {"event": "peer_down", "peer": "pacific", "node": "emilia"},
        {"event": "alarm", "code": "safety", "node": "emilia"},
    ]
    now[0] = 60.0
    log.info("peer_down", peer="japan", reason="again")
    log.info("peer_down", peer="japan", reason="and again")
    first, second = lines_of(capsys)
    assert (first["left_out"], first["reason"], second.get("left_out")) == (5, "again", None)


def test_lines_of_more_kinds_than_are_told_apart_are_alike(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that did not say who it is has an address, and any number of ports."""
    monkeypatch.setattr(module, "KINDS_MAX", 3)
    log = make_log(LogSection(format="json"), clock=lambda: 0.0)
    for port in range(100):
        log.warning("peer_refused", peer=f"ipv4:10.0.0.1:{port}")
    assert len(lines_of(capsys)) == 3 + ALIKE_MAX


def test_at_debug_nothing_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log = make_log(LogSection(format="json", level="debug"), clock=lambda: 0.0)
    for _ in range(ALIKE_MAX + 5):
        log.debug("peer_unreachable", peer="japan")
    assert len(lines_of(capsys)) == ALIKE_MAX + 5
