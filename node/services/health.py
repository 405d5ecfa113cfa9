"""The standard health and reflection services, as a hostile client may use them.

Decides that a watcher which does not read holds up nobody but itself, and that what a client keeps open is
counted like any stream (node/calls.py). (The servicer of grpcio-health-checking writes to watchers while it
holds the lock that setting a status waits for.) Spec: grpc.health.v1, grpc.reflection.v1alpha.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from node.calls import Streams, TooMany, client_of
from node.services.errors import Context

Status = health_pb2.HealthCheckResponse
KNOWN_ONLY = "there is no service of that name here; an empty name asks for the whole node"


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # generated without types
    """Says whether the node serves."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._status: dict[str, Any] = {}
        self._changed = asyncio.Event()

    def set(self, service: str, status: Any) -> None:
        """From now on a service has this status. Waits for nobody."""
        if self._status.get(service) != status:
            self._status[service] = status
            self._changed.set()
            self._changed = asyncio.Event()

    async def Check(self, request: Any, context: Context) -> Any:
        """The status now."""
        status = self._status.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, KNOWN_ONLY)
        return Status(status=status)

    async def Watch(self, request: Any, context: Context) -> None:
        """The status now, and again whenever it is another."""
        client = await _begin(self._streams, context)
        try:
            last = None
            while True:
                changed = self._changed
                status = self._status.get(request.service, Status.SERVICE_UNKNOWN)
                if status != last:
                    await context.write(Status(status=status))
                    last = status
                await changed.wait()
        finally:
            self._streams.end(client)


class Reflection(reflection.aio.ReflectionServicer):  # type: ignore[misc]  # comes without types
    """Describes the services; its streams are counted."""

    def __init__(self, service_names: Iterable[str], streams: Streams) -> None:
        super().__init__(service_names)
        self._streams = streams

    async def ServerReflectionInfo(self, request_iterator: Any, context: Context) -> AsyncIterator[Any]:
        """See grpc.reflection.v1alpha."""
        client = await _begin(self._streams, context)
        try:
            async for answer in super().ServerReflectionInfo(request_iterator, context):
                yield answer
        finally:
            self._streams.end(client)


async def _begin(streams: Streams, context: Context) -> str:
    client = client_of(context.peer())
    try:
        streams.begin(client)
    except TooMany as error:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
    return client


def register(health: Health, names: Iterable[str], streams: Streams, server: grpc.aio.Server) -> None:
    """Adds both services to a server; `names`: of the services that it has."""
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    described = (*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(Reflection(described, streams), server)
