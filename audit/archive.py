"""The export directory: a history that anyone can verify, in three files.

    genesis.bin     the canonical SignedGenesis
    history.bin     frames, each a 4-byte big-endian length and a canonical message: one ExportHead, then a
                    CertifiedBlock for each height from 1 up to a directly final one
    manifest.json   format, genesis hash, counts, and length and SHA-256 of the two files above

Every byte has one valid value; whatever is not as said here is a finding. Decides the form of the
directory; never what the blocks mean: verify.py does. Also writes it, for `ayni export`.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from google.protobuf.message import Message

from audit.findings import AuditStopped, Finding
from ayni.v1.block_pb2 import CertifiedBlock, Header
from ayni.v1.genesis_pb2 import SignedGenesis
from ayni.v1.receipt_pb2 import ExportHead
from ledger.wire import NotCanonical, look_over
from proofs.density import TooManyParts
from proofs.domains import block_digest, genesis_hash

FORMAT = "ayni-export/1"
GENESIS = "genesis.bin"
HISTORY = "history.bin"
MANIFEST = "manifest.json"
FILES = (GENESIS, HISTORY, MANIFEST)

FRAME_LENGTH = "frame length"
"""In findings: the four bytes before a frame."""

LENGTH_BYTES = 4
GENESIS_BYTES_MAX = 1 << 20
MANIFEST_BYTES_MAX = 1 << 16
_REST_BYTES = 16 << 10
FRAME_BYTES_MAX = 64 << 20
"""A body has 4 MiB; the rest is room for the nullifications of a long outage."""


class NotExported(ValueError):
    """An export cannot be written: the message says why and what to do."""


def write_export(directory: Path, genesis: SignedGenesis, blocks: Iterable[CertifiedBlock]) -> dict[str, Any]:
    """Write an export into `directory`, which must not exist or be empty; return its manifest.

    `blocks`: heights 1, 2, …, the last directly final. The directory appears whole or not at all.
    Raises `NotExported`; whatever `blocks` raises leaves nothing behind.
    """
    directory = directory.absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise NotExported(f"{directory} is not an empty directory; choose another")
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        partial.chmod(0o755)
        manifest = _write_files(partial, genesis, blocks)
        os.replace(partial, directory)
        _sync(directory.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest


def _write_files(directory: Path, genesis: SignedGenesis, blocks: Iterable[CertifiedBlock]) -> dict[str, Any]:
    genesis_bytes = genesis.SerializeToString(deterministic=True)
    head = ExportHead(genesis=genesis, tip=genesis_hash(genesis.body))
    transactions = 0
    last = CertifiedBlock()
    unnumbered = directory / "blocks"
    with unnumbered.open("wb") as stream:
        for block in blocks:
            head.blocks += 1
            last = block
            _write_frame(stream, block.SerializeToString(deterministic=True))
    if head.blocks:
        header = Header.FromString(last.header)
        if not last.HasField("finalization") or header.height != head.blocks:
            raise NotExported(
                f"{head.blocks} blocks were received, the last is of height {header.height} and "
                f"{'is' if last.HasField('finalization') else 'is not'} directly final; an export is every "
                "height from 1 to a directly final one: export again"
            )
        head.tip = block_digest(last.header)
        transactions = header.log_size
    (directory / GENESIS).write_bytes(genesis_bytes)
    with (directory / HISTORY).open("wb") as stream:
        _write_frame(stream, head.SerializeToString(deterministic=True))
        with unnumbered.open("rb") as source:
            shutil.copyfileobj(source, stream, 1 << 20)
    unnumbered.unlink()
    manifest = {
        "format": FORMAT,
        "genesis": genesis_hash(genesis.body).hex(),
        "blocks": head.blocks,
        "transactions": transactions,
        "tip": head.tip.hex(),
        "files": {name: describe_file(directory / name) for name in (GENESIS, HISTORY)},
    }
    (directory / MANIFEST).write_bytes(manifest_bytes(manifest))
    for name in FILES:
        _sync(directory / name)
    _sync(directory)
    return manifest


def _write_frame(stream: BinaryIO, data: bytes) -> None:
    if len(data) > FRAME_BYTES_MAX:
        raise NotExported(f"a block has {len(data)} bytes with its certificates, more than {FRAME_BYTES_MAX}")
    stream.write(len(data).to_bytes(LENGTH_BYTES))
    stream.write(data)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def describe_file(path: Path) -> dict[str, Any]:
    """Return length and SHA-256 of a file, as the manifest has them."""
    digest = sha256()
    length = 0
    with open_regular(path) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            length += len(chunk)
    return {"bytes": length, "sha256": digest.hexdigest()}


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file to read. Raises OSError, also for what is no file but has a name: a pipe and a device would
    keep whoever reads to the end for ever, and a link to one can be in any directory that somebody sends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file")
    return os.fdopen(descriptor, "rb")


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """Return the one form that a manifest's bytes have."""
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode()


def read_file(directory: Path, name: str, bytes_max: int) -> bytes:
    """Return a whole small file. Raises `AuditStopped`."""
    try:
        with open_regular(directory / name) as stream:
            data = stream.read(bytes_max + 1)
    except OSError as error:
        raise AuditStopped(Finding(name, f"it cannot be read: {error.strerror}")) from None
    if len(data) > bytes_max:
        raise AuditStopped(Finding(name, f"it has more than {bytes_max} bytes"))
    return data


