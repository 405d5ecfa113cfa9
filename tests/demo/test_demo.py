"""`ayni demo` from outside: a scaled year over four real nodes, its JSON, its export, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit import verify_export
from client.demo.scenario import scaled
from tests.network import until

SCALE = 200
ROOT = Path(__file__).resolve().parent.parent.parent


def demo(*arguments: str, temporary: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    return subprocess.Popen(
        [sys.executable, "-m", "client.cli", "demo", "--scale", str(SCALE), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_naming(text: str) -> list[int]:
    """Processes whose command line names a path, this one and its children excepted."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if text.encode() in command and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def finished(directory: Path) -> Iterator[tuple[dict[str, object], str]]:
    (directory / "tmp").mkdir()
    process = demo("--json", "--export", str(directory / "export"), temporary=directory / "tmp")
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, err
    yield json.loads(out), err


def test_the_json_on_stdout_has_the_totals_of_the_ledger(finished: tuple[dict[str, object], str]) -> None:
    document, totals = finished[0], scaled(SCALE)
    assert document["volunteers"] == totals.volunteers
    assert document["recipients"] == totals.recipients
    assert document["earned"] == totals.earned
    assert document["redeemed"] == totals.redeemed
    assert document["redeemed_elsewhere"] == totals.redeemed * 30 // 100
    assert document["offices"] == totals.offices
    assert document["federations"] == 4
    assert document["settlements"] == 12
    assert document["audit"] == "ok"
    assert str(document["refused_issue"]).startswith("ARREARS")


def test_a_scaled_year_does_not_claim_real_totals(finished: tuple[dict[str, object], str]) -> None:
    data = finished[0]["data"]
    assert isinstance(data, dict)
    assert data["real"] == []


def test_a_node_was_away_and_caught_up(finished: tuple[dict[str, object], str]) -> None:
    absent = finished[0]["absent_node"]
    assert isinstance(absent, dict)
    assert absent["federation"] == "kyushu"
    assert absent["blocks_behind"] > 0


def test_progress_is_on_stderr(finished: tuple[dict[str, object], str]) -> None:
    assert "month 12 of 12" in finished[1]


def test_nothing_is_left_running_and_nothing_on_the_disk(
    finished: tuple[dict[str, object], str], directory: Path
) -> None:
    assert processes_naming(str(directory / "tmp")) == []
    left = [path for path in (directory / "tmp").rglob("*") if path.is_file()]
    # The lock files of ports stay, empty: other networks of this user may be looking at them (ports.py).
    assert [
        path for path in left if path.stat().st_size or not path.parent.name.startswith("ayni-ports-")
    ] == []


def test_the_export_verifies_again_and_a_changed_byte_is_found(
    finished: tuple[dict[str, object], str], directory: Path
) -> None:
    genesis = bytes.fromhex(str(finished[0]["genesis"]))
    assert verify_export(directory / "export", genesis).findings == []
    history = directory / "export" / "history.bin"
    content = bytearray(history.read_bytes())
    content[len(content) // 2] ^= 1
    history.write_bytes(content)
    findings = verify_export(directory / "export", genesis).findings
    assert any(finding.file == "history.bin" and finding.height for finding in findings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ending_it_midway_leaves_nothing_running(number: signal.Signals, tmp_path: Path) -> None:
    process = demo(temporary=tmp_path)
    until(lambda: len(processes_naming(str(tmp_path))) >= 4, "four nodes run")
    process.send_signal(number)
    process.communicate(timeout=40)
    assert process.returncode != 0
    until(lambda: processes_naming(str(tmp_path)) == [], "no node runs")


def test_it_is_interrupted_also_where_a_shell_runs_it_in_the_background(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for a command followed by &
    try:
        process = demo(temporary=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    until(lambda: len(processes_naming(str(tmp_path))) >= 4, "four nodes run")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    assert process.returncode == 130


def test_a_kept_network_is_talked_to_and_stopped_as_it_says(tmp_path: Path) -> None:
    """What is printed at the end is typed into a shell."""
    process = demo("--keep", temporary=tmp_path)
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, err
    assert "audit: ok" in out
    said = [line.removeprefix("To stop it:").strip() for line in err.splitlines()]
    typed = [line for line in said if line.startswith(("export ", "ayni "))]
    assert [line.split()[1] for line in typed[1:]] == ["pool", "account", "testnet"]
    shell = f'ayni() {{ "{sys.executable}" -m client.cli "$@"; }}\nset -e\n' + "\n".join(typed)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", shell], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "The collective pool, period 13" in done.stdout
    assert "Statement of kansai/care-coop" in done.stdout
    assert done.stdout.splitlines()[-1] == "stopped: chubu, kansai, kanto, kyushu"
    until(lambda: processes_naming(str(tmp_path)) == [], "no node runs")


def test_an_export_is_never_mixed_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    process = demo("--export", str(tmp_path), temporary=tmp_path)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "is not an empty directory" in err
