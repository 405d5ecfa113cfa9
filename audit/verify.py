"""Re-verifies a whole exported history, offline: the auditor's main work.

In this order: the directory and its manifest; the genesis and its founders' signatures; then block after
block: canonical bytes, the chain of headers, every certificate (C9), every signature and every rule, the
log root and the state root (by executing the block through `ledger.chain`), and every balance recomputed
the second, naive way; at the end the invariants over the whole state, its root from nothing, all balances
once more, and the totals.

It stops at the first block that is wrong, because nothing after it can be executed, and says where. It
never raises on bad input: whatever the bytes, the answer is a `Report`.
"""

from __future__ import annotations

import gc
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError

from audit import archive, naive
from audit.archive import FRAME_LENGTH, GENESIS, HISTORY, Frames
from audit.certified import CertifiedInvalid, Link, follow, signatures_in
from audit.findings import AuditStopped, Finding, Report
from audit.naive_books import NaiveBooks
from audit.reader import AuditReader
from audit.recomputed import compare_block, compare_state
from audit.workers import verified_ahead, workers_for
from ayni.v1.block_pb2 import BlockBody, Certificate, CertifiedBlock, Header
from ayni.v1.receipt_pb2 import ExportHead
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from ledger.blocks import BlockInvalid, Entry, Executed, UnknownParent
from ledger.chain import Chain
from ledger.genesis import Founding, GenesisInvalid, read_genesis
from ledger.invariants import InvariantBroken, check_state
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.transactions import parse_transactions
from ledger.wire import NotCanonical, check
from proofs import statetree
from proofs.domains import HASH_BYTES, tx_id

Progress = Callable[[int, int], None]
"""Called now and then with (bytes of the history verified, bytes in all)."""

GC_THRESHOLDS = (50_000, 20, 50)
"""Of the cyclic collector, while an audit runs (see `gc.set_threshold`)."""
_WHOLE = "whole transaction"
_FINALIZATION_TAG = b"\x2a"
"""The first byte of a CertifiedBlock's last field; no frame's length begins so."""
_TRANSACTION_FIELD = re.compile(r"transactions\[(\d+)\]\.?(.*)", re.DOTALL)


