"""Which networks this person knows: name, pinned genesis, nodes and their pinned certificates.

Decides what is trusted before any node is asked: the genesis hash and the certificates. Never opens a
connection. One file, `networks.json`, in the Ayni home; beside it each network's genesis file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from ayni.v1 import genesis_pb2
from client.documents import read_bounded, read_object
from client.errors import NotFound, UsageProblem
from client.files import make_private, write_atomically
from proofs.domains import genesis_hash

FILE_VERSION = 1
FILE_BYTES_MAX = 4 << 20
GENESIS_BYTES_MAX = 1 << 20
NETWORK_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}")


@dataclass(frozen=True)
class NodeAddress:
    """Where a node answers clients."""

    address: str
    """host:port"""
    certificate_pem: bytes = b""
    """The node's certificate, pinned. Empty: no TLS, which is only allowed on loopback."""

    @property
    def loopback(self) -> bool:
        host = self.address.rpartition(":")[0].strip("[]")
        return host == "localhost" or host == "::1" or host.startswith("127.")


@dataclass(frozen=True)
class Network:
    """One network as this person pinned it."""

    name: str
    genesis_hash: bytes
    signed_genesis: bytes
    """Canonical SignedGenesis bytes."""
    nodes: tuple[NodeAddress, ...]

    def genesis(self) -> genesis_pb2.Genesis:
        """The founding document."""
        signed = genesis_pb2.SignedGenesis.FromString(self.signed_genesis)
        return genesis_pb2.Genesis.FromString(signed.body)


@dataclass(frozen=True)
class Networks:
    """All that the file holds."""

    entries: dict[str, Network]
    current: str = ""

    def get(self, name: str) -> Network:
        """The network of that name, or the one in use when `name` is empty. Raises UsageProblem, NotFound."""
        wanted = name or self.current
        if not wanted and len(self.entries) == 1:
            return next(iter(self.entries.values()))
        if not wanted:
            raise UsageProblem(
                "No network was chosen.",
                f"This home knows {len(self.entries)} networks and none is in use.",
                "Add one with `ayni network add NAME --genesis FILE --node HOST:PORT`, or use --network.",
            )
        if wanted not in self.entries:
            known = ", ".join(sorted(self.entries)) or "none"
            raise NotFound(
                f"The network '{wanted}' is not known here.",
                f"Known: {known}.",
                "Add it with `ayni network add NAME --genesis FILE --node HOST:PORT`.",
            )
        return self.entries[wanted]


def read_genesis_file(path: Path) -> tuple[bytes, bytes]:
    """Reads a genesis file: (SignedGenesis bytes, genesis hash). Raises UsageProblem.

    It is checked as a node checks it: canonical bytes, bounds, founders' signatures (M1).
    """
    from ledger.genesis import read_genesis

    try:
        raw = read_bounded(path, GENESIS_BYTES_MAX)
        founding = read_genesis(raw)
    except OSError as error:
        raise UsageProblem(
            f"The genesis file {path} cannot be read.",
            f"{error.strerror}.",
            "Give the file your federation published.",
        ) from error
    except ValueError as error:
        raise UsageProblem(
            f"{path} is not a valid genesis.", f"{error}.", "Ask your federation for the genesis file again."
        ) from error
    return raw, founding.hash


def networks_file(home: Path) -> Path:
    """Where it is kept which networks are known."""
    return home / "networks.json"


def load_networks(home: Path) -> Networks:
    """Reads what `home` knows; an absent file is no network. Raises UsageProblem when it is damaged."""
    path = networks_file(home)
    if not path.exists():
        return Networks({})
    try:
        document = read_object(path, FILE_BYTES_MAX)
        if document["version"] != FILE_VERSION:
            raise ValueError(f"its version is {document['version']}, and this program reads {FILE_VERSION}")
        entries = {name: _network(home, name, entry) for name, entry in document["networks"].items()}
        return Networks(entries, document.get("current", ""))
    except OSError as error:
        raise UsageProblem(
            f"The networks file {path} cannot be read.",
            f"{error.filename or path}: {error.strerror}.",
            "See who may read it; if it is gone, put it back from a copy of the home.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, DecodeError) as error:
        raise UsageProblem(
            f"The networks file {path} cannot be read.",
            f"{error}.",
            "Move it away and add your networks again.",
        ) from error


def save_networks(home: Path, networks: Networks) -> None:
    """Writes the file, and each network's genesis beside it, atomically."""
    make_private(home / "networks")
    entries: dict[str, Any] = {}
    for name, network in sorted(networks.entries.items()):
        write_atomically(home / "networks" / f"{name}.genesis", network.signed_genesis)
        entries[name] = {
            "genesis": f"networks/{name}.genesis",
            "genesis_hash": network.genesis_hash.hex(),
            "nodes": [
                {"address": node.address, "certificate_pem": node.certificate_pem.decode("ascii")}
                for node in network.nodes
            ],
        }
    document = {"version": FILE_VERSION, "current": networks.current, "networks": entries}
    write_atomically(networks_file(home), json.dumps(document, indent=2).encode() + b"\n")


def _network(home: Path, name: str, entry: dict[str, Any]) -> Network:
    signed_genesis = read_bounded(home / entry["genesis"], GENESIS_BYTES_MAX)
    pinned = bytes.fromhex(entry["genesis_hash"])
    actual = genesis_hash(genesis_pb2.SignedGenesis.FromString(signed_genesis).body)
    if actual != pinned:
        raise ValueError(f"the genesis of '{name}' hashes to {actual.hex()}, but {pinned.hex()} is pinned")
    nodes = tuple(
        NodeAddress(node["address"], node["certificate_pem"].encode("ascii")) for node in entry["nodes"]
    )
    return Network(name, pinned, signed_genesis, nodes)
