"""Long histories, made in minutes: the production chain and store in this process, without a network.

Decides who takes part, what a transaction is, and how a history is made. Every block is executed, certified
by a quorum and synced to disk as a node does it, and every signature in it is right: any node or auditor may
read it. One thing is left out while a history is made: signatures are not verified by who has just made
them. Nothing is measured that way. Method: bench/README.md.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ayni.v1 import block_pb2, entitlements_pb2, genesis_pb2, members_pb2
from bench import proc
from client import transactions
from client.stamps import now_ms
from client.testnet import Founding, create, federation_names
from config import LogSection, MempoolSection
from ledger.blocks import FinalBlock
from ledger.chain import Chain
from ledger.genesis import read_genesis
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.transactions import parse_transactions
from node.mempool import Mempool
from node.startup import open_chain
from node.store import Batch, Database
from node.tables import Tables
from proofs.domains import vote_message
from proofs.signing import SigningKey

Say = Callable[[str], None]

UNIT = "EUC"
CREDIT_LIMIT_MINOR = 100_000_00
CEILING_MINOR = 10_000_000_00
QUOTA_MINOR = 10**15
LIFETIME_MS = 6 * 24 * 3_600_000
OPENED_AT_ONCE = 4_000
DECIDED_AT_ONCE = 64
KNOWN_EVERY = 10
"""One in so many transactions is remembered by its id, to be read again."""
DAY = 20_000
"""Value date of every transfer."""
SHARE_VALUE_MINOR = 1_00
SHARES_ISSUED = 10_000
_CHARTER = sha256(b"charter").digest()


class Taken(NamedTuple):
    """What a history has taken so far."""

    disk: int
    """Bytes of the database's files."""
    written: int
    """Bytes this process wrote to disk while the database was open here."""
    handed: int
    """Bytes of keys and values given to the database."""
    log: int
    """Bytes of transactions and their results."""
    processor: float
    """Seconds of this process, all threads."""


