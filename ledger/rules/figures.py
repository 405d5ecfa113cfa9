"""What one organisation has issued, served and owes in a class, as one transaction changes it (E7, E5).

Read once when it is first touched, written once at the end. E7 holds of what is written if it held of what
was read: outstanding changes only with issued, redeemed or cancelled.
"""

from __future__ import annotations

from ledger import limits, records
from ledger.books import add_due, dues_total
from ledger.records import Due, IssuanceRecord, OrganisationUnitRecord
from ledger.rules import ceilings
from ledger.state import State


class Figures:
    """An organisation's figures in a class and its unit; changes are added to the attributes."""

    __slots__ = (
        "_issuance",
        "_issuance_key",
        "_unit",
        "_unit_key",
        "cancelled",
        "contributed",
        "dues",
        "issued",
        "organisation",
        "redeemed",
        "served",
    )

    def __init__(self, state: State, class_id: str, unit: str, organisation: str) -> None:
        self.organisation = organisation
        self._issuance_key = records.issuance_key(class_id, organisation)
        self._issuance = state.get(IssuanceRecord, self._issuance_key)
        self._unit_key = records.organisation_unit_key(organisation, unit)
        self._unit = state.get(OrganisationUnitRecord, self._unit_key)
        self.issued = 0
        self.redeemed = 0
        self.cancelled = 0
        self.contributed = 0
        """Of what it issued, less what was cancelled, that which counts into the period."""
        self.served = 0
        self.dues = 0
        """Positive: the pool owes it more, in the vintage of the open period."""

    def outstanding(self) -> int:
        """What it has outstanding in the class."""
        return self._issuance.outstanding + self.issued - self.redeemed - self.cancelled

    def outstanding_change(self) -> int:
        """By how much that changed."""
        return self.issued - self.redeemed - self.cancelled

    def room(self, open_period: int) -> int:
        """H2: what it may still issue, as the transaction has it; negative when it is above."""
        return ceilings.room(self._unit, open_period, self.outstanding_change(), self.dues)

    def dues_total(self) -> int:
        """What the pool owes it in the unit, all vintages; negative: what it owes the pool."""
        return dues_total(self._unit.dues) + self.dues

    def write(self, state: State, open_period: int) -> str:
        """Puts both records back; "" or what would pass its bound."""
        if not (self.issued or self.redeemed or self.cancelled or self.served or self.dues):
            return ""
        return self._write_issuance(state) or self._write_unit(state, open_period)

    def _write_issuance(self, state: State) -> str:
        if not (self.issued or self.redeemed or self.cancelled):
            return ""
        before = self._issuance
        after = IssuanceRecord(
            before.issued + self.issued,
            before.redeemed + self.redeemed,
            before.bought_back,
            before.cancelled + self.cancelled,
            self.outstanding(),
        )
        state.put(self._issuance_key, after)
        return f"what {self.organisation} issued" if after.issued > limits.TOTAL_MAX else ""

    def _write_unit(self, state: State, open_period: int) -> str:
        # Read again: a deposit or a count of unattested service may have been written since.
        ceiling, outstanding, deposit, dues, unattested, contributions, served = state.get(
            OrganisationUnitRecord, self._unit_key
        )
        if self.dues:
            dues = add_due(dues, Due(open_period, self.dues))
            # Far below what a record holds, so that what a close adds up over all stays in bounds too.
            if sum([abs(due.amount) for due in dues]) > limits.AMOUNT_MAX:
                return f"the dues of {self.organisation}"
        outstanding += self.outstanding_change()
        contributions = max(0, contributions + self.contributed)
        served = max(0, served + self.served)
        state.put(
            self._unit_key,
            OrganisationUnitRecord(ceiling, outstanding, deposit, dues, unattested, contributions, served),
        )
        # Hours have no ceiling: else one organisation could fill what the unit's total holds, for all.
        if outstanding > limits.AMOUNT_MAX:
            return f"what {self.organisation} has outstanding"
        if max(contributions, served) > limits.TOTAL_MAX:
            return f"what {self.organisation} received or served"
        return ""
