"""The options that commands share, as decorators.

`@shared_options` gives a command `--network --node --keystore --home --json` and hands it a `Context` as
its first argument; `@home_options` the last two only. `@writing_options` (client.cli.writing) adds what a
command that signs and sends needs. Never talks to a node.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from client.context import Context, home_directory

FILE = click.Path(path_type=Path, dir_okay=False)
DIRECTORY = click.Path(path_type=Path, file_okay=False)
Command = Callable[..., Any]


def output_file(help_text: str, *, required: bool = True) -> Callable[[Command], Command]:
    """`-o FILE`, as `path`."""
    return click.option("-o", "--output", "path", type=FILE, required=required, help=help_text)


def output_directory(help_text: str) -> Callable[[Command], Command]:
    """`-o DIRECTORY`, as `directory`."""
    return click.option("-o", "--output", "directory", type=DIRECTORY, required=True, help=help_text)


def home_options(function: Command) -> Command:
    """Adds `--home` and `--json` only; the command's first argument becomes a `Context`."""

    @click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Where networks, keys and outbox are. Default: $AYNI_HOME or the user's data directory.",
    )
    @click.option(
        "--json", "as_json", is_flag=True, help="Versioned JSON on stdout, amounts as decimal strings."
    )
    @functools.wraps(function)
    def wrapped(*args: Any, home: Path | None, as_json: bool, **kwargs: Any) -> Any:
        context = Context(home=home or home_directory(os.environ), as_json=as_json)
        try:
            return function(context, *args, **kwargs)
        finally:
            context.close()

    return wrapped


def shared_options(function: Command) -> Command:
    """Adds the shared options; the command's first argument becomes a `Context`, closed when it returns."""

    @click.option("--network", "network_name", envvar="AYNI_NETWORK", default="", help="Network, by name.")
    @click.option(
        "--node",
        "node_addresses",
        envvar="AYNI_NODE",
        multiple=True,
        metavar="HOST:PORT",
        help="Node to ask; repeatable. Default: those of the network.",
    )
    @click.option(
        "--keystore",
        "keystore_path",
        envvar="AYNI_KEYSTORE",
        type=click.Path(path_type=Path),
        default=None,
        help="Keystore file. Default: keystore.json in the home.",
    )
    @home_options
    @functools.wraps(function)
    def wrapped(
        context: Context,
        *args: Any,
        network_name: str,
        node_addresses: tuple[str, ...],
        keystore_path: Path | None,
        **kwargs: Any,
    ) -> Any:
        context.network_name = network_name
        context.node_addresses = node_addresses
        context.keystore_path = keystore_path
        return function(context, *args, **kwargs)

    return wrapped
