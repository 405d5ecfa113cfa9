"""Getting the blocks that are missing: which, from whom, when, and when to ask another.

A block of a known certificate is asked for by digest; a node that was away asks for final blocks by
height. What comes back is certified block by block, and `intake.py` has it verified like any certificate; a
lie costs the liar its stream and us one retry. Decides requests only: never verifies, never executes.
Spec: docs/protocol.md, C4, C6.
"""

from dataclasses import dataclass, field

from ayni.v1.peer_service_pb2 import BlockRequest, BlockResponse
from consensus.blocks import Block, BlockTree
from consensus.certificates import CertificateStore
from consensus.config import DIGESTS_MAX, RANGE_BLOCKS_MAX, RANGE_GAP, ConsensusConfig

OPEN_REQUESTS_MAX = 16
"""Requests to one member that may still be answered."""


@dataclass(slots=True)
class Missing:
    """What the certificates name and the tree lacks."""

    digests: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    """Digest to the members that signed for it, or for a descendant."""
    by_height: bool | None = False
    """Ask for final blocks by height too, because many are missing; None: how many is not known yet."""
    above_height: int = 0
    """From above this height, up to which everything is here."""
    tip_height: int = 0
    """Our last final block, from above which to ask when that brings nothing on: what is above it may be on
    a branch that was passed over."""
    holders: tuple[int, ...] = ()
    """Of the final blocks by height."""
    conflict: str = ""
    """A final block that does not descend from our last final block: safety is broken."""


def what_is_missing(tree: BlockTree, store: CertificateStore) -> Missing:
    """Return what to fetch: the last final block's chain, and every notarised block above it (C4, C6)."""
    missing = Missing(above_height=tree.sound_height(store), tip_height=tree.tip.height)
    final = store.finalization
    roots = [certificate for view, certificate in store.notarizations.items() if view > store.final_view]
    if final is not None and final.view > tree.tip.view:
        roots.insert(0, final)
    for certificate in roots:
        chain, lacking = tree.path(certificate.digest)
        holders = tuple(signature.member for signature in certificate.signatures)
        gap = chain[0].height - 1 - tree.tip.height if chain else 1
        if not lacking:
            for block in chain:
                if store.notarized(block.view, block.digest) is None and certificate is final:
                    missing.digests[block.digest] = holders
        elif gap <= 0:
            if certificate is final:
                missing.conflict = (
                    f"the final block of view {certificate.view} does not descend from our last final block, "
                    f"height {tree.tip.height}: more than a third of the members are faulty, or this disk is"
                )
        elif gap > RANGE_GAP and certificate is final:
            missing.by_height = True
            missing.holders = holders
        else:
            missing.digests[lacking] = holders
            if certificate is final and not chain:
                missing.by_height = None
                missing.holders = holders
    return missing


