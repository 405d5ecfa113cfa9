"""On what machine a figure was measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import grpc


def describe_machine() -> dict[str, str | int]:
    """Processor, cores this process may use, memory, system, Python, gRPC."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_mib": int((_first("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "grpc": grpc.__version__,
    }


def _first(file: str, key: str) -> str:
    """The first value of `key` in a "key: value" file of /proc; empty when there is none."""
    path = Path(file)
    if path.exists():
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
