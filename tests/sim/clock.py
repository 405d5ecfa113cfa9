"""An event loop whose time is simulated, and processes that can be paused and killed on it.

Production coroutines run on it as they are: nothing ever blocks, and when nothing is left to run, time jumps
to the next timer. What runs, and in which order, follows from the program alone, so a run can be repeated.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
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
        self.held: deque[Due] = deque()
        """What fell due while it was paused, or after it died."""
        self.context = contextvars.Context()
        self.context.run(_PROCESS.set, self)


_PROCESS: contextvars.ContextVar[Process] = contextvars.ContextVar("process")
_WORLD = contextvars.Context()


class Due:
    """What is to run, as `asyncio.Handle` and `asyncio.TimerHandle`; without the care for debugging."""

    __slots__ = ("action", "arguments", "at", "context", "is_cancelled")

    def __init__(
        self, action: Callable[..., object], arguments: Any, context: contextvars.Context, at: float
    ) -> None:
        self.action = action
        self.arguments = arguments
        self.context = context
        self.is_cancelled = False
        self.at = at

    def __lt__(self, other: Due) -> bool:
        return self.at < other.at

    def cancel(self) -> None:
        """It does not run."""
        self.is_cancelled = True
        self.action, self.arguments = _nothing, ()

    def cancelled(self) -> bool:
        """Whether somebody cancelled it."""
        return self.is_cancelled

    def when(self) -> float:
        """Simulated seconds."""
        return self.at


def _nothing() -> None:
    """Stands for what was cancelled."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """An asyncio event loop without a selector."""

    _ready: deque[Due]
    _scheduled: list[Due]
    _stopping: bool

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

    def call_soon(  # type: ignore[override]  # as much of a handle as anybody uses
        self, callback: Callable[..., object], *arguments: Any, context: contextvars.Context | None = None
    ) -> Due:
        """See asyncio.BaseEventLoop."""
        due = Due(callback, arguments, contextvars.copy_context() if context is None else context, self._now)
        self._ready.append(due)
        return due

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *arguments: Any,
        context: contextvars.Context | None = None,
    ) -> Due:
        """See asyncio.BaseEventLoop."""
        due = Due(callback, arguments, contextvars.copy_context() if context is None else context, when)
        heappush(self._scheduled, due)
        return due

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *arguments: Any,
        context: contextvars.Context | None = None,
    ) -> Due:
        """See asyncio.BaseEventLoop."""
        due = Due(
            callback, arguments, contextvars.copy_context() if context is None else context, self._now + delay
        )
        heappush(self._scheduled, due)
        return due

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that belongs to `process`."""
        self._processes[process] = None
        return self.create_task(coroutine, context=process.context)

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> Due:
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
        left = list(asyncio.all_tasks(self))
        for _ in range(END_ROUNDS):
            for task in left:
                task.cancel()
            self.call_soon(self.stop)
            self.run_forever()
            left = [task for task in left if not task.done()]
        self.close()

    def _run_once(self) -> None:
        """See asyncio.BaseEventLoop: what is due, in order, round after round, until the loop is stopped."""
        ready, scheduled = self._ready, self._scheduled
        process_of = _PROCESS
        while not self._stopping:
            while scheduled and scheduled[0].is_cancelled:
                heappop(scheduled)
            if not ready:
                if not scheduled:
                    raise RuntimeError("nothing will ever happen again: whoever waits, waits for ever")
                self._now = max(self._now, scheduled[0].at)
            now = self._now
            while scheduled and scheduled[0].at <= now:
                ready.append(heappop(scheduled))
            for _ in range(len(ready)):
                due = ready.popleft()
                if due.is_cancelled:
                    continue
                process = due.context.get(process_of)
                if process is not None and (process.is_dead or process.paused_until > now):
                    process.held.append(due)
                    continue
                self.callbacks += 1
                try:
                    due.context.run(due.action, *due.arguments)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    words = f"Exception in callback {due.action!r}"
                    self.call_exception_handler({"message": words, "exception": error})

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
