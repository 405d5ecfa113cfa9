"""Four founding federations with fixed keys, and the votes and certificates they sign. For tests."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from ayni.v1.block_pb2 import Certificate, MemberSignature, Vote, VoteKind
from ayni.v1.genesis_pb2 import (
    NATURE_HOURS,
    NATURE_MUTUAL_CREDIT,
    Federation,
    Genesis,
    Quota,
    SignedGenesis,
    Unit,
)
from ayni.v1.keys_pb2 import KeySet, Signature
from proofs.domains import genesis_hash, genesis_message, vote_message
from proofs.signing import SigningKey

NAMES = ("andes", "emilia", "japan", "quebec")
TIME_MS = 1_700_000_000_000
QUOTA_MINOR = 10**12


@cache
def key(name: str) -> SigningKey:
    """The key that belongs to a name, in every test: "emilia/consensus", "emilia/cadiai" …"""
    return SigningKey(sha256(b"ayni test key " + name.encode()).digest())


def canonical(message: object) -> bytes:
    data: bytes = message.SerializeToString(deterministic=True)  # type: ignore[attr-defined]
    return data


def genesis(names: tuple[str, ...] = NAMES, bits: int = 4) -> Genesis:
    federations = [
        Federation(
            name=name,
            decision_keys=KeySet(threshold=1, public_keys=[key(f"{name}/decision").public_key]),
            consensus_key=key(f"{name}/consensus").public_key,
            service_key=key(f"{name}/service").public_key,
        )
        for name in names
    ]
    units = [
        Unit(code="EUC", scale=100, nature=NATURE_MUTUAL_CREDIT),
        Unit(code="HRS", scale=60, nature=NATURE_HOURS),
    ]
    quotas = [
        Quota(federation=name, unit=unit.code, amount_minor=QUOTA_MINOR) for name in names for unit in units
    ]
    return Genesis(
        network="test",
        time_ms=TIME_MS,
        state_tree_bits=bits,
        federations=federations,
        units=units,
        quotas=quotas,
    )


def sign_genesis(document: Genesis) -> SignedGenesis:
    body = canonical(document)
    message = genesis_message(genesis_hash(body))
    keys = sorted(
        (key(f"{federation.name}/decision") for federation in document.federations),
        key=lambda each: each.public_key,
    )
    signatures = [Signature(public_key=each.public_key, signature=each.sign(message)) for each in keys]
    return SignedGenesis(body=body, signatures=signatures)


def vote(
    signed: SignedGenesis, member: int, view: int, kind: VoteKind, digest: bytes = b"", epoch: int = 0
) -> Vote:
    """A member's vote; `member` is its index among the genesis' federations."""
    name = Genesis.FromString(signed.body).federations[member].name
    message = vote_message(genesis_hash(signed.body), epoch, view, kind, digest)
    signature = key(f"{name}/consensus").sign(message)
    return Vote(epoch=epoch, view=view, kind=kind, digest=digest, member=member, signature=signature)


def certificate(
    signed: SignedGenesis, members: tuple[int, ...], view: int, kind: VoteKind, digest: bytes = b""
) -> Certificate:
    votes = [vote(signed, member, view, kind, digest) for member in members]
    return Certificate(
        view=view,
        kind=kind,
        digest=digest,
        signatures=[MemberSignature(member=each.member, signature=each.signature) for each in votes],
    )
