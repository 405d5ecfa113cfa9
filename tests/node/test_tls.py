"""Certificates towards whoever connects: replaced while the node runs, and asked for by many at once."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from config import NodeConfig, split_address
from config.certificates import make_certificate
from node.tls import Files, Shown
from tests.node.founders import write_network
from tests.node.running import Process, running_node

CROWD = 8
ROUNDS = 8
SOCKETS_A_ROUND = 8


def strangers_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def shown_by(config: NodeConfig) -> str:
    """The certificate that the node shows on its port for clients, as PEM."""
    host, port = split_address(config.listen.client, "listen.client")
    with (
        socket.create_connection((host, port), timeout=10) as plain,
        strangers_context().wrap_socket(plain, server_hostname="anything") as secure,
    ):
        return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True) or b"")


def crowd(address: tuple[str, int]) -> None:
    """Strangers who greet all at once, again and again; how they fare is their own business."""
    context = strangers_context()
    for _ in range(ROUNDS):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            connected = [
                stack.enter_context(socket.create_connection(address, timeout=10))
                for _ in range(SOCKETS_A_ROUND)
            ]
            for plain in connected:
                stack.enter_context(context.wrap_socket(plain, server_hostname="anything"))


@pytest.mark.parametrize("listen", ["client", "peer"])
def test_strangers_who_greet_all_at_once_do_not_end_the_node(tmp_path: Path, listen: str) -> None:
    node = Process(write_network(tmp_path, ("emilia", "japan"))[0])
    node.start()
    host, port = split_address(getattr(node.config.listen, listen), listen)
    threads = [threading.Thread(target=crowd, args=((host, port),)) for _ in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    node.channel.close()
    assert node.stop() == 0, (node.home / "log").read_text()[-2000:]


async def test_a_certificate_that_is_replaced_is_shown_without_a_restart(tmp_path: Path) -> None:
    (config,) = write_network(tmp_path, ("emilia",))
    async with running_node(config):
        assert await asyncio.to_thread(shown_by, config) == config.tls.certificate.read_text()
        certificate, private = make_certificate("emilia")
        config.tls.key.write_bytes(private)
        config.tls.certificate.write_bytes(certificate)
        assert await asyncio.to_thread(shown_by, config) == certificate.decode()


def test_grpc_is_told_only_of_files_that_have_changed(tmp_path: Path) -> None:
    certificate, private = make_certificate("emilia")
    file = tmp_path / "node.crt"
    file.write_bytes(certificate)
    files = Files(lambda: Shown(private, file.read_bytes(), b""))
    assert files.changed() is None
    file.write_bytes(make_certificate("emilia")[0])
    assert files.changed() is not None
    assert files.changed() is None
    shutil.move(file, tmp_path / "away")
    assert files.changed() is None
