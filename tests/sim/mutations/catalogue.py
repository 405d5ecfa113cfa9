"""The planted bugs: what each replaces, in which situation it shows, and how soon it must be caught.

Each is what somebody could break by a small mistake. Seeds are counted from 0, and CI runs them until the bug
is caught. Where a bug shows only in some situation, such as beside a certain liar, each seed is put into it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.sim.mutations.edits import Edit


@dataclass(frozen=True)
class Situation:
    """What a bug needs to show itself, made sure of; all else is drawn from the seed as ever."""

    members: int | None = None
    """Size of the network."""
    liar: str = ""
    """The strategy of one member."""
    damage: str = ""
    """What befalls one member."""
    scene: str = ""
    """A directed schedule, in calm weather."""
    crash_weight: float = 0.0
    has_small_mempool: bool = False
    closes_periods: bool = False

    def __str__(self) -> str:
        words = [
            f"{self.members} members" if self.members else "",
            self.liar,
            self.damage,
            self.scene,
            "power cuts" if self.crash_weight else "",
            "small mempools" if self.has_small_mempool else "",
            "settlements" if self.closes_periods else "",
        ]
        return ", ".join(word for word in words if word) or "any"


@dataclass(frozen=True)
class Mutation:
    """One planted bug."""

    edits: tuple[Edit, ...]
    situation: Situation = Situation()
    within: int = 12
    """In so many seeds, counted from 0, it is caught."""
    from_genesis: bool = False
    """Whether the network is founded with the bug too: else its founders' votes would not verify."""


def _edit(where: str, *replacements: tuple[str, str]) -> Edit:
    return Edit(where, replacements)


