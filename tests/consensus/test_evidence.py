"""Transcripts of evidence: docs/protocol.md, C8. Each file of evidence proves exactly the guilty."""

from __future__ import annotations

import random

import pytest

from ayni.v1.peer_service_pb2 import Votes
from consensus.config import EVIDENCE_MAX
from proofs.evidence import verify_evidence
from tests.consensus.network import FINALIZE, NOTARIZE, NULLIFY, certificate, vote
from tests.consensus.simulation import Faults, Simulation
from tests.consensus.transcript import Played, guilty

A, B = bytes(31) + b"a", bytes(31) + b"b"


def started() -> Played:
    node = Played(0)
    node.start()
    return node


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((NOTARIZE, A), (NOTARIZE, B)),
        ((FINALIZE, A), (FINALIZE, B)),
        ((NULLIFY, b""), (FINALIZE, A)),
        ((FINALIZE, A), (NULLIFY, b"")),
    ],
)
def test_C8_two_votes_that_contradict_each_other_are_evidence(
    first: tuple[int, bytes], second: tuple[int, bytes]
) -> None:
    node = started()
    node.votes(first[0], 1, first[1], of=[2])
    lines = node.votes(second[0], 1, second[1], of=[2])
    assert len(lines) == 1
    assert lines[0].endswith("by 2")
    assert guilty(node.effects, node) == [2]


@pytest.mark.parametrize(
    ("first", "second"),
    [((NOTARIZE, A), (NULLIFY, b"")), ((NOTARIZE, A), (FINALIZE, B)), ((NULLIFY, b""), (NOTARIZE, A))],
)
def test_C8_votes_that_an_honest_member_may_cast_are_not(
    first: tuple[int, bytes], second: tuple[int, bytes]
) -> None:
    node = started()
    assert node.votes(first[0], 1, first[1], of=[2]) + node.votes(second[0], 1, second[1], of=[2]) == []


def test_C8_a_leader_that_proposes_two_blocks_is_reported_and_the_first_is_voted_for() -> None:
    node = started()
    one, other = node.make(1, None, 1), node.make(1, None, 2)
    assert node.receive(1, node.proposal(one)) == [
        "persist block 1, vote notarize 1",
        "broadcast votes notarize 1",
    ]
    assert node.receive(1, node.proposal(other)) == ["evidence notarize 1 and notarize 1 by 1"]
    assert guilty(node.effects, node) == [1]


def test_C8_a_vote_within_a_certificate_is_evidence_too() -> None:
    node = started()
    node.votes(NULLIFY, 1, of=[2])
    block = node.make(1, None, 1)
    lines = node.certificates(certificate([1, 2, 3], FINALIZE, 1, block.digest))
    assert lines == ["evidence nullify 1 and finalize 1 by 2"]


@pytest.mark.parametrize("kind", [NOTARIZE, FINALIZE])
def test_C8_two_certificates_that_contradict_each_other_are_evidence_against_all_who_signed_both(
    kind: int,
) -> None:
    node = started()
    one, other = node.make(1, None, 1), node.make(1, None, 2)
    node.certificates(certificate([1, 2, 3], kind, 1, one.digest))
    lines = node.certificates(certificate([0, 2, 3], kind, 1, other.digest))
    assert guilty(node.effects, node) == [2, 3]
    assert any(line.startswith("halt safety") for line in lines) == (kind == FINALIZE)


def test_C8_a_contradiction_to_a_late_vote_is_evidence_if_both_are_signed() -> None:
    node = Played(0, members=7)
    node.start()
    node.votes(NOTARIZE, 1, A, of=[1, 2, 3, 4, 5])
    node.votes(NOTARIZE, 1, A, of=[6])  # after its certificate: not verified until it matters
    assert node.votes(NOTARIZE, 1, B, of=[6]) == ["evidence notarize 1 and notarize 1 by 6"]


def test_C8_evidence_is_reported_once_a_view_and_bounded_a_member() -> None:
    node = started()
    lines: list[str] = []
    for view in range(1, 20):
        for digest in (A, B, bytes(31) + b"c"):
            lines += node.receive(2, Votes(votes=[vote(2, NOTARIZE, view, digest)]))
    assert len(lines) == EVIDENCE_MAX


def test_C8_equivocating_twins_break_nothing_and_are_proven_guilty() -> None:
    noticed = 0
    for seed in range(10):
        chance = random.Random(seed)
        members = chance.choice([4, 7])
        faults = Faults(loss=chance.choice([0, 0.1]), delay_max_ms=chance.choice([3, 60]))
        twins = (3,) if members == 4 else (3, 5)
        simulation = Simulation(seed, members, faults, twins=twins)
        simulation.start_all()
        for _ in range(10):
            simulation.submit(3)
            simulation.run(simulation.now_ms + 100)
        simulation.heal()
        assert simulation.run(simulation.now_ms + 25_000, simulation.all_final), f"seed {seed}"
        proven = {verify_evidence(evidence, simulation.membership) for evidence in simulation.evidence}
        noticed += bool(proven)  # a twin may be locked by C11 before it can contradict the other
        assert proven <= set(twins), f"seed {seed}: {proven}"
        assert [node.alarms for node in simulation.honest()] == [[]] * (members - len(twins)), f"seed {seed}"
    assert noticed >= 5
