"""Requests whose bytes are no message: refused as INVALID_ARGUMENT, in words, before a service sees them.

gRPC by itself answers UNKNOWN, with the name of a Python class. Decides nothing about what a message says.
Spec: ledger_service.proto (statuses).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isasyncgenfunction
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

_UNREADABLE: Final = object()
"""Stands for a request that could not be decoded."""

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
        guarded = (_guarded_stream if handler.request_streaming else _guarded)(getattr(handler, form), text)
        return handler._replace(
            request_deserializer=_or_unreadable(handler.request_deserializer), **{form: guarded}
        )


def _or_unreadable(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def deserialise(data: bytes) -> Any:
        try:
            return read(data)
        except DecodeError:
            return _UNREADABLE

    return deserialise


async def _check(request: Any, context: Any, text: str) -> None:
    if request is _UNREADABLE:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)


def _guarded(behaviour: Any, text: str) -> Any:
    """The same kind of function as `behaviour`, for requests of one message."""

    async def call(request: Any, context: Any) -> Any:
        await _check(request, context, text)
        return await behaviour(request, context)

    async def generate(request: Any, context: Any) -> AsyncIterator[Any]:
        await _check(request, context, text)
        async for answer in behaviour(request, context):
            yield answer

    return generate if isasyncgenfunction(behaviour) else call


def _guarded_stream(behaviour: Any, text: str) -> Any:
    """The same kind of function as `behaviour`, for requests of many messages."""

    async def checked(requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            await _check(request, context, text)
            yield request

    async def call(requests: Any, context: Any) -> Any:
        return await behaviour(checked(requests, context), context)

    async def generate(requests: Any, context: Any) -> AsyncIterator[Any]:
        async for answer in behaviour(checked(requests, context), context):
            yield answer

    return generate if isasyncgenfunction(behaviour) else call
