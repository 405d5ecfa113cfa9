"""What is wrong with what a configuration points to: files, permissions, ports, peers, certificates.

`check` lists every problem it finds, none hides another. It reads files and tries ports; it changes
nothing and connects to nobody. `ayni config check` prints the list, a starting node refuses to start on it.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import DecodeError

from ayni.v1 import genesis_pb2
from config.keyfiles import public_key_of, read_key_file
from config.load import ConfigError, split_address
from config.model import NO_PATH, NodeConfig
from proofs.words import printable

GENESIS_BYTES_MAX = 4 * 1024 * 1024
PEM_BYTES_MAX = 1024 * 1024
EXPIRY_WARNING_DAYS = 30


class Problem(NamedTuple):
    """One thing that is wrong."""

    key: str
    """The key of the configuration, "peers[2].certificate"."""
    message: str
    """The fact, the figures, and what to do."""
    fatal: bool = True
    """False: the node starts, and warns."""

    def __str__(self) -> str:
        return printable(f"{self.key}: {self.message}")


def check(config: NodeConfig, *, ports: bool = True) -> list[Problem]:
    """Everything that is wrong with `config`, fatal and not; `ports` False while the node runs."""
    problems = [*_data_dir(config.node.data_dir), *_timers(config)]
    genesis = _genesis(config.node.genesis, problems)
    consensus_key = _public_key("node.consensus_key", config.node.consensus_key, problems)
    own = _own_federation(genesis, consensus_key, problems)
    problems += _service_key(config, genesis)
    problems += _peers(config, genesis, own)
    problems += _tls(config)
    problems += _addresses(config, ports)
    problems += _variables(config)
    return problems


def _data_dir(path: Path) -> list[Problem]:
    existing = path
    try:
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
    except OSError as error:
        return [Problem("node.data_dir", f"{path} is no path: {error.strerror}; correct it")]
    if not existing.is_dir():
        return [Problem("node.data_dir", f"{existing} is not a directory; give a directory")]
    if not os.access(existing, os.R_OK | os.W_OK | os.X_OK):
        text = f"{existing} is not readable and writable for this user; change its owner"
        return [Problem("node.data_dir", text)]
    return []


def _timers(config: NodeConfig) -> list[Problem]:
    consensus = config.consensus
    if consensus.timeout_ms > consensus.timeout_max_ms:
        text = (
            f"{consensus.timeout_ms} is above consensus.timeout_max_ms {consensus.timeout_max_ms}; lower it"
        )
        return [Problem("consensus.timeout_ms", text)]
    return []


def _genesis(path: Path, problems: list[Problem]) -> genesis_pb2.Genesis | None:
    """The founding document, unverified: whether its founders signed it is checked when the node starts."""
    content = _read("node.genesis", path, GENESIS_BYTES_MAX, problems)
    if content is None:
        return None
    try:
        signed = genesis_pb2.SignedGenesis.FromString(content)
        genesis = genesis_pb2.Genesis.FromString(signed.body)
    except DecodeError:
        genesis = genesis_pb2.Genesis()
    if not genesis.federations:
        problems.append(
            Problem("node.genesis", f"{path} is not a signed genesis; get the file from a founder")
        )
        return None
    return genesis


def _public_key(key: str, path: Path, problems: list[Problem]) -> bytes | None:
    try:
        return public_key_of(read_key_file(path))
    except ConfigError as error:
        problems.append(Problem(key, str(error)))
        return None


def _own_federation(
    genesis: genesis_pb2.Genesis | None, consensus_key: bytes | None, problems: list[Problem]
) -> str | None:
    if genesis is None or consensus_key is None:
        return None
    for federation in genesis.federations:
        if federation.consensus_key == consensus_key:
            return federation.name
    names = ", ".join(federation.name for federation in genesis.federations)
    text = f"is the key of no federation of this genesis ({names}); use the key given when it was founded"
    problems.append(Problem("node.consensus_key", text))
    return None


def _service_key(config: NodeConfig, genesis: genesis_pb2.Genesis | None) -> list[Problem]:
    if config.node.service_key == NO_PATH:
        return []
    problems: list[Problem] = []
    service_key = _public_key("node.service_key", config.node.service_key, problems)
    if service_key and genesis and all(each.service_key != service_key for each in genesis.federations):
        text = "is the service key of no federation of this genesis; use the right one, or leave it out"
        problems.append(Problem("node.service_key", text))
    return problems


def _peers(config: NodeConfig, genesis: genesis_pb2.Genesis | None, own: str | None) -> list[Problem]:
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, peer in enumerate(config.peers):
        where = f"peers[{index}]"
        if peer.federation in seen:
            problems.append(
                Problem(f"{where}.federation", f'"{peer.federation}" is listed twice; remove one')
            )
        if peer.federation == own:
            problems.append(
                Problem(f"{where}.federation", f'"{peer.federation}" is this node itself; remove it')
            )
        seen.add(peer.federation)
        problems += _certificate(f"{where}.certificate", peer.certificate, pinned=True)
    if genesis is None or own is None:
        return problems
    names = [federation.name for federation in genesis.federations]
    for index, peer in enumerate(config.peers):
        if peer.federation not in names:
            text = f'"{peer.federation}" is no federation of this genesis; there are {", ".join(names)}'
            problems.append(Problem(f"peers[{index}].federation", text))
    for name in names:
        if name != own and name not in seen:
            text = f'"{name}" of the genesis is missing; add a [[peers]] with its address and certificate'
            problems.append(Problem("peers", text))
    return problems


def _tls(config: NodeConfig) -> list[Problem]:
    problems = _certificate("tls.certificate", config.tls.certificate, pinned=False)
    content = _read("tls.key", config.tls.key, PEM_BYTES_MAX, problems)
    if content is None:
        return problems
    if config.tls.key.stat().st_mode & 0o077:
        text = f"others may read {config.tls.key}; run: chmod 600 {config.tls.key}"
        problems.append(Problem("tls.key", text))
    try:
        key = serialization.load_pem_private_key(content, None)
    except (ValueError, TypeError):
        text = f"{config.tls.key} is not an unencrypted PEM private key; make a new certificate and key"
        return [*problems, Problem("tls.key", text)]
    if problems:
        return problems
    certificate = x509.load_pem_x509_certificate(config.tls.certificate.read_bytes())
    if certificate.public_key() != key.public_key():
        text = f"{config.tls.key} does not belong to the certificate {config.tls.certificate}; use the pair"
        problems.append(Problem("tls.key", text))
    return problems


def _certificate(key: str, path: Path, *, pinned: bool) -> list[Problem]:
    problems: list[Problem] = []
    content = _read(key, path, PEM_BYTES_MAX, problems)
    if content is None:
        return problems
    try:
        certificate = x509.load_pem_x509_certificate(content)
    except ValueError:
        return [Problem(key, f"{path} is not a PEM certificate; get the file again")]
    if not isinstance(certificate.public_key(), ec.EllipticCurvePublicKey):
        text = f"{path} is not an ECDSA certificate (Ed25519 fails in gRPC); make one with ECDSA P-256"
        problems.append(Problem(key, text))
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if left < datetime.timedelta(days=EXPIRY_WARNING_DAYS):
        whose = "ask its federation for a new one" if pinned else "make a new one and send it to the others"
        state = "has expired" if left < datetime.timedelta() else f"expires in {left.days} days"
        problems.append(Problem(key, f"{path} {state}; {whose}", fatal=False))
    return problems


def _addresses(config: NodeConfig, ports: bool) -> list[Problem]:
    problems = []
    host, _ = split_address(config.listen.admin, "listen.admin")
    if not _is_loopback(host):
        text = f"{host} is not loopback, and anyone who reaches it can stop the node; use 127.0.0.1"
        problems.append(Problem("listen.admin", text))
    seen: list[tuple[str, int, str]] = []
    for name in ("client", "peer", "admin", "metrics"):
        address = getattr(config.listen, name)
        if not address:
            if name != "metrics":
                problems.append(Problem(f"listen.{name}", "is empty; give host:port"))
            continue
        host, port = split_address(address, f"listen.{name}")
        same = [other for one, taken, other in seen if port == taken and _overlap(host, one)]
        if port and same:
            text = f"{address} is also listen.{same[0]}; give each its own port"
            problems.append(Problem(f"listen.{name}", text))
        elif ports and port:
            problems += _port_taken(f"listen.{name}", host, port)
        seen.append((host, port, name))
    return problems


def _variables(config: NodeConfig) -> list[Problem]:
    """Not fatal: another program may have set them."""
    problems = []
    for name, meant in config.unknown_variables.items():
        hint = f"did you mean {meant}?" if meant else "correct it (`ayni config reference`), or unset it"
        text = f"it sets nothing, for there is no such key; {hint}"
        problems.append(Problem(f"environment variable {name}", text, fatal=False))
    return problems


def _overlap(host: str, other: str) -> bool:
    """Whether both are one address of this machine: every address is any."""
    return host == other or bool({host, other} & {"0.0.0.0", "::"})


def _port_taken(key: str, host: str, port: int) -> list[Problem]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:  # at the first line already where the machine has no IPv6
        text = f"cannot listen on {host}:{port}: {error.strerror}; stop what uses it, or choose another"
        return [Problem(key, text)]
    return []


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(key: str, path: Path, bytes_max: int, problems: list[Problem]) -> bytes | None:
    try:
        with open(path, "rb") as file:
            content = file.read(bytes_max + 1)
    except FileNotFoundError:
        problems.append(
            Problem(key, f"{path}: there is no such file; correct the path or put the file there")
        )
        return None
    except OSError as error:
        problems.append(Problem(key, f"{path}: cannot be read: {error.strerror}; check its permissions"))
        return None
    if len(content) > bytes_max:
        problems.append(Problem(key, f"{path}: above {bytes_max} bytes; is it the right file?"))
        return None
    return content
