"""The connections to the other validators: opened, authenticated, kept, bounded.

One bidirectional stream a pair. The lower index dials at once; the higher one when it has long seen no
connection. A newly authenticated stream replaces an older one of the same member. Decides nothing about
what frames say: they go to the inbox, faults close the stream. Spec: peer_service.proto, DESIGN 4.6.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import grpc

from ayni.v1 import peer_service_pb2 as pb
from config import ConfigError, NodeConfig, PeerSection, fingerprint
from node.calls import client_of
from node.frames import parse_frame, parse_in_turns
from node.handshake import NONCE_BYTES, Handshake, PeerFault
from node.log import Log
from node.tls import PEER_OPTIONS, peer_channel, peer_server_credentials
from proofs.membership import Membership
from proofs.signing import SigningKey
from proofs.words import printable

METHOD: Final = "/ayni.v1.PeerService/Connect"
HANDSHAKE_SECONDS: Final = 5.0
GREETING_BYTES_MAX: Final = 1_024
"""Of a frame before it is known who sends it."""
STREAMS_MAX: Final = 128
"""Streams open at a time, greeted or not; one a member is what there should be."""
GREETING_OF_ONE_MAX: Final = 4
"""Of them, with one certificate and not greeted yet: none of the members keeps the others out."""
BACKOFF_FIRST_SECONDS: Final = 0.05
BACKOFF_MAX_SECONDS: Final = 1.0
FAULT_PAUSE_SECONDS: Final = 5.0
"""A member whose stream was closed for a fault is admitted again after this long."""
HIGHER_DIALS_AFTER_SECONDS: Final = 3.0
OUTGOING_BYTES_MAX: Final = 32 * 1024 * 1024
ANSWERS_BYTES_MAX: Final = 8 * 1024 * 1024
"""A member that has so much unread is not answered with more blocks: it asks again."""
INCOMING_BYTES_MAX: Final = 24 * 1024 * 1024
INCOMING_FRAMES_MAX: Final = 2_000
"""What one member may have us hold unprocessed; then its stream is read no further."""
Read = Callable[[], Awaitable[bytes]]
Write = Callable[[bytes], Awaitable[None]]


class Inbox(Protocol):
    """Where authenticated frames go; the loop."""

    def peer_up(self, link: Link) -> None:
        """A stream with a member is open."""

    def peer_down(self, link: Link) -> None:
        """It is gone."""

    def peer_frame(self, link: Link, frame: pb.PeerFrame, size: int) -> None:
        """A frame came; `link.processed(size)` is called once it is dealt with."""

    def peer_fault(self, link: Link, reason: str) -> None:
        """A member sent what is no frame; its stream is closed by `fault`, which this calls."""


class Link:
    """One authenticated stream with a member."""

    def __init__(self, member: int, name: str) -> None:
        self.member = member
        self.name = name
        self.closed = asyncio.Event()
        self.reason = ""
        self._outgoing: deque[bytes] = deque()
        self._outgoing_bytes = 0
        self._has_outgoing = asyncio.Event()
        self._incoming_bytes = 0
        self._incoming_frames = 0
        self._has_room = asyncio.Event()
        self._has_room.set()

    def send(self, data: bytes) -> bool:
        """Queues a serialised frame; False when the member reads too slowly and it was dropped."""
        if self._outgoing_bytes + len(data) > OUTGOING_BYTES_MAX:
            return False
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)
        self._has_outgoing.set()
        return True

    @property
    def has_room(self) -> bool:
        """Whether a large answer would be sent soon: the member reads what it asked for before."""
        return self._outgoing_bytes < ANSWERS_BYTES_MAX

    def received(self, size: int) -> None:
        """A frame was handed to the inbox."""
        self._incoming_bytes += size
        self._incoming_frames += 1
        if self._incoming_bytes > INCOMING_BYTES_MAX or self._incoming_frames > INCOMING_FRAMES_MAX:
            self._has_room.clear()

    def processed(self, size: int) -> None:
        """A frame was dealt with."""
        self._incoming_bytes -= size
        self._incoming_frames -= 1
        if self._incoming_bytes <= INCOMING_BYTES_MAX and self._incoming_frames <= INCOMING_FRAMES_MAX:
            self._has_room.set()

    def close(self, reason: str) -> None:
        """Ends the stream; the first reason is kept."""
        if not self.closed.is_set():
            self.reason = reason
            self.closed.set()

    async def write_all(self, write: Write) -> None:
        """Sends what is queued, until cancelled."""
        while True:
            await self._has_outgoing.wait()
            self._has_outgoing.clear()
            while self._outgoing:
                data = self._outgoing.popleft()
                self._outgoing_bytes -= len(data)
                await write(data)

    async def read_all(self, read: Read, inbox: Inbox) -> None:
        """Hands every frame to the inbox, until the stream ends. Raises PeerFault on garbage."""
        while True:
            await self._has_room.wait()
            data = await read()
            if not isinstance(data, bytes):  # grpc.aio.EOF
                return
            frame = await parse_in_turns(data)
            if frame.WhichOneof("frame") in (None, "hello", "challenge"):
                raise PeerFault("it sent a frame that has no place after the greeting")
            self.received(len(data))
            inbox.peer_frame(self, frame, len(data))


class PeerNetwork:
    """Every connection of this node to the other validators."""

    def __init__(
        self, config: NodeConfig, membership: Membership, own: int, key: SigningKey, inbox: Inbox, log: Log
    ) -> None:
        """`own`: this node's validator index; `key`: its consensus key."""
        self._config = config
        self._membership = membership
        self._own = own
        self._key = key
        self._inbox = inbox
        self._log = log
        self._index = {member.name: index for index, member in enumerate(membership.members)}
        self._sections = {self._index[peer.federation]: peer for peer in config.peers}
        self.links: dict[int, Link] = {}
        self.failures: dict[int, str] = {}
        """Why the last attempt to reach a member failed, in words; of those not reached since."""
        self._faulty_until: dict[int, float] = {}
        self._greeting: Counter[bytes] = Counter()
        """Streams that are not greeted yet, by the certificate shown."""
        self._tasks: list[asyncio.Task[None]] = []
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listens, and starts dialling. Raises RuntimeError when the port cannot be had."""
        if not self._sections:
            return
        server = grpc.aio.server(options=PEER_OPTIONS, maximum_concurrent_rpcs=STREAMS_MAX)
        server.add_generic_rpc_handlers((_ConnectHandler(self._accept),))
        self.port = server.add_secure_port(self._config.listen.peer, peer_server_credentials(self._config))
        await server.start()
        self._server = server
        self._tasks = [
            asyncio.create_task(self._dial_for_ever(member, section), name=f"dial {section.federation}")
            for member, section in self._sections.items()
        ]

    async def stop(self) -> None:
        """Closes every connection."""
        for link in list(self.links.values()):
            link.close("this node is stopping")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server:
            await self._server.stop(0.2)

    def send(self, member: int, data: bytes) -> None:
        """Sends a serialised frame to one member, if it is connected."""
        if link := self.links.get(member):
            link.send(data)

    def has_room(self, member: int) -> bool:
        """Whether blocks for a member are worth reading: it is connected, and reads what it is sent."""
        link = self.links.get(member)
        return link is not None and link.has_room

    def broadcast(self, data: bytes) -> None:
        """Sends a serialised frame to every connected member."""
        for link in self.links.values():
            link.send(data)

    def fault(self, member: int, reason: str) -> None:
        """Closes the stream of a member that broke the protocol, and keeps it away for a while."""
        name, reason = self._membership.members[member].name, printable(reason)
        self._log.warning("peer_fault", peer=name, reason=reason)
        self._faulty_until[member] = asyncio.get_running_loop().time() + FAULT_PAUSE_SECONDS
        if link := self.links.get(member):
            link.close(reason)

    # --- dialling -----------------------------------------------------------------------------------

    async def _dial_for_ever(self, member: int, section: PeerSection) -> None:
        backoff = BACKOFF_FIRST_SECONDS
        while True:
            if link := self.links.get(member):
                backoff = BACKOFF_FIRST_SECONDS
                await link.closed.wait()
            if self._own > member:
                await asyncio.sleep(HIGHER_DIALS_AFTER_SECONDS)
            while self._pause(member) > 0:
                await asyncio.sleep(self._pause(member))
            if member not in self.links:
                try:
                    await self._dial(member, section)
                except (grpc.RpcError, OSError, TimeoutError, asyncio.InvalidStateError) as error:
                    # The last: grpc's word for writing to a stream that the other side has ended.
                    self.failures[member] = _words(error)
                    self._log.debug("peer_unreachable", peer=section.federation, error=_words(error))
                except (PeerFault, ConfigError) as error:
                    self.failures[member] = str(error)
                    self._log.warning("peer_refused", peer=section.federation, reason=str(error))
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, BACKOFF_MAX_SECONDS)

    async def _dial(self, member: int, section: PeerSection) -> None:
        channel, own_fingerprint, peer_fingerprint = peer_channel(self._config, section)
        async with channel:
            call: Any = channel.stream_stream(METHOD)()
            handshake = self._handshake(own_fingerprint)

            def expect(claimed: int) -> bytes:
                if claimed != member:
                    name = self._membership.members[claimed].name
                    raise PeerFault(f"at {section.address} answered {name}, not {section.federation}")
                return peer_fingerprint

            try:
                async with asyncio.timeout(HANDSHAKE_SECONDS):
                    await self._greet(handshake, call.read, call.write, expect)
                await self._serve(member, call.read, call.write)
            finally:
                call.cancel()

    # --- accepting ----------------------------------------------------------------------------------

    async def _accept(self, _: Any, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        shown = next(iter(context.auth_context().get("x509_pem_cert", [b""])))

        def expect(claimed: int) -> bytes:
            section = self._sections.get(claimed)
            if section is None or fingerprint(section.certificate.read_bytes()) != fingerprint(shown):
                name = self._membership.members[claimed].name
                raise PeerFault(f"it claims to be {name} but does not show that federation's certificate")
            return fingerprint(shown)

        if self._greeting[shown] >= GREETING_OF_ONE_MAX:
            text = (
                f"{GREETING_OF_ONE_MAX} streams with this certificate are being greeted; finish those first"
            )
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        handshake = self._handshake(fingerprint(self._config.tls.certificate.read_bytes()))
        try:
            self._greeting[shown] += 1
            try:
                async with asyncio.timeout(HANDSHAKE_SECONDS):
                    member = await self._greet(handshake, context.read, context.write, expect)
            finally:
                self._greeting[shown] -= 1
            if self._pause(member) > 0:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "closed for a fault; try again later")
            await self._serve(member, context.read, context.write)
        except TimeoutError:  # before OSError, of which it is one
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the greeting took too long")
        except ConnectionError as error:  # a line that broke, or somebody who only looked
            self._log.debug("peer_unreachable", peer=client_of(context.peer()), error=str(error))
        except (PeerFault, ConfigError, OSError) as error:
            self._log.warning("peer_refused", peer=client_of(context.peer()), reason=str(error))
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))

    # --- both ---------------------------------------------------------------------------------------

    def _handshake(self, own_fingerprint: bytes) -> Handshake:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Handshake(self._membership, self._own, self._key, own_fingerprint, nonce)

    async def _greet(
        self, handshake: Handshake, read: Read, write: Write, expect: Callable[[int], bytes]
    ) -> int:
        """Runs the handshake; `expect` gives the certificate fingerprint to demand of a claimed index."""
        await write(handshake.challenge().SerializeToString())
        member = handshake.claimed(await _read_frame(read))
        await write(handshake.answer(expect(member)).SerializeToString())
        handshake.admit(await _read_frame(read))
        return member

    async def _serve(self, member: int, read: Read, write: Write) -> None:
        """Runs an authenticated stream until it ends; it replaces an older one of the same member."""
        link = Link(member, self._membership.members[member].name)
        if old := self.links.get(member):
            old.close("replaced by a newer connection")
            self._inbox.peer_down(old)
        self.links[member] = link
        self.failures.pop(member, None)
        self._log.info("peer_up", peer=link.name)
        self._inbox.peer_up(link)
        tasks = [
            asyncio.create_task(link.write_all(write)),
            asyncio.create_task(link.read_all(read, self._inbox)),
            asyncio.create_task(_wait(link.closed)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._note_end(link, done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            link.close("the stream ended")
            if self.links.get(member) is link:
                del self.links[member]
                self._inbox.peer_down(link)
            self._log.info("peer_down", peer=link.name, reason=link.reason)

    def _note_end(self, link: Link, done: set[asyncio.Task[None]]) -> None:
        for task in done:
            error = task.exception()
            if isinstance(error, PeerFault):
                link.close(str(error))
                self._inbox.peer_fault(link, str(error))
            elif error is not None:
                link.close(_words(error))

    def _pause(self, member: int) -> float:
        return self._faulty_until.get(member, 0.0) - asyncio.get_running_loop().time()


class _ConnectHandler(grpc.GenericRpcHandler):
    """Serves `Connect` with frames as bytes: they are serialised once and parsed under our own rules."""

    def __init__(self, connect: Callable[..., Awaitable[None]]) -> None:
        self._handler: Any = grpc.stream_stream_rpc_method_handler(connect)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """See grpc.GenericRpcHandler."""
        return self._handler if handler_call_details.method == METHOD else None


async def _read_frame(read: Read) -> pb.PeerFrame:
    data = await read()
    if not isinstance(data, bytes):
        raise ConnectionAbortedError("it closed the stream before saying who it is")
    if len(data) > GREETING_BYTES_MAX:
        raise PeerFault(f"its greeting has {len(data)} bytes; at most {GREETING_BYTES_MAX} are read")
    return parse_frame(data)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _words(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__
