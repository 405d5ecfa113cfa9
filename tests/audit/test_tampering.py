"""Whatever is changed in an export is found, and the finding says where."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from audit import verify_export
from audit.archive import GENESIS, HISTORY, MANIFEST
from ayni.v1.block_pb2 import VOTE_KIND_NULLIFY, CertifiedBlock, Header
from ayni.v1.receipt_pb2 import ExportHead
from tests.audit.history import History, leg, payments
from tests.audit.tampering import (
    flip,
    frame_of,
    frames,
    recertified,
    rewrite_manifest,
    spoiled,
    verify_frames,
    write_frames,
)
from tests.audit.year import year
from tests.vectors.founding import canonical, certificate

CHANGES = 80


@cache
def small() -> History:
    """Four members, three payments, a skipped view, a block that is final through the next."""
    history = payments(1)
    history.block(history.tx("andes/one", transfer={"legs": [leg("andes/two", 5)]}), final=False)
    history.block(history.tx("andes/two", transfer={"legs": [leg("andes/one", 7)]}), skip=1)
    return history


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small().export(tmp_path_factory.mktemp("small") / "export")


def refind(export: Path, name: str, position: int, bit: int, target: Path, *, careful: bool) -> None:
    """Change one bit; it must be found, in the file and block where it is."""

    def spoil(directory: Path) -> None:
        flip(directory / name, position, bit)
        if careful and name != MANIFEST:
            rewrite_manifest(directory)

    report = verify_export(spoiled(export, target, spoil), small().hash)

    place = f"{name}, byte {position}, bit {bit}"
    assert report.findings, place
    if name == HISTORY:
        height = frame_of(export / name, position) or None
        assert any((f.file, f.height) == (name, height) for f in report.findings), (place, report.findings)
        assert all(f.field for f in report.findings), (place, report.findings)
    elif name == GENESIS:
        assert any(f.file == GENESIS for f in report.findings), (place, report.findings)
    else:
        assert any(f.file == MANIFEST for f in report.findings), (place, report.findings)


@pytest.mark.parametrize("careful", [False, True], ids=["as it is", "with the manifest made right"])
@pytest.mark.parametrize("name", [GENESIS, HISTORY, MANIFEST])
def test_changed_bit_is_found_and_located(export: Path, tmp_path: Path, name: str, careful: bool) -> None:
    chance = random.Random(f"{name} {careful}")
    size = (export / name).stat().st_size
    for number in range(CHANGES):
        target = tmp_path / str(number)
        refind(export, name, chance.randrange(size), chance.randrange(8), target, careful=careful)


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


def test_dropped_swapped_and_doubled_frames_are_found(export: Path, tmp_path: Path) -> None:
    contents = frames(export / HISTORY)
    count = len(contents)
    for at in range(count):
        report = verify_frames(
            export, tmp_path / f"drop {at}", small().hash, contents[:at] + contents[at + 1 :]
        )
        assert report.findings, f"frame {at} left out"
        report = verify_frames(
            export, tmp_path / f"twice {at}", small().hash, contents[: at + 1] + contents[at:]
        )
        assert report.findings, f"frame {at} twice"
    for at in range(1, count - 1):
        swapped = [*contents[:at], contents[at + 1], contents[at], *contents[at + 2 :]]
        report = verify_frames(export, tmp_path / f"swap {at}", small().hash, swapped)
        assert report.findings[0].height == at, f"frames {at} and {at + 1} swapped"
        assert report.findings[0].field == "header.parent"


def test_file_cut_anywhere_is_found(export: Path, tmp_path: Path) -> None:
    size = (export / HISTORY).stat().st_size
    for number, length in enumerate([0, 1, 3, 4, 5, size // 3, size // 2, size - 1]):

        def cut(directory: Path, length: int = length) -> None:
            (directory / HISTORY).write_bytes((directory / HISTORY).read_bytes()[:length])
            rewrite_manifest(directory)

        report = verify_export(spoiled(export, tmp_path / str(number), cut), small().hash)
        assert any(finding.file == HISTORY for finding in report.findings), length


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
    assert "cannot show whether the network went on" in report.scope


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


def test_changed_bits_of_a_whole_year_are_found(tmp_path: Path) -> None:
    history = year()
    export = history.export(tmp_path / "export")
    chance = random.Random("a year")
    size = (export / HISTORY).stat().st_size
    for number in range(40):
        position, bit = chance.randrange(size), chance.randrange(8)

        def spoil(directory: Path, position: int = position, bit: int = bit) -> None:
            flip(directory / HISTORY, position, bit)
            rewrite_manifest(directory)

        report = verify_export(spoiled(export, tmp_path / str(number), spoil), history.hash)
        height = frame_of(export / HISTORY, position) or None
        assert any(f.height == height and f.field for f in report.findings), (
            position,
            bit,
            report.findings,
        )
