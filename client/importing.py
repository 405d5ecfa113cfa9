"""Rows of a CSV file as transactions: parsed whole, every error told, before anything is sent.

Decides the columns, what is wrong with a row, and each row's nonce: derived from the file's profile and
the row's `id`, so that a row imported twice is the same transaction (docs/protocol.md, T4). Never sends.

Transfers: id, payee, amount, unit; optional: payer, date, reference, document_hash.
Openings, `kind` balance: id, kind, debtor, creditor, unit, amount; optional: reference, document_hash.
Openings, `kind` holding: id, kind, issuer, holder, class, amount, date; optional: document_hash.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ayni.v1 import pool_pb2
from client import transactions
from client.documents import read_bounded
from client.drafts import Draft
from client.errors import ClientError, UsageProblem
from client.output import Unit, parse_amount, parse_day
from client.stamps import Stamp, import_nonce
from client.tables import column_names, delimiter_of, has_cells_of_header, is_blank
from ledger import limits
from proofs.words import printable

FILE_BYTES_MAX = 64 << 20
ROWS_MAX = 100_000
ID_CHARACTERS_MAX = 100

TRANSFER_COLUMNS = ({"id", "payee", "amount", "unit"}, {"payer", "date", "reference", "document_hash"})
OPENING_COLUMNS = (
    {"id", "kind", "amount"},
    {"debtor", "creditor", "unit", "issuer", "holder", "class", "date", "reference", "document_hash"},
)

Build = Callable[["Cells", Stamp], Draft]


@dataclass(frozen=True)
class Row:
    """One row of the file."""

    number: int
    """Its line in the file, from 1; the header is line 1."""
    row_id: str
    draft: Draft | None
    errors: tuple[str, ...] = ()


class Cells:
    """The cells of one row, with errors that name the column. Collects every error of the row."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.errors: list[str] = []

    def text(self, column: str, *, required: bool = False, otherwise: str = "") -> str:
        """A cell's text."""
        value = self._values.get(column, "").strip() or otherwise
        if required and not value:
            self.errors.append(f"{column}: it is empty")
        return value

    def account(self, column: str, otherwise: str = "") -> str:
        """An account's name."""
        value = self.text(column, required=True, otherwise=otherwise)
        if value and not limits.ACCOUNT_NAME.match(value):
            self.errors.append(f"{column}: '{value}' is not an account; write it like emilia/cadiai")
        return value

    def amount(self, units: Mapping[str, Unit], code: str) -> int:
        """The amount in smallest parts."""
        if code not in units:
            self.errors.append(f"unit: there is no '{code}'; known are {', '.join(sorted(units))}")
            return 0
        return self._parsed("amount", lambda text: parse_amount(text, units[code]))

    def day(self, column: str, otherwise: int) -> int:
        """A date as days since 1970-01-01."""
        return self._parsed(column, parse_day) if self.text(column) else otherwise

    def hash(self, column: str) -> bytes:
        """A document's SHA-256, 64 hex digits, or nothing."""
        value = self.text(column)
        try:
            found = bytes.fromhex(value)
        except ValueError:
            found = b"?"
        if len(found) not in (0, limits.HASH_BYTES):
            self.errors.append(f"{column}: a SHA-256 has 64 hex digits")
            return b""
        return found

    def _parsed(self, column: str, parse: Callable[[str], int]) -> int:
        value = self.text(column, required=True)
        if not value:
            return 0
        try:
            return parse(value)
        except UsageProblem as problem:
            self.errors.append(f"{column}: {problem.what} {problem.why}")
            return 0


