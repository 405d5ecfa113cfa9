"""A statement adds up or is not shown, and says the same as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest

from ayni.v1 import ledger_service_pb2
from client.errors import ExitCode, VerificationFailed
from client.statement import CREDIT, DUES, ENTITLEMENTS, Page, Statement, read_statement
from client.views.statement import print_statement, render_statement, statement_json
from tests.client.shown import AT, HRS, READ_AT, TIME_MS, UNITS, shown

HOURS = "hours@emilia"
UNIT_OF = {**UNITS, HOURS: HRS}
DAY_MS = 86_400_000


def line(
    book: int, unit: str, amount: int, *, number: int = 0, **fields: object
) -> ledger_service_pb2.StatementLine:
    made = ledger_service_pb2.StatementLine(
        time_ms=TIME_MS,
        height=9,
        log_index=4 + number,
        tx_id=bytes([number]) * 32,
        unit=unit,
        amount_minor=amount,
    )
    made.book = book  # type: ignore[assignment]  # an int of the enum
    for name, value in {"counterparty": "lazio/coop", "type": "transfer", **fields}.items():
        setattr(made, name, value)
    return made


def balance(book: int, unit: str, opening: int, closing: int) -> ledger_service_pb2.BookBalance:
    made = ledger_service_pb2.BookBalance(unit=unit, opening_minor=opening, closing_minor=closing)
    made.book = book  # type: ignore[assignment]  # an int of the enum
    return made


BALANCES = [
    balance(CREDIT, "EUC", 10_000, -2_500),
    balance(DUES, "EUC", 0, 750),
    balance(ENTITLEMENTS, HOURS, 60, 60),
]
LINES = [
    line(CREDIT, "EUC", -15_000, value_date=20_454, reference="INV-7"),
    line(DUES, "EUC", 750, number=1, counterparty="pool", type="redeem_entitlements", value_date=20_453),
    line(CREDIT, "EUC", 2_500, number=2, reference="=cmd"),
]


def pages(*parts: list[ledger_service_pb2.StatementLine]) -> Statement:
    """The statement made of these pages."""
    asked: list[tuple[int, str]] = []

    def page_of(until_ms: int, after: str) -> Page:
        number = len(asked)
        asked.append((until_ms, after))
        following = str(number + 1) if number + 1 < len(parts) else ""
        return Page(at=AT, balances=BALANCES, lines=parts[number], next=following)

    statement = read_statement("emilia/cadiai", TIME_MS - 31 * DAY_MS, 0, page_of)
    end = TIME_MS + 1
    assert asked == [(0, ""), *((end, str(number)) for number in range(1, len(parts)))]
    return statement


def test_a_statement_is_the_same_in_one_page_and_in_several() -> None:
    assert pages(LINES) == pages(LINES[:1], LINES[1:])


def test_what_becomes_final_while_the_pages_of_a_month_that_is_not_over_are_fetched_is_not_in_it() -> None:
    month_end = TIME_MS + 31 * DAY_MS
    asked: list[int] = []

    def page_of(until_ms: int, after: str) -> Page:
        asked.append(until_ms)
        if not after:
            return Page(at=AT, balances=BALANCES, lines=LINES[:1], next="1")
        later = [line(CREDIT, "EUC", -1, number=3, time_ms=TIME_MS + 1)] if until_ms > TIME_MS + 1 else []
        return Page(at=AT, balances=BALANCES, lines=[*LINES[1:], *later])

    statement = read_statement("emilia/cadiai", TIME_MS - DAY_MS, month_end, page_of)
    assert asked == [month_end, TIME_MS + 1]
    assert statement.until_ms == month_end
    assert statement.sections == pages(LINES).sections


def test_a_statement_that_does_not_add_up_is_not_shown() -> None:
    with pytest.raises(VerificationFailed) as caught:
        pages(LINES[:2])
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED
    assert caught.value.lines() == (
        "ayni: The statement of emilia/cadiai does not add up in the credit book, EUC.",
        "  why:  Opening balance and lines make -5000, and the node says it closes at -2500"
        " (smallest parts).",
        "  next: Ask another node with --node.",
    )


def test_a_statement_whose_pages_lead_nowhere_ends() -> None:
    with pytest.raises(VerificationFailed) as caught:
        pages(LINES[:1], [], LINES[1:])
    assert caught.value.lines() == (
        "ayni: The node's statement of emilia/cadiai cannot be right.",
        "  why:  A page of it has no lines and is not the last, so that it might never end.",
        "  next: Ask another node with --node.",
    )


def test_a_statement_for_people() -> None:
    statement = pages(LINES)
    assert shown(lambda target: print_statement(target, statement, UNIT_OF)) == [
        "Statement of emilia/cadiai",
        "from 2025-12-01 00:00:00 UTC until 2026-01-01 00:00:00 UTC (block time)",
        "",
        "Credit, EUC",
        "opening balance: 100.00 EUC",
        "value date  reference  counterparty  what       amount  balance",
        "2026-01-01  INV-7      lazio/coop    transfer  -150.00   -50.00",
        "2026-01-01  =cmd       lazio/coop    transfer    25.00   -25.00",
        "closing balance: owes the network 25.00 EUC",
        "",
        "Dues to and from the pool, EUC",
        "opening balance: none",
        "value date  reference  counterparty  what                 amount  balance",
        "2025-12-31  -          pool          redeem entitlements    7.50     7.50",
        "closing balance: the pool owes it 7.50 EUC",
        "",
        "Entitlements, hours@emilia",
        "opening balance: 1:00 HRS",
        "closing balance: 1:00 HRS",
        "",
        READ_AT,
    ]
    assert render_statement(statement, UNIT_OF, "text").splitlines()[3] == "Credit, EUC"


def test_a_statement_as_csv_names_each_row_and_disarms_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(render_statement(pages(LINES), UNIT_OF, "csv"))))
    assert [(row["row"], row["book"], row["amount"], row["balance"]) for row in rows] == [
        ("opening", "credit", "", "100.00"),
        ("line", "credit", "-150.00", "-50.00"),
        ("line", "credit", "25.00", "-25.00"),
        ("closing", "credit", "", "-25.00"),
        ("opening", "dues", "", "0.00"),
        ("line", "dues", "7.50", "7.50"),
        ("closing", "dues", "", "7.50"),
        ("opening", "entitlements", "", "1"),
        ("closing", "entitlements", "", "1"),
        ("read-at", "", "", ""),
    ]
    assert rows[1]["value_date"] == "2026-01-01"
    assert rows[2]["reference"] == "'=cmd"
    assert (rows[-1]["height"], rows[-1]["state_root"]) == ("1234", "0" * 63 + "7")


def test_a_statement_as_json_is_versioned_and_says_where_it_was_read() -> None:
    statement = pages(LINES)
    document = json.loads(render_statement(statement, UNIT_OF, "json"))
    assert document == {"ayni": 1, "kind": "statement", **statement_json(statement, UNIT_OF)}
    assert document["read_at"]["height"] == 1_234
    assert document["sections"][0]["closing"] == "-25.00"
    assert document["sections"][0]["lines"][0] == {
        "value_date": "2026-01-01",
        "time": "2026-01-01T00:00:00.000Z",
        "reference": "INV-7",
        "counterparty": "lazio/coop",
        "type": "transfer",
        "amount": "-150.00",
        "balance": "-50.00",
        "transaction": "00" * 32,
        "line": 0,
        "height": 9,
        "log_index": 4,
    }
