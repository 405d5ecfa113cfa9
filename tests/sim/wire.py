"""What lies between the nodes: streams of frames that are lost, doubled, overtaken, late, or cut.

`SimulatedPeers` is the production `node.peers.PeerNetwork`: dialling, back-off, greeting, replacing an older
stream, faults and their pause, and `Link` with its bounds are production's; only the bytes travel over a
`Stream` of this file instead of gRPC.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from config import NodeConfig, PeerSection
from node.handshake import Handshake, PeerFault
from node.log import Log
from node.peers import HANDSHAKE_SECONDS, Inbox, PeerNetwork
from proofs.membership import Membership
from proofs.signing import SigningKey
from tests.sim.clock import SimulatedLoop, rest

GREETING_FRAMES = 2
"""The first frames each way are never lost alone: a greeting that is, takes five seconds to fail."""
UNREAD_FRAMES_MAX = 4_096
"""What lies on the way of one stream and is not read; then whoever writes waits."""

BEHIND_SECONDS_MAX = 0.5
"""What a slow link takes in before whoever writes waits."""


@dataclass
class Weather:
    """What the network does to frames."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: bool = False
    """Frames may overtake each other."""
    delay_min_ms: float = 0.5
    delay_max_ms: float = 3.0
    breaks: float = 0.0
    """Probability that a frame breaks its stream."""
    crash_between_sends: float = 0.0
    """Probability that a node loses its power between two sends."""


class Stream:
    """One end of a connection between two hosts."""

    def __init__(self, wire: Wire, owner: int, peer: int) -> None:
        self.wire = wire
        self.owner = owner
        self.peer = peer
        self.other: Stream
        self.is_open = True
        self.sent = 0
        self.arrived: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._free_at = 0.0
        self._last_arrival = 0.0

    async def read(self) -> bytes | None:
        """The next frame; None when the connection has ended, as grpc says EOF."""
        while not self.arrived:
            if not self.is_open:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        self.other._has_room.set()
        return self.arrived.popleft()

    async def write(self, data: bytes) -> None:
        """Puts a frame on the way. Raises OSError when the connection has ended."""
        await self._has_room.wait()
        if not self.is_open:
            raise ConnectionError("the connection has ended")
        if len(self.other.arrived) > UNREAD_FRAMES_MAX:
            self._has_room.clear()
        if (behind := self._free_at - self.wire.loop.time()) > BEHIND_SECONDS_MAX:
            await rest(behind)
        self.sent += 1
        self.wire.carry(self, data)

    def arrival(self, now: float, delay: float, size: int, rate: float, overtakes: bool) -> float:
        """When a frame sent now is there, over a link of `rate` bytes a second."""
        self._free_at = max(self._free_at, now) + size / rate
        at = self._free_at + delay
        if not overtakes:
            at = max(at, self._last_arrival)
            self._last_arrival = at
        return at

    def deliver(self, data: bytes) -> None:
        """A frame is there."""
        if self.is_open:
            self.arrived.append(data)
            self._wake()

    def close(self) -> None:
        """Ends it on this side at once; the other side notices a little later."""
        if self.is_open:
            self.break_off()
            self.wire.loop.after(self.wire.delay(), self.other.break_off)

    def break_off(self) -> None:
        """The connection is gone, as seen from this side."""
        self.is_open = False
        self._has_room.set()
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Wire:
    """Every link between hosts. Hosts are numbered; twins are two hosts of one member."""

    def __init__(self, loop: SimulatedLoop, chance: random.Random) -> None:
        self.loop = loop
        self.weather = Weather()
        self.cut: set[tuple[int, int]] = set()
        """(from, to) between which nothing passes."""
        self.holds = False
        """Whether what meets a cut waits for its end, as TCP has it, instead of being lost."""
        self.slow: dict[tuple[int, int], float] = {}
        """(from, to) to bytes a second, where it is little."""
        self.slow_until = 0.0
        """When the last frame arrives that was sent over a slow link."""
        self.streams: list[Stream] = []
        self.accept: Callable[[int, Stream], bool] = lambda host, stream: False
        """Hands a new connection to a host; False when nothing listens there."""
        self.on_carry: Callable[[Stream, bytes], None] = lambda stream, data: None
        self.gate: Callable[[Stream, bytes], bytes | None] = lambda stream, data: data
        """What may go on its way of a frame; None for nothing (`scenes.py`)."""
        self.injected: Counter[str] = Counter()
        self._chance = chance
        self._held: list[tuple[Stream, bytes]] = []

    def delay(self) -> float:
        """Seconds that something small takes."""
        weather = self.weather
        return self._chance.uniform(weather.delay_min_ms, weather.delay_max_ms) / 1000

    def connect(self, owner: int, peer: int) -> Stream:
        """A connection from one host to another. Raises OSError when there is no way or no answer."""
        self.streams = [stream for stream in self.streams if stream.is_open or stream.other.is_open]
        if (owner, peer) in self.cut or (peer, owner) in self.cut:
            raise TimeoutError("no answer")
        near, far = Stream(self, owner, peer), Stream(self, peer, owner)
        near.other, far.other = far, near
        if not self.accept(peer, far):
            raise ConnectionRefusedError("nothing listens there")
        self.streams += [near, far]
        return near

    def carry(self, stream: Stream, data: bytes) -> None:
        """Takes a frame to the other end, or does not."""
        self.on_carry(stream, data)
        passing = self.gate(stream, data)
        if passing is None:
            self.injected["frames kept back"] += 1
            return
        data = passing
        pair = (stream.owner, stream.peer)
        if pair in self.cut:
            self.injected["frames cut off"] += 1
            if self.holds:
                self._held.append((stream, data))
            return
        chance, weather = self._chance, self.weather
        copies = 1
        if stream.sent > GREETING_FRAMES:
            if weather.breaks and chance.random() < weather.breaks:
                self.injected["streams broken"] += 1
                stream.close()
                return
            if weather.loss and chance.random() < weather.loss:
                self.injected["frames lost"] += 1
                return
            if weather.duplication and chance.random() < weather.duplication:
                self.injected["frames doubled"] += 1
                copies = 2
        overtakes = weather.reordering and stream.sent > GREETING_FRAMES
        rate = self.slow.get(pair, 1e8)
        for _ in range(copies):
            at = stream.arrival(self.loop.time(), self.delay(), len(data), rate, overtakes)
            if pair in self.slow:
                self.slow_until = max(self.slow_until, at)
            self.loop.after(at - self.loop.time(), stream.other.deliver, data)

    def heal(self) -> None:
        """Lets everything pass from now on; what was held back arrives."""
        self.cut = set()
        self.slow = {}
        held, self._held = self._held, []
        for stream, data in held:
            self.loop.after(self.delay(), stream.other.deliver, data)

    def break_between(self, host: int, others: set[int]) -> None:
        """Ends every connection between a host and some others."""
        for stream in self.streams:
            if stream.owner == host and stream.peer in others:
                stream.close()

    def unplug(self, host: int, abruptly: bool) -> None:
        """A host's process is gone: its peers notice at once or, after a power cut, a little later."""
        for stream in self.streams:
            if stream.owner == host and stream.is_open:
                stream.break_off()
                late = self._chance.uniform(0.2, 3.0) if abruptly else self.delay()
                self.loop.after(late, stream.other.break_off)


