"""Files of proof that stand alone: receipts, proofs of a state record, evidence.

Decides whether every byte of a file is as it must be and whether it proves what it says, to someone who
trusts a genesis and nobody else. What a receipt proves is defined in proofs/receipts.py, what is evidence
in proofs/evidence.py; the strict reader is in ledger/wire.py. Never raises on bad input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from audit.archive import read_file
from audit.findings import AuditStopped, Finding
from ayni.v1.block_pb2 import Evidence, EvidenceList, Header
from ayni.v1.genesis_pb2 import SignedGenesis
from ayni.v1.receipt_pb2 import Receipt, StateProof
from ayni.v1.result_pb2 import Result
from ledger.genesis import GenesisInvalid, read_genesis
from ledger.refusals import Refusal
from ledger.transactions import parse_transaction
from ledger.wire import NotCanonical, check, look_over
from proofs import domains
from proofs.certificates import KIND_WORDS
from proofs.density import LEDGER_PARTS_FREE, PARTS_FREE, TooManyParts
from proofs.evidence import EvidenceInvalid, verify_evidence
from proofs.membership import Membership, MembershipInvalid, membership_of
from proofs.receipts import (
    ReceiptInvalid,
    VerifiedReceipt,
    VerifiedRecord,
    verify_receipt,
    verify_state_proof,
)

M = TypeVar("M", bound=Message)

FILE_BYTES_MAX = 16 << 20
_EVIDENCE_LIST_TAG = b"\x22"
"""Field 4, length-delimited; an Evidence begins with its field 1."""


@dataclass(frozen=True, slots=True)
class Guilty:
    """A member that is proven guilty, and by what."""

    member: int
    name: str
    evidence: Evidence

    @property
    def votes(self) -> str:
        """What it signed in one view, in words: "notarize and finalize"."""
        return " and ".join(KIND_WORDS[vote.kind] for vote in (self.evidence.first, self.evidence.second))

    @property
    def view(self) -> int:
        """The view."""
        return self.evidence.first.view


@dataclass(slots=True)
class FileReport:
    """What a file proves, or what is wrong with it."""

    findings: list[Finding] = field(default_factory=list)
    receipt: VerifiedReceipt | None = None
    """When the file is a receipt."""
    record: VerifiedRecord | None = None
    """When it is the proof of a state record."""
    guilty: list[Guilty] = field(default_factory=list)
    """When it is evidence: against whom."""
    network: str = ""
    """Name of the network, from the genesis."""

    @property
    def ok(self) -> bool:
        """Whether the file proves what it says."""
        return not self.findings


def verify_receipt_file(path: Path | str, genesis_hash: bytes) -> FileReport:
    """Verify a receipt, or the proof of a state record, against the genesis hash one trusts."""
    path = Path(path)
    report = FileReport()
    try:
        data = _read(path)
        message = _receipt_or_proof(data, path.name)
        _check_network(message.genesis, genesis_hash)
        if isinstance(message, Receipt):
            _check_receipt_bytes(message, genesis_hash)
            report.receipt = verify_receipt(message, genesis_hash)
        else:
            check(Header, message.header)
            report.record = verify_state_proof(message, genesis_hash)
        founding = read_genesis(message.genesis.SerializeToString(deterministic=True))
        report.network = founding.genesis.network
    except AuditStopped as stopped:
        report.findings.append(stopped.finding)
    except NotCanonical as error:
        report.findings.append(Finding(path.name, error.reason, field=error.path))
    except TooManyParts as error:
        report.findings.append(Finding(path.name, f"what is in it {error}"))
    except (ReceiptInvalid, GenesisInvalid) as error:
        report.findings.append(Finding(path.name, str(error)))
    if report.findings:
        report.receipt = report.record = None
    return report


def verify_evidence_file(path: Path | str, genesis: SignedGenesis | None) -> FileReport:
    """Verify evidence against one member or several, by the genesis one trusts.

    Evidence does not carry the members' keys, so that a genesis hash alone is not enough; `genesis` None
    gives a finding that says so.
    """
    path = Path(path)
    report = FileReport()
    try:
        listed = _evidence_in(_read(path))
        report.guilty = guilty_of(listed, _membership(genesis, path.name))
    except AuditStopped as stopped:
        report.findings.append(stopped.finding)
    except NotCanonical as error:
        text = f"the bytes are no evidence: {error.reason}"
        report.findings.append(Finding(path.name, text, field=error.path))
    except TooManyParts as error:
        report.findings.append(Finding(path.name, f"what is in it {error}"))
    except EvidenceInvalid as error:
        report.findings.append(Finding(path.name, str(error)))
    return report


def guilty_of(listed: Sequence[Evidence], membership: Membership) -> list[Guilty]:
    """Return whom evidence proves guilty; one each, ascending by member. Raises `EvidenceInvalid`."""
    guilty: list[Guilty] = []
    for position, evidence in enumerate(listed):
        try:
            member = verify_evidence(evidence, membership)
        except EvidenceInvalid as error:
            if len(listed) == 1:
                raise
            raise EvidenceInvalid(f"evidence[{position}]: {error}") from None
        if guilty and guilty[-1].member >= member:
            raise EvidenceInvalid(f"evidence[{position}]: not ascending by member, one each")
        guilty.append(Guilty(member, membership.members[member].name, evidence))
    return guilty


def _read(path: Path) -> bytes:
    """The bytes of a file that is not empty. Raises `AuditStopped`."""
    data = read_file(path.parent, path.name, FILE_BYTES_MAX)
    if not data:
        raise AuditStopped(Finding(path.name, "it is empty"))
    return data


def _evidence_in(data: bytes) -> Sequence[Evidence]:
    """Return what the file holds: an Evidence, or an EvidenceList, which alone has a field 4."""
    if data[:1] != _EVIDENCE_LIST_TAG:
        return [_check(Evidence, data)]
    return _check(EvidenceList, data).evidence


def _check(message_class: type[M], data: bytes, free: int = PARTS_FREE) -> M:
    """The message in canonical bytes, looked over first. Raises `NotCanonical`, `TooManyParts`."""
    look_over(message_class, data, free)
    return check(message_class, data)


def _membership(genesis: SignedGenesis | None, name: str) -> Membership:
    if genesis is None:
        text = (
            "evidence names members by index, and their keys are in the genesis: give the genesis file, "
            "not its hash"
        )
        raise AuditStopped(Finding(name, text))
    try:
        return membership_of(genesis)
    except MembershipInvalid as error:
        raise AuditStopped(Finding("genesis", str(error))) from None


def _receipt_or_proof(data: bytes, name: str) -> Receipt | StateProof:
    """Return what the file is. Only a StateProof has a field 8, and it always has."""
    try:
        return _check(Receipt, data)
    except NotCanonical as error:
        fault = error
    try:
        return _check(StateProof, data)
    except NotCanonical:
        text = f"the bytes are neither a receipt nor the proof of a state record: {fault.reason}"
        raise AuditStopped(Finding(name, text, field=fault.path)) from None


def _check_network(genesis: SignedGenesis, trusted: bytes) -> None:
    """Said first, and before anything of it is read: of another network nothing else is right either."""
    own = domains.genesis_hash(genesis.body)
    if own != trusted:
        raise ReceiptInvalid(f"genesis: it is of network {own.hex()}, not of {trusted.hex()}")


def _check_receipt_bytes(receipt: Receipt, genesis_hash: bytes) -> None:
    """Check the messages inside a receipt, by the rules that a validator applies (T1, T3)."""
    parsed = parse_transaction(receipt.transaction, genesis_hash)
    if isinstance(parsed, Refusal):
        field_name = f"transaction.{parsed.field}".rstrip(".")
        raise NotCanonical(field_name, f"{parsed.name}: {parsed.message}")
    inner: list[tuple[str, type[Message], bytes]] = [
        ("result", Result, receipt.result),
        ("header", Header, receipt.header),
    ]
    for name, message_class, data in inner:
        try:
            _check(message_class, data, LEDGER_PARTS_FREE)
        except NotCanonical as error:
            raise NotCanonical(f"{name}.{error.path}".rstrip("."), error.reason) from None
