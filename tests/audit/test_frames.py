"""A frame that is left out, doubled, moved, cut or put in the place of another is found, and located."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from audit import Report, verify_export
from audit.archive import HISTORY, LENGTH_BYTES
from ayni.v1.block_pb2 import CertifiedBlock, Header
from ayni.v1.receipt_pb2 import ExportHead
from tests.audit.forks import double_spend
from tests.audit.history import History
from tests.audit.parts import Part
from tests.audit.tampering import (
    Spoiler,
    frames,
    joined,
    recertified,
    rewrite_manifest,
    small,
    tiny,
    write_frames,
)
from tests.audit.wirefields import spans
from tests.sim.signatures import remembered

CUTS = 60


@pytest.fixture(scope="module")
def spoiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiler]:
    with remembered():
        yield Spoiler(small(), tmp_path_factory.mktemp("frames") / "export")


def first_in_history(report: Report) -> tuple[int | None, str]:
    """Block and field of the first finding in history.bin."""
    finding = next(finding for finding in report.findings if finding.file == HISTORY)
    return finding.height, finding.field


def without_finalization(frame: bytes) -> bytes:
    """A block's frame without its last field; the frame itself when it has none."""
    cut = [span.start for span in spans(frame, CertifiedBlock) if span.path == "finalization tag"]
    return frame[: cut[0]] if cut else frame


def test_a_frame_that_is_left_out(spoiler: Spoiler) -> None:
    last = len(spoiler.frames) - 1
    for at in range(last):
        report = spoiler.verify_frames(spoiler.frames[:at] + spoiler.frames[at + 1 :])
        height, field = first_in_history(report)
        # Without the head, the first block is no head; without a block, the next has another parent.
        assert (height, field.partition(".")[0]) == ((None, "head") if at == 0 else (at, "header")), at
    report = spoiler.verify_frames(spoiler.frames[:last])
    assert first_in_history(report) == (last - 1, "finalization")


def test_a_frame_that_comes_twice_wherever_the_second_is(spoiler: Spoiler) -> None:
    for at in range(len(spoiler.frames)):
        for place in range(at + 1, len(spoiler.frames) + 1):
            doubled = [*spoiler.frames[:place], spoiler.frames[at], *spoiler.frames[place:]]
            height, field = first_in_history(spoiler.verify_frames(doubled))
            assert height == place, (at, place)
            assert field == "header.parent" or at == 0, (at, place)


def test_any_two_frames_that_changed_places(spoiler: Spoiler) -> None:
    for one, other in combinations(range(len(spoiler.frames)), 2):
        swapped = list(spoiler.frames)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        height, field = first_in_history(spoiler.verify_frames(swapped))
        assert (height, field.partition(".")[0]) == ((one, "header") if one else (None, "head")), (one, other)


def test_a_frame_that_moved_elsewhere(spoiler: Spoiler) -> None:
    for one in range(1, len(spoiler.frames)):
        for place in range(1, len(spoiler.frames)):
            if one != place:
                moved = [frame for number, frame in enumerate(spoiler.frames) if number != one]
                moved.insert(place, spoiler.frames[one])
                height, field = first_in_history(spoiler.verify_frames(moved))
                assert (height, field) == (min(one, place), "header.parent"), (one, place)


def test_a_frame_that_is_shorter_or_longer_than_its_message(
    spoiler: Spoiler, exhaustive: Part | None
) -> None:
    chance = random.Random("shorter")
    for at, frame in enumerate(spoiler.frames):
        every = range(len(frame))
        lengths = exhaustive.of(every) if exhaustive else sorted(chance.sample(every, 12))
        changed = [frame[:length] for length in lengths] + [frame + b"\0", frame + frame]
        may_lack = without_finalization(frame) if 0 < at < len(spoiler.frames) - 1 else None
        for content in [*changed, may_lack] if may_lack else changed:
            report = spoiler.verify_frames([*spoiler.frames[:at], content, *spoiler.frames[at + 1 :]])
            if content == may_lack:
                assert report.ok, at  # the block is final through a later one: the report says so in words
                continue
            height, field = first_in_history(report)
            assert height == (at or None), (at, len(content))
            assert field, (at, len(content))


def test_a_history_that_is_cut_anywhere(tmp_path: Path, exhaustive: Part | None) -> None:
    """The head says how many blocks there are; a cut inside a frame is found where it is."""
    spoiler = Spoiler(tiny(), tmp_path / "export")
    data = spoiler.files[HISTORY]
    ends = {spoiler.starts_at(height) - LENGTH_BYTES: height for height in range(1, len(spoiler.frames))}
    chance = random.Random("cut")
    every = range(len(data))
    for length in exhaustive.of(every) if exhaustive else {*ends, *chance.sample(every, CUTS), 0, 1, 3, 4}:
        height, field = first_in_history(spoiler.verify(HISTORY, data[:length]))
        if length in ends:
            assert field in ("head.blocks", "finalization"), length
        elif length:
            assert (height, field) == (spoiler.height_at(length), "frame length"), length


