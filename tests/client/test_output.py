"""Amounts, hours, days and the three figures, as people and programs read them."""

from __future__ import annotations

import json
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import UsageProblem
from client.output import (
    Output,
    Unit,
    amount_text,
    balance_text,
    day_text,
    decimal_text,
    duration_ms,
    duration_text,
    parse_amount,
    parse_day,
    print_table,
    three_figures,
    three_figures_json,
    time_json,
    time_text,
)

EUC = Unit("EUC", 100)
HRS = Unit("HRS", 60, hours=True)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("12", EUC, 1200),
        ("12.3", EUC, 1230),
        ("12.34", EUC, 1234),
        ("0.01", EUC, 1),
        ("12.3400", EUC, 1234),
        ("0.500", EUC, 50),
        ("9999999999999.99", EUC, 999999999999999),
        ("10000000000000", EUC, 10**15),
        ("1:30", HRS, 90),
        ("1.5", HRS, 90),
        ("0:05", HRS, 5),
        ("0.8333", HRS, 50),
        ("2", HRS, 120),
    ],
)
def test_an_amount_is_read_exactly(text: str, unit: Unit, expected: int) -> None:
    assert expected == parse_amount(text, unit)


@pytest.mark.parametrize(
    ("text", "unit", "why"),
    [
        ("12.345", EUC, "It is not a whole number of the smallest part (1/100)."),
        ("0", EUC, "It is zero."),
        ("0", HRS, "It is zero."),
        ("-3", EUC, "It is below zero: who pays and who is paid says which way it goes."),
        ("\u22121:30", HRS, "It is below zero: who pays and who is paid says which way it goes."),
        ("--3", EUC, "It is not a plain number."),
        ("1e3", EUC, "It is not a plain number."),
        (
            "1,234.50",
            EUC,
            "It is not a plain number: a point stands before its decimal places, and nothing between"
            " thousands.",
        ),
        ("1.500", EUC, "It could be 1.50 or 1500."),
        ("1.500", HRS, "It could be 1.5 or 1500."),
        ("", EUC, "It is not a plain number."),
        ("1:30", EUC, "It is not a plain number."),
        ("1:75", HRS, "75 minutes is an hour or more."),
        ("0.83", HRS, "It is not a whole number of the smallest part (minute)."),
        ("9" * 41, EUC, "It is too long."),
        ("10000000000000.01", EUC, "At most 10,000,000,000,000.00 EUC is possible."),
        ("9" * 24, HRS, "At most 16,666,666,666,666:40 HRS is possible."),
    ],
)
def test_what_is_no_exact_amount_is_refused_with_the_reason(text: str, unit: Unit, why: str) -> None:
    with pytest.raises(UsageProblem) as error:
        parse_amount(text, unit)
    assert why == error.value.why
    assert f"an amount of {unit.code}" in error.value.what


@given(st.integers(min_value=1, max_value=10**15), st.sampled_from([1, 8, 60, 100, 1000, 7, 144]))
def test_every_amount_survives_its_decimal_string(amount: int, scale: int) -> None:
    unit = Unit("UNIT", scale)
    assert amount == parse_amount(decimal_text(amount, unit), unit)


def test_decimal_strings_are_exact_or_long_enough_to_be_told_apart() -> None:
    assert decimal_text(-1234, EUC) == "-12.34"
    assert decimal_text(5, EUC) == "0.05"
    assert decimal_text(90, HRS) == "1.5"
    assert decimal_text(50, HRS) == "0.8333"
    assert decimal_text(7, Unit("PCS", 1)) == "7"


def test_people_read_hours_as_hours_and_minutes() -> None:
    assert amount_text(123450, EUC) == "1,234.50 EUC"
    assert amount_text(-185, HRS) == "-3:05 HRS"


