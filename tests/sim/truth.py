"""What is final, re-executed: one history for all, nothing lost, nothing twice, and reads that agree with it.

Looks at what is on the nodes' disks, as it gets there, and executes each final block once on a ledger of its
own. Knows nothing of consensus but its certificates.
"""

from __future__ import annotations

from audit.certified import CertifiedInvalid, Link, follow
from ayni.v1.block_pb2 import CertifiedBlock, Header
from ledger.blocks import BlockInvalid, FinalBlock, UnknownParent
from ledger.chain import Chain
from ledger.invariants import InvariantBroken, check_state
from ledger.records import BalanceRecord, decode
from ledger.state import LoggedTransaction, MemoryReader
from node.store import HEADER, STATE
from proofs.domains import block_digest
from tests.sim.certificates import Certificates, NotCertified
from tests.sim.cluster import Host
from tests.sim.founding import BITS, Founded

Operations = list[tuple[bytes, bytes | None]]


class Violation(AssertionError):
    """Something happened that must never happen."""


class Truth:
    """The one final history."""

    def __init__(self, founded: Founded) -> None:
        history = founded.history
        self.founded = founded
        self.membership = founded.founding.membership
        self.certificates = Certificates(founded)
        self.reader = _copy(history.reader)
        self.chain = Chain(founded.founding, self.reader, history.chain.tip)
        self.blocks: list[CertifiedBlock] = []
        self.digests: dict[int, bytes] = {}
        self.times_ms: dict[int, int] = {0: founded.founding.genesis.time_ms}
        self.log: list[bytes] = []
        """Ids of every final transaction, in order."""
        self.results: dict[bytes, tuple[int, int, bytes]] = {}
        """Id to height, log index and result."""
        self.balances: dict[tuple[str, str], list[tuple[int, int]]] = {}
        """(account, unit) to (height, balance), ascending."""
        self.heights: dict[int, int] = {}
        """Host to the height on its disk."""
        tip = history.chain.tip
        self._link = Link(tip.digest, tip.height, history.view, tip.time_ms, True)
        self._nonces: set[tuple[str, bytes]] = set()
        for final, block in zip(history.finals, history.blocks, strict=True):
            self._note(final, block)
        self.began_at = self.height

    @property
    def height(self) -> int:
        """Of the last block that is final anywhere."""
        return self._link.height

    def wrote(self, host: Host, operations: Operations) -> None:
        """Looks at what came onto a disk. Raises Violation."""
        for key, value in operations:
            if key[:1] == HEADER and value is not None:
                self._final(host, int.from_bytes(key[1:]), value)

    def booted(self, host: Host) -> None:
        """What a node begins with: all that its disk held before, if it kept its promises."""
        assert host.node is not None
        height = host.node.machine.height
        before = self.heights.get(host.index, self.began_at)
        if height < before and not host.is_rolled_back:
            raise Violation(f"{host.name} held block {before} before it went down, and now {height} only")
        self.heights[host.index] = height
        if height and self.digests.get(height) != host.node.machine.tip:
            raise Violation(f"{host.name} begins at a block of height {height} that is not final")

    def _final(self, host: Host, height: int, row: bytes) -> None:
        kept = CertifiedBlock.FromString(row)
        digest = block_digest(kept.header)
        before = self.heights.get(host.index, self.began_at)
        if height != before + 1:
            raise Violation(f"{host.name} made height {height} final after {before}")
        self.heights[host.index] = height
        agreed = self.digests.get(height)
        if agreed is None and host.node is not None:
            self._extend(host.node.parts.tables.certified(height), host.name)
            agreed = self.digests[height]
        if agreed != digest:
            raise Violation(
                f"two blocks are final at height {height}: {agreed.hex() if agreed else None} and, "
                f"at {host.name}, {digest.hex()}"
            )
        parent_view = Header.FromString(self.blocks[height - 2].header).view if height > 1 else 0
        try:
            self.certificates.check_kept(kept, row, digest, parent_view)
        except NotCertified as error:
            raise Violation(f"{host.name} keeps block {height} badly certified: {error}") from None

    def _extend(self, block: CertifiedBlock, who: str) -> None:
        header = Header.FromString(block.header)
        try:
            self._link = follow(self._link, block, header, self.membership)
            self.chain.check(block.header, block.body)
            (final,) = self.chain.finalise(self._link.digest)
        except (CertifiedInvalid, BlockInvalid, UnknownParent) as error:
            raise Violation(f"block {header.height}, final at {who}, does not check: {error}") from None
        self._note(final, block)
        self.reader.write(final.writes)
        for entry in final.entries:
            logged = LoggedTransaction(entry.log_index, header.height, entry.tx.raw, entry.result)
            self.reader.transactions[entry.tx.tx_id] = logged
            self.reader.nonces[entry.tx.author, entry.tx.nonce] = entry.tx.tx_id

    def _note(self, final: FinalBlock, block: CertifiedBlock) -> None:
        """Remembers what a final block says. Raises Violation."""
        height = final.header.height
        self.blocks.append(block)
        self.digests[height] = final.digest
        self.times_ms[height] = final.header.time_ms
        for entry in final.entries:
            tx_id, use = entry.tx.tx_id, (entry.tx.author, entry.tx.nonce)
            if tx_id in self.results or use in self._nonces:
                raise Violation(f"transaction {tx_id.hex()} is in the log twice, or its nonce is")
            self._nonces.add(use)
            self.log.append(tx_id)
            self.results[tx_id] = (height, entry.log_index, entry.result)
        for key, value in final.writes.items():
            if key[:2] == b"b|":
                _, account, unit = key.decode().split("|")
                balance = decode(BalanceRecord, value).balance if value else 0
                self.balances.setdefault((account, unit), []).append((height, balance))

    def balance_at(self, account: str, unit: str, height: int) -> int:
        """A balance as the final log implies it."""
        found = [balance for at, balance in self.balances.get((account, unit), []) if at <= height]
        return found[-1] if found else 0

    def check_disk(self, host: Host) -> None:
        """At the end: the whole state on a disk is the one that the log implies. Raises Violation."""
        height = self.heights.get(host.index, self.began_at)
        rows = host.disk.rows
        state = {}
        for key, row in rows.items():
            if key[:1] == STATE:
                value_at = 2 + int.from_bytes(row[:2])
                state[row[2:value_at]] = row[value_at:]
        try:
            check_state(state.items())
        except InvariantBroken as error:
            raise Violation(f"{host.name}, height {height}: {error}") from None
        if height == self.height and state != self.reader.values:
            off = sorted(
                key
                for key in state.keys() | self.reader.values.keys()
                if state.get(key) != self.reader.values.get(key)
            )
            raise Violation(f"{host.name}: its state at {height} differs in {off[0]!r} and others")


def _copy(reader: MemoryReader) -> MemoryReader:
    """A ledger's state to go on from."""
    copy = MemoryReader(BITS)
    copy.write(dict(reader.values))
    copy.transactions = dict(reader.transactions)
    copy.nonces = dict(reader.nonces)
    return copy
