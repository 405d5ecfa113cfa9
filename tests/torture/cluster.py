"""The network under torture: four processes, the wires between them, their disks and their clocks.

Decides how each thing is done to a node, and undone; never when: that is faults.py. One node's disk is a
small file system of its own (tmpfs) where this user may mount one; otherwise a limit on the size of the
node's files stands in for it.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from client.testnet import Founding, Testnet, create, federation_names, open_testnet
from client.testnet.wires import Wires
from config import ConsensusSection, LogSection, load, split_address, write_toml
from tests.torture.watch import Watch

ROOT = Path(__file__).resolve().parents[2]
NODES = 4
TIMEOUT_MS, TIMEOUT_MAX_MS = 500, 4_000
HEARTBEAT_MS = 3_000
"""Time moves on when everything is quiet, so that what has expired is said to be."""
DISK_BYTES = 2 << 30
DISK_LEFT_BYTES = 256 * 1024
CLOCKS = Path(__file__).parent / "clock"


class TortureFailed(Exception):
    """What was promised did not hold. The words say what."""


def make_network(directory: Path) -> Testnet:
    """Writes the files of the network."""
    return create(
        directory / "network",
        Founding("torture", federation_names(NODES), state_tree_bits=10),
        close_periods=False,
        consensus=ConsensusSection(
            timeout_ms=TIMEOUT_MS, timeout_max_ms=TIMEOUT_MAX_MS, heartbeat_ms=HEARTBEAT_MS
        ),
        log=LogSection(level="info"),
    )


def put_on_disk(testnet: Testnet, disk: Disk, disk_node: int) -> Testnet:
    """Puts one node's data on `disk`."""
    file = testnet.nodes[disk_node].directory / "node.toml"
    config = load(file)
    write_toml(replace(config, node=replace(config.node, data_dir=disk.directory / "data")), file)
    return open_testnet(testnet.directory)


class Disk:
    """A small file system for one node's database. As a context manager it is unmounted on the way out."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.mounted = self._mount(["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs"])

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.directory)], check=False)

    def fill(self) -> None:
        """Leaves hardly any room."""
        now = os.statvfs(self.directory)
        self._resize((now.f_blocks - now.f_bfree) * now.f_frsize + DISK_LEFT_BYTES)

    def empty(self) -> None:
        """Gives the room back."""
        self._resize(DISK_BYTES)

    def _resize(self, size: int) -> None:
        if not self._mount(["-o", f"remount,size={size}"]):
            raise TortureFailed(f"{self.directory} could not be resized")

    def _mount(self, options: list[str]) -> bool:
        command = ["mount", *options, str(self.directory)]
        try:
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        except OSError:
            return False


class Cluster:
    """The nodes, and what can be done to them. Nodes are given by their index."""

    def __init__(self, testnet: Testnet, wires: Wires, watch: Watch, disk: Disk, disk_node: int) -> None:
        self.testnet, self.wires, self.watch = testnet, wires, watch
        self.disk, self.disk_node = disk, disk_node
        self.paused: set[int] = set()
        self.ended = False

    # --- processes ----------------------------------------------------------------------------------

    def name(self, index: int) -> str:
        """The federation."""
        return self.testnet.nodes[index].federation

    def ports(self, index: int) -> list[int]:
        """Where the node listens for clients, validators and its sysadmin."""
        listen = self.testnet.nodes[index].config.listen
        return [split_address(each, "listen")[1] for each in (listen.client, listen.peer, listen.admin)]

    def log(self, index: int) -> Path:
        """The node's log."""
        return self.testnet.nodes[index].process.log

    def launch(self, *indexes: int, same_disk: bool = True) -> None:
        """Starts the processes, and waits for nothing. `same_disk`: it is as the last process left it."""
        for index in indexes:
            self.testnet.nodes[index].process.start()
            self.watch.started(index, same_disk)

    def kill(self, *indexes: int) -> None:
        """SIGKILL, all of them before the first is waited for."""
        self.watch.expected_down |= set(indexes)
        for index in indexes:
            if pid := self.testnet.nodes[index].process.pid:
                os.kill(pid, signal.SIGKILL)
        for index in indexes:
            self.testnet.nodes[index].process.wait()

    def stop(self, index: int) -> None:
        """SIGTERM; the node must end in good order."""
        self.watch.expected_down.add(index)
        process = self.testnet.nodes[index].process
        process.stop()
        if process.exit_code != 0:
            raise TortureFailed(f"{process.name} was told to stop and ended with {process.exit_code}")

    def pause(self, *indexes: int) -> None:
        """SIGSTOP."""
        for index in indexes:
            os.kill(self.testnet.nodes[index].process.pid, signal.SIGSTOP)
            self.paused.add(index)

    def go_on(self, *indexes: int) -> None:
        """SIGCONT."""
        for index in indexes:
            os.kill(self.testnet.nodes[index].process.pid, signal.SIGCONT)
            self.paused.discard(index)

    def ask_where_they_are(self) -> None:
        """Each node that runs writes the stacks of its threads into its log (clock/sitecustomize.py)."""
        for node in self.testnet.nodes:
            if pid := node.process.pid:
                os.kill(pid, signal.SIGUSR1)

    def end(self) -> None:
        """Kills whatever runs, paused or not."""
        self.kill(*range(NODES))

    def until_ended(self, index: int, seconds_max: float) -> int | None:
        """Waits for a node to end by itself: its exit code, or None when it still runs."""
        process = self.testnet.nodes[index].process
        until = time.monotonic() + seconds_max
        while process.exit_code is None and time.monotonic() < until:
            self.watch.rest(0.1)
        return process.exit_code

    # --- disks --------------------------------------------------------------------------------------

    def data(self, index: int) -> Path:
        """The node's database."""
        return self.testnet.nodes[index].config.node.data_dir

    def kept(self, index: int) -> Path:
        """Where a node's sound disk is kept while it has another."""
        return self.data(index).with_name("data.sound")

    def copy_disk(self, index: int, name: str) -> Path:
        """A copy of a stopped node's database, beside it."""
        copy = self.data(index).with_name(name)
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.data(index), copy)
        return copy

    def give_sound_disk_back(self, index: int) -> None:
        """What was kept is the node's database again."""
        shutil.rmtree(self.data(index), ignore_errors=True)
        self.kept(index).rename(self.data(index))

    def limit_files(self, index: int) -> None:
        """No file of the node may grow much beyond the largest that it writes now: a disk that is full."""
        process = self.testnet.nodes[index].process
        logs = [*self.data(index).glob("*.log"), process.log]
        size = max(each.stat().st_size for each in logs) + DISK_LEFT_BYTES
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))

    # --- clocks -------------------------------------------------------------------------------------

    def shift_clock(self, index: int, milliseconds: int) -> None:
        """The node's wall clock is so far off from now on."""
        file = self.testnet.nodes[index].directory / "clock-offset-ms"
        fresh = file.with_suffix(".new")
        fresh.write_text(str(milliseconds))
        fresh.rename(file)
