"""An account's statement: pages gathered, running balances, and a check that it adds up.

Decides what a statement holds: for each book and unit the opening balance, the lines in the order of the
log, the closing balance, and the height and state root it was read at. Never prints (client/views/statement).
Times are block times. A statement whose lines do not lead from opening to closing is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from ayni.v1 import ledger_service_pb2
from client.errors import UsageProblem, VerificationFailed

LINES_MAX = 1_000_000
Page = ledger_service_pb2.GetStatementResponse
Line = ledger_service_pb2.StatementLine
PageOf = Callable[[int, str], Page]
"""(until_ms, page token) to a page; until_ms 0: now."""

CREDIT, DUES, ENTITLEMENTS = (
    ledger_service_pb2.BOOK_CREDIT,
    ledger_service_pb2.BOOK_DUES,
    ledger_service_pb2.BOOK_ENTITLEMENTS,
)
BOOKS: dict[int, str] = {CREDIT: "credit", DUES: "dues", ENTITLEMENTS: "entitlements"}


@dataclass(frozen=True)
class StatedLine:
    """One posting, and the balance of its book and unit after it."""

    line: Line
    balance_minor: int


@dataclass(frozen=True)
class Section:
    """One book in one unit (of entitlements: one class)."""

    book: int
    unit: str
    """Unit code; of entitlements the class id."""
    opening_minor: int
    lines: tuple[StatedLine, ...]
    closing_minor: int


@dataclass(frozen=True)
class Statement:
    """All that happened to an account from one block time until another."""

    account: str
    from_ms: int
    """Inclusive; 0: from the beginning."""
    until_ms: int
    """Exclusive."""
    sections: tuple[Section, ...]
    """Credit, dues, entitlements; within each ascending by unit."""
    at: ledger_service_pb2.ReadAt


def read_statement(account: str, from_ms: int, until_ms: int, page_of: PageOf) -> Statement:
    """Gathers every page. Raises VerificationFailed when the lines do not add up, or pages hold none.

    Without `until_ms`, or where that is still to come, it ends with the block the first page was read at, so
    that later blocks change nothing while pages are fetched.
    """
    first = page_of(until_ms, "")
    read_until_ms = first.at.time_ms + 1
    until_ms = until_ms or read_until_ms
    pages_until_ms = min(until_ms, read_until_ms)
    lines = list(first.lines)
    token = first.next
    page = first
    while token:
        if not page.lines:
            raise VerificationFailed(
                f"The node's statement of {account} cannot be right.",
                "A page of it has no lines and is not the last, so that it might never end.",
                "Ask another node with --node.",
            )
        if len(lines) > LINES_MAX:
            raise UsageProblem(
                f"The statement of {account} is too long.",
                f"It has more than {LINES_MAX:,} lines, or the node makes them up.",
                "Ask for a shorter period.",
            )
        page = page_of(pages_until_ms, token)
        lines.extend(page.lines)
        token = page.next
    return Statement(account, from_ms, until_ms, _sections(account, first, lines), first.at)


def _sections(account: str, first: Page, lines: list[Line]) -> tuple[Section, ...]:
    opening: dict[tuple[int, str], int] = {}
    closing: dict[tuple[int, str], int] = {}
    for one in first.balances:
        opening[one.book, one.unit] = one.opening_minor
        closing[one.book, one.unit] = one.closing_minor
    stated: dict[tuple[int, str], list[StatedLine]] = {key: [] for key in opening}
    running: dict[tuple[int, str], int] = dict(opening)
    for line in lines:
        key = (line.book, line.unit)
        running[key] = running.get(key, 0) + line.amount_minor
        stated.setdefault(key, []).append(StatedLine(line, running[key]))
    sections = []
    for book, unit in sorted(stated):
        posted = tuple(stated[book, unit])
        section = Section(book, unit, opening.get((book, unit), 0), posted, closing.get((book, unit), 0))
        if running[book, unit] != section.closing_minor:
            raise _does_not_add_up(account, section, running[book, unit])
        sections.append(section)
    return tuple(sections)


def check_units(statement: Statement, known: Container[str]) -> None:
    """Raises VerificationFailed when it speaks of a unit or class that the network does not have."""
    for section in statement.sections:
        if section.unit not in known:
            raise VerificationFailed(
                f"The statement of {statement.account} cannot be right.",
                f"This network has neither unit nor class '{section.unit[:80]}'.",
                "Ask another node with --node.",
            )


def _does_not_add_up(account: str, section: Section, sum_minor: int) -> VerificationFailed:
    return VerificationFailed(
        f"The statement of {account} does not add up in the {BOOKS[section.book]} book, {section.unit}.",
        f"Opening balance and lines make {sum_minor}, and the node says it closes at"
        f" {section.closing_minor} (smallest parts).",
        "Ask another node with --node.",
    )
