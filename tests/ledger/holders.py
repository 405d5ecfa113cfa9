"""Three organisations with a class of shares and one of hours, and how lots come to people and from them."""

from __future__ import annotations

from typing import Any

from ayni.v1 import entitlements_pb2
from ledger import records
from ledger.records import Lot
from tests.ledger.bare import HASH, START_DAY, Bare, define_class

A, B, C = "f/a", "f/b", "g/c"
SHARES, HOURS = "shares@f", "hours@f"


def bare_with_classes(*, expires_after_days: int = 0, cap: int = 0) -> Bare:
    """Three organisations with ceilings and credit, a class of shares and one of hours."""
    bare = Bare([A, B, C])
    for name in (A, B, C):
        for unit in ("EUC", "HRS"):
            bare.organisation(name, unit, limit=5_000, ceiling=2_000)
    for federation, organisations in (("f", 2), ("g", 1)):
        for unit in ("EUC", "HRS"):
            used = records.QuotaRecord(10**15, organisations * 7_000)
            bare.put(records.quota_key(federation, unit), used)
    for class_id, unit in ((SHARES, "EUC"), (HOURS, "HRS")):
        done = bare.do("f", define_class(class_id, unit, expires_after_days=expires_after_days, cap=cap))
        assert done is None
    return bare


def issue(issuer: str, holder: str, amount: int, value_date: int = START_DAY) -> Any:
    line = entitlements_pb2.IssueLine(holder=holder, items=amount, value_date=value_date, document_hash=HASH)
    return issuer, entitlements_pb2.IssueEntitlements(class_id=SHARES, lines=[line])


def give(holder: str, receiver: str, amount: int, class_id: str = SHARES) -> Any:
    return holder, entitlements_pb2.GiveEntitlements(
        holder=holder, receiver=receiver, class_id=class_id, amount_minor=amount
    )


def donate(holder: str, amount: int, class_id: str = SHARES) -> Any:
    return holder, entitlements_pb2.DonateEntitlements(holder=holder, class_id=class_id, amount_minor=amount)


def redeem(holder: str, provider: str, amount: int, served_by: str = "") -> Any:
    return provider, entitlements_pb2.RedeemEntitlements(
        holder=holder,
        provider=provider,
        class_id=HOURS if served_by else SHARES,
        amount_minor=amount,
        value_date=START_DAY,
        served_by=served_by,
    )


def serve(host: str, *lines: tuple[str, str, int], paid_by: str = "") -> Any:
    record = entitlements_pb2.RecordService(class_id=HOURS)
    for served_by, recipient, amount in lines:
        line = record.lines.add(
            served_by=served_by, recipient=recipient, value_date=START_DAY, amount_minor=amount
        )
        if paid_by:
            line.credits.holder = paid_by
        else:
            line.organisation.SetInParent()
    return host, record


def lot(amount: int, origin: int, line: int = 0, date: int = START_DAY, issuer: str = A) -> Lot:
    return Lot(issuer, amount, origin, line, date)


def held(bare: Bare, holder: str, class_id: str = SHARES) -> list[tuple[int, int, int]]:
    return [
        (item.amount, item.origin, item.origin_line) for item in bare.state.holding(holder, class_id).lots
    ]
