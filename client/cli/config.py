"""`ayni config`: what a node's configuration may say, and what is wrong with one.

Decides how problems are shown; `config/` decides what is one. Changes nothing and connects to nobody.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.cli.options import FILE
from client.errors import ExitCode
from client.output import Output

if TYPE_CHECKING:
    from rich.console import Console

    from config import Problem


@click.group("config")
def command() -> None:
    """Check a node's configuration."""


@command.command("check")
@click.argument("file", type=FILE)
@click.option("--running", is_flag=True, help="The node is running: do not check that its ports are free.")
@click.option("--json", "as_json", is_flag=True, help="Versioned JSON on stdout.")
def check_command(file: Path, running: bool, as_json: bool) -> int:
    """Lists everything that is wrong with FILE, and what to do about it.

    Environment variables AYNI_SECTION_KEY override the file here as they do for the node. Exits with 2
    when the node would not start.
    """
    from config import ConfigError, Problem, check, load

    try:
        config = load(file, os.environ)
        problems = check(config, ports=not running)
        if all(problem.key != "node.genesis" for problem in problems):
            problems += _founding_problems(config.node.genesis)
    except ConfigError as error:
        problems = [Problem("", text) for text in error.problems]
    fatal = sum(problem.fatal for problem in problems)

    def render(console: Console) -> None:
        for problem in problems:
            text = str(problem) if problem.key else problem.message
            console.print(f"{'error' if problem.fatal else 'warning'}: {text}")
        console.print("the node would not start" if fatal else f"{file}: the node can start")

    document = {
        "file": str(file),
        "ok": not fatal,
        "problems": [
            {"key": problem.key, "message": problem.message, "fatal": problem.fatal} for problem in problems
        ],
    }
    Output(as_json).result("config_check", document, render)
    return ExitCode.USAGE if fatal else ExitCode.DONE


def _founding_problems(path: Path) -> list[Problem]:
    """Why no node starts from this genesis though it can be read, as when a founder has not signed it."""
    from config import Problem
    from ledger.genesis import GenesisInvalid, read_genesis

    try:
        read_genesis(path.read_bytes())
    except GenesisInvalid as error:
        return [Problem("node.genesis", f"{path}: {error}; get the file from a founder")]
    return []


@command.command("reference")
def reference_command() -> None:
    """Prints every key with its meaning and default."""
    from config import reference

    click.echo(reference())
