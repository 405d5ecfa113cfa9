"""`ayni audit`: what it verifies, what it says of a finding, and that it needs neither grpc nor plyvel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, VOTE_KIND_NULLIFY, Evidence, Vote
from client.cli import main
from client.networks import Network, Networks, save_networks
from proofs.domains import vote_message
from proofs.evidence import make_evidence
from tests.audit.forks import double_spend
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


@pytest.mark.parametrize("how", ["hash", "name"])
def test_a_file_beside_what_is_verified_is_not_taken_for_the_genesis_that_is_trusted(
    how: str,
    history: History,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who sends a forged receipt may send a genesis of his own with it, and name it as he likes."""
    forged = payments(3, History(bits=5))
    trusted = {"hash": history.hash.hex(), "name": "valley"}[how]
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / trusted).write_bytes(canonical(forged.signed))
    (sent / "paid.receipt").write_bytes(canonical(forged.receipt(1)))
    monkeypatch.chdir(sent)

    result = audit(capsys, "receipt", "paid.receipt", "--genesis", trusted)

    assert result.code == 4
    why = three_lines(result.err)[1]
    assert f"it is of network {forged.hash.hex()}, not of {history.hash.hex()}" in why


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
    assert good.out.splitlines() == [
        f"{path} proves that {name} (member 1) signed nullify and finalize in view 7",
        "no honest validator signs both",
    ]
    document = json.loads(audit(capsys, "evidence", path, "--genesis", genesis_file, "--json").out)
    assert document["guilty"] == [
        {"member": 1, "federation": name, "epoch": 0, "view": 7, "votes": ["nullify", "finalize"]}
    ]
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


@pytest.mark.parametrize("what", ["verify", "receipt", "evidence"])
def test_without_a_genesis_to_trust_nothing_is_verified(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = audit(capsys, what, tmp_path if what == "verify" else tmp_path / "file")
    assert result.code == 2
    assert three_lines(result.err)[0].startswith("ayni: Missing option '--genesis'")


@pytest.fixture
def forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, History]:
    """Two exports that two of four members signed both; the present directory is empty."""
    first, second = double_spend()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return first.export(tmp_path / "a"), second.export(tmp_path / "b"), first


