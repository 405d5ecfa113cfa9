"""`ayni node`: set up, run and look after one node.

Decides how a node's state is asked for and shown. A node is started as a process (`python -m node`);
nothing of `node/` is imported, and its database is never opened here.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from client.cli.options import DIRECTORY, FILE
from client.errors import ClientError, ExitCode, NoNode, UsageProblem
from client.output import Output

if TYPE_CHECKING:
    from rich.console import Console

    from ayni.v1 import admin_service_pb2
    from config import NodeConfig, PeerSection

CALL_SECONDS_MAX = 5.0
_KEY_FILES = ("consensus.key", "service.key", "node.crt", "node.tls.key")


@click.group("node")
def command() -> None:
    """Set up, run and look after a node."""


config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=FILE,
    default=Path("node.toml"),
    show_default=True,
    help="The node's configuration.",
)


@command.command("init")
@click.option("--federation", required=True, help="The federation whose node this is.")
@click.option(
    "-o",
    "--output",
    "directory",
    type=DIRECTORY,
    default=Path(),
    help="Directory for the files. Default: this one.",
)
@click.option(
    "--genesis",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The signed genesis; without it, put genesis.bin into the directory later.",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="FEDERATION,HOST:PORT,CERTIFICATE",
    help="Another validator: where it listens for peers, and its certificate; repeatable.",
)
@click.option("--client", default="0.0.0.0:7410", show_default=True, help="Where clients connect.")
@click.option("--peer-listen", default="0.0.0.0:7411", show_default=True, help="Where validators connect.")
@click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout.")
def init_command(
    federation: str,
    directory: Path,
    genesis: Path | None,
    peers: tuple[str, ...],
    client: str,
    peer_listen: str,
    as_json: bool,
) -> None:
    """Makes a node's keys, certificate and configuration, and says what to give to the others.

    Existing keys are kept: run it again with the genesis and the peers once they are known, whose files are
    copied into the directory. node.toml is written anew; the former one is kept beside it.
    """
    from config import ListenSection, NodeConfig, NodeSection, TlsSection, toml_text, write_toml
    from config.certificates import write_certificate

    _check_init(federation, genesis, {"--client": client, "--peer-listen": peer_listen})
    others = tuple(_peer(text) for text in peers)
    directory = directory.absolute()
    certificate, private = _pair(directory)
    directory.mkdir(parents=True, exist_ok=True)
    kept = [name for name in _KEY_FILES if (directory / name).exists()]
    public = {use: _key(directory / f"{use}.key") for use in ("consensus", "service")}
    if not certificate.exists():
        write_certificate(federation, certificate, private)
    if genesis is not None and genesis.absolute() != directory / "genesis.bin":
        shutil.copyfile(genesis, directory / "genesis.bin")
    config = NodeConfig(
        NodeSection(
            directory / "data",
            directory / "genesis.bin",
            directory / "consensus.key",
            directory / "service.key",
        ),
        ListenSection(client=client, peer=peer_listen),
        TlsSection(certificate, private),
        tuple([_with_its_certificate(peer, directory) for peer in others]),
    )
    former = _set_aside(directory / "node.toml", toml_text(config, directory))
    write_toml(config, directory / "node.toml")
    document = {
        "federation": federation,
        "config": str(directory / "node.toml"),
        "certificate": str(certificate),
        **{f"{use}_key": key.hex() for use, key in public.items()},
        "former_config": former,
    }

    def render(console: Console) -> None:
        console.print(_written(directory, kept))
        console.print("for the genesis, give the other founders these public keys:")
        console.print(f"  consensus {public['consensus'].hex()}")
        console.print(f"  service   {public['service'].hex()}")
        console.print(f"and give every other node's keeper {certificate} and your address for peers")
        console.print(f"then: ayni config check {directory}/node.toml")
        if former:
            console.print(f"what node.toml said before, your changes to it included, is in {former}")

    Output(as_json).result("node_init", document, render)


@command.command("start")
@config_option
def start_command(config_file: Path) -> NoReturn:
    """Runs the node in the foreground; Ctrl-C or SIGTERM stops it in good order."""
    _load(config_file)
    _become_node("--config", str(config_file))


@command.command("doctor")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout, progress on stderr.")
def doctor_command(config_file: Path, as_json: bool) -> NoReturn:
    """Scans the whole database of a stopped node: every block, certificate, root and record."""
    _load(config_file)
    _become_node("doctor", "--config", str(config_file), *(["--json"] if as_json else []))


@command.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout.")
def status_command(config_file: Path, as_json: bool) -> None:
    """What the running node says about itself, and what is wrong, in words."""
    answer = _admin_status(_load(config_file))
    Output(as_json).result("node_status", _status_document(answer), lambda console: _show(answer, console))


@command.command("health")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout.")
def health_command(config_file: Path, as_json: bool) -> int:
    """Whether the node serves clients now: exit 0 when it does, 5 when not. For monitoring."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    from client.channels import PAST_PROXIES
    from config import ConfigError
    from config.certificates import pinned_name

    config = _load(config_file)
    pem = config.tls.certificate.read_bytes()
    try:
        options = [("grpc.ssl_target_name_override", pinned_name(pem)), PAST_PROXIES]
    except ConfigError as error:
        raise UsageProblem(
            "The node's certificate cannot be used.",
            f"{config.tls.certificate}: {error}.",
            f"See what else is wrong: ayni config check {config_file}",
        ) from error
    state = "UNREACHABLE"
    with grpc.secure_channel(
        _reachable(config.listen.client), grpc.ssl_channel_credentials(pem), options
    ) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS_MAX
            )
            state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                state = error.code().name
    healthy = state == "SERVING"
    Output(as_json).result(
        "node_health", {"healthy": healthy, "state": state}, lambda console: console.print(state.lower())
    )
    return ExitCode.DONE if healthy else ExitCode.NO_NODE


