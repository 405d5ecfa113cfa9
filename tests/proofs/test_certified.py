"""Certificates, evidence, receipts and state proofs, case by case from the vectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    Evidence,
    Vote,
)
from ayni.v1.genesis_pb2 import SignedGenesis
from ayni.v1.receipt_pb2 import Receipt, StateProof
from ayni.v1.transaction_pb2 import Body
from proofs.certificates import CertificateInvalid, verify_certificate, verify_vote
from proofs.domains import tx_id
from proofs.evidence import EvidenceInvalid, conflict, make_evidence, verify_evidence
from proofs.membership import membership_of
from proofs.receipts import ReceiptInvalid, verify_receipt, verify_state_proof
from tests.vectors.founding import genesis, sign_genesis, vote
from tests.vectors.make_certified import A, B, founding
from tests.vectors.reading import load, named

CERTIFICATES = load("certificates")
EVIDENCE = load("evidence")
RECEIPTS = load("receipts")
STATE_PROOFS = load("state_proofs")

CERTIFICATE_WORDS = {
    "two signatures of four members": "needs exactly 3, a quorum of 4",
    "more than a quorum": "has 4 signatures; it needs exactly 3",
    "not ascending": "not ascending by member",
    "one member twice": "not ascending by member, each once",
    "view 0": "counted from 1",
    "no kind": "no vote is of kind 0",
    "short digest": "has 32 bytes, not 31",
    "nullify with a digest": "has 0 bytes, not 32",
    "epoch 1": "there is only epoch 0",
    "a member that is none": "there is no member 4; there are 4",
}
RECEIPT_WORDS = {
    "another transaction": "inclusion_path: .* leads to",
    "a forged signature": r"transaction.signatures\[0\]: .* does not verify",
    "a result that was not logged": "inclusion_path: .* leads to",
    "an index beyond the log": "no leaf 11 in a log of 11",
    "a path cut short": "too short",
    "a path too long": "too long",
    "another header": "finalization: the certificate is of another header",
    "no header": "another header",
    "no certificate": "finalization: no vote is of kind 0",
    "a notarization only": "not of kind finalize",
    "of another network": "genesis: it is of network .*, not of",
    "no founder's signature": "andes signed with 0 of the 1 decision keys it needs",
}


@pytest.mark.parametrize("case", **named(CERTIFICATES["cases"]))
def test_certificate_is_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    membership = membership_of(SignedGenesis.FromString(bytes.fromhex(CERTIFICATES["genesis"])))
    certificate = Certificate.FromString(bytes.fromhex(case["certificate"]))
    if case["valid"]:
        verify_certificate(certificate, membership)
    else:
        with pytest.raises(CertificateInvalid, match=CERTIFICATE_WORDS.get(case["name"], "does not verify")):
            verify_certificate(certificate, membership)


@pytest.mark.parametrize("case", **named(EVIDENCE["cases"]))
def test_evidence_is_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    membership = membership_of(SignedGenesis.FromString(bytes.fromhex(EVIDENCE["genesis"])))
    evidence = Evidence.FromString(bytes.fromhex(case["evidence"]))
    if case["valid"]:
        assert case["member"] == verify_evidence(evidence, membership)
        assert evidence == make_evidence(evidence.genesis_hash, evidence.second, evidence.first)
    else:
        with pytest.raises(EvidenceInvalid, match=r"may sign both|comes first|of network|first: |second: "):
            verify_evidence(evidence, membership)


@pytest.mark.parametrize("case", **named(RECEIPTS["cases"]))
def test_receipt_is_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    receipt = Receipt.FromString(bytes.fromhex(case["receipt"]))
    trusted = bytes.fromhex(RECEIPTS["genesis_hash"])
    if case["valid"]:
        verified = verify_receipt(receipt, trusted)
        body = bytes.fromhex(RECEIPTS["body"])
        assert tx_id(body) == verified.tx_id
        assert Body.FromString(body) == verified.body
        assert [RECEIPTS[name] for name in ("height", "time_ms", "log_index")] == [
            verified.height,
            verified.time_ms,
            verified.log_index,
        ]
    else:
        with pytest.raises(
            ReceiptInvalid, match=RECEIPT_WORDS.get(case["name"], r"path|finalization|header")
        ):
            verify_receipt(receipt, trusted)


@pytest.mark.parametrize("case", **named(STATE_PROOFS["cases"]))
def test_state_proof_is_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    proof = StateProof.FromString(bytes.fromhex(case["proof"]))
    trusted = bytes.fromhex(STATE_PROOFS["genesis_hash"])
    if case["valid"]:
        record = verify_state_proof(proof, trusted)
        value = None if case["value"] is None else bytes.fromhex(case["value"])
        assert (bytes.fromhex(case["key"]), value) == (record.key, record.value)
        assert STATE_PROOFS["height"] == record.height
    else:
        with pytest.raises(ReceiptInvalid, match=r"path: |bucket\[|value: |finalization: "):
            verify_state_proof(proof, trusted)


def test_vote_of_another_member_does_not_verify() -> None:
    signed = founding()
    stolen = vote(signed, 1, 3, VOTE_KIND_NOTARIZE, A)
    stolen.member = 2

    with pytest.raises(CertificateInvalid, match=r"the signature of member 2 \(japan\) does not verify"):
        verify_vote(stolen, membership_of(signed))


def test_vote_is_bound_to_its_network() -> None:
    foreign = vote(sign_genesis(genesis(bits=7)), 1, 3, VOTE_KIND_NULLIFY)

    with pytest.raises(CertificateInvalid, match=r"the signature of member 1 \(emilia\) does not verify"):
        verify_vote(foreign, membership_of(founding()))


HONEST = st.sampled_from(
    [
        # In one view an honest member signs one of these sequences, and nothing else (C2, C3, C4).
        [(VOTE_KIND_NOTARIZE, A), (VOTE_KIND_FINALIZE, A)],
        [(VOTE_KIND_NOTARIZE, A), (VOTE_KIND_FINALIZE, B)],
        [(VOTE_KIND_NOTARIZE, A), (VOTE_KIND_NULLIFY, b"")],
        [(VOTE_KIND_NULLIFY, b"")],
        [(VOTE_KIND_FINALIZE, B)],
    ]
)


@given(st.lists(HONEST, min_size=1, max_size=4), st.data())
def test_no_two_votes_of_an_honest_member_conflict(views: list[Any], data: st.DataObject) -> None:
    votes = [
        Vote(view=view, kind=kind, digest=digest, member=1)
        for view, signed in enumerate(views, 1)
        for kind, digest in signed
    ]
    first, second = data.draw(st.sampled_from(votes)), data.draw(st.sampled_from(votes))

    assert not conflict(first, second)
    with pytest.raises(EvidenceInvalid, match="an honest member may sign both"):
        make_evidence(A, first, second)
