"""Workers verify ahead of execution: the report is the same with them, without them, and when they die."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from audit import Report, verify_export
from audit.archive import LENGTH_BYTES
from audit.findings import AuditStopped, Finding
from audit.workers import NOT_VERIFIED, VERIFIED, WORTH_BYTES, answer_all, verified_ahead, workers_for
from ayni.v1.block_pb2 import BlockBody, CertifiedBlock
from ayni.v1.transaction_pb2 import SignedTransaction
from ledger import limits
from ledger.refusals import Refusal
from ledger.transactions import parse_transactions, signatures_verify
from tests.audit.history import History, canonical
from tests.audit.tampering import recertified, small
from tests.audit.year import year


def framed(contents: list[bytes]) -> BytesIO:
    return BytesIO(b"".join(len(each).to_bytes(LENGTH_BYTES) + each for each in contents))


def unsigned(body: BlockBody) -> None:
    """Changes the last byte of the last signature."""
    body.transactions[-1] = body.transactions[-1][:-1] + bytes([body.transactions[-1][-1] ^ 1])


def both(history: History, directory: Path, blocks: list[CertifiedBlock]) -> tuple[Report, Report]:
    export = history.export(directory, blocks)
    return verify_export(export, history.hash, workers=2), verify_export(export, history.hash, workers=0)


def test_a_worker_says_yes_to_blocks_whose_signatures_verify_and_no_others() -> None:
    history = small()
    wrong = recertified(history, 2, change_body=unsigned)[-1]
    frames = [*map(canonical, history.blocks), canonical(wrong), b"\xff"]
    answers = BytesIO()

    answer_all(framed(frames), answers, history.hash)

    assert answers.getvalue() == VERIFIED * len(history.blocks) + NOT_VERIFIED * 2


def test_a_worker_says_yes_to_nothing_of_another_network() -> None:
    answers = BytesIO()

    answer_all(framed([canonical(small().blocks[0])]), answers, bytes(32))

    assert answers.getvalue() == NOT_VERIFIED


def test_a_worker_does_not_unpack_a_body_larger_than_a_block_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of 64 MiB of empty transactions took a GB in each worker, whoever signed it."""
    history, answers = small(), BytesIO()
    block = max(history.blocks, key=lambda each: len(each.body))

    for bytes_max in (len(block.body), len(block.body) - 1):
        monkeypatch.setattr(limits, "BLOCK_BODY_BYTES_MAX", bytes_max)
        answer_all(framed([canonical(block)]), answers, history.hash)

    assert answers.getvalue() == VERIFIED + NOT_VERIFIED


def test_a_worker_reads_no_more_transactions_than_a_block_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two million empty ones in a body within its bound took half a GB in each worker, and nine seconds."""
    history, answers = small(), BytesIO()
    block = max(history.blocks, key=lambda each: len(BlockBody.FromString(each.body).transactions))
    count = len(BlockBody.FromString(block.body).transactions)

    for transactions_max in (count, count - 1):
        monkeypatch.setattr(limits, "BLOCK_TRANSACTIONS_MAX", transactions_max)
        answer_all(framed([canonical(block)]), answers, history.hash)

    assert answers.getvalue() == VERIFIED + NOT_VERIFIED


def test_the_report_is_the_same_with_workers(tmp_path: Path) -> None:
    with_workers, without = both(year(), tmp_path / "export", year().blocks)

    assert with_workers.ok
    assert with_workers == without


def test_a_wrong_signature_is_located_with_workers_too(tmp_path: Path) -> None:
    history = small()
    with_workers, without = both(history, tmp_path / "export", recertified(history, 2, change_body=unsigned))

    (finding,) = with_workers.findings
    assert (finding.height, finding.transaction, finding.field) == (2, 0, "signatures[0]")
    assert with_workers.findings == without.findings


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python"])
def test_an_audit_needs_no_worker_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)

    assert verify_export(small().export(tmp_path / "export"), small().hash, workers=2).ok


def test_a_worker_runs_no_code_of_the_directory_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("audit", "google"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("open('it_ran', 'w')\n")
    (tmp_path / "signal.py").write_text("open('it_ran', 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    frames = list(map(canonical, small().blocks))

    answers = [verified for _, verified in verified_ahead(iter(frames), small().hash, 1)]

    assert len(answers) == len(frames)
    assert not (tmp_path / "it_ran").exists()


def test_what_stops_the_frames_comes_after_those_before_it() -> None:
    frames = list(map(canonical, small().blocks))
    stop = AuditStopped(Finding("history.bin", "it ends here"))

    def cut() -> Iterator[bytes]:
        yield from frames
        raise stop

    seen = []
    with pytest.raises(AuditStopped) as raised:
        for frame, _ in verified_ahead(cut(), small().hash, 1):
            seen.append(frame)

    assert seen == frames
    assert raised.value is stop


def test_a_short_history_is_verified_without_workers() -> None:
    assert workers_for(WORTH_BYTES - 1) == 0


def test_what_workers_verified_is_judged_as_it_would_be_without_them() -> None:
    """Only the signatures are not verified again: form, bounds and order are."""
    raws = [raw for block in year().blocks for raw in BlockBody.FromString(block.body).transactions]
    reversed_ = next(each for each in map(SignedTransaction.FromString, raws) if len(each.signatures) > 1)
    reversed_.signatures.reverse()
    doubled = SignedTransaction.FromString(raws[0])
    doubled.signatures.append(doubled.signatures[0])
    wrong = [canonical(reversed_), canonical(doubled), raws[0] + b"\x1a\x00", b""]
    for each in (raws, wrong):
        judged = parse_transactions(each, year().hash, verified=True)
        assert judged == parse_transactions(each, year().hash)
        assert [isinstance(tx, Refusal) for tx in judged] == [each is wrong] * len(each)


def test_of_too_many_signatures_none_is_verified() -> None:
    """A frame has room for forty thousand, which would take a worker two seconds."""
    raw = next(raw for block in year().blocks for raw in BlockBody.FromString(block.body).transactions)
    signed = SignedTransaction.FromString(raw)
    del signed.signatures[1:]
    many = SignedTransaction(
        body=signed.body, signatures=list(signed.signatures) * (limits.SIGNATURES_MAX + 1)
    )
    most = SignedTransaction(body=signed.body, signatures=list(signed.signatures) * limits.SIGNATURES_MAX)
    assert signatures_verify([most.SerializeToString(deterministic=True)], year().hash)
    assert not signatures_verify([many.SerializeToString(deterministic=True)], year().hash)


def test_signatures_verify_or_something_of_what_was_signed_was_changed() -> None:
    raws = list(BlockBody.FromString(year().blocks[0].body).transactions)
    assert signatures_verify(raws, year().hash)
    assert signatures_verify([], year().hash)
    assert not signatures_verify(raws, bytes(32))
    for at in range(len(raws[0])):
        changed = raws[0][:at] + bytes([raws[0][at] ^ 1]) + raws[0][at + 1 :]
        assert not signatures_verify([*raws[1:], changed], year().hash), at
