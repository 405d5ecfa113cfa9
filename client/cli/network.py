"""`ayni network`: the networks you know, each with its genesis pinned.

What is pinned here is what every later command trusts: the genesis hash, and the nodes' certificates.
Files: client/networks.py. Never asks a node.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayni.v1 import genesis_pb2
from client.cli.options import FILE, home_options
from client.context import Context
from client.errors import NotFound, UsageProblem, VerificationFailed
from client.files import changed_by_one
from client.networks import (
    ADDRESS,
    NETWORK_NAME,
    Network,
    Networks,
    NodeAddress,
    load_networks,
    networks_file,
    read_genesis_file,
    save_networks,
)
from client.output import print_table

if TYPE_CHECKING:
    from rich.console import Console


@click.group("network")
def command() -> None:
    """The networks you know, each with its genesis pinned."""


@command.command("add")
@click.argument("name")
@click.option(
    "--genesis",
    "genesis_path",
    type=FILE,
    default=None,
    help="The network's genesis file. Not needed to add nodes to a network you know.",
)
@click.option(
    "--hash",
    "expected_hash",
    default="",
    metavar="HEX",
    help="The genesis hash you were told by another way; it must be this file's.",
)
@click.option("--node", "addresses", multiple=True, metavar="HOST:PORT", help="A node; repeatable.")
@click.option(
    "--certificate",
    "certificates",
    multiple=True,
    type=FILE,
    help="The certificate of each --node, in the same order. Nodes speak TLS; without a certificate one on "
    "loopback is talked to in the clear.",
)
@home_options
def add(
    context: Context,
    name: str,
    genesis_path: Path | None,
    expected_hash: str,
    addresses: tuple[str, ...],
    certificates: tuple[Path, ...],
) -> None:
    """Pin the network NAME by its genesis file, or add nodes to it."""
    if not NETWORK_NAME.fullmatch(name):
        raise UsageProblem(
            f"'{name}' cannot be a network's name.",
            "Names have 1 to 32 small letters, digits and '-', beginning with a letter.",
            "Name it like valley.",
        )
    with changed_by_one(networks_file(context.home)):
        networks = load_networks(context.home)
        known = networks.entries.get(name)
        pinned = _pin(name, genesis_path, expected_hash, known)
        nodes = {node.address: node for node in (*pinned.nodes, *_addresses(addresses, certificates))}
        entries = {**networks.entries, name: replace(pinned, nodes=tuple(nodes.values()))}
        networks = Networks(entries, networks.current or name)
        save_networks(context.home, networks)
    _show(context, networks)


@command.command("list")
@home_options
def list_networks(context: Context) -> None:
    """List the networks you know; '*' marks the one in use."""
    _show(context, load_networks(context.home))


@command.command("use")
@click.argument("name")
@home_options
def use(context: Context, name: str) -> None:
    """Use the network NAME from now on."""
    with changed_by_one(networks_file(context.home)):
        networks = load_networks(context.home)
        networks.get(name)
        networks = Networks(networks.entries, name)
        save_networks(context.home, networks)
    _show(context, networks)


def _pin(name: str, genesis_path: Path | None, expected_hash: str, known: Network | None) -> Network:
    if genesis_path is None:
        if known is None:
            raise NotFound(
                f"The network '{name}' is not known here.",
                "A network is pinned by its genesis, and no --genesis was given.",
                "Give the genesis file that your federation published: --genesis FILE.",
            )
        return known
    signed_genesis, genesis_hash = read_genesis_file(genesis_path)
    if expected_hash and expected_hash.lower() != genesis_hash.hex():
        raise VerificationFailed(
            f"{genesis_path} is not the genesis you were told.",
            f"Its hash is {genesis_hash.hex()}, not {expected_hash.lower()}.",
            "Ask your federation for the file and its hash, by two different ways.",
        )
    if known is not None and known.genesis_hash != genesis_hash:
        raise UsageProblem(
            f"The name '{name}' is pinned to another genesis.",
            f"Pinned is {known.genesis_hash.hex()}, and {genesis_path} is {genesis_hash.hex()}.",
            "Choose another name; a pinned genesis is never replaced.",
        )
    return known or Network(name, genesis_hash, signed_genesis, ())


def _addresses(addresses: tuple[str, ...], certificates: tuple[Path, ...]) -> list[NodeAddress]:
    if certificates and len(certificates) != len(addresses):
        raise UsageProblem(
            f"{len(addresses)} nodes and {len(certificates)} certificates were given.",
            "Each --node has its --certificate, in the same order.",
            "Give one certificate for each node, or none for nodes on loopback.",
        )
    nodes = []
    for index, address in enumerate(addresses):
        if not ADDRESS.fullmatch(address):
            raise UsageProblem(
                f"'{address}' is not a node's address.",
                "It has no host and port.",
                "Write it like 127.0.0.1:7410.",
            )
        node = NodeAddress(address, _read_certificate(certificates[index]) if certificates else b"")
        if not node.certificate_pem and not node.loopback:
            raise UsageProblem(
                f"Node {address} has no certificate.",
                "Only a node on this machine may be talked to without TLS.",
                "Give its certificate: --certificate FILE.",
            )
        nodes.append(node)
    return nodes


def _read_certificate(path: Path) -> bytes:
    from config import ConfigError
    from config.certificates import pinned_name

    try:
        pem = path.read_bytes()
        pinned_name(pem)
    except (OSError, ConfigError) as error:
        raise UsageProblem(
            f"{path} is not a certificate.",
            f"{error}.",
            "Ask whoever runs the node for its certificate (PEM).",
        ) from error
    return pem


def _show(context: Context, networks: Networks) -> None:
    document: dict[str, Any] = {
        "current": networks.current,
        "networks": [
            {
                "name": name,
                "genesis_hash": network.genesis_hash.hex(),
                "federations": [one.name for one in network.genesis().federations],
                "units": [_unit(one) for one in network.genesis().units],
                "nodes": [node.address for node in network.nodes],
            }
            for name, network in sorted(networks.entries.items())
        ],
    }

    def render(console: Console) -> None:
        if not networks.entries:
            console.print(
                f"no networks in {context.home}; add one with `ayni network add NAME --genesis FILE`"
            )
            return
        rows = [
            (
                "*" if name == networks.current else "",
                name,
                network.genesis_hash.hex(),
                ", ".join(one.code for one in network.genesis().units),
                ", ".join(node.address for node in network.nodes) or "none",
            )
            for name, network in sorted(networks.entries.items())
        ]
        print_table(console, ("", "network", "genesis", "units", "nodes"), rows)

    context.output.result("networks", document, render)


def _unit(unit: genesis_pb2.Unit) -> dict[str, Any]:
    nature = genesis_pb2.Nature.Name(unit.nature).removeprefix("NATURE_").lower()
    return {"code": unit.code, "scale": unit.scale, "nature": nature}
