"""What anybody may hand to anybody: transactions, blocks, genesis, receipts, proofs, evidence, exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, Message

from audit import verify_evidence_file, verify_export, verify_receipt_file
from audit.archive import GENESIS, HISTORY, MANIFEST
from ayni.v1.block_pb2 import CertifiedBlock, Evidence, Header
from ayni.v1.genesis_pb2 import SignedGenesis
from ayni.v1.receipt_pb2 import Receipt, StateProof
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from ledger.blocks import BlockInvalid, UnknownParent
from ledger.chain import Chain
from ledger.genesis import GenesisInvalid, read_genesis
from ledger.invariants import check_state
from ledger.limits import FIELDS_MAX
from ledger.refusals import Refusal
from ledger.state import MemoryReader
from ledger.transactions import parse_transaction
from ledger.wire import NotCanonical, check, check_strict
from proofs.domains import body_hash, transaction_message
from proofs.signing import SigningKey
from tests.fuzz import mutate_bytes, mutate_text, mutate_wire, seeds
from tests.fuzz.engine import Target
from tests.vectors.founding import canonical, key

SIGNED_CLASSES: tuple[type[Message], ...] = (
    SignedTransaction,
    Body,
    CertifiedBlock,
    Header,
    Receipt,
    StateProof,
    Evidence,
    SignedGenesis,
)


class Said(Exception):
    """The target answers by a value: its text."""


def _wire(data: bytes) -> None:
    """The strict reader and its fast path agree on every message, and accept one form only.

    Of too many fields the fast path says no more than that: the strict reader has no such bound.
    """
    if not data:
        return
    message_class = SIGNED_CLASSES[data[0] % len(SIGNED_CLASSES)]
    answers = []
    for read in (check, check_strict):
        try:
            message = read(message_class, data[1:])
            answers.append(message.SerializeToString(deterministic=True))
        except NotCanonical as error:
            answers.append(error)
    fast, strict = answers
    is_long = isinstance(fast, NotCanonical) and f"more than {FIELDS_MAX} fields" in fast.reason
    if isinstance(fast, bytes) != isinstance(strict, bytes) or (str(fast) != str(strict) and not is_long):
        raise RuntimeError(f"the two readers differ: {fast!r} and {strict!r}")
    if isinstance(fast, NotCanonical):
        raise fast
    if fast != data[1:]:
        raise RuntimeError("accepted bytes are not what is written again")


def _wire_seeds() -> list[bytes]:
    by_class: dict[type[Message], list[bytes]] = {
        SignedTransaction: list(seeds.transactions()),
        Body: list(seeds.bodies()),
        CertifiedBlock: [canonical(block) for block in seeds.blocks()],
        Header: [block.header for block in seeds.blocks()[:3]],
        Receipt: list(seeds.receipts()),
        StateProof: list(seeds.state_proofs())[:4],
        Evidence: list(seeds.evidence()),
        SignedGenesis: [seeds.genesis()],
    }
    return [
        bytes([number]) + data
        for number, message_class in enumerate(SIGNED_CLASSES)
        for data in by_class[message_class]
    ]


def behind_a_byte(change: Callable[..., bytes]) -> Callable[..., bytes]:
    """Mutates what stands behind the first byte, which says what it is."""

    def mutate(chance: Any, data: bytes, pool: Any) -> bytes:
        same = [each[1:] for each in pool if each[:1] == data[:1]] or [data[1:]]
        return data[:1] + change(chance, data[1:], same)

    return mutate


def _transaction(data: bytes) -> None:
    parsed = parse_transaction(data, seeds.history().hash)
    if isinstance(parsed, Refusal):
        raise Said(f"{parsed.name} {parsed.field} {parsed.message}")


@cache
def _signers() -> dict[str, SigningKey]:
    """Every key of the history, by the name it belongs to."""
    found = {name: key(name) for name in _names()}
    for name in ("andes", "emilia", "japan", "quebec"):
        found[name] = key(f"{name}/decision")
        found[f"{name}/service"] = key(f"{name}/service")
    return found


def _names() -> list[str]:
    return [each[2:].decode() for each in seeds.history().reader.values if each[:2] == b"a|"]


@cache
def _judges() -> tuple[Chain, Chain]:
    """The ledger at the end of the year, twice: one builds and one checks."""
    history = seeds.history()
    tip = history.chain.tip
    return Chain(history.founding, history.reader, tip), Chain(history.founding, history.reader, tip)


def _rules(data: bytes) -> None:
    """A body that its author and whoever it concerns really signed, judged by the rules.

    The bodies of this history are used up; a new nonce and expiry make them new.
    """
    history = seeds.history()
    try:
        body = Body.FromString(data)
    except Exception as error:
        raise Said("no body") from error
    body.DiscardUnknownFields()
    body.nonce = b"\xfe" * 16
    if not 0 < body.expires_at_ms - history.time_ms < 10**9:
        body.expires_at_ms = history.time_ms + 60_000
    content = canonical(body)
    message = transaction_message(history.hash, content)
    wanted = _wanted_signers(body)
    signed = SignedTransaction(body=content)
    for one in sorted(wanted, key=lambda each: each.public_key):
        signed.signatures.add(public_key=one.public_key, signature=one.sign(message))
    parsed = parse_transaction(canonical(signed), history.hash)
    if isinstance(parsed, Refusal):
        raise Said(f"{parsed.name} {parsed.field} {parsed.message}")
    time_ms = history.time_ms + 1_000
    slot: dict[str, Any] = {"epoch": 0, "view": history.view + 1, "leader": 0, "time_ms": time_ms}
    builder, checker = _judges()
    built, refused = builder.build(builder.tip.digest, [parsed], **slot)
    forget(builder)
    if refused:
        refusal = refused[0][1]
        raise Said(f"{refusal.name} {refusal.field} {refusal.message}")
    checker.check(built.header_bytes, built.body)
    forget(checker)
    state = history.reader.values | built.writes
    check_state((name, value) for name, value in state.items() if value)


def forget(chain: Chain) -> None:
    """Nothing that is tried is kept: there is never a next block to make it final or drop it."""
    chain._executed.clear()


def _wanted_signers(body: Body) -> list[SigningKey]:
    """Whoever is named in the body and has a key: first those it takes, as a client would find out."""
    from client.drafts import signers_of

    kind = body.WhichOneof("payload")
    if kind == "decision":
        return [_signers()[name] for name in ("andes", "emilia", "japan")]
    if kind == "close_period":
        return [_signers().get(f"{body.author}/service", _signers()["emilia/service"])]
    names = list(signers_of(body)) if kind else [body.author]
    if kind == "reversal":
        names += _losers(body)
    hosts = [name.partition(":")[0] for name in names]
    keys = _signers()
    held = {name for name in names if name in keys and not _has_keys(name)}
    chosen = {host if name in held else name for name, host in zip(names, hosts, strict=True)}
    return [keys[name] for name in sorted(chosen) if name in keys]


def _has_keys(name: str) -> bool:
    from ledger.records import AccountRecord, account_key, decode

    value = seeds.history().reader.get(account_key(name))
    return value is not None and decode(AccountRecord, value).keys is not None


def _losers(body: Body) -> list[str]:
    """Who may lose by a reversal: everybody the original names."""
    original = seeds.history().reader.transactions.get(body.reversal.original_tx_id)
    if original is None:
        return []
    text = SignedTransaction.FromString(original.raw).body
    return [name for name in _names() if name.encode() in text]


def _block(data: bytes) -> None:
    """(header, body) behind lengths, as a lying leader would make them: the header names the body."""
    frames = mutate_wire.split(data)
    header, body = (*frames, b"", b"")[:2]
    try:
        named = Header.FromString(header)
        named.body_hash = body_hash(body)
        header = canonical(named)
    except DecodeError:
        pass  # a header that is none is tried as it is
    try:
        _fresh_chain().check(header, body)
    finally:
        forget(_fresh_chain())


@cache
def _fresh_chain() -> Chain:
    """The ledger at height 0, on which the first block is tried."""
    history = seeds.history()
    reader = MemoryReader(history.document.state_tree_bits)
    reader.write(Chain.founding_records(history.founding))
    return Chain(history.founding, reader, None)


def _in_file(name: str, verify: Callable[[Path], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        path = seeds.directory() / name
        path.write_bytes(data)
        report: Any = verify(path)
        if report.findings:
            raise Said("\n".join(str(finding) for finding in report.findings[:5]))

    return run


def _export_file(name: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        path = seeds.export() / name
        original = _original(name)
        path.write_bytes(data)
        try:
            report = verify_export(seeds.export(), seeds.history().hash)
        finally:
            path.write_bytes(original)
        if report.findings:
            raise Said("\n".join(str(finding) for finding in report.findings[:5]))
        if data != original:
            raise RuntimeError("a changed export was accepted")

    return run


@cache
def _original(name: str) -> bytes:
    return (seeds.export() / name).read_bytes()


TARGETS = (
    Target(
        "wire",
        "every message whose bytes are signed or hashed, by both readers",
        _wire_seeds,
        behind_a_byte(mutate_wire.mutate),
        _wire,
        (NotCanonical,),
        rate=3,
    ),
    Target(
        "transaction",
        "SignedTransaction bytes, from any client or peer",
        seeds.transactions,
        mutate_wire.mutate,
        _transaction,
        (Said,),
        rate=3,
    ),
    Target(
        "rules",
        "a Body that those it names really signed, judged by the rules",
        seeds.bodies,
        mutate_wire.mutate,
        _rules,
        (Said,),
    ),
    Target(
        "block",
        "header and body of a block, from a leader",
        lambda: [mutate_wire.join(pair) for pair in seeds.headers_and_bodies()[:3]],
        mutate_wire.sequence,
        _block,
        (BlockInvalid, UnknownParent),
    ),
    Target(
        "genesis",
        "a signed genesis, from a founder",
        lambda: [seeds.genesis()],
        mutate_wire.mutate,
        read_genesis,
        (GenesisInvalid,),
    ),
    Target(
        "receipt",
        "a receipt or the proof of a record, as a file",
        lambda: [*seeds.receipts(), *seeds.state_proofs()],
        mutate_wire.mutate,
        _in_file("receipt.bin", lambda path: verify_receipt_file(path, seeds.history().hash)),
        (Said,),
    ),
    Target(
        "evidence",
        "evidence, as a file",
        seeds.evidence,
        mutate_wire.mutate,
        _in_file("evidence.bin", lambda path: verify_evidence_file(path, seeds.history().signed)),
        (Said,),
    ),
    Target(
        "export-history",
        "history.bin of an export",
        lambda: [_original(HISTORY)],
        lambda chance, data, pool: chance.choice((mutate_wire.sequence, mutate_bytes.mutate))(
            chance, data, pool
        ),
        _export_file(HISTORY),
        (Said,),
        rate=0,
    ),
    Target(
        "export-manifest",
        "manifest.json of an export",
        lambda: [_original(MANIFEST)],
        mutate_text.json_tree,
        _export_file(MANIFEST),
        (Said,),
        rate=0,
    ),
    Target(
        "export-genesis",
        "genesis.bin of an export",
        lambda: [_original(GENESIS)],
        mutate_wire.mutate,
        _export_file(GENESIS),
        (Said,),
        rate=0,
    ),
)
