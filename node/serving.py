"""Answers to peers that miss blocks: which final blocks, and how many bytes of them. Sans-I/O over tables.

Spec: peer_service.proto (BlockRequest), consensus/events.py (ServeBlocks).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ayni.v1 import block_pb2
from ayni.v1 import peer_service_pb2 as pb
from consensus.events import ServeBlocks
from node.tables import Tables

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024


def block_response(tables: Tables, request: ServeBlocks) -> pb.BlockResponse:
    """The answer to a request: at least one block when there is any, at most 4 MiB beyond it."""
    answer = pb.BlockResponse(id=request.request_id)
    left = ANSWER_BYTES_MAX
    for block in _blocks(tables, request):
        left -= block.ByteSize()
        if left < 0 and answer.blocks:
            break
        answer.blocks.append(block)
    return answer


def _blocks(tables: Tables, request: ServeBlocks) -> Iterator[block_pb2.CertifiedBlock]:
    yield from request.unfinal
    for digest in request.digests:
        height = tables.height_of(digest)
        if height is not None:
            yield tables.certified(height)
    for stored in tables.blocks_from(max(1, request.from_height)) if request.count else ():
        if stored.header.height >= request.from_height + request.count:
            return
        yield tables.certified(stored.header.height)
