"""The collective pool, dues and settlements, as people and programs read them.

Pure. Spec: docs/protocol.md, S1 to S9; DESIGN 4.4, "Published at every close": liquid over dues, and
coverage, which is liquid without deposits over outstanding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ayni.v1 import genesis_pb2, ledger_service_pb2, result_pb2
from client.output import Unit, amount_text, decimal_text, duration_text, print_table, time_json, time_text
from client.views.accounts import holding_json, organisation_unit_json, print_holdings
from client.views.common import (
    Document,
    amounts_json,
    percent_text,
    print_read_at,
    ratio_json,
    ratio_text,
    read_at_json,
    unit_or_parts,
)

if TYPE_CHECKING:
    from rich.console import Console

Units = Mapping[str, Unit]
Pool = ledger_service_pb2.GetPoolResponse

PARAMETERS: dict[int, str] = {
    genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS: "period-min",
    genesis_pb2.PARAMETER_NAME_ADVANCE_BP: "advance",
    genesis_pb2.PARAMETER_NAME_DEPOSIT_BP: "deposit",
    genesis_pb2.PARAMETER_NAME_REDEEMABLE_BP: "redeemable",
    genesis_pb2.PARAMETER_NAME_UNATTESTED_MAX: "unattested-max",
}
"""The words of the command line for the contract's parameters."""


def parameter_text(parameter: genesis_pb2.Parameter, units: Units) -> str:
    """A parameter's value for a person: "28 days", "50 %", "100:00 HRS"."""
    match PARAMETERS.get(parameter.name):
        case "period-min":
            return duration_text(parameter.value)
        case "unattested-max":
            return amount_text(parameter.value, unit_or_parts(units, parameter.unit))
        case _:
            return percent_text(parameter.value)


def parameter_json(parameter: genesis_pb2.Parameter, units: Units) -> Document:
    """A parameter: basis points and milliseconds as integers, an amount as a decimal string."""
    name = PARAMETERS.get(parameter.name, "")
    value: int | str = parameter.value
    if name == "unattested-max":
        value = decimal_text(parameter.value, unit_or_parts(units, parameter.unit))
    measure = {"period-min": "milliseconds", "unattested-max": parameter.unit}.get(name, "basis points")
    return {"name": name, "unit": parameter.unit or None, "value": value, "measure": measure}


# The pool ---------------------------------------------------------------------------------------------


def pool_json(pool: Pool, units: Units, classes: Mapping[str, Unit]) -> Document:
    """The pool now, its open period, and the parameters in force."""
    return {
        "open_period": pool.period.open_period,
        "last_close": time_json(pool.period.last_close_ms),
        "units": [_pool_unit_json(one, units[one.unit]) for one in pool.units],
        "holdings": [holding_json(one, classes[one.class_id]) for one in pool.holdings],
        "parameters": [parameter_json(one, units) for one in pool.parameters],
        "read_at": read_at_json(pool.at),
    }


def _pool_unit_json(one: ledger_service_pb2.PoolUnit, unit: Unit) -> Document:
    common = one.balance - one.record.deposits
    return {
        "unit": unit.code,
        **amounts_json(
            unit,
            balance=one.balance,
            deposits=one.record.deposits,
            common_capital=common,
            claims=one.claims,
            owed=one.owed,
            outstanding=one.record.outstanding,
        ),
        "liquid_over_dues": ratio_json(one.balance, one.claims),
        "coverage": ratio_json(common, one.record.outstanding),
    }


def print_pool(target: Console, pool: Pool, units: Units, classes: Mapping[str, Unit]) -> None:
    """The pool now, its open period, and the parameters in force."""
    period = pool.period
    opened = f"open since {time_text(period.last_close_ms)}"
    target.print(f"The collective pool, period {period.open_period} ({opened})", soft_wrap=True)
    for one in pool.units:
        _print_pool_unit(target, one, units[one.unit])
    if pool.holdings:
        target.print()
        target.print("Donated to the pool, or expired to it")
        print_holdings(target, pool.holdings, classes)
    target.print()
    rows = [
        (PARAMETERS.get(one.name, ""), one.unit or "network", parameter_text(one, units))
        for one in pool.parameters
    ]
    print_table(target, ("parameter", "unit", "in force"), rows, right=("in force",))
    print_read_at(target, pool.at)


def _print_pool_unit(target: Console, one: ledger_service_pb2.PoolUnit, unit: Unit) -> None:
    common = one.balance - one.record.deposits
    target.print()
    target.print(unit.code)
    lines = [
        ("balance", amount_text(one.balance, unit)),
        ("of it, deposits of issuers", amount_text(one.record.deposits, unit)),
        ("of it, common capital", amount_text(common, unit)),
        ("the pool owes", amount_text(one.claims, unit)),
        ("owed to the pool", amount_text(one.owed, unit)),
        ("entitlements outstanding", amount_text(one.record.outstanding, unit)),
        ("liquid over dues", ratio_text(one.balance, one.claims)),
        ("coverage (common capital over outstanding)", ratio_text(common, one.record.outstanding)),
    ]
    for name, text in lines:
        target.print(f"  {name}: {text}")


# Dues -------------------------------------------------------------------------------------------------


def dues_json(dues: ledger_service_pb2.ListDuesResponse, units: Units) -> Document:
    """Every organisation with dues, by vintage."""
    return {
        "organisations": [
            {
                "organisation": one.organisation,
                "unit": one.unit,
                "net": decimal_text(_net(one), units[one.unit]),
                **organisation_unit_json(one.record, units[one.unit]),
            }
            for one in dues.dues
        ],
        "read_at": read_at_json(dues.at),
    }