def check_manifest(directory: Path) -> list[Finding]:
    """Compare the manifest with itself and with the files it lists; return all that differs."""
    strangers = sorted(path.name for path in directory.iterdir() if path.name not in FILES)
    findings = [Finding(name, "it is not part of an export; put it elsewhere") for name in strangers]
    data = read_file(directory, MANIFEST, MANIFEST_BYTES_MAX)
    try:
        manifest = json.loads(data)
        canonical = manifest_bytes(manifest)
    except (ValueError, RecursionError):
        return [*findings, Finding(MANIFEST, "it is not JSON")]
    if not isinstance(manifest, dict) or canonical != data:
        return [*findings, Finding(MANIFEST, "its bytes are not in the one form that a manifest has")]
    described = {}
    for name in (GENESIS, HISTORY):
        try:
            described[name] = describe_file(directory / name)
        except OSError as error:
            return [*findings, Finding(MANIFEST, f"{name}, which it lists, cannot be read: {error.strerror}")]
    expected = {"format": FORMAT, "files": described}
    return [*findings, *_differences(manifest, expected, "")]


def _differences(stated: Any, found: Any, path: str) -> list[Finding]:
    """Return what `stated` says otherwise than `found`, key by key."""
    if not isinstance(found, dict):
        # bool is int in Python: 1 and true are two different texts of JSON.
        if type(stated) is type(found) and stated == found:
            return []
        return [Finding(MANIFEST, f"it says {stated!r}, found {found!r}", field=path)]
    if not isinstance(stated, dict):
        return [Finding(MANIFEST, "it is no JSON object", field=path)]
    findings = []
    for key in sorted(set(found) | (set(stated) if path else set())):
        name = f"{path}.{key}" if path else key
        if key not in stated:
            findings.append(Finding(MANIFEST, "it is missing", field=name))
        elif key not in found:
            findings.append(Finding(MANIFEST, "it does not belong here", field=name))
        else:
            findings += _differences(stated[key], found[key], name)
    return findings


def check_manifest_totals(directory: Path, totals: dict[str, Any]) -> list[Finding]:
    """Compare what the manifest says of the history with what was verified; it says nothing else."""
    try:
        manifest = json.loads(read_file(directory, MANIFEST, MANIFEST_BYTES_MAX))
    except (ValueError, RecursionError, AuditStopped):
        return []  # check_manifest has said so.
    if not isinstance(manifest, dict):
        return []
    known = {"format", "files", *totals}
    strangers = [
        Finding(MANIFEST, "it does not belong here", field=key) for key in sorted(set(manifest) - known)
    ]
    return [*_differences(manifest, totals, ""), *strangers]


class Frames:
    """Reads the frames of history.bin, one after the other, and any of them again."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self.size = size
        """Bytes in the file."""
        self.position = 0
        """Bytes read in order so far."""
        self.offsets: list[int] = []
        """Where each frame begins; 0 is the head, n the block of height n."""

    def __iter__(self) -> Iterator[bytes]:
        while self.position < self.size:
            number = len(self.offsets)
            offset = self.position
            self.offsets.append(offset)
            data = self._frame(offset, number)
            _check_parts(data, number)
            self.position = offset + LENGTH_BYTES + len(data)
            yield data

    def again(self, number: int) -> bytes:
        """Return a frame that was read before."""
        return self._frame(self.offsets[number], number)

    def rest(self) -> bytes:
        """Return some of what follows the last frame that was read."""
        self._stream.seek(self.position)
        return self._stream.read(_REST_BYTES)

    def _frame(self, offset: int, number: int) -> bytes:
        self._stream.seek(offset)
        prefix = self._stream.read(LENGTH_BYTES)
        length = int.from_bytes(prefix)
        left = self.size - offset - LENGTH_BYTES
        if len(prefix) < LENGTH_BYTES or length > left:
            raise AuditStopped(
                Finding(
                    HISTORY,
                    f"the file ends inside a frame: at byte {offset} one of {length} bytes begins, "
                    f"{max(left, 0)} are left",
                    height=number or None,
                    field=FRAME_LENGTH,
                )
            )
        if length > FRAME_BYTES_MAX:
            raise AuditStopped(
                Finding(
                    HISTORY,
                    f"the frame at byte {offset} has {length} bytes; at most {FRAME_BYTES_MAX} are allowed",
                    height=number or None,
                    field=FRAME_LENGTH,
                )
            )
        return self._stream.read(length)


def _check_parts(frame: bytes, number: int) -> None:
    """Look a frame over before anybody unpacks it. Raises `AuditStopped`."""
    message_class: type[Message] = CertifiedBlock if number else ExportHead
    try:
        look_over(message_class, frame)
    except TooManyParts as error:
        raise AuditStopped(Finding(HISTORY, f"the frame {error}", number or None, field="frame")) from None
    except NotCanonical as error:
        field = error.path or "frame" if number else f"head.{error.path}"
        raise AuditStopped(Finding(HISTORY, error.reason, number or None, field=field)) from None
