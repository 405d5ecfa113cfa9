"""What a treasurer reads at the end of the demo.

Decides the order and the words. Every figure comes from `Run`: from the signed history, the nodes' records,
the settlements and the clock; none from the scenario.
"""

from __future__ import annotations

from collections import defaultdict
from textwrap import fill
from typing import TYPE_CHECKING

from ayni.v1 import result_pb2
from client.demo.ledger_year import CREDIT, HOURS
from client.demo.scenario import REAL
from client.demo.summary import (
    REAL_DATA,
    SCALED_DATA,
    SYNTHETIC_DATA,
    Run,
    coverage,
    last_of,
    offices_of,
    percentile,
    ratio,
)
from client.output import Unit, amount_text, print_table

if TYPE_CHECKING:
    from rich.console import Console

LARGEST_SHOWN = 4
LINE_CHARACTERS = 100


def render(run: Run, console: Console) -> None:
    """Prints the whole report."""
    _title(run, console)
    _care(run, console)
    for unit in (CREDIT, HOURS):
        _settlements(run, run.units[unit], console)
    _story(run, run.units[CREDIT], console)
    for unit in (CREDIT, HOURS):
        _balance(run, run.units[unit], console)
    _network(run, console)


def _title(run: Run, console: Console) -> None:
    console.print(
        f"A time bank's year over {run.books.federations} federations and {offices_of(run)} offices"
    )
    real = run.totals == REAL
    said = [("real" if real else "NOT REAL", text) for text in (REAL_DATA if real else SCALED_DATA)]
    said += [("ours", text) for text in SYNTHETIC_DATA]
    for whose, text in [*said, ("seed", str(run.seed))]:
        console.print(
            fill(f"{whose}: {text}", LINE_CHARACTERS, initial_indent="  ", subsequent_indent="    ")
        )


def _care(run: Run, console: Console) -> None:
    year = run.year
    hours, money = run.units[HOURS], run.units[CREDIT]
    closing = run.books.outstanding.get(year.hours_class, 0)
    console.print(f"\nCare: {len(year.served_by):,} volunteers, {len(year.recipients):,} recipients")
    rows = [
        ("opening", year.opening, "accumulated before the year"),
        ("+ earned", year.earned, "every hour of care earns one"),
        ("- redeemed", year.redeemed, f"{_hours(year.redeemed_elsewhere, hours)} of them at another office"),
        ("= closing", closing, "as the ledger holds it"),
        ("", 0, ""),
        ("service", year.service, "all care that was given"),
        ("= credits", year.redeemed, "redeemed"),
        ("+ fees", year.recorded_fee, _fees(run, money)),
        ("+ organisation", year.recorded_organisation, "borne by the offices"),
    ]
    table = [(name, _hours(amount, hours) if name else "", note) for name, amount, note in rows]
    print_table(console, ("credits (hours)", "amount", "note"), table, right=("amount",))
    for line in run.differences:
        console.print(f"  DOES NOT ADD UP: {line}")


def _fees(run: Run, money: Unit) -> str:
    cash, credit = run.year.fees_cash[CREDIT], run.year.fees_credit[CREDIT]
    return f"{amount_text(cash, money)} in cash, {amount_text(credit, money)} in credit"


def _hours(minutes: int, unit: Unit) -> str:
    """Whole hours without minutes."""
    whole, rest = divmod(minutes, unit.scale)
    return amount_text(minutes, unit, with_unit=False) if rest else f"{whole:,}"


def _settlements(run: Run, unit: Unit, console: Console) -> None:
    console.print(f"\nSettlements in {unit.code}")
    columns = (
        "period", "gross", "netted", "from credit", "from deposit", "advanced", "paid out", "carried",
        "arrears by age (closes)", "coverage",
    )  # fmt: skip
    rows = []
    for settlement in run.settlements:
        for each in settlement.units:
            if each.unit == unit.code:
                rows.append(_settlement_row(settlement.period, each, unit))
    print_table(console, columns, rows, right=(*columns[:8], "coverage"))


