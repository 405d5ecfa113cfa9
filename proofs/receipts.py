"""Receipts and proofs of state records: files that stand alone, given only the genesis hash.

Decides whether a transaction is in the log with a result, and whether a state record has a value or is
absent, according to a quorum of the members that the genesis names. Never re-executes a rule: a receipt
is as good as the quorum that signed it. Vectors: tests/vectors/receipts.json.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, Certificate, Header, LogEntry
from ayni.v1.genesis_pb2 import SignedGenesis
from ayni.v1.receipt_pb2 import Receipt, StateProof
from ayni.v1.result_pb2 import Result
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from proofs import statetree
from proofs.certificates import CertificateInvalid, verify_certificate
from proofs.domains import HASH_BYTES, block_digest, transaction_message, tx_id
from proofs.membership import Membership, MembershipInvalid, membership_of
from proofs.merkle import ProofInvalid, leaf_hash, verify_inclusion
from proofs.parsing import NotParsed, parse
from proofs.signing import SignatureInvalid, verify

GENESES_REMEMBERED_MAX = 8
CERTIFICATES_REMEMBERED_MAX = 64
"""What was verified is remembered by its bytes: so many of each. What failed is not."""


class ReceiptInvalid(ValueError):
    """A receipt or a state proof does not prove what it says. The message begins with the field at fault."""


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves."""

    tx_id: bytes
    height: int
    """Of the directly final block that certifies it: the transaction's own, or a later one."""
    time_ms: int
    """That block's time, Unix milliseconds."""
    log_index: int
    """The transaction's position in the log, from 0."""
    result: Result
    body: Body


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """What a state proof proves."""

    key: bytes
    value: bytes | None
    """The record's canonical bytes, or None: there is no such record."""
    height: int
    """Of the directly final block after which this held."""
    time_ms: int
    state_root: bytes


def verify_receipt(receipt: Receipt, genesis_hash: bytes) -> VerifiedReceipt:
    """Check a receipt against the hash of the genesis one trusts. Raises `ReceiptInvalid`."""
    membership = _membership(receipt.genesis, genesis_hash)
    header = _final_header(receipt.header, receipt.finalization, membership)
    try:
        transaction = parse(SignedTransaction, receipt.transaction, "transaction")
        body = parse(Body, transaction.body, "transaction.body")
        result = parse(Result, receipt.result, "result")
    except NotParsed as error:
        raise ReceiptInvalid(str(error)) from None
    message = transaction_message(genesis_hash, transaction.body)
    for position, signature in enumerate(transaction.signatures):
        try:
            verify(signature.public_key, message, signature.signature)
        except SignatureInvalid as error:
            raise ReceiptInvalid(f"transaction.signatures[{position}]: {error}") from None
    entry = LogEntry(transaction=receipt.transaction, result=receipt.result)
    leaf = leaf_hash(entry.SerializeToString(deterministic=True))
    try:
        verify_inclusion(leaf, receipt.log_index, header.log_size, receipt.inclusion_path, header.log_root)
    except ProofInvalid as error:
        raise ReceiptInvalid(f"inclusion_path: {error}") from None
    return VerifiedReceipt(
        tx_id(transaction.body), header.height, header.time_ms, receipt.log_index, result, body
    )


def verify_state_proof(proof: StateProof, genesis_hash: bytes) -> VerifiedRecord:
    """Check the proof of one state record against the genesis hash one trusts. Raises `ReceiptInvalid`."""
    membership = _membership(proof.genesis, genesis_hash)
    header = _final_header(proof.header, proof.finalization, membership)
    bits = membership.state_tree_bits
    own = statetree.key_hash(proof.key)
    bucket = statetree.bucket_of(own, bits)
    entries = _bucket_entries(proof, own, bucket, bits)
    if proof.absent:
        if proof.value:
            raise ReceiptInvalid("value: a record that is absent has no value")
    else:
        position = bisect_left(entries, (own,))
        entries.insert(position, (own, statetree.value_hash(proof.value)))
    try:
        root = statetree.root_from_path(bucket, statetree.bucket_hash(entries), proof.path, bits)
    except ValueError as error:
        raise ReceiptInvalid(f"path: {error}") from None
    if root != header.state_root:
        raise ReceiptInvalid(
            f"path: it leads to {root.hex()}, not to the state root {header.state_root.hex()}"
        )
    value = None if proof.absent else proof.value
    return VerifiedRecord(proof.key, value, header.height, header.time_ms, root)


def _bucket_entries(proof: StateProof, own: bytes, bucket: int, bits: int) -> list[tuple[bytes, bytes]]:
    entries: list[tuple[bytes, bytes]] = []
    for position, entry in enumerate(proof.bucket):
        if len(entry) != 2 * HASH_BYTES:
            raise ReceiptInvalid(f"bucket[{position}]: an entry has {2 * HASH_BYTES} bytes, not {len(entry)}")
        key = entry[:HASH_BYTES]
        if key == own:
            raise ReceiptInvalid(f"bucket[{position}]: the record's own entry does not belong here")
        if statetree.bucket_of(key, bits) != bucket:
            raise ReceiptInvalid(f"bucket[{position}]: the entry is of another bucket")
        if entries and entries[-1][0] >= key:
            raise ReceiptInvalid(f"bucket[{position}]: the entries are not ascending by key hash")
        entries.append((key, entry[HASH_BYTES:]))
    return entries


def _membership(genesis: SignedGenesis, genesis_hash: bytes) -> Membership:
    try:
        membership = _founded(genesis.SerializeToString(deterministic=True))
    except MembershipInvalid as error:
        raise ReceiptInvalid(f"genesis: {error}") from None
    if membership.genesis_hash != genesis_hash:
        raise ReceiptInvalid(
            f"genesis: it is of network {membership.genesis_hash.hex()}, not of {genesis_hash.hex()}"
        )
    return membership


@lru_cache(GENESES_REMEMBERED_MAX)
def _founded(genesis_bytes: bytes) -> Membership:
    """The membership of a genesis; receipts of one network carry the same. Raises `MembershipInvalid`."""
    return membership_of(SignedGenesis.FromString(genesis_bytes))


@lru_cache(CERTIFICATES_REMEMBERED_MAX)
def _certified(certificate_bytes: bytes, membership: Membership) -> None:
    """Check a certificate; receipts of one block carry the same one. Raises `CertificateInvalid`."""
    verify_certificate(Certificate.FromString(certificate_bytes), membership)


def _final_header(header_bytes: bytes, finalization: Certificate, membership: Membership) -> Header:
    try:
        header = parse(Header, header_bytes, "header")
        _certified(finalization.SerializeToString(deterministic=True), membership)
    except NotParsed as error:
        raise ReceiptInvalid(str(error)) from None
    except CertificateInvalid as error:
        raise ReceiptInvalid(f"finalization: {error}") from None
    if finalization.kind != VOTE_KIND_FINALIZE:
        raise ReceiptInvalid("finalization: the certificate is not of kind finalize")
    if finalization.digest != block_digest(header_bytes):
        raise ReceiptInvalid("finalization: the certificate is of another header")
    if (finalization.epoch, finalization.view) != (header.epoch, header.view):
        raise ReceiptInvalid("finalization: the certificate is of another view than the header")
    return header
