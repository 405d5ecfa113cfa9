"""A ledger over a real database, without consensus: blocks are built, certified by all, and stored."""

from __future__ import annotations

from pathlib import Path

from ayni.v1 import block_pb2
from config import MempoolSection
from ledger.blocks import Executed, FinalBlock
from ledger.chain import Chain
from ledger.genesis import Founding, read_genesis
from ledger.transactions import parse_transactions
from node.mempool import Mempool
from node.startup import open_chain
from node.store import Batch, Database
from node.tables import Tables
from proofs.domains import vote_message
from tests.node.acts import open_accounts
from tests.node.founders import GENESIS_TIME_MS, NAMES, Founder, signed_genesis

NOTARIZE, FINALIZE = block_pb2.VOTE_KIND_NOTARIZE, block_pb2.VOTE_KIND_FINALIZE


class StoredLedger:
    """One node's database, mempool and chain; times are set by the test."""

    def __init__(self, directory: Path) -> None:
        self.founding: Founding = read_genesis(signed_genesis().SerializeToString(deterministic=True))
        self.directory = directory
        self.open()

    def open(self) -> None:
        """Opens the database, as a start does."""
        self.database = Database(self.directory, self.hash)
        self.tables = Tables(self.database, self.founding.genesis.state_tree_bits)
        self.mempool = Mempool(MempoolSection(), lambda raws: parse_transactions(raws, self.hash))
        self.chain: Chain = open_chain(self.founding, self.database, self.tables, self.mempool)

    def restart(self) -> None:
        """Closes and opens again."""
        self.database.close()
        self.open()

    @property
    def hash(self) -> bytes:
        return self.founding.hash

    @property
    def time_ms(self) -> int:
        """A time for the next transaction and block: one second after the last."""
        return max(self.chain.tip.time_ms, GENESIS_TIME_MS) + 1_000

    def commit(self, *raws: bytes, is_direct: bool = True) -> FinalBlock:
        """One final block of these transactions, stored; none of them may be refused."""
        height = self.chain.tip.height + 1
        parsed = self.mempool.parse(raws)
        block, refused = self.chain.build(
            self.chain.tip.digest, parsed, epoch=0, view=height, leader=0, time_ms=self.time_ms
        )
        assert refused == []
        return self.store(block, is_direct=is_direct)

    def store(self, block: Executed, *, is_direct: bool = True) -> FinalBlock:
        """Makes an executed block final and stores it."""
        (final,) = self.chain.finalise(block.digest)
        certified = block_pb2.CertifiedBlock(
            notarization=self.certificate(NOTARIZE, final.header.view, final.digest)
        )
        if is_direct:
            certified.finalization.CopyFrom(self.certificate(FINALIZE, final.header.view, final.digest))
        batch = Batch()
        self.tables.add(batch, final, certified)
        self.database.write(batch)
        return final

    def certificate(self, kind: int, view: int, digest: bytes) -> block_pb2.Certificate:
        """A quorum's certificate."""
        message = vote_message(self.hash, 0, view, kind, digest)
        signatures = [
            block_pb2.MemberSignature(member=index, signature=Founder(name).consensus.sign(message))
            for index, name in enumerate(NAMES[:3])
        ]
        return block_pb2.Certificate(view=view, kind=kind, digest=digest, signatures=signatures)

    def open_accounts(self, *accounts: str) -> FinalBlock:
        """A block that opens accounts."""
        return self.commit(open_accounts(self.hash, accounts, time_ms=self.time_ms))
