"""Two exports: the one continues the other, or both together prove who signed two histories (C8, C9, C13)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audit import Comparison, GenesisUnreadable, NotComparable, compare_exports, verify_evidence_file
from audit.archive import GENESIS, HISTORY
from ayni.v1.block_pb2 import CertifiedBlock, EvidenceList, Header
from proofs.evidence import conflict
from tests.audit.forks import FINALIZE, NOTARIZE, NULLIFY, Fork, double_spend, make_fork
from tests.audit.history import History, leg, opened, payments
from tests.audit.tampering import flip, frames, recertified, rewrite_manifest, write_frames
from tests.vectors.founding import NAMES, canonical

FORKS = 25
"""Of each number of members and of colluders."""


def compared(directory: Path, first: History, second: History) -> Comparison:
    return compare_exports(first.export(directory / "a"), second.export(directory / "b"), first.hash)


def guilty_in(comparison: Comparison) -> set[int]:
    return {evidence.first.member for evidence in comparison.evidence}


# --- many forks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "colluders"), [(4, 2), (4, 3), (5, 3), (6, 4), (7, 3), (7, 4), (7, 5), (10, 4)]
)
def test_every_fork_proves_n_minus_2f_members_guilty_and_never_an_honest_one(
    tmp_path: Path, members: int, colluders: int
) -> None:
    faulty_max = (members - 1) // 3
    forks = 0
    for seed in range(FORKS):
        fork = make_fork(seed, members, colluders)
        directory = tmp_path / str(seed)
        found = compared(directory, fork.first, fork.second)
        assert [report.findings for report in found.reports] == [[], []], f"seed {seed}"
        assert (found.parting is not None) == fork.is_fork == (not found.ok), f"seed {seed}"
        assert guilty_in(found) <= fork.colluders, f"seed {seed}: an honest member is named"
        assert len(guilty_in(found)) >= (members - 2 * faulty_max if fork.is_fork else 0), f"seed {seed}"
        if fork.is_fork:
            forks += 1
            check_evidence_file(directory / "guilt.evidence", fork, found)
    assert forks >= FORKS // 5


def check_evidence_file(path: Path, fork: Fork, found: Comparison) -> None:
    """The file stands alone: an auditor with the genesis finds the same members guilty."""
    path.write_bytes(found.evidence_bytes)
    report = verify_evidence_file(path, fork.first.signed)
    assert report.findings == []
    assert sorted(guilty_in(found)) == [one.member for one in report.guilty]
    for evidence in found.evidence:
        assert conflict(evidence.first, evidence.second)


def test_forks_are_of_every_kind() -> None:
    """Blocks of one view and of different ones, skipped views, shared beginnings."""
    pairs: set[tuple[int, int]] = set()
    shared = heights = 0
    for seed in range(60):
        fork = make_fork(seed, 4, 2)
        if fork.is_fork:
            views = [{Header.FromString(b.header).view for b in h.blocks} for h in (fork.first, fork.second)]
            skipped = [
                {n.view for b in h.blocks for n in b.nullifications} for h in (fork.first, fork.second)
            ]
            pairs |= {(NOTARIZE, NOTARIZE)} if views[0] & views[1] else set()
            pairs |= {(NULLIFY, FINALIZE)} if views[0] & skipped[1] or views[1] & skipped[0] else set()
            shared += fork.first.blocks[0].header == fork.second.blocks[0].header
            heights += len(fork.first.blocks) != len(fork.second.blocks)
    assert pairs == {(NOTARIZE, NOTARIZE), (NULLIFY, FINALIZE)}
    assert shared > 5
    assert heights > 5


# --- one fork, in words and figures ------------------------------------------------------------------------


@pytest.mark.parametrize(("view_later", "kinds"), [(0, (NOTARIZE, NOTARIZE)), (2, (NULLIFY, FINALIZE))])
def test_two_colluders_of_four_who_spend_the_same_money_twice_are_named_both_and_nobody_else(
    tmp_path: Path, view_later: int, kinds: tuple[int, int]
) -> None:
    first, second = double_spend(view_later)

    found = compared(tmp_path, first, second)

    assert all(report.ok for report in found.reports)
    assert not found.ok
    assert found.agreed == 1
    assert found.parting is not None
    assert (found.parting.height, found.parting.views) == (2, (2, 2 + view_later))
    assert [evidence.first.member for evidence in found.evidence] == [1, 2]
    assert {kinds} == {(evidence.first.kind, evidence.second.kind) for evidence in found.evidence}
    assert {2} == {evidence.first.view for evidence in found.evidence}


def test_who_notarized_one_block_and_helped_to_skip_its_view_is_not_guilty(tmp_path: Path) -> None:
    """Member 3 notarizes the block, sees no notarisation in time, and nullifies: that is the rule (C3)."""
    first, second = double_spend(1)
    signers = {NOTARIZE: (1, 2, 3), FINALIZE: (0, 1, 2)}
    again = History()
    again.signers = lambda kind, view: signers[kind] if view == 2 else (0, 1, 2)
    accounts = [opened(f"andes/{name}", 100) for name in ("one", "three", "two")]
    again.block(again.tx("andes", open_accounts={"accounts": accounts}))
    again.block(again.tx("andes/one", transfer={"legs": [leg("andes/two", 100)]}))
    assert first.blocks[1].header == again.blocks[1].header
    assert 3 in [each.member for each in second.blocks[1].nullifications[0].signatures]

    found = compared(tmp_path, again, second)

    assert {1, 2} == guilty_in(found)


# --- no fork -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(3, 6), (6, 3), (6, 6), (0, 6), (0, 0)])
def test_one_export_that_is_the_beginning_of_the_other_is_no_fork(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    history = payments(5)
    directories = [
        history.export(tmp_path / name, history.blocks[:count])
        for name, count in zip("ab", order, strict=True)
    ]

    found = compare_exports(directories[0], directories[1], history.hash)

    assert found.ok
    assert (found.agreed, found.parting, found.evidence) == (min(order), None, [])


def test_certificates_of_other_signers_for_the_same_blocks_are_no_fork(tmp_path: Path) -> None:
    first, second = payments(2), History()
    second.quorum = (1, 2, 3)
    payments(2, second)
    assert first.blocks[0].notarization != second.blocks[0].notarization

    found = compared(tmp_path, first, second)

    assert (found.ok, found.agreed, found.evidence) == (True, 3, [])


def test_exports_of_two_networks_are_not_compared(tmp_path: Path) -> None:
    one, other = payments(1), payments(1, names=("solo",))
    with pytest.raises(NotComparable) as refused:
        compared(tmp_path, one, other)

    directories = tmp_path / "a", tmp_path / "b"
    assert str(refused.value) == (
        f"{directories[0]} is of network {one.hash.hex()}, {directories[1]} of {other.hash.hex()}"
    )


def test_the_genesis_is_that_of_both_when_none_is_named(tmp_path: Path) -> None:
    first, second = double_spend()
    first.export(tmp_path / "a")
    second.export(tmp_path / "b")

    found = compare_exports(tmp_path / "a", tmp_path / "b")

    assert {first.hash} == {report.genesis_hash for report in found.reports}
    assert {1, 2} == guilty_in(found)


def test_exports_of_a_network_that_is_not_trusted_do_not_verify(tmp_path: Path) -> None:
    first, second = double_spend()
    first.export(tmp_path / "a")
    second.export(tmp_path / "b")

    found = compare_exports(tmp_path / "a", tmp_path / "b", bytes(32))

    assert not found.ok
    assert (found.parting, found.evidence) == (None, [])
    assert all("it is of network" in str(report.findings[0]) for report in found.reports)


# --- what does not verify ----------------------------------------------------------------------------------


def test_a_damaged_export_is_named_and_is_no_fork(tmp_path: Path) -> None:
    history = payments(5)
    first, second = history.export(tmp_path / "a"), history.export(tmp_path / "b")
    flip(second / HISTORY, (second / HISTORY).stat().st_size - 2_000, 0)

    found = compare_exports(first, second, history.hash)

    assert [report.ok for report in found.reports] == [True, False]
    assert (found.ok, found.parting, found.evidence) == (False, None, [])
    assert found.agreed == found.reports[1].blocks


def test_a_damaged_genesis_is_a_finding_of_its_export(tmp_path: Path) -> None:
    history = payments(1)
    first, second = history.export(tmp_path / "a"), history.export(tmp_path / "b")
    flip(first / GENESIS, 40, 3)

    found = compare_exports(first, second)

    assert [report.ok for report in found.reports] == [False, True]
    assert any(finding.file == GENESIS for finding in found.reports[0].findings)
    assert found.unread[0] in found.reports[0].findings
    assert found.unread[1] is None

    flip(second / GENESIS, 40, 3)
    with pytest.raises(GenesisUnreadable) as refused:
        compare_exports(first, second)
    assert str(refused.value) == f"{first}, {found.unread[0]}; {second}, {found.unread[0]}"


def test_votes_under_a_block_that_breaks_a_rule_are_evidence_all_the_same(tmp_path: Path) -> None:
    """A quorum that colludes certifies a wrong state root; the honest history holds the right one."""
    history = payments(3)
    wrong = recertified(history, 3, lambda header: setattr(header, "state_root", bytes(32)))
    first, second = history.export(tmp_path / "a"), history.export(tmp_path / "b", wrong)

    found = compare_exports(first, second, history.hash)

    assert (found.agreed, found.parting) == (2, None)
    assert (
        found.reports[1].findings[0].height,
        found.reports[1].findings[0].field,
    ) == (3, "header.state_root")
    assert set(history.quorum) == guilty_in(found)


def test_forged_votes_in_an_export_name_nobody(tmp_path: Path) -> None:
    """A minority puts the votes that honest members gave another block under a block of its own."""
    first, second = double_spend()
    forged = CertifiedBlock.FromString(canonical(second.blocks[1]))
    for signature in forged.notarization.signatures:
        if signature.member == 3:
            honest = next(each for each in first.blocks[1].notarization.signatures if each.member == 0)
            signature.member, signature.signature = 0, honest.signature
    ordered = sorted(forged.notarization.signatures, key=lambda each: each.member)
    del forged.notarization.signatures[:]
    forged.notarization.signatures.extend(ordered)
    directory = second.export(tmp_path / "b")
    write_frames(directory / HISTORY, [*frames(directory / HISTORY)[:2], canonical(forged)])
    rewrite_manifest(directory)

    found = compare_exports(first.export(tmp_path / "a"), directory, first.hash)

    assert [report.ok for report in found.reports] == [True, False]
    assert {1, 2} == guilty_in(found)  # these did sign both; member 0 did not


# --- the file ----------------------------------------------------------------------------------------------


def test_evidence_names_each_member_once_ascending(tmp_path: Path) -> None:
    first, second = double_spend()
    evidence = compared(tmp_path, first, second).evidence
    path = tmp_path / "guilt.evidence"
    for listed, said in (
        ([evidence[1], evidence[0]], "evidence[1]: not ascending by member, one each"),
        ([evidence[0], evidence[0]], "evidence[1]: not ascending by member, one each"),
    ):
        path.write_bytes(canonical(EvidenceList(evidence=listed)))
        (finding,) = verify_evidence_file(path, first.signed).findings
        assert str(finding) == f"guilt.evidence: {said}"

    other = payments(0, names=("solo",))
    path.write_bytes(canonical(EvidenceList(evidence=evidence)))
    (finding,) = verify_evidence_file(path, other.signed).findings
    assert "evidence[0]: it is of network" in str(finding)


def test_a_file_of_evidence_needs_no_export(tmp_path: Path) -> None:
    """The exports may be gone: the file and the genesis are enough."""
    first, second = double_spend()
    path = tmp_path / "guilt.evidence"
    path.write_bytes(compared(tmp_path, first, second).evidence_bytes)
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")

    report = verify_evidence_file(path, first.signed)

    assert [NAMES[1], NAMES[2]] == [one.name for one in report.guilty]
    assert {"notarize and notarize"} == {one.votes for one in report.guilty}
