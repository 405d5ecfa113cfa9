"""A statement as text, CSV and JSON.

Pure. The three forms hold the same figures. In CSV every row says in its first column what it is:
`opening`, `line`, `closing` or `read-at`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from client.output import (
    JSON_VERSION,
    Unit,
    amount_text,
    balance_text,
    day_text,
    decimal_text,
    json_text,
    plain_console,
    print_table,
    time_json,
    time_text,
)
from client.statement import BOOKS, CREDIT, DUES, ENTITLEMENTS, Section, Statement
from client.views.common import Document, dues_text, print_read_at, read_at_json
from proofs.words import printable

if TYPE_CHECKING:
    from rich.console import Console

UnitOf = Mapping[str, Unit]
"""The unit of each unit code and of each class id."""

_BOOK_NAMES: dict[int, str] = {
    CREDIT: "Credit",
    DUES: "Dues to and from the pool",
    ENTITLEMENTS: "Entitlements",
}
CSV_COLUMNS = (
    "row",
    "book",
    "unit",
    "value_date",
    "time",
    "reference",
    "counterparty",
    "type",
    "amount",
    "balance",
    "transaction",
    "line",
    "height",
    "state_root",
)


def render_statement(statement: Statement, unit_of: UnitOf, form: str) -> str:
    """The statement as a file's content; `form` is "text", "csv" or "json"."""
    if form == "csv":
        return statement_csv(statement, unit_of)
    if form == "json":
        document = {"ayni": JSON_VERSION, "kind": "statement", **statement_json(statement, unit_of)}
        return json_text(document)
    buffer = io.StringIO()
    print_statement(plain_console(buffer), statement, unit_of)
    return buffer.getvalue()


def statement_json(statement: Statement, unit_of: UnitOf) -> Document:
    """The statement as a document."""
    return {
        "account": statement.account,
        "from": time_json(statement.from_ms) if statement.from_ms else None,
        "until": time_json(statement.until_ms),
        "sections": [_section_json(one, unit_of[one.unit]) for one in statement.sections],
        "read_at": read_at_json(statement.at),
    }


def _section_json(section: Section, unit: Unit) -> Document:
    return {
        "book": BOOKS[section.book],
        "unit": section.unit,
        "opening": decimal_text(section.opening_minor, unit),
        "lines": [
            {
                "value_date": day_text(one.line.value_date) or None,
                "time": time_json(one.line.time_ms),
                "reference": one.line.reference,
                "counterparty": one.line.counterparty,
                "type": one.line.type,
                "amount": decimal_text(one.line.amount_minor, unit),
                "balance": decimal_text(one.balance_minor, unit),
                "transaction": one.line.tx_id.hex(),
                "line": one.line.line,
                "height": one.line.height,
                "log_index": one.line.log_index,
            }
            for one in section.lines
        ],
        "closing": decimal_text(section.closing_minor, unit),
    }


def statement_csv(statement: Statement, unit_of: UnitOf) -> str:
    """The statement as CSV with a header row (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, restval="")
    writer.writeheader()
    for section in statement.sections:
        unit = unit_of[section.unit]
        common = {"book": BOOKS[section.book], "unit": section.unit}
        opening = decimal_text(section.opening_minor, unit)
        writer.writerow({"row": "opening", **common, "balance": opening})
        for one in section.lines:
            writer.writerow(
                {
                    "row": "line",
                    **common,
                    "value_date": day_text(one.line.value_date),
                    "time": time_json(one.line.time_ms),
                    "reference": _harmless(one.line.reference),
                    "counterparty": _harmless(one.line.counterparty),
                    "type": _harmless(one.line.type),
                    "amount": decimal_text(one.line.amount_minor, unit),
                    "balance": decimal_text(one.balance_minor, unit),
                    "transaction": one.line.tx_id.hex(),
                    "line": one.line.line,
                    "height": one.line.height,
                }
            )
        closing = decimal_text(section.closing_minor, unit)
        writer.writerow({"row": "closing", **common, "balance": closing})
    at = statement.at
    writer.writerow(
        {
            "row": "read-at",
            "time": time_json(at.time_ms),
            "height": at.height,
            "state_root": at.state_root.hex(),
        }
    )
    return buffer.getvalue()


def print_statement(target: Console, statement: Statement, unit_of: UnitOf) -> None:
    """The statement for a person."""
    since = time_text(statement.from_ms) if statement.from_ms else "the beginning"
    target.print(f"Statement of {statement.account}", soft_wrap=True)
    target.print(f"from {since} until {time_text(statement.until_ms)} (block time)", soft_wrap=True)
    if not statement.sections:
        target.print()
        target.print("Nothing was ever posted to this account.")
    for section in statement.sections:
        _print_section(target, section, unit_of[section.unit])
    print_read_at(target, statement.at)


def _print_section(target: Console, section: Section, unit: Unit) -> None:
    name = _BOOK_NAMES[section.book]
    target.print()
    target.print(f"{name}, {section.unit}")
    target.print(f"opening balance: {_closing_text(section.book, section.opening_minor, unit)}")
    if section.lines:
        rows = [
            (
                day_text(one.line.value_date) or time_text(one.line.time_ms)[:10],
                one.line.reference or "-",
                one.line.counterparty,
                one.line.type.replace("_", " "),
                amount_text(one.line.amount_minor, unit, with_unit=False),
                amount_text(one.balance_minor, unit, with_unit=False),
            )
            for one in section.lines
        ]
        columns = ("value date", "reference", "counterparty", "what", "amount", "balance")
        print_table(target, columns, rows, right=("amount", "balance"))
    target.print(f"closing balance: {_closing_text(section.book, section.closing_minor, unit)}")


def _closing_text(book: int, balance_minor: int, unit: Unit) -> str:
    if book == DUES:
        return dues_text(balance_minor, unit)
    if book == ENTITLEMENTS and balance_minor < 0:
        return f"owes the holders {amount_text(-balance_minor, unit)}"
    return balance_text(balance_minor, unit)


def _harmless(text: str) -> str:
    """A text that a spreadsheet would take for a formula is led by an apostrophe; control characters, which
    no ledger holds, are escaped."""
    text = printable(text)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
