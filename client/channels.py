"""Connections to nodes: TLS with the pinned certificate, the genesis checked first, failover.

Decides which node is asked, when the next one is tried, and how an RPC error is said. The only module,
beside client/flow.py, that imports grpc. Never retries what a node has refused. Without TLS a node is
talked to on loopback only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped]  # ships no types

from ayni.v1 import ledger_service_pb2, ledger_service_pb2_grpc
from client.errors import ClientError, KeyProblem, NoNode, NotFound, UsageProblem, VerificationFailed
from client.networks import Network, NodeAddress
from config import ConfigError
from config.certificates import pinned_name
from proofs.density import LEDGER_PARTS_FREE, check_parts

MESSAGE_BYTES_MAX = 64 << 20
"""Largest answer that is read: a certified block of 4 MiB, or a page of accounts, fits many times."""
CONNECT_SECONDS_MAX = 5.0
CLOSE_SECONDS = 1.0
PAST_PROXIES = ("grpc.enable_http_proxy", 0)
"""For a node of this machine: no proxy leads there, whatever `http_proxy` says in the environment."""

_ELSEWHERE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DATA_LOSS,
}
"""Where another node may do better."""
_NOT_TAKEN = ("failed to connect", "name resolution", "DNS resolution", "catching up", "stopping")
"""What an UNAVAILABLE says when the node took nothing: no connection, or its own word."""


class NotThisNode(Exception):
    """This node did not serve the call; another may. `sent`: it may have taken what was handed in."""

    def __init__(self, reason: str, *, sent: bool = False, retry_after_ms: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.retry_after_ms = retry_after_ms


class WrongNetwork(NotThisNode):
    """The node is of another network than the pinned one."""


@dataclass
class Node:
    """One node and the channel to it."""

    address: NodeAddress
    genesis_hash: bytes
    channel: grpc.Channel = field(init=False)
    stub: Any = field(init=False)
    _checked: bool = False

    def __post_init__(self) -> None:
        self.channel = _channel(self.address)
        stub = ledger_service_pb2_grpc.LedgerServiceStub
        self.stub = stub(_LookedOver(self.channel))  # type: ignore[no-untyped-call]  # generated

    def check_genesis(self) -> None:
        """Asks once which network the node is of. Raises NotThisNode, WrongNetwork."""
        if self._checked:
            return
        try:
            answer = self.stub.GetNetwork(ledger_service_pb2.GetNetworkRequest(), timeout=CONNECT_SECONDS_MAX)
        except grpc.RpcError as error:
            failure = not_this_node(error, self.address)
            raise NotThisNode(failure.reason, retry_after_ms=failure.retry_after_ms) from error
        if answer.genesis_hash != self.genesis_hash:
            its, pinned = answer.genesis_hash.hex()[:16], self.genesis_hash.hex()[:16]
            raise WrongNetwork(f"its genesis is {its}, and {pinned} is pinned")
        self._checked = True

    def call(self, method: str, request: Message, timeout_s: float) -> Any:
        """One unary call. Raises NotThisNode, ClientError."""
        self.check_genesis()
        try:
            return getattr(self.stub, method)(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise translated(error) from error

    def stream(self, method: str, request: Message, timeout_s: float) -> Iterator[Any]:
        """One call answered by a stream. Raises NotThisNode, ClientError, also while iterating."""
        self.check_genesis()
        try:
            yield from getattr(self.stub, method)(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise translated(error) from error


class _LookedOver:
    """A channel on which answers are looked over before they are unpacked (proofs/density.py).

    One that has too many parts fails like one that is no message: another node is asked.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        make = getattr(self._channel, kind)

        def callable_of(method: str, *, response_deserializer: Callable[[bytes], Any], **options: Any) -> Any:
            message_class: Any = getattr(response_deserializer, "__self__", None)  # of `Message.FromString`

            def unpack(data: bytes) -> Any:
                check_parts(message_class, data, free=LEDGER_PARTS_FREE)
                answer = response_deserializer(data)
                answer.DiscardUnknownFields()  # else a receipt that was verified is none when it is written
                return answer

            return make(method, response_deserializer=unpack, **options)

        return callable_of


