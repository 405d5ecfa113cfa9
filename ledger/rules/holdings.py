"""The book of entitlements: who holds which lots, and what issuers have outstanding (E3 to E7).

`ClassBook` is one class during one transaction: rules move lots through it, in the postings of design 4.4,
and `write` puts every touched record back once. It decides order of use, merging, caps and counts; never
who may do it nor who signs. Amounts are values in smallest parts of the class's unit. It checks E7 by
construction: every change of what holders hold goes with one of the issuer's figures.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger import limits, records, refusals
from ledger.amounts import shown
from ledger.records import ClassRecord, HoldingRecord, Lot, PoolUnitRecord
from ledger.refusals import Refusal
from ledger.rule import DUES, ENTITLEMENTS, Context, Posting
from ledger.rules.classes import ClassPolicy
from ledger.rules.expiry import index_expiry
from ledger.rules.figures import Figures
from ledger.rules.lots import fold_oldest, held_value, insert_lot, is_expired, order_of_use


class ClassBook:
    """One class during one transaction. After the last change, `write`."""

    def __init__(self, context: Context, policy: ClassPolicy, field: str) -> None:
        """`field`: path of the class in the body, for refusals on the whole."""
        self.policy = policy
        self._context = context
        self._field = field
        self._lots: dict[str, list[Lot]] = {}
        self._held: dict[str, int] = {}
        self._changed: set[str] = set()
        self._figures: dict[str, Figures] = {}
        self._dues_made = 0
        self._lots_used = 0
        self._unasked: set[str] = set()
        """Who gets something, and does not sign: E3 leaves them room for what they earn at their host."""

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
            self._unasked.add(holder)
        expires_on = self.policy.expires_on(value_date)
        lot = Lot(issuer, amount, self._context.log_index, line, value_date, expires_on, issuer_only)
        if refusal := self._add(holder, lot, field):
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
        taken = self._take(holder, amount, field, provider)
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
        self._unasked.add(receiver)
        taken = self._take(holder, amount, field, None)
        if isinstance(taken, Refusal):
            return taken
        for lot in taken:
            if refusal := self._add(receiver, lot, field):
                return refusal
        today = self._context.today
        self._post(holder, -amount, receiver, 0, today, reference)
        self._post(receiver, amount, holder, 0, today, reference)
        self._report(taken, 0)
        return None

    def expire(self, holder: str) -> int:
        """S2: every lot of `holder` past its last day: holder −v, pool +v. Returns v."""
        today = self._context.today
        lots = self._open(holder)
        expired = [lot for lot in lots if is_expired(lot, today)]
        if not expired:
            return 0
        amount = held_value(expired)
        self._set(holder, [lot for lot in lots if not is_expired(lot, today)], -amount)
        for lot in expired:
            self._add_to_pool(lot)
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
        lots = self._open(holder)
        today = self._context.today
        # E3: an expired lot is used for nothing, not even to be taken back.
        found = [
            index
            for index, lot in enumerate(lots)
            if lot.origin_line == origin_line  # first what tells most lots apart: thousands are looked at
            and (lot.origin, lot.issuer) == (origin, issuer)
            and not is_expired(lot, today)
        ]
        if not found or lots[found[0]].amount < amount:
            return self._not_of_origin(holder, lots[found[0]].amount if found else 0, amount, field)
        index = found[0]  # equal lots are merged, so there is one
        lot = lots[index]
        rest = [lot._replace(amount=lot.amount - amount)] if lot.amount > amount else []
        self._set(holder, [*lots[:index], *rest, *lots[index + 1 :]], -amount)
        figures = self._of(issuer)
        figures.cancelled += amount
        figures.contributed -= amount
        self._post(holder, -amount, issuer, line, today, reason)
        self._post(issuer, amount, holder, line, today, reason)
        self._report([lot._replace(amount=amount)], line)
        return None

    def unredeem(
        self, holder: str, provider: str, lots: Iterable[Lot], line: int, field: str, reason: str
    ) -> Refusal | None:
        """R5: what `lots_to_restore` said is the holder's again; the dues it made are owed back, now."""
        today = self._context.today
        for lot in lots:
            if refusal := self._add(holder, lot, field, capped=False):
                return refusal
            issuer, value = lot.issuer, lot.amount
            self._of(issuer).redeemed -= value
            self._post(issuer, -value, provider, line, today, reason)
            self._post(holder, value, provider, line, today, reason)
            if issuer != provider:
                self._owe(provider, issuer, value, line, today, reason)
            self._of(provider).served -= value
        return None

    # --- what rules ask ----------------------------------------------------------------------------------

    def position(self, account: str) -> int:
        """What `account` holds less what it has outstanding: its balance in this book."""
        held = self._held.get(account)
        if held is None:
            self._open(account)
            held = self._held[account]
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

    # --- lots --------------------------------------------------------------------------------------------

    def _open(self, holder: str) -> list[Lot]:
        """The lots of a holder as they stand; to be changed by `_set` and `_add` only."""
        lots = self._lots.get(holder)
        if lots is None:
            lots = self._lots[holder] = list(self._context.state.holding(holder, self.policy.class_id).lots)
            self._held[holder] = held_value(lots)
        return lots

    def _set(self, holder: str, lots: list[Lot], change: int) -> None:
        self._lots[holder] = lots
        self._held[holder] += change
        self._changed.add(holder)

    def _take(self, holder: str, amount: int, field: str, provider: str | None) -> list[Lot] | Refusal:
        """E3, E5: `amount` from the oldest usable lots; at a provider, not those only another redeems."""
        lots = self._open(holder)
        today = self._context.today
        taken: list[Lot] = []
        kept: list[Lot] = []
        missing = amount
        for index, lot in enumerate(lots):
            if not missing:
                kept += lots[index:]
                break
            elsewhere = lot.issuer_only and provider is not None and lot.issuer != provider
            if elsewhere or is_expired(lot, today):
                kept.append(lot)
            elif lot.amount <= missing:
                taken.append(lot)
                missing -= lot.amount
            else:
                taken.append(lot._replace(amount=missing))
                kept.append(lot._replace(amount=lot.amount - missing))
                missing = 0
        if missing:
            return self._not_enough(holder, amount - missing, amount, field)
        self._lots_used += len(taken)
        if self._lots_used > limits.LOTS_USED_MAX:
            return Refusal(
                refusals.LOTS_TOO_MANY,
                field,
                f"this would use more than {limits.LOTS_USED_MAX} lots in one transaction; split it",
            )
        self._set(holder, kept, -amount)
        return taken

    def _add(self, holder: str, lot: Lot, field: str, *, capped: bool = True) -> Refusal | None:
        """Puts a lot in its place; equal lots merge (E3)."""
        if holder == limits.POOL:
            self._add_to_pool(lot)
            return None
        lots = self._open(holder)
        key = order_of_use(lot)
        if not lots or order_of_use(lots[-1]) < key:  # the usual case: it is the newest
            lots.append(lot)
        else:
            insert_lot(lots, lot)
        self._changed.add(holder)
        held = self._held[holder] = self._held[holder] + lot.amount
        if len(lots) > limits.LOTS_MAX and not fold_oldest(lots, self._context.today):
            return Refusal(
                refusals.LOTS_TOO_MANY,
                field,
                f"{holder} would hold {len(lots)} lots of class {self.policy.class_id}, no two of one issuer;"
                f" at most {limits.LOTS_MAX} are allowed; have it redeem or give some first",
            )
        cap = self.policy.holder_cap
        if cap and capped and held > cap:
            return Refusal(
                refusals.HOLDER_CAP_EXCEEDED,
                field,
                f"{holder} would hold {self._shown(held)} of class {self.policy.class_id}; at most"
                f" {self._shown(cap)} is allowed, so {self._shown(max(0, cap - held + lot.amount))} more",
            )
        return None

    def _add_to_pool(self, lot: Lot) -> None:
        """E3: at the pool lots of one issuer are one lot, without age or expiry."""
        lots = self._open(limits.POOL)
        insert_lot(lots, Lot(lot.issuer, lot.amount, 0, 0, 0, 0, lot.issuer_only))
        self._held[limits.POOL] += lot.amount
        self._changed.add(limits.POOL)

    def _not_enough(self, holder: str, usable: int, amount: int, field: str) -> Refusal:
        held = self._held[holder]
        more = self._shown(held - usable)
        rest = f", {more} more is expired or only its issuer redeems it" if held > usable else ""
        return Refusal(
            refusals.NOT_ENOUGH_HELD,
            field,
            f"{holder} holds {self._shown(usable)} of class {self.policy.class_id} usable here{rest};"
            f" {self._shown(amount)} was asked; use less",
        )

    def _not_of_origin(self, holder: str, left: int, amount: int, field: str) -> Refusal:
        return Refusal(
            refusals.NOT_ENOUGH_HELD,
            field,
            f"{holder} still holds {self._shown(left)} of what that line gave it in class"
            f" {self.policy.class_id}; {self._shown(amount)} was asked back; take back less",
        )

    def _shown(self, amount: int) -> str:
        return shown(self._context.state, amount, self.policy.unit)

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
        return self._write_holdings() or self._write_figures()

    def _write_holdings(self) -> Refusal | None:
        state, class_id = self._context.state, self.policy.class_id
        new_expiries: dict[int, list[str]] = {}
        for holder in sorted(self._changed):
            key = records.holding_key(holder, class_id)
            before = state.get(HoldingRecord, key).lots
            lots = self._lots[holder]
            if self._held[holder] > limits.TOTAL_MAX:
                return self._overflow(f"what {holder} holds")
            state.put(key, HoldingRecord(tuple(lots)))
            if holder == limits.POOL:
                continue
            if (not before) != (not lots) and (refusal := self._list_class(holder, bool(lots))):
                return refusal
            if self.policy.expires_after_days:
                days = {lot.expires_on for lot in lots} - {lot.expires_on for lot in before}
                for day in days:
                    new_expiries.setdefault(day, []).append(holder)
        for day in sorted(new_expiries):
            index_expiry(state, day, self._context.today, class_id, new_expiries[day])
        return None

    def _list_class(self, holder: str, holds: bool) -> Refusal | None:
        """Keeps the list of classes that an account holds."""
        key = records.account_key(holder)
        account = self._context.state.get(records.AccountRecord, key)
        classes = set(account.held_classes) - {self.policy.class_id}
        if holds:
            classes.add(self.policy.class_id)
        most = limits.HELD_CLASSES_GIVEN_MAX if holder in self._unasked else limits.HELD_CLASSES_MAX
        if holds and len(classes) > most:
            return Refusal(
                refusals.LOTS_TOO_MANY,
                self._field,
                f"{holder} holds entitlements of {len(classes) - 1} classes already, and at most"
                f" {most} are allowed here; have it use up one first",
            )
        self._context.state.put(key, account._replace(held_classes=tuple(sorted(classes))))
        return None

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
        deposits, dues, outstanding, dues_made = state.get(PoolUnitRecord, key)
        outstanding += change
        dues_made += self._dues_made
        state.put(key, PoolUnitRecord(deposits, dues, outstanding, dues_made))
        if max(outstanding, dues_made) > limits.TOTAL_MAX:
            return self._overflow("what is outstanding or was made due")
        return None

    def _overflow(self, what: str) -> Refusal:
        return Refusal(
            refusals.OVERFLOW,
            self._field,
            f"{what} in {self.policy.unit} would pass the most that is kept; use less",
        )
