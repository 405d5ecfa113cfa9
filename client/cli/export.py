"""`ayni export`: the verifiable history, as files.

Decides how the export is asked for and shown; the directory's form is audit/archive.py. What is written
is verified by `ayni audit verify`, or at once with --verify.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ayni.v1 import block_pb2, genesis_pb2
from client.cli.options import output_directory, shared_options
from client.context import Context
from client.errors import UsageProblem

if TYPE_CHECKING:
    from rich.console import Console


@click.command("export")
@output_directory("Directory to write; absent or empty.")
@shared_options
def command(context: Context, directory: Path) -> None:
    """The verifiable history, as files: every block with its certificates.

    What a node sends is not believed: verify it with `ayni audit verify DIR --genesis NAME`, which needs
    no node.
    """
    from audit.archive import NotExported, write_export

    network = context.network
    signed = genesis_pb2.SignedGenesis.FromString(network.signed_genesis)
    status = context.client.status()
    if status.catching_up:
        others = max([peer.height for peer in status.peers], default=0)
        context.output.notice(
            f"The node is catching up: its history ends at height {status.at.height:,} or soon after, others'"
            f" at {others:,}. Ask another with --node, or again later."
        )
    try:
        manifest = write_export(directory, signed, _counted(context.client.export(), status.at.height))
    except NotExported as error:
        raise UsageProblem(
            f"The history cannot be written to {directory}.",
            f"{error}.",
            "Choose an empty directory, and export again.",
        ) from error
    except OSError as error:
        raise UsageProblem(
            f"The history cannot be written to {directory}.",
            f"{error.strerror}.",
            "Choose another directory.",
        ) from error

    def render(target: Console) -> None:
        target.print(
            f"{manifest['blocks']:,} blocks with {manifest['transactions']:,} transactions written to"
            f" {directory}",
            soft_wrap=True,
        )
        target.print(f"verify them: ayni audit verify {directory} --genesis {network.name}", soft_wrap=True)

    context.output.result("export", {"directory": str(directory), **manifest}, render)


def _counted(blocks: Iterable[block_pb2.CertifiedBlock], total: int) -> Iterator[block_pb2.CertifiedBlock]:
    """The blocks, with a progress bar on stderr when it is a terminal."""
    if not sys.stderr.isatty():
        yield from blocks
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(blocks, "exporting", total, console=Console(stderr=True), transient=True)