class Nodes:
    """The nodes of a network, the one that answered last first."""

    def __init__(self, network: Network) -> None:
        if not network.nodes:
            raise UsageProblem(
                f"No node of the network '{network.name}' is known.",
                "Its entry lists none, and no --node was given.",
                f"Add one: `ayni network add {network.name} --node HOST:PORT --certificate FILE`.",
            )
        for address in network.nodes:
            if not address.certificate_pem and not address.loopback:
                raise KeyProblem(
                    f"The certificate of node {address.address} is not pinned.",
                    "Without it nobody can tell whether this is the node; only loopback needs none.",
                    f"Add it: `ayni network add {network.name} --node {address.address} --certificate FILE`.",
                )
        self._network = network
        self._order = threading.Lock()
        self._nodes = [Node(address, network.genesis_hash) for address in network.nodes]

    def __iter__(self) -> Iterator[Node]:
        with self._order:
            return iter(tuple(self._nodes))

    def prefer(self, node: Node) -> None:
        """Asks this node first from now on."""
        with self._order:  # several threads may read at once
            self._nodes.remove(node)
            self._nodes.insert(0, node)

    def read(self, method: str, request: Message, timeout_s: float) -> Any:
        """Asks the nodes one after the other until one answers. Raises ClientError."""
        failures: list[tuple[Node, NotThisNode]] = []
        for node in self:
            try:
                answer = node.call(method, request, timeout_s)
            except NotThisNode as failure:
                failures.append((node, failure))
                continue
            self.prefer(node)
            return answer
        raise no_node(self._network, failures)

    def close(self) -> None:
        """Closes the connections.

        A Ctrl-C in the middle of a call can leave a lock of gRPC's held, and closing waits for it: a process
        that ends is not kept from it for longer than CLOSE_SECONDS.
        """
        closing = threading.Thread(target=self._close_all, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def _close_all(self) -> None:
        for node in self._nodes:
            node.channel.close()


def no_node(network: Network, failures: list[tuple[Node, NotThisNode]]) -> ClientError:
    """What to tell when no node served."""
    reasons = "; ".join(f"{node.address.address}: {failure.reason}" for node, failure in failures)
    if any(isinstance(failure, WrongNetwork) for _, failure in failures):
        return VerificationFailed(
            f"No node of the network '{network.name}' answered.",
            f"{reasons}.",
            "Check the node's address, or whether you mean another network (`ayni network list`).",
        )
    return NoNode(
        f"No node of the network '{network.name}' served this.",
        f"{reasons}.",
        "Check that a node runs and is not catching up (`ayni node status`), or name another with --node.",
    )


def translated(error: grpc.RpcError) -> Exception:
    """An RPC error as what to raise: another node's turn, or a failure to show."""
    code, details = error.code(), error.details() or ""
    if code in _ELSEWHERE:
        return not_this_node(error)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return WrongNetwork(details)
    if code is grpc.StatusCode.NOT_FOUND:
        return NotFound(
            f"{_sentence(details)}",
            "The ledger's final blocks do not hold it.",
            "Check the name or the id; what was sent a moment ago may not be final yet.",
        )
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return UsageProblem("The node cannot make sense of the request.", _sentence(details), "Correct it.")
    if code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
        return KeyProblem("The node does not permit this.", _sentence(details), "Ask whoever runs the node.")
    return NoNode(
        "The node could not serve this.",
        f"{code.name}: {details}",
        "Ask another node with --node; if it says the same, the node's version is another than this one's.",
    )


def not_this_node(error: grpc.RpcError, address: NodeAddress | None = None) -> NotThisNode:
    """An error after which another node is asked. `address`: of the node, when not even that is sure."""
    code, details = error.code(), error.details() or ""
    not_taken = code is grpc.StatusCode.RESOURCE_EXHAUSTED or any(text in details for text in _NOT_TAKEN)
    if code is grpc.StatusCode.UNAVAILABLE and "CERTIFICATE_VERIFY_FAILED" in details:
        reason = "its certificate is not the pinned one (`ayni network add` pins another), or is out of date"
    elif code is grpc.StatusCode.UNAVAILABLE and "connect" in details:
        reason = "it cannot be reached"
        if address is not None and not address.certificate_pem:
            reason += " without TLS, and no certificate of it is pinned (`ayni network add` pins one)"
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        reason = "it did not answer in time"
    else:
        reason = details or code.name
    return NotThisNode(reason, sent=not not_taken, retry_after_ms=retry_delay_ms(error))


def retry_delay_ms(error: grpc.RpcError) -> int:
    """When the node asks to be tried again (RetryInfo), in milliseconds; 0 when it does not say."""
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return int(info.retry_delay.seconds * 1000 + info.retry_delay.nanos // 1_000_000)
    return 0


def _sentence(text: str) -> str:
    text = text.strip() or "It gave no reason"
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _channel(address: NodeAddress) -> grpc.Channel:
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
    ]
    if address.loopback:
        options.append(PAST_PROXIES)
    if not address.certificate_pem:
        return grpc.insecure_channel(address.address, options)
    try:
        options.append(("grpc.ssl_target_name_override", pinned_name(address.certificate_pem)))
    except ConfigError as error:
        raise UsageProblem(
            f"The certificate pinned for node {address.address} cannot be used.",
            f"{error}.",
            "Ask for the node's certificate again, and add it with `ayni network add`.",
        ) from error
    credentials = grpc.ssl_channel_credentials(root_certificates=address.certificate_pem)
    return grpc.secure_channel(address.address, credentials, options)
