"""The demo's year on the ledger alone: no nodes, no consensus, blocks in memory."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ayni.v1 import result_pb2
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from client.demo.figures import Year
from client.demo.ledger_year import HOURS_CLASS, LedgerYear, Signed
from client.demo.scenario import FEDERATIONS, MONTHS, Totals, build_scenario
from client.demo.shares import build_shares
from client.testnet.founding import Founding, found, make_founders
from ledger.chain import Chain
from ledger.genesis import read_genesis
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.state import LoggedTransaction, MemoryReader
from ledger.transactions import parse_transaction

BLOCK_MS = 300
"""Above the voted minimum of a period."""


class MemoryYear:
    """A ledger that executes the year block by block."""

    def __init__(self, seed: int, totals: Totals) -> None:
        founders = make_founders(FEDERATIONS)
        signed = found(Founding("demo", FEDERATIONS), founders, int(time.time() * 1000))
        founding = read_genesis(signed.SerializeToString(deterministic=True))
        self.reader = MemoryReader(founding.genesis.state_tree_bits)
        self.reader.write(Chain.founding_records(founding))
        self.chain = Chain(founding, self.reader, None)
        self.genesis_hash = founding.hash
        self.time_ms = founding.genesis.time_ms
        scenario = build_scenario(seed, totals)
        self.transactions = LedgerYear(
            scenario, build_shares(seed, scenario.offices), founders, founding.hash
        )
        self.year = Year(HOURS_CLASS)
        self.settlements: list[result_pb2.Settlement] = []

    def block(self, transactions: Iterable[Signed]) -> None:
        """Makes one final block of all of them; none may be refused."""
        self.time_ms += BLOCK_MS
        parsed = [self._parsed(signed) for signed in transactions]
        built, refused = self.chain.build(
            self.chain.tip.digest, parsed, epoch=0, view=1, leader=0, time_ms=self.time_ms
        )
        assert refused == []
        assert len(built.entries) == len(parsed)
        for final in self.chain.finalise(built.digest):
            self.reader.write(final.writes)
            for entry in final.entries:
                tx = entry.tx
                self.reader.transactions[tx.tx_id] = LoggedTransaction(
                    entry.log_index, final.header.height, tx.raw, entry.result
                )
                self.reader.nonces[tx.author, tx.nonce] = tx.tx_id
                result = result_pb2.Result.FromString(entry.result)
                self.year.add(Body.FromString(SignedTransaction.FromString(tx.raw).body), result)
                if result.HasField("settlement"):
                    self.settlements.append(result.settlement)

    def refusal(self, signed: Signed) -> Refusal | None:
        """Why the ledger would refuse it now."""
        return self.chain.refusal_now(self._parsed(signed), self.chain.tip.digest, self.time_ms + 1)

    def run(self) -> str:
        """The whole year; what the issuer in arrears was told when it tried to issue."""
        told = ""
        transactions = self.transactions
        for phase in (transactions.decisions(), transactions.foundations(), transactions.openings()):
            self.block(phase)
        for month in range(1, MONTHS + 1):
            self.block(transactions.month(month))
            attempt = transactions.refused_issue(month)
            if attempt is not None:
                refusal = self.refusal(attempt)
                assert refusal is not None
                told = f"{refusal.name}: {refusal.message}"
            self.block([transactions.close(month)])
        return told

    def _parsed(self, signed: Signed) -> ParsedTransaction:
        parsed = parse_transaction(signed.raw, self.genesis_hash)
        assert isinstance(parsed, ParsedTransaction), f"{signed.kind}: {parsed}"
        return parsed
