"""Requests that are no message, or unpack to more than any request is: refused before a service sees them.

As INVALID_ARGUMENT, in words; gRPC by itself answers UNKNOWN, with the name of a Python class. Unpacking is
done before it is anybody's turn (node/turns.py), so it must be short. Decides nothing about what a message
says. Spec: ledger_service.proto (statuses).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isasyncgenfunction
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.message import DecodeError

from proofs.density import TooManyParts, check_parts

FIELDS_MAX: Final = 2_000
"""Of one request, each of whose transactions is one, 1,000 at most: the service refuses a few more itself."""


class _Unreadable(NamedTuple):
    """Stands for a request that is not unpacked."""

    why: str


Handler = Any
"""grpc.RpcMethodHandler, of which gRPC's types do not say that it is a named tuple."""


class ReadableRequests(grpc.aio.ServerInterceptor):
    """Lets services see messages only."""

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler]], handler_call_details: Any
    ) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        text = (
            f"the request is no message that {handler_call_details.method} takes; send it with a client of "
            "this version of Ayni, or make it from its .proto files"
        )
        form = "stream_" if handler.request_streaming else "unary_"
        form += "stream" if handler.response_streaming else "unary"
        guarded = (_guarded_stream if handler.request_streaming else _guarded)(getattr(handler, form))
        return handler._replace(
            request_deserializer=_or_unreadable(handler.request_deserializer, text), **{form: guarded}
        )


def _or_unreadable(read: Callable[[bytes], Any], text: str) -> Callable[[bytes], Any]:
    message_class = getattr(read, "__self__", None)  # generated code has `Message.FromString`

    def deserialise(data: bytes) -> Any:
        try:
            if message_class is not None:
                check_parts(message_class, data, FIELDS_MAX)
            return read(data)
        except TooManyParts as error:
            return _Unreadable(f"the request {error}; send at most 1000 transactions in one")
        except DecodeError:
            return _Unreadable(text)

    return deserialise


async def _check(request: Any, context: Any) -> None:
    if isinstance(request, _Unreadable):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, request.why)


def _guarded(behaviour: Any) -> Any:
    """The same kind of function as `behaviour`, for requests of one message."""

    async def call(request: Any, context: Any) -> Any:
        await _check(request, context)
        return await behaviour(request, context)

    async def generate(request: Any, context: Any) -> AsyncIterator[Any]:
        await _check(request, context)
        async for answer in behaviour(request, context):
            yield answer

    return generate if isasyncgenfunction(behaviour) else call


def _guarded_stream(behaviour: Any) -> Any:
    """The same kind of function as `behaviour`, for requests of many messages."""

    async def checked(requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            await _check(request, context)
            yield request

    async def call(requests: Any, context: Any) -> Any:
        return await behaviour(checked(requests, context), context)

    async def generate(requests: Any, context: Any) -> AsyncIterator[Any]:
        async for answer in behaviour(checked(requests, context), context):
            yield answer

    return generate if isasyncgenfunction(behaviour) else call
