"""Frames from their bytes: how large each kind may be, and of how many parts.

Decides nothing about what a frame says; what it refuses closes its sender's stream (node/peers.py). Spec:
peer_service.proto (PeerFrame), docs/security.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from google.protobuf.message import DecodeError

from ayni.v1 import peer_service_pb2 as pb
from node.handshake import PeerFault
from proofs.density import TooManyParts, check_parts_in_pieces
from proofs.varint import read_varint

KIND_BYTES_MAX: Final = {
    "votes": 1 << 16,
    "status": 1 << 16,
    "own_votes_request": 1 << 16,
    "own_votes_response": 1 << 16,
    "block_request": 1 << 16,
    "certificates": 1 << 20,
    "transactions": 2 << 20,
}
"""Of kinds that are small, or sent in frames of so many (node/loop.py). A vote that is kept keeps all of its
frame in memory; and of each member one of each kind is kept, of a hundred views."""
_KINDS: Final = {field.number: field.name for field in pb.PeerFrame.DESCRIPTOR.fields}


def parse_frame(data: bytes) -> pb.PeerFrame:
    """A frame from its bytes. Raises PeerFault when they are garbage, or take more memory than they may."""
    for _ in _looked_over(data):
        pass
    return _unpacked(data)


async def parse_in_turns(data: bytes) -> pb.PeerFrame:
    """The same; looking over 16 MiB takes a second, in which others have their turns. Raises PeerFault."""
    for _ in _looked_over(data):
        await asyncio.sleep(0)
    return _unpacked(data)


def _looked_over(data: bytes) -> Iterator[None]:
    """Checks size and parts. Raises PeerFault."""
    kind = _kind(data)
    most = KIND_BYTES_MAX.get(kind, len(data))
    if len(data) > most:
        raise PeerFault(f"its {kind} frame has {len(data)} bytes; at most {most} are read")
    try:
        yield from check_parts_in_pieces(pb.PeerFrame, data)
    except DecodeError:
        raise _garbage(data) from None
    except TooManyParts as error:
        raise PeerFault(f"its frame {error}") from None


def _unpacked(data: bytes) -> pb.PeerFrame:
    try:
        frame = pb.PeerFrame.FromString(data)
    except DecodeError:
        raise _garbage(data) from None
    if frame.WhichOneof("frame") != (_kind(data) or None):
        raise PeerFault("its frame does not begin with what it is")
    return frame


def _kind(data: bytes) -> str:
    """What a frame is, as its first field says; empty when it is nothing that is known."""
    try:
        tag, _ = read_varint(data, 0)
    except IndexError:
        return ""
    return _KINDS.get(tag >> 3, "")


def _garbage(data: bytes) -> PeerFault:
    return PeerFault(f"it sent {len(data)} bytes that are no frame of this protocol")
