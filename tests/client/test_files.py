"""What the client writes is for its user only; what it reads cannot lead it elsewhere or hold it up."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit import verify_export, verify_receipt_file
from audit.archive import open_regular
from client.cli import main
from client.cli.arguments import hash_of_file
from client.cli.entitlement_rows import read_issues
from client.documents import is_file, parse_object, read_bounded, read_object
from client.errors import UsageProblem
from client.files import make_private
from client.keys import KdfCost, Keystore
from client.networks import Networks, load_networks, save_networks
from client.outbox import Outbox
from client.testnet import create, federation_names
from client.testnet.founding import Founding
from config import make_certificate, write_certificate, write_key_file
from tests.audit.history import payments
from tests.client.conftest import Ayni

ROOT = Path(__file__).resolve().parents[2]
CHEAP = KdfCost(operations=1, memory_bytes=8192)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_umask() -> Any:
    """Whoever leaves it to the umask leaves it open."""
    before = os.umask(0)
    yield
    os.umask(before)


# --- what is written ------------------------------------------------------------------------------------


def test_a_keystore_and_its_directory_are_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ayni" / "keystore.json"
    store = Keystore(path, lambda new: "secret", CHEAP)
    store.new("emilia/cadiai")
    assert [mode(each) for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    path.chmod(0o644)  # by a careless copy
    store.new("another")
    assert mode(path) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == [".keystore.json.lock", "keystore.json"]
    assert mode(path.parent / ".keystore.json.lock") == 0o600


def test_a_directory_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    make_private(tmp_path / "shared" / "mine" / "deeper")
    made = ("shared", "shared/mine", "shared/mine/deeper")
    assert [mode(tmp_path / each) for each in made] == [0o755, 0o700, 0o700]


def test_a_home_and_its_outbox_are_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    save_networks(home, Networks({}))
    Outbox(home / "outbox" / "x").put([b"\x0a\x01x"])
    assert [mode(each) for each in (home, home / "networks", home / "outbox" / "x" / "pending")] == [
        0o700
    ] * 3
    assert [mode(each) for each in (home / "outbox" / "x" / "pending").iterdir()] == [0o600]


def test_networks_that_cannot_be_read_are_not_said_to_be_damaged(tmp_path: Path) -> None:
    """Nobody is told to add all networks anew because a file belongs to somebody else."""
    path = tmp_path / "networks.json"
    path.mkdir()
    with pytest.raises(UsageProblem) as error:
        load_networks(tmp_path)
    assert error.value.why == f"{path}: Is a directory."
    assert error.value.next_step == "See who may read it; if it is gone, put it back from a copy of the home."


def test_an_exported_key_is_for_its_owner_only_and_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AYNI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AYNI_KEYSTORE_PASSWORD", "secret")
    Keystore(tmp_path / "home" / "keystore.json", lambda new: "secret", CHEAP).new("a")
    target, link = tmp_path / "there", tmp_path / "a.key"
    target.write_text("mine")
    link.symlink_to(target)
    assert main(["keys", "export", "a", "-o", str(link)]) == 2
    assert "A key is never written over a file" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main(["keys", "export", "a", "-o", str(tmp_path / "b.key")]) == 0
    assert mode(tmp_path / "b.key") == 0o600


def test_key_files_of_a_node_are_for_its_owner_only_and_follow_no_link(tmp_path: Path) -> None:
    write_key_file(tmp_path / "consensus.key", bytes(32))
    write_certificate("emilia", tmp_path / "node.crt", tmp_path / "node.tls.key")
    assert [mode(tmp_path / each) for each in ("consensus.key", "node.tls.key")] == [0o600, 0o600]
    (tmp_path / "link.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="exists already; a key is never overwritten"):
        write_key_file(tmp_path / "link.key", bytes(32))
    with pytest.raises(Exception, match="exists already"):
        write_certificate("emilia", tmp_path / "x.crt", tmp_path / "link.key")
    assert not (tmp_path / "elsewhere").exists()


def test_no_secret_of_a_network_on_this_machine_can_be_read_by_others(tmp_path: Path) -> None:
    create(tmp_path / "net", Founding(federations=federation_names(1), state_tree_bits=8))
    secrets = [
        path for path in (tmp_path / "net").rglob("*") if path.suffix == ".key" or "keystore" in path.name
    ]
    assert len(secrets) >= 3
    assert {oct(mode(path)) for path in secrets} == {oct(0o600)}


def test_a_certificate_holds_no_private_key() -> None:
    certificate, private = make_certificate("emilia")
    assert b"PRIVATE" not in certificate
    assert b"PRIVATE" in private


# --- what is read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["history.bin", "genesis.bin", "manifest.json"])
@pytest.mark.parametrize("what", ["device", "pipe"])
def test_an_export_cannot_hold_the_auditor_up(tmp_path: Path, name: str, what: str) -> None:
    """A directory that somebody sends may hold links; what one leads to may have no end."""
    history = payments(1)
    directory = history.export(tmp_path / "export")
    (directory / name).unlink()
    if what == "device":
        (directory / name).symlink_to("/dev/zero")
    else:
        os.mkfifo(directory / name)
    report = verify_export(directory, history.hash)
    assert "it is no file" in str(report.findings[0])


def test_a_receipt_cannot_hold_the_auditor_up(tmp_path: Path) -> None:
    (tmp_path / "receipt").symlink_to("/dev/zero")
    assert "it is no file" in str(verify_receipt_file(tmp_path / "receipt", bytes(32)).findings[0])


def test_a_document_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="it is no file"):
        hash_of_file(Path("/dev/zero"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no file"):
        open_regular(tmp_path / "pipe")


@pytest.mark.parametrize("document", ["/etc/passwd", "../secret", "a/../../secret", "x/\x1b[2J"])
def test_a_csv_file_names_no_document_elsewhere(tmp_path: Path, document: str) -> None:
    """Its hash would be public for ever, and tells whoever guesses the content that he was right."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "secret").write_text("12345")
    path = tmp_path / "rows" / "issue.csv"
    path.write_text(f"holder,items,date,document\nemilia/cadiai:m-2,3,2026-01-01,{document}\n")
    with pytest.raises(UsageProblem, match="does not lie beside the CSV file, or below"):
        read_issues(path)