def _written(directory: Path, kept: list[str]) -> str:
    """Which files were written, and which were there and kept."""
    written = ", ".join(["node.toml", *(name for name in _KEY_FILES if name not in kept)])
    return f"wrote {directory}/{written}" + (f"; kept {', '.join(kept)}" if kept else "")


def _set_aside(path: Path, text: str) -> str:
    """Keeps a node.toml that does not say `text` beside it, and over none that is kept already.

    Returns where, or the empty string.
    """
    if not path.exists() or path.read_bytes() == text.encode():
        return ""
    former, number = path.with_name(f"{path.name}.before"), 1
    while former.exists():
        number += 1
        former = path.with_name(f"{path.name}.before-{number}")
    os.replace(path, former)
    return str(former)


def _check_init(federation: str, genesis: Path | None, addresses: dict[str, str]) -> None:
    from client.networks import read_genesis_file
    from config import ConfigError, split_address
    from ledger import limits

    if not limits.FEDERATION_NAME.match(federation):
        raise UsageProblem(
            f"'{federation}' cannot be a federation's name.",
            "It has small letters, digits and '-', and begins with a letter.",
            "Write it as in the genesis: emilia.",
        )
    if genesis is not None:
        read_genesis_file(genesis)
    for option, address in addresses.items():
        try:
            split_address(address, option)
        except ConfigError as error:
            raise UsageProblem(
                f"'{address}' is no address to listen at.", f"{error}.", "Write HOST:PORT, like 0.0.0.0:7410."
            ) from error


def _pair(directory: Path) -> tuple[Path, Path]:
    """The node's certificate and its key, which are there both or neither. Raises UsageProblem."""
    certificate, private = directory / "node.crt", directory / "node.tls.key"
    there, missing = (certificate, private) if certificate.exists() else (private, certificate)
    if there.exists() and not missing.exists():
        raise UsageProblem(
            f"{missing} is missing, and {there} is there.",
            "They are a pair: a certificate, and the key that belongs to it.",
            f"Put it back from your copies; or move {there.name} away, and a new pair is made, whose"
            " certificate the others need.",
        )
    return certificate, private


def _load(config_file: Path) -> NodeConfig:
    from config import ConfigError, load

    try:
        return load(config_file, os.environ)
    except ConfigError as error:
        raise UsageProblem(
            "The node's configuration cannot be read.", str(error), "Correct it, or name it with --config."
        ) from error


def _become_node(*arguments: str) -> NoReturn:
    """Replaces this process by the node's, so that signals and the exit code are its own."""
    import client

    tree = str(Path(client.__file__).resolve().parent.parent)
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [tree, environment.get("PYTHONPATH")]))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-P", "-m", "node", *arguments], environment)


def _key(path: Path) -> bytes:
    """The public key of a key file, made when it is absent. Raises UsageProblem."""
    from config import ConfigError, read_key_file, write_key_file
    from proofs.signing import SigningKey

    try:
        if not path.exists():
            write_key_file(path, secrets.token_bytes(32))
        return SigningKey(read_key_file(path)).public_key
    except ConfigError as error:
        raise UsageProblem(
            "A key file cannot be used.", str(error), "Correct that and run it again."
        ) from error


