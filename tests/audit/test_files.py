"""Files of proof: receipts, proofs of a state record, evidence. Every byte of them: test_every_byte.py."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import verify_evidence_file, verify_export, verify_receipt_file
from audit.archive import FILES, NotExported, write_export
from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, VOTE_KIND_NULLIFY, CertifiedBlock
from ayni.v1.genesis_pb2 import Federation, Genesis
from ayni.v1.receipt_pb2 import Receipt
from ledger import records
from proofs import parsing
from proofs.evidence import make_evidence
from proofs.receipts import ReceiptInvalid, verify_receipt
from tests.audit.history import History, payments, state_proof
from tests.audit.tampering import rewrite_manifest, spoiled
from tests.vectors.founding import canonical, vote


@cache
def history() -> History:
    return payments(5)


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.bin"
    path.write_bytes(canonical(history().receipt(3)))
    return path


def test_receipt_file_verifies(receipt: Path) -> None:
    report = verify_receipt_file(receipt, history().hash)

    assert report.findings == []
    assert report.receipt is not None
    entry = history().finals[3].entries[0]
    assert (entry.tx.tx_id, 3, 6) == (report.receipt.tx_id, report.receipt.log_index, report.receipt.height)
    assert report.network == "test"


def test_receipt_of_another_network_is_refused(receipt: Path) -> None:
    report = verify_receipt_file(receipt, bytes(32))

    assert [str(finding) for finding in report.findings] == [
        f"receipt.bin: genesis: it is of network {history().hash.hex()}, not of {bytes(32).hex()}"
    ]


def test_receipt_names_the_field_that_is_wrong(receipt: Path) -> None:
    changed = Receipt.FromString(receipt.read_bytes())
    changed.inclusion_path[0] = bytes(32)
    receipt.write_bytes(canonical(changed))
    report = verify_receipt_file(receipt, history().hash)
    assert "receipt.bin: inclusion_path: " in str(report.findings[0])

    changed = history().receipt(3)
    changed.result = b"\x0a"
    receipt.write_bytes(canonical(changed))
    report = verify_receipt_file(receipt, history().hash)
    assert report.findings[0].field == "result.lots_used[0]"


@pytest.mark.parametrize("account", ["andes/one", "andes/nobody"])
def test_state_proof_file_verifies(tmp_path: Path, account: str) -> None:
    key = records.balance_key(account, "EUC")
    path = tmp_path / "proof.bin"
    path.write_bytes(canonical(state_proof(history(), key)))

    report = verify_receipt_file(path, history().hash)

    assert report.findings == []
    assert report.record is not None
    assert (key, history().reader.get(key)) == (report.record.key, report.record.value)


def test_evidence_file_verifies(tmp_path: Path) -> None:
    signed = history().signed
    votes = (
        vote(signed, 2, 9, VOTE_KIND_FINALIZE, bytes(range(32))),
        vote(signed, 2, 9, VOTE_KIND_NULLIFY),
    )
    path = tmp_path / "evidence.bin"
    path.write_bytes(canonical(make_evidence(history().hash, *votes)))

    report = verify_evidence_file(path, signed)

    assert report.findings == []
    assert [(one.member, one.name, one.votes, one.view) for one in report.guilty] == [
        (2, "japan", "nullify and finalize", 9)
    ]


def test_evidence_without_the_genesis_says_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "evidence.bin"
    votes = [vote(history().signed, 1, 2, VOTE_KIND_FINALIZE, bytes([n]) * 32) for n in (1, 2)]
    path.write_bytes(canonical(make_evidence(history().hash, *votes)))

    report = verify_evidence_file(path, None)

    assert "give the genesis file, not its hash" in str(report.findings[0])


@pytest.mark.parametrize(
    ("name", "part"),
    [("receipt", b"\x2a\0"), ("proof", b"\x32\0"), ("evidence", b"\x22\0")],  # hashes of a path; evidence
    ids=["receipt", "proof", "evidence"],
)
def test_a_file_of_countless_empty_parts_is_not_unpacked(tmp_path: Path, name: str, part: bytes) -> None:
    """16 MiB of them, a file of the largest size, took half a GB and up to 17 seconds."""
    path = tmp_path / name
    path.write_bytes(part * 100_000)
    if name == "evidence":
        report = verify_evidence_file(path, history().signed)
    else:
        report = verify_receipt_file(path, history().hash)
    (finding,) = report.findings
    assert re.fullmatch("what is in it of 200000 bytes has more than [0-9]+ (parts|fields)", finding.message)


def test_parts_behind_what_is_skipped_are_not_unpacked_either(tmp_path: Path) -> None:
    (tmp_path / "receipt").write_bytes(b"\x9b\x3e\x9c\x3e" + b"\x2a\0" * 100_000)
    (finding,) = verify_receipt_file(tmp_path / "receipt", history().hash).findings
    assert finding.message.endswith(
        "neither a receipt nor the proof of a state record: Receipt has no field 995"
    )


def test_a_genesis_of_countless_empty_parts_in_a_receipt_is_not_unpacked(
    receipt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "LEDGER_PARTS_FREE", 1_000)
    forged = Receipt.FromString(receipt.read_bytes())
    forged.genesis.body += Genesis(federations=[Federation()] * 100_000).SerializeToString()
    with pytest.raises(ReceiptInvalid, match=r"^genesis: genesis: it of .* parts$"):
        verify_receipt(forged, history().hash)

    receipt.write_bytes(canonical(forged))
    (finding,) = verify_receipt_file(receipt, history().hash).findings
    assert finding.message.endswith(f", not of {history().hash.hex()}")


def test_files_that_are_not_there_are_findings(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert "it cannot be read: No such file" in str(verify_receipt_file(missing, bytes(32)).findings[0])
    assert "it cannot be read: No such file" in str(verify_evidence_file(missing, None).findings[0])
    assert "there is no such directory" in str(verify_export(missing, bytes(32)).findings[0])


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(b"")

    assert str(verify_receipt_file(tmp_path / "cut", history().hash).findings[0]) == "cut: it is empty"
    assert str(verify_evidence_file(tmp_path / "cut", history().signed).findings[0]) == "cut: it is empty"


def test_a_file_that_is_no_evidence_is_said_to_be_none(receipt: Path) -> None:
    (finding,) = verify_evidence_file(receipt, history().signed).findings
    assert finding.message.startswith("the bytes are no evidence: ")


def test_what_is_no_file_in_an_export_is_named(tmp_path: Path) -> None:
    directory = history().export(tmp_path / "export")
    (directory / "history.bin").unlink()
    (directory / "history.bin").mkdir()
    assert [str(finding) for finding in verify_export(directory, history().hash).findings] == [
        "manifest.json: history.bin, which it lists, cannot be read: it is no file",
        "history.bin: it cannot be read: it is no file",
    ]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_finding_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(data)

    assert verify_receipt_file(path, history().hash).findings
    assert verify_evidence_file(path, history().signed).findings


@given(st.sampled_from(FILES), st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_file_in_an_export_is_a_finding_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes, appended: bool, careful: bool
) -> None:
    directory = tmp_path_factory.mktemp("any")
    source = history().export(directory / "source")

    def spoil(target: Path) -> None:
        before = (target / name).read_bytes() if appended else b""
        (target / name).write_bytes(before + data)
        if careful and name != "manifest.json":
            rewrite_manifest(target)

    report = verify_export(spoiled(source, directory / "target", spoil), history().hash)
    assert report.findings or (appended and not data)


@pytest.mark.parametrize("name", FILES)
def test_missing_file_of_an_export_is_a_finding(tmp_path: Path, name: str) -> None:
    directory = history().export(tmp_path / "export")
    (directory / name).unlink()

    report = verify_export(directory, history().hash)

    assert any(finding.file == name for finding in report.findings)


def test_stranger_in_an_export_is_a_finding(tmp_path: Path) -> None:
    directory = history().export(tmp_path / "export")
    (directory / "notes.txt").write_text("hello")

    report = verify_export(directory, history().hash)

    assert [str(f) for f in report.findings] == ["notes.txt: it is not part of an export; put it elsewhere"]


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        (b'"blocks": 6', b'"blocks": 7', "blocks", "it says 7, found 6"),
        (b'"blocks": 6', b'"blocks": 6.0', "blocks", "it says 6.0, found 6"),
        (b'"format": "ayni-export/1"', b'"format": "ayni-export/2"', "format", "it says 'ayni-export/2'"),
        (b'"genesis": ', b'"genesis": 1,\n  "genesit": ', "genesis", "it says 1, found"),
        (b'"bytes": ', b'"bytes": 1', "files.genesis.bin.bytes", "found"),
        (b'"sha256": "', b'"sha256": "0', "files.genesis.bin.sha256", "found"),
        (b'"sha256"', b'"sha512"', "files.genesis.bin.sha256", "it is missing"),
        (b'"files": {', b'"files": {\n    "a": 1,', "files.a", "it does not belong here"),
        (b'"tip": ', b'"tips": ', "tips", "it does not belong here"),
        (b"{", b"[", "", "it is not JSON"),
        (b"\n}", b"\n }", "", "not in the one form"),
    ],
)
def test_manifest_is_compared_field_by_field(
    tmp_path: Path, old: bytes, new: bytes, field: str, message: str
) -> None:
    directory = history().export(tmp_path / "export")
    data = (directory / "manifest.json").read_bytes()
    assert old in data
    (directory / "manifest.json").write_bytes(data.replace(old, new, 1))

    report = verify_export(directory, history().hash)

    assert any(f.field == field and message in f.message for f in report.findings), report.findings


def test_export_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> object:
        yield history().blocks[0]
        raise ConnectionError("the node went away")

    with pytest.raises(ConnectionError):
        write_export(tmp_path / "export", history().signed, broken())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []

    unfinal = CertifiedBlock.FromString(canonical(history().blocks[1]))
    unfinal.ClearField("finalization")
    with pytest.raises(
        NotExported, match="2 blocks were received, the last is of height 2 and is not directly"
    ):
        write_export(tmp_path / "export", history().signed, [history().blocks[0], unfinal])
    with pytest.raises(NotExported, match="1 blocks were received, the last is of height 2 and is directly"):
        write_export(tmp_path / "export", history().signed, [history().blocks[1]])
    assert list(tmp_path.iterdir()) == []


def test_export_goes_into_an_empty_directory_only(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    history().export(tmp_path / "export")
    assert sorted(FILES) == sorted(path.name for path in (tmp_path / "export").iterdir())

    with pytest.raises(NotExported, match="is not an empty directory; choose another"):
        history().export(tmp_path / "export")


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    directory = history().export(tmp_path / "export")
    seen: list[tuple[int, int]] = []

    verify_export(directory, history().hash, lambda done, total: seen.append((done, total)))

    size = (directory / "history.bin").stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)


def test_network_without_a_block_yet_verifies(tmp_path: Path) -> None:
    founded = History()

    report = verify_export(founded.export(tmp_path / "export"), founded.hash)

    assert report.findings == []
    assert (report.blocks, report.tip) == (0, founded.hash)
