"""Which Python the scripts make their environment with, and what they say when there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(what: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Bash, with what the scripts share at hand."""
    return subprocess.run(
        ["bash", "-c", f"source '{ROOT}/scripts/environment.sh'; {what}"],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def python_that(does: str, where: Path) -> str:
    where.write_text(f"#!/bin/sh\n{does}\n")
    where.chmod(0o755)
    return str(where)


def test_the_python_that_is_named_is_taken(tmp_path: Path) -> None:
    named = python_that(f'exec "{sys.executable}" "$@"', tmp_path / "mine")
    assert run("find_python", AYNI_PYTHON=named).stdout == f"{named}\n"


def test_one_that_cannot_make_an_environment_is_passed_over(tmp_path: Path) -> None:
    without = python_that(
        'case "$2" in *ensurepip*) exit 1;; esac; echo Python 3.11.2', tmp_path / "python3.11"
    )
    found = run("find_python", AYNI_PYTHON=without, PATH=f"/usr/bin:/bin:{Path(sys.executable).parent}")
    assert found.returncode == 0
    assert found.stdout.strip() not in ("", without)


def test_without_a_python_it_says_which_is_needed_and_how_to_get_it(tmp_path: Path) -> None:
    found = run(
        "find_python() { return 1; }; ensure_environment run", AYNI_VENV=str(tmp_path / "environment")
    )
    assert found.returncode == 1
    assert found.stderr == (
        "bash: Python 3.11 or 3.12 is needed and was not found on PATH. Install it (Debian: apt install"
        " python3.11 python3.11-venv), or name it in AYNI_PYTHON.\n"
    )
