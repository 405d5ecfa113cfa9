"""Passing certificates on to those who have not shown that they hold them.

Votes go to everyone, so that in a round without faults everyone assembles every certificate; a short
delay tells who did. Decides who gets what and when; never verifies. Spec: docs/protocol.md, C4 to C6.
"""

from dataclasses import dataclass

from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, Certificate
from consensus.config import ITEMS_MAX
from consensus.leader import Presence

FINALIZATION_DELAYS = 3
"""A finalisation waits so many times the delay: nothing shows who holds it, and a newer one replaces it."""


@dataclass(frozen=True, slots=True)
class _Due:
    at_ms: int
    certificate: Certificate


class Relay:
    """Certificates waiting to be relayed, oldest first."""

    def __init__(self, peers: tuple[int, ...], delay_ms: int) -> None:
        self._peers = peers
        self._delay_ms = delay_ms
        self._queue: list[_Due] = []

    def add(self, certificate: Certificate, now_ms: int) -> None:
        """Queue a certificate that is new here."""
        if not self._peers:
            return
        delay_ms = self._delay_ms
        if certificate.kind == VOTE_KIND_FINALIZE:
            delay_ms *= FINALIZATION_DELAYS
            # A newer finalisation says all that an older one does (C6).
            self._queue = [due for due in self._queue if due.certificate.view > certificate.view]
        self._queue.append(_Due(now_ms + delay_ms, certificate))

    def take(self, now_ms: int, presence: Presence) -> list[tuple[int, list[Certificate]]]:
        """Return what is due: the member, and as many as one message may have. Who showed that it holds
        one is not sent it."""
        if not self._queue:
            return []
        due = [entry for entry in self._queue if entry.at_ms <= now_ms]
        if not due:
            return []
        self._queue = [entry for entry in self._queue if entry.at_ms > now_ms]
        lacking: dict[int, list[Certificate]] = {}
        for entry in due:
            certificate = entry.certificate
            final = certificate.kind == VOTE_KIND_FINALIZE
            for member in self._peers:
                if not presence.holds(member, certificate.view, finalization=final):
                    lacking.setdefault(member, []).append(certificate)
        return [
            (member, certificates[start : start + ITEMS_MAX])
            for member, certificates in lacking.items()
            for start in range(0, len(certificates), ITEMS_MAX)
        ]

    def deadline_ms(self) -> int | None:
        """Return when something falls due, or None."""
        return min([entry.at_ms for entry in self._queue]) if self._queue else None