def _peer(text: str) -> PeerSection:
    """FEDERATION,HOST:PORT,CERTIFICATE as a peer. Raises UsageProblem."""
    from config import ConfigError, PeerSection, split_address
    from ledger import limits

    parts = text.split(",")
    try:
        if len(parts) != 3 or not all(parts):
            raise ConfigError("it has not three parts")
        split_address(parts[1], "its address")
        if not limits.FEDERATION_NAME.match(parts[0]):
            raise ConfigError(f"'{parts[0]}' cannot be a federation's name")
    except ConfigError as error:
        raise UsageProblem(
            f"'{text}' does not name a peer.",
            f"{error}.",
            "Write FEDERATION,HOST:PORT,CERTIFICATE: lombardia,node.lombardia.example:7411,lombardia.crt",
        ) from error
    return PeerSection(parts[0], parts[1], Path(parts[2]).absolute())


def _with_its_certificate(peer: PeerSection, directory: Path) -> PeerSection:
    """The peer, its certificate in the node's directory as the genesis is: all of a node is in one place."""
    place = directory / "peers" / f"{peer.federation}.crt"
    if not peer.certificate.is_file() or peer.certificate.resolve() == place.resolve():
        return peer
    place.parent.mkdir(exist_ok=True)
    shutil.copyfile(peer.certificate, place)
    return replace(peer, certificate=place)


def _reachable(address: str) -> str:
    """Where to reach, on this machine, what listens there."""
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("0.0.0.0", "[::]") else address


def _admin_status(config: NodeConfig) -> admin_service_pb2.GetNodeStatusResponse:
    import grpc

    from ayni.v1 import admin_service_pb2, admin_service_pb2_grpc
    from client.channels import PAST_PROXIES

    with grpc.insecure_channel(config.listen.admin, [PAST_PROXIES]) as channel:
        stub = admin_service_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        try:
            answer: admin_service_pb2.GetNodeStatusResponse = stub.GetNodeStatus(
                admin_service_pb2.GetNodeStatusRequest(), timeout=CALL_SECONDS_MAX
            )
            return answer
        except grpc.RpcError as error:
            raise _no_answer(config, error) from error


def _no_answer(config: NodeConfig, error: Any) -> ClientError:
    return NoNode(
        f"The node does not answer at {config.listen.admin}.",
        f"{error.code().name}: {error.details() or 'no reason given'}",
        f"Is it running? Start it with `ayni node start --config {config.source}`.",
    )


def _status_document(answer: admin_service_pb2.GetNodeStatusResponse) -> dict[str, Any]:
    status = answer.status
    return {
        "federation": status.federation,
        "version": status.version,
        "height": status.at.height,
        "state_root": status.at.state_root.hex(),
        "view": status.view,
        "log_size": status.log_size,
        "catching_up": status.catching_up,
        "voting_locked": status.voting_locked,
        "mempool_transactions": status.mempool_transactions,
        "peers": [
            {
                "federation": peer.federation,
                "connected": peer.connected,
                "height": peer.height,
                "view": peer.view,
            }
            for peer in status.peers
        ],
        "uptime_ms": answer.uptime_ms,
        "data_dir": answer.data_dir,
        "database_bytes": answer.database_bytes,
        "memory_bytes": answer.memory_bytes,
        "warnings": list(answer.warnings),
    }


def _show(answer: admin_service_pb2.GetNodeStatusResponse, console: Console) -> None:
    status = answer.status
    state = "catching up" if status.catching_up else "in step"
    console.print(f"{status.federation}: {state}, height {status.at.height:,}, view {status.view:,}")
    console.print(
        f"  {status.log_size:,} transactions in the log, {status.mempool_transactions:,} waiting; up for"
        f" {answer.uptime_ms // 1000:,} s"
    )
    console.print(
        f"  database {answer.database_bytes / 2**20:,.1f} MiB in {answer.data_dir}; memory"
        f" {answer.memory_bytes / 2**20:,.1f} MiB"
    )
    for peer in status.peers:
        connected = f"connected, height {peer.height:,}" if peer.connected else "NOT CONNECTED"
        console.print(f"  {peer.federation}: {connected}")
    if status.voting_locked:
        console.print("  VOTING IS LOCKED: votes of this node are missing from its disk (an old copy?)")
    for warning in answer.warnings:
        console.print(f"  warning: {warning}")