def test_a_block_of_another_history_of_the_same_network(tmp_path: Path) -> None:
    """It is certified as it should be, and is not the one whose parent the next block names."""
    first, second = double_spend()
    again = double_spend()[0]
    again.block()
    spoiler, other = Spoiler(again, tmp_path / "a"), Spoiler(second, tmp_path / "b")
    assert first.blocks[1].header == again.blocks[1].header

    report = spoiler.verify_frames([*spoiler.frames[:2], other.frames[2], spoiler.frames[3]])

    assert first_in_history(report) == (3, "header.parent")
    assert report.blocks == 2


def test_bytes_after_the_last_frame(spoiler: Spoiler, tmp_path: Path) -> None:
    for tail in (b"\0", b"\0\0\0\0", b"\0\0\0\1\0", b"\xff" * 8, b"\x2a", b"\x2a\x80"):
        report = spoiler.verify(HISTORY, spoiler.files[HISTORY] + tail)
        assert first_in_history(report)[0] == len(spoiler.frames), tail
    cut = Spoiler(History(("solo",), bits=1), tmp_path / "export")  # nothing after the head but the tail
    for tail in (b"\x2a", b"\x2a\x80", b"\x2a\x80\xff\x01"):
        assert first_in_history(cut.verify(HISTORY, cut.files[HISTORY] + tail)) == (1, "frame length"), tail
    unfinal = Spoiler(tiny(), tmp_path / "unfinal")
    for tail in (b"\x2a", b"\x2a\x80", b"\x2a\x80\xff\x01"):
        report = unfinal.verify(HISTORY, joined(unfinal.frames[:3]) + tail)
        assert first_in_history(report) == (3, "frame length"), tail


def test_a_length_that_ends_a_frame_before_its_last_field(tmp_path: Path) -> None:
    """What is cut off is read as a length, and it is none: the frame before it is named all the same."""
    for name, history in (("tiny", tiny()), ("small", small())):
        spoiler = Spoiler(history, tmp_path / name)
        data = spoiler.files[HISTORY]
        for height, frame in enumerate(spoiler.frames):
            block = CertifiedBlock.FromString(frame) if height else None
            if block is not None and not block.HasField("finalization"):
                continue
            last = list(spans(frame, CertifiedBlock if height else ExportHead))
            cut = next(span.start for span in last if span.path in ("finalization tag", "tip tag"))
            at = spoiler.starts_at(height) - LENGTH_BYTES
            shorter = data[:at] + cut.to_bytes(LENGTH_BYTES) + data[at + LENGTH_BYTES :]
            field = "frame length" if height else "head.tip"
            assert first_in_history(spoiler.verify(HISTORY, shorter)) == (height or None, field), (
                name,
                height,
            )


@pytest.mark.parametrize("number", [0, 2])
def test_a_frame_of_countless_empty_parts_is_not_unpacked(tmp_path: Path, number: int) -> None:
    """64 MiB of them, a frame of the largest size, would take nearly 3 GB."""
    directory = double_spend()[0].export(tmp_path / "export")
    found = frames(directory / HISTORY)
    part = b"\x0a\0" if number == 0 else b"\x22\0"  # the genesis of the head; a nullification of a block
    found[number] += part * 100_000
    write_frames(directory / HISTORY, found)
    rewrite_manifest(directory)

    report = verify_export(directory, double_spend()[0].hash)

    parts = 1_000 + len(found[number]) // 32
    fact = f"the frame of {len(found[number])} bytes has more than {parts} parts"
    assert (report.findings[0].message, report.findings[0].height) == (fact, number or None)
    assert report.blocks == max(0, number - 1)


def test_a_frame_that_is_no_message_is_told_as_ever(tmp_path: Path) -> None:
    directory = double_spend()[0].export(tmp_path / "export")
    found = frames(directory / HISTORY)
    found[1] += b"\x9b\x3e" + bytes(4_000)
    write_frames(directory / HISTORY, found)
    rewrite_manifest(directory)
    (finding,) = verify_export(directory, double_spend()[0].hash).findings
    assert (finding.file, finding.height) == (HISTORY, 1)
    assert finding.message == "CertifiedBlock has no field 995"


def test_a_view_that_never_comes_is_a_finding_though_a_quorum_signed_it(tmp_path: Path) -> None:
    history = double_spend()[0]
    view = (1 << 64) - 4  # that of member 0 of four

    def change(header: Header) -> None:
        header.view, header.leader = view, 0

    directory = history.export(tmp_path / "export", recertified(history, 2, change))
    (finding,) = verify_export(directory, history.hash).findings
    before = Header.FromString(history.blocks[0].header).view
    assert (finding.height, finding.field) == (2, "nullifications")
    assert finding.message.endswith(f"so that {view - before - 1} views were skipped and each needs one")
