"""How the client writes: whole files, durable, and directories for their user only.

Decides that a file is there as it was or as it is meant, never half, and that two processes do not
overwrite each other's changes. What is read is bounded in
client/documents.py.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client.errors import UsageProblem


def write_file(path: Path, content: bytes) -> None:
    """Writes a file that a person asked for. Raises UsageProblem when it cannot be written."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UsageProblem(
            f"{path} cannot be written.", f"{error.strerror}.", "Choose another file."
        ) from error


def make_private(directory: Path) -> None:
    """Makes a directory, and those above it that are missing, for this user only; one that is there stays."""
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replaces a file whole: written beside it, synced, renamed, and the directory synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


@contextmanager
def changed_by_one(path: Path) -> Iterator[None]:
    """Waits until no other process is changing the file: what is read within is what is replaced.

    The file is replaced whole, so the lock is on one beside it, which stays.
    """
    make_private(path.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
