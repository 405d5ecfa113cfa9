"""The oracles over one run, together: what they see, what they found wrong, and the trace of it all.

A violation is noted, not raised, where production code is on the stack; the run looks for it and stops.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from google.protobuf.message import DecodeError

from ayni.v1 import peer_service_pb2 as pb
from consensus import events
from tests.sim.cluster import Cluster, Host, Watch
from tests.sim.founding import Founded
from tests.sim.truth import Truth, Violation
from tests.sim.votes import WITH_VOTES, Votes
from tests.sim.wire import GREETING_FRAMES, Stream

HARMLESS_ALARMS = {events.ALARM_UNTIMELY_PROPOSAL, events.ALARM_INVALID_PROPOSAL, events.ALARM_VOTING_LOCKED}
"""What an honest node may say of others without anything being wrong with itself."""


class Observer(Watch):
    """Sees everything that happens in a cluster."""

    def __init__(self, founded: Founded) -> None:
        self.cluster: Cluster
        self.truth = Truth(founded)
        self.votes = Votes(founded.founding.membership, self.truth.certificates)
        self.violations: list[str] = []
        self.trace = hashlib.sha256()
        self.transcript: list[str] | None = None
        """Every event in words, when somebody replays the seed."""
        self.counted: Counter[str] = Counter()
        self.tolerated: set[int] = set()
        """Hosts that may stop by themselves, because their disk was damaged."""

    def note(self, words: str, data: bytes = b"") -> None:
        """Adds an event to the trace."""
        self.trace.update(f"{self.cluster.loop.time():.6f} {words}".encode())
        self.trace.update(data)
        self._tell(words)

    def _tell(self, words: str) -> None:
        """Says what happened to whoever replays the seed; the trace is the same as without."""
        if self.transcript is not None:
            self.transcript.append(f"{self.cluster.loop.time():.6f} {words}")

    def violated(self, words: str) -> None:
        """Something is wrong."""
        self.violations.append(words)
        self.note(f"VIOLATION {words}")

    def booted(self, host: Host) -> None:
        """See Watch."""
        assert host.node is not None
        self.note(f"{host.name} starts at height {host.node.machine.height}, view {host.node.machine.view}")
        self.votes.booted(host)
        if not host.is_byzantine:
            self._check(self.truth.booted, host)

    def stepped(self, host: Host, event: events.Input, effects: list[events.Effect]) -> None:
        """See Watch."""
        self.counted["steps"] += 1
        if host.is_byzantine or not isinstance(event, events.PeerMessage):
            return
        faulted = bool(effects) and any(isinstance(effect, events.PeerFault) for effect in effects)
        self.votes.stepped(host, event, faulted, self.cluster.loop.time())

    def sent(self, host: Host, data: bytes) -> None:
        """See Watch."""
        if not host.is_byzantine:
            frame = pb.PeerFrame.FromString(data)
            if frame.WhichOneof("frame") in WITH_VOTES:
                self._check(self.votes.sent, host, frame)

    def wrote(self, host: Host, operations: list[tuple[bytes, bytes | None]]) -> None:
        """See Watch."""
        self.trace.update(b"".join([part or b"" for operation in operations for part in operation]))
        if self.transcript is not None:
            self._tell(f"{host.name} has written {len(operations)} rows, from {operations[0][0][:12]!r}")
        if not host.is_byzantine:
            honest = {other.member for other in self.cluster.hosts if other.is_honest}
            self._check(self.votes.wrote, host, operations)
            self._check(self.votes.blames, host, operations, honest)
            self._check(self.truth.wrote, host, operations)

    def went_down(self, host: Host, why: str) -> None:
        """See Watch."""
        self.note(f"{host.name} is down: {why}")
        self.votes.went_down(host, self.cluster.loop.time())
        is_wrong = why.startswith("BUG") or (why.startswith("Halt") and not host.is_rolled_back)
        if is_wrong and not host.is_byzantine:
            self.violated(f"{host.name} went down: {why}")

    def logged(self, host: Host, level: str, event: str, fields: dict[str, Any]) -> None:
        """See Watch."""
        if self.transcript is not None:
            self._tell(f"{host.name} {level} {event} {fields}")
        if event == "peer_fault" and host.is_honest:
            self._blamed(host, fields)
        if event == "rpc_failed" or (event == "alarm" and fields["code"] not in HARMLESS_ALARMS):
            if host.is_honest:
                self.violated(f"{host.name} says {event} {fields}")
        elif event == "alarm":
            self.counted[f"alarm {fields['code']}"] += 1

    def _blamed(self, host: Host, fields: dict[str, Any]) -> None:
        """An honest node closes a stream for a fault: no honest one makes any."""
        hosts = [other for other in self.cluster.hosts if other.name == fields["peer"]]
        if all(other.is_honest for other in hosts):
            self.violated(
                f"{host.name} finds fault with {fields['peer']}, which is honest: {fields['reason']}"
            )

    def carried(self, stream: Stream, data: bytes) -> None:
        """See Watch."""
        self.counted["frames"] += 1
        if stream.sent > GREETING_FRAMES:  # before, there are nonces, which are nobody's to choose
            self.trace.update(data)
            if self.transcript is not None:
                try:
                    field = pb.PeerFrame.FromString(data).WhichOneof("frame")
                except DecodeError:
                    field = None  # a liar's
                self._tell(f"{stream.owner} -> {stream.peer} {field or 'garbage'}")

    def _check(self, oracle: Any, *arguments: Any) -> None:
        try:
            oracle(*arguments)
        except Violation as violation:
            self.violated(str(violation))
