"""Stops the nodes of a test network that somebody else started: `ayni testnet stop`, after `start --keep`.

Decides whether a node runs, whoever started it: while something holds its database. Asks through its admin
service, as its sysadmin would; never sends a signal.
"""

from __future__ import annotations

import fcntl
import time

import grpc

from ayni.v1 import admin_service_pb2, admin_service_pb2_grpc
from client.testnet import Testnet, TestnetNode
from client.testnet.processes import STOP_SECONDS_MAX, NodeFailed

ASK_SECONDS_MAX = 5.0
POLL_SECONDS = 0.05


def stop_running(testnet: Testnet) -> list[str]:
    """Stops every node of the network that runs, and waits until they have ended: their federations.

    Raises NodeFailed when one does not end in time.
    """
    asked = [node for node in testnet.nodes if _ask(node)]
    deadline = time.monotonic() + STOP_SECONDS_MAX
    for node in asked:
        while runs(node):
            if time.monotonic() > deadline:
                raise NodeFailed(
                    f"The node of {node.federation} has not stopped within {STOP_SECONDS_MAX:.0f} s.",
                    "It was asked to through its admin service, and still holds its database.",
                    f"See its log: {node.process.log}.",
                )
            time.sleep(POLL_SECONDS)
    return [node.federation for node in asked]


def runs(node: TestnetNode) -> bool:
    """Whether a process holds the node's database: LevelDB's lock file."""
    lock = node.config.node.data_dir / "LOCK"
    if not lock.exists():
        return False
    with lock.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _ask(node: TestnetNode) -> bool:
    """Asks a node to stop; whether it was there to be asked."""
    with grpc.insecure_channel(node.config.listen.admin) as channel:
        stub = admin_service_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        try:
            stub.Stop(admin_service_pb2.StopRequest(), timeout=ASK_SECONDS_MAX)
        except grpc.RpcError as error:
            # A node that ends while it answers was there; one that nobody can reach was not.
            return error.code() is not grpc.StatusCode.UNAVAILABLE
    return True
