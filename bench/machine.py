"""On what machine a figure was measured."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path

from proofs.signing import SigningKey, verify

CALIBRATION_SECONDS = 0.5
_KEY = SigningKey(bytes(32))
_MESSAGE = bytes(200)
_SIGNATURE = _KEY.sign(_MESSAGE)
LIBRARIES = ("grpcio", "protobuf", "pynacl", "plyvel")
"""Those that most of the time is spent in."""


def describe_machine() -> dict[str, str | int]:
    """Processor, cores this process may use, memory, system, versions, and how fast a core is now."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_mib": int((_first("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "commit": _commit(),
        "verifications_per_second": _verifications_per_second(),
    }


def _verifications_per_second() -> int:
    """Ed25519 verifications of 200 bytes that one core does in a second of wall time, measured now.

    It tells a slow machine, or one that has something else to do, from a slow program.
    """
    count = 0
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < CALIBRATION_SECONDS:
        verify_some(50)
        count += 50
    return int(count / spent)


def verify_some(count: int) -> None:
    """So many verifications: the measure of how fast a core is at this moment."""
    for _ in range(count):
        verify(_KEY.public_key, _MESSAGE, _SIGNATURE)


@cache
def _commit() -> str:
    """What was measured: the commit, "-dirty" when files differ from it; empty outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _first(file: str, key: str) -> str:
    """The first value of `key` in a "key: value" file of /proc; empty when there is none."""
    path = Path(file)
    if path.exists():
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
