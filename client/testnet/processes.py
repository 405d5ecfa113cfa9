"""One node as a process: start it, see whether it is ready, stop it, kill it.

Decides how long to wait and what to say when a node does not come up. Nodes are started as
`python -m node --config FILE`; nothing of `node/` is imported. On Linux a node dies with whoever started
it, unless it was told to outlive it, so that nothing is left running.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import client
from client.errors import ClientError, ExitCode

STOP_SECONDS_MAX = 15.0
LOG_LINES_SHOWN = 5
# Asks the kernel to end this process when its parent ends (prctl PR_SET_PDEATHSIG), then runs the node.
_TETHERED = (
    "import ctypes, os, runpy, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, int(signal.SIGTERM)) if sys.platform == 'linux' else None\n"
    "os.getppid() == int(sys.argv.pop(1)) or sys.exit('whoever started this node is gone')\n"
    "runpy.run_module('node', run_name='__main__', alter_sys=True)\n"
)


class NodeFailed(ClientError):
    """A node of a test network did not start, or ended by itself."""

    exit_code = ExitCode.NO_NODE


class NodeProcess:
    """The process of one node; restarts use the same files."""

    def __init__(self, name: str, config: Path, log: Path) -> None:
        self.name = name
        self.config = config
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id; 0 when it is not running."""
        return self._process.pid if self._process is not None and self.running else 0

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it runs, or before it was first started."""
        return None if self._process is None else self._process.poll()

    def start(self, *, outlive: bool = False) -> None:
        """Starts the process and returns at once. `outlive`: it may go on when this program ends."""
        if self.running:
            return
        tree = str(Path(client.__file__).resolve().parent.parent)
        paths = [tree, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
        launch = ["-m", "node"] if outlive else ["-c", _TETHERED, str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", *launch, "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches who started it, who stops the nodes in good order
            )

    def require_running(self) -> None:
        """Raises NodeFailed, with the last lines of its log, when the process has ended."""
        if not self.running:
            code = self._process.returncode if self._process is not None else "none"
            raise NodeFailed(
                f"The node of {self.name} is not running (exit code {code}).",
                f"Its last words: {self.last_words()}",
                f"Its log is {self.log}.",
            )

    def last_words(self) -> str:
        """The end of its log, in one line."""
        if not self.log.exists():
            return "none; it has no log."
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " | ".join(lines[-LOG_LINES_SHOWN:]) or "none; its log is empty."

    def signal_stop(self) -> None:
        """Asks it to stop gracefully; `wait` sees it through."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds_max: float = STOP_SECONDS_MAX) -> None:
        """Waits until it has ended; kills it when that takes longer than `seconds_max`."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, seconds_max))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stops it gracefully."""
        self.signal_stop()
        self.wait()

    def kill(self) -> None:
        """Ends it at once, as a power cut would (SIGKILL)."""
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait()


def stop_all(processes: list[NodeProcess]) -> None:
    """Stops all of them gracefully, side by side."""
    for process in processes:
        process.signal_stop()
    deadline = time.monotonic() + STOP_SECONDS_MAX
    for process in processes:
        process.wait(deadline - time.monotonic())
