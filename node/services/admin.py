"""`AdminService`: for the sysadmin, on loopback only. Spec: admin_service.proto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from ayni.v1 import admin_service_pb2 as pb
from ayni.v1 import admin_service_pb2_grpc
from node.parts import Parts
from node.reads import Reads
from node.services.errors import answers
from node.services.status import NodeStatus
from node.turns import Turns


class AdminService(admin_service_pb2_grpc.AdminServiceServicer):
    """Says how the node is, and stops it."""

    def __init__(self, parts: Parts, status: NodeStatus, stop: Callable[[], None]) -> None:
        self.parts = parts
        self.turns = Turns()
        self._status = status
        self._stop = stop
        self._reads = Reads(parts.founding, parts.tables, parts.chain)

    @answers
    def GetNodeStatus(self, request: pb.GetNodeStatusRequest) -> pb.GetNodeStatusResponse:
        """Figures, and what is wrong in words."""
        return self._status.node_status(self._reads.at())

    @answers
    def Stop(self, request: pb.StopRequest) -> pb.StopResponse:
        """Stops the node in good order; the answer comes before it is down."""
        self._stop()
        return pb.StopResponse()


def register(service: AdminService, server: grpc.aio.Server) -> None:
    """Adds the service to a server."""
    add: Any = admin_service_pb2_grpc.add_AdminServiceServicer_to_server
    add(service, server)
