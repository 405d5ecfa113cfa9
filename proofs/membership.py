"""Who the members of a network are, according to its signed genesis, and how many make a quorum.

Decides that every founder signed, and that the keys are safe and distinct (M1). Never judges the rest of
the genesis (units, parameters, quotas): `ledger/genesis.py` does.
"""

from dataclasses import dataclass

from ayni.v1.genesis_pb2 import Federation, Genesis, SignedGenesis
from proofs.domains import genesis_hash, genesis_message
from proofs.parsing import NotParsed, parse
from proofs.signing import KeyUnsafe, SignatureInvalid, check_public_key, verify
from proofs.statetree import BITS_MAX
from proofs.words import printable

MEMBERS_MAX = 30
KEYS_MAX = 16


class MembershipInvalid(ValueError):
    """The genesis does not say, provably, who the members are."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True, slots=True)
class Member:
    """One founding federation and the key it votes with."""

    name: str
    consensus_key: bytes


@dataclass(frozen=True, slots=True)
class Membership:
    """The validators of epoch 0; a validator's index is its position."""

    genesis_hash: bytes
    members: tuple[Member, ...]
    state_tree_bits: int

    @property
    def quorum(self) -> int:
        """The number of votes that make a certificate."""
        return quorum(len(self.members))


def quorum(members: int) -> int:
    """Return how many of n members make a quorum: n − (n−1)//3."""
    return members - (members - 1) // 3


def membership_of(signed_genesis: SignedGenesis) -> Membership:
    """Return the membership of a genesis that every founder signed. Raises `MembershipInvalid`."""
    genesis = check_founding(signed_genesis.body)
    signed = signatures_of(signed_genesis, genesis)
    for federation in genesis.federations:
        threshold = federation.decision_keys.threshold
        if signed[federation.name] < threshold:
            raise MembershipInvalid(
                f"{federation.name} signed with {signed[federation.name]} of the {threshold} "
                "decision keys it needs"
            )
    members = tuple(Member(federation.name, federation.consensus_key) for federation in genesis.federations)
    return Membership(genesis_hash(signed_genesis.body), members, genesis.state_tree_bits)


def check_founding(body: bytes) -> Genesis:
    """Return what a genesis says, its members and their keys checked, whoever has signed it yet.

    Raises `MembershipInvalid`.
    """
    try:
        genesis = parse(Genesis, body, "genesis")
    except NotParsed as error:
        raise MembershipInvalid(str(error)) from None
    if not 1 <= len(genesis.federations) <= MEMBERS_MAX:
        raise MembershipInvalid(
            f"a network has 1 to {MEMBERS_MAX} federations, this genesis names {len(genesis.federations)}"
        )
    if not 1 <= genesis.state_tree_bits <= BITS_MAX:
        raise MembershipInvalid(f"state_tree_bits is 1 to {BITS_MAX}, not {genesis.state_tree_bits}")
    names = [federation.name for federation in genesis.federations]
    if names != sorted(set(names)):
        raise MembershipInvalid("the federations are not in ascending order, each once")
    _check_keys(list(genesis.federations))
    return genesis


def signatures_of(signed_genesis: SignedGenesis, genesis: Genesis) -> dict[str, int]:
    """Return with how many of its decision keys each federation has signed, in the genesis's order.

    Raises `MembershipInvalid`: a signature is nobody's or not right, or they are not in order.
    """
    message = genesis_message(genesis_hash(signed_genesis.body))
    signers = [signature.public_key for signature in signed_genesis.signatures]
    if signers != sorted(set(signers)):
        raise MembershipInvalid("the founders' signatures are not ascending by key, each once")
    owner = {key: one.name for one in genesis.federations for key in one.decision_keys.public_keys}
    signed = {federation.name: 0 for federation in genesis.federations}
    for signature in signed_genesis.signatures:
        if signature.public_key not in owner:
            raise MembershipInvalid(f"the key {signature.public_key.hex()} is no founder's decision key")
        try:
            verify(signature.public_key, message, signature.signature)
        except SignatureInvalid as error:
            raise MembershipInvalid(f"founder's signature: {error}") from None
        signed[owner[signature.public_key]] += 1
    return signed


def _check_keys(federations: list[Federation]) -> None:
    seen: set[bytes] = set()
    for federation in federations:
        decision = federation.decision_keys
        keys = list(decision.public_keys)
        if not 1 <= len(keys) <= KEYS_MAX or not 1 <= decision.threshold <= len(keys):
            raise MembershipInvalid(
                f"{federation.name}: {decision.threshold} of {len(keys)} decision keys; "
                f"a key set has 1 to {KEYS_MAX} keys and a threshold of 1 to their number"
            )
        if keys != sorted(set(keys)):
            raise MembershipInvalid(f"{federation.name}: the decision keys are not ascending, each once")
        for key in (*keys, federation.consensus_key, federation.service_key):
            try:
                check_public_key(key)
            except KeyUnsafe as error:
                raise MembershipInvalid(f"{federation.name}: {error}") from None
            if key in seen:
                raise MembershipInvalid(f"{federation.name}: the key {key.hex()} is used twice")
            seen.add(key)