def test_a_csv_file_names_documents_beside_it_and_below(tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "1.pdf").write_bytes(b"paid")
    path = tmp_path / "issue.csv"
    path.write_text("holder,items,date,document\nemilia/cadiai:m-2,3,2026-01-01,receipts/1.pdf\n")
    assert read_issues(path)[0].document_hash


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "it nests too deeply"),
        (b"[]", "it is no JSON object"),
        (b"{", "Expecting property name"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "Exceeds the limit"),
        (b'"\xff"', "byte 2 is no UTF-8 text"),
        (b'{"\xed\xb8\x80": 1}', "byte 3 is no UTF-8 text"),
        (b'{"\\udE00": 1}', r"\\ude00 in it is half a character"),
    ],
)
def test_json_that_is_no_object_is_said_in_words(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_object(content)


@pytest.mark.parametrize("content", [b'{"\\ud83d\\ude00": 1}', b'\xef\xbb\xbf{"\xf0\x9f\x98\x80": 1}'])
def test_characters_are_read_however_they_are_written(content: bytes) -> None:
    assert parse_object(content) == {"\U0001f600": 1}


def test_no_more_of_a_file_is_read_than_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 11)
    with pytest.raises(ValueError, match="it has more than 10 bytes"):
        read_bounded(path, 10)
    assert read_bounded(path, 11) == b"x" * 11
    with pytest.raises(ValueError, match="it has more than 1,000 bytes"):
        read_object(Path("/dev/zero"), 1_000)


