"""`ayni testnet`: a whole network on one machine, for development.

Decides how a test network is asked for and shown; `client.testnet` makes and runs it. Never imports `node`.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.cli.options import output_directory
from client.errors import NotFound, UsageProblem
from client.networks import NETWORK_NAME
from client.output import Output
from client.testnet.founding import VALIDATORS_MAX, Founding, federation_names

if TYPE_CHECKING:
    from rich.console import Console

    from client.testnet import Testnet


PORT_MAX = 65_535


@click.group("testnet")
def command() -> None:
    """Create and start a network on this machine, for development."""


@command.command("create")
@click.option(
    "-v",
    "--validators",
    type=click.IntRange(1, VALIDATORS_MAX),
    default=4,
    show_default=True,
    help="Federations, one node each.",
)
@output_directory("Directory for the files; absent or empty.")
@click.option("--name", default="testnet", show_default=True, help="Name of the network.")
@click.option("--base-port", type=click.IntRange(0, PORT_MAX), default=0, help="First port; 0: free ones.")
@click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout.")
def create_command(validators: int, directory: Path, name: str, base_port: int, as_json: bool) -> None:
    """Writes genesis, keys, certificates and configurations of a new network.

    The first federations are called emilia, lombardia, piemonte, toscana, umbria and veneto.
    """
    from client.testnet import PORTS_A_NODE, create, write_keystore

    if not NETWORK_NAME.fullmatch(name):
        raise UsageProblem(
            f"'{name}' cannot be a network's name.",
            "Names have 1 to 32 small letters, digits and '-', beginning with a letter.",
            "Name it like valley.",
        )
    if base_port + validators * PORTS_A_NODE > PORT_MAX + 1:
        raise UsageProblem(
            f"{validators} nodes do not fit above port {base_port}.",
            f"Each takes {PORTS_A_NODE} ports, and {PORT_MAX} is the last.",
            "Give a lower --base-port.",
        )
    federations = federation_names(validators)
    testnet = create(directory, Founding(name, federations), base_port=base_port)
    write_keystore(testnet, {})
    _show(Output(as_json), testnet)


@command.command("start")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--only", multiple=True, metavar="FEDERATION", help="Start only this node; repeatable.")
@click.option("--keep", is_flag=True, help="Leave the nodes running, and return when they are ready.")
def start_command(directory: Path, only: tuple[str, ...], keep: bool) -> None:
    """Runs the nodes of DIR until Ctrl-C, then stops them in good order."""
    from client.testnet import open_testnet
    from client.testnet.stopping import runs

    testnet = open_testnet(directory)
    chosen = _chosen(testnet, only)
    if running := [testnet.nodes[index].federation for index in chosen if runs(testnet.nodes[index])]:
        raise UsageProblem(
            f"The nodes of {', '.join(running)} run already; nothing was started.",
            "Their databases are held by the processes that run.",
            f"Name others with --only, or stop them first: ayni testnet stop {directory}",
        )
    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    output = Output(False)
    output.notice(f"Starting {len(chosen)} of {len(testnet.nodes)} nodes …")
    try:
        testnet.start(*chosen, outlive=keep)
        _show(output, testnet)
        if keep:
            output.notice(f"The nodes run. To stop them: ayni testnet stop {directory}")
            return
        output.notice("The nodes run. Ctrl-C stops them.")
        while not stop.wait(0.5):
            for index in chosen:
                testnet.nodes[index].process.require_running()
        output.notice("Stopping …")
        testnet.stop()
    except BaseException:
        testnet.stop()
        raise


@command.command("stop")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
def stop_command(directory: Path) -> None:
    """Stops the nodes of DIR that run, in good order, whoever started them."""
    from client.testnet import open_testnet
    from client.testnet.stopping import stop_running

    stopped = stop_running(open_testnet(directory))
    Output(False).notice(f"stopped: {', '.join(stopped) or 'none; no node of it runs'}")


def _chosen(testnet: Testnet, only: tuple[str, ...]) -> list[int]:
    """The nodes that --only names, or all. Raises NotFound."""
    names = [node.federation for node in testnet.nodes]
    for name in only:
        if name not in names:
            raise NotFound(
                f"There is no federation '{name}' in {testnet.directory}.",
                f"There are {', '.join(names)}.",
                "Name one of these.",
            )
    return [index for index, name in enumerate(names) if not only or name in only]


def _show(output: Output, testnet: Testnet) -> None:
    from client.testnet import KEYSTORE_PASSWORD

    document: dict[str, Any] = {
        "network": testnet.genesis.network,
        "genesis": testnet.genesis_hash.hex(),
        "directory": str(testnet.directory),
        "home": str(testnet.home),
        "nodes": [
            {"federation": node.federation, "address": node.address, "config": str(node.config.source)}
            for node in testnet.nodes
        ],
    }

    def render(console: Console) -> None:
        console.print(f"network {testnet.genesis.network}, genesis {testnet.genesis_hash.hex()}")
        for node in testnet.nodes:
            console.print(f"  {node.federation}: clients at {node.address}, log in {node.process.log}")
        console.print("to talk to it:")
        console.print(f"  export AYNI_HOME={testnet.home} AYNI_KEYSTORE_PASSWORD={KEYSTORE_PASSWORD}")
        console.print("  ayni member list")
        console.print(f"the keystore there holds the federations' keys: {testnet.nodes[0].federation}, …")

    output.result("testnet", document, render)
