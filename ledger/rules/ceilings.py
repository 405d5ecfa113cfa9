"""What bounds issuing: the voted ceiling on outstanding plus arrears, and old arrears (E2, H2, S5)."""

from __future__ import annotations

from ledger import refusals
from ledger.amounts import shown
from ledger.records import OrganisationUnitRecord
from ledger.refusals import Refusal
from ledger.rule import Context


def arrears(record: OrganisationUnitRecord, open_period: int) -> int:
    """S5: what an organisation still owes of periods that are closed; nothing is set off before a close."""
    return -sum([due.amount for due in record.dues if due.amount < 0 and due.period < open_period])


def room(record: OrganisationUnitRecord, open_period: int, issued: int = 0, dues: int = 0) -> int:
    """Ceiling less outstanding, arrears and dues of the period, where no deposit is paid (H2, P2).

    `issued`, `dues`: what the transaction has added to outstanding and to dues. Negative when above.
    """
    owed = arrears(record, open_period) + dues_of_period(record, open_period, dues)
    return record.ceiling - record.outstanding - issued - owed


def dues_of_period(record: OrganisationUnitRecord, open_period: int, change: int = 0) -> int:
    """What an organisation owes of the open period, which no close has made arrears yet."""
    return max(0, -change - sum([due.amount for due in record.dues if due.period == open_period]))


def check_ceiling(
    context: Context, issuer: str, unit: str, issued: int, field: str, dues: int = 0, *, again: bool = False
) -> Refusal | None:
    """E2: outstanding + `issued` + arrears ≤ ceiling; `dues`: what counts beside arrears.

    `again` (R5): it was issued before, and is outstanding again.
    """
    record = context.state.organisation_unit(issuer, unit)
    owed = arrears(record, context.state.period().open_period)
    if record.outstanding + issued + owed + dues <= record.ceiling:
        return None
    state = context.state
    of_period = f", dues of this period {shown(state, dues, unit)}" if dues else ""
    so, remedy = (
        (f"this makes {shown(state, issued, unit)} outstanding again", "take back less")
        if again
        else (f"this issues {shown(state, issued, unit)}", "issue less")
    )
    return Refusal(
        refusals.CEILING_EXCEEDED,
        field,
        f"{issuer} may have {shown(state, record.ceiling, unit)} outstanding:"
        f" {shown(state, record.outstanding, unit)} are, arrears are {shown(state, owed, unit)}{of_period},"
        f" and {so}; {remedy}, or have a decision raise the ceiling",
    )


def check_old_arrears(context: Context, issuer: str, unit: str, field: str) -> Refusal | None:
    """E2, S5: no shares with arrears older than one settlement: of a vintage ≤ open period − 2."""
    open_period = context.state.period().open_period
    record = context.state.organisation_unit(issuer, unit)
    owed = arrears(record, open_period - 1)
    if not owed:
        return None
    oldest = min([due.period for due in record.dues if due.amount < 0])
    return Refusal(
        refusals.ARREARS,
        field,
        f"{issuer} owes the pool {shown(context.state, owed, unit)} since period {oldest}, and period"
        f" {open_period} is open: arrears older than one settlement; have them paid at a close first",
    )
