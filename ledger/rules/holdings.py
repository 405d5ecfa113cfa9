"""The book of entitlements: how each kind of move changes holders, issuers and dues (E3 to E7).

`ClassBook` is one class during one transaction: rules move lots through it, in the postings of design 4.4,
and `write` puts every touched record back once. Who holds which lots it leaves to `held.py`, what an issuer
has outstanding and owes to `figures.py`. It decides what goes with what; never who may do it nor who signs.
Amounts are values in smallest parts of the class's unit. It checks E7 by construction: every change of what
holders hold goes with one of the issuer's figures.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger import limits, records
from ledger.records import ClassRecord, Lot, PoolUnitRecord
from ledger.refusals import Refusal
from ledger.rule import DUES, ENTITLEMENTS, Context, Posting
from ledger.rules.classes import ClassPolicy
from ledger.rules.figures import Figures
from ledger.rules.held import HeldLots, overflow
from ledger.rules.lots import held_value


class ClassBook:
    """One class during one transaction. After the last change, `write`."""

    def __init__(self, context: Context, policy: ClassPolicy, field: str) -> None:
        """`field`: path of the class in the body, for refusals on the whole."""
        self.policy = policy
        self._context = context
        self._field = field
        self._held = HeldLots(context.state, policy, context.today, field)
        self._figures: dict[str, Figures] = {}
        self._dues_made = 0

    # --- what rules do -----------------------------------------------------------------------------------

    def issue(
        self,
        issuer: str,
        holder: str,
        amount: int,
        value_date: int,
        line: int,
        field: str,
        *,
        reference: str = "",
        issuer_only: bool = False,
        brought_over: bool = False,
        earned: bool = False,
    ) -> Refusal | None:
        """Entitlements: issuer −amount, holder +amount, as a new lot of this transaction and line.

        `brought_over` (P2): from an older system, and no contribution of this period. `earned` (H2): by a
        service, of which the holder signs nothing.
        """
        if earned and limits.organisation_of(holder) != issuer:
            self._held.keep_room(holder)
        expires_on = self.policy.expires_on(value_date)
        lot = Lot(issuer, amount, self._context.log_index, line, value_date, expires_on, issuer_only)
        if refusal := self._held.add(holder, lot, field):
            return refusal
        figures = self._of(issuer)
        figures.issued += amount
        if not brought_over:
            figures.contributed += amount
        self._post(issuer, -amount, holder, line, value_date, reference)
        self._post(holder, amount, issuer, line, value_date, reference)
        return None

    def redeem(
        self,
        holder: str,
        provider: str,
        amount: int,
        line: int,
        field: str,
        value_date: int,
        reference: str = "",
    ) -> Refusal | None:
        """E5: oldest lots first: holder −v, issuer +v, and dues when the issuer is not the provider."""
        taken = self._held.take(holder, amount, field, provider)
        if isinstance(taken, Refusal):
            return taken
        by_issuer: dict[str, int] = {}
        for lot in taken:
            by_issuer[lot.issuer] = by_issuer.get(lot.issuer, 0) + lot.amount
        self._post(holder, -amount, provider, line, value_date, reference)
        for issuer, value in by_issuer.items():  # in the order of the lots
            self._of(issuer).redeemed += value
            self._post(issuer, value, provider, line, value_date, reference)
            if issuer != provider:
                self._owe(issuer, provider, value, line, value_date, reference)
        self._of(provider).served += amount
        self._report(taken, line)
        return None

    def give(
        self, holder: str, receiver: str, amount: int, field: str, reference: str = ""
    ) -> Refusal | None:
        """E4: lots move, oldest first; the receiver may be "pool"."""
        self._held.keep_room(receiver)
        taken = self._held.take(holder, amount, field, None)
        if isinstance(taken, Refusal):
            return taken
        if refusal := self._held.check_cap(receiver, amount, field):
            return refusal
        for lot in taken:
            if refusal := self._held.add(receiver, lot, field, capped=False):
                return refusal
        today = self._context.today
        self._post(holder, -amount, receiver, 0, today, reference)
        self._post(receiver, amount, holder, 0, today, reference)
        self._report(taken, 0)
        return None

    def expire(self, holder: str) -> int:
        """S2: every lot of `holder` past its last day: holder −v, pool +v. Returns v."""
        expired = self._held.take_expired(holder)
        if not expired:
            return 0
        amount = held_value(expired)
        for lot in expired:
            self._held.add_to_pool(lot)
        today = self._context.today
        self._post(holder, -amount, limits.POOL, 0, today, "")
        self._post(limits.POOL, amount, holder, 0, today, "")
        return amount

    def cancel(
        self,
        issuer: str,
        holder: str,
        origin: int,
        origin_line: int,
        amount: int,
        line: int,
        field: str,
        reason: str,
    ) -> Refusal | None:
        """R3, R4: of the lot with that origin that `holder` still holds: holder −amount, issuer +amount."""
        lot = self._held.take_of_origin(issuer, holder, origin, origin_line, amount, field)
        if isinstance(lot, Refusal):
            return lot
        figures = self._of(issuer)
        figures.cancelled += amount
        figures.contributed -= amount
        today = self._context.today
        self._post(holder, -amount, issuer, line, today, reason)
        self._post(issuer, amount, holder, line, today, reason)
        self._report([lot], line)
        return None

    def unredeem(
        self, holder: str, provider: str, lots: Iterable[Lot], line: int, field: str, reason: str
    ) -> Refusal | None:
        """R5: what `lots_to_restore` said is the holder's again; the dues it made are owed back, now."""
        today = self._context.today
        for lot in lots:
            issuer, value = lot.issuer, lot.amount
            self._of(issuer).redeemed -= value
            self._post(issuer, -value, provider, line, today, reason)
            # Only now: the holder may be the issuer, whose balance each line follows from the one before.
            if refusal := self._held.add(holder, lot, field, capped=False):
                return refusal
            self._post(holder, value, provider, line, today, reason)
            if issuer != provider:
                self._owe(provider, issuer, value, line, today, reason)
            self._of(provider).served -= value
        return None

    # --- what rules ask ----------------------------------------------------------------------------------

    def position(self, account: str) -> int:
        """What `account` holds less what it has outstanding: its balance in this book."""
        held = self._held.value(account)
        if ":" in account or account == limits.POOL:
            return held
        return held - self._of(account).outstanding()

    def dues_total(self, organisation: str) -> int:
        """What the pool owes it in the unit, as this transaction has it; negative: what it owes the pool."""
        return self._of(organisation).dues_total()

    def outstanding_change(self, issuer: str) -> int:
        """By how much this transaction has changed what `issuer` has outstanding in the class."""
        return self._of(issuer).outstanding_change()

    def room(self, issuer: str) -> int:
        """H2: what `issuer` may still issue, as this transaction has it; negative when it is above."""
        return self._of(issuer).room(self._context.state.period().open_period)

    # --- figures and postings ----------------------------------------------------------------------------

    def _of(self, organisation: str) -> Figures:
        found = self._figures.get(organisation)
        if found is None:
            found = self._figures[organisation] = Figures(
                self._context.state, self.policy.class_id, self.policy.unit, organisation
            )
        return found

    def _post(
        self, account: str, amount: int, counterparty: str, line: int, value_date: int, reference: str
    ) -> None:
        self._context.postings.append(
            Posting(
                ENTITLEMENTS,
                account,
                self.policy.class_id,
                amount,
                self.position(account),
                counterparty,
                line,
                value_date,
                reference,
            )
        )

    def _owe(
        self, debtor: str, creditor: str, value: int, line: int, value_date: int, reference: str
    ) -> None:
        """Dues: debtor −value, pool +value; pool −value, creditor +value. The pool's side nets to nothing."""
        self._dues_made += value
        for organisation, change, other in ((debtor, -value, creditor), (creditor, value, debtor)):
            figures = self._of(organisation)
            figures.dues += change
            self._context.postings.append(
                Posting(
                    DUES,
                    organisation,
                    self.policy.unit,
                    change,
                    figures.dues_total(),
                    other,
                    line,
                    value_date,
                    reference,
                )
            )

    def _report(self, lots: Iterable[Lot], line: int) -> None:
        add = self._context.result.lots_used.add
        for lot in lots:
            add(
                line=line,
                issuer=lot.issuer,
                amount_minor=lot.amount,
                origin=lot.origin,
                origin_line=lot.origin_line,
                value_date=lot.value_date,
                expires_on=lot.expires_on,
                issuer_only=lot.issuer_only,
            )

    # --- writing back ------------------------------------------------------------------------------------

    def write(self) -> Refusal | None:
        """Puts every touched record back. OVERFLOW and LOTS_TOO_MANY can only be known here."""
        return self._held.write() or self._write_figures()

    def _write_figures(self) -> Refusal | None:
        state = self._context.state
        open_period = state.period().open_period if self._dues_made else 0
        change = 0
        first_issue = False
        for organisation in sorted(self._figures):
            figures = self._figures[organisation]
            if too_much := figures.write(state, open_period):
                return self._overflow(too_much)
            change += figures.outstanding_change()
            first_issue = first_issue or figures.issued > 0
        if first_issue:
            key = records.class_key(self.policy.class_id)
            record = state.get(ClassRecord, key)
            if not record.issued:
                state.put(key, ClassRecord(record.definition, True))
        return self._write_totals(change)

    def _write_totals(self, change: int) -> Refusal | None:
        if not (change or self._dues_made):
            return None
        state = self._context.state
        key = records.pool_unit_key(self.policy.unit)
        before = state.get(PoolUnitRecord, key)
        outstanding = before.outstanding + change
        dues_made = before.dues_made + self._dues_made
        state.put(key, before._replace(outstanding=outstanding, dues_made=dues_made))
        if max(outstanding, dues_made) > limits.TOTAL_MAX:
            return self._overflow("what is outstanding or was made due")
        return None

    def _overflow(self, what: str) -> Refusal:
        return overflow(self.policy.unit, what, self._field)
