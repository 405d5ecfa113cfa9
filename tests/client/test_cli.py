"""The command itself: what it imports, how errors look, and the networks it knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ayni.v1 import genesis_pb2
from client.cli import GROUPS, main
from client.errors import ClientError, ExitCode, UsageProblem, worst
from tests.client.conftest import Ayni, three_lines
from tests.client.fakes import FakeNode, founded, signed_genesis

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_group_without_importing_grpc_or_plyvel() -> None:
    program = (
        "import sys; from client.cli import main; code = main(['--help']);"
        "print([name for name in ('grpc', 'plyvel') if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("[]")
    for name in GROUPS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_has_help_and_needs_neither_grpc_nor_plyvel_for_it(name: str) -> None:
    program = (
        f"import sys; from client.cli import main; code = main([{name!r}, '--help']);"
        "print([name for name in ('grpc', 'plyvel') if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: ayni " + name in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_every_error_is_three_lines_even_when_its_text_is_not() -> None:
    problem = UsageProblem("What\nhappened.", "Why.", "What   next.")
    assert problem.lines() == ("ayni: What happened.", "  why:  Why.", "  next: What next.")


def test_exit_codes_are_those_of_the_readme() -> None:
    names = (
        "DONE",
        "BUG",
        "USAGE",
        "REFUSED",
        "VERIFICATION_FAILED",
        "NO_NODE",
        "UNKNOWN",
        "KEY",
        "NOT_FOUND",
    )
    expected = {name: code for code, name in enumerate((*names, "EXPIRED"))}
    assert expected == {code.name: int(code) for code in ExitCode}
    assert {code for code in ExitCode if code is not ExitCode.DONE} == {
        *(kind.exit_code for kind in ClientError.__subclasses__()), ExitCode.BUG,
    }  # fmt: skip


def test_the_worst_of_many_rows_decides() -> None:
    assert worst([]) == ExitCode.DONE
    assert worst([ExitCode.DONE, ExitCode.REFUSED, ExitCode.UNKNOWN, ExitCode.EXPIRED]) == ExitCode.UNKNOWN


def test_a_bug_is_told_as_one(ayni: Ayni, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(home: Path) -> None:
        raise KeyError("inside")

    monkeypatch.setattr("client.cli.network.load_networks", broken)
    result = ayni("network", "list")
    assert result.code == 1
    assert "This is a bug in ayni" in three_lines(result.err)[1]


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == ExitCode.USAGE
    assert "Usage: ayni" in "".join(capsys.readouterr())


# Networks -------------------------------------------------------------------------------------------


def genesis_file(path: Path, *names: str) -> Path:
    path.write_bytes(signed_genesis(*names).SerializeToString(deterministic=True))
    return path


def test_a_network_is_pinned_by_its_genesis_and_used(ayni: Ayni, tmp_path: Path, node: FakeNode) -> None:
    path = genesis_file(tmp_path / "hill.genesis", "uplands")
    result = ayni("network", "add", "hill", "--genesis", str(path), "--node", "127.0.0.1:7410")
    assert result.code == 0, result.err
    assert ayni("network", "use", "hill").code == 0
    listed = json.loads(ayni("network", "list", "--json").out)
    assert listed["current"] == "hill"
    hill = next(one for one in listed["networks"] if one["name"] == "hill")
    assert (hill["federations"], hill["nodes"]) == (["uplands"], ["127.0.0.1:7410"])
    assert {"code": "HRS", "scale": 60, "nature": "hours"} in hill["units"]
    path.unlink()  # the genesis is kept in the home
    assert ayni("network", "add", "hill", "--node", "localhost:7420").code == 0
    assert "127.0.0.1:7410, localhost:7420" in ayni("network", "list").out


def test_a_pinned_genesis_is_never_replaced(ayni: Ayni, tmp_path: Path) -> None:
    path = genesis_file(tmp_path / "other.genesis", "uplands")
    result = ayni("network", "add", "valley", "--genesis", str(path))
    assert result.code == 2
    assert "The name 'valley' is pinned to another genesis." in three_lines(result.err)[0]


def test_a_genesis_that_is_not_the_one_told_or_not_signed_is_refused(ayni: Ayni, tmp_path: Path) -> None:
    path = genesis_file(tmp_path / "hill.genesis", "uplands")
    result = ayni("network", "add", "hill", "--genesis", str(path), "--hash", "00" * 32)
    assert result.code == 4
    assert "is not the genesis you were told" in three_lines(result.err)[0]
    unsigned = genesis_pb2.SignedGenesis(body=signed_genesis("uplands").body)
    path.write_bytes(unsigned.SerializeToString())
    result = ayni("network", "add", "hill", "--genesis", str(path))
    assert result.code == 2
    assert "is not a valid genesis" in three_lines(result.err)[0]
    result = ayni("network", "add", "hill")
    assert result.code == 8
    assert "no --genesis was given" in three_lines(result.err)[1]


def test_a_genesis_that_no_node_starts_from_is_not_pinned(ayni: Ayni, tmp_path: Path) -> None:
    """Though its founders signed it."""
    genesis = genesis_pb2.Genesis.FromString(signed_genesis("uplands").body)
    genesis.time_ms = 0
    path = tmp_path / "hill.genesis"
    path.write_bytes(founded(genesis).SerializeToString(deterministic=True))
    result = ayni("network", "add", "hill", "--genesis", str(path))
    assert result.code == 2
    assert "genesis time_ms: must be Unix milliseconds" in three_lines(result.err)[1]
    unknown_field = b"\x18\x01"
    path.write_bytes(signed_genesis("uplands").SerializeToString(deterministic=True) + unknown_field)
    result = ayni("network", "add", "hill", "--genesis", str(path))
    assert result.code == 2
    assert "SignedGenesis has no field 3" in three_lines(result.err)[1]


def test_a_far_node_needs_its_certificate(ayni: Ayni, tmp_path: Path) -> None:
    result = ayni("network", "add", "valley", "--node", "node.example:7410")
    assert result.code == 2
    assert "Node node.example:7410 has no certificate." in three_lines(result.err)[0]
    garbage = tmp_path / "cert.pem"
    garbage.write_text("hello")
    result = ayni("network", "add", "valley", "--node", "node.example:7410", "--certificate", str(garbage))
    assert result.code == 2
    assert "is not a certificate" in three_lines(result.err)[0]


def test_an_unknown_network_is_not_found(ayni: Ayni) -> None:
    result = ayni("network", "use", "sea")
    assert result.code == 8
    assert "Known: valley." in three_lines(result.err)[1]
    assert ayni("tx", "pending", "--network", "sea").code == 8


def test_a_genesis_changed_on_disk_is_noticed(ayni: Ayni, home: Path) -> None:
    genesis_file(home / "networks" / "valley.genesis", "mallory")
    result = ayni("network", "list")
    assert result.code == 2
    assert "the genesis of 'valley' hashes to" in three_lines(result.err)[1]


def test_the_version_is_told_installed_or_not(ayni: Ayni) -> None:
    result = ayni("--version")
    assert result.code == 0, result.err
    assert result.out.startswith("ayni, version ")
