"""Where a flow's transactions come from: whatever the caller iterates over, at whatever pace.

Decides who waits for it: a thread of its own, and nothing else. What was read waits here until it is sent.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from client.drafts import checked_id
from client.submission import BATCH_BYTES_MAX

Signed = tuple[bytes, bytes]
"""A transaction's id, and its bytes."""


class Source:
    """What the caller hands in, read when it is asked for, on a thread that nothing else waits for.

    Shared under the condition that it is given; its methods are called while that is held.
    """

    def __init__(self, transactions: Iterable[bytes], changed: threading.Condition) -> None:
        self._iterator = iter(transactions)
        self._changed = changed
        self.given: deque[Signed] = deque()
        """Read, and not sent yet."""
        self.ended = False
        """Whether it was read to its end, or to its error."""
        self.error: BaseException | None = None
        self._asked = 0
        self._abandoned = False
        threading.Thread(target=self._read_on, name="source of a flow", daemon=True).start()

    def ask(self, most: int) -> None:
        """Reads so many, or as many as a message holds, unless it is at that already."""
        if not (self._asked or self.ended):
            self._asked = most
            self._changed.notify_all()

    def abandon(self) -> None:
        """Nothing more is wanted of it."""
        self._abandoned = True
        self._changed.notify_all()

    def _read_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._abandoned)
                if self._abandoned:
                    return
                most = self._asked
            given, ended, error = self._read(most)
            with self._changed:
                self.given.extend(given)
                self.ended, self.error = ended, error
                self._asked = 0
                self._changed.notify_all()
            if ended:
                return

    def _read(self, most: int) -> tuple[list[Signed], bool, BaseException | None]:
        """(the next ones, whether these are the last, what is wrong with what follows)."""
        given: list[Signed] = []
        size = 0
        while len(given) < most and size < BATCH_BYTES_MAX:
            try:
                raw = next(self._iterator)
                given.append((checked_id(raw), raw))
                size += len(raw)
            except StopIteration:
                return given, True, None
            except BaseException as problem:  # it is raised again where the outcomes are read
                return given, True, problem
        return given, False, None


def popped(waiting: deque[Signed], most: int) -> list[Signed]:
    """Takes out the first ones, at most as many as a message holds."""
    taken: list[Signed] = []
    size = 0
    while waiting and len(taken) < most and (not taken or size + len(waiting[0][1]) <= BATCH_BYTES_MAX):
        taken.append(waiting.popleft())
        size += len(taken[-1][1])
    return taken
