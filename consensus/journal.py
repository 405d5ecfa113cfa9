"""What must survive a crash: the records of the consensus journal, and what they restore.

Own votes, the certificates relied on, and the blocks voted for, each under a key that begins with its
kind and view. A record is queued when it comes up and leaves with the next batch that holds a vote, so
that every vote on disk has all it relied on beside it, and one sync serves a whole step. Never decides
what to vote. Spec: docs/protocol.md, C7.

| key | value |
| --- | --- |
| `b` view (8) digest (32) | CertifiedBlock: header, body and nullifications of a block voted for |
| `c` view (8) kind (1) | Certificate |
| `l` | UTF-8: why voting is locked (C11) |
| `v` view (8) kind (1) | Vote, our own |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from ayni.v1.block_pb2 import Certificate, CertifiedBlock, Vote
from consensus.blocks import Block, certified
from proofs.certificates import KIND_WORDS
from proofs.domains import block_digest

BLOCK = b"b"
CERTIFICATE = b"c"
LOCK = b"l"
VOTE = b"v"


class JournalDamaged(Exception):
    """A record is not what this program wrote. The node must not vote on such a disk."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the disk holds when the machine is made."""

    tip: CertifiedBlock | None
    """The last block of the last `Commit`, with its certificates; None while there is only the genesis."""
    records: Mapping[bytes, bytes]
    """Every journal record that was put and not forgotten."""


@dataclass(slots=True)
class Recovered:
    """What the records say, ascending by view."""

    votes: list[Vote] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    blocks: list[CertifiedBlock] = field(default_factory=list)
    lock: str = ""


class Journal:
    """Queues records, and knows which are on disk."""

    def __init__(self, records: Mapping[bytes, bytes], *, has_peers: bool) -> None:
        self._has_peers = has_peers
        self._queued: dict[bytes, bytes] = {}
        self._stored = set(records)
        self._urgent = False
        self._final_view = 0

    def put_vote(self, vote: Vote) -> None:
        """Queue our own vote; the step's batch is written before anything of the step is sent."""
        self._put(_key(VOTE, vote.view, vote.kind), vote.SerializeToString())
        self._urgent = True

    def put_certificate(self, certificate: Certificate) -> None:
        """Queue a certificate; it leaves with the next vote."""
        self._put(_key(CERTIFICATE, certificate.view, certificate.kind), certificate.SerializeToString())

    def put_block(self, block: Block) -> None:
        """Queue a block that is voted for."""
        key = BLOCK + block.view.to_bytes(8) + block.digest
        self._put(key, certified(block, None, None).SerializeToString())

    def put_lock(self, reason: str) -> None:
        """Queue the lock of our voting (C11)."""
        self._put(LOCK, reason.encode())
        self._urgent = True

    def batch(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return what must be durable before this step's messages leave; empty if they need nothing.

        Nothing leaves a network of one member: there, what a step makes final needs no record.
        """
        if not self._urgent or not self._queued:
            return ()
        records = tuple(sorted(self._queued.items()))
        self._stored.update(key for key in self._queued if _view_of(key) > self._final_view)
        self._queued.clear()
        self._urgent = False
        return records

    def forget(self, view: int) -> tuple[bytes, ...]:
        """Return the keys to delete of views up to `view`, which is final.

        A vote of this step is still written first: it leaves before the block is committed (C7).
        """

        def over(key: bytes) -> bool:
            return key != LOCK and _view_of(key) <= view

        self._final_view = view
        if self._urgent and self._has_peers:
            self._stored.update(self._queued)  # `batch` writes them ahead of the commit
        else:
            self._queued = {key: value for key, value in self._queued.items() if not over(key)}
        keys = sorted(key for key in self._stored if over(key))
        self._stored.difference_update(keys)
        return tuple(keys)

    def _put(self, key: bytes, value: bytes) -> None:
        self._queued[key] = value


def recover(records: Mapping[bytes, bytes]) -> Recovered:
    """Return what the records hold. Raises `JournalDamaged`, naming the record."""
    recovered = Recovered()
    for key in sorted(records, key=lambda key: (key[:1], key[1:9])):
        value = records[key]
        try:
            if key == LOCK:
                expected, recovered.lock = LOCK, value.decode()
            elif key[:1] == VOTE:
                vote = Vote.FromString(value)
                expected = _key(VOTE, vote.view, vote.kind)
                recovered.votes.append(vote)
            elif key[:1] == CERTIFICATE:
                certificate = Certificate.FromString(value)
                expected = _key(CERTIFICATE, certificate.view, certificate.kind)
                recovered.certificates.append(certificate)
            elif key[:1] == BLOCK:
                block = CertifiedBlock.FromString(value)
                expected = key[:9] + block_digest(block.header)
                recovered.blocks.append(block)
            else:
                raise JournalDamaged(f"the consensus journal has a record of unknown kind: {key.hex()}")
        except (DecodeError, UnicodeDecodeError):
            expected = b""
        if key != expected:
            raise JournalDamaged(
                f"the consensus journal's record {key.hex()} ({len(value)} bytes) is not what was written: "
                "check the disk, and run `ayni node doctor` before this node votes again"
            )
    return recovered


def _key(record: bytes, view: int, kind: int) -> bytes:
    if kind not in KIND_WORDS:
        return b""  # nobody votes so: no record has this key
    return record + view.to_bytes(8) + kind.to_bytes(1)


def _view_of(key: bytes) -> int:
    return int.from_bytes(key[1:9])
