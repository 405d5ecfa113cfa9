"""What waits to be included: bounded, first come first served, each signature verified once. Sans-I/O.

Decides what is taken in and what is turned away, in which order transactions are proposed, and when one
is sent to the peers again. Never judges a transaction against the state (the rules do), and never answers
a client (`node/outcomes.py` does). Times are Unix milliseconds and come as arguments. Spec: DESIGN 4.1,
4.3 (retransmission), 4.6 (bounds).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum

from config import MempoolSection
from ledger.limits import TIME_MAX_MS, federation_of, organisation_of
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction

RETRANSMIT_MS = 2_000
"""A transaction taken from a client and not yet included goes to the peers again after this long."""
RETRANSMIT_BATCH_MAX = 1_000
PARSED_BYTES_MAX = 4 * 1024 * 1024
PARSED_MAX = 20_000
"""How many parsed transactions, and bytes of them, are remembered beside those that wait: the largest
block's. Parsed, they take up to fifteen times as much memory."""
FINAL_BYTES_MAX = 8 * 1024 * 1024
"""How many bytes of what became final lately are remembered: peers send it again when it waited long."""

STRANGERS = ""
"""Whose they are that their author did not sign, or whose author is not known (yet): nobody's."""
STRANGERS_SHARE = 16
"""All of them together may take this fraction of the mempool."""


class Entry:
    """One transaction that waits."""

    __slots__ = ("added_ms", "is_local", "organisation", "sent_ms", "shares", "tx")

    def __init__(
        self,
        tx: ParsedTransaction,
        organisation: str,
        shares: tuple[Share, Share],
        now_ms: int,
        is_local: bool,
    ) -> None:
        self.tx = tx
        self.organisation = organisation
        """Whose bounds it counts against:"""
        self.shares = shares
        """what waits of that organisation, and of its federation."""
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
    FEDERATION_FULL = "too many transactions of this federation's organisations are waiting"
    STRANGERS_FULL = "too many transactions are waiting that their author, as known so far, did not sign"

    @property
    def is_in(self) -> bool:
        """Whether it waits now."""
        return self in (Taken.NEW, Taken.ALREADY_WAITING)


class Share:
    """What waits of one organisation, or of one federation's."""

    __slots__ = ("bytes", "count")

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0

    def has_room(self, size: int, transactions_max: int, bytes_max: int) -> bool:
        """Whether one more of `size` bytes is within bounds; the first always is."""
        return not self.count or (self.count < transactions_max and self.bytes + size <= bytes_max)


