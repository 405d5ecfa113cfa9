"""A whole network on one machine: its files, and its nodes as processes.

Decides where the files of a test network are, and which ports its nodes take:

    DIR/genesis.bin                       the signed genesis
    DIR/home/                             an Ayni home that knows this network (AYNI_HOME=DIR/home), with a
                                          keystore that holds the federations' keys once `write_keystore` ran
    DIR/keys/FEDERATION/decision.key      the founders' keys; a real federation keeps them elsewhere
    DIR/nodes/FEDERATION/node.toml        the node's configuration; beside it its keys, certificate, log
    DIR/nodes/FEDERATION/data/            its database

For development, demonstrations, measurements and tests: one machine holds every key, so this network
trusts that machine. Never imports `node`; see docs/operations.md for a network that is real.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ayni.v1 import genesis_pb2
from client.errors import UsageProblem
from client.networks import Network, Networks, NodeAddress, save_networks
from client.testnet.founding import (
    Founder,
    Founding,
    SeedSource,
    federation_names,
    found,
    make_founders,
    random_seeds,
)
from client.testnet.ports import free_ports
from client.testnet.processes import NodeFailed, NodeProcess, stop_all
from config import (
    ConfigError,
    ConsensusSection,
    ListenSection,
    LogSection,
    MempoolSection,
    NodeConfig,
    NodeSection,
    PeerSection,
    TlsSection,
    load,
    read_key_file,
    write_key_file,
    write_toml,
)
from config.certificates import pinned_name, write_certificate
from proofs.domains import genesis_hash
from proofs.signing import SigningKey

if TYPE_CHECKING:
    from ayni.v1 import ledger_service_pb2

__all__ = [
    "Founder",
    "Founding",
    "NodeFailed",
    "Testnet",
    "create",
    "federation_names",
    "open_testnet",
    "write_keystore",
]

READY_SECONDS_MAX = 45.0
POLL_SECONDS = 0.05
STATUS_SECONDS_MAX = 2.0
PORTS_A_NODE = 4
KEYSTORE_PASSWORD = "testnet"


@dataclass(frozen=True)
class TestnetNode:
    """One node of the network."""

    __test__ = False  # for pytest: not a test class

    federation: str
    directory: Path
    config: NodeConfig
    process: NodeProcess

    @property
    def address(self) -> str:
        """host:port for clients."""
        return self.config.listen.client

    @property
    def certificate_pem(self) -> bytes:
        """The certificate that clients pin."""
        return self.config.tls.certificate.read_bytes()


class Testnet:
    """A network in a directory. As a context manager it stops its nodes on the way out."""

    __test__ = False  # for pytest: not a test class

    def __init__(
        self,
        directory: Path,
        signed_genesis: genesis_pb2.SignedGenesis,
        founders: tuple[Founder, ...],
        nodes: tuple[TestnetNode, ...],
    ) -> None:
        self.directory = directory
        self.signed_genesis = signed_genesis
        self.founders = founders
        self.nodes = nodes
        self.genesis = genesis_pb2.Genesis.FromString(signed_genesis.body)
        self.genesis_hash = genesis_hash(signed_genesis.body)

    def __enter__(self) -> Testnet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def genesis_file(self) -> Path:
        """The signed genesis, as a file."""
        return self.directory / "genesis.bin"

    @property
    def home(self) -> Path:
        """An Ayni home that knows this network."""
        return self.directory / "home"

    def network(self, *only: int) -> Network:
        """This network as a client pins it; `only` these nodes (by index) when given."""
        chosen = [self.nodes[index] for index in only] if only else list(self.nodes)
        addresses = tuple(NodeAddress(node.address, node.certificate_pem) for node in chosen)
        signed = self.signed_genesis.SerializeToString(deterministic=True)
        return Network(self.genesis.network, self.genesis_hash, signed, addresses)

    def start(self, *only: int, outlive: bool = False, seconds_max: float = READY_SECONDS_MAX) -> None:
        """Starts the nodes (all, or `only` these) and waits until they are ready. Raises NodeFailed.

        `outlive`: the nodes may go on when this program ends.
        """
        chosen = only or tuple(range(len(self.nodes)))
        for index in chosen:
            self.nodes[index].process.start(outlive=outlive)
        self.wait_until_ready(*chosen, seconds_max=seconds_max)

    def wait_until_ready(self, *only: int, seconds_max: float = READY_SECONDS_MAX) -> None:
        """Waits until the nodes answer, are connected to those of them that run, and have caught up."""
        deadline = time.monotonic() + seconds_max
        for index in only or range(len(self.nodes)):
            node = self.nodes[index]
            while True:
                why = self._not_ready(index)
                if not why:
                    break
                node.process.require_running()
                if time.monotonic() > deadline:
                    raise NodeFailed(
                        f"The node of {node.federation} was not ready within {seconds_max:.0f} s.",
                        f"{why} Its last words: {node.process.last_words()}",
                        f"Its log is {node.process.log}.",
                    )
                time.sleep(POLL_SECONDS)

    def _not_ready(self, index: int) -> str:
        """Why the node is not ready; empty when it is."""
        import grpc

        try:
            status = self.status(index)
        except grpc.RpcError as error:
            return f"It does not answer ({error.code().name})."
        others = {node.federation for node in self.nodes if node.process.running}
        others.discard(self.nodes[index].federation)
        connected = {peer.federation for peer in status.peers if peer.connected}
        if missing := sorted(others - connected):
            return f"It is not connected to {', '.join(missing)}."
        return "It is catching up." if status.catching_up else ""

    def status(self, index: int) -> ledger_service_pb2.GetStatusResponse:
        """What the node says about itself. Raises grpc.RpcError when it does not answer."""
        import grpc

        from ayni.v1 import ledger_service_pb2, ledger_service_pb2_grpc

        node = self.nodes[index]
        pem = node.certificate_pem
        options = [("grpc.ssl_target_name_override", pinned_name(pem))]
        credentials = grpc.ssl_channel_credentials(pem)
        with grpc.secure_channel(node.address, credentials, options) as channel:
            stub = ledger_service_pb2_grpc.LedgerServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
            response: ledger_service_pb2.GetStatusResponse = stub.GetStatus(
                ledger_service_pb2.GetStatusRequest(), timeout=STATUS_SECONDS_MAX
            )
            return response

    def stop(self, *only: int) -> None:
        """Stops the nodes gracefully (all, or `only` these)."""
        stop_all([self.nodes[index].process for index in only or range(len(self.nodes))])

    def kill(self, index: int) -> None:
        """Ends a node at once (SIGKILL)."""
        self.nodes[index].process.kill()

    def restart(self, index: int, *, seconds_max: float = READY_SECONDS_MAX) -> None:
        """Starts a stopped node again and waits until it has caught up."""
        self.start(index, seconds_max=seconds_max)


def create(
    directory: Path | str,
    founding: Founding | None = None,
    *,
    seeds: SeedSource = random_seeds,
    base_port: int = 0,
    close_periods: bool = True,
    consensus: ConsensusSection | None = None,
    mempool: MempoolSection | None = None,
    log: LogSection | None = None,
    time_ms: int = 0,
) -> Testnet:
    """Writes the files of a new network into `directory`, which must be absent or empty.

    `base_port`: node i listens on base_port + 4 i and the three ports after; 0 takes free ones.
    `close_periods`: the nodes close settlement periods by themselves. `time_ms`: of the genesis; 0: now.
    Raises UsageProblem.
    """
    target = Path(directory).absolute()
    if target.exists() and any(target.iterdir()):
        raise UsageProblem(
            f"The directory {target} is not empty.",
            "A network is never written over another.",
            "Give a directory that is empty or does not exist.",
        )
    founding = founding or Founding()
    founders = make_founders(founding.federations, seeds)
    signed = found(founding, founders, time_ms or int(time.time() * 1000))
    target.mkdir(parents=True, exist_ok=True)
    (target / "genesis.bin").write_bytes(signed.SerializeToString(deterministic=True))
    for founder in founders:
        keys = target / "keys" / founder.federation
        keys.mkdir(parents=True)
        write_key_file(keys / "decision.key", founder.decision.seed)
        write_key_file(keys / "service.key", founder.service.seed)
    listens = _listens(len(founders), base_port)
    for founder in founders:
        write_node_files(target / "nodes" / founder.federation, founder)
    for index, founder in enumerate(founders):
        home = target / "nodes" / founder.federation
        config = NodeConfig(
            node=NodeSection(
                home / "data",
                target / "genesis.bin",
                home / "consensus.key",
                home / "service.key",
                close_periods,
            ),
            listen=listens[index],
            tls=TlsSection(home / "node.crt", home / "node.tls.key"),
            peers=tuple(
                PeerSection(
                    other.federation,
                    listens[position].peer,
                    target / "nodes" / other.federation / "node.crt",
                )
                for position, other in enumerate(founders)
                if position != index
            ),
            consensus=consensus or ConsensusSection(),
            mempool=mempool or MempoolSection(),
            log=log or LogSection(),
        )
        write_toml(config, home / "node.toml")
    testnet = open_testnet(target)
    name = founding.network
    save_networks(testnet.home, Networks({name: testnet.network()}, name))
    return testnet


def write_node_files(home: Path, founder: Founder) -> None:
    """Writes what is a node's own: its consensus and service key, and a new certificate."""
    home.mkdir(parents=True, exist_ok=True)
    write_key_file(home / "consensus.key", founder.consensus.seed)
    write_key_file(home / "service.key", founder.service.seed)
    write_certificate(founder.federation, home / "node.crt", home / "node.tls.key")


