"""The configuration of one node, as values.

Decides which keys there are, their types, defaults and meaning (`REFERENCE` is drawn from here, and
docs/operations.md repeats it). Never reads a file, the environment or the network; see `config.load`.

A file looks like this; paths are relative to the file:

    [node]
    data_dir = "data"
    genesis = "genesis.bin"
    consensus_key = "consensus.key"
    service_key = "service.key"

    [listen]
    client = "0.0.0.0:7410"
    peer = "0.0.0.0:7411"

    [tls]
    certificate = "node.crt"
    key = "node.tls.key"

    [[peers]]
    federation = "lombardia"
    address = "node.lombardia.example:7411"
    certificate = "lombardia.crt"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

NO_PATH = Path()
"""An optional path that was not given."""


def says(doc: str, *, required: bool = False, kind: str = "") -> dict[str, Any]:
    """The metadata of a key: its one-line meaning; `kind` is "address" or "" (the annotated type)."""
    return {"doc": doc, "required": required, "kind": kind}


@dataclass(frozen=True)
class NodeSection:
    """Who this node is and where it keeps things."""

    data_dir: Path = field(
        default=NO_PATH, metadata=says("directory of the database; made when absent", required=True)
    )
    genesis: Path = field(
        default=NO_PATH, metadata=says("the signed genesis (protobuf `SignedGenesis`)", required=True)
    )
    consensus_key: Path = field(
        default=NO_PATH, metadata=says("key file this node votes with, mode 0600", required=True)
    )
    service_key: Path = field(
        default=NO_PATH,
        metadata=says("key file this node closes periods with, mode 0600; none: it closes none"),
    )
    close_periods: bool = field(
        default=True, metadata=says("close a period by itself as soon as it may be closed")
    )


@dataclass(frozen=True)
class ListenSection:
    """Where it listens: host:port; port 0 takes a free one."""

    client: str = field(default="127.0.0.1:7410", metadata=says("for clients (TLS)", kind="address"))
    peer: str = field(
        default="127.0.0.1:7411", metadata=says("for other validators (mutual TLS)", kind="address")
    )
    admin: str = field(
        default="127.0.0.1:7412", metadata=says("for the sysadmin; loopback only, no TLS", kind="address")
    )
    metrics: str = field(
        default="127.0.0.1:7413",
        metadata=says('Prometheus metrics over HTTP, and /healthz; "" for none', kind="address"),
    )


@dataclass(frozen=True)
class TlsSection:
    """This node's certificate (PEM; ECDSA P-256, self-signed will do: others pin it)."""

    certificate: Path = field(default=NO_PATH, metadata=says("certificate, PEM", required=True))
    key: Path = field(default=NO_PATH, metadata=says("its private key, PEM, mode 0600", required=True))


@dataclass(frozen=True)
class PeerSection:
    """One other validator; one `[[peers]]` for each other federation of the genesis."""

    federation: str = field(default="", metadata=says("its federation, as in the genesis", required=True))
    address: str = field(
        default="", metadata=says("host:port of its `listen.peer`", required=True, kind="address")
    )
    certificate: Path = field(default=NO_PATH, metadata=says("its certificate, PEM: pinned", required=True))


@dataclass(frozen=True)
class ConsensusSection:
    """Timers of the round (rules C1 to C12)."""

    timeout_ms: int = field(
        default=1_000, metadata=says("a view without progress is given up after this long")
    )
    timeout_max_ms: int = field(
        default=10_000, metadata=says("to which the timeout grows while views keep failing")
    )
    heartbeat_ms: int = field(
        default=60_000, metadata=says("a quiet network makes an empty block after this long")
    )


@dataclass(frozen=True)
class MempoolSection:
    """Bounds on what waits to be included."""

    transactions_max: int = field(default=50_000, metadata=says("transactions waiting, at most"))
    bytes_max: int = field(
        default=32 * 1024 * 1024,
        metadata=says("bytes waiting, at most; in memory each takes seven to fifteen"),
    )
    per_organisation_max: int = field(
        default=20_000, metadata=says("transactions waiting of one organisation, at most")
    )


@dataclass(frozen=True)
class LogSection:
    """What it says about itself, on standard error."""

    level: str = field(default="info", metadata=says('"debug", "info", "warning" or "error"'))
    format: str = field(default="console", metadata=says('"console" for people, "json" for machines'))


@dataclass(frozen=True)
class NodeConfig:
    """Everything a node is told. Paths are absolute once loaded."""

    node: NodeSection = field(default_factory=NodeSection)
    listen: ListenSection = field(default_factory=ListenSection)
    tls: TlsSection = field(default_factory=TlsSection)
    peers: tuple[PeerSection, ...] = ()
    consensus: ConsensusSection = field(default_factory=ConsensusSection)
    mempool: MempoolSection = field(default_factory=MempoolSection)
    log: LogSection = field(default_factory=LogSection)
    source: str = ""
    """The file it was read from, for messages."""
    unknown_variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that set nothing, each with the one that it may have meant, or ""."""


SECTIONS: dict[str, type] = {
    "node": NodeSection,
    "listen": ListenSection,
    "tls": TlsSection,
    "consensus": ConsensusSection,
    "mempool": MempoolSection,
    "log": LogSection,
}
"""The plain sections by name; `[[peers]]` is a list of `PeerSection`."""

INTEGER_BOUNDS: dict[str, tuple[int, int]] = {
    "consensus.timeout_ms": (20, 60_000),
    "consensus.timeout_max_ms": (20, 600_000),
    "consensus.heartbeat_ms": (100, 3_600_000),
    "mempool.transactions_max": (1, 1_000_000),
    "mempool.bytes_max": (8 * 1024 * 1024, 8 * 1024**3),
    "mempool.per_organisation_max": (1, 1_000_000),
}
"""Least and greatest value of every integer key."""

CHOICES: dict[str, tuple[str, ...]] = {
    "log.level": ("debug", "info", "warning", "error"),
    "log.format": ("console", "json"),
}
"""What the keys that name one of a few may say."""

PEERS_MAX = 29
"""A network has at most thirty members."""


def reference() -> str:
    """Every key with its meaning and default, one a line, in the order of the file."""
    lines = []
    for name, section in [*SECTIONS.items(), ("peers", PeerSection)]:
        lines.append(f"[[{name}]]" if name == "peers" else f"[{name}]")
        for item in fields(section):
            lines.append(f"  {item.name:<22}{item.metadata['doc']} ({_default_words(item)})")
    return "\n".join(lines)


def _default_words(item: Any) -> str:
    if item.metadata["required"]:
        return "required"
    if item.default == NO_PATH:
        return "none"
    if isinstance(item.default, bool):
        return "true" if item.default else "false"
    return f'"{item.default}"' if isinstance(item.default, str) else str(item.default)