def verify_export(
    directory: Path | str,
    genesis_hash: bytes,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Report:
    """Audit an export against the genesis hash one trusts; see the module's docstring.

    `workers`: processes that verify signatures ahead; None: as many as are worth while (`audit.workers`).
    """
    audit = _Audit(Path(directory), genesis_hash, progress or (lambda done, total: None), workers)
    try:
        with _few_looks_for_cycles():
            audit.run()
    except AuditStopped as stopped:
        audit.report.findings.append(stopped.finding)
    return audit.report


@contextmanager
def _few_looks_for_cycles() -> Iterator[None]:
    """Lets Python collect cyclic garbage seldom: blocks are tuples by the hundred thousand, none cyclic."""
    usual = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class _Audit:
    """One audit of one export, from front to back."""

    def __init__(self, directory: Path, genesis_hash: bytes, progress: Progress, workers: int | None) -> None:
        self.directory = directory
        self.progress = progress
        self.workers = workers
        self.report = Report(genesis_hash)
        self.founding: Founding
        self.reader: AuditReader
        self.chain: Chain
        self.books: NaiveBooks
        self.link: Link
        self.verified = False
        """Whether a worker has verified every transaction's signatures in the present block."""

    def run(self) -> None:
        """Everything, in order. Raises `AuditStopped` where nothing further can be verified."""
        if not self.directory.is_dir():
            raise AuditStopped(Finding(str(self.directory), "there is no such directory"))
        self.report.findings += archive.check_manifest(self.directory)
        self.founding = self._read_founding()
        try:
            size = os.path.getsize(self.directory / HISTORY)
            stream = archive.open_regular(self.directory / HISTORY)
        except OSError as error:
            raise AuditStopped(Finding(HISTORY, f"it cannot be read: {error.strerror}")) from None
        with stream:
            self._replay(stream, size)
        self._conclude()

    def _read_founding(self) -> Founding:
        data = archive.read_file(self.directory, GENESIS, archive.GENESIS_BYTES_MAX)
        try:
            founding = read_genesis(data)
        except GenesisInvalid as error:
            raise AuditStopped(Finding(GENESIS, str(error))) from None
        if founding.hash != self.report.genesis_hash:
            raise AuditStopped(
                Finding(
                    GENESIS,
                    f"it is of network {founding.hash.hex()}; trusted is {self.report.genesis_hash.hex()}",
                )
            )
        self.report.network = founding.genesis.network
        return founding

    def _replay(self, stream: BinaryIO, size: int) -> None:
        frames = Frames(stream, size)
        bits = self.founding.genesis.state_tree_bits
        self.reader = AuditReader(bits, frames, Chain.founding_records(self.founding))
        self.chain = Chain(self.founding, self.reader, None, self._parse)
        self.books = NaiveBooks(self.founding.genesis, self.reader)
        self.link = Link(self.founding.hash, 0, 0, self.founding.genesis.time_ms, final=True)
        self.report.tip = self.founding.hash
        self.report.time_ms = self.founding.genesis.time_ms
        head = self._verify_frames(frames)
        if head is None:
            raise AuditStopped(Finding(HISTORY, "it is empty; it begins with an ExportHead"))
        if not self.link.final:
            raise AuditStopped(
                Finding(
                    HISTORY, "the last block is not directly final", self.link.height, field="finalization"
                )
            )
        self._compare_head(head)

    def _verify_frames(self, frames: Frames) -> ExportHead | None:
        head: ExportHead | None = None
        done = 0
        try:
            workers = workers_for(frames.size) if self.workers is None else self.workers
            with closing(verified_ahead(iter(frames), self.founding.hash, workers)) as all_verified:
                for frame, self.verified in all_verified:
                    if head is None:
                        head = self._read_head(frame)
                    else:
                        self._verify_block(frame)
                    done += archive.LENGTH_BYTES + len(frame)
                    self.progress(done, frames.size)
        except AuditStopped as stopped:
            if stopped.finding.field == FRAME_LENGTH and self._is_cut_short(frames.rest()):
                text = "it ends the frame before the block's finalisation, which follows"
                finding = Finding(HISTORY, text, self.link.height, field=FRAME_LENGTH)
                raise AuditStopped(finding) from None
            raise
        return head

    def _is_cut_short(self, rest: bytes) -> bool:
        """Whether what follows the last block's frame is its finalisation, which it lacks."""
        if self.link.final or not rest.startswith(_FINALIZATION_TAG) or len(rest) < 3:
            return False
        length, start = rest[1], 2
        if length >= 0x80:  # a varint of two bytes; a certificate has no more than these can say
            length, start = length & 0x7F | rest[2] << 7, 3
        try:
            return Certificate.FromString(rest[start : start + length]).digest == self.link.digest
        except DecodeError:
            return False

    def _read_head(self, frame: bytes) -> ExportHead:
        try:
            head = check(ExportHead, frame)
        except NotCanonical as error:
            raise AuditStopped(Finding(HISTORY, error.reason, field=f"head.{error.path}")) from None
        if head.genesis != self.founding.signed:
            raise AuditStopped(Finding(HISTORY, f"it is not what {GENESIS} holds", field="head.genesis"))
        if len(head.tip) != HASH_BYTES:
            text = f"it has {len(head.tip)} bytes; a digest has {HASH_BYTES}"
            raise AuditStopped(Finding(HISTORY, text, field="head.tip"))
        return head

    def _compare_head(self, head: ExportHead) -> None:
        if head.blocks != self.link.height:
            text = f"it says {head.blocks} blocks, there are {self.link.height}"
            self.report.findings.append(Finding(HISTORY, text, field="head.blocks"))
        if head.tip != self.link.digest:
            text = f"it is {head.tip.hex()}; the last block is {self.link.digest.hex()}"
            self.report.findings.append(Finding(HISTORY, text, field="head.tip"))

    def _verify_block(self, frame: bytes) -> None:
        height = self.link.height + 1
        block, header = _read_block(frame, height)
        try:
            link = follow(self.link, block, header, self.founding.membership)
        except CertifiedInvalid as error:
            if error.field == "notarization.digest":
                self._execute(block, height)  # if a field of the header is wrong, this names it
            raise AuditStopped(Finding(HISTORY, error.reason, height, field=error.field)) from None
        executed = self._execute(block, height)
        touched = dict(executed.overlay.writes)
        for final in self.chain.finalise(link.digest):
            self.reader.advance(final)
            self._recompute(height, header, final.entries)
        self.report.findings += compare_block(self.books, touched, height)
        if self.report.findings and self.report.findings[-1].height == height:
            raise AuditStopped(self.report.findings.pop())
        self._count(link, header, block, executed.entries)

    def _execute(self, block: CertifiedBlock, height: int) -> Executed:
        """Re-execute a block. Raises `AuditStopped`."""
        try:
            return self.chain.check(block.header, block.body)
        except BlockInvalid as error:
            raise AuditStopped(_locate(error, block.body, height, self.founding.hash)) from None
        except UnknownParent as error:
            raise AuditStopped(Finding(HISTORY, str(error), height, field="header.parent")) from None

    def _parse(self, raws: Sequence[bytes]) -> list[ParsedTransaction | Refusal]:
        return parse_transactions(raws, self.founding.hash, verified=self.verified)

    def _recompute(self, height: int, header: Header, entries: list[Entry]) -> None:
        naive.begin_block(self.books, height, header.time_ms)
        for index, entry in enumerate(entries):
            body = Body.FromString(SignedTransaction.FromString(entry.tx.raw).body)
            fault = naive.apply(self.books, entry.log_index, entry.tx.tx_id, body, entry.result)
            if fault is not None:
                field, message = fault
                raise AuditStopped(Finding(HISTORY, message, height, index, entry.tx.tx_id, field))

    def _count(self, link: Link, header: Header, block: CertifiedBlock, entries: list[Entry]) -> None:
        report = self.report
        self.link = link
        report.blocks = link.height
        report.finalizations += link.final
        report.tip = link.digest
        report.time_ms = link.time_ms
        report.state_root = header.state_root
        report.transactions += len(entries)
        report.signatures += signatures_in(block)
        for entry in entries:
            report.signatures += len(entry.tx.signers)
            report.settlements += entry.tx.kind == "close_period"

    def _conclude(self) -> None:
        """What is checked once, over the whole."""
        report = self.report
        totals = {
            "genesis": report.genesis_hash.hex(),
            "blocks": report.blocks,
            "transactions": report.transactions,
            "tip": report.tip.hex(),
        }
        report.findings += archive.check_manifest_totals(self.directory, totals)
        height = self.link.height
        values = self.reader.values
        report.records = len(values)
        try:
            check_state(values.items())
        except InvariantBroken as error:
            report.findings.append(Finding(HISTORY, f"an invariant is broken: {error}", height))
        root = _root_from_nothing(values, self.founding.genesis.state_tree_bits)
        if height and root != report.state_root:
            text = f"it is {report.state_root.hex()}; hashing every record anew gives {root.hex()}"
            report.findings.append(Finding(HISTORY, text, height, field="header.state_root"))
        findings, counts = compare_state(self.books, values, height)
        report.findings += findings
        report.balances_credit, report.balances_dues, report.balances_entitlements = counts


def _read_block(frame: bytes, height: int) -> tuple[CertifiedBlock, Header]:
    """Return a frame's block and header. Raises `AuditStopped`."""
    prefix = ""
    try:
        block = check(CertifiedBlock, frame)
        prefix = "header."
        header = check(Header, block.header)
    except NotCanonical as error:
        field = f"{prefix}{error.path}".rstrip(".") or "frame"
        raise AuditStopped(Finding(HISTORY, error.reason, height, field=field)) from None
    return block, header


def _locate(error: BlockInvalid, body: bytes, height: int, genesis_hash: bytes) -> Finding:
    """Return where in a block the rules found something: the transaction if there is one, and the field."""
    match = _TRANSACTION_FIELD.fullmatch(error.field)
    if match is not None:
        index = int(match[1])
        return Finding(HISTORY, error.reason, height, index, _tx_id_in(body, index), match[2] or _WHOLE)
    if error.field == "body_hash":
        return _locate_in_body(error, body, height, genesis_hash)
    in_body = error.field.startswith(("body", "transactions"))
    return Finding(HISTORY, error.reason, height, field=error.field if in_body else f"header.{error.field}")


def _locate_in_body(error: BlockInvalid, body: bytes, height: int, genesis_hash: bytes) -> Finding:
    """Return what is wrong with a body that is not the one that was certified, as near as can be said."""
    reason = f"{error.reason} that the header names"
    try:
        transactions = check(BlockBody, body).transactions
    except NotCanonical as fault:
        return Finding(HISTORY, f"{reason}: {fault.reason}", height, field=f"body.{fault.path}".rstrip("."))
    for index, refusal in enumerate(parse_transactions(transactions, genesis_hash)):
        if isinstance(refusal, Refusal):
            text = f"{refusal.name}: {refusal.message}"
            return Finding(HISTORY, text, height, index, _tx_id_in(body, index), refusal.field or _WHOLE)
    return Finding(HISTORY, reason, height, field="header.body_hash")


def _tx_id_in(body: bytes, index: int) -> bytes | None:
    """Return the id of a transaction in a body, if its envelope can be read at all."""
    try:
        transactions = check(BlockBody, body).transactions
        return tx_id(check(SignedTransaction, transactions[index]).body)
    except (NotCanonical, IndexError):
        return None


def _root_from_nothing(values: dict[bytes, bytes], bits: int) -> bytes:
    """Return the state root, by hashing every record, bucket and node once."""
    buckets: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for key, value in values.items():
        key_hash = statetree.key_hash(key)
        buckets[statetree.bucket_of(key_hash, bits)].append((key_hash, statetree.value_hash(value)))
    hashes = ((index, statetree.bucket_hash(sorted(each))) for index, each in buckets.items())
    return statetree.levels(statetree.bucket_hashes(hashes, bits), bits)[-1]
