"""The state's records against the second recomputation: every balance of the three books, and its bounds.

What was voted, settled and taken back is compared likewise.

Decides which figures of a record are recomputed, and says where the two differ. `compare_block` looks at
what a block wrote, so that a difference is found in the block that made it; `compare_state` at everything,
so that nothing was left unwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audit.archive import HISTORY
from audit.findings import Finding
from audit.naive_books import Figures, Lot, NaiveBooks, Taken
from ledger import records

FINDINGS_MAX = 20
"""Of one comparison; more would only repeat it."""

Figure = tuple[str, object, object]
"""Name, what the state says, what was recomputed."""


def compare_block(books: NaiveBooks, writes: Mapping[bytes, tuple[Any, ...]], height: int) -> list[Finding]:
    """Compare the records that one block wrote."""
    findings: list[Finding] = []
    for key, record in writes.items():
        compare = _COMPARE.get(key[:2])
        if compare is not None:
            parts = key.decode().split("|")[1:]
            findings += _differences(key, compare(books, record, *parts), height)
            if len(findings) >= FINDINGS_MAX:
                break
    return findings


def compare_state(
    books: NaiveBooks, values: Mapping[bytes, bytes], height: int
) -> tuple[list[Finding], tuple[int, int, int]]:
    """Compare every record, and that none is missing; return also how many balances each book has."""
    findings: list[Finding] = []
    for key, value in values.items():
        record_type = _RECORD_TYPES.get(key[:2])
        if record_type is not None:
            record = records.decode(record_type, value)
            parts = key.decode().split("|")[1:]
            findings += _differences(key, _COMPARE[key[:2]](books, record, *parts), height)
    for key in _keys_expected(books):
        if key not in values:
            findings.append(
                Finding(HISTORY, "the record is absent, and it should not be", height, field=key.decode())
            )
    credit = sum(1 for balance in books.credit.values() if balance)
    dues = sum(1 for vintages in books.dues.values() if vintages)
    entitlements = sum(1 for lots in books.held.values() if lots)
    return findings[:FINDINGS_MAX], (credit, dues, entitlements)


def _differences(key: bytes, figures: list[Figure], height: int) -> list[Finding]:
    return [
        Finding(
            HISTORY,
            f"{name}: the state says {stated}; recomputed from the signed transactions it is {ours}",
            height,
            field=key.decode(),
        )
        for name, stated, ours in figures
        if stated != ours
    ]


def _keys_expected(books: NaiveBooks) -> list[bytes]:
    """The keys of every record that must be there, because a figure in it is not zero."""
    figures: list[tuple[str, Mapping[tuple[str, str], object]]] = [
        ("b", books.credit),
        ("b", books.credit_limits),
        ("d", books.dues),
        ("d", books.deposits),
        ("d", books.outstanding),
        ("d", books.ceilings),
        ("d", books.unattested),
        ("h", books.held),
        ("q", books.quotas),
        ("q", books.granted),
    ]
    keys = {
        f"{table}|{one}|{two}" for table, each in figures for (one, two), figure in each.items() if figure
    }
    keys |= {f"b|{account}|{unit}" for account, unit in books.upper_limits}  # an upper limit of 0 is one
    keys |= {f"i|{class_id}|{issuer}" for (class_id, issuer), each in books.figures.items() if each.issued}
    keys |= {f"p|{number}|{unit}" for number, unit in books.parameters}
    keys |= {f"r|{tx_id.hex()}|{line}" for tx_id, line in books.taken_back}
    keys |= {f"t|{period}" for period in books.settlements}
    return [key.encode() for key in sorted(keys)]


def _balance(books: NaiveBooks, record: Any, account: str, unit: str) -> list[Figure]:
    key = account, unit
    ours = (
        books.credit.get(key, 0),
        books.credit_limits.get(key, 0),
        key in books.upper_limits,
        books.upper_limits.get(key, 0),
    )
    balance, credit_limit = record[0], record[1]
    if record == ours and balance >= -credit_limit:  # nearly all records are these, and nearly all are right
        return []
    names = ("balance", "credit limit", "whether it has an upper limit", "upper limit")
    beyond = max(0, -balance - credit_limit)  # A3, A5: no rule takes an account there, nor P3 the pool
    return [*zip(names, record, ours, strict=True), ("owed beyond the credit limit", beyond, 0)]


def _organisation_unit(books: NaiveBooks, record: Any, name: str, unit: str) -> list[Figure]:
    key = name, unit
    return [
        ("ceiling", record.ceiling, books.ceilings.get(key, 0)),
        ("outstanding", record.outstanding, books.outstanding.get(key, 0)),
        ("deposit", record.deposit, books.deposits.get(key, 0)),
        ("dues by period", dict(record.dues), dict(sorted(books.dues.get(key, {}).items()))),
        ("unattested", record.unattested, books.unattested.get(key, 0)),
        ("contributions", record.contributions, books.contributed.get(key, 0)),
        ("served", record.served, books.served.get(key, 0)),
    ]


def _pool_unit(books: NaiveBooks, record: Any, unit: str) -> list[Figure]:
    deposits = sum(deposit for (_, code), deposit in books.deposits.items() if code == unit)
    dues = sum(sum(each.values()) for (_, code), each in books.dues.items() if code == unit)
    outstanding = sum(value for (_, code), value in books.outstanding.items() if code == unit)
    return [
        ("deposits", record.deposits, deposits),
        ("dues", record.dues, -dues),
        ("outstanding", record.outstanding, outstanding),
        ("dues made", record.dues_made, books.dues_made.get(unit, 0)),
        ("expired", record.expired, books.expired.get(unit, 0)),
    ]


def _quota(books: NaiveBooks, record: Any, federation: str, unit: str) -> list[Figure]:
    key = federation, unit
    return [
        ("quota", record.quota, books.quotas.get(key, 0)),
        ("used", record.used, books.granted.get(key, 0)),
    ]


def _holding(books: NaiveBooks, record: Any, holder: str, class_id: str) -> list[Figure]:
    stated = [
        (
            Lot(lot.value_date, lot.origin, lot.origin_line, lot.issuer, lot.expires_on, lot.issuer_only),
            lot.amount,
        )
        for lot in record.lots
    ]
    ours = sorted(books.held.get((holder, class_id), {}).items())
    return [("lots", stated, ours)]


def _issuance(books: NaiveBooks, record: Any, class_id: str, issuer: str) -> list[Figure]:
    ours = books.figures.get((class_id, issuer)) or Figures()
    return [
        ("issued", record.issued, ours.issued),
        ("redeemed", record.redeemed, ours.redeemed),
        ("bought back", record.bought_back, 0),
        ("cancelled", record.cancelled, ours.cancelled),
        ("outstanding", record.outstanding, ours.outstanding),
    ]


def _parameter(books: NaiveBooks, record: Any, number: str, unit: str) -> list[Figure]:
    return [("value plus one", record.value_plus_one, books.parameters.get((int(number), unit), -1) + 1)]


def _reversed(books: NaiveBooks, record: Any, tx_id: str, line: str) -> list[Figure]:
    ours = books.taken_back.get((bytes.fromhex(tx_id), int(line)), Taken())
    return [
        ("taken back", record.amount, ours.amount),
        ("deposit returned", record.deposit, ours.deposit),
        ("price or fee returned", record.fee, ours.price),
    ]


def _settlement(books: NaiveBooks, record: Any, period: str) -> list[Figure]:
    ours = books.settlements.get(int(period), b"")
    return [("settlement", (record.settlement or b"").hex(), ours.hex())]


_COMPARE: dict[bytes, Callable[..., list[Figure]]] = {
    b"b|": _balance,
    b"d|": _organisation_unit,
    b"w|": _pool_unit,
    b"q|": _quota,
    b"h|": _holding,
    b"i|": _issuance,
    b"p|": _parameter,
    b"r|": _reversed,
    b"t|": _settlement,
}
_RECORD_TYPES: dict[bytes, type[tuple[Any, ...]]] = {
    b"b|": records.BalanceRecord,
    b"d|": records.OrganisationUnitRecord,
    b"w|": records.PoolUnitRecord,
    b"q|": records.QuotaRecord,
    b"h|": records.HoldingRecord,
    b"i|": records.IssuanceRecord,
    b"p|": records.ParameterRecord,
    b"r|": records.ReversedRecord,
    b"t|": records.SettlementRecord,
}
