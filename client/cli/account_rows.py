"""The CSV file of `ayni account open`: one account a row.

Columns: `account`; optional `keys` (names or contact files, separated by blanks), `threshold`, and for any
unit `credit_limit EUC` and `upper_limit EUC`. Never sends.
"""

from __future__ import annotations

import re
from pathlib import Path

from ayni.v1 import members_pb2
from client.cli.arguments import key_set_from, limits_from
from client.context import Context
from client.tables import CellProblem, Columns, Row, bad_rows, needed, read_table
from ledger import limits

_THRESHOLD = re.compile(r"[0-9]{1,3}")
_LIMIT = re.compile(r"(credit|upper)_limit ([A-Z][A-Z0-9]{1,7})")
COLUMNS = Columns(("account",), ("keys", "threshold"), lambda name: _LIMIT.fullmatch(name) is not None)


def read_accounts(path: Path, context: Context) -> list[members_pb2.NewAccount]:
    """Reads the accounts to open, in the order of the file. Raises UsageProblem naming the rows at fault."""
    accounts = read_table(path, COLUMNS, lambda row: _account(row, context))
    first: dict[str, int] = {}
    problems = []
    for number, one in enumerate(accounts, start=1):
        if one.account in first:
            problems.append(f"row {number}, account: {one.account} is in row {first[one.account]} already")
        first.setdefault(one.account, number)
    if problems:
        raise bad_rows(path, problems, len(accounts))
    return accounts


def _account(row: Row, context: Context) -> members_pb2.NewAccount:
    account = needed(row, "account")
    if not limits.ACCOUNT_NAME.match(account):
        raise CellProblem("account", f"'{account}' is not an account's name, like emilia/cadiai:m-0412")
    if row["threshold"] and not _THRESHOLD.fullmatch(row["threshold"]):
        raise CellProblem("threshold", f"'{row['threshold'][:40]}' is not a number of keys")
    found: dict[str, list[tuple[str, str]]] = {"credit": [], "upper": []}
    for column, cell in row.items():
        if cell and (limit := _LIMIT.fullmatch(column)):
            found[limit[1]].append((cell, limit[2]))
    return members_pb2.NewAccount(
        account=account,
        keys=key_set_from(context, row["keys"].split(), int(row["threshold"] or 0)),
        limits=list(limits_from(context, found["credit"], found["upper"]).values()),
    )
