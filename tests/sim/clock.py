"""An event loop whose time is simulated, and processes that can be paused and killed on it.

Production coroutines run on it as they are: nothing ever blocks, and when nothing is left to run, time jumps
to the next timer. What runs, and in which order, follows from the program alone, so a run can be repeated.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

END_ROUNDS = 20
"""How often what is left at the end is cancelled: whoever cleans up may wait once more."""
START_SECONDS = 1_000.0
"""What the clock shows at first; a real one does not begin at 0 either."""


class SimulatedCrash(BaseException):
    """Unwinds the stack of a process that has just lost its power; nothing of it runs again."""


class Process:
    """One life of one node: everything that its tasks schedule belongs to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.paused_until = 0.0
        """Until then nothing of it runs; what falls due meanwhile waits."""
        self.held: deque[asyncio.Handle] = deque()
        """What fell due while it was paused, or after it died."""
        self.context = contextvars.Context()
        self.context.run(_PROCESS.set, self)


_PROCESS: contextvars.ContextVar[Process] = contextvars.ContextVar("process")
_WORLD = contextvars.Context()


class SimulatedLoop(asyncio.BaseEventLoop):
    """An asyncio event loop without a selector."""

    _ready: deque[Any]
    _scheduled: list[Any]

    def __init__(self) -> None:
        super().__init__()
        self._now = START_SECONDS
        self.callbacks = 0
        """How many ran, for the figures."""
        self.failures: list[str] = []
        """What asyncio reports as never looked at: a task that failed and nobody awaited."""
        self._processes: dict[Process, None] = {}
        self.set_exception_handler(_note_failure)

    def time(self) -> float:
        """Simulated seconds."""
        return self._now

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that belongs to `process`."""
        self._processes[process] = None
        return self.create_task(coroutine, context=process.context)

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> asyncio.TimerHandle:
        """Does something of the world, not of a process, a little later."""
        return self.call_later(seconds, action, *arguments, context=_WORLD)

    def pause(self, process: Process, seconds: float) -> None:
        """Stops a process for a while without its noticing."""
        process.paused_until = max(process.paused_until, self._now + seconds)
        self.call_at(process.paused_until, self._resume, process, context=_WORLD)

    def _resume(self, process: Process) -> None:
        if self._now >= process.paused_until and not process.is_dead:
            self._ready.extend(process.held)
            process.held.clear()

    def end(self) -> None:
        """The world ends: every task still there is cancelled, the dead ones' too, and the loop is closed."""
        for process in self._processes:
            process.is_dead, process.paused_until = False, 0.0
            self._ready.extend(process.held)
            process.held.clear()
        for _ in range(END_ROUNDS):
            for task in asyncio.all_tasks(self):
                task.cancel()
            self.call_soon(self.stop)
            self.run_forever()
        self.close()

    def _run_once(self) -> None:
        """See asyncio.BaseEventLoop: one round of what is due, in order."""
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
        if not ready:
            if not scheduled:
                raise RuntimeError("nothing will ever happen again: whoever waits, waits for ever")
            self._now = max(self._now, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._now:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(_PROCESS)
            if process is not None and (process.is_dead or process.paused_until > self._now):
                process.held.append(handle)
                continue
            self.callbacks += 1
            handle._run()

    # What BaseEventLoop leaves to its heirs, and no simulated program needs.

    def _process_events(self, event_list: Any) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""


async def rest(seconds: float) -> None:
    """Lets simulated time pass."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, _finish, over)
    await over


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _note_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(loop, SimulatedLoop) and not isinstance(error, SimulatedCrash):
        loop.failures.append(f"{context.get('message')}: {error!r}")
