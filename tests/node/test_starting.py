"""Starting a node, or its doctor, where something is wrong: refused in words, with exit code 2 or 4."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.__main__ import main
from node.startup import prepare
from node.store import BUCKET, Batch, Database, next_prefix
from proofs.domains import genesis_hash
from tests.node.founders import signed_genesis, write_network
from tests.node.running import Process


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The configuration of a node that was started once."""
    config = write_network(tmp_path)[0]
    prepare(config).parts.database.close()
    return tmp_path / "emilia" / "node.toml"


def started(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and everything said."""
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_missing_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = started(capsys, "--config", tmp_path / "none.toml")
    assert code == 2 and "there is no such file" in said


def test_every_problem_of_the_configuration_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file.parent / "consensus.key").chmod(0o640)
    (file.parent / "node.crt").unlink()
    code, said = started(capsys, "--config", file)
    assert code == 2
    assert "cannot start" in said and "chmod 600" in said and "node.crt: there is no such file" in said


def test_a_flag_overrides_the_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = started(capsys, "--config", file, "--set", "node.genesis=/none")
    assert code == 2 and "/none: there is no such file" in said
    code, said = started(capsys, "--config", file, "--set", "node.genesis")
    assert code == 2 and '"node.genesis" is not SECTION.KEY=VALUE' in said


def test_a_genesis_that_a_founder_did_not_sign(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed = signed_genesis()
    del signed.signatures[0]
    (file.parents[1] / "genesis.bin").write_bytes(signed.SerializeToString())
    code, said = started(capsys, "--config", file)
    assert code == 2 and "signed with 0 of the 1 decision keys" in said


def test_a_database_of_another_network(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = signed_genesis(network="elsewhere").SerializeToString()
    (file.parents[1] / "genesis.bin").write_bytes(other)
    code, said = started(capsys, "--config", file)
    assert code == 2 and "belongs to the network with genesis" in said
    code, said = started(capsys, "doctor", "--config", file)
    assert code == 2 and "belongs to the network with genesis" in said


def test_a_database_in_use(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = Database(file.parent / "data", genesis_hash(signed_genesis().body))
    code, said = started(capsys, "--config", file)
    held.close()
    assert code == 2 and "another process has this database open; stop that node first" in said


def test_the_doctor_of_a_sound_database(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = started(capsys, "doctor", "--config", file)
    assert code == 0 and "nothing is wrong" in said


def test_the_doctor_of_a_damaged_database(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(file.parent / "data", genesis_hash(signed_genesis().body))
    key, value = next(iter(database.range(BUCKET, next_prefix(BUCKET))))
    batch = Batch()
    batch.put(key, value[::-1])
    database.write(batch)
    database.close()
    code, said = started(capsys, "doctor", "--config", file)
    assert code == 4
    assert f"FOUND state: bucket {int.from_bytes(key[1:])} does not have the hash that is stored" in said
    assert "move the database away, and keep it" in said


def test_the_doctor_where_there_is_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = started(capsys, "doctor", "--config", file, "--set", "node.data_dir=/nonexistent/data")
    assert code == 2 and "there is no database at /nonexistent/data" in said


def test_a_crash_says_in_the_log_where_it_was(tmp_path: Path) -> None:
    node = Process(write_network(tmp_path, ("emilia",))[0])
    node.start()
    node.channel.close()
    assert node.stop(signal.SIGSEGV) == -signal.SIGSEGV
    said = (node.home / "log").read_text()
    assert "Fatal Python error: Segmentation fault" in said
    assert "node/daemon.py" in said


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("ulimit -Sn 100", "1200 ''"),  # a process may raise it by itself
        ("ulimit -n 5000", "5000 ''"),
        (
            "ulimit -n 100",
            "100 'this process may have 100 files open, and may need 1200: many connections stop it; "
            "raise the limit (LimitNOFILE= of systemd, or ulimit -n)'",
        ),
    ],
)
def test_a_node_may_open_as_many_files_as_it_needs_or_says_that_it_may_not(limits: str, said: str) -> None:
    """Where a shell gives 1,024, strangers' connections could take those of the database."""
    code = (
        "import resource; from node.daemon import allow_open_files; said = allow_open_files(); "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], repr(said))"
    )
    done = subprocess.run(
        ["sh", "-c", f'{limits}; exec "$0" -c "$1"', sys.executable, code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{said}\n" == done.stdout
