"""Executing blocks and committing them: the part of the round that touches the application's state.

A block is executed once it is notarised or proposed in the current view, after its parent; it is committed
once it or a descendant is final. Decides nothing about votes. Spec: docs/protocol.md, C2, C6, C9, B2, B3.
"""

from ayni.v1.block_pb2 import VOTE_KIND_NOTARIZE
from consensus.application import Application, BlockInvalid, BlockUntimely, Unavailable
from consensus.blocks import Block, BlockTree, certified
from consensus.certificates import CertificateStore
from consensus.config import EXECUTE_BLOCKS_MAX, EXECUTE_BYTES_MAX, HEAVY_BODY_BYTES
from consensus.events import (
    ALARM_CERTIFIED_INVALID,
    ALARM_INVALID_PROPOSAL,
    ALARM_UNTIMELY_PROPOSAL,
    Alarm,
    Commit,
    PeerFault,
)
from consensus.journal import Journal
from consensus.leader import leader_of
from consensus.outbox import Outbox
from consensus.pacing import Pacing
from consensus.voting import Ballot
from proofs.membership import Membership


class Execution:
    """Runs blocks through the application, and makes them final."""

    def __init__(
        self,
        *,
        membership: Membership,
        application: Application,
        tree: BlockTree,
        store: CertificateStore,
        ballot: Ballot,
        journal: Journal,
        pacing: Pacing,
        outbox: Outbox,
    ) -> None:
        self._members = membership.members
        self._application = application
        self._tree = tree
        self._store = store
        self._ballot = ballot
        self._journal = journal
        self._pacing = pacing
        self._outbox = outbox
        self.backlog = False
        """Whether work is left for another step at once."""
        self.halted = False
        self._budget_bytes = 0
        self._budget_blocks = 0
        self._refused_any = False
        self._untimely_view = 0
        self._unavailable: list[Block] = []

    def begin_step(self) -> None:
        """Give the step its share of work."""
        self._budget_bytes, self._budget_blocks = EXECUTE_BYTES_MAX, EXECUTE_BLOCKS_MAX
        self.backlog = False

    def retry(self) -> None:
        """Look again at blocks whose parent's state was not there."""
        for block in self._unavailable:
            if self._tree.get(block.digest) is block:
                self._tree.retry(block)
        self._unavailable.clear()

    def execute(self, candidate: Block | None) -> bool:
        """Execute what is notarised, and the current view's proposal, parents first (C2).

        Returns whether a block was executed or refused.
        """
        changed = False
        ready = self._tree.ready
        while ready:
            block = ready[0]
            known = self._tree.get(block.digest) is block
            notarized = self._store.notarized(block.view, block.digest) is not None
            if not known or block.executed or block.refused or not (notarized or block is candidate):
                ready.popleft()
                continue
            # Votes that are cast already need not wait for a big block, nor messages for many.
            spent = self._budget_bytes <= 0 or self._budget_blocks <= 0
            if spent or (self._outbox.votes and len(block.body) > HEAVY_BODY_BYTES):
                self.backlog = True
                break
            ready.popleft()
            self._budget_bytes -= len(block.body)
            self._budget_blocks -= 1
            # B2: the time matters for a vote; not for what a quorum, or we before a crash, voted for.
            voted = self._ballot.held(VOTE_KIND_NOTARIZE, block.view) is not None
            if self._link(block) and self._check(block, timely=not notarized and not voted):
                self._tree.executed(block)
            changed = True
        return changed

    def _link(self, block: Block) -> bool:
        """Check a block against its parent, and give it the nullifications between the two (C1, C9)."""
        parent = self._tree.get(block.parent)
        if parent is None:
            return False
        if block.height != parent.height + 1:
            self._refuse(block, f"its height is {block.height} on a parent of height {parent.height}")
            return False
        nullifications = self._store.nullified_between(parent.view, block.view)
        if nullifications is None:
            self._tree.drop(block)
            if block.source >= 0:
                reason = f"the block of view {block.view} came without the nullifications since its parent"
                self._outbox.notices.append(PeerFault(block.source, reason))
            return False
        block.nullifications = tuple(nullifications)
        return True

    def _check(self, block: Block, *, timely: bool) -> bool:
        try:
            self._application.check(block.header, block.body, timely=timely)
        except BlockInvalid as error:
            self._refuse(block, str(error))
        except BlockUntimely as error:
            if self._untimely_view != block.view:
                self._untimely_view = block.view  # it is sent again: one alarm a view
                message = f"{self._what(block)}: {error}"
                self._outbox.notices.append(Alarm(ALARM_UNTIMELY_PROPOSAL, message))
        except Unavailable:
            self._unavailable.append(block)
        else:
            return True
        return False

    def _refuse(self, block: Block, reason: str) -> None:
        block.refused = reason
        self._refused_any = True
        if self._store.notarized(block.view, block.digest) is not None:
            self.alarm_certified_invalid(block)
            return
        message = f"{self._what(block)} is not valid: {reason}"
        self._outbox.notices.append(Alarm(ALARM_INVALID_PROPOSAL, message))

    def alarm_certified_invalid(self, block: Block) -> None:
        """Say that a quorum wants what the rules refuse here."""
        message = f"{self._what(block)} is notarised by a quorum, but not valid here: {block.refused}"
        self._outbox.notices.append(Alarm(ALARM_CERTIFIED_INVALID, message))

    def commit(self, now_ms: int) -> bool:
        """Commit the highest final block that is executed, and its ancestors; return whether (C6)."""
        tip = self._tree.tip
        if self._store.final_view <= tip.view:
            return False
        if self._refused_any:
            self._halt_if_final_is_invalid()
        chain = self._final_chain(tip.view)
        if chain:
            self._commit_chain(chain, now_ms)
        return bool(chain)

    def _final_chain(self, tip_view: int) -> list[Block]:
        """Return what can be committed: executed blocks, all notarised (C9), the last with a finalisation."""
        for view in sorted(self._store.finalizations, reverse=True):
            if view <= tip_view:
                break
            block = self._tree.get(self._store.finalizations[view].digest)
            if block is None or not block.executed:
                continue
            chain, missing = self._tree.path(block.digest)
            if missing:
                continue
            final = 0
            for count, block in enumerate(chain, 1):
                if self._store.notarized(block.view, block.digest) is None:
                    break
                if self._store.finalized(block.view, block.digest) is not None:
                    final = count
            return chain[:final]  # finalisations further down are of this very chain
        return []

    def _halt_if_final_is_invalid(self) -> None:
        """A final block that the rules refuse here: this node, or a quorum, is wrong (B3)."""
        final = self._store.finalization
        chain, _ = self._tree.path(final.digest) if final is not None else ([], b"")
        for block in chain:
            if block.refused:
                message = f"block {block.height} is final, but not valid here: {block.refused}"
                self.halt(ALARM_CERTIFIED_INVALID, message)
                return

    def _commit_chain(self, chain: list[Block], now_ms: int) -> None:
        blocks = tuple(
            certified(
                block,
                self._store.notarized(block.view, block.digest),
                self._store.finalized(block.view, block.digest),
            )
            for block in chain
        )
        tip = chain[-1]
        self._tree.advance(tip)
        self._store.prune(tip.view)
        self._ballot.close(tip.view)
        self._pacing.block_seen(now_ms)
        self._outbox.commits.append(Commit(blocks, tip.digest, self._journal.forget(tip.view)))

    def halt(self, code: str, message: str) -> None:
        """Stop the node: going on could do damage."""
        self.halted = True
        self._outbox.notices.append(Alarm(code, message, halt=True))

    def _what(self, block: Block) -> str:
        leader = leader_of(block.view, len(self._members))
        name = self._members[leader].name
        return f"block {block.height} of view {block.view} by member {leader} ({name})"