MUTATIONS: dict[str, Mutation] = {
    "own vote sent before it is durable": Mutation(
        (
            _edit(
                "node.loop:Loop._execute",
                ("    self._persist(effects)\n", ""),
                ("    final = self._commit", "    self._persist(effects)\n    final = self._commit"),
            ),
        ),
    ),
    "body not synced with its vote": Mutation(
        (
            _edit(
                "consensus.journal:Journal.put_block", ("    self._put(key", "    return\n    self._put(key")
            ),
        ),
    ),
    "journal written, not synced": Mutation(
        (_edit("node.loop:Loop._persist", ("database.write(batch)", "database.write(batch, sync=False)")),),
    ),
    "final blocks written, not synced": Mutation(
        (_edit("node.loop:Loop._store", ("database.write(batch)", "database.write(batch, sync=False)")),),
    ),
    "vote guard dropped": Mutation(
        (_edit("consensus.voting:Ballot.may", ("EXCLUDED_BY[kind]", "(kind,)")),),
    ),
    "votes forgotten by a restart": Mutation(
        (_edit("consensus.voting:Ballot.restore", ("if vote.view > closed_view", "if False")),),
    ),
    "finalize twice in a view": Mutation(
        (
            _edit(
                "consensus.voting:Ballot.may",
                (
                    "for other in EXCLUDED_BY[kind]",
                    "for other in EXCLUDED_BY[kind] if (kind, other) != (3, 3)",
                ),
            ),
            _edit(
                "consensus.round:Round._finalize",
                (
                    "    if view > self.store.final_view",
                    "    own = self.ballot.held(1, view)\n"
                    "    if own and own.digest != notarization.digest and self.ballot.may(3, view):\n"
                    "        self._cast(3, view, own.digest, now_ms)\n"
                    "    if view > self.store.final_view",
                ),
            ),
        ),
        situation=Situation(members=4, liar="equivocating leader"),
    ),
    "quorum 2f+1 at n = 5": Mutation(
        (
            _edit(
                "proofs.membership:quorum", ("members - (members - 1) // 3", "2 * ((members - 1) // 3) + 1")
            ),
        ),
        situation=Situation(members=5),
        from_genesis=True,
    ),
    "parent check skipped": Mutation(
        (
            _edit(
                "consensus.blocks:check_nullifications",
                ("    if len(found) != ", "    return\n    if len(found) != "),
            ),
            _edit("consensus.certificates:CertificateStore.nullified_between", ("return None", "continue")),
        ),
        situation=Situation(members=4, liar="skipper", scene="a late finalisation"),
        within=2,
    ),
    "nullify after finalize": Mutation(
        (
            _edit(
                "consensus.voting:Ballot.may",
                (
                    "for other in EXCLUDED_BY[kind]",
                    "for other in EXCLUDED_BY[kind] if kind != 2 or other != 3",
                ),
            ),
            _edit(
                "consensus.round:Round._nullify",
                (
                    "    leader = self.leader\n",
                    "    if self._pacing.half_gone(now_ms) and self.ballot.may(2, self.view - 1):\n"
                    "        self._cast(2, self.view - 1, b'', now_ms)\n"
                    "    leader = self.leader\n",
                ),
            ),
        ),
        situation=Situation(members=4, scene="a lone finalize"),
        within=2,
    ),
    "certificate with a repeated signer accepted": Mutation(
        (
            _edit(
                "consensus.votes:VotePool.verify", ("if any(left >= right", "if False and any(left >= right")
            ),
        ),
        situation=Situation(members=4, liar="forger"),
    ),
    "certificate of too few accepted": Mutation(
        (
            _edit(
                "consensus.votes:VotePool.verify",
                (
                    "if len(certificate.signatures) != self._membership.quorum",
                    "if not certificate.signatures",
                ),
            ),
        ),
        situation=Situation(members=4, liar="forger"),
    ),
    "certificate of another epoch accepted": Mutation(
        (
            _edit("proofs.certificates:_check_subject", ("if epoch != EPOCH", "if False")),
            _edit(
                "proofs.certificates:verify_vote",
                (
                    "vote.epoch, vote.view, vote.kind, vote.digest)\n    _check_sig",
                    "0, vote.view, vote.kind, vote.digest)\n    _check_sig",
                ),
            ),
            _edit(
                "proofs.certificates:verify_certificate",
                ("membership.genesis_hash, certificate.epoch,", "membership.genesis_hash, 0,"),
            ),
        ),
        situation=Situation(members=4, liar="liar about history"),
    ),
    "what nobody knows kept with a certificate": Mutation(
        (_edit("consensus.intake:Intake.receive", ("    message.DiscardUnknownFields()", "    pass")),),
        situation=Situation(members=4, liar="absurd"),
        within=24,
    ),
    "views of any number counted up to": Mutation(
        (
            _edit(
                "consensus.blocks:check_nullifications",
                ("len(found) != view - parent_view - 1", "len(found) != len(wanted)"),
            ),
        ),
        situation=Situation(members=4, liar="absurd"),
        within=24,
    ),
    "votes not bound to the genesis": Mutation(
        (_edit("proofs.domains:vote_message", ("VOTE + genesis_hash +", "VOTE +")),),
        from_genesis=True,
    ),
    "sync that trusts one peer": Mutation(
        (
            _edit(
                "consensus.intake:Intake._certified_block",
                ("self._certificate(notarization)", "self._round.adopt(notarization, self._now_ms)"),
                ("self._certificate(certificate)", "self._round.adopt(certificate, self._now_ms)"),
                ("self._certificate(finalization)", "self._round.adopt(finalization, self._now_ms)"),
            ),
        ),
        situation=Situation(members=4, liar="liar about history"),
    ),
    "state applied twice after a crash": Mutation(
        (
            _edit(
                "node.loop:Loop._store",
                (
                    "    self._parts.database.write(batch)\n",
                    "    state = Batch()\n"
                    "    for key, value in batch.operations:\n"
                    "        if key[:1] == b's':\n"
                    "            state.delete(key) if value is None else state.put(key, value)\n"
                    "    self._parts.database.write(state)\n"
                    "    self._parts.database.write(batch)\n",
                ),
            ),
        ),
        situation=Situation(crash_weight=0.01),
    ),
    "old-disk guard skipped": Mutation(
        (_edit("consensus.guard:VoteGuard.answer", ("for vote in response.votes", "for vote in ()")),),
        situation=Situation(members=4, damage="old disk"),
    ),
    "settlement in dictionary order": Mutation(
        (
            _edit(
                "ledger.rules.settlement:_close_period",
                (
                    "    for unit in state.unit_codes():",
                    "    known = list(state.block.base._recent)\n"
                    "    rows = [records.organisation_key(name) for name in organisations]\n"
                    "    rows.sort(key=lambda row: known.index(row) if row in known else -1)\n"
                    "    organisations = [row.decode().partition('|')[2] for row in rows]\n"
                    "    for unit in state.unit_codes():",
                ),
            ),
            _edit(
                "ledger.rules.settlement:_UnitClose._publish", ("in sorted(self._shown)", "in self._shown")
            ),
        ),
        situation=Situation(closes_periods=True),
    ),
    "a nonce accepted twice": Mutation(
        (_edit("ledger.apply:_check_time_and_nonce", ("if used is not None", "if used == tx.tx_id")),),
    ),
    "never quiet": Mutation(
        (_edit("consensus.pacing:Pacing.stop", ("self._started_ms = None", "pass")),),
    ),
    "a leader that never stops gathering": Mutation(
        (
            _edit(
                "consensus.pacing:Pacing._gathered_ms",
                ("min(until_ms, most_ms)", "until_ms"),
            ),
        ),
        situation=Situation(members=4, liar="laggard"),
    ),
    "no heartbeat": Mutation(
        (_edit("consensus.pacing:Pacing.heartbeat_due", ("return now_ms", "return False and now_ms")),),
        situation=Situation(members=1),
    ),
    "an honest member reported as guilty": Mutation(
        (
            _edit(
                "proofs.evidence:conflict",
                ("== {VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE}", "!= {VOTE_KIND_NOTARIZE, VOTE_KIND_FINALIZE}"),
            ),
        ),
    ),
    "evidence never reported": Mutation(
        (_edit("node.loop:Loop._keep_evidence", ("if self._parts", "if False and self._parts")),),
        situation=Situation(members=4, liar="double voter"),
    ),
    "'expired' told too early": Mutation(
        (_edit("node.submit:Submissions._take", ("doors.chain.tip.time_ms", "now_ms + 500")),),
    ),
    "mempool unbounded per organisation": Mutation(
        (
            _edit(
                "node.mempool:Mempool._turned_away",
                ("if not own.has_room(size, bounds.per", "if False and not own.has_room(size, bounds.per"),
            ),
        ),
        situation=Situation(has_small_mempool=True),
    ),
}
