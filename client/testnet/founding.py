"""Founds a network: keys for its federations, and a genesis that all of them signed.

Decides what a genesis made by `ayni testnet create` holds by default. Never writes a file. The meaning of
every field is in proto/ayni/v1/genesis.proto; rule M1 says when a genesis is valid.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ayni.v1 import genesis_pb2
from client.founding import STATE_TREE_BITS_DEFAULT, unsigned, with_signatures
from proofs.signing import SigningKey

FEDERATION_NAMES = ("emilia", "lombardia", "piemonte", "toscana", "umbria", "veneto")
"""The first federations of a test network; more are called "federation-07" and so on."""
VALIDATORS_MAX = 30
DEFAULT_QUOTAS_MINOR = {"EUC": 100_000_000_00, "HRS": 100_000_000 * 60}
"""So large that a test network meets its limits before its quotas; EUC cents, HRS minutes."""

SeedSource = Callable[[str], bytes]
"""Name of a key to its 32-byte seed."""


@dataclass(frozen=True)
class Founder:
    """One founding federation with its secret keys, all distinct."""

    federation: str
    decision: SigningKey
    consensus: SigningKey
    service: SigningKey


def default_units() -> tuple[genesis_pb2.Unit, ...]:
    """Euro credit in cents, and hours in minutes."""
    return (
        genesis_pb2.Unit(code="EUC", scale=100, nature=genesis_pb2.NATURE_MUTUAL_CREDIT),
        genesis_pb2.Unit(code="HRS", scale=60, nature=genesis_pb2.NATURE_HOURS),
    )


@dataclass(frozen=True)
class Founding:
    """What the founders agreed on, before they sign."""

    network: str = "testnet"
    federations: tuple[str, ...] = FEDERATION_NAMES[:4]
    units: tuple[genesis_pb2.Unit, ...] = field(default_factory=default_units)
    parameters: tuple[genesis_pb2.Parameter, ...] = ()
    quotas_minor: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_QUOTAS_MINOR))
    """The quota of every federation, by unit."""
    state_tree_bits: int = STATE_TREE_BITS_DEFAULT


def federation_names(validators: int) -> tuple[str, ...]:
    """Names for so many federations, ascending (a validator's index is its position)."""
    if not 1 <= validators <= VALIDATORS_MAX:
        raise ValueError(f"a network has 1 to {VALIDATORS_MAX} validators, not {validators}")
    known = FEDERATION_NAMES[:validators]
    more = [f"federation-{number:02d}" for number in range(len(known) + 1, validators + 1)]
    return tuple(sorted([*known, *more]))


def random_seeds(name: str) -> bytes:
    """A fresh seed for every key."""
    return secrets.token_bytes(32)


def derived_seeds(root: bytes) -> SeedSource:
    """Seeds derived from `root`: the same keys every time. For demonstrations and tests only."""

    def derive(name: str) -> bytes:
        return hashlib.sha256(b"ayni/testnet-seed\0" + root + name.encode()).digest()

    return derive


def make_founders(federations: Sequence[str], seeds: SeedSource = random_seeds) -> tuple[Founder, ...]:
    """Makes every founder's keys."""
    return tuple(
        Founder(name, *(SigningKey(seeds(f"{name} {use}")) for use in ("decision", "consensus", "service")))
        for name in federations
    )


def found(founding: Founding, founders: Sequence[Founder], time_ms: int) -> genesis_pb2.SignedGenesis:
    """The genesis of `founding` at `time_ms` (Unix milliseconds), signed by every founder."""
    genesis = genesis_pb2.Genesis(
        network=founding.network, time_ms=time_ms, state_tree_bits=founding.state_tree_bits
    )
    units = sorted(founding.units, key=lambda unit: unit.code)
    parameters = sorted(founding.parameters, key=lambda parameter: (parameter.name, parameter.unit))
    genesis.units.extend(units)
    genesis.parameters.extend(parameters)
    for founder in sorted(founders, key=lambda each: each.federation):
        federation = genesis.federations.add(
            name=founder.federation,
            consensus_key=founder.consensus.public_key,
            service_key=founder.service.public_key,
        )
        federation.decision_keys.threshold = 1
        federation.decision_keys.public_keys.append(founder.decision.public_key)
        for unit, amount in sorted(founding.quotas_minor.items()):
            genesis.quotas.add(federation=founder.federation, unit=unit, amount_minor=amount)
    return with_signatures(unsigned(genesis), [founder.decision for founder in founders]).signed
