"""What the documents show is typed into a shell, line by line, and says what the documents show.

A `sh` block is run; a `text` block right after one is what it prints, in which `…` stands for anything. A
line that ends in `# exit N…` must end so; all others must succeed. Blocks of one document share a directory,
and what they export. Blocks of other languages are not typed; `NOT_RUN` lists what is typed and not run here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh", "text", "ini", "toml", "json", "python"}
NOT_RUN = {
    "./scripts/demo": "takes a minute; .ci/run runs it",
    "./scripts/test": "runs this test",
    "./scripts/bench": "takes minutes and measures; its own tests run it small",
    "./scripts/torture": "takes minutes",
    "./scripts/fuzz": "takes minutes",
}
PLACEHOLDER = re.compile(r"…(\\ )*")
EXIT = re.compile(r"# exit (\d+)")
SECONDS_MAX = 110.0


class Block(NamedTuple):
    """Commands to type, and what they print; empty: it is not shown."""

    line: int
    commands: str
    shown: str


def blocks(path: Path) -> Iterator[Block]:
    text = path.read_text()
    fences = list(FENCE.finditer(text))
    for number, fence in enumerate(fences):
        if fence[1] != "sh" or any(fence[2].startswith(f"{name} ") for name in NOT_RUN):
            continue
        following = fences[number + 1] if number + 1 < len(fences) else None
        shown = ""
        if (
            following is not None
            and following[1] == "text"
            and not text[fence.end() : following.start()].strip()
        ):
            shown = following[2]
        yield Block(text.count("\n", 0, fence.start()) + 1, fence[2], shown)


def typed_line_by_line(commands: str) -> str:
    """A script that stops at the first line that does not end as it should."""
    lines = []
    for line in commands.splitlines():
        expected = EXIT.search(line)
        lines.append(
            f"code=0; {line.split('#')[0]} || code=$?; test $code = {expected[1]}" if expected else line
        )
    return "\n".join(lines)


class Shell:
    """One person's shell: a directory, a home, and what was exported; each block is a bash of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        command = directory.parent / "bin" / "ayni"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m client.cli "$@"\n')
        command.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AYNI_")}
        self.exported = {
            **kept,
            "HOME": str(directory),
            "XDG_DATA_HOME": str(directory / ".local"),
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }

    def type(self, block: Block) -> subprocess.CompletedProcess[str]:
        after = self.directory / ".exported"
        script = f"set -e\n{typed_line_by_line(block.commands)}\nenv -0 > {after}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.directory,
            env=self.exported,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        if after.exists():
            entries = (entry.partition("=") for entry in after.read_text().split("\0") if entry)
            self.exported = {name: value for name, _, value in entries}
        return done


def pattern(shown: str) -> re.Pattern[str]:
    """What the output must look like: `…` is anything within a line (and the blanks that align it), alone on
    a line any lines."""
    parts = []
    for line in shown.splitlines(keepends=True):
        parts.append(r"(?:.*\n)*?" if line == "…\n" else PLACEHOLDER.sub("[^\n]*", re.escape(line)))
    return re.compile("".join(parts))


DOCUMENTS_WITH_COMMANDS = [path for path in DOCUMENTS if any(blocks(path))]


@pytest.mark.parametrize("path", DOCUMENTS_WITH_COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_shows_can_be_typed_and_prints_what_it_shows(path: Path, tmp_path: Path) -> None:
    directory = tmp_path / "home"
    directory.mkdir()
    shell = Shell(directory)
    try:
        for block in blocks(path):
            where = f"{path.relative_to(ROOT)}:{block.line}"
            done = shell.type(block)
            assert done.returncode == 0, f"{where}\n{block.commands}\n{done.stdout}\n{done.stderr}"
            if block.shown:
                assert pattern(block.shown).fullmatch(done.stdout), f"{where} prints\n{done.stdout}"
    finally:
        for network in directory.glob("*/genesis.bin"):
            shell.type(Block(0, f"ayni testnet stop {network.parent}", ""))


def test_every_block_says_what_language_it_is_in() -> None:
    other = {
        f"{path.relative_to(ROOT)}: {fence[1] or 'none'}"
        for path in DOCUMENTS
        for fence in FENCE.finditer(path.read_text())
        if fence[1] not in LANGUAGES
    }
    assert other == set()


def test_the_scripts_that_are_not_run_are_there() -> None:
    assert [name for name in NOT_RUN if not (ROOT / name).is_file()] == []


def test_the_placeholder_stands_for_part_of_a_line_or_for_lines() -> None:
    shown = pattern("a … c\n…\nd\n")
    assert shown.fullmatch("a b c\nd\n")
    assert shown.fullmatch("a b c\nx\ny\nd\n")
    assert not shown.fullmatch("a b\nc\nd\n")
    assert pattern("…      c\n").fullmatch("2026-03-31  c\n")
    assert not shown.fullmatch("a b c\nd\ne\n")
