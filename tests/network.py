"""Networks of real processes for tests: `with running_network(tmp_path) as testnet`.

Timeouts are deadlines, never sleeps. Every node's log is printed when a test fails with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from client.testnet import Founding, Testnet, create, federation_names
from client.testnet.processes import NodeFailed
from config import ConsensusSection, LogSection

DEADLINE_SECONDS = 30.0


@contextmanager
def running_network(
    directory: Path, validators: int = 4, *, close_periods: bool = False, only: tuple[int, ...] = ()
) -> Iterator[Testnet]:
    """A network that is up (or `only` these nodes of it); stopped on the way out, its logs shown when
    something failed."""
    testnet = create(
        directory / "network",
        Founding("test", federation_names(validators), state_tree_bits=8),
        close_periods=close_periods,
        consensus=ConsensusSection(timeout_ms=300, timeout_max_ms=2_000),
        log=LogSection(level="info"),
    )
    try:
        with testnet:
            testnet.start(*only)
            yield testnet
    except BaseException:
        print_logs(testnet)
        raise


def print_logs(testnet: Testnet, lines: int = 30) -> None:
    """The end of every node's log, for whoever reads the failure."""
    for node in testnet.nodes:
        if node.process.log.exists():
            tail = node.process.log.read_text(errors="replace").splitlines()[-lines:]
            print(f"--- {node.federation}", *tail, sep="\n")


def heights(testnet: Testnet) -> list[int]:
    """The final height of every node that runs."""
    return [
        testnet.status(index).at.height for index, node in enumerate(testnet.nodes) if node.process.running
    ]


def until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Asks again and again until `condition` holds. Raises NodeFailed after `seconds`."""
    import threading
    import time

    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NodeFailed(f"Not within {seconds:.0f} s: {what}.", "See the logs.", "Look at the nodes.")
        pause.wait(0.05)
