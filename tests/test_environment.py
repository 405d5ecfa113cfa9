"""Which Python the scripts make their environment with, and what they say when there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(what: str, where: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Bash in a directory, with what the scripts share at hand."""
    return subprocess.run(
        ["bash", "-c", f"source '{ROOT}/scripts/environment.sh'; {what}"],
        cwd=where,
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


def environment_that(place: Path, *, python: str) -> Path:
    """What the scripts make at `place`, with a Python that does this."""
    (place / "bin").mkdir(parents=True)
    (place / ".ayni").touch()
    (place / "pyvenv.cfg").write_text(f"command = /usr/bin/python3.11 -m venv {place}\n")
    python_that(python, place / "bin/python")
    return place


def made_anew(place: Path) -> bool:
    """Whether the scripts make an environment in the place of what is there, rather than use it."""
    (place / "of-before").touch()
    maker = python_that(
        'case "$*" in *"-m venv"*) mkdir -p "$3/bin"; touch "$3/made";'
        ' printf "#!/bin/sh\\n" > "$3/bin/python"; chmod +x "$3/bin/python";; esac',
        place.parent / "maker",
    )
    done = run("ensure_environment run", AYNI_VENV=str(place), AYNI_PYTHON=maker)
    assert done.returncode == 0, done.stderr
    assert (place / "made").exists() != (place / "of-before").exists()
    return (place / "made").exists()


def test_a_place_that_is_named_from_another_directory_is_meant_from_there(tmp_path: Path) -> None:
    named = {"": ROOT / ".venv", "of mine": tmp_path / "of mine", "/of mine": Path("/of mine")}
    for name, place in named.items():
        assert run('echo "$VENV"', where=tmp_path, AYNI_VENV=name).stdout == f"{place}\n"


WITHOUT_PIP = 'case "$*" in *pip*) exit 1;; esac'
TOO_NEW = 'case "$*" in *version_info*) exit 1;; esac'
QUIET = "exit 0"


def test_an_environment_that_works_is_used(tmp_path: Path) -> None:
    assert not made_anew(environment_that(tmp_path / "environment", python=QUIET))
    assert not made_anew(environment_that(tmp_path / "of a space", python=QUIET))


@pytest.mark.parametrize("python", [WITHOUT_PIP, TOO_NEW])
def test_one_half_made_or_of_another_python_is_made_anew(tmp_path: Path, python: str) -> None:
    assert made_anew(environment_that(tmp_path / "environment", python=python))


def test_one_whose_python_was_removed_is_made_anew(tmp_path: Path) -> None:
    place = environment_that(tmp_path / "environment", python=QUIET)
    (place / "bin/python").unlink()
    (place / "bin/python").symlink_to("/gone/python3.11")
    assert made_anew(place)


def test_one_that_was_moved_is_made_anew_though_all_is_installed(tmp_path: Path) -> None:
    before = environment_that(tmp_path / "before", python=QUIET)
    assert not made_anew(before)
    assert list(before.glob(".ayni-run-*"))
    assert made_anew(before.rename(tmp_path / "after"))


def test_one_that_somebody_else_made_is_used_wherever_it_says_that_it_is(tmp_path: Path) -> None:
    for name, settings in (
        ("by another tool", ""),
        ("renamed", "command = /usr/bin/python3.11 -m venv /old\n"),
    ):
        place = environment_that(tmp_path / name, python=QUIET)
        (place / ".ayni").unlink()
        (place / "pyvenv.cfg").write_text(settings)
        assert not made_anew(place)


@pytest.mark.parametrize("is_environment", [False, True])
def test_what_the_scripts_have_not_made_is_left_alone(tmp_path: Path, is_environment: bool) -> None:
    if is_environment:
        environment_that(tmp_path, python=WITHOUT_PIP)
        (tmp_path / ".ayni").unlink()
    (tmp_path / "letters").write_text("precious")
    done = run("ensure_environment run", AYNI_VENV=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        f"bash: {tmp_path} is no virtual environment that works, and these scripts have not made it."
        " Move it away, or name another place for one in AYNI_VENV.\n"
    )
    assert (tmp_path / "letters").read_text() == "precious"