def test_two_histories_of_one_network_are_told_and_the_guilty_are_named_in_a_file(
    forked: tuple[Path, Path, History], genesis_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, history = forked
    genesis_file.write_bytes(canonical(history.signed))
    result = audit(capsys, "compare", first, second, "--genesis", genesis_file)
    assert result.code == 4
    lines = result.out.splitlines()
    assert lines[0] == f"genesis {history.hash.hex()}"
    assert lines[1].startswith(f"{first}: every byte verified, 2 blocks, the last at ")
    assert lines[3] == "they hold the same 1 block, and then part: at height 2 there are two"
    assert lines[4].startswith(f"  {first}: ")
    assert lines[4].endswith(", view 2")
    assert lines[6:] == [
        "their certificates prove that emilia (member 1) signed notarize and notarize in view 2",
        "their certificates prove that japan (member 2) signed notarize and notarize in view 2",
        "no honest validator signs both",
        "the evidence is in fork-at-block-2.evidence; anybody verifies it:",
        "  ayni audit evidence fork-at-block-2.evidence --genesis FILE|NAME",
    ]
    assert three_lines(result.err) == [
        f"ayni: {first} and {second} are two histories of one network.",
        "  why:  From height 2 on they differ; 2 members signed both.",
        "  next: Keep both exports, and show them and the evidence to every federation.",
    ]
    checked = audit(capsys, "evidence", "fork-at-block-2.evidence", "--genesis", genesis_file)
    assert checked.code == 0
    assert [line for line in checked.out.splitlines() if "member" in line] == [
        "fork-at-block-2.evidence proves that emilia (member 1) signed notarize and notarize in view 2",
        "fork-at-block-2.evidence proves that japan (member 2) signed notarize and notarize in view 2",
    ]


def test_evidence_never_replaces_other_evidence(
    forked: tuple[Path, Path, History], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = forked
    Path("fork-at-block-2.evidence").write_bytes(b"of another fork")
    for _ in range(2):
        audit(capsys, "compare", first, second)
    assert sorted(path.name for path in Path().iterdir()) == [
        "fork-at-block-2-2.evidence",
        "fork-at-block-2.evidence",
    ]
    assert Path("fork-at-block-2.evidence").read_bytes() == b"of another fork"

    result = audit(capsys, "compare", first, second, "-o", "named", "--json")
    document = json.loads(result.out)
    assert (document["kind"], document["ok"], document["genesis_trusted"]) == ("comparison", False, False)
    assert document["evidence_file"] == "named"
    assert [one["member"] for one in document["guilty"]] == [1, 2]
    assert (document["agreed_blocks"], document["parting"]["block"]) == (1, 2)
    assert Path("named").read_bytes() == Path("fork-at-block-2-2.evidence").read_bytes()


def test_a_pipe_by_the_name_of_the_evidence_does_not_hold_the_auditor_up(
    forked: tuple[Path, Path, History], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = forked
    os.mkfifo("fork-at-block-2.evidence")
    Path("fork-at-block-2-2.evidence").symlink_to("/dev/zero")
    result = audit(capsys, "compare", first, second)
    assert "the evidence is in fork-at-block-2-3.evidence; anybody verifies it:" in result.out.splitlines()


def test_what_was_found_is_told_though_the_evidence_cannot_be_written(
    forked: tuple[Path, Path, History], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = forked
    Path("fork-at-block-2.evidence").mkdir()
    Path("file").write_bytes(b"")
    result = audit(capsys, "compare", first, second, "-o", "file/evidence")
    assert result.code == 4
    told = result.out.splitlines()[-1]
    assert told.startswith("the evidence is not written: file/evidence cannot be written. ")
    assert told.endswith(". Choose another with -o.")
    assert "emilia (member 1) signed" in result.out
    assert three_lines(result.err)[0].endswith("are two histories of one network.")
    audit(capsys, "compare", first, second)
    assert Path("fork-at-block-2-2.evidence").is_file()


def test_an_export_that_is_the_beginning_of_another_is_told(
    history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = history.export(tmp_path / "short", history.blocks[:4])
    long = history.export(tmp_path / "long")
    result = audit(capsys, "compare", long, short)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == (
        f"genesis {history.hash.hex()}, which both say they are of; compare it with the one you trust"
    )
    assert lines[-1] == (
        f"{short} is the beginning of {long}: they hold the same 4 blocks, and the latter goes on to height 6"
    )
    same = audit(capsys, "compare", long, long, "--genesis", history.hash.hex())
    assert (same.code, same.out.splitlines()[-1]) == (0, "they hold the same 6 blocks")


def test_which_of_two_exports_does_not_verify_is_told(
    history: History, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = history.export(tmp_path / "broken")
    changed(broken / "history.bin", (broken / "history.bin").stat().st_size - 2_000)
    result = audit(capsys, "compare", export, broken)
    assert result.code == 4
    assert f"{broken}: does not verify" in result.out.splitlines()
    assert result.out.splitlines()[-1].endswith("what comes after was not compared")
    assert three_lines(result.err)[0] == f"ayni: {broken} does not verify: 2 things are wrong."
    both = audit(capsys, "compare", broken, broken)
    assert three_lines(both.err)[0] == f"ayni: Neither {broken} nor {broken} verifies."


def test_an_export_whose_genesis_cannot_be_read_is_not_said_to_hold_anything(
    history: History, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, broken = history.export(tmp_path / "gone"), history.export(tmp_path / "broken")
    (gone / "genesis.bin").unlink()
    changed(broken / "genesis.bin", 20)

    result = audit(capsys, "compare", export, gone)
    assert result.code == 4
    lines = result.out.splitlines()
    assert lines[0] == (
        f"genesis {history.hash.hex()}, which {export} says it is of; compare it with the one you trust"
    )
    assert lines[1].startswith(f"{export}: every byte verified, 6 blocks")
    assert lines[2] == f"{gone}: does not verify"
    assert lines[-2:] == [
        "FOUND genesis.bin: it cannot be read: No such file or directory",
        f"not compared: no block of {gone} is verified",
    ]
    assert three_lines(result.err) == [
        f"ayni: {gone} is not compared: its genesis cannot be read.",
        "  why:  genesis.bin: it cannot be read: No such file or directory.",
        "  next: Get it again from another node, and compare again.",
    ]
    document = json.loads(audit(capsys, "compare", gone, export, "--json").out)
    assert (document["ok"], document["agreed_blocks"]) == (False, 0)
    assert document["exports"][0]["findings"][-1]["file"] == "genesis.bin"

    result = audit(capsys, "compare", broken, gone, "--genesis", history.hash.hex())
    assert (result.code, result.out.splitlines()[0]) == (4, f"genesis {history.hash.hex()}")
    assert result.out.splitlines()[-1] == "not compared: no block of either is verified"
    unread = "genesis: federations[0].name: a group, not length-delimited"
    assert three_lines(result.err) == [
        f"ayni: {broken} and {gone} are not compared: the genesis of neither can be read.",
        f"  why:  {broken}, genesis.bin: {unread}; {gone}, genesis.bin: it cannot be read: No such file or"
        " directory.",
        "  next: Get both again, each from another node, and compare again.",
    ]


def test_two_exports_without_any_genesis_need_one_that_is_named(
    history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = history.export(tmp_path / "gone")
    (gone / "genesis.bin").unlink()
    result = audit(capsys, "compare", gone, gone)
    assert (result.code, result.out) == (2, "")
    assert three_lines(result.err) == [
        f"ayni: {gone} and {gone} cannot be compared.",
        f"  why:  {gone}, genesis.bin: it cannot be read: No such file or directory; {gone}, genesis.bin: it"
        " cannot be read: No such file or directory.",
        "  next: Get both again, each from another node, and compare again.",
    ]


def test_a_block_that_does_not_verify_is_not_said_to_be_held_by_both(
    history: History, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its header may be the same, and its transactions not."""
    broken = history.export(tmp_path / "broken")
    changed(broken / "history.bin", (broken / "history.bin").stat().st_size - 2_000)
    first = json.loads(audit(capsys, "compare", export, broken, "--json").out)
    verified = [each["blocks"] for each in first["exports"]]
    assert 0 < verified[1] < verified[0] == 6
    assert first["agreed_blocks"] == verified[1]


def test_exports_of_two_networks_are_not_compared(
    history: History, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = payments(1, names=("solo",))
    elsewhere = other.export(tmp_path / "elsewhere")
    result = audit(capsys, "compare", export, elsewhere)
    assert result.code == 2
    assert three_lines(result.err) == [
        f"ayni: {export} and {elsewhere} cannot be compared.",
        f"  why:  {export} is of network {history.hash.hex()}, {elsewhere} of {other.hash.hex()}.",
        "  next: Give two exports of one network.",
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
    for arguments in (
        ("verify", export),
        ("compare", export, export),
        ("receipt", receipt),
        ("evidence", guilt),
    ):
        command = [
            sys.executable,
            "-c",
            WITHOUT_GRPC,
            "audit",
            *map(str, arguments),
            "--genesis",
            str(genesis_file),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
