"""Real objects to begin from: a small history in which everything occurs, and files of every kind."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    BlockBody,
    CertifiedBlock,
    Header,
)
from ayni.v1.receipt_pb2 import StateProof
from ayni.v1.transaction_pb2 import SignedTransaction
from ledger import records
from proofs import statetree
from proofs.evidence import make_evidence
from tests.audit.history import SHARES, History
from tests.audit.year import CADIAI, GINO, MARIA, year
from tests.vectors.founding import canonical, vote


@cache
def history() -> History:
    """A year in which every type of transaction occurs."""
    return year()


@cache
def directory() -> Path:
    """A directory that is gone when the process ends."""
    path = Path(tempfile.mkdtemp(prefix="ayni-fuzz-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def transactions() -> tuple[bytes, ...]:
    """SignedTransaction bytes, one or more of every type."""
    return tuple(entry.tx.raw for final in history().finals for entry in final.entries)


@cache
def bodies() -> tuple[bytes, ...]:
    """Body bytes of these."""
    return tuple(SignedTransaction.FromString(raw).body for raw in transactions())


@cache
def blocks() -> tuple[CertifiedBlock, ...]:
    """Every certified block."""
    return tuple(history().blocks)


@cache
def headers_and_bodies() -> tuple[tuple[bytes, bytes], ...]:
    """(header, body) of every block."""
    return tuple((block.header, block.body) for block in blocks())


@cache
def genesis() -> bytes:
    """The signed genesis."""
    return canonical(history().signed)


@cache
def receipts() -> tuple[bytes, ...]:
    """Receipts of the first, one in the middle, and the last transaction."""
    last = len(transactions()) - 1
    return tuple(canonical(history().receipt(index)) for index in (0, last // 2, last))


@cache
def state_keys() -> tuple[bytes, ...]:
    """Keys of records of every family, and of one that is absent."""
    keys: dict[bytes, bytes] = {}
    for key in history().reader.values:
        keys.setdefault(key[:2], key)
    return (*keys.values(), records.account_key("emilia/nobody"))


@cache
def state_proofs() -> tuple[bytes, ...]:
    """A proof of one record of every family, and of an absence."""
    return tuple(canonical(state_proof(key)) for key in state_keys())


def state_proof(key: bytes) -> StateProof:
    """The proof of one record against the last block."""
    chain, last, reader = history().chain, blocks()[-1], history().reader
    hashed = statetree.key_hash(key)
    index = statetree.bucket_of(hashed, chain.tree.bits)
    value = reader.get(key)
    return StateProof(
        genesis=history().signed,
        key=key,
        value=value or b"",
        absent=value is None,
        bucket=[entry for entry in chain.tree.entries(index) if entry[:32] != hashed],
        path=chain.tree.path(index),
        header=last.header,
        finalization=last.finalization,
    )


@cache
def evidence() -> tuple[bytes, ...]:
    """Evidence of each of the three kinds."""
    signed, first, second = history().signed, bytes([1]) * 32, bytes([2]) * 32
    pairs = (
        (
            vote(signed, 1, 9, VOTE_KIND_NOTARIZE, first),
            vote(signed, 1, 9, VOTE_KIND_NOTARIZE, second),
        ),
        (
            vote(signed, 2, 9, VOTE_KIND_FINALIZE, first),
            vote(signed, 2, 9, VOTE_KIND_FINALIZE, second),
        ),
        (vote(signed, 3, 9, VOTE_KIND_NULLIFY), vote(signed, 3, 9, VOTE_KIND_FINALIZE, first)),
    )
    return tuple(canonical(make_evidence(history().hash, *pair)) for pair in pairs)


@cache
def export() -> Path:
    """The exported history."""
    return history().export(directory() / "export")


def block_body(number: int) -> BlockBody:
    """The body of one block."""
    return BlockBody.FromString(blocks()[number].body)


def header(number: int) -> Header:
    """The header of one block."""
    return Header.FromString(blocks()[number].header)


NAMES = (CADIAI, MARIA, GINO, SHARES)
