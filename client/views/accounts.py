"""Accounts as people and programs read them: the three figures, dues, limits, what is held.

Pure. Spec: docs/protocol.md, A5 (available), E3 (lots), M4 (accreditation).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ayni.v1 import ledger_service_pb2, state_pb2
from client.output import (
    Unit,
    amount_text,
    balance_text,
    day_text,
    decimal_text,
    print_table,
    three_figures,
    three_figures_json,
    time_json,
    time_text,
)
from client.views.common import (
    Document,
    amounts_json,
    dues_text,
    key_set_json,
    key_set_text,
    percent_text,
    print_read_at,
    read_at_json,
)
from ledger.limits import POOL, organisation_of

if TYPE_CHECKING:
    from rich.console import Console

Units = Mapping[str, Unit]
"""Units by code."""
ClassUnits = Mapping[str, Unit]
"""The unit of each class, by class id."""
Account = ledger_service_pb2.GetAccountResponse


def held_minor(record: state_pb2.HoldingRecord) -> int:
    """All that a holding's lots add up to."""
    return sum(lot.amount for lot in record.lots)


def account_json(account: Account, units: Units, classes: ClassUnits) -> Document:
    """One account whole."""
    record = account.record
    document: Document = {
        "account": account.account,
        "read_at": read_at_json(account.at),
        "closed": record.closed,
        "opened_height": record.opened_height,
        "keys": key_set_json(record.keys) if record.HasField("keys") else None,
        "commitment": record.commitment.hex(),
        "balances": [_balance_json(one, units[one.unit]) for one in account.balances],
        "holdings": [holding_json(one, classes[one.class_id]) for one in account.holdings],
    }
    if account.HasField("organisation"):
        document["organisation"] = organisation_json(account.organisation)
    return document


def organisation_json(record: state_pb2.OrganisationRecord) -> Document:
    """Accreditation and its terms."""
    until = record.accredited_until_ms
    return {
        "accredited": record.accredited,
        "accredited_until": time_json(until) if until else None,
        "suspended": record.suspended,
        "charter_hash": record.charter_hash.hex(),
        "user_seats_bp": record.user_seats_bp,
        "non_member_bp": record.non_member_bp,
        "hosted_accounts": record.hosted_accounts,
    }


def organisation_text(record: state_pb2.OrganisationRecord) -> str:
    """ "accredited until 2027-01-01 00:00:00 UTC", "accredited, suspended", "not accredited"."""
    words = "accredited" if record.accredited else "not accredited"
    if record.accredited and record.accredited_until_ms:
        words += f" until {time_text(record.accredited_until_ms)}"
    return words + (", suspended" if record.suspended else "")


def print_account(target: Console, account: Account, units: Units, classes: ClassUnits) -> None:
    """One account whole, for a person."""
    record = account.record
    target.print(account.account + (" (closed)" if record.closed else ""))
    if account.account == POOL:
        target.print("  the collective pool: nobody holds its key, and it pays by rule; see `ayni pool show`")
    else:
        target.print(f"  opened at height {record.opened_height:,}; {_signing_text(account)}", soft_wrap=True)
    if account.HasField("organisation"):
        organisation = account.organisation
        target.print(
            f"  {organisation_text(organisation)}; hosts {organisation.hosted_accounts:,} accounts",
            soft_wrap=True,
        )
        if organisation.accredited:
            target.print(
                f"  board seats held by users: {percent_text(organisation.user_seats_bp)};"
                f" held by non-members: {percent_text(organisation.non_member_bp)}",
                soft_wrap=True,
            )
    for one in account.balances:
        _print_balance(target, one, units[one.unit])
    if account.holdings:
        target.print()
        print_holdings(target, account.holdings, classes)
    print_read_at(target, account.at)


def print_holdings(
    target: Console, holdings: Iterable[ledger_service_pb2.ClassHolding], classes: ClassUnits
) -> None:
    """What is held: a line for each lot, oldest first."""
    rows = [
        (
            one.class_id,
            lot.issuer,
            amount_text(lot.amount, classes[one.class_id]),
            day_text(lot.value_date),
            day_text(lot.expires_on) or "never",
            "issuer only" if lot.issuer_only else "anywhere",
        )
        for one in holdings
        for lot in one.record.lots
    ]
    print_table(
        target, ("class", "issuer", "amount", "since", "expires", "redeemable"), rows, right=("amount",)
    )