def read_rows(
    path: Path, columns: tuple[set[str], set[str]], build: Build, *, profile: str, expires_at_ms: int
) -> list[Row]:
    """Every row of the file, in order; a faulty one carries all its errors and no draft.

    Raises UsageProblem when the file cannot be read as a table at all.
    """
    reader = _reader(path, columns)
    rows: list[Row] = []
    first_line: dict[str, int] = {}
    try:
        for values in reader:
            if is_blank(values):
                continue
            if len(rows) == ROWS_MAX:
                raise UsageProblem(
                    f"{path} has too many rows.",
                    f"At most {ROWS_MAX:,} are imported at once.",
                    "Split the file.",
                )
            rows.append(_row(reader.line_num, values, build, profile, expires_at_ms, first_line))
    except csv.Error as error:
        raise UsageProblem(
            f"{path} is not a CSV file.", f"Line {reader.line_num}: {error}.", "Save it as CSV, UTF-8."
        ) from error
    if not rows:
        raise UsageProblem(
            f"{path} has no rows.", "It holds a header only.", "Add a row for each transaction."
        )
    return rows


def transfer_builder(units: Mapping[str, Unit], payer: str, value_date: int) -> Build:
    """Rows of transfers; `payer` and `value_date` (0: none) stand in for empty cells.

    Today does not: the row's content would change with the day it is imported on.
    """

    def build(cells: Cells, stamp: Stamp) -> Draft:
        unit = cells.text("unit", required=True)
        author = cells.account("payer", payer)
        payee = cells.account("payee")
        amount_minor = cells.amount(units, unit)
        day = cells.day("date", value_date)
        document_hash = cells.hash("document_hash")
        if not day and not cells.text("date"):
            cells.errors.append("date: it is empty; give the row a date, or all rows one with --date")
        _stop_at(cells)
        one = transactions.leg(
            payee,
            unit,
            amount_minor,
            value_date=day,
            reference=cells.text("reference"),
            document_hash=document_hash,
        )
        return transactions.transfer(author, [one], stamp)

    return build


def opening_builder(units: Mapping[str, Unit], classes: Mapping[str, Unit]) -> Build:
    """Rows of balances and holdings brought over; `classes`: the unit of each class of entitlements."""

    def build(cells: Cells, stamp: Stamp) -> Draft:
        match cells.text("kind", required=True):
            case "balance":
                return _opening_balance(cells, units, stamp)
            case "holding":
                return _opening_holding(cells, classes, stamp)
            case other:
                cells.errors.append(f"kind: '{other}' is neither balance nor holding")
                raise _RowFaulty

    return build


class _RowFaulty(Exception):
    """The row's errors are in its cells."""


def _stop_at(cells: Cells) -> None:
    if cells.errors:
        raise _RowFaulty


def _opening_balance(cells: Cells, units: Mapping[str, Unit], stamp: Stamp) -> Draft:
    balance = pool_pb2.OpeningBalance(
        debtor=cells.account("debtor"),
        creditor=cells.account("creditor"),
        unit=cells.text("unit", required=True),
        amount_minor=cells.amount(units, cells.text("unit")),
        reference=cells.text("reference"),
        document_hash=cells.hash("document_hash"),
    )
    _stop_at(cells)
    return transactions.opening(balance.debtor, [pool_pb2.OpeningLine(balance=balance)], stamp)


def _opening_holding(cells: Cells, classes: Mapping[str, Unit], stamp: Stamp) -> Draft:
    class_id = cells.text("class", required=True)
    if class_id not in classes:
        cells.errors.append(
            f"class: there is no '{class_id}'; known are {', '.join(sorted(classes)) or 'none'}"
        )
    cells.text("date", required=True)
    holding = pool_pb2.OpeningHolding(
        issuer=cells.account("issuer"),
        holder=cells.account("holder"),
        class_id=class_id,
        amount_minor=cells.amount({"": classes[class_id]}, "") if class_id in classes else 0,
        value_date=cells.day("date", 0),
        document_hash=cells.hash("document_hash"),
    )
    _stop_at(cells)
    return transactions.opening(holding.issuer, [pool_pb2.OpeningLine(holding=holding)], stamp)


