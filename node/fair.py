"""A queue that serves everybody in turn: whoever sends much waits behind its own, and not before others.

Decides only whose item is next: sources take turns, and the items of one source keep their order. Bounds are
the business of whoever puts in. Sans-I/O.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items of many sources; `take` gives each source's oldest in turn."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Hashable, deque[T]] = OrderedDict()
        """Never an empty one; the first is next."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, source: Hashable, item: T) -> None:
        """Adds an item at the end of its source's queue."""
        queue = self._queues.get(source)
        if queue is None:
            self._queues[source] = deque((item,))
        else:
            queue.append(item)
        self._count += 1

    def put_back(self, source: Hashable, item: T) -> None:
        """Returns an item that was taken and is not finished: it is the first of its source."""
        self._queues.setdefault(source, deque()).appendleft(item)
        self._count += 1

    def take(self) -> tuple[Hashable, T]:
        """The next item and its source, whose turn is over. Raises IndexError when there is none."""
        if not self._queues:
            raise IndexError("nothing is queued")
        source, queue = self._queues.popitem(last=False)
        item = queue.popleft()
        if queue:
            self._queues[source] = queue
        self._count -= 1
        return source, item

    def drop(self, source: Hashable, unwanted: Callable[[T], bool]) -> None:
        """Forgets those items of a source that are unwanted."""
        queue = self._queues.get(source)
        if queue is None:
            return
        kept = deque(item for item in queue if not unwanted(item))
        self._count -= len(queue) - len(kept)
        if kept:
            self._queues[source] = kept
        else:
            del self._queues[source]
