"""Certified histories made in memory, without a network: for the auditor's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from audit.archive import write_export
from ayni.v1 import entitlements_pb2 as ent
from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    CertifiedBlock,
    VoteKind,
)
from ayni.v1.genesis_pb2 import PARAMETER_NAME_PERIOD_MIN_MS, Genesis, Parameter
from ayni.v1.keys_pb2 import KeySet, Signature
from ayni.v1.receipt_pb2 import Receipt, StateProof
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from ledger.blocks import FinalBlock
from ledger.chain import Chain
from ledger.genesis import read_genesis
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.state import LoggedTransaction, MemoryReader
from ledger.transactions import parse_transaction
from proofs import statetree
from proofs.domains import transaction_message
from proofs.merkle import Frontier, inclusion_path
from proofs.signing import SigningKey
from tests.vectors.founding import NAMES, canonical, certificate, genesis, key, sign_genesis

DAY_MS = 86_400_000
STEP_MS = 1_000
VALUE_DATE = 19_669
SHARES = "shares@emilia/cadiai"
HOURS = "hours@japan"


def parameters(*items: tuple[int, str, int]) -> list[Parameter]:
    return [Parameter(name=name, unit=unit, value=value) for name, unit, value in items]  # type: ignore[arg-type]


class History:
    """A network of which every block is certified as soon as it is made."""

    def __init__(
        self, names: tuple[str, ...] = NAMES, bits: int = 4, document: Genesis | None = None
    ) -> None:
        self.document = document or genesis(names, bits)
        if document is None:
            self.document.parameters.extend(parameters((PARAMETER_NAME_PERIOD_MIN_MS, "", STEP_MS)))
        self.signed = sign_genesis(self.document)
        self.founding = read_genesis(canonical(self.signed))
        self.reader = MemoryReader(self.document.state_tree_bits)
        self.reader.write(Chain.founding_records(self.founding))
        self.chain = Chain(self.founding, self.reader, None)
        self.members = len(self.founding.membership.members)
        self.quorum = tuple(range(self.founding.membership.quorum))
        self.signers: Callable[[VoteKind, int], tuple[int, ...]] = lambda kind, view: self.quorum
        """Who signs the certificate of a kind and view."""
        self.time_ms = self.document.time_ms
        self.view = 0
        self.blocks: list[CertifiedBlock] = []
        self.finals: list[FinalBlock] = []
        self._nonce = 0
        self._unfinal: list[bytes] = []

    @property
    def hash(self) -> bytes:
        return self.founding.hash

    @property
    def height(self) -> int:
        return len(self.blocks)

    # --- transactions -----------------------------------------------------------------------------------

    def body(self, author: str, **payload: Any) -> Body:
        self._nonce += 1
        return Body(
            author=author,
            nonce=self._nonce.to_bytes(16),
            expires_at_ms=self.time_ms + 120_000,
            **payload,
        )

    def sign(self, body: Body, *signers: str) -> ParsedTransaction:
        """Signed by the keys of these names; a federation's name stands for its decision key."""
        data = canonical(body)
        message = transaction_message(self.hash, data)
        keys: list[SigningKey] = [key(name if "/" in name else f"{name}/decision") for name in signers]
        signatures = [
            Signature(public_key=each.public_key, signature=each.sign(message))
            for each in sorted(keys, key=lambda each: each.public_key)
        ]
        parsed = parse_transaction(canonical(SignedTransaction(body=data, signatures=signatures)), self.hash)
        assert not isinstance(parsed, Refusal), parsed
        return parsed

    def tx(self, author: str, *others: str, **payload: Any) -> ParsedTransaction:
        return self.sign(self.body(author, **payload), author, *others)

    def decide(self, *items: Any, effective_height: int = 0) -> ParsedTransaction:
        """By a quorum of the federations, the first of them its author."""
        names = [self.founding.membership.members[member].name for member in self.quorum]
        body = self.body(names[0])
        body.decision.effective_height = effective_height
        for item in items:
            body.decision.items.add(**item)
        return self.sign(body, *names)

    # --- blocks -----------------------------------------------------------------------------------------

    def block(
        self, *transactions: ParsedTransaction, skip: int = 0, final: bool = True, after_ms: int = STEP_MS
    ) -> list[FinalBlock]:
        """The next block, `skip` views after the last one; none of its transactions may be refused."""
        skipped = range(self.view + 1, self.view + 1 + skip)
        self.view += 1 + skip
        self.time_ms += after_ms
        parent = self.chain.tip.digest if not self._unfinal else self._unfinal[-1]
        built, refused = self.chain.build(
            parent,
            transactions,
            epoch=0,
            view=self.view,
            leader=self.view % self.members,
            time_ms=self.time_ms,
        )
        assert refused == [], refused
        certified = CertifiedBlock(
            header=built.header_bytes,
            body=built.body,
            notarization=self._certificate(VOTE_KIND_NOTARIZE, self.view, built.digest),
            nullifications=[self._certificate(VOTE_KIND_NULLIFY, view) for view in skipped],
        )
        self.blocks.append(certified)
        if not final:
            self._unfinal.append(built.digest)
            return []
        certified.finalization.CopyFrom(self._certificate(VOTE_KIND_FINALIZE, self.view, built.digest))
        return self._finalise(built.digest)

    def _certificate(self, kind: VoteKind, view: int, digest: bytes = b"") -> Certificate:
        return certificate(self.signed, self.signers(kind, view), view, kind, digest)

    def accepted(
        self, wanted: Iterable[ParsedTransaction], after_ms: int = STEP_MS
    ) -> list[ParsedTransaction]:
        """Those of `wanted` that a block at that moment would take, each after the ones before."""
        built, _ = self.chain.build(
            self._unfinal[-1] if self._unfinal else self.chain.tip.digest,
            wanted,
            epoch=0,
            view=0,
            leader=0,
            time_ms=self.time_ms + after_ms,
        )
        return [entry.tx for entry in built.entries]

    def _finalise(self, digest: bytes) -> list[FinalBlock]:
        self._unfinal.clear()
        finals = self.chain.finalise(digest)
        for final in finals:
            self.reader.write(final.writes)
            for entry in final.entries:
                self.reader.transactions[entry.tx.tx_id] = LoggedTransaction(
                    entry.log_index, final.header.height, entry.tx.raw, entry.result
                )
                self.reader.nonces[entry.tx.author, entry.tx.nonce] = entry.tx.tx_id
        self.finals += finals
        return finals

    # --- what is handed to the auditor ------------------------------------------------------------------

    def export(self, directory: Path, blocks: Iterable[CertifiedBlock] | None = None) -> Path:
        write_export(directory, self.signed, self.blocks if blocks is None else blocks)
        return directory

    def receipt(self, log_index: int) -> Receipt:
        """In the last block's log."""
        entries = [entry for final in self.finals for entry in final.entries]
        frontier, created = Frontier().extend([entry.leaf_hash for entry in entries])
        nodes = {(level, index): node for level, index, node in created}
        path = inclusion_path(log_index, frontier.size, lambda level, index: nodes[level, index])
        last = self.blocks[-1]
        return Receipt(
            genesis=self.signed,
            transaction=entries[log_index].tx.raw,
            result=entries[log_index].result,
            log_index=log_index,
            inclusion_path=path,
            header=last.header,
            finalization=last.finalization,
        )


