"""Structured logs on standard error: events with fields, for people or for machines.

Decides form and level only. Nothing secret is ever logged: no key, no seed, no transaction body.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Protocol

import structlog

from config import LogSection


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


def make_log(section: LogSection, **fields: Any) -> Log:
    """A log of this level and format, every line with `fields`."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if section.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
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
