"""Ports for the nodes of a test network that nobody else on this machine takes, also while a node is down.

Decides where to look, and marks what it gives out with locks on files that every process of this user sees:
a port on which nobody listens just now may belong to a network of which a node is being started again.
"""

from __future__ import annotations

import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

from client.errors import UsageProblem

# Below the range from which systems give ports to outgoing connections, so that a node that is started
# again finds its ports free.
PORTS_FROM, PORTS_UNTIL = 18_000, 32_000
BLOCK_PORTS = 16
BLOCKS_MAX = 40
"""Of one process; it has then made so many networks that its first ones are gone."""


class PortBlocks:
    """Blocks of ports that belong to one process until it ends."""

    def __init__(self, locks: Path) -> None:
        """`locks`: the directory of the lock files; made when it is absent."""
        self._locks = locks
        self._own: deque[int] = deque()
        """First ports of the blocks that are ours; the one used longest ago first."""
        self._held: list[int] = []
        """Their lock files: the system lets go of a lock when its file is closed."""
        self._ports: list[int] = []

    def take(self, count: int) -> list[int]:
        """So many ports of 127.0.0.1 on which nobody listens now. Raises UsageProblem."""
        found: list[int] = []
        blocks = (PORTS_UNTIL - PORTS_FROM) // BLOCK_PORTS + BLOCKS_MAX
        while len(found) < count:
            if self._ports:
                port = self._ports.pop()
                if _nobody_listens(port):
                    found.append(port)
                continue
            if not blocks:
                raise UsageProblem(
                    f"{count} free ports were not found.",
                    f"All but {len(found)} of {PORTS_FROM} to {PORTS_UNTIL} are taken.",
                    "Stop what uses them, or give --base-port.",
                )
            blocks -= 1
            self._ports = self._next_block()
        return found

    def _next_block(self) -> list[int]:
        """The ports of a block: a new one or, when we have many, our own that was used longest ago."""
        if len(self._own) < BLOCKS_MAX:
            first = PORTS_FROM + BLOCK_PORTS * random.SystemRandom().randrange(
                (PORTS_UNTIL - PORTS_FROM) // BLOCK_PORTS
            )
            if first in self._own or not self._lock(first):
                return []
        else:
            first = self._own.popleft()
        self._own.append(first)
        return list(range(first, first + BLOCK_PORTS))

    def _lock(self, block: int) -> bool:
        try:
            import fcntl
        except ImportError:  # a system without them: what is free now has to do
            return True
        self._locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._locks / str(block), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._held.append(descriptor)
        return True


def _nobody_listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


_blocks = PortBlocks(Path(tempfile.gettempdir()) / f"ayni-ports-{_user()}")


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 that are this process' until it ends. Raises UsageProblem."""
    return _blocks.take(count)
