"""Structured logs on standard error: events with fields, for people or for machines.

Decides form and level, and leaves out what somebody makes a node say time and again. Nothing secret is ever
logged: no key, no seed, no transaction body.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Protocol

import structlog

from config import LogSection

ALIKE_MAX: Final = 20
"""Lines alike in one minute; the next one says how many were left out."""
ALIKE_IN: Final = ("event", "peer", "code", "against", "method")
"""Lines are alike whose fields of these names are."""
KINDS_MAX: Final = 500
"""Of which so many are told apart; all others are alike."""
MINUTE_SECONDS: Final = 60.0


class Log(Protocol):
    """What the rooms of the node log with: an event's name, and its fields."""

    def debug(self, event: str, **fields: Any) -> Any:
        """Of interest while looking for a fault."""

    def info(self, event: str, **fields: Any) -> Any:
        """What happens in ordinary running."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Somebody should look at it soon."""

    def error(self, event: str, **fields: Any) -> Any:
        """Something is wrong now."""


class Sparing:
    """Leaves out what says the same too often: a member that comes and goes would else fill the disk."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: seconds, of any origin."""
        self._clock = clock
        self._began = clock()
        self._said: dict[tuple[Any, ...], int] = {}
        self._left_out: dict[tuple[Any, ...], int] = {}

    def __call__(self, _: Any, level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """See structlog's processors."""
        if level == "debug":  # whoever wants to see these wants all
            return line
        now = self._clock()
        if now - self._began >= MINUTE_SECONDS:
            self._began = now
            self._left_out = {kind: said - ALIKE_MAX for kind, said in self._said.items() if said > ALIKE_MAX}
            self._said = {}
        kind = tuple(line.get(name) for name in ALIKE_IN)
        if kind not in self._said and len(self._said) >= KINDS_MAX:
            kind = ()
        self._said[kind] = self._said.get(kind, 0) + 1
        if self._said[kind] > ALIKE_MAX:
            raise structlog.DropEvent
        if left_out := self._left_out.pop(kind, 0):
            line["left_out"] = left_out
        return line


def make_log(section: LogSection, *, clock: Callable[[], float] = time.monotonic, **fields: Any) -> Log:
    """A log of this level and format, every line with `fields`. `clock`: seconds, of any origin."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if section.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            Sparing(clock),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(section.level.upper())),
        cache_logger_on_first_use=True,
        **fields,
    )
    return log
