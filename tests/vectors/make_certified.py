"""certificates.json, evidence.json, receipts.json, state_proofs.json: what a quorum signed, or did not."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

from google.protobuf.message import Message

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    VOTE_KIND_UNSPECIFIED,
    Certificate,
    Evidence,
    Header,
    LogEntry,
    Vote,
)
from ayni.v1.genesis_pb2 import SignedGenesis
from ayni.v1.keys_pb2 import Signature
from ayni.v1.receipt_pb2 import Receipt, StateProof
from ayni.v1.result_pb2 import Result
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from proofs.domains import block_digest, genesis_hash, transaction_message
from proofs.merkle import Frontier, inclusion_path, leaf_hash
from tests.vectors.founding import NAMES, TIME_MS, canonical, certificate, genesis, key, sign_genesis, vote
from tests.vectors.make_hashes import buckets, example_records, fill, levels, siblings

M = TypeVar("M", bound=Message)
A, B = fill(0xAA), fill(0xBB)
VIEW = 9
LOG_LENGTH = 11
LOG_INDEX = 6


def founding() -> SignedGenesis:
    return sign_genesis(genesis())


def changed(message: M, change: Callable[[M], object]) -> M:
    copy = type(message)()
    copy.CopyFrom(message)
    change(copy)
    return copy


def certificates() -> dict[str, Any]:
    signed = founding()
    good = certificate(signed, (0, 1, 3), VIEW, VOTE_KIND_NOTARIZE, A)

    def other_network(each: Certificate) -> None:
        foreign = sign_genesis(genesis(bits=5))
        each.signatures[0].signature = vote(foreign, 0, VIEW, VOTE_KIND_NOTARIZE, A).signature

    def two_messages(each: Certificate) -> None:
        each.signatures[2].signature = vote(signed, 3, VIEW, VOTE_KIND_NOTARIZE, B).signature

    cases = [
        ("notarization", True, good),
        ("nullification", True, certificate(signed, (1, 2, 3), VIEW, VOTE_KIND_NULLIFY)),
        ("finalization", True, certificate(signed, (0, 1, 2), VIEW, VOTE_KIND_FINALIZE, A)),
        ("two signatures of four members", False, certificate(signed, (0, 1), VIEW, VOTE_KIND_NOTARIZE, A)),
        ("more than a quorum", False, certificate(signed, (0, 1, 2, 3), VIEW, VOTE_KIND_NOTARIZE, A)),
        ("not ascending", False, certificate(signed, (1, 0, 3), VIEW, VOTE_KIND_NOTARIZE, A)),
        ("one member twice", False, certificate(signed, (0, 1, 1), VIEW, VOTE_KIND_NOTARIZE, A)),
        ("another view", False, changed(good, lambda c: setattr(c, "view", VIEW + 1))),
        ("view 0", False, certificate(signed, (0, 1, 3), 0, VOTE_KIND_NOTARIZE, A)),
        ("another kind", False, changed(good, lambda c: setattr(c, "kind", VOTE_KIND_FINALIZE))),
        ("no kind", False, certificate(signed, (0, 1, 3), VIEW, VOTE_KIND_UNSPECIFIED, A)),
        ("another digest", False, changed(good, lambda c: setattr(c, "digest", B))),
        ("short digest", False, certificate(signed, (0, 1, 3), VIEW, VOTE_KIND_NOTARIZE, A[:31])),
        ("nullify with a digest", False, certificate(signed, (0, 1, 3), VIEW, VOTE_KIND_NULLIFY, A)),
        ("epoch 1", False, changed(good, lambda c: setattr(c, "epoch", 1))),
        ("a member that is none", False, changed(good, lambda c: setattr(c.signatures[2], "member", 4))),
        ("of another network", False, changed(good, other_network)),
        ("votes for two blocks", False, changed(good, two_messages)),
    ]
    return {
        "about": "Certificate messages (canonical protobuf, hex) of the four members of `genesis`.",
        "genesis": canonical(signed).hex(),
        "members": list(NAMES),
        "quorum": 3,
        "cases": [{"name": n, "valid": v, "certificate": canonical(c).hex()} for n, v, c in cases],
    }


def evidence() -> dict[str, Any]:
    signed = founding()
    network = genesis_hash(signed.body)

    def pair(first: Vote, second: Vote) -> Evidence:
        return Evidence(genesis_hash=network, first=first, second=second)

    def by(member: int, kind: Any, digest: bytes = b"", view: int = VIEW) -> Vote:
        return vote(signed, member, view, kind, digest)

    notarize, nullify, finalize = VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE
    good = pair(by(2, notarize, A), by(2, notarize, B))
    cases = [
        ("notarize twice", True, good),
        ("finalize twice", True, pair(by(0, finalize, A), by(0, finalize, B))),
        ("nullify and finalize", True, pair(by(3, nullify), by(3, finalize, A))),
        ("notarize and nullify", False, pair(by(2, notarize, A), by(2, nullify))),
        ("notarize A and finalize B", False, pair(by(2, notarize, A), by(2, finalize, B))),
        ("the same vote twice", False, pair(by(2, notarize, A), by(2, notarize, A))),
        ("nullify twice", False, pair(by(2, nullify), by(2, nullify))),
        ("two members", False, pair(by(1, notarize, A), by(2, notarize, B))),
        ("two views", False, pair(by(2, notarize, A, 8), by(2, notarize, B, 9))),
        ("in the wrong order", False, pair(good.second, good.first)),
        ("of another network", False, changed(good, lambda e: setattr(e, "genesis_hash", A))),
        ("a forged signature", False, changed(good, lambda e: setattr(e.second, "signature", bytes(64)))),
        ("one vote", False, changed(good, lambda e: e.ClearField("second"))),
    ]
    return {
        "about": "Evidence messages (canonical protobuf, hex). `member`: the index of who is guilty.",
        "genesis": canonical(signed).hex(),
        "cases": [
            {"name": n, "valid": v, "member": e.first.member if v else None, "evidence": canonical(e).hex()}
            for n, v, e in cases
        ],
    }


def transaction(signed: SignedGenesis, number: int) -> bytes:
    signer = key("emilia/cadiai")
    body = Body(author="emilia/cadiai", nonce=number.to_bytes(16), expires_at_ms=TIME_MS + 120_000)
    body.transfer.legs.add(payee="japan/nalc", unit="EUC", amount_minor=100 + number, value_date=19_676)
    body_bytes = canonical(body)
    message = transaction_message(genesis_hash(signed.body), body_bytes)
    signature = Signature(public_key=signer.public_key, signature=signer.sign(message))
    return canonical(SignedTransaction(body=body_bytes, signatures=[signature]))


def final_header(signed: SignedGenesis, log_root: bytes, state_root: bytes) -> tuple[bytes, Certificate]:
    header = Header(
        parent=fill(0x01),
        height=5,
        view=VIEW,
        leader=VIEW % 4,
        time_ms=TIME_MS + 5_000,
        body_hash=fill(0x02),
        log_size=LOG_LENGTH,
        log_root=log_root,
        state_root=state_root,
    )
    data = canonical(header)
    return data, certificate(signed, (0, 1, 2), VIEW, VOTE_KIND_FINALIZE, block_digest(data))


def receipt(signed: SignedGenesis) -> Receipt:
    result = canonical(Result())
    transactions = [transaction(signed, n) for n in range(LOG_LENGTH)]
    entries = [canonical(LogEntry(transaction=each, result=result)) for each in transactions]
    frontier, created = Frontier().extend([leaf_hash(each) for each in entries])
    nodes = {(level, index): node for level, index, node in created}
    path = inclusion_path(LOG_INDEX, LOG_LENGTH, lambda level, index: nodes[level, index])
    header, finalization = final_header(signed, frontier.root(), fill(0x03))
    return Receipt(
        genesis=signed,
        transaction=transactions[LOG_INDEX],
        result=result,
        log_index=LOG_INDEX,
        inclusion_path=path,
        header=header,
        finalization=finalization,
    )


def receipts() -> dict[str, Any]:
    signed = founding()
    good = receipt(signed)
    other = sign_genesis(genesis(bits=5))
    notarized = certificate(signed, (0, 1, 2), VIEW, VOTE_KIND_NOTARIZE, block_digest(good.header))
    elsewhere = certificate(signed, (0, 1, 2), VIEW + 1, VOTE_KIND_FINALIZE, block_digest(good.header))
    forged = SignedTransaction.FromString(good.transaction)
    forged.signatures[0].signature = bytes(64)
    header = Header.FromString(good.header)
    header.time_ms += 1
    cases: list[tuple[str, bool, Receipt]] = [
        ("good", True, good),
        (
            "another transaction",
            False,
            changed(good, lambda r: setattr(r, "transaction", transaction(signed, 0))),
        ),
        ("a forged signature", False, changed(good, lambda r: setattr(r, "transaction", canonical(forged)))),
        (
            "a result that was not logged",
            False,
            changed(good, lambda r: setattr(r, "result", b"\x12\x01\x00")),
        ),
        ("another index", False, changed(good, lambda r: setattr(r, "log_index", LOG_INDEX + 1))),
        ("an index beyond the log", False, changed(good, lambda r: setattr(r, "log_index", LOG_LENGTH))),
        ("a path cut short", False, changed(good, lambda r: r.inclusion_path.pop())),
        ("a path too long", False, changed(good, lambda r: r.inclusion_path.append(A))),
        ("a changed path", False, changed(good, lambda r: r.inclusion_path.__setitem__(0, A))),
        ("another header", False, changed(good, lambda r: setattr(r, "header", canonical(header)))),
        ("no header", False, changed(good, lambda r: r.ClearField("header"))),
        ("no certificate", False, changed(good, lambda r: r.ClearField("finalization"))),
        ("a notarization only", False, changed(good, lambda r: r.finalization.CopyFrom(notarized))),
        ("a certificate of another view", False, changed(good, lambda r: r.finalization.CopyFrom(elsewhere))),
        ("one vote too few", False, changed(good, lambda r: r.finalization.signatures.pop())),
        ("of another network", False, changed(good, lambda r: r.genesis.CopyFrom(other))),
        ("no founder's signature", False, changed(good, lambda r: r.genesis.ClearField("signatures"))),
    ]
    parsed = SignedTransaction.FromString(good.transaction)
    return {
        "about": "Receipt messages (canonical protobuf, hex), to be verified against `genesis_hash`.",
        "genesis_hash": genesis_hash(signed.body).hex(),
        "body": parsed.body.hex(),
        "height": 5,
        "time_ms": TIME_MS + 5_000,
        "log_index": LOG_INDEX,
        "cases": [{"name": n, "valid": v, "receipt": canonical(r).hex()} for n, v, r in cases],
    }


def state_proof(signed: SignedGenesis, record_key: bytes) -> StateProof:
    records, bits = example_records(), 4
    tree = levels(buckets(records, bits))
    header, finalization = final_header(signed, fill(0x04), tree[-1][0])
    hashed = {each: sha256(b"ayni/v1/state-key\0" + each).digest() for each in (*records, record_key)}
    number = hashed[record_key][0] >> (8 - bits)
    others = sorted(
        hashed[each] + sha256(b"ayni/v1/state-value\0" + value).digest()
        for each, value in records.items()
        if each != record_key and hashed[each][0] >> (8 - bits) == number
    )
    return StateProof(
        genesis=signed,
        key=record_key,
        value=records.get(record_key, b""),
        absent=record_key not in records,
        bucket=others,
        path=siblings(tree, number),
        header=header,
        finalization=finalization,
    )


def state_proofs() -> dict[str, Any]:
    signed = founding()
    good = state_proof(signed, b"b|emilia/m-7|EUC")
    absent = state_proof(signed, b"b|emilia/nobody|EUC")

    def reverse(proof: StateProof) -> None:
        entries = list(proof.bucket)[::-1]
        del proof.bucket[:]
        proof.bucket.extend(entries)

    def deny(proof: StateProof) -> None:
        proof.ClearField("value")
        proof.absent = True

    assert len(good.bucket) > 1
    cases = [
        ("present", True, good),
        ("absent", True, absent),
        ("another value", False, changed(good, lambda p: setattr(p, "value", b"\x08\x02"))),
        ("another key", False, changed(good, lambda p: setattr(p, "key", b"b|emilia/m-8|EUC"))),
        ("absence of what is there", False, changed(good, deny)),
        ("presence of what is not", False, changed(absent, lambda p: p.ClearField("absent"))),
        ("absent, with a value", False, changed(absent, lambda p: setattr(p, "value", b"\x08\x02"))),
        ("an entry left out", False, changed(good, lambda p: p.bucket.pop())),
        ("entries descending", False, changed(good, reverse)),
        ("an entry twice", False, changed(good, lambda p: p.bucket.append(p.bucket[-1]))),
        ("an entry cut short", False, changed(good, lambda p: p.bucket.__setitem__(0, p.bucket[0][:63]))),
        ("a path cut short", False, changed(good, lambda p: p.path.pop())),
        ("a path too long", False, changed(good, lambda p: p.path.append(A))),
        ("a changed path", False, changed(good, lambda p: p.path.__setitem__(0, A))),
        ("no certificate", False, changed(good, lambda p: p.ClearField("finalization"))),
    ]
    return {
        "about": "StateProof messages (canonical protobuf, hex), to be verified against `genesis_hash`.",
        "genesis_hash": genesis_hash(signed.body).hex(),
        "height": 5,
        "cases": [
            {
                "name": n,
                "valid": v,
                "key": p.key.hex(),
                "value": None if p.absent else p.value.hex(),
                "proof": canonical(p).hex(),
            }
            for n, v, p in cases
        ],
    }
