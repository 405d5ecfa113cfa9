"""When: the timer of the view, quiet, the heartbeat, the status, and blocks that come seldom.

Decides what is due at a given moment; what to do about it is `round.py`'s. Spec: docs/protocol.md, C3, C10,
C12. All times are milliseconds on the clock of `Machine.step`.
"""

from consensus.config import FLAT_FAILURES, GATHER_OF_TIMEOUT, ConsensusConfig


def timeout_ms(config: ConsensusConfig, failures: int) -> int:
    """Return the timeout of a view before which `failures` views since finality brought no block (C12)."""
    doublings = min(max(0, failures - FLAT_FAILURES), 32)
    return min(config.timeout_max_ms, config.timeout_base_ms << doublings)


class Pacing:
    """The timers of one machine."""

    def __init__(self, config: ConsensusConfig, now_ms: int) -> None:
        self._config = config
        self._timeout_ms = config.timeout_base_ms
        self._started_ms: int | None = None
        self._last_block_ms = now_ms
        self._status_due_ms = now_ms
        self._gather_ms = min(config.gather_ms, config.timeout_base_ms // GATHER_OF_TIMEOUT)
        self.busy = False
        """Whether blocks take this node long (C10)."""
        self._behind_until_ms: dict[int, int] = {}
        """Of each member that says that it is behind: until when that is believed."""

    @property
    def running(self) -> bool:
        """Whether the view's timer runs; it does not while the network is quiet (C10)."""
        return self._started_ms is not None

    def enter_view(self, failures: int) -> None:
        """Stop the timer of the view left; the next starts when something is wanted (C1, C10)."""
        self._started_ms = None
        self.set_timeout(failures)

    def set_timeout(self, failures: int) -> None:
        """Set the view's timeout, the timer running or not (C12)."""
        self._timeout_ms = timeout_ms(self._config, failures)

    def start(self, now_ms: int) -> None:
        """Start the view's timer, if it is not running."""
        if self._started_ms is None:
            self._started_ms = now_ms

    def stop(self) -> None:
        """Be quiet (C10)."""
        self._started_ms = None

    def block_seen(self, now_ms: int) -> None:
        """Note that there is a new block: the heartbeat waits from here."""
        self._last_block_ms = now_ms

    def heard(self, member: int, now_ms: int, *, behind: bool) -> None:
        """Note whether a member is behind, by its status; believed until its next status but one."""
        if behind:
            self._behind_until_ms[member] = now_ms + 2 * self._config.status_interval_ms
        else:
            self._behind_until_ms.pop(member, None)

    def is_behind(self, member: int, now_ms: int) -> bool:
        """Return whether a member is behind, by its status (C3)."""
        return now_ms < self._behind_until_ms.get(member, now_ms)

    def gathering(self, now_ms: int) -> bool:
        """Return whether the next block has to wait: the last one was just now, and a member is behind or we
        are busy."""
        return now_ms < self._gathered_ms()

    def _gathered_ms(self) -> int:
        """The moment from which a block may follow the last one, late as its finality may come (C10)."""
        since_ms = self._last_block_ms
        if self._started_ms is not None:
            since_ms = min(since_ms, self._started_ms)
        most_ms = since_ms + self._gather_ms
        until_ms = max(self._behind_until_ms.values(), default=since_ms)
        if self.busy:
            until_ms = max(until_ms, most_ms)
        return min(until_ms, most_ms)

    def expired(self, now_ms: int) -> bool:
        """Return whether the view's time is over (C3)."""
        return self._started_ms is not None and now_ms >= self._started_ms + self._timeout_ms

    def half_gone(self, now_ms: int) -> bool:
        """Return whether half of the view's time is over: an empty block may be proposed (C10)."""
        return self._started_ms is not None and now_ms >= self._started_ms + self._timeout_ms // 2

    def heartbeat_due(self, now_ms: int) -> bool:
        """Return whether there has been no block for so long that an empty one moves time (C10)."""
        return now_ms >= self._last_block_ms + self._config.heartbeat_ms

    def status_due(self, now_ms: int) -> bool:
        """Return whether a status is due, and if so, wait for the next one from now."""
        if now_ms < self._status_due_ms:
            return False
        self._status_due_ms = now_ms + self._config.status_interval_ms
        return True

    def status_deadline_ms(self) -> int:
        """Return when the next status is due."""
        return self._status_due_ms

    def view_deadlines_ms(self, now_ms: int) -> list[int]:
        """Return the moments ahead at which the timer, its half, the heartbeat or the next block is due."""
        if self._started_ms is None:
            due = [self._last_block_ms + self._config.heartbeat_ms]
        else:
            due = [self._started_ms + self._timeout_ms // 2, self._started_ms + self._timeout_ms]
            due.append(self._gathered_ms())
        return [at_ms for at_ms in due if at_ms > now_ms]
