"""CSV files that people write: a header, one row a line, every mistake named before anything is sent.

Decides how columns and rows are checked: unknown, missing or doubled columns, and each bad cell by row
and column. Never sends and never prints. Row 1 is the first row under the header.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from client.documents import read_bounded
from client.errors import ClientError, UsageProblem

Row = dict[str, str]
"""Cells by column, without surrounding blanks; absent columns are empty."""
T = TypeVar("T")
ROWS_MAX = 100_000
FILE_BYTES_MAX = 64 << 20
COLUMNS_MAX = 100
SHOWN_MAX = 5
"""How many bad rows an error names; the others are counted."""


@dataclass(frozen=True)
class Columns:
    """What a file's header may hold."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    also: Callable[[str], bool] = lambda _: False
    """Accepts columns that are not listed, e.g. one for each unit."""


class CellProblem(Exception):
    """A cell that cannot be right: the column, and why."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(f"{column}: {why}")


def read_table(path: Path, columns: Columns, parse: Callable[[Row], T]) -> list[T]:
    """Reads every row through `parse`, which raises CellProblem or ClientError. All rows are looked at.

    Raises UsageProblem naming the rows at fault.
    """
    rows = _rows(path, columns)
    parsed: list[T] = []
    problems: list[str] = []
    for number, row in enumerate(rows, start=1):
        try:
            parsed.append(parse(row))
        except CellProblem as problem:
            problems.append(f"row {number}, {problem}")
        except ClientError as problem:
            problems.append(f"row {number}: {problem.what} {problem.why}")
    if problems:
        raise bad_rows(path, problems, len(rows))
    return parsed


def bad_rows(path: Path, problems: Sequence[str], rows: int) -> UsageProblem:
    """The error that names rows at fault."""
    shown = "; ".join(problem.rstrip(".") for problem in problems[:SHOWN_MAX])
    more = f"; and {len(problems) - SHOWN_MAX} more" if len(problems) > SHOWN_MAX else ""
    return UsageProblem(
        f"{len(problems)} of the {rows} rows of {path} cannot be right; nothing was sent.",
        f"{shown[0].upper()}{shown[1:]}{more}.",
        "Correct the file and run the command again.",
    )


def delimiter_of(text: str) -> str:
    """What separates the cells of a table: where the comma is the decimal sign, spreadsheets write ';'."""
    header = text.partition("\n")[0]
    return ";" if header.count(";") > header.count(",") else ","


def column_names(header: Iterable[str]) -> list[str]:
    """The names in a header, without the nameless columns that spreadsheets write beside a table."""
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    return names


def has_cells_of_header(row: Mapping[Any, Any]) -> bool:
    """Whether a row of `csv.DictReader` has a cell for each column, and none but blank ones beside them."""
    return None not in row.values() and not "".join(row.get(None, ())).strip()


def is_blank(row: Mapping[Any, Any]) -> bool:
    """Whether nothing stands in a row of `csv.DictReader`: spreadsheets write such rows below a table."""
    return not any("".join(cell or "").strip() for cell in row.values())


def needed(row: Row, column: str) -> str:
    """A cell that must not be empty. Raises CellProblem."""
    if not row[column]:
        raise CellProblem(column, "it is empty")
    return row[column]


def _rows(path: Path, columns: Columns) -> list[Row]:
    try:
        text = read_bounded(path, FILE_BYTES_MAX).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
        header = column_names(reader.fieldnames or ())
        _check_header(path, header, columns)
        reader.fieldnames = header
        rows: list[Row] = []
        for cells in reader:
            if is_blank(cells):
                continue
            rows.append(_row(path, len(rows) + 1, cells, columns))
            if len(rows) > ROWS_MAX:
                raise _unreadable(path, f"it has more than {ROWS_MAX:,} rows")
    except OSError as error:
        raise _unreadable(path, f"{error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8") from error
    except ValueError as error:
        raise _unreadable(path, f"it is larger than {FILE_BYTES_MAX >> 20} MiB") from error
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error
    if not rows:
        raise _unreadable(path, "it has no row under its header")
    return rows


def _row(path: Path, number: int, cells: dict[str | None, str | None], columns: Columns) -> Row:
    if not has_cells_of_header(cells):
        raise _unreadable(path, f"row {number} has another number of cells than the header")
    row = dict.fromkeys((*columns.required, *columns.optional), "")
    row.update({name: str(cell).strip() for name, cell in cells.items() if name is not None})
    return row


def _check_header(path: Path, header: list[str], columns: Columns) -> None:
    if len(header) > COLUMNS_MAX:
        raise _unreadable(path, f"its header has {len(header):,} columns, at most {COLUMNS_MAX} are possible")
    known = (*columns.required, *columns.optional)
    missing = [name for name in columns.required if name not in header]
    unknown = [name for name in header if name not in known and not columns.also(name)]
    doubled = sorted({name for name in header if header.count(name) > 1})
    for names, fault in ((missing, "missing"), (unknown, "unknown"), (doubled, "there twice")):
        if names:
            raise _unreadable(
                path,
                f"in its header these columns are {fault}: {', '.join(names)} (known: {', '.join(known)})",
            )


def _unreadable(path: Path, why: str) -> UsageProblem:
    return UsageProblem(
        f"The file {path} cannot be read as a table.",
        f"{why[0].upper()}{why[1:]}.",
        "Save it as CSV in UTF-8, separated by commas or semicolons, with a header row.",
    )