def write_keystore(testnet: Testnet, seeds: Mapping[str, bytes]) -> None:
    """Puts the federations' keys, and `seeds` by name, into the keystore of the network's home.

    Its password is `KEYSTORE_PASSWORD`, for all to see: this network is for trying things out, and nothing is
    gained by making it hard to guess.
    """
    from client.keys import KdfCost, Keystore

    named = {founder.federation: founder.decision.seed for founder in testnet.founders}
    named |= {f"{founder.federation}/service-key": founder.service.seed for founder in testnet.founders}
    cost = KdfCost(operations=1, memory_bytes=1 << 20)
    Keystore(testnet.home / "keystore.json", lambda new: KEYSTORE_PASSWORD, cost).put({**named, **seeds})


def open_testnet(directory: Path | str) -> Testnet:
    """The network whose files `create` wrote into `directory`. Raises UsageProblem."""
    target = Path(directory).absolute()
    try:
        signed = genesis_pb2.SignedGenesis.FromString((target / "genesis.bin").read_bytes())
        genesis = genesis_pb2.Genesis.FromString(signed.body)
        nodes, founders = [], []
        for federation in genesis.federations:
            home = target / "nodes" / federation.name
            config = load(home / "node.toml")
            process = NodeProcess(federation.name, home / "node.toml", home / "node.log")
            nodes.append(TestnetNode(federation.name, home, config, process))
            keys = target / "keys" / federation.name
            seeds = (
                read_key_file(path)
                for path in (keys / "decision.key", home / "consensus.key", keys / "service.key")
            )
            founders.append(Founder(federation.name, *(SigningKey(seed) for seed in seeds)))
    except (OSError, ValueError, ConfigError) as error:
        raise UsageProblem(
            f"{target} does not hold a test network that can be read.",
            f"{error}.",
            "Make one with `ayni testnet create -o DIR`.",
        ) from error
    return Testnet(target, signed, tuple(founders), tuple(nodes))


def _listens(nodes: int, base_port: int) -> list[ListenSection]:
    """Where each node listens: four ports each, on loopback."""
    ports: Sequence[int]
    if base_port:
        ports = range(base_port, base_port + nodes * PORTS_A_NODE)
    else:
        ports = free_ports(nodes * PORTS_A_NODE)
    listens = []
    for index in range(nodes):
        own = ports[index * PORTS_A_NODE : (index + 1) * PORTS_A_NODE]
        client, peer, admin, metrics = (f"127.0.0.1:{port}" for port in own)
        listens.append(replace(ListenSection(), client=client, peer=peer, admin=admin, metrics=metrics))
    return listens
