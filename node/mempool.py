"""What waits to be included: bounded, first come first served, each signature verified once. Sans-I/O.

Decides what is taken in and what is turned away, in which order transactions are proposed, and when one
is sent to the peers again. Never judges a transaction against the state (the rules do), and never answers
a client (`node/outcomes.py` does). Times are Unix milliseconds and come as arguments. Spec: DESIGN 4.1,
4.3 (retransmission), 4.6 (bounds).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from config import MempoolSection
from ledger.limits import organisation_of
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction

RETRANSMIT_MS = 2_000
"""A transaction taken from a client and not yet included goes to the peers again after this long."""
RETRANSMIT_BATCH_MAX = 1_000
PARSED_BYTES_MAX = 16 * 1024 * 1024
PARSED_MAX = 20_000
"""How many parsed transactions, and bytes of them, are remembered beside those that wait."""


class Entry:
    """One transaction that waits."""

    __slots__ = ("added_ms", "is_local", "organisation", "sent_ms", "tx")

    def __init__(self, tx: ParsedTransaction, now_ms: int, is_local: bool) -> None:
        self.tx = tx
        self.organisation = organisation_of(tx.body.author)
        self.added_ms = now_ms
        self.sent_ms = now_ms
        self.is_local = is_local
        """A client of this node handed it in; this node sends it to the others."""


class Taken(Enum):
    """What became of a transaction handed in."""

    NEW = "new"
    ALREADY_WAITING = "already waiting"
    FULL = "the mempool is full"
    ORGANISATION_FULL = "too many transactions of this organisation are waiting"


class Mempool:
    """The transactions that wait, in order of arrival."""

    def __init__(self, bounds: MempoolSection, parse: Callable[[bytes], ParsedTransaction | Refusal]) -> None:
        """`parse`: bytes to a transaction whose form and signatures are right; pure."""
        self._bounds = bounds
        self._parse = parse
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._bytes = 0
        self._by_organisation: dict[str, int] = {}
        self._waiting: dict[bytes, ParsedTransaction] = {}
        """What waits, by its bytes."""
        self._parsed: OrderedDict[bytes, ParsedTransaction] = OrderedDict()
        self._parsed_bytes = 0
        self._fresh: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, tx_id: bytes) -> bool:
        return tx_id in self._entries

    @property
    def bytes_waiting(self) -> int:
        """Size of everything that waits."""
        return self._bytes

    def parse(self, raw: bytes) -> ParsedTransaction | Refusal:
        """`raw` parsed and its signatures verified, at most once while it is remembered."""
        known = self._waiting.get(raw) or self._parsed.get(raw)
        if known is not None:
            return known
        parsed = self._parse(raw)
        if not isinstance(parsed, Refusal):
            self._remember(parsed)
        return parsed

    def add(self, tx: ParsedTransaction, now_ms: int, *, is_local: bool) -> Taken:
        """Takes `tx` in, at the end of the queue, unless it waits already or a bound is reached."""
        entry = self._entries.get(tx.tx_id)
        if entry is not None:
            entry.is_local |= is_local
            return Taken.ALREADY_WAITING
        bounds = self._bounds
        if len(self._entries) >= bounds.transactions_max or self._bytes + len(tx.raw) > bounds.bytes_max:
            return Taken.FULL
        entry = Entry(tx, now_ms, is_local)
        waiting = self._by_organisation.get(entry.organisation, 0)
        if waiting >= bounds.per_organisation_max:
            return Taken.ORGANISATION_FULL
        self._by_organisation[entry.organisation] = waiting + 1
        self._entries[tx.tx_id] = entry
        self._bytes += len(tx.raw)
        self._waiting[tx.raw] = tx
        if self._parsed.pop(tx.raw, None) is not None:
            self._parsed_bytes -= len(tx.raw)
        self._fresh[tx.tx_id] = None
        return Taken.NEW

    def get(self, tx_id: bytes) -> Entry | None:
        """The entry that waits under `tx_id`."""
        return self._entries.get(tx_id)

    def tx_ids(self) -> list[bytes]:
        """Ids of everything that waits, oldest first."""
        return list(self._entries)

    def take_fresh(self) -> list[bytes]:
        """Ids of what was added since this was last asked, and still waits."""
        fresh, self._fresh = self._fresh, {}
        return list(fresh)

    def candidates(self) -> Iterator[ParsedTransaction]:
        """Everything that waits, oldest first."""
        for entry in self._entries.values():
            yield entry.tx

    def remove(self, tx_ids: Iterable[bytes]) -> list[Entry]:
        """Removes what became final, expired or was refused; returns what was there."""
        removed = []
        for tx_id in tx_ids:
            entry = self._entries.pop(tx_id, None)
            if entry is None:
                continue
            removed.append(entry)
            self._fresh.pop(tx_id, None)
            self._bytes -= len(entry.tx.raw)
            self._waiting.pop(entry.tx.raw, None)
            left = self._by_organisation[entry.organisation] - 1
            if left:
                self._by_organisation[entry.organisation] = left
            else:
                del self._by_organisation[entry.organisation]
        return removed

    def expired(self, final_time_ms: int) -> list[bytes]:
        """Ids of what can no longer be included after a final block of this time (T4)."""
        return [
            tx_id for tx_id, entry in self._entries.items() if entry.tx.body.expires_at_ms < final_time_ms
        ]

    def due_again(self, now_ms: int) -> list[bytes]:
        """Bytes of what to send to the peers again, oldest first; they count as sent now."""
        due = []
        for entry in self._entries.values():
            if entry.is_local and now_ms - entry.sent_ms >= RETRANSMIT_MS:
                entry.sent_ms = now_ms
                due.append(entry.tx.raw)
                if len(due) >= RETRANSMIT_BATCH_MAX:
                    break
        return due

    def _remember(self, tx: ParsedTransaction) -> None:
        self._parsed[tx.raw] = tx
        self._parsed_bytes += len(tx.raw)
        while self._parsed_bytes > PARSED_BYTES_MAX or len(self._parsed) > PARSED_MAX:
            raw, _ = self._parsed.popitem(last=False)
            self._parsed_bytes -= len(raw)
