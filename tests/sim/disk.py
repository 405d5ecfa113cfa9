"""A disk that may lose what was not synced, fill up, rot, or lose its power in the middle of a write.

`SimulatedDatabase` is the production `node.store.Database` over a fake of LevelDB alone: batches, their
atomicity, every error and its words are production's. What LevelDB promises is kept: a batch reaches the disk
whole or not at all; what is synced stays.
"""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PosixPath
from typing import Any

import plyvel

from node.store import Database
from tests.sim.clock import SimulatedCrash

Operations = list[tuple[bytes, bytes | None]]


@dataclass
class Chances:
    """How likely something goes wrong with one write."""

    crash_before: float = 0.0
    crash_torn: float = 0.0
    """In the middle of it: nothing of the batch survives, as its checksum does not match."""
    crash_after: float = 0.0
    """It is on the disk, and the program never learns of it."""
    reordered: bool = False
    """At a crash any of the unsynced batches may have survived, not only the first ones."""


@dataclass
class Disk:
    """One node's disk: survives the process, and can be copied."""

    chance: random.Random
    name: str = ""
    rows: dict[bytes, bytes] = field(default_factory=dict)
    keys: list[bytes] = field(default_factory=list)
    unsynced: list[list[tuple[bytes, bytes | None, bytes | None]]] = field(default_factory=list)
    """Batches that a crash may lose: (key, value before, value after)."""
    chances: Chances = field(default_factory=Chances)
    is_full: bool = False
    rotten: set[bytes] = field(default_factory=set)
    """Keys whose rows no longer match their checksum."""
    on_write: Callable[[Operations], None] = lambda operations: None
    """Told of what is on the disk for good."""
    on_crash: Callable[[str], None] = lambda how: None
    """Told that the power went, before the program's stack unwinds."""
    writes: int = 0

    def image(self) -> dict[bytes, bytes]:
        """A copy of everything on it."""
        return dict(self.rows)

    def restore(self, image: dict[bytes, bytes]) -> None:
        """Replaces everything by a copy."""
        self.rows = dict(image)
        self.keys = sorted(self.rows)
        self.unsynced.clear()
        self.rotten.clear()

    def write(self, operations: Operations, sync: bool) -> None:
        """Applies one batch, or fails as a disk does."""
        self.writes += 1
        if self.is_full:
            raise plyvel.IOError(b"IO error: no space left on device")
        luck = self.chance.random()
        chances = self.chances
        if luck < chances.crash_before:
            self._crash("before a write")
        luck -= chances.crash_before
        if luck < chances.crash_torn:
            self._crash("in a write")
        luck -= chances.crash_torn
        undo = []
        for key, value in operations:
            undo.append((key, self.rows.get(key), value))
            self._set(key, value)
        self.unsynced.append(undo)
        if sync:
            batches, self.unsynced = self.unsynced, []
            for batch in batches:
                self.on_write([(key, after) for key, _, after in batch])
        if luck < chances.crash_after:
            self._crash("after a write")

    def lose_power(self) -> None:
        """What was not synced is lost, or some of it."""
        batches = self.unsynced
        self.unsynced = []
        for batch in reversed(batches):
            for key, before, _ in reversed(batch):
                self._set(key, before)
        for batch in batches:
            kept = self.chance.random() < 0.5
            if not kept and not self.chances.reordered:
                return
            if kept:
                for key, _, after in batch:
                    self._set(key, after)
                self.on_write([(key, after) for key, _, after in batch])

    def _crash(self, how: str) -> None:
        self.on_crash(how)
        raise SimulatedCrash(f"{self.name}: the power went {how}")

    def _set(self, key: bytes, value: bytes | None) -> None:
        self.rotten.discard(key)
        if value is None:
            if self.rows.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
        else:
            if key not in self.rows:
                insort(self.keys, key)
            self.rows[key] = value

    def read(self, key: bytes) -> bytes | None:
        """A row; what rotted is noticed, as LevelDB's checksums do."""
        if key in self.rotten:
            raise plyvel.CorruptionError(b"Corruption: block checksum mismatch")
        return self.rows.get(key)


class _Level:
    """The few functions of `plyvel.DB` that `node.store` calls."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def get(self, key: bytes, **_: Any) -> bytes | None:
        return self._disk.read(key)

    def write_batch(self, sync: bool) -> _WriteBatch:
        return _WriteBatch(self._disk, sync)

    def iterator(
        self, start: bytes, stop: bytes, reverse: bool = False, include_value: bool = True, **_: Any
    ) -> _Iterator:
        keys = self._disk.keys[bisect_left(self._disk.keys, start) : bisect_left(self._disk.keys, stop)]
        if reverse:
            keys.reverse()
        return _Iterator(self._disk, keys, include_value)

    def close(self) -> None:
        """Nothing is open."""


class _WriteBatch:
    def __init__(self, disk: Disk, sync: bool) -> None:
        self._disk = disk
        self._sync = sync
        self._operations: Operations = []

    def put(self, key: bytes, value: bytes) -> None:
        self._operations.append((key, value))

    def delete(self, key: bytes) -> None:
        self._operations.append((key, None))

    def write(self) -> None:
        self._disk.write(self._operations, self._sync)


class _Iterator:
    def __init__(self, disk: Disk, keys: list[bytes], include_value: bool) -> None:
        self._disk = disk
        self._keys = keys
        self._include_value = include_value

    def __enter__(self) -> Iterator[Any]:
        for key in self._keys:
            value = self._disk.read(key)
            if value is not None:
                yield (key, value) if self._include_value else key

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""


class _NoDirectory(PosixPath):
    """A directory that need not be made."""

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """It is only a name."""


class SimulatedDatabase(Database):
    """The production database over a simulated disk."""

    def __init__(self, disk: Disk, genesis_hash: bytes) -> None:
        self._disk = disk
        super().__init__(_NoDirectory(f"/simulated/{disk.name}"), genesis_hash)

    def _open(self) -> Any:
        return _Level(self._disk)
