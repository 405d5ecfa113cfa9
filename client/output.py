"""What a person and a program read: amounts, hours, days, the three figures, tables, JSON.

Decides how an amount is written and read (exactly, by integer arithmetic), how `--json` is versioned,
and how a balance is said in words. Never asks a node and never reads a clock. Spec: README, "For scripts".

In JSON every amount is a decimal string in the unit itself: "12.34" EUC. A part of an hour that has no
finite decimal is written with as many digits as tell it from its neighbours ("0.8333" is 50 minutes of
60), and `parse_amount` reads it back exactly.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import IO, TYPE_CHECKING, Any

from ayni.v1 import genesis_pb2
from client.errors import UsageProblem
from client.streams import let_go, write_out
from ledger import limits
from ledger.amounts import Unit as Unit
from ledger.amounts import amount_text as amount_text
from ledger.amounts import decimal_text as decimal_text
from ledger.amounts import is_decimal
from proofs.words import printable

if TYPE_CHECKING:
    from rich.console import Console

JSON_VERSION = 1
AMOUNT_TEXT_CHARACTERS_MAX = 40
LINE_CHARACTERS_MAX = 20_000
TEXT_COLUMN_MIN = 12
"""Narrower than that no column of texts is made: names in it could not be read."""
_EPOCH = date(1970, 1, 1)
_DAY_MAX = (date.max - _EPOCH).days
MS_PER_DAY = 86_400_000
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_HOURS = re.compile(r"([0-9]+):([0-9]{2})")
_DURATION = re.compile(r"([0-9]{1,10})([smhd])")
_DURATION_UNITS = {
    "s": (1_000, "second"),
    "m": (60_000, "minute"),
    "h": (3_600_000, "hour"),
    "d": (86_400_000, "day"),
}


def units_of(genesis: genesis_pb2.Genesis) -> dict[str, Unit]:
    """The units of a network by code."""
    return {
        unit.code: Unit(unit.code, unit.scale, unit.nature == genesis_pb2.NATURE_HOURS)
        for unit in genesis.units
    }


def parse_amount(text: str, unit: Unit) -> int:
    """Reads a positive amount as people write it ("12", "12.34"; hours also "1:30") to smallest parts.

    Exact: what is not a whole number of smallest parts is refused. Raises UsageProblem.
    """
    if len(text) > AMOUNT_TEXT_CHARACTERS_MAX:
        raise _bad_amount(text[:AMOUNT_TEXT_CHARACTERS_MAX] + "…", unit, "it is too long")
    stripped = text.strip()
    if unit.hours and (clock := _HOURS.fullmatch(stripped)):
        hours, minutes = int(clock[1]), int(clock[2])
        if minutes >= 60:
            raise _bad_amount(text, unit, f"{minutes} minutes is an hour or more")
        return _divide(hours * 60 + minutes, 60, unit, text)
    decimal = _DECIMAL.fullmatch(stripped)
    if decimal is None:
        if stripped[:1] in ("-", "\u2212") and (
            _DECIMAL.fullmatch(stripped[1:]) or _HOURS.fullmatch(stripped[1:])
        ):
            raise _bad_amount(text, unit, "it is below zero: who pays and who is paid says which way it goes")
        comma = ": a point stands before its decimal places, and nothing between thousands"
        raise _bad_amount(text, unit, f"it is not a plain number{comma if ',' in text else ''}")
    fraction = decimal[2] or ""
    numerator = int(decimal[1] + fraction)
    denominator: int = 10 ** len(fraction)
    if not is_decimal(unit.scale):
        nearest = (2 * numerator * unit.scale + denominator) // (2 * denominator)
        if nearest and decimal_text(nearest, unit) == stripped:
            return _bounded(nearest, unit, text)
    amount = _divide(numerator, denominator, unit, text)
    if len(fraction) == 3 and int(decimal[1]) and (plain := decimal_text(amount, unit)) != stripped:
        # Where the point stands between thousands, 1.500 is a thousand times what it is here.
        raise _bad_amount(text, unit, f"it could be {plain} or {int(decimal[1] + fraction)}")
    return amount


def balance_text(balance_minor: int, unit: Unit) -> str:
    """A balance in words: a negative one "owes the network"."""
    if balance_minor < 0:
        return f"owes the network {amount_text(-balance_minor, unit)}"
    return amount_text(balance_minor, unit)


def three_figures(balance_minor: int, credit_limit_minor: int, available_minor: int, unit: Unit) -> str:
    """Balance, credit limit and available, always together."""
    return (
        f"balance: {balance_text(balance_minor, unit)}; "
        f"credit limit: {amount_text(credit_limit_minor, unit)}; "
        f"available: {amount_text(available_minor, unit)}"
    )


def three_figures_json(
    balance_minor: int, credit_limit_minor: int, available_minor: int, unit: Unit
) -> dict[str, str]:
    """The same three figures for JSON."""
    return {
        "unit": unit.code,
        "balance": decimal_text(balance_minor, unit),
        "credit_limit": decimal_text(credit_limit_minor, unit),
        "available": decimal_text(available_minor, unit),
    }


def day_text(day: int) -> str:
    """A day counted from 1970-01-01 as "2026-03-31"; 0 is the empty string, beyond the year 9999 a number."""
    if day > _DAY_MAX:
        return f"day {day}"
    return (_EPOCH + timedelta(days=day)).isoformat() if day else ""


def parse_day(text: str) -> int:
    """ "2026-03-31" to days since 1970-01-01. Raises UsageProblem."""
    try:
        days = (date.fromisoformat(text.strip()) - _EPOCH).days
    except ValueError:
        days = -1
    if not 1 <= days <= limits.VALUE_DATE_MAX:
        raise UsageProblem(
            f"'{text}' is not a date.",
            f"Dates are written year-month-day, from 1970-01-02 to {day_text(limits.VALUE_DATE_MAX)}.",
            "Write it like 2026-03-31.",
        )
    return days


def duration_ms(text: str) -> int:
    """ "90s", "10m", "6h", "28d" to milliseconds. Raises UsageProblem."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise UsageProblem(
            f"'{text}' is not a duration.",
            "It needs a number and a unit.",
            "Write it like 90s, 10m, 6h or 28d.",
        )
    return int(found[1]) * _DURATION_UNITS[found[2]][0]