@dataclass(slots=True)
class _Want:
    holders: tuple[int, ...]
    due_ms: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is not answered yet."""

    digests: tuple[bytes, ...] = ()
    from_height: int = 0
    """0: none by height."""

    def names(self, block: Block) -> bool:
        """Return whether a block was asked for: else an answer could fill our memory with a whole chain."""
        if not self.from_height:
            return block.digest in self.digests
        return self.from_height <= block.height < self.from_height + RANGE_BLOCKS_MAX


class Fetcher:
    """Open wants and open requests."""

    def __init__(self, config: ConsensusConfig) -> None:
        self._config = config
        self._connected: dict[int, int] = {}
        self._wants: dict[bytes, _Want] = {}
        self._range: _Want | None = None
        self._above_height = 0
        self._tip_height = 0
        self._in_vain = 0
        """Requests by height since the last that brought us on."""
        self._asked: dict[int, dict[int, Asked]] = {}
        self._last_id = 0

    def connected(self) -> list[int]:
        """Return the members with an open stream."""
        return sorted(self._connected)

    def connected_ms(self, member: int) -> int:
        """Return since when there is an open stream with a member; 0 if there is none."""
        return self._connected.get(member, 0)

    def peer_up(self, member: int, now_ms: int) -> None:
        """Note an open stream."""
        self._connected[member] = now_ms
        self._asked[member] = {}

    def peer_down(self, member: int) -> None:
        """Note a lost stream: what was asked over it will not be answered."""
        self._connected.pop(member, None)
        self._asked.pop(member, None)

    def want(self, missing: Missing, now_ms: int) -> None:
        """Replace what is wanted; what was wanted before keeps its place in time."""
        known = self._wants
        self._wants = {
            digest: known.get(digest) or _Want(holders, now_ms + self._config.fetch_delay_ms)
            for digest, holders in missing.digests.items()
        }
        helped = self._above_height != missing.above_height
        if helped:
            self._in_vain = 0
        self._above_height, self._tip_height = missing.above_height, missing.tip_height
        if missing.by_height is False:
            self._range = None
        elif self._range is None and missing.by_height:
            self._range = _Want(missing.holders, now_ms)
        elif self._range is not None and helped:  # the last answer was of use: go on at once
            self._range = _Want(missing.holders, now_ms, self._range.attempts)

    def requests(self, now_ms: int, *, by_height: bool) -> list[tuple[int, BlockRequest]]:
        """Return the requests that are due, to connected members; `by_height`, if blocks can be taken."""
        found: list[tuple[int, BlockRequest]] = []
        if not self._wants and self._range is None:
            return found
        groups: dict[int, list[bytes]] = {}
        for digest, want in self._wants.items():
            member = self._choose(want, now_ms, offset=digest[0])
            if member is not None:
                groups.setdefault(member, []).append(digest)
        for member, digests in groups.items():
            for start in range(0, len(digests), DIGESTS_MAX):
                some = tuple(digests[start : start + DIGESTS_MAX])
                request_id = self._open(member, Asked(digests=some))
                found.append((member, BlockRequest(id=request_id, digests=some)))
        if by_height and self._range is not None:
            member = self._choose(self._range, now_ms, offset=0)
            if member is not None:
                first = 1 + (self._tip_height if self._in_vain % 2 else self._above_height)
                self._in_vain += 1
                request_id = self._open(member, Asked(from_height=first))
                request = BlockRequest(id=request_id, from_height=first, count=RANGE_BLOCKS_MAX)
                found.append((member, request))
        return found

    def answered(self, member: int, response: BlockResponse, now_ms: int) -> Asked | None:
        """Return the open request that this answers; what it does not bring is asked of another soon."""
        asked = self._asked.get(member, {}).pop(response.id, None)
        if asked is None:
            return None
        due_ms = now_ms + self._config.fetch_delay_ms
        wants = [self._wants[digest] for digest in asked.digests if digest in self._wants]
        if asked.from_height and self._range is not None:
            wants.append(self._range)
        for want in wants:
            want.due_ms = min(want.due_ms, due_ms)
        return asked

    def deadline_ms(self, *, by_height: bool) -> int | None:
        """Return when the next request is due, or None; nothing is, while nobody is connected."""
        if not self._connected:
            return None
        due = [want.due_ms for want in self._wants.values()]
        if by_height and self._range is not None:
            due.append(self._range.due_ms)
        return min(due) if due else None

    def _choose(self, want: _Want, now_ms: int, *, offset: int) -> int | None:
        """Return whom to ask now, if it is due: the holders in turn, or anyone if none is connected."""
        if now_ms < want.due_ms or not self._connected:
            return None
        able = [member for member in want.holders if member in self._connected] or sorted(self._connected)
        member = able[(offset + want.attempts) % len(able)]
        want.attempts += 1
        want.due_ms = now_ms + self._config.fetch_retry_ms
        return member

    def _open(self, member: int, asked: Asked) -> int:
        self._last_id += 1
        open_requests = self._asked.setdefault(member, {})
        open_requests[self._last_id] = asked
        while len(open_requests) > OPEN_REQUESTS_MAX:
            del open_requests[min(open_requests)]
        return self._last_id
