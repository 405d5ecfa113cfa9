"""`ayni keys`: the encrypted keystore.

Never prints a seed except to the file that `export` names. The keystore itself: client/keys.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.cli.options import FILE, output_file, shared_options
from client.context import Context
from client.documents import parse_object, read_bounded
from client.errors import NotFound, UsageProblem
from client.files import write_atomically
from client.output import print_table
from proofs.signing import SEED_BYTES

if TYPE_CHECKING:
    from rich.console import Console

EXPORT_VERSION = 1
FILE_BYTES_MAX = 64 << 10


@click.group("keys")
def command() -> None:
    """The encrypted keystore: names and Ed25519 keys, one password."""


@command.command("new")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@shared_options
def new(context: Context, names: tuple[str, ...]) -> None:
    """Make keys and keep them under NAMEs, e.g. the account each signs for."""
    made = context.keystore.new_ones(names)
    _show_keys(context, {name: key.public_key for name, key in made.items()})


@command.command("list")
@shared_options
def list_keys(context: Context) -> None:
    """List names and public keys (no password needed)."""
    _show_keys(context, context.keystore.public_keys())


@command.command("show")
@click.argument("name")
@shared_options
def show(context: Context, name: str) -> None:
    """Show one public key (no password needed)."""
    kept = context.keystore.public_keys()
    if name not in kept:
        known = ", ".join(kept) or "none"
        raise NotFound(
            f"There is no key '{name}' in {context.keystore.path}.",
            f"It holds: {known[:200]}.",
            "See `ayni keys list`, or make one with `ayni keys new`.",
        )
    _show_keys(context, {name: kept[name]})


@command.command("export")
@click.argument("name")
@output_file("The file to write.")
@shared_options
def export(context: Context, name: str, path: Path) -> None:
    """Write the key NAME, secret included and NOT encrypted, to a file only you can read."""
    key = context.keystore.signing_key(name)
    if path.exists():
        raise UsageProblem(
            f"{path} exists already.", "A key is never written over a file.", "Choose another."
        )
    document = {
        "ayni": EXPORT_VERSION,
        "kind": "key",
        "name": name,
        "public_key": key.public_key.hex(),
        "seed": key.seed.hex(),
    }
    write_atomically(path, json.dumps(document, indent=2).encode() + b"\n", mode=0o600)
    context.output.notice(f"wrote the secret key '{name}' to {path}, not encrypted: keep it safe")


@command.command("import")
@click.argument("path", type=FILE)
@click.option("--name", default="", help="Keep it under another name than the file says.")
@shared_options
def import_key(context: Context, path: Path, name: str) -> None:
    """Keep a key from a file: one written by `export`, or a node's key file (64 hex digits)."""
    seed, own_name = _read_key(path)
    wanted = name or own_name
    if not wanted:
        raise UsageProblem(
            f"{path} does not name its key.", "It holds only the seed.", "Give a name with --name."
        )
    [key] = context.keystore.put({wanted: seed})
    _show_keys(context, {wanted: key.public_key})


@command.command("passwd")
@shared_options
def passwd(context: Context) -> None:
    """Change the keystore's password, at a terminal."""
    for name in ("AYNI_KEYSTORE_PASSWORD", "AYNI_KEYSTORE_PASSWORD_FILE"):
        if context.environ.get(name):
            raise UsageProblem(
                "The password was not changed.",
                f"{name} gives the old one, and would give the same for the new one.",
                f"Unset {name}, and type both when you are asked.",
            )
    context.keystore.change_password()
    context.output.notice(f"the password of {context.keystore.path} is changed")


def _read_key(path: Path) -> tuple[bytes, str]:
    """Seed and name in a key file. Raises UsageProblem."""
    try:
        content = read_bounded(path, FILE_BYTES_MAX).strip()
        if content.startswith(b"{"):
            document = parse_object(content)
            if document["kind"] != "key":
                raise ValueError("its kind is not 'key'")
            return bytes.fromhex(document["seed"]), str(document["name"])
        if len(seed := bytes.fromhex(content.decode())) != SEED_BYTES:
            raise ValueError(f"it has {len(seed)} bytes")
        return seed, ""
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read.", f"{error.strerror}.", "Check the path.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageProblem(
            f"{path} holds no key.",
            "It is neither an exported key nor 64 hex digits.",
            "Give a file written by `ayni keys export`, or one with a seed as 64 hex digits.",
        ) from error


def _show_keys(context: Context, kept: dict[str, bytes]) -> None:
    document: dict[str, Any] = {
        "keystore": str(context.keystore.path),
        "keys": [{"name": name, "public_key": key.hex()} for name, key in kept.items()],
    }

    def render(console: Console) -> None:
        if not kept:
            console.print(f"no keys in {context.keystore.path}; make one with `ayni keys new NAME`")
            return
        print_table(console, ("name", "public key"), [(name, key.hex()) for name, key in kept.items()])

    context.output.result("keys", document, render)