def test_files_that_are_not_the_outboxes_are_left_alone(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put([b"\x0a\x01x"])
    (tmp_path / "pending" / "notes.ayni").write_text("mine")
    (tmp_path / "pending" / ("0" * 63 + ".ayni")).write_text("mine")
    assert len(outbox.pending()) == 1


# --- nothing secret is shown --------------------------------------------------------------------------


def test_no_seed_is_in_what_a_keystore_or_key_says_of_itself(tmp_path: Path) -> None:
    store = Keystore(tmp_path / "keystore.json", lambda new: "correct horse", CHEAP)
    key = store.new("a")
    shown = " ".join([repr(key), str(key), repr(store), str(store), (tmp_path / "keystore.json").read_text()])
    for secret in (key.seed.hex(), repr(key.seed), "correct horse"):
        assert secret not in shown
    assert json.loads((tmp_path / "keystore.json").read_text())["public_keys"] == {"a": key.public_key.hex()}


def test_a_name_that_no_file_system_takes_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AYNI_HOME", str(tmp_path / "home"))
    assert not is_file("x" * 5_000)
    assert main(["audit", "verify", str(tmp_path), "--genesis", "x" * 5_000]) == 2
    assert "no hash of 64 hex digits" in capsys.readouterr().err


def test_a_configuration_that_was_edited_is_kept_when_a_node_is_set_up_again(
    ayni: Ayni, tmp_path: Path
) -> None:
    """`ayni node init` is to be run again once the peers are known, and knows nothing of what was added."""
    init = ("node", "init", "--federation", "emilia", "-o", str(tmp_path / "n"))
    assert ayni(*init).code == 0
    path = tmp_path / "n" / "node.toml"
    assert not (tmp_path / "n" / "node.toml.before").exists()
    edited = path.read_text() + '\n[log]\nlevel = "debug"\n'
    path.write_text(edited)
    again = ayni(*init)
    assert again.out.splitlines()[-1] == (
        f"what node.toml said before, your changes to it included, is in {path}.before"
    )
    assert (tmp_path / "n" / "node.toml.before").read_text() == edited
    assert "[log]" not in path.read_text()
    assert "before" not in ayni(*init).out
    assert (tmp_path / "n" / "node.toml.before").read_text() == edited
    path.write_text("# once more")
    assert f"included, is in {path}.before-2\n" in ayni(*init).out
    assert (tmp_path / "n" / "node.toml.before").read_text() == edited
    assert (tmp_path / "n" / "node.toml.before-2").read_text() == "# once more"


@pytest.mark.parametrize(("lost", "there"), [("node.crt", "node.tls.key"), ("node.tls.key", "node.crt")])
def test_half_of_a_certificate_and_its_key_is_told_when_a_node_is_set_up_again(
    ayni: Ayni, tmp_path: Path, lost: str, there: str
) -> None:
    init = ("node", "init", "--federation", "emilia", "-o", str(tmp_path / "n"))
    assert ayni(*init).code == 0
    (tmp_path / "n" / lost).unlink()
    before = sorted(tmp_path.rglob("*"))
    refused = ayni(*init)
    assert refused.code == 2
    assert refused.err.splitlines() == [
        f"ayni: {tmp_path}/n/{lost} is missing, and {tmp_path}/n/{there} is there.",
        "  why:  They are a pair: a certificate, and the key that belongs to it.",
        f"  next: Put it back from your copies; or move {there} away, and a new pair is made, whose"
        " certificate the others need.",
    ]
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "n" / there).unlink()
    assert f"wrote {tmp_path}/n/node.toml, node.crt, node.tls.key; kept consensus.key" in ayni(*init).out


def test_a_node_runs_no_code_of_the_directory_it_is_started_in(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "__init__.py").write_text("open('it_ran', 'w')\n")
    program = "from client.cli.node import _become_node; _become_node('--help')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "it_ran").exists()
