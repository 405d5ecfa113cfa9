"""Exceptions of the rooms below as gRPC statuses, with details where they help a client.

Decides which status each fault gets (the list is in ledger_service.proto), and counts calls. An error
always says the fact and what to do; never a stack trace.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction, isgeneratorfunction
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from ledger.records import RecordDamaged
from node.calls import TooMany, client_of
from node.reads import BadRequest, NotFound
from node.store import StoreError
from node.submit import MempoolFull
from node.turns import in_turns
from proofs.words import printable

Context = grpc.aio.ServicerContext[Any, Any]
Answer = Callable[[Any, Any, Any], Awaitable[Any]]


RETRY_CROWD_MS = 1_000
MESSAGE_CHARACTERS_MAX = 1_000


class Unavailable(Exception):
    """The node cannot serve this now; the text says why."""

    def __init__(self, reason: str, retry_after_ms: int = 1_000) -> None:
        super().__init__(reason)
        self.retry_after_ms = retry_after_ms


class TooSlow(Exception):
    """The client took too long; the text says what to do."""


class WrongNetwork(Exception):
    """The client is pinned to another genesis."""


def answers(method: Callable[..., Any]) -> Answer:
    """Wraps a unary method of a service: faults become statuses, calls are counted.

    The service has `parts` and `turns`; the method takes the request, and its client's turn when it is a
    coroutine that takes turns itself. A generator has a turn for each of its pieces.
    """
    name = method.__name__
    takes_turns, is_in_pieces = iscoroutinefunction(method), isgeneratorfunction(method)

    @wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Any:
        try:
            turn = self.turns.of(client_of(context.peer()))
            if takes_turns:
                answer = await method(self, request, turn)
            elif is_in_pieces:
                answer = await in_turns(turn, method(self, request))
            else:
                async with turn:
                    answer = method(self, request)
        except Exception as error:
            await abort(self.parts, name, context, error)
        self.parts.metrics.rpcs.labels(name, "OK").inc()
        return answer

    return call


async def abort(parts: Any, name: str, context: Context, error: Exception) -> NoReturn:
    """Ends a call with the status of `error`."""
    code, retry_after_ms = _status_of(error)
    parts.metrics.rpcs.labels(name, code.name).inc()
    if code is grpc.StatusCode.INTERNAL:
        parts.log.error("rpc_failed", method=name, exc_info=error)
        await context.abort(code, "this is a bug of the node; its log says more")
    text = printable(str(error), MESSAGE_CHARACTERS_MAX)
    await context.abort(code, text, _details(code, text, retry_after_ms))
    raise error  # abort never returns


def _status_of(error: Exception) -> tuple[grpc.StatusCode, int]:
    """(status, when to come again in milliseconds; 0: not said)."""
    match error:
        case NotFound():
            return grpc.StatusCode.NOT_FOUND, 0
        case BadRequest():
            return grpc.StatusCode.INVALID_ARGUMENT, 0
        case WrongNetwork():
            return grpc.StatusCode.FAILED_PRECONDITION, 0
        case MempoolFull():
            return grpc.StatusCode.RESOURCE_EXHAUSTED, error.retry_after_ms
        case TooMany():
            return grpc.StatusCode.RESOURCE_EXHAUSTED, RETRY_CROWD_MS
        case TooSlow():
            return grpc.StatusCode.DEADLINE_EXCEEDED, 0
        case Unavailable():
            return grpc.StatusCode.UNAVAILABLE, error.retry_after_ms
        case StoreError() | RecordDamaged():
            return grpc.StatusCode.DATA_LOSS, 0
        case _:
            return grpc.StatusCode.INTERNAL, 0


def _details(code: grpc.StatusCode, message: str, retry_after_ms: int) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata with google.rpc details."""
    if not retry_after_ms:
        return ()
    delay = duration_pb2.Duration(seconds=retry_after_ms // 1000, nanos=retry_after_ms % 1000 * 1_000_000)
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    number = getattr(code_pb2, code.name)
    status = status_pb2.Status(code=number, message=message, details=[detail])
    return (("grpc-status-details-bin", status.SerializeToString()),)