class Mempool:
    """The transactions that wait, in order of arrival."""

    def __init__(
        self,
        bounds: MempoolSection,
        parse: Callable[[Sequence[bytes]], list[ParsedTransaction | Refusal]],
        *,
        faulty: int = 0,
        is_authors_own: Callable[[ParsedTransaction], bool] = lambda tx: True,
        is_signed_as_due: Callable[[ParsedTransaction], bool] = lambda tx: True,
    ) -> None:
        """`parse`: the bytes of each to a transaction whose form and signatures are right; pure. `faulty`:
        how many federations may lie; they leave room for the others. `is_authors_own`: whether the author
        signed it; `is_signed_as_due`: whether everybody who must did, and nobody else; as far as the final
        state tells.
        """
        self._bounds = bounds
        self._parse = parse
        self._liars = faulty
        self.is_authors_own = is_authors_own
        self.is_signed_as_due = is_signed_as_due
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._bytes = 0
        self._by_organisation: dict[str, Share] = {}
        self._by_federation: dict[str, Share] = {}
        self._waiting: dict[bytes, ParsedTransaction] = {}
        """What waits, by its bytes."""
        self._parsed: OrderedDict[bytes, ParsedTransaction] = OrderedDict()
        self._parsed_bytes = 0
        self._final: deque[bytes] = deque()
        self._lately_final: set[bytes] = set()
        self._final_bytes = 0
        self._moved_ms = 0
        """When something that a client of this node handed in became final,"""
        self._moved_up_to_ms = 0
        """and when the latest of all that did was handed in."""
        self._fresh: dict[bytes, None] = {}
        self._expires_first_ms = TIME_MAX_MS
        """Nothing that waits expires before."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, tx_id: bytes) -> bool:
        return tx_id in self._entries

    @property
    def bytes_waiting(self) -> int:
        """Size of everything that waits."""
        return self._bytes

    def parse(self, raws: Sequence[bytes]) -> list[ParsedTransaction | Refusal]:
        """Each of `raws` parsed and its signatures verified, at most once while it is remembered."""
        waiting, parsed = self._waiting, self._parsed
        found: dict[bytes, ParsedTransaction | Refusal] = {}
        new: dict[bytes, None] = {}
        for raw in raws:
            if known := waiting.get(raw) or parsed.get(raw):
                found[raw] = known
            else:
                new[raw] = None
        for raw, tx in zip(new, self._parse(list(new)), strict=True):
            found[raw] = tx
            if not isinstance(tx, Refusal):
                self._remember(tx)
        return [found[raw] for raw in raws]

    def add(self, tx: ParsedTransaction, now_ms: int, *, is_local: bool) -> Taken:
        """Takes `tx` in, at the end of the queue, unless it waits already or a bound is reached."""
        entry = self._entries.get(tx.tx_id)
        if entry is not None:
            entry.is_local |= is_local
            return self._add_again(entry, tx, now_ms)
        bounds = self._bounds
        if len(self._entries) >= bounds.transactions_max or self._bytes + len(tx.raw) > bounds.bytes_max:
            return Taken.FULL
        organisation = organisation_of(tx.author) if self.is_authors_own(tx) else STRANGERS
        size = len(tx.raw)
        shares = self._shares(organisation)
        if turned_away := self._turned_away(organisation, shares, size):
            return turned_away
        self._by_organisation[organisation] = shares[0]
        for share in shares:
            share.count += 1
            share.bytes += size
        self._entries[tx.tx_id] = Entry(tx, organisation, shares, now_ms, is_local)
        self._bytes += size
        self._waiting[tx.raw] = tx
        self._forget(tx.raw)
        self._fresh[tx.tx_id] = None
        self._expires_first_ms = min(self._expires_first_ms, tx.expires_at_ms)
        return Taken.NEW

    def _add_again(self, entry: Entry, tx: ParsedTransaction, now_ms: int) -> Taken:
        """One that waits already, perhaps with other signatures: whoever knows a body can sign it wrongly and
        come first. The right signatures then take the place of the wrong ones."""
        was = entry.tx
        growth = len(tx.raw) - len(was.raw)
        if (
            tx.raw == was.raw
            or self._bytes + growth > self._bounds.bytes_max
            or self.is_signed_as_due(was)
            or not self.is_signed_as_due(tx)
        ):
            return Taken.ALREADY_WAITING
        for share in entry.shares:
            share.bytes += growth
        self._bytes += growth
        del self._waiting[was.raw]
        self._waiting[tx.raw] = entry.tx = tx
        self._forget(tx.raw)
        entry.sent_ms = now_ms
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

    def finalise(self, transactions: Sequence[ParsedTransaction], now_ms: int) -> list[Entry]:
        """Removes what became final; returns what was there."""
        for tx in transactions:
            self._forget(tx.raw)
            if tx.raw not in self._lately_final:
                self._lately_final.add(tx.raw)
                self._final.append(tx.raw)
                self._final_bytes += len(tx.raw)
        while self._final_bytes > FINAL_BYTES_MAX:
            raw = self._final.popleft()
            self._lately_final.discard(raw)
            self._final_bytes -= len(raw)
        removed = self.remove([tx.tx_id for tx in transactions])
        if added := [entry.added_ms for entry in removed if entry.is_local]:
            self._moved_ms = now_ms
            self._moved_up_to_ms = max(self._moved_up_to_ms, *added)
        return removed

    def is_lately_final(self, raw: bytes) -> bool:
        """Whether these bytes became final a while ago at most: nobody need look at them again."""
        return raw in self._lately_final

    def remove(self, tx_ids: Iterable[bytes]) -> list[Entry]:
        """Removes what expired or was refused; returns what was there."""
        removed = []
        for tx_id in tx_ids:
            entry = self._entries.pop(tx_id, None)
            if entry is None:
                continue
            removed.append(entry)
            self._fresh.pop(tx_id, None)
            self._waiting.pop(entry.tx.raw, None)
            size = len(entry.tx.raw)
            self._bytes -= size
            own, together = entry.shares
            own.count -= 1
            own.bytes -= size
            together.count -= 1
            together.bytes -= size
            if not own.count:
                del self._by_organisation[entry.organisation]
        return removed

    def _turned_away(self, organisation: str, shares: tuple[Share, Share], size: int) -> Taken | None:
        """Which bound one more of an organisation would exceed."""
        bounds, (own, together) = self._bounds, shares
        if organisation == STRANGERS:
            most, bytes_most = bounds.transactions_max // STRANGERS_SHARE, bounds.bytes_max // STRANGERS_SHARE
            return None if own.has_room(size, most, bytes_most) else Taken.STRANGERS_FULL
        bytes_max = bounds.bytes_max * bounds.per_organisation_max // bounds.transactions_max
        if not own.has_room(size, bounds.per_organisation_max, bytes_max):
            return Taken.ORGANISATION_FULL
        parts = self._liars + 1
        if not together.has_room(size, bounds.transactions_max // parts, bounds.bytes_max // parts):
            return Taken.FEDERATION_FULL
        return None

    def _shares(self, organisation: str) -> tuple[Share, Share]:
        """What waits of an organisation (nothing, when it has no share yet), and of its federation."""
        own = self._by_organisation.get(organisation) or Share()
        federation = federation_of(organisation)
        together = self._by_federation.get(federation)
        if together is None:
            together = self._by_federation[federation] = Share()
        return own, together

    def expired(self, final_time_ms: int) -> list[bytes]:
        """Ids of what can no longer be included after a final block of this time (T4)."""
        if final_time_ms <= self._expires_first_ms:
            return []
        expiries = {tx_id: entry.tx.expires_at_ms for tx_id, entry in self._entries.items()}
        self._expires_first_ms = min(expiries.values(), default=TIME_MAX_MS)
        return [tx_id for tx_id, expires_ms in expiries.items() if expires_ms < final_time_ms]

    def due_again(self, now_ms: int, *, of_peers: bool = False) -> list[bytes]:
        """Bytes of what to send to the peers again, oldest first; they count as sent now.

        `of_peers`: also what peers sent. A node that votes will propose that itself; one that does not may be
        the only one that still holds it. What is behind in a queue that moves is not lost: not sent.
        """
        due = []
        is_moving = not of_peers and 0 <= now_ms - self._moved_ms < RETRANSMIT_MS
        for entry in self._entries.values():
            if is_moving and entry.added_ms > self._moved_up_to_ms:
                continue
            # The clock may have been set back: then nothing was sent lately.
            is_recent = 0 <= now_ms - entry.sent_ms < RETRANSMIT_MS
            if (entry.is_local or of_peers) and not is_recent:
                entry.sent_ms = now_ms
                due.append(entry.tx.raw)
                if len(due) >= RETRANSMIT_BATCH_MAX:
                    break
        return due

    def _forget(self, raw: bytes) -> None:
        if self._parsed.pop(raw, None) is not None:
            self._parsed_bytes -= len(raw)

    def _remember(self, tx: ParsedTransaction) -> None:
        self._parsed[tx.raw] = tx
        self._parsed_bytes += len(tx.raw)
        while self._parsed_bytes > PARSED_BYTES_MAX or len(self._parsed) > PARSED_MAX:
            raw, _ = self._parsed.popitem(last=False)
            self._parsed_bytes -= len(raw)
