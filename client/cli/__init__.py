"""`ayni`: the one command.

Decides the list of command groups, that each is imported only when used (so that `ayni audit …` and
`--help` run where grpc and plyvel are not installed), and how every failure is shown: three lines on
stderr, and an exit code (client/errors.py). Never does a command's work.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from typing import NamedTuple

import click

from client import streams
from client.errors import ClientError, ExitCode
from proofs.words import printable

_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE}
_BELOW_ZERO = re.compile(r"-[0-9.,]")
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Entry(NamedTuple):
    """One command group."""

    module: str
    """Holds the click command or group as `command`."""
    summary: str


GROUPS: dict[str, Entry] = {
    "demo": Entry(
        "client.cli.demo", "Four federations, a time bank's year, settlement and audit, on this machine."
    ),
    "testnet": Entry("client.cli.testnet", "Create and start a network on this machine."),
    "node": Entry("client.cli.node", "Set up, run and look after a node."),
    "genesis": Entry("client.cli.genesis", "Found a network: what all its founders sign."),
    "config": Entry("client.cli.config", "Check a node's configuration."),
    "keys": Entry("client.cli.keys", "The encrypted keystore."),
    "network": Entry("client.cli.network", "The networks you know, each with its genesis pinned."),
    "decision": Entry("client.cli.decision", "What a quorum of federations decides."),
    "member": Entry("client.cli.member", "Federations and organisations."),
    "account": Entry("client.cli.account", "Accounts, limits, statements."),
    "tx": Entry("client.cli.tx", "Transfers, reversals, imports; build, sign and send offline."),
    "opening": Entry("client.cli.opening", "Balances and holdings of an older system."),
    "class": Entry("client.cli.classes", "Classes of entitlements."),
    "entitlement": Entry("client.cli.entitlement", "Shares and hours: issue, serve, give, redeem."),
    "pool": Entry("client.cli.pool", "The collective pool and its settlements."),
    "export": Entry("client.cli.export", "The verifiable history, as files."),
    "evidence": Entry("client.cli.evidence", "Proof that a validator signed what no honest one signs."),
    "audit": Entry("client.cli.audit", "Verify a history, a receipt or evidence, offline."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The groups, in the order of the table."""
        return list(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        entry = GROUPS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the groups from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in GROUPS.items()])


def _show_version(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        try:
            found = metadata.version("ayni")
        except metadata.PackageNotFoundError:
            found = "(run from its source, not installed)"
        click.echo(f"ayni, version {found}")
        context.exit()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Show the version and exit.")  # fmt: skip
def cli() -> None:
    """A ledger on which co-operatives clear credit, and a pool that nobody owns settles."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `ayni`; returns its exit code. Whatever goes wrong is shown in three lines."""
    streams.prepare()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's own lines would stand among ours
    try:
        result = cli.main(
            args=None if arguments is None else list(arguments), prog_name="ayni", standalone_mode=False
        )
        return result if isinstance(result, int) else ExitCode.DONE
    except click.exceptions.NoArgsIsHelpError as problem:
        problem.show()
        return ExitCode.USAGE
    except click.UsageError as problem:
        _show(_usage_lines(problem, sys.argv[1:] if arguments is None else arguments))
        return ExitCode.USAGE
    except click.FileError as problem:
        _show(
            (
                f"ayni: {problem.format_message()}.",
                "  why:  The file cannot be opened.",
                "  next: Check the path.",
            )
        )
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        _show(
            (
                "ayni: interrupted.",
                "  why:  Ctrl-C was pressed, or a question was answered with no.",
                "  next: What was signed and may have been sent is listed by `ayni tx pending`.",
            )
        )
        return INTERRUPTED
    except ClientError as problem:
        _show(problem.lines())
        return problem.exit_code
    except UnicodeEncodeError:
        _show(
            (
                "ayni: something that was typed is not UTF-8 text.",
                "  why:  Names, amounts and references are UTF-8, whatever the terminal is set to.",
                "  next: Type it in a terminal that is set to UTF-8.",
            )
        )
        return ExitCode.USAGE
    except OSError as problem:
        if problem.filename is None and problem.errno not in _OF_THE_MACHINE:
            return _show_bug(problem)
        _show(_system_lines(problem))
        streams.forget_unwritten()
        return ExitCode.USAGE
    except Exception as bug:
        return _show_bug(bug)


def _system_lines(problem: OSError) -> tuple[str, str, str]:
    if problem.filename is None:
        what = "what it says, or a file, cannot be written"
        next_step = "Make room, and see with `ayni tx pending` what was sent before you run it again."
    else:
        what = f"{problem.filename} cannot be used"
        next_step = "Choose another path, or see who may read and write this one."
    return (f"ayni: {what}.", f"  why:  {problem.strerror}.", f"  next: {next_step}")


def _show_bug(bug: Exception) -> ExitCode:
    if os.environ.get("AYNI_DEBUG"):
        traceback.print_exc()
    _show(
        (
            f"ayni: something went wrong inside: {type(bug).__name__}: {_short(bug)}",
            "  why:  This is a bug in ayni, not in what you typed.",
            "  next: Run it again with AYNI_DEBUG=1 and report what it prints.",
        )
    )
    return ExitCode.BUG


def _usage_lines(problem: click.UsageError, arguments: Sequence[str]) -> tuple[str, str, str]:
    context = problem.ctx or _context_of(arguments)
    if amount := _below_zero(problem, context, arguments):
        return (
            f"ayni: '{printable(amount, 40)}' is not an amount: it is below zero.",
            "  why:  Amounts are above zero; which way they go is said by the names beside them.",
            "  next: Leave out the minus; what was paid is taken back with `ayni tx reverse`.",
        )
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    return (
        f"ayni: {' '.join(problem.format_message().split())}",
        f"  why:  The usage is: {usage}",
        f"  next: See `{context.command_path} --help`.",
    )


def _below_zero(problem: click.UsageError, context: click.Context, arguments: Sequence[str]) -> str:
    """The amount that was taken for an option, of a command that is given one; empty: there is none."""
    if not isinstance(problem, click.NoSuchOption) or not _BELOW_ZERO.match(problem.option_name):
        return ""
    if not any(isinstance(one, click.Argument) and one.name == "amount" for one in context.command.params):
        return ""
    return next((word for word in arguments if word.startswith(problem.option_name)), "")


def _context_of(arguments: Sequence[str]) -> click.Context:
    """The command that the arguments name, for a problem that does not say where it arose."""
    context = click.Context(cli, info_name="ayni")
    for word in arguments:
        found = (
            context.command.get_command(context, word) if isinstance(context.command, click.Group) else None
        )
        if found is None:
            break
        context = click.Context(found, parent=context, info_name=word)
    return context


def _short(bug: Exception) -> str:
    return " ".join(str(bug).split())[:200]


def _show(lines: Sequence[str]) -> None:
    for stream, text in ((sys.stdout, ""), (sys.stderr, "\n".join(lines) + "\n")):
        with suppress(OSError):  # of one that is gone or full; the exit code says it still
            stream.write(text)
            stream.flush()
