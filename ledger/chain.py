"""The chain: building a block, checking one, and making it final (B1, B3; design 4.2).

`Chain` holds the final state and, over it, a tree of executed blocks that are not final yet, each with a
copy-on-write overlay. It is pure: time, storage and the order of events come from outside. Who may propose
what and when is consensus' business; here a block is right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ayni.v1 import block_pb2
from ledger import limits, records
from ledger.apply import RULES, Accepted, apply_transaction
from ledger.blocks import (
    BlockInvalid,
    Executed,
    FinalBlock,
    Tip,
    UnknownParent,
    compare,
    entry_of,
    final_of,
    read_body,
    read_header,
)
from ledger.codec import log_entry
from ledger.genesis import Founding, initial_records
from ledger.refusals import Refusal
from ledger.rule import Context, ParsedTransaction
from ledger.rules.members import apply_due_decisions
from ledger.state import Base, Overlay, State, StateReader
from ledger.statetree import StateTree, TreeChange
from ledger.transactions import parse_transactions
from proofs import domains
from proofs.merkle import Frontier, leaf_hash

Parse = Callable[[Sequence[bytes]], "list[ParsedTransaction | Refusal]"]
_ENTRY_OVERHEAD: Final = 8
"""Bytes that a transaction adds to a body beside its own, at most."""
_FINAL_READS_MAX: Final = 10_000
"""Records that a view of the final state remembers."""
_PARSED_AT_ONCE: Final = 64
"""Transactions of a block that are read and verified before the first of them is executed."""

Store = Callable[[list[FinalBlock]], None]


def _nowhere(blocks: list[FinalBlock]) -> None:
    """Stores nothing: for who keeps no history."""


class Chain:
    """The ledger's state machine."""

    def __init__(
        self, founding: Founding, reader: StateReader, tip: Tip | None, parse: Parse | None = None
    ) -> None:
        """Starts at `tip`, whose state `reader` holds; None: at height 0 (see `founding_records`).

        `parse` may remember what it parsed; by default it does not.
        """
        genesis = founding.genesis
        self.founding = founding
        self._tree = StateTree(reader, genesis.state_tree_bits)
        self._base = Base(reader, self._tree.value)
        self._executed: dict[bytes, Executed] = {}
        self._parse: Parse = parse or (lambda raws: parse_transactions(raws, founding.hash))
        self.tip = tip or Tip(founding.hash, 0, genesis.time_ms, Frontier())
        self._final_state: State | None = None

    @staticmethod
    def founding_records(founding: Founding) -> dict[bytes, bytes | None]:
        """What storage must hold before height 1."""
        return dict(initial_records(founding.genesis))

    @property
    def state_root(self) -> bytes:
        """`state_root` of the final state."""
        return self._tree.root()

    @property
    def tree(self) -> StateTree:
        """The final state's tree, for proofs."""
        return self._tree

    def final_state(self) -> State:
        """A view of the final state, to read, until the next block is final."""
        state = self._final_state
        if state is None or len(state.block.reads) > _FINAL_READS_MAX:
            state = self._final_state = State(Overlay(self._base, None))
        return state

    def executed(self, digest: bytes) -> Executed | None:
        """An executed block that is not final yet."""
        return self._executed.get(digest)

    def knows(self, digest: bytes) -> bool:
        """Whether a block may be built on `digest`."""
        return digest == self.tip.digest or digest in self._executed

    def refusal_now(self, tx: ParsedTransaction, parent: bytes, time_ms: int) -> Refusal | None:
        """Why `tx` would be refused in a block on `parent` at this time; None if it would be accepted."""
        over, height, _, frontier = self._on(parent)
        overlay = self._begun(over, height, time_ms, frontier.size)
        answer = apply_transaction(overlay, tx, height, time_ms, frontier.size)
        return answer if isinstance(answer, Refusal) else None

    def build(
        self,
        parent: bytes,
        candidates: Iterable[ParsedTransaction],
        *,
        epoch: int,
        view: int,
        leader: int,
        time_ms: int,
    ) -> tuple[Executed, list[tuple[bytes, Refusal]]]:
        """A block on `parent` of the candidates that the rules accept, in order, while they fit.

        Returns it, executed, with (tx_id, refusal) of those that were refused. Once these have cited as much
        as a block may, others that cite wait for another block. `time_ms` is raised above the parent's when
        it is not. Raises UnknownParent.
        """
        over, height, parent_time, frontier = self._on(parent)
        time_ms = max(time_ms, parent_time + 1)
        overlay = self._begun(over, height, time_ms, frontier.size)
        block = Executed(self._executed.get(parent), overlay)
        refused = []
        body_bytes = 0
        cited_in_vain = 0
        for tx in candidates:
            size = len(tx.raw) + _ENTRY_OVERHEAD
            if len(block.entries) >= limits.BLOCK_TRANSACTIONS_MAX:
                break
            if body_bytes + size > limits.BLOCK_BODY_BYTES_MAX:
                break
            if _full(block.overlay):
                break
            if cited_in_vain > limits.BLOCK_CITED_BYTES and RULES[tx.kind].cites:
                continue
            cited_bytes = block.overlay.cited_bytes
            answer = self._apply(block, tx, height, time_ms, frontier.size + len(block.entries))
            if isinstance(answer, Refusal):
                refused.append((tx.tx_id, answer))
                # Those who are refused take no room from the others (B4), and no more of the leader's time.
                cited_in_vain += block.overlay.cited_bytes - cited_bytes
                block.overlay.cited_bytes = cited_bytes
            else:
                body_bytes += size
        body = block_pb2.BlockBody(transactions=[entry.tx.raw for entry in block.entries])
        block.body = body.SerializeToString(deterministic=True)
        self._end(block, frontier)
        block.header = block_pb2.Header(
            parent=parent,
            height=height,
            epoch=epoch,
            view=view,
            leader=leader,
            time_ms=time_ms,
            body_hash=domains.body_hash(block.body),
            log_size=block.frontier.size,
            log_root=block.frontier.root(),
            state_root=block.tree.root(),
        )
        self._keep(block, block.header.SerializeToString(deterministic=True))
        return block, refused

    def check(self, header_bytes: bytes, body: bytes) -> Executed:
        """Executes a block that somebody proposed, and compares every root (B1).

        View, epoch and leader are not judged here. Raises BlockInvalid, UnknownParent.
        """
        digest = domains.block_digest(header_bytes)
        if found := self._executed.get(digest):
            return found
        header = read_header(header_bytes)
        if len(body) > limits.BLOCK_BODY_BYTES_MAX:
            raise BlockInvalid(
                "body", f"{len(body)} bytes; at most {limits.BLOCK_BODY_BYTES_MAX} are allowed"
            )
        if header.body_hash != domains.body_hash(body):
            raise BlockInvalid("body_hash", "is not the hash of the body")
        over, height, parent_time, frontier = self._on(header.parent)
        if header.height != height:
            raise BlockInvalid("height", f"is {header.height}; the parent's is {height - 1}")
        if not parent_time < header.time_ms <= limits.TIME_MAX_MS:
            raise BlockInvalid("time_ms", f"is {header.time_ms}; the parent's is {parent_time}")
        overlay = self._begun(over, height, header.time_ms, frontier.size)
        block = Executed(self._executed.get(header.parent), overlay)
        for index, tx in enumerate(self._parsed(read_body(body))):
            if isinstance(tx, Refusal):
                raise BlockInvalid(f"transactions[{index}].{tx.field}", f"{tx.name}: {tx.message}")
            if full := _full(block.overlay):
                raise BlockInvalid(f"transactions[{index}]", full)
            answer = self._apply(block, tx, height, header.time_ms, frontier.size + index)
            if isinstance(answer, Refusal):
                raise BlockInvalid(
                    f"transactions[{index}].{answer.field}", f"{answer.name}: {answer.message}"
                )
        block.body = body
        self._end(block, frontier)
        compare(header, block)
        block.header = header
        self._keep(block, header_bytes)
        return block

    def finalise(self, digest: bytes, store: Store = _nowhere) -> list[FinalBlock]:
        """Makes an executed block and its ancestors final, oldest first; every other branch is forgotten.

        `store` gets them first: when it raises, nothing has become final here. Raises UnknownParent.
        """
        block: Executed | None = self._executed.get(digest)
        if block is None:
            raise UnknownParent(f"block {digest.hex()} was not executed")
        path: list[Executed] = []
        while block is not None:
            path.append(block)
            block = block.parent
        path.reverse()
        final = [final_of(item) for item in path]
        store(final)
        for item in path:
            self._advance(item)
        self._executed = self._descendants(path[-1])
        return final

    # What the public functions share.

    def _on(self, parent: bytes) -> tuple[Overlay | None, int, int, Frontier]:
        """(overlay, height of the next block, time, frontier) of a parent."""
        if parent == self.tip.digest:
            return None, self.tip.height + 1, self.tip.time_ms, self.tip.frontier
        block = self._executed.get(parent)
        if block is None:
            raise UnknownParent(f"block {parent.hex()} is neither final nor executed here")
        return block.overlay, block.header.height + 1, block.header.time_ms, block.frontier

    def _parsed(self, raws: list[bytes]) -> Iterator[ParsedTransaction | Refusal]:
        """Some at a time: of a block that is wrong at its beginning not every signature is verified."""
        for start in range(0, len(raws), _PARSED_AT_ONCE):
            yield from self._parse(raws[start : start + _PARSED_AT_ONCE])

    def _begun(self, over: Overlay | None, height: int, time_ms: int, log_size: int) -> Overlay:
        """A block's state before its first transaction: decisions of this height have taken effect (M3)."""
        overlay = Overlay(self._base, over)
        state = State(overlay)
        apply_due_decisions(Context(state, height, time_ms, log_size, b""), height)
        overlay.writes.update(state.writes)
        return overlay

    def _apply(
        self, block: Executed, tx: ParsedTransaction, height: int, time_ms: int, log_index: int
    ) -> Accepted | Refusal:
        answer = apply_transaction(block.overlay, tx, height, time_ms, log_index)
        if isinstance(answer, Accepted):
            block.overlay.result_bytes += len(answer.result)
            leaf = leaf_hash(log_entry(tx.raw, answer.result))
            block.entries.append(entry_of((tx, answer.result, log_index, leaf, answer.postings)))
        return answer

    def _end(self, block: Executed, frontier: Frontier) -> None:
        block.frontier, block.log_nodes = frontier.extend([entry.leaf_hash for entry in block.entries])
        block.writes = {key: records.encode(record) for key, record in block.overlay.writes.items()}
        block.tree = TreeChange(self._tree, block.parent.tree if block.parent else None, block.writes)

    def _keep(self, block: Executed, header_bytes: bytes) -> None:
        block.header_bytes = header_bytes
        block.digest = domains.block_digest(header_bytes)
        self._executed[block.digest] = block

    def _advance(self, block: Executed) -> None:
        self._base.advance(block.overlay.writes)
        self._final_state = None
        self._tree.advance(block.tree)
        self.tip = Tip(block.digest, block.header.height, block.header.time_ms, block.frontier)

    def _descendants(self, tip: Executed) -> dict[bytes, Executed]:
        """Executed blocks above the new tip, cut from what is now final."""
        kept: dict[bytes, Executed] = {}
        above = {tip.digest}
        for block in sorted(self._executed.values(), key=lambda item: (item.header.height, item.digest)):
            if block.header.parent in above:
                above.add(block.digest)
                kept[block.digest] = block
                if block.parent is tip:
                    block.parent = None
                    block.overlay.detach()
                    block.tree.detach()
        return kept


def _full(overlay: Overlay) -> str:
    """B4: why no transaction follows those that the block has; "" while one may."""
    if overlay.cited_bytes > limits.BLOCK_CITED_BYTES:
        return (
            f"those before it cite {overlay.cited_bytes} bytes of the log; none may follow above"
            f" {limits.BLOCK_CITED_BYTES}"
        )
    if overlay.result_bytes > limits.BLOCK_RESULT_BYTES:
        return (
            f"the results of those before it have {overlay.result_bytes} bytes; none may follow above"
            f" {limits.BLOCK_RESULT_BYTES}"
        )
    return ""