class History:
    """The database of one node, which grows here; a node process may serve it while it is closed here."""

    def __init__(self, directory: Path, validators: int, organisations: int) -> None:
        """Founds the network in `directory`. Accounts 0 to `organisations` − 1 are organisations' own."""
        founding = Founding(
            "bench",
            federation_names(validators),
            parameters=(genesis_pb2.Parameter(name=genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS, value=0),),
            quotas_minor={UNIT: QUOTA_MINOR},
        )
        self.testnet = create(directory, founding, close_periods=False, log=LogSection(level="warning"))
        self.founding = read_genesis(self.testnet.genesis_file.read_bytes())
        self.data = self.testnet.nodes[0].config.node.data_dir
        self.organisations = organisations
        self.accounts = 0
        """Accounts open."""
        self.tx_ids: list[bytes] = []
        """Some of the transactions in the log."""
        self.handed_bytes = 0
        self.log_bytes = 0
        self._written_bytes = 0
        self._chance = random.Random(1)
        self._federations = [each.federation for each in self.testnet.founders]

    @contextmanager
    def opened(self) -> Iterator[Open]:
        """The database open in this process, its caches empty as after a node's start."""
        before = proc.written_bytes(os.getpid())
        opened = Open(self)
        try:
            yield opened
        finally:
            opened.database.close()
            self._written_bytes += proc.written_bytes(os.getpid()) - before

    def taken(self) -> Taken:
        """Bytes and time so far. Not while the database is open."""
        disk = sum(each.stat().st_size for each in self.data.iterdir()) if self.data.exists() else 0
        return Taken(disk, self._written_bytes, self.handed_bytes, self.log_bytes, time.process_time())

    # --- who takes part -----------------------------------------------------------------------------

    def organisation(self, number: int) -> str:
        """The name of an organisation; they are spread over the federations."""
        return f"{self._federations[number % len(self._federations)]}/o-{number:05d}"

    def account(self, number: int) -> str:
        """The name of an account: an organisation's own, or one that it hosts."""
        host = self.organisation(number % self.organisations)
        return host if number < self.organisations else f"{host}:a-{number:08d}"

    def any_account(self, but: int = -1, busy: int = 0) -> int:
        """One of those open, or of the first `busy` of them, by chance."""
        while (number := self._chance.randrange(busy or self.accounts)) == but:
            pass
        return number

    # --- transactions -------------------------------------------------------------------------------

    def transfers(self, count: int, payee: int = -1, busy: int = 0) -> list[bytes]:
        """So many transfers of one leg, each signed by its payer: from any account, or any of the first
        `busy`, to any other, or to `payee`."""
        made = []
        for _ in range(count):
            payer = self.any_account(payee, busy)
            paid = self.any_account(payer, busy) if payee < 0 else payee
            leg = transactions.leg(self.account(paid), UNIT, 1 + payer % 9, value_date=DAY)
            draft = transactions.transfer(self.account(payer), [leg], self.stamp())
            made.append(self.sign(draft, key_of(payer)))
        return made

    def openings(self, accounts: int) -> Iterator[bytes]:
        """Opens accounts until there are so many, each with a key of its own and a credit limit."""
        limit = members_pb2.Limit(unit=UNIT, credit_limit_minor=CREDIT_LIMIT_MINOR)
        while self.accounts < accounts:
            numbers = range(self.accounts, min(self.accounts + OPENED_AT_ONCE, accounts))
            for index, founder in enumerate(self.testnet.founders):
                of = range(index, self.organisations, len(self._federations))
                opened = [
                    members_pb2.NewAccount(
                        account=self.account(number),
                        keys=transactions.key_set([key_of(number).public_key]),
                        limits=[limit],
                    )
                    for number in numbers
                    if number % self.organisations in of
                ]
                if opened:
                    draft = transactions.open_accounts(founder.federation, opened, self.stamp())
                    yield self.sign(draft, founder.decision)
            self.accounts = numbers.stop

    def accreditations(self, organisations: int) -> list[bytes]:
        """Decisions that accredit the first so many organisations and let them issue."""
        items = []
        for number in range(organisations):
            name = self.organisation(number)
            accredit = members_pb2.Accredit(organisation=name, charter_hash=_CHARTER, user_seats_bp=5_000)
            ceiling = members_pb2.Ceiling(organisation=name, unit=UNIT, amount_minor=CEILING_MINOR)
            items += [members_pb2.DecisionItem(accredit=accredit), members_pb2.DecisionItem(ceiling=ceiling)]
        return [
            self.decision(items[at : at + DECIDED_AT_ONCE]) for at in range(0, len(items), DECIDED_AT_ONCE)
        ]

    def decision(self, items: Sequence[members_pb2.DecisionItem], *, effective_height: int = 0) -> bytes:
        """A decision that a quorum signed."""
        signers = self.testnet.founders[: self.founding.membership.quorum]
        author = signers[0].federation
        draft = transactions.decision(author, items, self.stamp(), effective_height=effective_height)
        return self.sign(draft, *(each.decision for each in signers))

    def issues(self, issuers: int) -> list[bytes]:
        """A class of the first federation, and shares of it that each of the first organisations gives to the
        next one."""
        founder = self.testnet.founders[0]
        definition = entitlements_pb2.DefineClass(
            class_id=self.class_id,
            kind=entitlements_pb2.KIND_SHARE,
            unit=UNIT,
            given_for=entitlements_pb2.GIVEN_FOR_CREDIT,
            item_value_minor=SHARE_VALUE_MINOR,
            item_contribution_minor=SHARE_VALUE_MINOR,
            transferability=entitlements_pb2.TRANSFERABILITY_ANYONE,
        )
        define = transactions.define_class(founder.federation, definition, self.stamp())
        made = [self.sign(define, founder.decision)]
        for number in range(issuers):
            holder = (number + 1) % issuers
            line = entitlements_pb2.IssueLine(
                holder=self.organisation(holder), items=SHARES_ISSUED, value_date=DAY
            )
            draft = transactions.issue(self.organisation(number), self.class_id, [line], self.stamp())
            made.append(self.sign(draft, key_of(number), key_of(holder)))
        return made

    def redemptions(self, issuers: int) -> list[bytes]:
        """Each of them uses some of what it holds at the one after it: as many organisations owe, and are
        owed."""
        made = []
        for number in range(issuers):
            provider = (number + 1) % issuers
            holder, host = self.organisation(number), self.organisation(provider)
            draft = transactions.redeem(
                holder,
                holder,
                host,
                self.class_id,
                SHARE_VALUE_MINOR * (1 + number % 7),
                self.stamp(),
                value_date=DAY,
            )
            made.append(self.sign(draft, key_of(number), key_of(provider)))
        return made

    def close_period(self, period: int) -> bytes:
        """Closes a period."""
        founder = self.testnet.founders[0]
        draft = transactions.close_period(founder.federation, period, self.stamp())
        return self.sign(draft, founder.service)

    @property
    def class_id(self) -> str:
        """The class that organisations issue."""
        return f"shares@{self._federations[0]}"

    def stamp(self) -> transactions.Stamp:
        """A nonce of its own, and days to live."""
        return transactions.Stamp(self._chance.randbytes(16), now_ms() + LIFETIME_MS)

    def sign(self, draft: transactions.Draft, *keys: SigningKey) -> bytes:
        """The draft, signed."""
        return transactions.sign(draft, keys, self.founding.hash)


