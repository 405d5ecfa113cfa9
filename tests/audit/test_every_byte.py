"""A byte changed anywhere, in an export or in a file of proof, is found, and in an export also located.

By default every byte of the smallest history with one other value, one byte of every kind of field that
occurs in a whole year, and 300 bytes of each file of proof; with `--exhaustive` every other value of every
byte, every bit of a history of four members, and twenty bytes of each kind. Nothing is left out of it: where
there are parts, they are ranges of positions (or of kinds).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from audit import Report, compare_exports, verify_evidence_file, verify_receipt_file
from audit.archive import FILES, GENESIS, HISTORY, MANIFEST
from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, VOTE_KIND_NULLIFY, CertifiedBlock
from ayni.v1.genesis_pb2 import SignedGenesis
from ayni.v1.receipt_pb2 import ExportHead
from ledger import records
from proofs.evidence import make_evidence
from tests.audit.forks import double_spend
from tests.audit.history import History, state_proof
from tests.audit.parts import Part
from tests.audit.tampering import Spoiler, changed, small, tiny
from tests.audit.wirefields import spans
from tests.audit.year import year
from tests.sim.signatures import remembered
from tests.vectors.founding import canonical, vote

pytestmark = pytest.mark.timeout(600)

OF_A_KIND = 1
OF_A_KIND_EXHAUSTIVE = 20
"""Bytes of each kind of field."""
OF_FOUR_MEMBERS = 40
"""Bytes of each file of the history of four members."""
OF_A_PROOF = 300
"""Bytes of each file of proof."""
REMEMBERED_POSITIONS = 32


def other_values(
    data: bytes, chance: random.Random, exhaustive: Part | None, most: int | None = None
) -> Iterator[tuple[int, int]]:
    """(position, value): for every byte, or as many as are wanted, one other value; or all of every byte."""
    positions: Sequence[int] = range(len(data))
    if exhaustive:
        positions = exhaustive.of(positions)
    elif most is not None:
        positions = sorted(chance.sample(positions, min(most, len(positions))))
    for some in batched(positions):
        with remembered():
            for position in some:
                others = [value for value in range(256) if value != data[position]]
                for value in others if exhaustive else [chance.choice(others)]:
                    yield position, value


def batched(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    """A few at a time: signatures are remembered for so long."""
    for start in range(0, len(positions), REMEMBERED_POSITIONS):
        yield positions[start : start + REMEMBERED_POSITIONS]


def check_found(spoiler: Spoiler, name: str, position: int, report: Report, what: str) -> None:
    """There are findings, and one is of the file and block that were changed."""
    assert report.findings, what
    if name == HISTORY:
        height = spoiler.height_at(position)
        located = [finding for finding in report.findings if (finding.file, finding.height) == (name, height)]
        assert located, (what, report.findings)
        assert all(finding.field for finding in located), (what, report.findings)
    else:
        assert any(finding.file == name for finding in report.findings), (what, report.findings)


@pytest.mark.parametrize("name", FILES)
def test_every_byte_of_a_small_export(tmp_path: Path, name: str, exhaustive: Part | None) -> None:
    spoiler = Spoiler(tiny(), tmp_path / "export")
    data = spoiler.files[name]
    count = 0
    for position, value in other_values(data, random.Random(name), exhaustive):
        report = spoiler.verify(name, changed(data, position, value))
        check_found(spoiler, name, position, report, f"{name}, byte {position} became {value}")
        count += 1
    assert count == (len(exhaustive.of(data)) * 255 if exhaustive else len(data))


@pytest.mark.parametrize("careful", [False, True], ids=["as it is", "with the manifest made right"])
@pytest.mark.parametrize("name", FILES)
def test_bits_of_an_export_of_four_members(
    tmp_path: Path, name: str, careful: bool, exhaustive: Part | None
) -> None:
    spoiler = Spoiler(small(), tmp_path / "export")
    data = spoiler.files[name]
    chance = random.Random(f"{name} {careful}")
    everything = range(len(data))
    for some in batched(
        exhaustive.of(everything) if exhaustive else chance.sample(everything, OF_FOUR_MEMBERS)
    ):
        with remembered():
            for position in some:
                for bit in range(8) if exhaustive else [chance.randrange(8)]:
                    spoiled = changed(data, position, data[position] ^ 1 << bit)
                    report = spoiler.verify(name, spoiled, careful=careful)
                    check_found(spoiler, name, position, report, f"{name}, byte {position}, bit {bit}")
                    assert careful or any(finding.file == MANIFEST for finding in report.findings)


def places_by_kind(spoiler: Spoiler) -> dict[tuple[str, str], list[int]]:
    """(file, kind of field) to the bytes of all such fields."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for height, frame in enumerate(spoiler.frames):
        start = spoiler.starts_at(height)
        places[HISTORY, "frame length"] += range(start - 4, start)
        for span in spans(frame, CertifiedBlock if height else ExportHead, start):
            places[HISTORY, span.path if height else f"head.{span.path}"] += range(span.start, span.end)
    for span in spans(spoiler.files[GENESIS], SignedGenesis):
        places[GENESIS, span.path] += range(span.start, span.end)
    return places