def test_times_that_no_calendar_holds_are_shown_as_they_are() -> None:
    """A draft may say anything, and is looked at before it is refused."""
    assert day_text(2**32 - 1) == "day 4294967295"
    assert time_text(2**64 - 1) == time_json(2**64 - 1) == "18446744073709551615 ms after 1970"
    assert time_json(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"
    assert day_text(2_932_896) == "9999-12-31"


def test_a_negative_balance_is_said_in_words_and_the_three_figures_stand_together() -> None:
    assert balance_text(-1234, EUC) == "owes the network 12.34 EUC"
    expected = "balance: owes the network 12.34 EUC; credit limit: 50.00 EUC; available: 37.66 EUC"
    assert expected == three_figures(-1234, 5000, 3766, EUC)
    assert three_figures_json(-1234, 5000, 3766, EUC) == {
        "unit": "EUC", "balance": "-12.34", "credit_limit": "50.00", "available": "37.66",
    }  # fmt: skip


def test_days_and_times_are_written_as_dates() -> None:
    assert day_text(parse_day("2026-03-31")) == "2026-03-31"
    assert day_text(0) == ""
    assert time_json(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    with pytest.raises(UsageProblem, match=r"'31\.3\.2026' is not a date"):
        parse_day("31.3.2026")


@pytest.mark.parametrize(
    ("text", "shown", "expected"),
    [
        ("90s", "90 seconds", 90_000),
        ("1m", "1 minute", 60_000),
        ("120s", "2 minutes", 120_000),
        ("36h", "36 hours", 129_600_000),
        ("28d", "28 days", 2_419_200_000),
    ],
)
def test_a_duration_is_read_and_shown_in_the_largest_unit_that_says_it(
    text: str, shown: str, expected: int
) -> None:
    assert duration_ms(text) == expected
    assert duration_text(expected) == shown
    assert (duration_text(1_500), duration_text(0)) == ("1,500 ms", "0 ms")


def test_what_could_steer_a_terminal_is_printed_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "rent\x1b[2J\x9b1m \u202egnihton"
    Output(False).result("x", {}, lambda console: console.print(f"a {hostile}\nb"))
    Output(False).result("x", {}, lambda console: print_table(console, ("reference",), [(hostile,)]))
    Output(False).notice(hostile)
    assert capsys.readouterr().out.splitlines() == [
        "a rent\\x1b[2J\\x9b1m \\u202egnihton",
        "b",
        "reference",
        "rent\\x1b[2J\\x9b1m \\u202egnihton",
        "rent\\x1b[2J\\x9b1m \\u202egnihton",
    ]


def test_a_narrow_terminal_shows_figures_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    row = ("2026-03-31", "invoice 118", "lombardia/coop-sole", "-1,234.50", "-12,345.00")
    columns = ("value date", "reference", "counterparty", "amount", "balance")
    Output(False).result("x", {}, lambda console: print_table(console, columns, [row], columns[3:]))
    assert "-1,234.50  -12,345.00" in capsys.readouterr().out


def test_no_document_says_itself_of_what_version_and_kind_it_is() -> None:
    for name in ("kind", "ayni"):
        with pytest.raises(ValueError, match=f"class: {name} is not the document's to say"):
            Output(True).result("class", {name: "hours"}, lambda console: None)


@pytest.mark.parametrize("width", ["10", "30", "60", "80"])
def test_however_narrow_a_terminal_is_no_name_and_no_figure_is_cut_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    columns = ("account", "balance", "credit limit", "available")
    row = ("emilia/cadiai:m-0412", "owes the network 336.00 EUC", "100,000.00 EUC", "99,664.00 EUC")
    Output(False).result("x", {}, lambda console: print_table(console, columns, [row], columns[1:]))
    shown = re.sub(r"\x1b\[[0-9;]*m|\s", "", capsys.readouterr().out)
    assert "…" not in shown
    for cell in row[1:]:
        assert cell.replace(" ", "") in shown
    pieces = [row[0][start : start + 4] for start in range(0, 20, 4)]
    assert all(piece in shown for piece in pieces)


def test_in_json_what_could_steer_a_terminal_is_escaped_and_read_back_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostile = "rent\x1b[2J\x9b1m \u202egnihton caffè"
    Output(True).result("x", {"reference": hostile}, lambda console: None)
    printed = capsys.readouterr().out
    assert not [each for each in printed if each != "\n" and not each.isprintable()]
    assert "caffè" in printed
    assert json.loads(printed)["reference"] == hostile