def state_proof(history: History, key: bytes) -> StateProof:
    """Of a record, or of its absence, after the last block."""
    chain, last = history.chain, history.blocks[-1]
    hashed = statetree.key_hash(key)
    index = statetree.bucket_of(hashed, chain.tree.bits)
    value = history.reader.get(key)
    return StateProof(
        genesis=history.signed,
        key=key,
        value=value or b"",
        absent=value is None,
        bucket=[entry for entry in chain.tree.entries(index) if entry[:32] != hashed],
        path=chain.tree.path(index),
        header=last.header,
        finalization=last.finalization,
    )


def leg(payee: str, amount: int, unit: str = "EUC", payer: str = "") -> dict[str, Any]:
    return {"payer": payer, "payee": payee, "unit": unit, "amount_minor": amount, "value_date": VALUE_DATE}


def keys_of(name: str) -> KeySet:
    return KeySet(threshold=1, public_keys=[key(name).public_key])


def accredit(organisation: str) -> dict[str, Any]:
    return {
        "accredit": {"organisation": organisation, "keys": keys_of(organisation), "charter_hash": bytes(32)}
    }


def ceiling(organisation: str, unit: str, amount: int) -> dict[str, Any]:
    return {"ceiling": {"organisation": organisation, "unit": unit, "amount_minor": amount}}


def opened(account: str, limit: int = 0, unit: str = "EUC", keys: bool = True) -> dict[str, Any]:
    limits = [{"unit": unit, "credit_limit_minor": limit}] if limit else []
    return {"account": account, "keys": keys_of(account) if keys else None, "limits": limits}


def payments(count: int, history: History | None = None, names: Sequence[str] = NAMES) -> History:
    """Two organisations that pay each other, `count` times, a block each."""
    history = history or History(tuple(names))
    home = names[0]
    accounts = [f"{home}/one", f"{home}/two"]
    history.block(
        history.tx(home, open_accounts={"accounts": [opened(account, 10**9) for account in accounts]})
    )
    for number in range(count):
        payer, payee = accounts[number % 2], accounts[1 - number % 2]
        history.block(history.tx(payer, transfer={"legs": [leg(payee, 100 + number)]}))
    return history


def shares_class(**changes: Any) -> dict[str, Any]:
    policy = {
        "class_id": SHARES,
        "kind": ent.KIND_SHARE,
        "unit": "EUC",
        "given_for": ent.GIVEN_FOR_MONEY_OUTSIDE,
        "item_value_minor": 1_000,
        "item_contribution_minor": 1_000,
        "transferability": ent.TRANSFERABILITY_ANYONE,
        "expires_after_days": 30,
    }
    return {**policy, **changes}


def hours_class(**changes: Any) -> dict[str, Any]:
    policy = {
        "class_id": HOURS,
        "kind": ent.KIND_HOURS,
        "unit": "HRS",
        "given_for": ent.GIVEN_FOR_SERVICE,
        "transferability": ent.TRANSFERABILITY_ANYONE,
        "expires_after_days": 60,
    }
    return {**policy, **changes}