def _settlement_row(period: int, each: result_pb2.UnitSettlement, unit: Unit) -> tuple[str, ...]:
    amounts = (
        each.gross_minor, each.netted_minor, each.paid_credit_minor, each.paid_deposit_minor,
        each.advanced_minor, each.paid_out_minor, each.carried_minor,
    )  # fmt: skip
    arrears = ", ".join(
        f"{period - vintage.period}: {amount_text(vintage.amount_minor, unit, with_unit=False)}"
        for vintage in each.arrears
    )
    return (
        str(period),
        *(amount_text(amount, unit, with_unit=False) for amount in amounts),
        arrears or "none",
        coverage(each)["coverage"] or "-",
    )


def _story(run: Run, unit: Unit, console: Console) -> None:
    """The issuer with the largest arrears of the year, close by close."""
    worst, organisation = 0, ""
    entries: dict[str, dict[int, result_pb2.OrganisationSettlement]] = defaultdict(dict)
    for settlement in run.settlements:
        for each in settlement.units:
            for one in each.organisations if each.unit == unit.code else ():
                entries[one.organisation][settlement.period] = one
                if one.arrears_minor > worst:
                    worst, organisation = one.arrears_minor, one.organisation
    if not organisation:
        return
    console.print(f"\n{organisation}: to its limit, into arrears, and out of them ({unit.code})")
    rows = []
    for settlement in run.settlements:
        one = entries[organisation].get(settlement.period, result_pb2.OrganisationSettlement())
        amounts = (one.paid_credit_minor, one.paid_deposit_minor, one.received_minor, one.arrears_minor)
        rows.append(
            (
                str(settlement.period),
                *(amount_text(amount, unit, with_unit=False) for amount in amounts),
            )
        )
    columns = ("period", "paid from credit", "from deposit", "received", "arrears")
    print_table(console, columns, rows, right=columns)
    if run.refusal:
        told = f"when it tried to issue in arrears: {run.refusal}"
        console.print(fill(told, LINE_CHARACTERS, initial_indent="  ", subsequent_indent="    "))


def _balance(run: Run, unit: Unit, console: Console) -> None:
    """Received minus served of the largest, over all settlements."""
    received: dict[str, int] = defaultdict(int)
    served: dict[str, int] = defaultdict(int)
    for settlement in run.settlements:
        for each in settlement.units:
            for one in each.organisations if each.unit == unit.code else ():
                received[one.organisation] += one.contributions_minor
                served[one.organisation] += one.served_minor
    largest = sorted(received, key=lambda name: (-received[name] - served[name], name))[:LARGEST_SHOWN]
    console.print(f"\nReceived minus served, the {len(largest)} largest in {unit.code}")
    rows = [
        (
            name,
            *(
                amount_text(amount, unit, with_unit=False)
                for amount in (received[name], served[name], received[name] - served[name])
            ),
        )
        for name in largest
    ]
    print_table(
        console,
        ("organisation", "received", "served", "difference"),
        rows,
        right=("received", "served", "difference"),
    )


def _network(run: Run, console: Console) -> None:
    console.print("\nPool and network")
    for code in (CREDIT, HOURS):
        unit, last = run.units[code], last_of(run.settlements, code)
        common = last.pool_balance_minor - last.deposits_minor
        covered = ratio(common, last.outstanding_minor) or "-"
        liquid = ratio(last.pool_balance_minor, last.dues_minor) or "nothing due"
        console.print(
            f"  coverage in {code}: {covered} ({amount_text(common, unit)} of common capital over"
            f" {amount_text(last.outstanding_minor, unit)} outstanding); liquid over dues: {liquid}"
        )
    if run.absence:
        absence = run.absence
        console.print(
            f"  the node of {absence.federation} was stopped in months {absence.from_month} to"
            f" {absence.until_month}, {absence.blocks_behind:,} blocks behind; it caught up in"
            f" {absence.catch_up_ms / 1000:.1f} s"
        )
    rate = run.transactions / run.seconds if run.seconds else 0.0
    console.print(
        f"  {run.blocks:,} blocks, {run.transactions:,} transactions in {run.seconds:.1f} s"
        f" ({rate:,.0f} a second); finality p50 {percentile(run.latencies_ms, 50):.0f} ms,"
        f" p99 {percentile(run.latencies_ms, 99):.0f} ms"
    )
    console.print(f"  genesis {run.genesis_hash.hex()}")
    verdict = "ok: every signature, certificate, root and rule checked, every balance recomputed"
    if run.findings:
        verdict = "; ".join(run.findings)
    console.print(f"  audit: {verdict} ({run.audit_seconds:.1f} s)")
    if run.export:
        console.print(f"  the history is in {run.export}")
