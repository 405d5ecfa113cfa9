"""How every import is asked for: the file, its profile, preview or send.

Decides the options that imports share. What a row is: client/importing.py; what is done with the rows:
client/cli/imports.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from client.cli.imports import Import
from client.cli.options import DIRECTORY, FILE, shared_options
from client.cli.writing import DRAFT_EXPIRES_IN
from client.context import Context
from client.errors import ExitCode, UsageProblem
from client.importing import Build, read_rows
from client.output import Unit, duration_ms
from client.stamps import new_stamp

PROFILE_CHARACTERS_MAX = 64
Command = Callable[..., Any]


@dataclass(frozen=True)
class Asked:
    """One import as it was asked for."""

    context: Context
    path: Path
    profile: str
    expires_in: str | None
    drafts: Path | None
    preview: bool
    yes: bool

    def run(
        self, columns: tuple[set[str], set[str]], build: Build, classes: Mapping[str, Unit] | None = None
    ) -> ExitCode:
        """Reads the file, every row through `build`, and imports it. Raises ClientError.

        `classes`: the unit of each class of entitlements that rows may name.
        """
        expires_in = self.expires_in or ("10m" if self.drafts is None else DRAFT_EXPIRES_IN)
        rows = read_rows(
            self.path,
            columns,
            build,
            profile=_check_profile(self.profile),
            expires_at_ms=new_stamp(duration_ms(expires_in)).expires_at_ms,
        )
        return Import(self.context, self.path, rows, self.drafts, self.preview, self.yes, classes or {}).run()


def import_options(profile: str) -> Callable[[Command], Command]:
    """Adds what imports share; the command's first argument becomes an `Asked`. `profile`: the default."""

    def decorate(function: Command) -> Command:
        @click.argument("path", type=FILE, metavar="FILE.csv")
        @click.option(
            "--profile",
            default=profile,
            show_default=True,
            help="Where the ids come from: the same profile and id is the same transaction, for ever.",
        )
        @click.option("--preview", is_flag=True, help="Check and show only.")
        @click.option("--yes", is_flag=True, help="Send without asking.")
        @click.option(
            "--drafts",
            type=DIRECTORY,
            default=None,
            metavar="DIR",
            help="Write each row to a file for others to sign; send nothing.",
        )
        @click.option(
            "--expires-in",
            default=None,
            help="How long rows stay valid; at most 7d. Default: 10m; of drafts 1d.",
        )
        @shared_options
        @functools.wraps(function)
        def wrapped(
            context: Context,
            *args: Any,
            path: Path,
            profile: str,
            expires_in: str | None,
            drafts: Path | None,
            preview: bool,
            yes: bool,
            **kwargs: Any,
        ) -> Any:
            asked = Asked(context, path, profile, expires_in, drafts, preview, yes)
            return function(asked, *args, **kwargs)

        return wrapped

    return decorate


def _check_profile(profile: str) -> str:
    """A profile's name, as given. Raises UsageProblem."""
    if not 1 <= len(profile) <= PROFILE_CHARACTERS_MAX or not profile.isprintable():
        raise UsageProblem(
            f"'{profile[:PROFILE_CHARACTERS_MAX]}' cannot be a profile.",
            f"A profile has 1 to {PROFILE_CHARACTERS_MAX} printable characters.",
            "Name it like the program that numbers the rows: erp-invoices.",
        )
    return profile