class SimulatedPeers(PeerNetwork):
    """The production network of one node, over a `Wire`."""

    def __init__(
        self,
        config: NodeConfig,
        membership: Membership,
        own: int,
        key: SigningKey,
        inbox: Inbox,
        log: Log,
        *,
        wire: Wire,
        host: int,
        hosts: Callable[[int], int],
    ) -> None:
        """`host`: this node's number; `hosts`: the host to dial for a member."""
        super().__init__(config, membership, own, key, inbox, log)
        self._wire = wire
        self._host = host
        self._hosts = hosts
        self.on_send: Callable[[bytes], None] = lambda data: None
        """Told of each frame that this node sends, once."""
        self.power: Callable[[], None] = lambda: None
        """Called between two sends: the power may go."""
        self.rewrite: Callable[[int, bytes], list[bytes]] | None = None
        """What a Byzantine member sends instead of a frame to a member."""

    async def start(self) -> None:
        """Starts dialling."""
        self._tasks = [
            asyncio.create_task(self._dial_for_ever(member, section), name=f"dial {section.federation}")
            for member, section in self._sections.items()
        ]

    def send(self, member: int, data: bytes) -> None:
        """See PeerNetwork."""
        self.power()
        self.on_send(data)
        self.post(member, data)

    def broadcast(self, data: bytes) -> None:
        """See PeerNetwork."""
        self.on_send(data)
        for member in list(self.links):
            self.power()
            self.post(member, data)

    def post(self, member: int, data: bytes) -> None:
        """Sends a frame, or what a liar makes of it."""
        for each in [data] if self.rewrite is None else self.rewrite(member, data):
            super().send(member, each)

    async def accept(self, stream: Stream) -> None:
        """A connection that another host made; as `PeerNetwork._accept`, with its pause for the faulty."""
        handshake = self._begin_greeting()
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                member = await self._greet(handshake, stream.read, stream.write, self._certificate)  # type: ignore[arg-type]
            if self._pause(member) <= 0:
                await self._serve(member, stream.read, stream.write)  # type: ignore[arg-type]
        except ConnectionError as error:
            self._log.debug("peer_unreachable", peer=stream.peer, error=str(error))
        except (PeerFault, OSError) as error:
            self._log.warning("peer_refused", peer=stream.peer, reason=str(error))
        finally:
            stream.close()

    async def _dial(self, member: int, section: PeerSection) -> None:
        stream = self._wire.connect(self._host, self._hosts(member))

        def expect(claimed: int) -> bytes:
            if claimed != member:
                raise PeerFault(f"member {claimed} answered, not {member}")
            return self._certificate(claimed)

        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await self._greet(self._begin_greeting(), stream.read, stream.write, expect)  # type: ignore[arg-type]
            await self._serve(member, stream.read, stream.write)  # type: ignore[arg-type]
        finally:
            stream.close()

    def _begin_greeting(self) -> Handshake:
        return self._handshake(self._certificate(self._own))

    @staticmethod
    def _certificate(member: int) -> bytes:
        return sha256(b"certificate of member %d" % member).digest()
