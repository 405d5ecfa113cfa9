"""One run of the torture: which faults, in which order, and what is measured of each.

Decides what a fault may ask for (some nodes, a time to pass, a recovery) and the bounds within which the
network must recover. Everything that is chosen is chosen from the seed; what the machine makes of it is its
own. The faults themselves are faults.py.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.torture.cluster import NODES, ROOT, Cluster, TortureFailed
from tests.torture.watch import tail

STANDS_STILL_AFTER_SECONDS = 3.0
"""What was on its way when a quorum was lost may still become final."""
GOES_ON_SECONDS_MAX = 25.0
"""With a quorum of nodes that can talk, the next final block comes within this."""
FINAL_SECONDS_MAX = 60.0
"""After a fault has ended, the next final block comes within this."""
IN_STEP_SECONDS_MAX = 120.0
"""And so long after, every node that was hit is where the network was,"""
BLOCKS_A_SECOND_MIN = 20
"""or later, when it has many blocks to fetch: on a busy machine, four nodes share two cores."""
POLL_SECONDS = 0.05


@dataclass
class Row:
    """What was measured of one kind of fault."""

    name: str
    what: str
    times: int = 0
    gaps: list[float] = field(default_factory=list)
    """Of each time that a quorum was left: the longest wait for a final block meanwhile, seconds."""
    stood_still: int = 0
    """How often no quorum was left, and rightly nothing became final."""
    final: list[float] = field(default_factory=list)
    """From the end of the fault to the next final block, seconds."""
    in_step: list[float] = field(default_factory=list)
    """From the end of the fault until the nodes that were hit were where the network was then, seconds."""
    notes: dict[str, int] = field(default_factory=dict)


class Run:
    """What the faults are given."""

    def __init__(
        self, cluster: Cluster, rng: random.Random, say: Callable[[str], None], broken: threading.Event
    ) -> None:
        """`broken`: set, from anywhere, when a promise did not hold; then nothing is waited for."""
        self.cluster, self.watch, self.rng = cluster, cluster.watch, rng
        self._say = say
        self._broken = broken
        self.rows: dict[str, Row] = {}
        self._row = Row("", "")

    def inject(self, name: str, what: str, do: Callable[[Run], None]) -> None:
        """Does one fault, from beginning to end. Raises TortureFailed."""
        self._row = self.rows.setdefault(name, Row(name, what))
        self._row.times += 1
        began = time.monotonic()
        before = len(self._row.final)
        do(self)
        final = ", ".join(f"{seconds:.1f}" for seconds in self._row.final[before:])
        self._say(f"{name}: {time.monotonic() - began:.0f} s, final again after {final or '-'} s")

    def pick(self, count: int) -> list[int]:
        """So many nodes, by lot."""
        return self.rng.sample(range(NODES), count)

    def note(self, words: str) -> None:
        """Something to count beside the fault."""
        self._row.notes[words] = self._row.notes.get(words, 0) + 1

    # --- while it lasts -----------------------------------------------------------------------------

    def hold(self, seconds: float, *, goes_on: bool | None) -> None:
        """Lets the fault last. `goes_on`: whether blocks become final meanwhile; None: as it may be.

        Raises TortureFailed when it is otherwise.
        """
        self.watch.forget_gap()
        until = time.monotonic() + seconds
        if goes_on is False:
            self._wait(min(seconds, STANDS_STILL_AFTER_SECONDS))
            held = self.watch.height
            self._wait(until - time.monotonic())
            if self.watch.height != held:
                raise TortureFailed(
                    f"without a quorum, the final height rose from {held} to {self.watch.height}"
                )
            self._row.stood_still += 1
            return
        self._wait(seconds)
        if goes_on:
            if self.watch.gap() > GOES_ON_SECONDS_MAX:
                raise TortureFailed(f"a quorum was left, and no block was final for {self.watch.gap():.0f} s")
            self._row.gaps.append(self.watch.gap())

    # --- when it has ended --------------------------------------------------------------------------

    def recover(self, *hit: int) -> None:
        """The fault has ended now: waits for the next final block, and until `hit` are where the network is.

        Raises TortureFailed when it takes too long.
        """
        began, height = time.monotonic(), self.watch.height
        self._row.final.append(
            self._until(
                lambda: self.watch.height > height, FINAL_SECONDS_MAX, f"a block above {height} is final"
            )
        )
        for node in hit:
            self.in_step(node, height)
        self._row.in_step.append(time.monotonic() - began)

    def in_step(self, node: int, height: int = 0) -> None:
        """Waits until a node holds what is final now (or at `height`) and is not catching up."""
        height = height or self.watch.height
        behind = height - self.watch.heights[node]
        seconds_max = IN_STEP_SECONDS_MAX + behind / BLOCKS_A_SECOND_MIN

        def there() -> bool:
            status = self.watch.status[node]
            return status is not None and status.at.height >= height and not status.catching_up

        self._until(there, seconds_max, f"{self.cluster.name(node)} is at height {height}")

    def locked(self, node: int) -> bool:
        """Whether the node says that it does not vote."""
        status = self.watch.status[node]
        return status is not None and status.voting_locked

    def must_be_locked(self, node: int) -> None:
        """Waits until it says so. Raises TortureFailed."""
        self._until(
            lambda: self.locked(node), 20, f"{self.cluster.name(node)}, on an old disk, does not vote"
        )

    def must_vote(self, node: int) -> None:
        """Raises TortureFailed when it does not."""
        if self.locked(node):
            raise TortureFailed(f"{self.cluster.name(node)} has lost no vote, and does not vote")

    def mark(self, node: int) -> int:
        """Where the node's log ends now."""
        log = self.cluster.log(node)
        return log.stat().st_size if log.exists() else 0

    def ends_by_itself(
        self,
        node: int,
        seconds_max: float,
        *,
        codes: Sequence[int],
        words: Sequence[str],
        since: int,
        must: bool = True,
    ) -> bool:
        """Whether the node stops, with one of these codes, and says why in its log after `since`.

        Raises TortureFailed when it ends otherwise, or does not and `must`.
        """
        self.watch.expected_down.add(node)
        name = self.cluster.name(node)
        code = self.cluster.until_ended(node, seconds_max)
        if code is None:
            if must:
                raise TortureFailed(f"{name} has not stopped within {seconds_max:.0f} s")
            self.watch.expected_down.discard(node)
            return False
        said = self.cluster.log(node).read_bytes()[since:].decode(errors="replace")
        if code not in codes or not any(word in said for word in words):
            raise TortureFailed(
                f"{name} ended with {code} and not with one of {codes}, saying one of {words}. "
                f"Its log ends: {tail(self.cluster.log(node))}"
            )
        return True

    def doctor(self, node: int) -> int:
        """What the doctor of a stopped node says: its exit code."""
        config = self.cluster.testnet.nodes[node].directory / "node.toml"
        command = [sys.executable, "-m", "node", "doctor", "--config", str(config)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode

    # --- helpers ------------------------------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        if self._broken.wait(max(0.0, seconds)):
            raise TortureFailed("see above")

    def _until(self, condition: Callable[[], bool], seconds_max: float, what: str) -> float:
        began = time.monotonic()
        while not condition():
            self._wait(POLL_SECONDS)
            if time.monotonic() - began > seconds_max:
                self.cluster.ask_where_they_are()
                raise TortureFailed(f"not within {seconds_max:.0f} s: {what}. {self._where()}")
        return time.monotonic() - began

    def _where(self) -> str:
        said = []
        for index in range(NODES):
            status = self.watch.status[index]
            peers = [peer.federation for peer in status.peers if peer.connected] if status else []
            how = (
                f"height {status.at.height}, view {status.view}, with {', '.join(peers)}"
                if status
                else "silent"
            )
            said.append(f"{self.cluster.name(index)}: {how}")
        return "; ".join(said)
