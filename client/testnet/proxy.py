"""The wires between the nodes: a process of its own that carries, delays, holds up or cuts their bytes.

One listening port for each node and each other node that it may dial. Decides nothing by itself: lines of
JSON on standard input say what each wire does, and each is answered by a line once it is so. Ends with its
standard input. Never looks into what it carries.

    {"open": {"0>1": [18000, 18101], …}}        listen on 18000, carry to 18101 (both on 127.0.0.1)
    {"set": {"0>1": {"cut": false, "up": true, "down": true, "delay_ms": 40}, …}}

`cut`: what is open is reset, what comes is reset. `up`, `down`: whether bytes pass from the one who dialled,
and to it; what does not pass waits, as on a line that is dead but not closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
from dataclasses import dataclass, replace
from typing import Any

CHUNK_BYTES = 64 * 1024
HELD_CHUNKS_MAX = 64
NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class WireState:
    """What one wire does."""

    cut: bool = False
    up: bool = True
    down: bool = True
    delay_ms: int = 0


class Wire:
    """One port, and what is connected to it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.state = WireState()
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, port: int) -> None:
        """Takes connections from now on."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=CHUNK_BYTES)

    def set(self, state: WireState) -> None:
        """Changes what it does, for what is connected too."""
        self.state = state
        self._changed.set()
        self._changed = asyncio.Event()
        if state.cut:
            for writer in self._open:
                _reset(writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state.cut:
            _reset(writer)
            return
        self._open.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # nobody is there now
            self._open.discard(writer)
            writer.transport.abort()
            return
        self._open.add(far_writer)
        up = asyncio.create_task(self._carry(reader, far_writer, True))
        down = asyncio.create_task(self._carry(far_reader, writer, False))
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        for each in (writer, far_writer):
            self._open.discard(each)
            each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        """Bytes one way, in order: each chunk when it is due, and when the wire lets it pass."""
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(HELD_CHUNKS_MAX)

        async def take_in() -> None:
            loop = asyncio.get_running_loop()
            while data := await reader.read(CHUNK_BYTES):
                await held.put((loop.time() + self.state.delay_ms / 1000, data))
            await held.put((0.0, b""))

        taking = asyncio.create_task(take_in())
        try:
            while True:
                due, data = await held.get()
                await self._until(due)
                while not (self.state.up if up else self.state.down):
                    await self._changed.wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            return  # the connection is gone, and so is this one
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _until(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        if due > loop.time():
            reached = asyncio.Event()
            loop.call_at(due, reached.set)
            await reached.wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection with a reset (RST), as a dead machine's system does, not with a good-bye."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()


async def serve() -> None:
    """Does what standard input says, until it ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    wires: dict[str, Wire] = {}
    while line := await lines.readline():
        said: dict[str, Any] = json.loads(line)
        for name, (port, target) in said.get("open", {}).items():
            wires[name] = Wire(target)
            await wires[name].listen(port)
        for name, change in said.get("set", {}).items():
            wires[name].set(replace(wires[name].state, **change))
        print("done", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
