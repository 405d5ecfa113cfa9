"""The summary of a run, as one JSON object.

Decides the keys, and which data is called real. `client.demo.report` says the same to people. Credits are
whole hours; money amounts are decimal strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ayni.v1 import result_pb2
from client.demo.figures import Books, Year
from client.demo.ledger_year import CREDIT, HOURS
from client.demo.scenario import ELSEWHERE_PERCENT, FEE_PERCENT, MINUTES, REAL, Totals
from client.output import JSON_VERSION, Unit, decimal_text

REAL_DATA = (
    "NALC, Japan, 2010: 12,367 volunteer members assisted 3,126 dependent members, earned 198,091 credits"
    " and redeemed 10,548; the rest of the care was paid by user fees or by the organisation; nearly 1.7"
    " million credits had accumulated over the years",
)
SYNTHETIC_DATA = (
    "the opening credits are taken as exactly 1,698,000",
    "the number of offices, 119, is from a later year",
    "the split into four federations, and a month of a few seconds",
    "the spread over offices, months and people: a seeded rule, in client/demo/scenario.py",
    f"{ELSEWHERE_PERCENT} in 100 credits redeemed at another office; {FEE_PERCENT} in 100 other records of"
    " service paid by user fee, at 6.00 EUC an hour",
    "the care co-ops, their shares, and the issuer that runs to its limit",
)
SCALED_DATA = ("a scaled-down year: the totals are not the published ones",)


@dataclass(frozen=True)
class Absence:
    """The node that was stopped for a while."""

    federation: str
    from_month: int
    until_month: int
    """It was started again at the end of this month."""
    blocks_behind: int
    catch_up_ms: int


@dataclass
class Run:
    """What was measured and read, for the summary and the report."""

    seed: int
    totals: Totals
    units: dict[str, Unit]
    genesis_hash: bytes
    year: Year
    books: Books
    settlements: Sequence[result_pb2.Settlement]
    blocks: int
    seconds: float
    """From the first transaction handed in to the last one final."""
    latencies_ms: Sequence[float]
    """From handing in to the final outcome, of every transaction."""
    differences: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    """What the audit found; nothing, when all is well."""
    absence: Absence | None = None
    refusal: str = ""
    """What the issuer in arrears was told when it tried to issue."""
    audit_seconds: float = 0.0
    export: str = ""

    @property
    def transactions(self) -> int:
        """All transactions in the history."""
        return sum(self.year.transactions.values())


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]


def credits(minutes: int) -> int | str:
    """Whole hours as a number; anything else as a decimal string."""
    whole, rest = divmod(minutes, MINUTES)
    return decimal_text(minutes, Unit(HOURS, MINUTES, True)) if rest else whole


def ratio(part: int, whole: int) -> str | None:
    """`part` / `whole` with four decimals; None when there is nothing to cover."""
    if whole <= 0:
        return None
    sign = "-" if part < 0 else ""
    scaled = abs(part) * 10_000 // whole
    return f"{sign}{scaled // 10_000}.{scaled % 10_000:04d}"


def coverage(settlement: result_pb2.UnitSettlement) -> dict[str, str | None]:
    """The two ratios published at every close."""
    balance, deposits = settlement.pool_balance_minor, settlement.deposits_minor
    return {
        "liquid_over_dues": ratio(balance, settlement.dues_minor),
        "coverage": ratio(balance - deposits, settlement.outstanding_minor),
    }


def last_of(settlements: Sequence[result_pb2.Settlement], unit: str) -> result_pb2.UnitSettlement:
    """The last settlement of a unit."""
    for settlement in reversed(settlements):
        for each in settlement.units:
            if each.unit == unit:
                return each
    return result_pb2.UnitSettlement(unit=unit)


def offices_of(run: Run) -> int:
    """Accredited organisations less the care co-ops: one in each federation."""
    return sum(run.books.accredited.values()) - run.books.federations


def summary(run: Run) -> dict[str, Any]:
    """The JSON object of `ayni demo --json`."""
    year = run.year
    money = run.units[CREDIT]
    return {
        "ayni": JSON_VERSION,
        "kind": "demo",
        "volunteers": len(year.served_by),
        "recipients": len(year.recipients),
        "opening": credits(year.opening),
        "earned": credits(year.earned),
        "redeemed": credits(year.redeemed),
        "redeemed_elsewhere": credits(year.redeemed_elsewhere),
        "closing": credits(run.books.outstanding.get(year.hours_class, 0)),
        "service": {
            "total": credits(year.service),
            "credits": credits(year.redeemed),
            "fees": credits(year.recorded_fee),
            "organisation": credits(year.recorded_organisation),
        },
        "fees": {
            "in_cash": decimal_text(year.fees_cash[CREDIT], money),
            "in_credit": decimal_text(year.fees_credit[CREDIT], money),
            "unit": CREDIT,
        },
        "shares": {
            "redeemed": decimal_text(year.shares_redeemed, money),
            "redeemed_elsewhere": decimal_text(year.shares_elsewhere, money),
            "unit": CREDIT,
        },
        "offices": offices_of(run),
        "federations": run.books.federations,
        "settlements": len(run.settlements),
        "settlement": [_settlement(settlement, run.units) for settlement in run.settlements],
        "blocks": run.blocks,
        "transactions": run.transactions,
        "transactions_by_type": dict(sorted(year.transactions.items())),
        "seconds": round(run.seconds, 3),
        "finality_ms_p50": round(percentile(run.latencies_ms, 50), 1),
        "finality_ms_p99": round(percentile(run.latencies_ms, 99), 1),
        "transactions_per_second": round(run.transactions / run.seconds, 1) if run.seconds else 0.0,
        "coverage": {unit: coverage(last_of(run.settlements, unit)) for unit in sorted(run.units)},
        "absent_node": None if run.absence is None else vars(run.absence),
        "refused_issue": run.refusal or None,
        "data": {
            "real": list(REAL_DATA if run.totals == REAL else ()),
            "synthetic": list(SYNTHETIC_DATA if run.totals == REAL else (*SCALED_DATA, *SYNTHETIC_DATA)),
            "seed": run.seed,
        },
        "genesis": run.genesis_hash.hex(),
        "audit": "ok" if not run.findings and not run.differences else [*run.findings, *run.differences],
        "audit_seconds": round(run.audit_seconds, 3),
        "export": run.export or None,
    }


def _settlement(settlement: result_pb2.Settlement, units: dict[str, Unit]) -> dict[str, Any]:
    return {
        "period": settlement.period,
        "units": [_unit_settlement(each, units[each.unit], settlement.period) for each in settlement.units],
    }


def _unit_settlement(each: result_pb2.UnitSettlement, unit: Unit, period: int) -> dict[str, Any]:
    def amount(name: str) -> str:
        return decimal_text(int(getattr(each, f"{name}_minor")), unit)

    names = (
        "gross", "netted", "paid_credit", "paid_deposit", "advanced", "paid_out", "carried", "released",
        "expired", "pool_balance", "deposits", "outstanding",
    )  # fmt: skip
    return {
        "unit": each.unit,
        **{name: amount(name) for name in names},
        "arrears_by_age": {
            str(period - vintage.period): decimal_text(vintage.amount_minor, unit) for vintage in each.arrears
        },
        **coverage(each),
    }
