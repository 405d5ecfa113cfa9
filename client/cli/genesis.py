"""`ayni genesis`: found a network. Each federation says its keys, one makes the genesis, all sign it.

Decides which keys sign. The founders' files: client/cli/founding_files.py. Asks no node.
"""

from __future__ import annotations

from pathlib import Path

import click

from client import founding, transactions
from client.cli.founding_files import federation_text, founding_of
from client.cli.options import DIRECTORY, FILE, home_options, output_file, shared_options
from client.context import Context
from client.documents import read_bounded
from client.errors import ExitCode, NotFound, UsageProblem, VerificationFailed
from client.files import write_file
from client.founding import Founding
from client.networks import GENESIS_BYTES_MAX
from client.views.genesis import genesis_json, print_genesis
from ledger import fields
from proofs.signing import SigningKey

FILE_BYTES_MAX = 1 << 20


@click.group("genesis")
def command() -> None:
    """Found a network: what its founders agree on, signed by all of them."""


@command.command("founder")
@click.argument("name", metavar="FEDERATION")
@click.option(
    "--decision-key",
    "decision_keys",
    multiple=True,
    required=True,
    metavar="NAME",
    help="A key of the keystore that signs for the federation; repeatable.",
)
@click.option(
    "--threshold", type=click.IntRange(1), default=None, help="How many of them must. Default: all."
)
@click.option(
    "--node-dir", "node", type=DIRECTORY, required=True, help="The directory that `ayni node init` made."
)
@output_file("The file to give to the other founders (TOML).")
@shared_options
def founder(
    context: Context, name: str, decision_keys: tuple[str, ...], threshold: int | None, node: Path, path: Path
) -> None:
    """Write down FEDERATION's public keys for the genesis."""
    if refusal := fields.federation(name, ""):
        raise UsageProblem(
            f"'{name}' cannot be a federation's name.", f"{refusal.message}.", "Name it like emilia."
        )
    _check_new(path)
    kept = context.keystore.public_keys()
    for key in decision_keys:
        if key not in kept:
            raise NotFound(
                f"There is no key '{key}' in {context.keystore.path}.",
                "Only keys that are kept here are written down.",
                "See `ayni keys list`, or make one with `ayni keys new`.",
            )
    keys = {kept[key] for key in decision_keys}
    transactions.key_set(keys, threshold or 0)  # raises when it can be none
    consensus, service = (_node_key(node / f"{use}.key").public_key for use in ("consensus", "service"))
    text = federation_text(name, keys, threshold or len(keys), consensus, service)
    write_file(path, text.encode())
    document = {
        "federation": name,
        "decision_keys": sorted(key.hex() for key in keys),
        "threshold": threshold or len(keys),
        "consensus_key": consensus.hex(),
        "service_key": service.hex(),
        "file": str(path),
    }
    wrote = f"wrote {path}: give it to whoever makes the genesis"
    context.output.result("founder", document, lambda console: console.print(wrote))


@command.command("make")
@click.argument("sources", nargs=-1, required=True, type=FILE, metavar="FILE…")
@output_file("The genesis to write; nobody has signed it yet.")
@home_options
def make(context: Context, sources: tuple[Path, ...], path: Path) -> None:
    """Make the genesis that the founders' FILEs (TOML) say together.

    The same files make the same genesis wherever they are read: every founder can make it and compare hashes.
    """
    _check_new(path)
    try:
        made = founding_of([_text(source) for source in sources])
    except ValueError as error:
        raise UsageProblem(
            f"{', '.join(map(str, sources))} make no genesis.",
            f"{error}.",
            "Correct it, and make it again; docs/operations.md has an example.",
        ) from None
    write_file(path, made.signed.SerializeToString(deterministic=True))
    _show(context, made)


@command.command("sign")
@click.argument("path", type=FILE, metavar="GENESIS")
@click.option("--hash", "expected_hash", default="", metavar="HEX", help="The hash that was agreed on.")
@shared_options
def sign(context: Context, path: Path, expected_hash: str) -> None:
    """Sign GENESIS with every decision key of it that is kept here, and write it back."""
    before = _read(path)
    if expected_hash and expected_hash.lower() != before.hash.hex():
        raise VerificationFailed(
            f"{path} is not the genesis you were told; it was not signed.",
            f"Its hash is {before.hash.hex()}, not {expected_hash.lower()}.",
            "Ask the other founders what has changed.",
        )
    keys = _keys_here(context, before)
    if not keys:
        raise UsageProblem(
            f"No key here may sign {path}.",
            f"Its founders' decision keys are not in {context.keystore.path}.",
            "Sign where they are kept, or see `ayni genesis show` for what they are.",
        )
    after = founding.with_signatures(before, keys)
    write_file(path, after.signed.SerializeToString(deterministic=True))
    _show(context, after)


@command.command("show")
@click.argument("path", type=FILE, metavar="GENESIS")
@home_options
def show(context: Context, path: Path) -> ExitCode:
    """Show what GENESIS says, and who must still sign it."""
    _show(context, _read(path))
    return ExitCode.DONE


def _read(path: Path) -> Founding:
    try:
        return founding.read(_content(path, GENESIS_BYTES_MAX))
    except ValueError as error:
        raise UsageProblem(
            f"{path} is no genesis.", f"{error}.", "Make it anew with `ayni genesis make`."
        ) from error


def _text(path: Path) -> str:
    try:
        return _content(path, FILE_BYTES_MAX).decode()
    except ValueError as error:
        raise UsageProblem(
            f"{path} is no founders' file.", f"{error}.", "Save it as text in UTF-8."
        ) from error


def _content(path: Path, bytes_max: int) -> bytes:
    try:
        return read_bounded(path, bytes_max)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read.", f"{error.strerror}.", "Check the path.") from error


def _node_key(path: Path) -> SigningKey:
    from config import ConfigError
    from config.keyfiles import read_key_file

    try:
        return SigningKey(read_key_file(path))
    except ConfigError as error:
        raise UsageProblem(
            f"{path} cannot be used.", f"{error}.", "Make the node's keys with `ayni node init`."
        ) from error


def _check_new(path: Path) -> None:
    if path.exists():
        raise UsageProblem(
            f"{path} exists already.", "It may be signed, or given to others.", "Choose another file."
        )


def _keys_here(context: Context, made: Founding) -> list[SigningKey]:
    wanted = {key for one in made.genesis.federations for key in one.decision_keys.public_keys}
    kept = {name: key for name, key in context.keystore.public_keys().items() if key in wanted}
    return [context.keystore.signing_key(name) for name in kept]


def _show(context: Context, made: Founding) -> None:
    context.output.result("genesis", genesis_json(made), lambda console: print_genesis(console, made))
