"""What every command shares: the home, the network, the node, the keystore, the way of showing results.

Decides where things are looked for, in this order: option, environment (`AYNI_HOME`, `AYNI_NETWORK`,
`AYNI_NODE`, `AYNI_KEYSTORE`, `AYNI_KEYSTORE_PASSWORD`), the home's files. Nothing is opened before a
command asks for it, so that commands without a node need neither grpc nor a network.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ayni.v1 import genesis_pb2
from client.errors import NotFound, UsageProblem
from client.networks import ADDRESS, Network, NodeAddress, load_networks
from client.output import Output, Unit, units_of

if TYPE_CHECKING:
    from client.api import Client
    from client.keys import Keystore
    from client.outbox import Outbox


def home_directory(environ: Mapping[str, str]) -> Path:
    """Where this person's networks, keys and outbox are: `AYNI_HOME`, or the platform's data directory."""
    if environ.get("AYNI_HOME"):
        return Path(environ["AYNI_HOME"])
    import platformdirs

    return platformdirs.user_data_path("ayni")


@dataclass
class Context:
    """What a command works with."""

    home: Path
    network_name: str = ""
    node_addresses: tuple[str, ...] = ()
    """From --node; empty: the nodes that the network lists."""
    keystore_path: Path | None = None
    as_json: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @cached_property
    def output(self) -> Output:
        """Where results go."""
        return Output(self.as_json)

    @cached_property
    def network(self) -> Network:
        """The network in use, with `--node` applied. Raises UsageProblem, NotFound."""
        network = load_networks(self.home).get(self.network_name)
        if self.node_addresses:
            network = replace(network, nodes=tuple(self._pinned(network, one) for one in self.node_addresses))
        return network

    @cached_property
    def genesis(self) -> genesis_pb2.Genesis:
        """The founding document of the network in use."""
        return self.network.genesis()

    @cached_property
    def units(self) -> dict[str, Unit]:
        """The network's units by code."""
        return units_of(self.genesis)

    def unit(self, code: str) -> Unit:
        """One unit by its code. Raises NotFound."""
        if code not in self.units:
            raise NotFound(
                f"There is no unit '{code}'.",
                f"The network '{self.network.name}' counts in {', '.join(sorted(self.units))}.",
                "Use one of these.",
            )
        return self.units[code]

    @cached_property
    def client(self) -> Client:
        """The SDK client for the network in use (imports grpc). Raises ClientError."""
        from client.api import Client

        return Client(self.network)

    @cached_property
    def keystore(self) -> Keystore:
        """The keystore, not yet unlocked: it asks for its password when a key is first used."""
        from client.keys import Keystore, password_source

        path = self.keystore_path or self.home / "keystore.json"
        return Keystore(path, password_source(self.environ, path))

    @cached_property
    def outbox(self) -> Outbox:
        """Signed bytes that were or will be sent, of the network in use."""
        from client.outbox import Outbox

        return Outbox(self.home / "outbox" / self.network.genesis_hash.hex())

    def close(self) -> None:
        """Closes what was opened."""
        if "client" in self.__dict__:
            self.client.close()

    @staticmethod
    def _pinned(network: Network, address: str) -> NodeAddress:
        if not ADDRESS.fullmatch(address):
            raise UsageProblem(
                f"'{address}' is not a node's address.",
                "It has no host and port.",
                "Write it like 127.0.0.1:7410.",
            )
        for node in network.nodes:
            if node.address == address:
                return node
        return NodeAddress(address)