def accounts_json(accounts: Sequence[Account], more: bool, units: Units, classes: ClassUnits) -> Document:
    """A list of accounts. `more`: there are others that were not asked for."""
    return {"accounts": [account_json(one, units, classes) for one in accounts], "more": more}


def print_accounts(target: Console, accounts: Sequence[Account], more: bool, units: Units) -> None:
    """A list of accounts: a line for each unit of each, with the three figures."""
    rows: list[tuple[str, ...]] = []
    for one in accounts:
        name = one.account + (" (closed)" if one.record.closed else "")
        for balance in one.balances:
            unit, record = units[balance.unit], balance.record
            rows.append(
                (
                    name,
                    balance_text(record.balance, unit),
                    amount_text(record.credit_limit, unit),
                    amount_text(balance.available, unit),
                )
            )
        if not one.balances:
            rows.append((name, "-", "-", "-"))
    print_table(
        target,
        ("account", "balance", "credit limit", "available"),
        rows,
        right=("balance", "credit limit", "available"),
    )
    if more:
        target.print()
        target.print("There are more accounts: raise --limit, or name a prefix.")
    if accounts:
        print_read_at(target, accounts[-1].at)


def _signing_text(account: Account) -> str:
    if account.record.HasField("keys"):
        return f"signs with {key_set_text(account.record.keys)}"
    return f"held by {organisation_of(account.account)}, which signs for it"


def _print_balance(target: Console, one: ledger_service_pb2.UnitBalance, unit: Unit) -> None:
    record = one.record
    target.print()
    target.print(unit.code)
    target.print(
        f"  {three_figures(record.balance, record.credit_limit, one.available, unit)}", soft_wrap=True
    )
    if record.has_upper_limit:
        target.print(f"  upper limit: {amount_text(record.upper_limit, unit)}")
    if one.dues or one.HasField("organisation"):
        target.print(f"  dues: {dues_text(one.dues, unit)}")
    if one.HasField("organisation"):
        organisation = one.organisation
        target.print(
            f"  issue ceiling: {amount_text(organisation.ceiling, unit)};"
            f" outstanding: {amount_text(organisation.outstanding, unit)};"
            f" deposit in the pool: {amount_text(organisation.deposit, unit)}",
            soft_wrap=True,
        )


def _balance_json(one: ledger_service_pb2.UnitBalance, unit: Unit) -> Document:
    record = one.record
    document: Document = {
        **three_figures_json(record.balance, record.credit_limit, one.available, unit),
        "balance_words": balance_text(record.balance, unit),
        "upper_limit": decimal_text(record.upper_limit, unit) if record.has_upper_limit else None,
        "dues": decimal_text(one.dues, unit),
    }
    if one.HasField("organisation"):
        document["organisation"] = organisation_unit_json(one.organisation, unit)
    return document


def organisation_unit_json(record: state_pb2.OrganisationUnitRecord, unit: Unit) -> Document:
    """Ceiling, outstanding, deposit and dues by vintage of an organisation in one unit."""
    return {
        **amounts_json(
            unit,
            ceiling=record.ceiling,
            outstanding=record.outstanding,
            deposit=record.deposit,
            unattested=record.unattested,
            contributions=record.contributions,
            served=record.served,
        ),
        "dues": [{"period": due.period, "amount": decimal_text(due.amount, unit)} for due in record.dues],
    }


def holding_json(one: ledger_service_pb2.ClassHolding, unit: Unit) -> Document:
    """What is held of one class, with its lots, oldest first."""
    return {
        "class": one.class_id,
        "unit": unit.code,
        "amount": decimal_text(held_minor(one.record), unit),
        "lots": [
            {
                "issuer": lot.issuer,
                "amount": decimal_text(lot.amount, unit),
                "value_date": day_text(lot.value_date) or None,
                "expires_on": day_text(lot.expires_on) or None,
                "issuer_only": lot.issuer_only,
                "origin": lot.origin,
                "origin_line": lot.origin_line,
            }
            for lot in one.record.lots
        ],
    }