def print_dues(
    target: Console, dues: ledger_service_pb2.ListDuesResponse, units: Units, open_period: int
) -> None:
    """A line for each organisation and vintage."""
    rows = [
        (
            one.organisation,
            str(due.period),
            "this period" if due.period >= open_period else ("arrears" if due.amount < 0 else "carried"),
            amount_text(due.amount, units[one.unit]) if due.amount > 0 else "",
            amount_text(-due.amount, units[one.unit]) if due.amount < 0 else "",
        )
        for one in dues.dues
        for due in one.record.dues
    ]
    columns = ("organisation", "vintage", "standing", "the pool owes it", "it owes the pool")
    print_table(target, columns, rows, right=("vintage", "the pool owes it", "it owes the pool"))
    print_read_at(target, dues.at)


def _net(one: ledger_service_pb2.OrganisationDues) -> int:
    return sum(due.amount for due in one.record.dues)


# Settlements ------------------------------------------------------------------------------------------

_FIGURES = (
    ("gross", "dues owed before netting"),
    ("netted", "of it, set off within organisations"),
    ("paid_credit", "paid in from credit"),
    ("paid_deposit", "paid in from deposits"),
    ("advanced", "advanced out of common capital"),
    ("paid_out", "paid out to creditors"),
    ("carried", "claims carried over"),
    ("released", "deposits released"),
    ("expired", "entitlements expired to the pool"),
    ("pool_balance", "pool balance after the close"),
    ("deposits", "of it, deposits"),
    ("outstanding", "entitlements outstanding"),
    ("dues", "claims before payment"),
)
_ORGANISATION_FIGURES = (
    "paid_credit",
    "paid_deposit",
    "received",
    "arrears",
    "carried",
    "released",
    "contributions",
    "served",
)


def settlement_json(settlement: result_pb2.Settlement, units: Units) -> Document:
    """One settlement whole, as it was published."""
    return {
        "period": settlement.period,
        "time": time_json(settlement.time_ms),
        "units": [_unit_settlement_json(one, units[one.unit]) for one in settlement.units],
    }


def _unit_settlement_json(one: result_pb2.UnitSettlement, unit: Unit) -> Document:
    common = one.pool_balance_minor - one.deposits_minor
    return {
        "unit": unit.code,
        **{name: decimal_text(getattr(one, f"{name}_minor"), unit) for name, _ in _FIGURES},
        "liquid_over_dues": ratio_json(one.pool_balance_minor, one.dues_minor),
        "coverage": ratio_json(common, one.outstanding_minor),
        "arrears": [
            {"period": each.period, "amount": decimal_text(each.amount_minor, unit)} for each in one.arrears
        ],
        "organisations": [
            {
                "organisation": each.organisation,
                **{
                    name: decimal_text(getattr(each, f"{name}_minor"), unit) for name in _ORGANISATION_FIGURES
                },
                "received_minus_served": decimal_text(each.contributions_minor - each.served_minor, unit),
            }
            for each in one.organisations
        ],
    }


def print_settlement(target: Console, settlement: result_pb2.Settlement, units: Units) -> None:
    """One settlement whole: the figures of each unit, and each organisation's."""
    target.print(f"Settlement of period {settlement.period}, {time_text(settlement.time_ms)}", soft_wrap=True)
    for one in settlement.units:
        unit = units[one.unit]
        common = one.pool_balance_minor - one.deposits_minor
        target.print()
        target.print(unit.code)
        for name, words in _FIGURES:
            target.print(f"  {words}: {amount_text(getattr(one, f'{name}_minor'), unit)}")
        target.print(f"  liquid over dues: {ratio_text(one.pool_balance_minor, one.dues_minor)}")
        target.print(f"  coverage: {ratio_text(common, one.outstanding_minor)}")
        for each in one.arrears:
            target.print(f"  arrears of period {each.period}: {amount_text(each.amount_minor, unit)}")
        if one.organisations:
            target.print()
            _print_organisations(target, one.organisations, unit)


def _print_organisations(
    target: Console, organisations: Sequence[result_pb2.OrganisationSettlement], unit: Unit
) -> None:
    rows = [
        (
            each.organisation,
            amount_text(each.paid_credit_minor + each.paid_deposit_minor, unit),
            amount_text(each.received_minor, unit),
            amount_text(each.arrears_minor, unit),
            amount_text(each.carried_minor, unit),
            amount_text(each.contributions_minor, unit),
            amount_text(each.served_minor, unit),
            amount_text(each.contributions_minor - each.served_minor, unit),
        )
        for each in organisations
    ]
    columns = (
        "organisation",
        "paid in",
        "paid to it",
        "arrears",
        "carried",
        "received",
        "served",
        "received minus served",
    )
    print_table(target, columns, rows, right=columns[1:])


def print_settlements(target: Console, settlements: Sequence[result_pb2.Settlement], units: Units) -> None:
    """A line for each period and unit."""
    rows = [
        (
            str(settlement.period),
            time_text(settlement.time_ms),
            *(
                amount_text(figure, units[one.unit])
                for figure in (
                    one.gross_minor,
                    one.netted_minor,
                    one.paid_credit_minor,
                    one.paid_deposit_minor,
                    one.advanced_minor,
                    one.paid_out_minor,
                    one.carried_minor,
                    sum(each.amount_minor for each in one.arrears),
                )
            ),
        )
        for settlement in settlements
        for one in settlement.units
    ]
    figures = ("gross", "netted", "from credit", "from deposits", "advanced", "paid out", "carried")
    columns = ("period", "closed", *figures, "arrears")
    print_table(target, columns, rows, right=("period", *figures, "arrears"))
