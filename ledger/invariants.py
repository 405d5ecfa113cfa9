"""What must hold of the state at every height, checked over the records touched and over the whole (B3).

Works from the records alone and knows no rule, so that a rule's mistake is not repeated here. It raises
`InvariantBroken`; it never repairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from ayni.v1 import entitlements_pb2
from ledger import records
from ledger.limits import POOL
from ledger.records import (
    BalanceRecord,
    ClassRecord,
    HoldingRecord,
    IssuanceRecord,
    OrganisationUnitRecord,
    PoolUnitRecord,
    QuotaRecord,
)
from ledger.state import Overlay

Sums = dict[tuple[str, ...], int]


class InvariantBroken(Exception):
    """A book that does not sum to zero, or a total that is not the sum of its parts."""


def invariant(holds: bool, message: str) -> None:
    """Raises InvariantBroken with `message` unless `holds`."""
    if not holds:
        raise InvariantBroken(message)


def check_writes(before: Overlay, writes: Mapping[bytes, tuple[Any, ...]]) -> None:
    """B3 over what one transaction wrote: every sum changes by nothing. Raises InvariantBroken."""
    credit: dict[bytes, int] = {}
    sums: Sums | None = None
    for key, after in writes.items():
        table = key[:1]
        if table == b"b":
            was = before.record(BalanceRecord, key)
            _, account, unit = key.split(b"|")
            credit[unit] = credit.get(unit, 0) + after[0] - was[0]
            if after[1] != was[1]:
                sums = defaultdict(int) if sums is None else sums
                _count_limit(sums, key, after[1] - was[1])
            if account == b"pool":  # P3
                _check_pool(before, writes, unit, after[0])
        elif table in _COUNTED:
            sums = defaultdict(int) if sums is None else sums
            _count_write(sums, before, writes, key, after)
    for unit, off in credit.items():
        if off:
            raise InvariantBroken(f"credit {unit.decode()} is off by {off}")
    if sums:
        _check_zero(sums)


def _check_pool(before: Overlay, writes: Mapping[bytes, tuple[Any, ...]], unit: bytes, balance: int) -> None:
    invariant(balance >= 0, f"the pool's balance would be {balance}")
    totals_key = b"w|" + unit
    if totals_key not in writes:  # otherwise it is looked at there
        deposits = before.record(PoolUnitRecord, totals_key).deposits
        invariant(balance >= deposits, f"the pool would hold {balance}, deposits are {deposits}")


def _count_write(
    sums: Sums,
    before: Overlay,
    writes: Mapping[bytes, tuple[Any, ...]],
    key: bytes,
    after: tuple[Any, ...],
) -> None:
    """What one record, of another table than balances, adds to the sums by what it changed."""

    def unit_of(class_id: str) -> str:
        key = records.class_key(class_id)
        return _unit_of(writes.get(key) or before.record(ClassRecord, key))

    table = key[:1]
    parts = key.decode().split("|")
    _count(sums, parts, after, 1, unit_of)
    _count(sums, parts, before.record(_COUNTED[table], key), -1, unit_of)
    if table == b"w":  # P3
        pool_key = records.balance_key(POOL, key[2:].decode())
        pool = writes.get(pool_key) or before.record(BalanceRecord, pool_key)
        invariant(
            pool[0] >= after[0] >= 0, f"common capital: the pool holds {pool[0]}, deposits are {after[0]}"
        )


def check_state(entries: Iterable[tuple[bytes, bytes]]) -> None:
    """B3, and P3, over a whole state: (key, value bytes) of every record. Raises InvariantBroken."""
    sums: Sums = defaultdict(int)
    units: dict[str, str] = {}
    counted: list[tuple[bytes, tuple[Any, ...]]] = []
    pools: dict[str, int] = defaultdict(int)
    deposits: dict[str, int] = {}
    for key, value in entries:
        table = key[:1]
        if table == b"b":
            record = records.decode(BalanceRecord, value)
            unit = key[key.rindex(b"|") + 1 :].decode()
            sums["credit", unit] += record.balance
            _count_limit(sums, key, record.credit_limit)
            if key.startswith(b"b|pool|"):
                pools[unit] = record.balance
        elif table == b"c":
            units[key[2:].decode()] = _unit_of(records.decode(ClassRecord, value))
        elif table in _COUNTED:
            counted.append((key, records.decode(_COUNTED[table], value)))
    for key, item in counted:
        _count(sums, key.decode().split("|"), item, 1, lambda class_id: units.get(class_id, ""))
        if isinstance(item, PoolUnitRecord):
            deposits[key[2:].decode()] = item.deposits
    for unit in sorted(set(pools) | set(deposits)):
        held, deposited = pools[unit], deposits.get(unit, 0)
        invariant(
            held >= deposited >= 0,
            f"common capital of {unit}: the pool holds {held}, deposits are {deposited}",
        )
    _check_zero(sums)


def _count_limit(sums: Sums, key: bytes, limit: int) -> None:
    _, account, unit = key.decode().split("|")
    sums["quota used", account.partition("/")[0], unit] += limit


def _count(
    sums: Sums, parts: list[str], record: tuple[Any, ...], sign: int, unit_of: Callable[[str], str]
) -> None:
    """Adds what a record contributes to the sums that must come to zero; `parts` of its key."""
    if isinstance(record, OrganisationUnitRecord):
        _, organisation, unit = parts
        sums["dues", unit] += sign * sum([due.amount for due in record.dues])
        sums["deposits", unit] += sign * record.deposit
        sums["outstanding", organisation, unit] += sign * record.outstanding
        sums["outstanding", unit] += sign * record.outstanding
        sums["quota used", organisation.partition("/")[0], unit] += sign * record.ceiling
    elif isinstance(record, PoolUnitRecord):
        sums["dues", parts[1]] += sign * record.dues
        sums["deposits", parts[1]] -= sign * record.deposits
        sums["outstanding", parts[1]] -= sign * record.outstanding
    elif isinstance(record, HoldingRecord):
        for lot in record.lots:
            sums["held", parts[2], lot.issuer] += sign * lot.amount
    elif isinstance(record, IssuanceRecord):
        _, class_id, issuer = parts
        sums["held", class_id, issuer] -= sign * record.outstanding
        sums["outstanding", issuer, unit_of(class_id)] -= sign * record.outstanding
        rest = record.issued - record.outstanding - record.redeemed - record.bought_back - record.cancelled
        sums["issued", class_id, issuer] += sign * rest
    elif isinstance(record, QuotaRecord):
        sums["quota used", parts[1], parts[2]] -= sign * record.used


def _unit_of(record: tuple[Any, ...]) -> str:
    return _unit_defined(record[0] or b"")


@lru_cache(1_024)
def _unit_defined(definition: bytes) -> str:
    return str(entitlements_pb2.DefineClass.FromString(definition).unit)


_COUNTED: Final[dict[bytes, Any]] = {
    b"d": OrganisationUnitRecord,
    b"w": PoolUnitRecord,
    b"h": HoldingRecord,
    b"i": IssuanceRecord,
    b"q": QuotaRecord,
}


def _check_zero(sums: Sums) -> None:
    for name in sorted(sums):
        invariant(sums[name] == 0, f"{' '.join(name)} is off by {sums[name]}")
