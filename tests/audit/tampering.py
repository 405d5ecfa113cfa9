"""Ways to spoil an export: a byte, a frame, or a block that a colluding quorum signed anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
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
from tests.audit.history import History
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


def frame_of(path: Path, position: int) -> int:
    """The number of the frame in which a byte of the file lies."""
    end = 0
    for number, frame in enumerate(frames(path)):
        end += LENGTH_BYTES + len(frame)
        if position < end:
            return number
    raise IndexError(position)


def write_frames(path: Path, contents: list[bytes]) -> None:
    path.write_bytes(b"".join(len(frame).to_bytes(LENGTH_BYTES) + frame for frame in contents))


def flip(path: Path, position: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(bytes(data))


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


def recertified(
    history: History,
    height: int,
    change_header: Callable[[Header], object] | None = None,
    change_body: Callable[[BlockBody], object] | None = None,
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
