"""What a federation may grant: credit limits and issue ceilings together stay within its quota (M6, M7).

Never decides who may grant; see `accounts.py` (limits) and `members.py` (ceilings).
"""

from __future__ import annotations

from ledger import records, refusals
from ledger.amounts import shown
from ledger.refusals import Refusal
from ledger.state import State


def change_quota(state: State, federation: str, unit: str, difference: int, field: str) -> Refusal | None:
    """M7: adds `difference` (smallest parts of `unit`) to what the federation has granted.

    Only a rise can be refused (QUOTA_EXCEEDED), also when the quota was voted below what is used.
    """
    if not difference:
        return None
    key = records.quota_key(federation, unit)
    record = state.get(records.QuotaRecord, key)
    used = record.used + difference
    if difference > 0 and used > record.quota:
        return Refusal(
            refusals.QUOTA_EXCEEDED,
            field,
            f"{federation} would have granted {shown(state, used, unit)} of its quota of"
            f" {shown(state, record.quota, unit)}: {shown(state, record.used, unit)} are used and this adds"
            f" {shown(state, difference, unit)}; grant less, lower another limit or ceiling, or have the"
            " quota raised by a decision",
        )
    state.put(key, record._replace(used=used))
    return None
