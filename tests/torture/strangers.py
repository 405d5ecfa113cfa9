"""Strangers at a node's ports: many TLS greetings at once, garbage, and connections that say nothing.

None of them has a key, and none gets further than a stranger may. How they fare is their own business; what
the node does meanwhile is looked at elsewhere.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence

CROWD = 6
SOCKETS_EACH = 6
PATIENCE_SECONDS = 5.0
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@contextlib.contextmanager
def strangers(ports: Sequence[int], seed: int) -> Iterator[None]:
    """As long as the `with` lasts."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_visit, args=(ports, random.Random(f"{seed} {number}"), stop), daemon=True)
        for number in range(CROWD)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _visit(ports: Sequence[int], rng: random.Random, stop: threading.Event) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    while not stop.is_set():
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            sockets = [
                stack.enter_context(
                    socket.create_connection(("127.0.0.1", rng.choice(ports)), PATIENCE_SECONDS)
                )
                for _ in range(SOCKETS_EACH)
            ]
            for plain in sockets:
                match rng.randrange(4):
                    case 0:
                        plain.sendall(rng.randbytes(rng.randint(1, 2_000)))
                    case 1:
                        stop.wait(0.01)  # it says nothing
                    case _:
                        secure = stack.enter_context(context.wrap_socket(plain, server_hostname="anybody"))
                        secure.sendall(HTTP2_PREFACE + rng.randbytes(rng.randint(0, 500)))
        stop.wait(0.005)
