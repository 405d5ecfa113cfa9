"""Runs one function on many hostile inputs, and says which of them it does not survive.

Decides what a finding is: an exception that the target does not promise, a text that helps nobody, an input
that takes too long or too much memory. Never decides what is tried: `mutate_*.py` do, from a seed, so that
the same seed always tries the same inputs. Inputs that are refused in a way not seen before are kept and
mutated further.
"""

from __future__ import annotations

import hashlib
import re
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 5.0
"""One input may take so much of a processor."""
WALL_FACTOR = 6
"""So many times as long by the clock, on a busy machine or waiting."""
MEMORY_GROWTH_MAX_BYTES = 384 << 20
"""One input may make the process grow by so much."""
MESSAGE_CHARACTERS_MAX = 2_000
LISTED_CHARACTERS_MAX = 600
"""A longer message is a list of faults, so much each,"""
LISTED_MAX = 21
"""and so many lines."""
POOL_MAX = 400
POOL_INPUT_BYTES_MAX = 1 << 13
"""Larger inputs are tried, and not mutated further."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_FIGURES = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|[0-9]+|'[^']*'|\"[^\"]*\"")

Mutate = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""(chance, one input, all inputs kept) to another input."""


@dataclass(frozen=True)
class Target:
    """One function that reads what somebody else wrote."""

    name: str
    about: str
    """What the bytes are, and who writes them."""
    seeds: Callable[[], Sequence[bytes]]
    """Real ones."""
    mutate: Mutate
    run: Callable[[bytes], object]
    """The function under test. Returns, or raises one of `allowed`."""
    allowed: tuple[type[BaseException], ...] = ()
    rate: int = 1
    """Inputs in the short form, relative to the others."""
    words: Callable[[BaseException], str] = str
    """The text of an allowed exception that somebody will read."""


@dataclass(frozen=True)
class Finding:
    """An input that the target does not survive."""

    target: str
    data: bytes
    reason: str
    where: str
    """The innermost line of this tree, or "" when time or memory ran out."""
    trace: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Findings of one cause have one key."""
        return self.reason.partition(":")[0], self.where


@dataclass
class Report:
    """What one run tried."""

    target: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    shapes: int = 0
    """In how many different ways inputs were accepted or refused."""
    seconds: float = 0.0
    slowest_ms: float = 0.0
    trace: str = ""
    """SHA-256 over all inputs: the same seed gives the same."""
    findings: list[Finding] = field(default_factory=list)


class TooSlow(BaseException):
    """The time of an input is over. No target may swallow it, so it is no Exception."""


def attempt(target: Target, data: bytes, seconds_max: float = SECONDS_MAX) -> tuple[Finding | None, str]:
    """Runs one input; what is wrong, and the shape of the answer."""
    before = _memory_bytes()
    began = time.process_time()
    previous = [(each, signal.signal(each, _alarm)) for each in (signal.SIGALRM, signal.SIGPROF)]
    _set_timers(seconds_max)
    finding: Finding | None = None
    try:
        target.run(data)
        shape = "accepted"
    except target.allowed as error:
        _set_timers(0)
        text = target.words(error)
        shape = f"{type(error).__name__} {_FIGURES.sub('#', text)[:200]}"
        if fault := unclear(text):
            finding = Finding(target.name, data, f"unclear: {fault}", _place(error), text[:3_000])
    except TooSlow as error:
        shape = "slow"
        reason = f"slow: more than {seconds_max:g} s"
        finding = Finding(target.name, data, reason, "", _trace(error))
    except Exception as error:  # exactly these are what is looked for
        shape = f"crash {type(error).__name__}"
        reason = f"{type(error).__name__}: {str(error)[:300]}"
        finding = Finding(target.name, data, reason, _place(error), _trace(error))
    finally:
        _set_timers(0)
        for number, handler in previous:
            signal.signal(number, handler)
    if finding is None and time.process_time() - began > seconds_max:
        finding = Finding(target.name, data, f"slow: more than {seconds_max:g} s", "")
    grown = _memory_bytes() - before
    if finding is None and grown > MEMORY_GROWTH_MAX_BYTES:
        finding = Finding(target.name, data, f"memory: {grown >> 20} MiB more for {len(data)} bytes", "")
    return finding, shape


def unclear(text: str) -> str:
    """Why a message helps nobody; "" when it does."""
    if not text.strip():
        return "it says nothing"
    lines = text.split("\n")
    is_list = len(lines) <= LISTED_MAX and max(map(len, lines)) <= LISTED_CHARACTERS_MAX
    if len(text) > MESSAGE_CHARACTERS_MAX and not is_list:
        return f"it has {len(text)} characters"
    if found := _CONTROL.search(text):
        return f"it holds the control character {found[0]!r}"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it cannot be printed"
    return ""


def run(
    target: Target, seed: int, *, inputs: int = 0, seconds: float = 0.0, findings_max: int = 20
) -> Report:
    """Tries every seed input, then mutations, until so many inputs or seconds; the same for the same seed
    and number of inputs."""
    report = Report(target.name)
    digest = hashlib.sha256()
    seen: set[tuple[str, str]] = set()
    shapes: set[str] = set()
    began = time.perf_counter()
    for data in _stream(target, seed, shapes):
        tried = time.perf_counter()
        finding, shape = attempt(target, data)
        report.slowest_ms = max(report.slowest_ms, (time.perf_counter() - tried) * 1000)
        shapes.add(shape)
        digest.update(len(data).to_bytes(8))
        digest.update(data)
        report.inputs += 1
        report.accepted += shape == "accepted"
        report.refused += shape != "accepted"
        if finding is not None and finding.key not in seen:
            seen.add(finding.key)
            report.findings.append(finding)
        report.seconds = time.perf_counter() - began
        done = report.inputs >= inputs if inputs else report.seconds >= seconds
        if done or len(report.findings) >= findings_max:
            break
    report.shapes = len(shapes)
    report.trace = digest.hexdigest()
    return report


def _stream(target: Target, seed: int, shapes: set[str]) -> Iterator[bytes]:
    """Inputs without end; what brought a new shape is mutated further."""
    chance = Random(f"{target.name} {seed}")
    pool = list(target.seeds())
    yield from list(pool)
    known = len(shapes)
    while True:
        base = pool[chance.randrange(len(pool))]
        data = target.mutate(chance, base, pool)
        yield data
        if len(shapes) > known and len(data) <= POOL_INPUT_BYTES_MAX:
            known = len(shapes)
            if len(pool) < POOL_MAX:
                pool.append(data)
            else:
                pool[chance.randrange(POOL_MAX // 2, POOL_MAX)] = data


def shrink(target: Target, finding: Finding, tries: int = 400) -> Finding:
    """The finding with a smaller input, where one has the same cause. Slow inputs are left as they are."""
    if finding.reason.startswith(("slow", "memory")):
        return finding
    best = finding
    size = max(1, len(best.data) // 2)
    while size and tries:
        at = 0
        while at < len(best.data) and tries:
            tries -= 1
            smaller = best.data[:at] + best.data[at + size :]
            found, _ = attempt(target, smaller)
            if found is not None and found.key == best.key:
                best = found
            else:
                at += size
        size //= 2
    return best


def _set_timers(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WALL_FACTOR)


def _alarm(*_: Any) -> None:
    raise TooSlow


def _memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _place(error: BaseException) -> str:
    """The innermost line of this tree that is not of the fuzzer."""
    place = str(getattr(error, "place", ""))
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(ROOT) and "tests" not in path.parts and ".venv" not in path.parts:
            place = f"{path.relative_to(ROOT)}:{frame.lineno}"
    return place


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-4_000:]