def duration_text(length_ms: int) -> str:
    """A duration in the largest unit that says it exactly: "28 days", "1 minute", "1,500 ms"."""
    for unit_ms, name in reversed(_DURATION_UNITS.values()):
        count, rest_ms = divmod(length_ms, unit_ms)
        if count and not rest_ms:
            return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
    return f"{length_ms:,} ms"


def time_text(time_ms: int) -> str:
    """Unix milliseconds as "2026-03-31 14:05:09 UTC"; beyond the year 9999 as they are."""
    if time_ms // MS_PER_DAY > _DAY_MAX:
        return f"{time_ms} ms after 1970"
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def time_json(time_ms: int) -> str:
    """Unix milliseconds as RFC 3339: "2026-03-31T14:05:09.250Z"; beyond the year 9999 as they are."""
    if time_ms // MS_PER_DAY > _DAY_MAX:
        return f"{time_ms} ms after 1970"
    moment = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{time_ms % 1000:03d}Z"


class Output:
    """Where results go: a document on stdout with `--json`, otherwise text; notices go to stderr then."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._together: list[dict[str, Any]] | None = None

    def result(self, kind: str, document: Mapping[str, Any], render: Callable[[Console], None]) -> None:
        """Shows one result: `document` as versioned JSON, or `render` on a console.

        Raises ValueError when the document would overwrite what says its version and kind.
        """
        if taken := {"ayni", "kind"} & document.keys():
            raise ValueError(f"{kind}: {', '.join(sorted(taken))} is not the document's to say")
        if not self.as_json:
            render(console())
        elif self._together is not None:
            self._together.append({"kind": kind, **document})
        else:
            write_out(json_text({"ayni": JSON_VERSION, "kind": kind, **document}))

    @contextmanager
    def together(self, kind: str, key: str) -> Iterator[None]:
        """With `--json` the results within become one document, a list under `key`; text comes as it is."""
        documents: list[dict[str, Any]] = []
        self._together = documents
        try:
            yield
        finally:
            self._together = None
            if self.as_json:
                self.result(kind, {key: documents}, lambda _: None)

    def notice(self, text: str) -> None:
        """A line along the way ("sending …"); never mixed into the JSON."""
        write_out(_lines(text) + "\n", sys.stderr if self.as_json else sys.stdout)


def json_text(document: Mapping[str, Any]) -> str:
    """A document as it is printed; what JSON leaves as it is and could steer a terminal is escaped too."""
    text = json.dumps(document, indent=2, ensure_ascii=not _shows_all(sys.stdout))
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def _shows_all(stream: IO[str]) -> bool:
    """Whether every character can be written to it: what a terminal of old shows escaped is no JSON."""
    return str(getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def console() -> Console:
    """A console on stdout as it is now; plain and unwrapped when stdout is not a terminal.

    Texts printed on it may quote a ledger or a file: what could steer a terminal is shown escaped.
    """
    if sys.stdout.isatty():
        return _harmless()(highlight=False, markup=False, emoji=False)
    return plain_console(sys.stdout)


def plain_console(file: IO[str]) -> Console:
    """A console on a file: plain, unwrapped."""
    return _harmless()(file=file, width=10_000, highlight=False, markup=False, emoji=False, color_system=None)


@cache
def _harmless() -> type[Console]:
    from rich.console import Console

    class Harmless(Console):
        """Prints texts printable, line by line, and to nobody when nobody reads any more."""

        def on_broken_pipe(self) -> None:
            """See rich.console.Console."""
            self.quiet = True
            let_go(self.file)

        def print(self, *objects: Any, **options: Any) -> None:
            """See rich.console.Console."""
            super().print(*[_lines(one) if isinstance(one, str) else one for one in objects], **options)

    return Harmless


def _lines(text: str) -> str:
    return "\n".join(printable(line, LINE_CHARACTERS_MAX) for line in text.split("\n"))


def print_table(
    target: Console, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()
) -> None:
    """Prints a table: rich on a terminal, aligned plain text in a pipe. `right` names figures' columns.

    On a terminal too narrow for it too, in lines that go on in the next one: nothing is cut off.
    """
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max([len(column), *(len(row[i]) for row in rows)]) for i, column in enumerate(columns)]
    least = [
        width if column in right else min(width, TEXT_COLUMN_MIN)
        for width, column in zip(widths, columns, strict=True)
    ]
    if target.is_terminal and sum(least) + 2 * len(least) <= target.width:
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            figure = column in right  # and is shown whole: its width is taken from texts first
            table.add_column(column, justify="right" if figure else "left", no_wrap=figure, overflow="fold")
        for row in rows:
            table.add_row(*row)
        target.print(table)
        return
    for row in [tuple(columns), *rows]:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        )
        target.print("  ".join(cells).rstrip(), soft_wrap=True)


def _divide(numerator: int, denominator: int, unit: Unit, text: str) -> int:
    amount, remainder = divmod(numerator * unit.scale, denominator)
    if remainder:
        part = "minute" if unit.hours and unit.scale == 60 else f"1/{unit.scale}"
        raise _bad_amount(text, unit, f"it is not a whole number of the smallest part ({part})")
    if amount == 0:
        raise _bad_amount(text, unit, "it is zero")
    return _bounded(amount, unit, text)


def _bounded(amount: int, unit: Unit, text: str) -> int:
    if amount > limits.AMOUNT_MAX:
        raise _bad_amount(text, unit, f"at most {amount_text(limits.AMOUNT_MAX, unit)} is possible")
    return amount


def _bad_amount(text: str, unit: Unit, why: str) -> UsageProblem:
    example = "1:30 or 1.5" if unit.hours else decimal_text(12 * unit.scale + unit.scale // 2, unit)
    return UsageProblem(
        f"'{text}' is not an amount of {unit.code}.",
        f"{why[0].upper()}{why[1:]}.",
        f"Write it like {example}.",
    )
