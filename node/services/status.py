"""How this node is, in figures and words: for clients, the sysadmin, health checks and metrics.

Decides when a node takes transactions in and when it counts as healthy; changes nothing.
"""

from __future__ import annotations

import datetime
import resource
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple

from ayni.v1 import admin_service_pb2
from ayni.v1 import ledger_service_pb2 as pb
from config import check
from node.parts import Parts
from proofs.words import printable

FAILURE_CHARACTERS_MAX: Final = 300


class Peer(NamedTuple):
    """What is known of another member."""

    connected: bool
    height: int
    view: int
    failure: str = ""
    """Why it could not be reached, when this node tried and it is known."""


class Consensus(NamedTuple):
    """How the machine is."""

    view: int
    catching_up: bool
    voting_locked: bool
    peers: dict[int, Peer]
    """By validator index; this node's own is not among them."""


class NodeStatus:
    """Answers about one running node."""

    def __init__(self, parts: Parts, consensus: Callable[[], Consensus]) -> None:
        self._parts = parts
        self._consensus = consensus
        self._began = time.monotonic()
        self._version = _version()
        self.stopping = False

    def status(self, at: pb.ReadAt) -> pb.GetStatusResponse:
        """For clients."""
        parts, consensus = self._parts, self._consensus()
        answer = pb.GetStatusResponse(
            at=at,
            member=parts.member,
            federation=parts.federation,
            view=consensus.view,
            catching_up=consensus.catching_up,
            voting_locked=consensus.voting_locked,
            log_size=parts.chain.tip.frontier.size,
            mempool_transactions=len(parts.mempool),
            version=self._version,
        )
        for index, member in enumerate(parts.founding.membership.members):
            if index != parts.member:
                peer = consensus.peers.get(index, Peer(False, 0, 0))
                answer.peers.add(
                    federation=member.name, connected=peer.connected, height=peer.height, view=peer.view
                )
        return answer

    def node_status(self, at: pb.ReadAt) -> admin_service_pb2.GetNodeStatusResponse:
        """For the sysadmin."""
        return admin_service_pb2.GetNodeStatusResponse(
            status=self.status(at),
            uptime_ms=int((time.monotonic() - self._began) * 1000),
            data_dir=str(self._parts.config.node.data_dir),
            database_bytes=self._parts.database.size_bytes(),
            memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            warnings=self.warnings(),
        )

    def warnings(self) -> list[str]:
        """What is wrong, in words, with what to do."""
        consensus = self._consensus()
        names = self._parts.founding.membership.members
        when_ms = self._parts.warned_ms
        found = [
            f"{code}: {text} (last found {_utc(when_ms[code])})"
            for code, text in sorted(self._parts.warnings.items())
        ]
        found += [str(problem) for problem in check(self._parts.config, ports=False)]
        missing = [
            names[index].name + _in_brackets(peer.failure)
            for index, peer in consensus.peers.items()
            if not peer.connected
        ]
        if missing:
            found.append(
                f"peers: not connected to {', '.join(missing)}; see whether they run, "
                "and whether addresses and certificates are right"
            )
        evidence = sum(1 for _ in self._parts.tables.evidence())
        if evidence:
            found.append(f"evidence: {evidence} proofs against members; see `ayni evidence list`")
        return found

    def why_not_taking(self) -> str:
        """Why no transaction is taken in now; "" when they are."""
        if self.stopping:
            return "this node is stopping; ask another, or this one when it is up again"
        if self._consensus().catching_up:
            height = self._parts.chain.tip.height
            return f"this node is catching up (at height {height}); ask another, or this one in a moment"
        return ""

    def is_serving(self) -> bool:
        """Whether clients are well served here."""
        return not self.why_not_taking()


def _in_brackets(failure: str) -> str:
    return f" ({printable(failure, FAILURE_CHARACTERS_MAX)})" if failure else ""


def _utc(time_ms: int) -> str:
    return datetime.datetime.fromtimestamp(time_ms // 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@cache
def _version() -> str:
    try:
        return version("ayni")
    except PackageNotFoundError:
        return "unreleased"
