"""`ayni demo`: a time bank's year over four federations' nodes on this machine, settled and verified.

Decides the options, the progress bar (on stderr) and the exit code. The year itself is in `client.demo`.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from client.cli.options import DIRECTORY
from client.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from client.testnet import Testnet

SEED_DEFAULT = 2010


@click.command("demo")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=SEED_DEFAULT, show_default=True,
              help="Of the spread over offices, months and people; the totals stay.")  # fmt: skip
@click.option("--export", "export", type=DIRECTORY,
              help="Keep the verifiable history in this directory (absent or empty).")  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the network up, and say how to talk to it.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object on stdout.")
@click.option("--scale", type=click.IntRange(1, 1000), default=1,
              help="Play a year so many times smaller, for tests: not the real totals.")  # fmt: skip
def command(seed: int, export: Path | None, keep: bool, as_json: bool, scale: int) -> int:
    """Replays a real time bank's year over four nodes, settles it, and verifies every signature offline."""
    from client.demo.report import render
    from client.demo.runner import Options, run_demo
    from client.demo.scenario import REAL, scaled
    from client.demo.summary import summary
    from client.output import console

    if export is not None and export.exists() and (not export.is_dir() or any(export.iterdir())):
        raise UsageProblem(
            f"{export} is not an empty directory.",
            "An export is never mixed with other files.",
            "Name another.",
        )
    for each in (signal.SIGINT, signal.SIGTERM):  # the first too: a shell has what it runs behind ignore it
        signal.signal(each, _interrupt)
    options = Options(
        seed, REAL if scale == 1 else scaled(scale), None if export is None else export.absolute(), keep
    )
    with _Bar() as bar:
        run, testnet = run_demo(options, bar.show)
    document = summary(run)
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        render(run, console())
    if keep:
        _how_to_talk(testnet)
    return ExitCode.DONE if document["audit"] == "ok" else ExitCode.VERIFICATION_FAILED


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    """SIGINT and SIGTERM end the demo as Ctrl-C does: the nodes are stopped on the way out."""
    raise KeyboardInterrupt


def _how_to_talk(testnet: Testnet) -> None:
    from client.testnet import KEYSTORE_PASSWORD

    lines = [
        "The network is up. To talk to it:",
        f"  export AYNI_HOME={testnet.home} AYNI_KEYSTORE_PASSWORD={KEYSTORE_PASSWORD}",
        "  ayni pool show",
        "  ayni account statement kansai/care-coop",
        "The keystore there holds every key: of federations, organisations, and people who have one.",
        f"To stop it:  ayni testnet stop {testnet.directory}",
    ]
    sys.stderr.write("\n".join(lines) + "\n")


class _Bar:
    """A progress bar on stderr; on something that is no terminal, a line for each stage."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        target = Console(stderr=True)
        self._terminal = target.is_terminal
        self._stage = ""
        self._progress = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=target,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> _Bar:
        if self._terminal:
            self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._terminal:
            self._progress.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """Told by the demo what it is doing."""
        if self._terminal:
            self._progress.update(self._task, description=what, completed=done, total=max(total, done, 1))
        elif what != self._stage:
            sys.stderr.write(f"{what} …\n")
        self._stage = what
