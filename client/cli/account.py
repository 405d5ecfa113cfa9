"""`ayni account`: accounts, their limits and keys, what they hold, statements, proofs.

Decides how accounts are asked for; what may be done is the ledger's (docs/protocol.md, A1 to A5).
Statements are in client/statement.py, what is shown in client/views.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ayni.v1 import members_pb2
from client import transactions
from client.cli.account_rows import read_accounts
from client.cli.arguments import (
    AmountAndUnit,
    account_name,
    as_option,
    check_one,
    class_name,
    hash_of_file,
    key_options,
    key_set_from,
    limit_options,
    limits_from,
    start_of_day_ms,
)
from client.cli.options import FILE, output_file, shared_options
from client.cli.writing import Writing, writing_options
from client.context import Context
from client.errors import UsageProblem
from client.files import write_file
from client.output import day_text, parse_day
from client.stamps import now_ms
from client.streams import write_out
from ledger import limits

if TYPE_CHECKING:
    from rich.console import Console


@click.group("account")
def command() -> None:
    """Accounts: open, close, limits, keys; balances, statements, proofs."""


# Writing ----------------------------------------------------------------------------------------------


@command.command("open")
@click.argument("account", required=False, default="")
@click.option(
    "--csv",
    "csv_path",
    type=FILE,
    default=None,
    help="Many at once. Columns: account, keys, threshold, 'credit_limit EUC', 'upper_limit EUC'.",
)
@key_options
@limit_options
@click.option(
    "--commitment",
    "commitment_path",
    type=FILE,
    default=None,
    help="A file kept off the ledger (with a salt in it): only its SHA-256 is recorded.",
)
@as_option("The federation, or the organisation that hosts. Default: whichever may.")
@writing_options
def open_command(
    writing: Writing,
    account: str,
    csv_path: Path | None,
    keys: tuple[str, ...],
    threshold: int,
    credit_limits: tuple[AmountAndUnit, ...],
    upper_limits: tuple[AmountAndUnit, ...],
    commitment_path: Path | None,
    author: str,
) -> None:
    """Open an account, or many with --csv.

    Without --key the account is held: its organisation signs for it. A federation opens organisations and
    sets limits; an organisation opens the accounts it hosts, without limits.
    """
    context = writing.context
    if bool(account) == bool(csv_path):
        raise UsageProblem(
            "It is not clear which account to open.",
            "Give either an ACCOUNT or --csv FILE.",
            "See `ayni account open --help`.",
        )
    if csv_path is not None:
        accounts = read_accounts(csv_path, context)
    else:
        account_name(account)
        given = limits_from(context, credit_limits, upper_limits)
        accounts = [
            members_pb2.NewAccount(
                account=account,
                keys=key_set_from(context, keys, threshold),
                commitment=hash_of_file(commitment_path) if commitment_path else b"",
                limits=list(given.values()),
            )
        ]
    parts = [
        (name, group[start : start + limits.ACCOUNTS_MAX])
        for name, group in _by_author(accounts, author).items()
        for start in range(0, len(group), limits.ACCOUNTS_MAX)
    ]
    check_one(writing, len(parts))
    if len(parts) == 1:
        [(name, part)] = parts
        writing.send(transactions.open_accounts(name, part, writing.stamp()))
        return
    with context.output.together("outcomes", "outcomes"):
        for name, part in parts:
            writing.send(transactions.open_accounts(name, part, writing.stamp()))


@command.command("close")
@click.argument("accounts", nargs=-1, required=True, metavar="ACCOUNT...")
@as_option(
    "The federation, or the hosting organisation. Default: the host, of an organisation its federation."
)
@writing_options
def close_command(writing: Writing, accounts: tuple[str, ...], author: str) -> None:
    """Close accounts that are empty: no balance, nothing held."""
    author = author or _host_or_federation(account_name(accounts[0]))
    writing.send(transactions.close_accounts(author, accounts, writing.stamp()))


@command.command("limit")
@click.argument("account")
@limit_options
@click.option(
    "--no-upper-limit", "unlimited", multiple=True, metavar="UNIT", help="Lifts the upper limit. Repeatable."
)
@writing_options
def limit_command(
    writing: Writing,
    account: str,
    credit_limits: tuple[AmountAndUnit, ...],
    upper_limits: tuple[AmountAndUnit, ...],
    unlimited: tuple[str, ...],
) -> None:
    """Sets limits; one that is not named stays as it is."""
    context = writing.context
    given = limits_from(context, credit_limits, upper_limits)
    for code in unlimited:
        limit = given.setdefault(context.unit(code).code, members_pb2.Limit(unit=code))
        if limit.has_upper_limit:
            raise UsageProblem(
                f"The upper limit in {code} is both set and lifted.", "It can be one only.", "Leave one out."
            )
    if not given:
        raise UsageProblem(
            "There is no limit to set.",
            "No --credit-limit, --upper-limit or --no-upper-limit was given.",
            "Write it like --credit-limit 1000 EUC.",
        )
    _keep_others(context, account, given, {code for _, code in credit_limits}, set(unlimited))
    change = members_pb2.AccountLimits(account=account, limits=[given[code] for code in sorted(given)])
    federation = limits.federation_of(account)
    writing.send(transactions.set_limits(federation, [change], writing.stamp()))


@command.command("rotate-keys")
@click.argument("account")
@key_options
@writing_options
def rotate_keys_command(writing: Writing, account: str, keys: tuple[str, ...], threshold: int) -> None:
    """Replace an account's keys whole.

    A quorum of the keys in force signs."""
    key_set = key_set_from(writing.context, keys, threshold)
    if key_set is None:
        raise UsageProblem(
            "There is no new key.", "The new keys replace the old ones whole.", "Name them with --key."
        )
    writing.send(transactions.rotate_keys(account, key_set, writing.stamp()))


def _by_author(
    accounts: list[members_pb2.NewAccount], author: str
) -> dict[str, list[members_pb2.NewAccount]]:
    """Who opens what: the host what it hosts without limits, the federation everything else (A1)."""
    groups: dict[str, list[members_pb2.NewAccount]] = {}
    for one in accounts:
        default = limits.federation_of(one.account) if one.limits else _host_or_federation(one.account)
        groups.setdefault(author or default, []).append(one)
    return groups


def _host_or_federation(account: str) -> str:
    if ":" in account:
        return limits.organisation_of(account)
    return limits.federation_of(account)


def _keep_others(
    context: Context,
    account: str,
    given: dict[str, members_pb2.Limit],
    credit_given: set[str],
    unlimited: set[str],
) -> None:
    """A transaction sets both limits of a unit: fills in the one that was not named, as it is now."""
    now = {one.unit: one.record for one in context.client.account(account).balances}
    for code, limit in given.items():
        record = now.get(code)
        if record is None:
            continue
        if code not in credit_given:
            limit.credit_limit_minor = record.credit_limit
        if not limit.has_upper_limit and code not in unlimited and record.has_upper_limit:
            limit.has_upper_limit, limit.upper_limit_minor = True, record.upper_limit


# Reading ----------------------------------------------------------------------------------------------


@command.command("list")
@click.argument("prefix", required=False, default="")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="At most so many."
)
@shared_options
def list_command(context: Context, prefix: str, limit: int) -> None:
    """List accounts with their three figures.

    PREFIX is a federation, an organisation, or the beginning of a name."""
    from client.reads import accounts_of, units_of_classes
    from client.views.accounts import accounts_json, print_accounts

    accounts, more = accounts_of(context.client, prefix, limit)
    classes = units_of_classes(context.client) if context.as_json else {}
    document = accounts_json(accounts, more, context.units, classes) if context.as_json else {}
    context.output.result(
        "accounts", document, lambda target: print_accounts(target, accounts, more, context.units)
    )


@command.command("show")
@click.argument("account")
@shared_options
def show_command(context: Context, account: str) -> None:
    """Show one account: three figures, dues, holdings."""
    from client.reads import units_of_classes
    from client.views.accounts import account_json, print_account

    found = context.client.account(account)
    classes = units_of_classes(context.client) if found.holdings else {}
    context.output.result(
        "account",
        account_json(found, context.units, classes),
        lambda target: print_account(target, found, context.units, classes),
    )


@command.command("statement")
@click.argument("account")
@click.option("--month", default="", metavar="YYYY-MM", help="One calendar month (UTC).")
@click.option("--from", "from_day", default="", metavar="DAY", help="First day. Default: the beginning.")
@click.option("--until", "until_day", default="", metavar="DAY", help="Last day, included. Default: now.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@output_file("Write to this file, not to stdout.", required=False)
@shared_options
def statement_command(
    context: Context, account: str, month: str, from_day: str, until_day: str, as_csv: bool, path: Path | None
) -> None:
    """Show opening balance, lines, dues, closing balance.

    The period is of block time (UTC)."""
    from client.reads import statement_of, units_of_classes
    from client.statement import check_units
    from client.views.statement import print_statement, render_statement, statement_json

    if as_csv and context.as_json:
        raise UsageProblem("A statement has one form.", "--csv and --json exclude each other.", "Choose one.")
    from_ms, until_ms = _period(month, from_day, until_day)
    statement = statement_of(context.client, account, from_ms, until_ms)
    unit_of = {**context.units, **units_of_classes(context.client)}
    check_units(statement, unit_of)
    form = "csv" if as_csv else ("json" if context.as_json else "text")
    if path is not None:
        write_file(path, render_statement(statement, unit_of, form).encode())
        context.output.notice(f"statement of {account} written to {path}")
    elif as_csv:
        write_out(render_statement(statement, unit_of, form))
    else:
        document = statement_json(statement, unit_of)
        context.output.result(
            "statement", document, lambda target: print_statement(target, statement, unit_of)
        )


@command.command("proof")
@click.argument("account")
@click.option("--balance", "unit", default="", metavar="UNIT", help="Prove its balance and limits in a unit.")
@click.option("--holding", "class_id", default="", metavar="CLASS", help="Prove what it holds of a class.")
@click.option(
    "--dues",
    "dues_unit",
    default="",
    metavar="UNIT",
    help="Prove dues, deposit and ceiling of an organisation.",
)
@output_file("The proof, a file that anybody verifies offline.")
@shared_options
def proof_command(
    context: Context, account: str, unit: str, class_id: str, dues_unit: str, path: Path
) -> None:
    """Write the proof of one record of an account.

    By default of its keys and standing. It is verified offline before it is written, as
    `ayni audit receipt FILE --genesis NAME` does again.
    """
    from client.reads import units_of_classes
    from client.views.proofs import proof_json, record_key, record_text

    if sum(map(bool, (unit, class_id, dues_unit))) > 1:
        raise UsageProblem(
            "A proof is of one record.",
            "--balance, --holding and --dues exclude each other.",
            "Write one file for each.",
        )
    for code in filter(None, (unit, dues_unit)):
        context.unit(code)
    if account != limits.POOL:
        account_name(account)
    if class_id:
        class_name(class_id)
    key = record_key(account, balance=unit, holding=class_id, dues=dues_unit)
    proof, verified = context.client.state_proof(key)
    classes = units_of_classes(context.client) if class_id else {}
    units = {**context.units, **classes}
    write_file(path, proof.SerializeToString(deterministic=True))

    def render(target: Console) -> None:
        for line in record_text(verified, units):
            target.print(line, soft_wrap=True)
        target.print(f"verified; written to {path}", soft_wrap=True)

    context.output.result("proof", {**proof_json(verified, units), "file": str(path)}, render)


def _period(month: str, from_day: str, until_day: str) -> tuple[int, int]:
    """(inclusive, exclusive) block times in Unix milliseconds; 0: open."""
    if month:
        if from_day or until_day:
            raise UsageProblem(
                "The period is given twice.", "--month says both ends.", "Leave out --from and --until."
            )
        try:
            first = parse_day(f"{month}-01")
            year, number = int(month[:4]), int(month[5:7])
            following = parse_day(f"{year + number // 12:04d}-{number % 12 + 1:02d}-01")
        except UsageProblem as error:
            raise UsageProblem(
                f"'{month}' is not a month.",
                "Months are written year-month, from 1970-02 to 2269-11.",
                "Write it like 2026-03.",
            ) from error
        return _past(first), start_of_day_ms(following)
    from_ms = _past(parse_day(from_day)) if from_day else 0
    until_ms = start_of_day_ms(parse_day(until_day) + 1) if until_day else 0
    if until_ms and until_ms <= from_ms:
        raise UsageProblem(
            f"The period from {from_day} until {until_day} is empty.",
            "Its last day is before its first.",
            "Exchange them.",
        )
    return from_ms, until_ms


def _past(day: int) -> int:
    """The beginning of a day on which a period begins."""
    from_ms = start_of_day_ms(day)
    if from_ms > now_ms():
        raise UsageProblem(
            f"The period begins on {day_text(day)}, which is still to come.",
            "A statement shows what is final; by this machine's clock nothing of then can be.",
            "Choose an earlier day, or look at the clock.",
        )
    return from_ms
