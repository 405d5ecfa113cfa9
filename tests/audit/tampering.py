"""Ways to spoil an export: a byte, a frame, or a block that a quorum, or a minority, signed anew."""

from __future__ import annotations

import json
import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

from audit import Report, verify_export
from audit.archive import FILES, HISTORY, LENGTH_BYTES, MANIFEST, describe_file, manifest_bytes
from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    BlockBody,
    CertifiedBlock,
    Header,
)
from proofs.domains import block_digest, body_hash
from tests.audit.history import History, leg, opened, payments
from tests.vectors.founding import canonical, certificate


def frames(path: Path) -> list[bytes]:
    data = path.read_bytes()
    found = []
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + LENGTH_BYTES])
        position += LENGTH_BYTES
        found.append(data[position : position + length])
        position += length
    return found


def joined(contents: Iterable[bytes]) -> bytes:
    return b"".join(len(frame).to_bytes(LENGTH_BYTES) + frame for frame in contents)


def write_frames(path: Path, contents: Iterable[bytes]) -> None:
    path.write_bytes(joined(contents))


def flip(path: Path, position: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(bytes(data))


def changed(data: bytes, position: int, value: int) -> bytes:
    return data[:position] + bytes([value]) + data[position + 1 :]


def spoiled(source: Path, target: Path, spoil: Callable[[Path], None]) -> Path:
    """A copy of an export, changed."""
    target.mkdir()
    for name in FILES:
        shutil.copyfile(source / name, target / name)
    spoil(target)
    return target


def rewrite_manifest(directory: Path) -> None:
    """Make the manifest's lengths and hashes right again, as a careful forger would."""
    manifest = json.loads((directory / MANIFEST).read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = describe_file(directory / name)
    (directory / MANIFEST).write_bytes(manifest_bytes(manifest))


def verify_frames(source: Path, target: Path, genesis_hash: bytes, contents: list[bytes]) -> Report:
    """The report on an export with these frames and a manifest made right for them."""

    def spoil(directory: Path) -> None:
        write_frames(directory / HISTORY, contents)
        rewrite_manifest(directory)

    return verify_export(spoiled(source, target, spoil), genesis_hash)


class Spoiler:
    """One copy of an export, spoiled again and again, each time in one file, and verified."""

    def __init__(self, history: History, directory: Path) -> None:
        self.directory = history.export(directory)
        self.genesis_hash = history.hash
        self.files = {name: (self.directory / name).read_bytes() for name in FILES}
        self._written = dict(self.files)
        self._manifest = json.loads(self.files[MANIFEST])
        self.frames = frames(self.directory / HISTORY)
        self._ends = list(accumulate(LENGTH_BYTES + len(frame) for frame in self.frames))

    def height_at(self, position: int) -> int | None:
        """The block in whose frame a byte of the history lies; None: in the head."""
        return bisect_right(self._ends, position) or None

    def starts_at(self, height: int) -> int:
        """Where a block's message begins in the history; of 0, the head's."""
        return (self._ends[height - 1] if height else 0) + LENGTH_BYTES

    def verify(self, name: str, data: bytes, *, careful: bool = True) -> Report:
        """The report on the export with one file changed; `careful`: and the manifest made right."""
        written = {**self.files, name: data}
        if careful and name != MANIFEST:
            described = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
            described_files = self._manifest["files"] | {name: described}
            written[MANIFEST] = manifest_bytes(self._manifest | {"files": described_files})
        for each in FILES:
            if written[each] != self._written[each]:
                (self.directory / each).write_bytes(written[each])
        self._written = written
        return verify_export(self.directory, self.genesis_hash)

    def verify_frames(self, contents: Iterable[bytes]) -> Report:
        """The report on the export with other frames."""
        return self.verify(HISTORY, joined(contents))


def tiny() -> History:
    """One member, two payments and an opening; a skipped view, and a block that is final through the next."""
    history = History(("solo",), bits=1)
    accounts = [opened("solo/one", 100), opened("solo/two")]
    history.block(history.tx("solo", open_accounts={"accounts": accounts}))
    history.block(history.tx("solo/one", transfer={"legs": [leg("solo/two", 5)]}), skip=1, final=False)
    history.block(history.tx("solo/two", transfer={"legs": [leg("solo/one", 3)]}))
    return history


@cache
def small() -> History:
    """Four members, three payments, a skipped view, a block that is final through the next."""
    history = payments(1)
    history.block(history.tx("andes/one", transfer={"legs": [leg("andes/two", 5)]}), final=False)
    history.block(history.tx("andes/two", transfer={"legs": [leg("andes/one", 7)]}), skip=1)
    return history


def recertified(
    history: History,
    height: int,
    change_header: Callable[[Header], object] | None = None,
    change_body: Callable[[BlockBody], object] | None = None,
    body_bytes: bytes | None = None,
) -> list[CertifiedBlock]:
    """The history up to `height`, whose block was changed and signed anew by a colluding quorum."""
    blocks = [CertifiedBlock.FromString(canonical(block)) for block in history.blocks[:height]]
    block = blocks[-1]
    header = Header.FromString(block.header)
    if change_body is not None:
        body = BlockBody.FromString(block.body)
        change_body(body)
        block.body = canonical(body)
        header.body_hash = body_hash(block.body)
    if body_bytes is not None:
        block.body, header.body_hash = body_bytes, body_hash(body_bytes)
    if change_header is not None:
        change_header(header)
    block.header = canonical(header)
    digest = block_digest(block.header)
    for kind, target in (
        (VOTE_KIND_NOTARIZE, block.notarization),
        (VOTE_KIND_FINALIZE, block.finalization),
    ):
        target.CopyFrom(certificate(history.signed, history.quorum, header.view, kind, digest))
    return blocks
