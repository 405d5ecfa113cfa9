"""`ayni audit`: what it verifies, what it says of a finding, and that it needs neither grpc nor plyvel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, VOTE_KIND_NULLIFY, Evidence, Vote
from client.cli import main
from client.networks import Network, Networks, save_networks
from proofs.domains import vote_message
from proofs.evidence import make_evidence
from tests.audit.history import History, payments
from tests.client.conftest import Result, three_lines
from tests.vectors.founding import NAMES, canonical, key

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_GRPC = """
import sys
for name in ("grpc", "plyvel", "grpc_status", "grpc_health"):
    sys.modules[name] = None
from client.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def history() -> History:
    return payments(5)


@pytest.fixture
def export(history: History, tmp_path: Path) -> Path:
    return history.export(tmp_path / "export")


@pytest.fixture
def genesis_file(history: History, tmp_path: Path) -> Path:
    path = tmp_path / "genesis.bin"
    path.write_bytes(canonical(history.signed))
    return path


@pytest.fixture
def home(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that knows the history's network by the name "valley"; no node of it answers."""
    path = tmp_path / "home"
    network = Network("valley", history.hash, canonical(history.signed), ())
    save_networks(path, Networks({"valley": network}, "valley"))
    monkeypatch.setenv("AYNI_HOME", str(path))
    return path


def audit(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Result:
    capsys.readouterr()
    code = main(["audit", *map(str, arguments)])
    captured = capsys.readouterr()
    return Result(int(code), captured.out, captured.err)


def changed(path: Path, offset: int) -> Path:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("how", ["file", "hash", "name"])
def test_a_history_is_verified_whichever_way_the_genesis_is_named(
    how: str,
    history: History,
    export: Path,
    genesis_file: Path,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trusted = {"file": str(genesis_file), "hash": history.hash.hex(), "name": "valley"}[how]
    result = audit(capsys, "verify", export, "--genesis", trusted)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == f"{export}: every byte verified"
    assert lines[2].startswith("  blocks: 6, the last at ")
    assert lines[3] == "  transactions re-executed: 6"


def test_a_verified_history_as_json(
    history: History, export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = audit(capsys, "verify", export, "--genesis", history.hash.hex(), "--json")
    document = json.loads(result.out)
    assert (document["ayni"], document["kind"]) == (1, "audit")
    assert document["ok"] is True
    assert document["findings"] == []
    assert (document["blocks"], document["transactions"]) == (6, 6)
    assert document["genesis"] == history.hash.hex()


def test_a_changed_byte_is_found_and_located(
    history: History, export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = (export / "history.bin").stat().st_size
    changed(export / "history.bin", size - 2_000)
    result = audit(capsys, "verify", export, "--genesis", history.hash.hex(), "--json")
    document = json.loads(result.out)
    assert result.code == 4
    assert document["ok"] is False
    located = document["findings"][-1]
    assert located["file"] == "history.bin"
    assert located["block"] >= 1
    assert located["field"]
    lines = three_lines(result.err)
    number = len(document["findings"])
    assert lines[0] == f"ayni: {export} does not verify: {number} things are wrong."
    assert lines[1].startswith("  why:  manifest.json, files.history.bin.sha256: it says ")
    assert lines[2] == "  next: Get it again from another node, and show both to your federation."


def test_findings_are_shown_to_people_each_on_a_line(
    history: History, export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(export / "history.bin", 2)
    result = audit(capsys, "verify", export, "--genesis", history.hash.hex())
    assert result.code == 4
    assert all(line.startswith("FOUND ") for line in result.out.splitlines()[:-1])


def test_another_network_s_history_is_refused(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = audit(capsys, "verify", export, "--genesis", "ab" * 32)
    assert result.code == 4
    assert "genesis.bin: it is of network " in three_lines(result.err)[1]


def test_a_receipt_is_verified_and_a_changed_one_refused(
    history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "payment.receipt"
    path.write_bytes(canonical(history.receipt(3)))
    good = audit(capsys, "receipt", path, "--genesis", history.hash.hex())
    assert good.code == 0
    lines = good.out.splitlines()
    assert lines[0].startswith(f"{path}: a receipt of network ")
    assert lines[2] == f"  transfer by {NAMES[0]}/one, log position 3"
    document = json.loads(audit(capsys, "receipt", path, "--genesis", history.hash.hex(), "--json").out)
    assert document["receipt"]["type"] == "transfer"
    changed(path, path.stat().st_size // 2)
    bad = audit(capsys, "receipt", path, "--genesis", history.hash.hex())
    assert bad.code == 4
    assert three_lines(bad.err)[0] == f"ayni: {path} does not verify: 1 thing is wrong."


def evidence(history: History) -> Evidence:
    """Member 1 voted to nullify and to finalise view 7."""
    name = history.founding.membership.members[1].name
    votes = []
    for kind, digest in ((VOTE_KIND_NULLIFY, b""), (VOTE_KIND_FINALIZE, b"d" * 32)):
        message = vote_message(history.hash, 0, 7, kind, digest)
        signature = key(f"{name}/consensus").sign(message)
        votes.append(Vote(view=7, kind=kind, digest=digest, member=1, signature=signature))
    return make_evidence(history.hash, *votes)


def test_evidence_is_verified_and_names_who_is_guilty(
    history: History, genesis_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "guilt.evidence"
    path.write_bytes(canonical(evidence(history)))
    name = history.founding.membership.members[1].name
    good = audit(capsys, "evidence", path, "--genesis", genesis_file)
    assert (good.code, good.err) == (0, "")
    assert good.out.splitlines()[0] == f"{path} proves that {name} (member 1) signed"
    document = json.loads(audit(capsys, "evidence", path, "--genesis", genesis_file, "--json").out)
    assert document["guilty"] == {"member": 1, "federation": name}
    changed(path, path.stat().st_size - 1)
    bad = audit(capsys, "evidence", path, "--genesis", genesis_file)
    assert bad.code == 4
    hashed = audit(capsys, "evidence", path, "--genesis", history.hash.hex())
    assert hashed.code == 2
    assert three_lines(hashed.err) == [
        "ayni: Evidence cannot be checked with a genesis hash alone.",
        "  why:  The members' keys are in the genesis itself.",
        "  next: Give the genesis file, or the name of a network you added.",
    ]


def test_what_is_not_there_is_a_usage_error(
    export: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert three_lines(audit(capsys, "verify", tmp_path / "no", "--genesis", "valley").err) == [
        f"ayni: There is no directory {tmp_path / 'no'}.",
        "  why:  An export is a directory.",
        "  next: Make one with `ayni export -o DIR`.",
    ]
    assert three_lines(audit(capsys, "receipt", tmp_path / "no", "--genesis", "valley").err) == [
        f"ayni: There is no file {tmp_path / 'no'}.",
        "  why:  Nothing can be verified.",
        "  next: Check the path.",
    ]
    unknown = audit(capsys, "verify", export, "--genesis", "mountain")
    assert unknown.code == 2
    assert three_lines(unknown.err) == [
        "ayni: 'mountain' names no genesis.",
        "  why:  It is no file, no hash of 64 hex digits, and no network known here (valley).",
        "  next: Give the genesis file your federation published.",
    ]


def test_the_auditor_runs_where_grpc_and_plyvel_are_not_installed(
    history: History, export: Path, genesis_file: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "payment.receipt"
    receipt.write_bytes(canonical(history.receipt(3)))
    guilt = tmp_path / "guilt.evidence"
    guilt.write_bytes(canonical(evidence(history)))
    for arguments in (("verify", export), ("receipt", receipt), ("evidence", guilt)):
        command = [
            sys.executable,
            "-c",
            WITHOUT_GRPC,
            "audit",
            *map(str, arguments),
            "--genesis",
            genesis_file,
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
