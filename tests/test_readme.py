"""What the README and the documents tell people to type exists, and what they link to is there.

Commands in the running text too, which nobody runs; blocks are run in tests/test_documents.py.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from client.cli import GROUPS, cli
from client.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:ayni|\./scripts/)[^`]*)`")
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)[^)]*\)")


class Typed(NamedTuple):
    """One command that a document tells people to type."""

    document: str
    line: str

    def __str__(self) -> str:
        return f"{self.document}: {self.line}"


def typed() -> list[Typed]:
    found = []
    for path in DOCUMENTS:
        text = path.read_text()
        lines = [line for block in BLOCK.findall(text) for line in block.replace("\\\n", "").splitlines()]
        lines += INLINE.findall(text)
        for line in lines:
            for part in re.split(r"&&|\|(?!\w)|;", line.removeprefix("$ ")):
                command = part.split(" #")[0].strip()
                if command.startswith(("ayni ", "./scripts/")) and "…" not in command:
                    found.append(Typed(str(path.relative_to(ROOT)), command))
    return found


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and the words left over. Raises AssertionError."""
    current: click.Command = cli
    context = click.Context(cli)
    while isinstance(current, click.Group) and words and not words[0].startswith("-"):
        found = current.get_command(context, words[0])
        assert found is not None, f"there is no command '{words[0]}'"
        current, words = found, words[1:]
    return current, words


@pytest.mark.parametrize("one", typed(), ids=str)
def test_a_command_in_a_document_exists_with_its_options(one: Typed) -> None:
    if one.line.startswith("./scripts/"):
        script = one.line.split()[0]
        assert (ROOT / script).is_file(), f"{one}: there is no {script}"
        return
    # "start|stop" and "[--json]" are how a document names several at once.
    words = [word.split("|")[0].strip("[]") for word in shlex.split(one.line)[1:]]
    command, rest = command_of(words)
    known = {"--help", "-h"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    options = [word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    assert [option for option in options if option not in known] == [], str(one)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_group_of_commands_loads_and_explains_itself() -> None:
    context = click.Context(cli)
    for name in GROUPS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help, f"`ayni {name}` has no help"
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                found = command.get_command(context, sub)
                assert found is not None
                assert found.help, f"`ayni {name} {sub}` has no help"


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "./scripts/demo" in text
    assert "./scripts/test" in text


def test_the_readme_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [int(code) for code, _ in rows] == sorted(ExitCode)
    assert dict(rows)[str(int(ExitCode.NO_NODE))] == "no node took it"
