"""What is changed in an export with care for its form is found, and the finding names the field.

Every single byte: test_every_byte.py; frames: test_frames.py; blocks signed by too few: test_minority.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audit import verify_export
from audit.archive import GENESIS, HISTORY
from ayni.v1.block_pb2 import VOTE_KIND_NULLIFY, CertifiedBlock, Header
from ayni.v1.receipt_pb2 import ExportHead
from ledger import limits
from tests.audit.history import leg, payments
from tests.audit.tampering import (
    frames,
    recertified,
    rewrite_manifest,
    small,
    verify_frames,
    write_frames,
)
from tests.vectors.founding import canonical, certificate


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small().export(tmp_path_factory.mktemp("small") / "export")


def test_changed_transaction_is_named_with_its_field(export: Path, tmp_path: Path) -> None:
    contents = frames(export / HISTORY)
    block = CertifiedBlock.FromString(contents[2])
    block.body = block.body.replace(b"andes/one", b"andes/owe")

    report = verify_frames(
        export, tmp_path / "x", small().hash, [*contents[:2], canonical(block), *contents[3:]]
    )

    (finding,) = report.findings
    assert (finding.height, finding.transaction, finding.field) == (2, 0, "signatures[0]")
    assert "SIGNATURE_INVALID" in finding.message
    assert finding.tx_id is not None
    assert finding.tx_id.hex() in str(finding)


def test_history_cut_after_a_block_that_is_not_directly_final_is_found(export: Path, tmp_path: Path) -> None:
    report = verify_frames(export, tmp_path / "x", small().hash, frames(export / HISTORY)[:4])

    assert [(finding.height, finding.field) for finding in report.findings] == [(3, "finalization")]
    assert "the last block is not directly final" in str(report.findings[0])


def test_history_cut_after_a_final_block_is_seen_by_its_head_and_told_in_words(
    export: Path, tmp_path: Path
) -> None:
    contents = frames(export / HISTORY)[:3]
    report = verify_frames(export, tmp_path / "careless", small().hash, contents)
    assert {finding.field for finding in report.findings} >= {"head.blocks", "head.tip", "blocks", "tip"}

    # Who cuts it and writes everything anew leaves a shorter, true history: nothing in it says otherwise.
    history = small()
    directory = history.export(tmp_path / "careful", history.blocks[:2])
    report = verify_export(directory, history.hash)
    assert report.ok
    assert f"verified up to height 2, block {report.tip.hex()}" in report.scope
    assert "cannot show whether the network went on after it" in report.scope


def test_a_finalisation_before_the_last_that_was_left_out_is_told_in_words(tmp_path: Path) -> None:
    """The block is final through a later one, as for a node that never saw that certificate."""
    history = small()
    blocks = [CertifiedBlock.FromString(canonical(block)) for block in history.blocks]
    blocks[1].ClearField("finalization")

    whole = verify_export(history.export(tmp_path / "whole"), history.hash)
    report = verify_export(history.export(tmp_path / "x", blocks), history.hash)

    assert (report.ok, whole.ok) == (True, True)
    assert (report.finalizations, whole.finalizations) == (2, 3)
    assert "whether a finalisation before the last was left out" in report.scope


def test_head_of_another_network_is_found(export: Path, tmp_path: Path) -> None:
    contents = frames(export / HISTORY)
    head = ExportHead.FromString(contents[0])
    head.genesis.CopyFrom(payments(0, names=("solo",)).signed)

    report = verify_frames(export, tmp_path / "x", small().hash, [canonical(head), *contents[1:]])

    assert [finding.field for finding in report.findings] == ["head.genesis"]


def test_another_genesis_than_the_trusted_one_is_found(export: Path) -> None:
    report = verify_export(export, bytes(32))

    (finding,) = report.findings
    assert finding.file == GENESIS
    assert f"it is of network {small().hash.hex()}; trusted is {bytes(32).hex()}" in finding.message


def drop_notarization(block: CertifiedBlock) -> None:
    block.ClearField("notarization")


def drop_nullification(block: CertifiedBlock) -> None:
    del block.nullifications[0]


def surplus_nullification(block: CertifiedBlock) -> None:
    block.nullifications.append(block.nullifications[0])


def nullification_of_another_view(block: CertifiedBlock) -> None:
    block.nullifications[0].CopyFrom(certificate(small().signed, (0, 1, 2), 9, VOTE_KIND_NULLIFY))


def surplus_signature(block: CertifiedBlock) -> None:
    view, digest = block.notarization.view, block.notarization.digest
    whole = certificate(small().signed, (0, 1, 2, 3), view, block.notarization.kind, digest)
    block.notarization.CopyFrom(whole)


def unsorted_signatures(block: CertifiedBlock) -> None:
    first = block.finalization.signatures.pop(0)
    block.finalization.signatures.append(first)


def notarization_for_finalization(block: CertifiedBlock) -> None:
    block.finalization.CopyFrom(block.notarization)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        (drop_notarization, "notarization", "it is missing"),
        (drop_nullification, "nullifications", "there are 0; the parent is of view 3, this block of view 5"),
        (surplus_nullification, "nullifications", "there are 2"),
        (nullification_of_another_view, "nullifications[0].view", "it is 9, not 4"),
        (surplus_signature, "notarization", "has 4 signatures; it needs exactly 3, a quorum of 4"),
        (unsorted_signatures, "finalization", "not ascending by member"),
        (notarization_for_finalization, "finalization.kind", "it is notarize, not finalize"),
    ],
)
def test_incomplete_certificates_are_refused(
    export: Path, tmp_path: Path, change: Callable[[CertifiedBlock], None], field: str, message: str
) -> None:
    contents = frames(export / HISTORY)
    block = CertifiedBlock.FromString(contents[4])
    change(block)

    report = verify_frames(export, tmp_path / "x", small().hash, [*contents[:4], canonical(block)])

    (finding,) = report.findings
    assert (finding.height, finding.field) == (4, field)
    assert message in finding.message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("height", 3, "it is 3 after 1"),
        ("epoch", 1, "there is only epoch 0"),
        ("view", 1, "it is 1, not above the parent's 1"),
        ("leader", 3, "it is 3; of view 2 it is 2"),
        ("time_ms", 1, "not above the parent's"),
        ("parent", bytes(32), "the block before"),
        ("log_size", 9, "is 9; executing the block gives 2"),
        ("log_root", bytes(32), "executing the block gives"),
        ("state_root", bytes(32), "executing the block gives"),
        ("body_hash", bytes(32), "is not the hash of the body"),
    ],
)
def test_header_that_a_colluding_quorum_signed_is_found(
    tmp_path: Path, name: str, value: int | bytes, message: str
) -> None:
    history = small()
    blocks = recertified(history, 2, lambda header: setattr(header, name, value))
    if name == "height":  # the writer would not write it
        blocks[-1].finalization.CopyFrom(blocks[-1].finalization)
        directory = history.export(tmp_path / "x", history.blocks[:2])
        write_frames(directory / HISTORY, [frames(directory / HISTORY)[0], *map(canonical, blocks)])
        rewrite_manifest(directory)
    else:
        directory = history.export(tmp_path / "x", blocks)

    report = verify_export(directory, history.hash)

    found = next(finding for finding in report.findings if finding.file == HISTORY)
    assert (found.height, found.field) == (2, f"header.{name}")
    assert message in found.message


@pytest.mark.parametrize("name", ["state_root", "log_root", "log_size"])
def test_changed_header_field_is_named_though_the_certificate_is_of_another_digest(
    export: Path, tmp_path: Path, name: str
) -> None:
    contents = frames(export / HISTORY)
    block = CertifiedBlock.FromString(contents[1])
    header = Header.FromString(block.header)
    setattr(header, name, 77 if name == "log_size" else bytes(32))
    block.header = canonical(header)

    report = verify_frames(export, tmp_path / "x", small().hash, [contents[0], canonical(block)])

    assert (report.findings[0].height, report.findings[0].field) == (1, f"header.{name}")


def test_payment_beyond_a_limit_that_a_colluding_quorum_signed_is_found(tmp_path: Path) -> None:
    history = small()
    spent = history.tx("andes/two", transfer={"legs": [leg("andes/one", 1), leg("andes/one", 2 * 10**9)]})
    blocks = recertified(history, 2, change_body=lambda body: body.transactions.append(spent.raw))

    report = verify_export(history.export(tmp_path / "x", blocks), history.hash)

    (finding,) = report.findings
    assert (finding.height, finding.transaction) == (2, 1)
    assert finding.tx_id == spent.tx_id
    assert finding.field == "transfer.legs[1].amount_minor"
    assert "LIMIT_EXCEEDED: andes/two cannot pay 20" in finding.message
    assert report.blocks == 1


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"\x12\x00", "body", "BlockBody has no field 2"),
        (bytes(limits.BLOCK_BODY_BYTES_MAX + 1), "body", "4194305 bytes; at most 4194304 are allowed"),
        (b"\x0a\x01x", "whole transaction", "NOT_CANONICAL"),
    ],
)
def test_a_body_without_form_that_a_colluding_quorum_signed_is_found(
    tmp_path: Path, body: bytes, field: str, message: str
) -> None:
    history = small()
    blocks = recertified(history, 2, body_bytes=body)

    report = verify_export(history.export(tmp_path / "x", blocks), history.hash)

    (finding,) = report.findings
    assert (finding.height, finding.field) == (2, field)
    assert message in finding.message