class Open:
    """A history whose database is open in this process, as a node has it."""

    def __init__(self, history: History) -> None:
        founding = self.founding = history.founding
        self.history = history
        self.database = Database(history.data, founding.hash)
        self.tables = Tables(self.database, founding.genesis.state_tree_bits)
        self.mempool = Mempool(MempoolSection(), lambda raws: parse_transactions(raws, founding.hash))
        self.chain: Chain = open_chain(founding, self.database, self.tables, self.mempool)

    def make(self, raws: Sequence[bytes]) -> None:
        """A final block of transactions just made here: their signatures are not verified again."""
        self.commit(_accepted(parse_transactions(raws, self.founding.hash, verified=True)))

    def take(self, raws: Sequence[bytes]) -> None:
        """A final block of transactions as a node takes them in: parsed, every signature verified."""
        self.commit(_accepted(self.mempool.parse(raws)))

    def commit(self, txs: Sequence[ParsedTransaction]) -> FinalBlock:
        """Builds a block, certifies it, makes it final and syncs it to disk."""
        height, chain = self.chain.tip.height + 1, self.chain
        members = len(self.founding.membership.members)
        block, refused = chain.build(
            chain.tip.digest, txs, epoch=0, view=height, leader=height % members, time_ms=now_ms()
        )
        if refused or len(block.entries) != len(txs):
            raise RuntimeError(f"{len(block.entries)} of {len(txs)} transactions fit: {refused[:1]}")
        (final,) = chain.finalise(block.digest)
        certified = block_pb2.CertifiedBlock(
            notarization=self._certificate(block_pb2.VOTE_KIND_NOTARIZE, height, final.digest),
            finalization=self._certificate(block_pb2.VOTE_KIND_FINALIZE, height, final.digest),
        )
        batch = Batch()
        self.tables.add(batch, final, certified)
        self.database.write(batch)
        self.mempool.finalise(txs, now_ms())
        history = self.history
        keys, values = zip(*batch.operations, strict=True)
        history.handed_bytes += sum(map(len, keys)) + sum(map(len, filter(None, values)))
        history.tx_ids += [each.tx.tx_id for each in final.entries if each.log_index % KNOWN_EVERY == 0]
        history.log_bytes += sum(len(each.tx.raw) + len(each.result) for each in final.entries)
        return final

    def _certificate(self, kind: block_pb2.VoteKind, view: int, digest: bytes) -> block_pb2.Certificate:
        message = vote_message(self.founding.hash, 0, view, kind, digest)
        signers = self.history.testnet.founders[: self.founding.membership.quorum]
        signatures = [
            block_pb2.MemberSignature(member=member, signature=founder.consensus.sign(message))
            for member, founder in enumerate(signers)
        ]
        return block_pb2.Certificate(view=view, kind=kind, digest=digest, signatures=signatures)


def _accepted(parsed: Sequence[ParsedTransaction | Refusal]) -> list[ParsedTransaction]:
    """All of them. Raises RuntimeError when one was refused."""
    accepted = []
    for tx in parsed:
        if isinstance(tx, Refusal):
            raise RuntimeError(f"a transaction was refused: {tx.name} {tx.field}: {tx.message}")
        accepted.append(tx)
    return accepted


@contextmanager
def founded(validators: int, organisations: int) -> Iterator[History]:
    """A new network in a temporary directory; its nodes are stopped, and it is removed, after."""
    directory = Path(tempfile.mkdtemp(prefix="ayni-bench-"))
    try:
        history = History(directory / "network", validators, organisations)
        with history.testnet:
            yield history
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@lru_cache(maxsize=100_000)
def key_of(number: int) -> SigningKey:
    """The key of an account, always the same."""
    return SigningKey(sha256(b"bench account %d" % number).digest())
