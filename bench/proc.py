"""What the kernel says of a process: memory, processor time, bytes written to disk. Linux only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

_CLOCK_OF_PROCESSOR = 2
"""In the number of a process' clock, as clock_getcpuclockid(3) makes it: what it used of a processor, in
nanoseconds. The ticks in /proc are a hundredth of a second each: too coarse for a few transactions."""


class Memory(NamedTuple):
    """Resident memory of a process, in bytes."""

    resident: int
    """All of it; what the next two have in common with it is shared between them."""
    own: int
    """Anonymous: heap and stacks."""
    files: int
    """Pages of mapped files, which the kernel takes back when it needs them."""


def memory(pid: int) -> Memory:
    """Resident memory of a process now."""
    fields = _fields(Path(f"/proc/{pid}/status"))
    resident, own, files = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon", "RssFile"))
    return Memory(resident, own, files)


def written_bytes(pid: int) -> int:
    """Bytes that a process has caused to be written to disk so far; 0 on a file system in memory."""
    return int(_fields(Path(f"/proc/{pid}/io"))["write_bytes"])


def processor_seconds(pid: int) -> float:
    """Processor time of a process so far, all threads, user and system. Raises OSError when there is none."""
    return time.clock_gettime((~pid << 3) | _CLOCK_OF_PROCESSOR)


def _fields(path: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
