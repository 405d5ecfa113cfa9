"""A genesis that its founders sign one after the other: who has, and who must still.

What a genesis may say is M1's (ledger/genesis.py); the files that founders write are read in
client/cli/founding_files.py. Never reads or writes a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ayni.v1 import genesis_pb2, keys_pb2
from ledger.genesis import GenesisInvalid, read_founding
from ledger.wire import NotCanonical, check
from proofs.domains import genesis_hash, genesis_message
from proofs.membership import MembershipInvalid, signatures_of
from proofs.signing import SigningKey

STATE_TREE_BITS_DEFAULT = 18
"""At a million accounts, with two records each, a bucket then holds eight."""


class Founding(NamedTuple):
    """A genesis that some of its founders may not have signed yet."""

    signed: genesis_pb2.SignedGenesis
    genesis: genesis_pb2.Genesis
    signatures: Mapping[str, int]
    """With how many of its decision keys each federation has signed."""

    @property
    def hash(self) -> bytes:
        """The genesis hash: who signs it signs every byte of what it says."""
        return genesis_hash(self.signed.body)

    @property
    def missing(self) -> dict[str, int]:
        """How many signatures each federation still owes; empty when a network can start from it."""
        left = {
            one.name: one.decision_keys.threshold - self.signatures[one.name]
            for one in self.genesis.federations
        }
        return {name: count for name, count in left.items() if count > 0}


def read(data: bytes) -> Founding:
    """What is in the bytes of a genesis, signed or not. Raises ValueError."""
    try:
        signed = check(genesis_pb2.SignedGenesis, data)
        genesis = read_founding(signed.body)
        return Founding(signed, genesis, signatures_of(signed, genesis))
    except (NotCanonical, MembershipInvalid, GenesisInvalid) as error:
        raise ValueError(str(error)) from None


def unsigned(genesis: genesis_pb2.Genesis) -> Founding:
    """A genesis that nobody has signed yet. Raises ValueError: it is none."""
    body = genesis.SerializeToString(deterministic=True)
    return read(genesis_pb2.SignedGenesis(body=body).SerializeToString(deterministic=True))


def with_signatures(founding: Founding, keys: Iterable[SigningKey]) -> Founding:
    """The same, signed with these decision keys too. Raises ValueError: one is nobody's."""
    message = genesis_message(founding.hash)
    signatures = {one.public_key: one.signature for one in founding.signed.signatures}
    signatures |= {key.public_key: key.sign(message) for key in keys}
    signed = genesis_pb2.SignedGenesis(
        body=founding.signed.body,
        signatures=[
            keys_pb2.Signature(public_key=key, signature=signatures[key]) for key in sorted(signatures)
        ],
    )
    return read(signed.SerializeToString(deterministic=True))
