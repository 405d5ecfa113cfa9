"""A small network for the client's tests: a genesis of two founders and a node that keeps a real log.

The node answers LedgerService over gRPC on loopback with real receipts (signed by the one quorum there
is), but has no rules: a test says what it refuses, delays, fails or forgets.
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from ayni.v1 import (
    block_pb2,
    entitlements_pb2,
    genesis_pb2,
    keys_pb2,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    receipt_pb2,
    result_pb2,
    state_pb2,
    transaction_pb2,
)
from client.networks import Network, NodeAddress
from ledger import records
from proofs import domains, merkle, statetree
from proofs.signing import SigningKey

STATE_TREE_BITS = 4


@contextmanager
def interrupting(node: FakeNode) -> Iterator[None]:
    """Whoever hands something in to `node` is interrupted (Ctrl-C), and is answered only at the end."""
    over = threading.Event()

    def interrupt(body: transaction_pb2.Body) -> None:
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)
        over.wait(10)

    node.judge = interrupt
    yield
    over.set()


def seeded(name: str) -> SigningKey:
    """The same key for the same name, in every test."""
    return SigningKey(hashlib.sha256(name.encode()).digest())


def signed_genesis(*names: str) -> genesis_pb2.SignedGenesis:
    """A genesis of federations with these names, EUC and HRS, signed by all of them."""
    federations = [
        genesis_pb2.Federation(
            name=name,
            decision_keys=keys_pb2.KeySet(threshold=1, public_keys=[seeded(f"{name} decision").public_key]),
            consensus_key=seeded(f"{name} consensus").public_key,
            service_key=seeded(f"{name} service").public_key,
        )
        for name in names
    ]
    units = [
        genesis_pb2.Unit(code="EUC", scale=100, nature=genesis_pb2.NATURE_MUTUAL_CREDIT),
        genesis_pb2.Unit(code="HRS", scale=60, nature=genesis_pb2.NATURE_HOURS),
    ]
    genesis = genesis_pb2.Genesis(
        network="valley",
        time_ms=1_700_000_000_000,
        state_tree_bits=STATE_TREE_BITS,
        federations=federations,
        units=units,
    )
    return founded(genesis)


def founded(genesis: genesis_pb2.Genesis) -> genesis_pb2.SignedGenesis:
    """The genesis, signed by all its federations."""
    body = genesis.SerializeToString(deterministic=True)
    message = domains.genesis_message(domains.genesis_hash(body))
    keys = [seeded(f"{federation.name} decision") for federation in genesis.federations]
    signatures = [
        keys_pb2.Signature(public_key=key.public_key, signature=key.sign(message))
        for key in sorted(keys, key=lambda one: one.public_key)
    ]
    return genesis_pb2.SignedGenesis(body=body, signatures=signatures)


def account_record(*keys: SigningKey, threshold: int = 0) -> state_pb2.AccountRecord:
    """An account with these keys; without keys it is held by its organisation."""
    if not keys:
        return state_pb2.AccountRecord(opened_height=1)
    ordered = sorted(key.public_key for key in keys)
    key_set = keys_pb2.KeySet(threshold=threshold or len(ordered), public_keys=ordered)
    return state_pb2.AccountRecord(keys=key_set, opened_height=1)


Judge = Callable[[transaction_pb2.Body], result_pb2.Refusal | None]


@dataclass
class FakeNode(ledger_service_pb2_grpc.LedgerServiceServicer):
    """A node that takes everything a test does not tell it to refuse."""

    federations: tuple[str, ...] = ("emilia", "lazio")
    accounts: dict[str, state_pb2.AccountRecord] = field(default_factory=dict)
    classes: list[entitlements_pb2.DefineClass] = field(default_factory=list)
    """What it says the classes are,"""
    written_classes: list[entitlements_pb2.DefineClass] = field(default_factory=list)
    """and what they are, when it lies."""
    judge: Judge = lambda body: None
    unknown_first: int = 0
    """How many outcomes are unknown before the node knows any."""
    failures: list[tuple[grpc.StatusCode, str]] = field(default_factory=list)
    """RPC errors to answer the next Submit or SubmitStream with, in order."""
    break_after: int = 0
    """SubmitStream: break the stream after so many outcomes, once; 0: never."""
    spoil_receipts: bool = False
    by_nonce: bytes = b""
    """What it tells when asked for a transaction by nonce, if anything."""
    meeting: threading.Barrier | None = None
    """Whoever asks for a transaction by nonce waits there for others who ask."""
    receipts_max: int = 1_000
    """Submit: so many outcomes come with their receipts; a large answer leaves the others out."""
    remembered: result_pb2.Refusal | None = None
    """The refusal of earlier that it tells when asked what became of a transaction."""
    others_height: int = 0
    """Where it says that the others are while it catches up; 0: it does not."""
    past_expiry: bool = False
    """A final block is past the expiry of whatever comes."""
    result: bytes = b""
    """Of what becomes final."""
    log: list[tuple[bytes, bytes]] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    """Every transaction's bytes, each time they came."""

    def __post_init__(self) -> None:
        self.genesis = signed_genesis(*self.federations)
        self.genesis_hash = domains.genesis_hash(self.genesis.body)
        self._server = grpc.server(ThreadPoolExecutor(4))
        ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        """Stops answering."""
        self._server.stop(None).wait()

    def network(self, *others: FakeNode, name: str = "valley") -> Network:
        """This network as a client pins it, with this node and others."""
        nodes = tuple(NodeAddress(f"127.0.0.1:{node.port}") for node in (self, *others))
        raw = self.genesis.SerializeToString(deterministic=True)
        return Network(name, self.genesis_hash, raw, nodes)

    # LedgerService ----------------------------------------------------------------------------------

    def GetNetwork(self, request: Any, context: grpc.ServicerContext) -> Any:
        return ledger_service_pb2.GetNetworkResponse(genesis=self.genesis, genesis_hash=self.genesis_hash)

    def GetStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        return ledger_service_pb2.GetStatusResponse(
            federation=self.federations[0],
            log_size=len(self.log),
            at=ledger_service_pb2.ReadAt(height=len(self.log)),
            catching_up=self.others_height > 0,
            peers=[ledger_service_pb2.PeerStatus(federation=self.federations[1], height=self.others_height)],
        )

    def Export(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield from ()  # it has a log, and no blocks

    def Submit(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._fail(context)
        outcomes = [self._outcome(raw, request.want_receipts) for raw in request.transactions]
        for outcome in outcomes[self.receipts_max :]:
            outcome.ClearField("receipt")
        return ledger_service_pb2.SubmitResponse(outcomes=outcomes)

    def SubmitStream(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        self._fail(context)
        told = 0
        for request in requests:
            outcomes = [self._outcome(raw, request.want_receipts) for raw in request.transactions]
            yield ledger_service_pb2.SubmitResponse(outcomes=outcomes)
            told += len(outcomes)
            if self.break_after and told >= self.break_after:
                self.break_after = 0
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    def GetOutcome(self, request: Any, context: grpc.ServicerContext) -> Any:
        index = self._index(request.tx_id)
        if index is None and self.remembered is not None:
            refused = ledger_service_pb2.OUTCOME_KIND_REFUSED
            return ledger_service_pb2.Outcome(tx_id=request.tx_id, kind=refused, refusal=self.remembered)
        if index is None:
            return ledger_service_pb2.Outcome(
                tx_id=request.tx_id, kind=ledger_service_pb2.OUTCOME_KIND_UNKNOWN
            )
        return self._final(index, False)

    def GetTransaction(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.nonce and self.meeting is not None:
            self.meeting.wait(10)
        if request.nonce and self.by_nonce:
            return ledger_service_pb2.GetTransactionResponse(transaction=self.by_nonce, height=1)
        for index, (raw, result) in enumerate(self.log):
            body = body_of(raw)
            by_nonce = (body.author, body.nonce) == (request.author, request.nonce)
            if by_nonce or tx_id_of(raw) == request.tx_id:
                return ledger_service_pb2.GetTransactionResponse(
                    transaction=raw,
                    result=result,
                    height=index + 1,
                    log_index=index,
                    time_ms=1_700_000_000_500,
                )
        context.abort(grpc.StatusCode.NOT_FOUND, "no such transaction is final")
        raise AssertionError

    def GetReceipt(self, request: Any, context: grpc.ServicerContext) -> Any:
        index = self._index(request.tx_id)
        if index is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such transaction is final")
            raise AssertionError
        return self._receipt(index)

    def GetAccount(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.account not in self.accounts:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no account {request.account}")
        return ledger_service_pb2.GetAccountResponse(
            account=request.account, record=self.accounts[request.account]
        )

    def ListClasses(self, request: Any, context: grpc.ServicerContext) -> Any:
        entries = [
            ledger_service_pb2.ClassEntry(class_id=one.class_id, record=state_pb2.ClassRecord(definition=one))
            for one in self.classes
        ]
        return ledger_service_pb2.ListClassesResponse(classes=entries)

    def GetStateProof(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Of a class; the network's state holds nothing else."""
        written = {
            records.class_key(one.class_id): records.encode(
                records.ClassRecord(one.SerializeToString(deterministic=True))
            )
            for one in self.written_classes or self.classes
        }
        buckets: list[dict[bytes, bytes]] = [{} for _ in range(1 << STATE_TREE_BITS)]
        for key, value in written.items():
            key_hash = statetree.key_hash(key)
            bucket = buckets[statetree.bucket_of(key_hash, STATE_TREE_BITS)]
            bucket[key_hash] = statetree.value_hash(value)
        hashes = b"".join(statetree.bucket_hash(sorted(bucket.items())) for bucket in buckets)
        levels = statetree.levels(hashes, STATE_TREE_BITS)
        key_hash = statetree.key_hash(request.key)
        position = statetree.bucket_of(key_hash, STATE_TREE_BITS)
        others = sorted(buckets[position].items())
        path = []
        for level, bits in zip(levels, statetree.node_bits(STATE_TREE_BITS), strict=False):
            first = position >> bits << bits
            children = range(first, first + (1 << bits))
            path += [level[32 * child : 32 * child + 32] for child in children if child != position]
            position >>= bits
        header, finalization = self._final_block(len(self.log) + 1, bytes(32), levels[-1])
        return receipt_pb2.StateProof(
            genesis=self.genesis,
            key=request.key,
            value=written.get(request.key, b""),
            absent=request.key not in written,
            bucket=[own + value_hash for own, value_hash in others if own != key_hash],
            path=path,
            header=header,
            finalization=finalization,
        )

    # What it does -----------------------------------------------------------------------------------

    def _fail(self, context: grpc.ServicerContext) -> None:
        if self.failures:
            code, details = self.failures.pop(0)
            context.abort(code, details)

    def _index(self, tx_id: bytes) -> int | None:
        return next((index for index, (raw, _) in enumerate(self.log) if tx_id_of(raw) == tx_id), None)

    def _outcome(self, raw: bytes, want_receipt: bool) -> ledger_service_pb2.Outcome:
        self.seen.append(raw)
        tx_id = tx_id_of(raw)
        index = self._index(tx_id)
        if index is None and self.unknown_first:
            self.unknown_first -= 1
            return ledger_service_pb2.Outcome(
                tx_id=tx_id, kind=ledger_service_pb2.OUTCOME_KIND_UNKNOWN, retry_after_ms=10
            )
        if index is None and self.past_expiry:
            return ledger_service_pb2.Outcome(tx_id=tx_id, kind=ledger_service_pb2.OUTCOME_KIND_EXPIRED)
        if index is None:
            refusal = self.judge(body_of(raw))
            if refusal is not None:
                return ledger_service_pb2.Outcome(
                    tx_id=tx_id, kind=ledger_service_pb2.OUTCOME_KIND_REFUSED, refusal=refusal
                )
            self.log.append((raw, self.result))
            index = len(self.log) - 1
        return self._final(index, want_receipt)

    def _final(self, index: int, want_receipt: bool) -> ledger_service_pb2.Outcome:
        return ledger_service_pb2.Outcome(
            tx_id=tx_id_of(self.log[index][0]),
            kind=ledger_service_pb2.OUTCOME_KIND_FINAL,
            height=index + 1,
            log_index=index,
            result=self.log[index][1],
            receipt=self._receipt(index) if want_receipt else None,
        )

    def _receipt(self, index: int) -> receipt_pb2.Receipt:
        size = index + 1
        leaves = [
            merkle.leaf_hash(
                block_pb2.LogEntry(transaction=raw, result=result).SerializeToString(deterministic=True)
            )
            for raw, result in self.log[:size]
        ]
        frontier, nodes = merkle.Frontier().extend(leaves)
        stored = {(level, position): digest for level, position, digest in nodes}
        stored |= {(0, position): leaf for position, leaf in enumerate(leaves)}
        header, finalization = self._final_block(size, frontier.root(), bytes(32))
        raw, result = self.log[index]
        path = merkle.inclusion_path(index, size, lambda level, position: stored[level, position])
        return receipt_pb2.Receipt(
            genesis=self.genesis,
            transaction=raw,
            result=result,
            log_index=index + 1 if self.spoil_receipts else index,
            inclusion_path=path,
            header=header,
            finalization=finalization,
        )

    def _final_block(
        self, height: int, log_root: bytes, state_root: bytes
    ) -> tuple[bytes, block_pb2.Certificate]:
        """A header of so many transactions, and the certificate of all members."""
        header = block_pb2.Header(
            parent=self.genesis_hash,
            height=height,
            view=height,
            time_ms=1_700_000_000_500,
            body_hash=bytes(32),
            log_size=height,
            log_root=log_root,
            state_root=state_root,
        ).SerializeToString(deterministic=True)
        digest = domains.block_digest(header)
        kind = block_pb2.VOTE_KIND_FINALIZE
        message = domains.vote_message(self.genesis_hash, 0, height, kind, digest)
        signatures = [
            block_pb2.MemberSignature(member=member, signature=seeded(f"{name} consensus").sign(message))
            for member, name in enumerate(self.federations)
        ]
        return header, block_pb2.Certificate(view=height, kind=kind, digest=digest, signatures=signatures)


def tx_id_of(raw: bytes) -> bytes:
    return domains.tx_id(transaction_pb2.SignedTransaction.FromString(raw).body)


def body_of(raw: bytes) -> transaction_pb2.Body:
    return transaction_pb2.Body.FromString(transaction_pb2.SignedTransaction.FromString(raw).body)


TRANSFER = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "12.50", "EUC")


def refuse(final_after_ms: int = 0) -> result_pb2.Refusal:
    """What a node says of `TRANSFER` when the payer has too little."""
    return result_pb2.Refusal(
        code=result_pb2.REFUSAL_CODE_LIMIT_EXCEEDED,
        field="transfer.legs[0].amount_minor",
        message="emilia/cadiai has 0.00 EUC, limit 10.00, dues owed 0.00, available 10.00; it pays 12.50.",
        final_after_ms=final_after_ms,
    )
