"""Blocks that fewer than a quorum made anew, whatever they put in the place of the missing votes.

The rewritten history is right in everything else: its transactions are signed, executed, and every root is
theirs. The forgers hold the keys of one member less than a quorum; of the others they have every vote that
the true history shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from audit import verify_receipt_file
from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    CertifiedBlock,
    MemberSignature,
)
from proofs.certificates import verify_certificate
from proofs.signing import SigningKey
from tests.audit.history import History, leg, opened
from tests.audit.tampering import Spoiler
from tests.sim.signatures import remembered
from tests.vectors.founding import canonical, key, vote

BLOCKS = 5
FORGERS = (0, 3)
HONEST = (1, 2)


def history_with(amount_at: int = 0) -> History:
    """Five blocks; in one of them another amount is paid than in the true history."""
    history = History()
    accounts = [opened("andes/one", 10**6), opened("andes/two", 10**6)]
    history.block(history.tx("andes", open_accounts={"accounts": accounts}))
    for height in range(2, BLOCKS + 1):
        amount = 9_999 if height == amount_at else 100
        paid = history.tx("andes/one", transfer={"legs": [leg("andes/two", amount)]})
        history.block(paid, skip=height % 2)
    return history


@cache
def true_history() -> History:
    return history_with()


def own(certificate: Certificate) -> list[MemberSignature]:
    """What the forgers can sign themselves."""
    digest, kind, view = certificate.digest, certificate.kind, certificate.view
    votes = [vote(true_history().signed, member, view, kind, digest) for member in FORGERS]
    return [MemberSignature(member=each.member, signature=each.signature) for each in votes]


def too_few(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    return own(forged)


def one_of_them_twice(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    first, second = own(forged)
    return [first, first, second]


def votes_for_the_true_block(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    """An honest member's vote of the same kind and view, for the block that was."""
    shown = true.notarization if forged.kind == VOTE_KIND_NOTARIZE else true.finalization
    return [*own(forged), next(each for each in shown.signatures if each.member in HONEST)]


def votes_of_another_kind(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    shown = true.finalization if forged.kind == VOTE_KIND_NOTARIZE else true.notarization
    return [*own(forged), next(each for each in shown.signatures if each.member in HONEST)]


def votes_of_another_view(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    shown = true_history().blocks[0].notarization
    return [*own(forged), next(each for each in shown.signatures if each.member in HONEST)]


def a_forger_in_an_honest_name(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    return [*own(forged), MemberSignature(member=1, signature=own(forged)[0].signature)]


def a_stranger_s_key(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    signature = SigningKey(bytes(32)).sign(b"anything")
    return [*own(forged), MemberSignature(member=1, signature=signature)]


def no_member(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    return [*own(forged), MemberSignature(member=4, signature=own(forged)[0].signature)]


def another_key_of_a_member(forged: Certificate, true: CertifiedBlock) -> list[MemberSignature]:
    """Somebody has a decision key of the honest federation; it does not vote."""
    name = true_history().founding.membership.members[1].name
    return [*own(forged), MemberSignature(member=1, signature=key(f"{name}/decision").sign(forged.digest))]


Forgery = Callable[[Certificate, CertifiedBlock], list[MemberSignature]]
FORGERIES: tuple[Forgery, ...] = (
    too_few,
    one_of_them_twice,
    votes_for_the_true_block,
    votes_of_another_kind,
    votes_of_another_view,
    a_forger_in_an_honest_name,
    a_stranger_s_key,
    no_member,
    another_key_of_a_member,
)


@pytest.fixture(scope="module")
def spoiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiler]:
    with remembered():
        yield Spoiler(true_history(), tmp_path_factory.mktemp("minority") / "export")


def forge(certificate: Certificate, true: CertifiedBlock, forgery: Forgery) -> None:
    signatures = sorted(forgery(certificate, true), key=lambda each: each.member)
    del certificate.signatures[:]
    certificate.signatures.extend(signatures)


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("height", range(2, BLOCKS + 1))
def test_a_block_that_a_minority_made_anew_is_found_where_it_is(
    spoiler: Spoiler, height: int, forgery: Forgery
) -> None:
    contents = list(spoiler.frames)
    rewritten, true = history_with(height).blocks, true_history().blocks
    for at in range(height, BLOCKS + 1):  # the rest follows on it
        block = CertifiedBlock.FromString(canonical(rewritten[at - 1]))
        assert block.header != true[at - 1].header
        for certificate in (block.notarization, block.finalization):
            forge(certificate, true[at - 1], forgery)
        contents[at] = canonical(block)

    report = spoiler.verify_frames(contents)

    assert (height, "notarization") == (report.findings[0].height, report.findings[0].field)
    assert report.blocks == height - 1


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_finalisation_by_a_minority_is_found(spoiler: Spoiler, forgery: Forgery) -> None:
    """The block is notarised as it should be; that it is final, too few say."""
    rewritten = history_with(BLOCKS).blocks[-1]
    block = CertifiedBlock.FromString(canonical(rewritten))
    forge(block.finalization, true_history().blocks[-1], forgery)

    report = spoiler.verify_frames([*spoiler.frames[:-1], canonical(block)])

    located = [finding for finding in report.findings if finding.height is not None]
    assert [(finding.height, finding.field) for finding in located] == [(BLOCKS, "finalization")]


@pytest.mark.parametrize("forgery", (too_few, one_of_them_twice, a_forger_in_an_honest_name, no_member))
def test_a_view_that_a_minority_skipped_is_found(spoiler: Spoiler, forgery: Forgery) -> None:
    block = CertifiedBlock.FromString(canonical(true_history().blocks[2]))
    (nullification,) = block.nullifications
    assert nullification.kind == VOTE_KIND_NULLIFY
    forge(nullification, true_history().blocks[2], forgery)

    report = spoiler.verify_frames([*spoiler.frames[:3], canonical(block), *spoiler.frames[4:]])

    assert (report.findings[0].height, report.findings[0].field) == (3, "nullifications[0]")


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_receipt_for_a_payment_that_a_minority_made_up_is_found(tmp_path: Path, forgery: Forgery) -> None:
    """Transaction, result, path, and header fit each other; that the header is final, too few say."""
    receipt = history_with(3).receipt(2)
    path = tmp_path / "payment.receipt"
    path.write_bytes(canonical(receipt))
    assert verify_receipt_file(path, true_history().hash).ok  # as long as a quorum says so
    forge(receipt.finalization, true_history().blocks[-1], forgery)
    path.write_bytes(canonical(receipt))

    report = verify_receipt_file(path, true_history().hash)

    assert report.receipt is None
    assert str(report.findings[0]).startswith("payment.receipt: finalization: ")


def test_the_forgers_are_one_less_than_a_quorum_and_with_one_more_they_are_believed(
    spoiler: Spoiler,
) -> None:
    """What a quorum signs is a history; only another export shows that it signed two."""
    history = true_history()
    assert len(FORGERS) == history.founding.membership.quorum - 1
    for certificate in (history.blocks[2].notarization, history.blocks[2].finalization):
        verify_certificate(certificate, history.founding.membership)
        assert certificate.kind in (VOTE_KIND_NOTARIZE, VOTE_KIND_FINALIZE)

    rewritten = Spoiler(history_with(3), spoiler.directory.parent / "rewritten")

    assert rewritten.verify_frames(rewritten.frames).ok