def _reader(path: Path, columns: tuple[set[str], set[str]]) -> csv.DictReader[str]:
    try:
        text = read_bounded(path, FILE_BYTES_MAX).decode("utf-8-sig")
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read.", f"{error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{path} is not UTF-8 text.", f"{error}.", "Save it as CSV, UTF-8.") from error
    except ValueError as error:
        raise UsageProblem(
            f"{path} is too large.",
            f"At most {FILE_BYTES_MAX >> 20} MiB are imported at once.",
            "Split the file.",
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    try:
        names = column_names(reader.fieldnames or ())
    except csv.Error as error:
        raise UsageProblem(
            f"The header of {path} is no CSV.", f"{error}.", "Save it as CSV, UTF-8."
        ) from error
    reader.fieldnames = names
    required, optional = columns
    missing, unknown = sorted(required - set(names)), sorted(set(names) - required - optional)
    if missing or unknown or len(set(names)) != len(names):
        faults = [f"it lacks {', '.join(missing)}"] if missing else []
        faults += [f"it has the unknown {', '.join(unknown)}"] if unknown else []
        faults += ["a column is there twice"] if len(set(names)) != len(names) else []
        raise UsageProblem(
            f"The header of {path} is not right.",
            f"{'; '.join(faults)}.",
            f"Columns are {', '.join(sorted(required))}; optional {', '.join(sorted(optional))}.",
        )
    return reader


def _row(
    number: int,
    values: Mapping[str | None, object],
    build: Build,
    profile: str,
    expires_at_ms: int,
    first_line: dict[str, int],
) -> Row:
    if not has_cells_of_header(values):
        return Row(number, "", None, ("it has another number of cells than the header",))
    cells = Cells({name: str(value) for name, value in values.items() if name is not None})
    row_id = cells.text("id", required=True)
    if len(row_id) > ID_CHARACTERS_MAX:
        cells.errors.append(f"id: it has {len(row_id)} characters, at most {ID_CHARACTERS_MAX}")
    if not row_id.isprintable():
        cells.errors.append("id: it has characters that cannot be printed")
    if row_id and first_line.setdefault(row_id, number) != number:
        cells.errors.append(f"id: '{row_id}' is there already in line {first_line[row_id]}")
    try:
        draft = build(cells, Stamp(import_nonce(profile, row_id), expires_at_ms))
    except _RowFaulty:
        return _faulty(number, row_id, cells.errors)
    except ClientError as problem:
        return _faulty(number, row_id, [*cells.errors, f"{problem.what} {problem.why}"])
    if cells.errors:
        return _faulty(number, row_id, cells.errors)
    return Row(number, row_id, draft)


def _faulty(number: int, row_id: str, errors: Sequence[str]) -> Row:
    """A row without a draft; what it quotes of the file is shown printable."""
    return Row(
        number, printable(row_id, ID_CHARACTERS_MAX), None, tuple(printable(error) for error in errors)
    )


class Total(NamedTuple):
    """What rows of one kind add up to, for somebody in one unit or class."""

    who: str
    does: str
    """ "pays", "owes" (a balance brought over), "has issued" (a holding brought over)."""
    unit: str
    """Unit code, or class id of holdings."""
    rows: int
    amount_minor: int


def totals(rows: Sequence[Row]) -> list[Total]:
    """What the rows add up to, by payer, debtor or issuer."""
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for row in rows:
        for who, does, unit, amount_minor in _moved(row.draft) if row.draft else ():
            count, amount = found.get((who, does, unit), (0, 0))
            found[who, does, unit] = (count + 1, amount + amount_minor)
    return [Total(*key, *figures) for key, figures in sorted(found.items())]


def _moved(draft: Draft) -> Iterator[tuple[str, str, str, int]]:
    body = draft.parsed()
    for leg in body.transfer.legs:
        yield leg.payer or body.author, "pays", leg.unit, leg.amount_minor
    for line in body.opening.lines:
        if line.HasField("balance"):
            yield line.balance.debtor, "owes", line.balance.unit, line.balance.amount_minor
        else:
            yield line.holding.issuer, "has issued", line.holding.class_id, line.holding.amount_minor
