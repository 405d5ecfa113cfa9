"""A network made for tests: founders with keys from a fixed seed, their genesis, and node configurations."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ayni.v1 import genesis_pb2, keys_pb2
from client.testnet.ports import free_ports
from config import (
    ConsensusSection,
    ListenSection,
    LogSection,
    MempoolSection,
    NodeConfig,
    NodeSection,
    PeerSection,
    TlsSection,
    make_certificate,
    write_key_file,
    write_toml,
)
from proofs.domains import genesis_hash, genesis_message
from proofs.signing import SigningKey

NAMES = ("emilia", "japan", "lombardia", "quebec")
GENESIS_TIME_MS = 1_700_000_000_000


def key_of(*words: object) -> SigningKey:
    """A key that is always the same for the same words."""
    return SigningKey(sha256("/".join(map(str, words)).encode()).digest())


@dataclass(frozen=True)
class Founder:
    """One federation's keys."""

    name: str

    @property
    def decision(self) -> SigningKey:
        return key_of(self.name, "decision")

    @property
    def consensus(self) -> SigningKey:
        return key_of(self.name, "consensus")

    @property
    def service(self) -> SigningKey:
        return key_of(self.name, "service")


def signed_genesis(
    names: tuple[str, ...] = NAMES, *, network: str = "test", period_min_ms: int = 1_000
) -> genesis_pb2.SignedGenesis:
    """A genesis with units EUC and HRS, signed by every founder."""
    founders = [Founder(name) for name in sorted(names)]
    genesis = genesis_pb2.Genesis(
        network=network,
        time_ms=GENESIS_TIME_MS,
        state_tree_bits=8,
        federations=[
            genesis_pb2.Federation(
                name=founder.name,
                decision_keys=keys_pb2.KeySet(threshold=1, public_keys=[founder.decision.public_key]),
                consensus_key=founder.consensus.public_key,
                service_key=founder.service.public_key,
            )
            for founder in founders
        ],
        units=[
            genesis_pb2.Unit(code="EUC", scale=100, nature=genesis_pb2.NATURE_MUTUAL_CREDIT),
            genesis_pb2.Unit(code="HRS", scale=60, nature=genesis_pb2.NATURE_HOURS),
        ],
        parameters=[
            genesis_pb2.Parameter(name=genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS, value=period_min_ms)
        ],
        quotas=[
            genesis_pb2.Quota(federation=founder.name, unit=unit, amount_minor=10**9)
            for founder in founders
            for unit in ("EUC", "HRS")
        ],
    )
    body = genesis.SerializeToString(deterministic=True)
    message = genesis_message(genesis_hash(body))
    signatures = [
        keys_pb2.Signature(public_key=founder.decision.public_key, signature=founder.decision.sign(message))
        for founder in sorted(founders, key=lambda each: each.decision.public_key)
    ]
    return genesis_pb2.SignedGenesis(body=body, signatures=signatures)


def write_network(
    directory: Path,
    names: tuple[str, ...] = NAMES,
    *,
    consensus: ConsensusSection | None = None,
    mempool: MempoolSection | None = None,
    close_periods: bool = False,
    period_min_ms: int = 1_000,
) -> list[NodeConfig]:
    """Writes genesis, keys, certificates and one `node.toml` for each federation; returns the configs."""
    names = tuple(sorted(names))
    signed = signed_genesis(names, period_min_ms=period_min_ms)
    (directory / "genesis.bin").write_bytes(signed.SerializeToString(deterministic=True))
    ports = free_ports(4 * len(names))
    for name in names:
        home = directory / name
        home.mkdir()
        write_key_file(home / "consensus.key", Founder(name).consensus.seed)
        write_key_file(home / "service.key", Founder(name).service.seed)
        certificate, private = make_certificate(name)
        (home / "node.crt").write_bytes(certificate)
        (home / "node.tls.key").touch(mode=0o600)
        (home / "node.tls.key").write_bytes(private)
    configs = []
    for index, name in enumerate(names):
        home = directory / name
        client, peer, admin, metrics = (f"127.0.0.1:{port}" for port in ports[4 * index : 4 * index + 4])
        config = NodeConfig(
            node=NodeSection(
                home / "data",
                directory / "genesis.bin",
                home / "consensus.key",
                home / "service.key",
                close_periods,
            ),
            listen=ListenSection(client, peer, admin, metrics),
            tls=TlsSection(home / "node.crt", home / "node.tls.key"),
            peers=tuple(
                PeerSection(other, f"127.0.0.1:{ports[4 * at + 1]}", directory / other / "node.crt")
                for at, other in enumerate(names)
                if other != name
            ),
            consensus=consensus or ConsensusSection(timeout_ms=500, timeout_max_ms=2_000),
            mempool=mempool or MempoolSection(),
            log=LogSection("debug", "console"),
        )
        write_toml(config, home / "node.toml")
        configs.append(config)
    return configs