def test_a_byte_of_every_kind_of_field(tmp_path: Path, exhaustive: Part | None) -> None:
    spoiler = Spoiler(year(), tmp_path / "export")
    places = places_by_kind(spoiler)
    covered = sum(len(positions) for positions in places.values())
    assert covered == len(spoiler.files[HISTORY]) + len(spoiler.files[GENESIS])
    assert len(places) > 400
    wanted = OF_A_KIND_EXHAUSTIVE if exhaustive else OF_A_KIND
    kinds = list(places.items())
    with remembered():
        for (name, kind), positions in exhaustive.of(kinds) if exhaustive else kinds:
            chance = random.Random(f"{name} {kind}")
            for position in chance.sample(positions, min(wanted, len(positions))):
                data = spoiler.files[name]
                value = chance.choice([value for value in range(256) if value != data[position]])
                report = spoiler.verify(name, changed(data, position, value))
                check_found(spoiler, name, position, report, f"{kind}: byte {position} became {value}")


# --- files of proof ---------------------------------------------------------------------------------------


def receipts() -> dict[str, Callable[[History], bytes]]:
    """A receipt of a payment, and of what has a result; proofs of a record that is there, and of one that
    is not."""
    return {
        "receipt of a payment": lambda history: canonical(history.receipt(_first(history, "transfer"))),
        "receipt of a close": lambda history: canonical(history.receipt(_first(history, "close_period"))),
        "receipt of a redemption": lambda history: canonical(
            history.receipt(_first(history, "redeem_entitlements"))
        ),
        "proof of a record": lambda history: canonical(
            state_proof(history, records.balance_key("emilia/cadiai", "EUC"))
        ),
        "proof of no record": lambda history: canonical(
            state_proof(history, records.balance_key("emilia/nobody", "EUC"))
        ),
    }


def _first(history: History, kind: str) -> int:
    log = [entry for final in history.finals for entry in final.entries]
    return next(entry.log_index for entry in log if entry.tx.kind == kind)


@pytest.mark.parametrize("what", receipts())
def test_every_byte_of_a_receipt_or_a_proof(tmp_path: Path, what: str, exhaustive: Part | None) -> None:
    history = year()
    data = receipts()[what](history)
    path = tmp_path / "file"
    path.write_bytes(data)
    assert verify_receipt_file(path, history.hash).ok
    for position, value in other_values(data, random.Random(what), exhaustive, OF_A_PROOF):
        path.write_bytes(changed(data, position, value))
        report = verify_receipt_file(path, history.hash)
        if report.record is not None and report.record.value is None:
            # Another key of the same bucket, of which there is no record either: what is proven is true.
            assert history.reader.get(report.record.key) is None
            continue
        assert report.findings, f"byte {position} became {value}"
        assert (report.receipt, report.record) == (None, None)


@pytest.mark.parametrize("length", ["one", "several"])
def test_every_byte_of_evidence(tmp_path: Path, length: str, exhaustive: Part | None) -> None:
    first, second = double_spend()
    if length == "several":
        data = compare_exports(first.export(tmp_path / "a"), second.export(tmp_path / "b")).evidence_bytes
    else:
        votes = (
            vote(first.signed, 2, 9, VOTE_KIND_FINALIZE, bytes(range(32))),
            vote(first.signed, 2, 9, VOTE_KIND_NULLIFY),
        )
        data = canonical(make_evidence(first.hash, *votes))
    path = tmp_path / "file"
    path.write_bytes(data)
    assert verify_evidence_file(path, first.signed).ok
    for position, value in other_values(data, random.Random(length), exhaustive, OF_A_PROOF):
        path.write_bytes(changed(data, position, value))
        report = verify_evidence_file(path, first.signed)
        assert report.findings, f"byte {position} became {value}"
        assert report.guilty == []
