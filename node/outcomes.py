"""Who waits for what became of which transaction, and what became of it. Sans-I/O.

Decides nothing: the loop says what is final, expired or refused, and everybody who waits is told, once.
Remembers a bounded number of refusals, so that somebody who asks a little later learns why. Spec: DESIGN
4.1, "Four outcomes".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from ledger.refusals import Refusal

REFUSALS_REMEMBERED_MAX = 10_000


class Final(NamedTuple):
    """It is in a final block."""

    height: int
    log_index: int
    result: bytes


class Expired(NamedTuple):
    """A final block is past its expiry and the log does not hold it."""

    expires_at_ms: int


class Unknown(NamedTuple):
    """It waits, or was turned away; in any case the same bytes may be sent again."""

    retry_after_ms: int


Settled = Final | Expired | Refusal
"""What became of a transaction."""
Said = Settled | Unknown
"""What is said of one: a quarter of the memory of the message that says it, and many may wait to be sent."""


class Watcher(Protocol):
    """Somebody who waits."""

    def settled(self, tx_id: bytes, outcome: Settled) -> None:
        """Called once for each transaction watched; must not raise."""


class Outcomes:
    """The watchers of each transaction, and the latest refusals."""

    def __init__(self) -> None:
        self._watchers: dict[bytes, dict[Watcher, None]] = {}
        """In order; any number of calls may wait for one transaction, and all of them end at one moment."""
        self._refusals: OrderedDict[bytes, Refusal] = OrderedDict()

    def __len__(self) -> int:
        return len(self._watchers)

    def __contains__(self, tx_id: bytes) -> bool:
        """Whether what becomes of `tx_id` is of any interest here."""
        return tx_id in self._watchers or tx_id in self._refusals

    def watch(self, tx_id: bytes, watcher: Watcher) -> None:
        """`watcher` is told what becomes of `tx_id`, until it unwatches."""
        self._watchers.setdefault(tx_id, {})[watcher] = None

    def unwatch(self, tx_ids: Iterable[bytes], watcher: Watcher) -> None:
        """`watcher` is told no more."""
        for tx_id in tx_ids:
            watchers = self._watchers.get(tx_id)
            if watchers is not None:
                watchers.pop(watcher, None)
                if not watchers:
                    del self._watchers[tx_id]

    def settle(self, tx_id: bytes, outcome: Settled) -> None:
        """Tells everybody who watches `tx_id`."""
        if isinstance(outcome, Refusal):
            self._refusals[tx_id] = outcome
            if len(self._refusals) > REFUSALS_REMEMBERED_MAX:
                self._refusals.popitem(last=False)
        elif self._refusals:
            self._refusals.pop(tx_id, None)
        watchers = self._watchers.pop(tx_id, None)
        if watchers is not None:
            for watcher in watchers:
                watcher.settled(tx_id, outcome)

    def latest_refusal(self, tx_id: bytes) -> Refusal | None:
        """Why `tx_id` was refused here lately, if it was."""
        return self._refusals.get(tx_id)
