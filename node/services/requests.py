"""What a call goes through before a service sees it: whose it is, how many they have open, what it asks.

Refuses, in words, calls beyond their client's share (node/calls.py), requests that do not come, and requests
that are no message or unpack to more than any request is; gRPC by itself answers UNKNOWN, with the name of a
Python class. Each method is served as one of many requests, since gRPC says who calls only once it has read
the one request of another, which may never come. Unpacking is done before it is anybody's turn, so it must
be short. Decides nothing about what a message says. Spec: ledger_service.proto (statuses).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isasyncgenfunction
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from node.calls import Calls, OpenCall, TooMany, client_of
from node.parts import Parts
from node.reads import BadRequest
from node.services.errors import TooSlow, abort
from proofs.density import TooManyParts, check_parts

FIELDS_MAX: Final = 2_000
"""Of one request, each of whose transactions is one, 1,000 at most: the service refuses a few more itself."""
REQUEST_SECONDS: Final = 60
"""How long the request of a call may take to come: 4 MiB over a slow line."""

Handler = Any
"""grpc.RpcMethodHandler, of which gRPC's types do not say that it is a named tuple."""


class ReadableRequests(grpc.aio.ServerInterceptor):
    """Lets services see messages only, of so many calls at a time."""

    def __init__(self, parts: Parts, calls: Calls) -> None:
        self._parts = parts
        self._calls = calls
        self._served: dict[str, Handler] = {}
        """By method; those that there are."""

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler]], handler_call_details: Any
    ) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        path = handler_call_details.method
        if (known := self._served.get(path)) is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        self._served[path] = self._checked(path, handler)
        return self._served[path]

    def _checked(self, path: str, handler: Handler) -> Handler:
        """The same method, behind its checks."""
        form = "stream_" if handler.request_streaming else "unary_"
        form += "stream" if handler.response_streaming else "unary"
        method = _Method(self._parts, self._calls, path, handler, getattr(handler, form))
        served = "stream_stream" if handler.response_streaming else "stream_unary"
        return handler._replace(
            request_streaming=True,
            request_deserializer=None,
            response_serializer=None if served == "stream_unary" else handler.response_serializer,
            unary_unary=None,
            unary_stream=None,
            **{served: method.generate if isasyncgenfunction(method.behaviour) else method.call},
        )


class _Method:
    """One method of a service, behind its checks."""

    def __init__(self, parts: Parts, calls: Calls, path: str, handler: Handler, behaviour: Any) -> None:
        self.behaviour = behaviour
        self._parts = parts
        self._calls = calls
        self._path = path
        self._name = path.rpartition("/")[2]
        self._unpack = handler.request_deserializer
        self._pack = None if handler.response_streaming else handler.response_serializer
        self._is_streamed = handler.request_streaming

    async def call(self, _: Any, context: Any) -> Any:
        """Serves behaviour that returns, or writes by itself."""
        opened = await self._open(context)
        answer = await self.behaviour(await self._asked(context, opened), context)
        if self._pack is None:
            return answer
        packed = self._pack(answer)
        opened.keep(len(packed))  # until the client has read it
        return packed

    async def generate(self, _: Any, context: Any) -> AsyncIterator[Any]:
        """Serves behaviour that yields."""
        opened = await self._open(context)
        async for answer in self.behaviour(await self._asked(context, opened), context):
            yield answer

    async def _open(self, context: Any) -> OpenCall:
        """Counts the call, until its answer is sent."""
        try:
            opened = self._calls.begin(client_of(context.peer()))
        except TooMany as error:
            await abort(self._parts, self._name, context, error)
        context.add_done_callback(lambda _: opened.end())
        return opened

    async def _asked(self, context: Any, opened: OpenCall) -> Any:
        """What the service is given: a message, or an iterator over messages."""
        if self._is_streamed:
            return self._messages(context, opened)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                data = await context.read()
        except TimeoutError:
            text = f"the request did not come within {REQUEST_SECONDS} s; call again, and send it at once"
            await abort(self._parts, self._name, context, TooSlow(text))
        return await self._message(data, context, opened)

    async def _messages(self, context: Any, opened: OpenCall) -> AsyncIterator[Any]:
        while (data := await context.read()) is not grpc.aio.EOF:
            yield await self._message(data, context, opened)
            opened.keep(0)  # it is dealt with

    async def _message(self, data: Any, context: Any, opened: OpenCall) -> Any:
        try:
            return self._unpacked(data, opened)
        except (TooMany, BadRequest) as error:
            await abort(self._parts, self._name, context, error)
            raise  # never: abort does

    def _unpacked(self, data: Any, opened: OpenCall) -> Any:
        """The message, whose bytes count from now on. Raises TooMany, BadRequest."""
        message_class = getattr(self._unpack, "__self__", None)  # generated code has `Message.FromString`
        try:
            if isinstance(data, bytes):  # and not the end
                opened.take(len(data))
                if message_class is not None:
                    check_parts(message_class, data, FIELDS_MAX)
                return self._unpack(data)
        except TooManyParts as error:
            raise BadRequest(f"the request {error}; send at most 1000 transactions in one") from None
        except DecodeError:
            pass
        raise BadRequest(
            f"the request is no message that {self._path} takes; send it with a client of this version of "
            "Ayni, or make it from its .proto files"
        )
