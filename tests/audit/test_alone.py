"""What the auditor may lean on: no node, no network, and for the second recomputation no rule."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import audit

ROOM = Path(audit.__file__).parent


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", sorted(ROOM.glob("naive*.py")), ids=lambda path: path.name)
def test_second_recomputation_shares_no_code_with_the_ledger(path: Path) -> None:
    rooms = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)

    assert rooms <= {"ayni", "audit"}
    assert all(name.startswith("audit.naive") for name in imported(path) if name.startswith("audit"))


def test_auditor_is_imported_where_grpc_and_plyvel_are_not_installed() -> None:
    code = "import sys; sys.modules.update(grpc=None, plyvel=None); import audit; print(audit.Report(b'').ok)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOM.parent)

    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
