"""Who holds which lots of one class, as one transaction changes it (E3).

Decides the order of use, merging, expiry, caps and counts; never what is posted nor what issuers have
outstanding (`holdings.py`). A holding is read when it is first touched, and written once at the end, with its
entries in the index of what expires and its holder's list of classes. Amounts are values in smallest parts of
the class's unit.
"""

from __future__ import annotations

from ledger import limits, records, refusals
from ledger.amounts import shown
from ledger.records import HoldingRecord, Lot
from ledger.refusals import Refusal
from ledger.rules.classes import ClassPolicy
from ledger.rules.expiry import index_expiry
from ledger.rules.lots import fold_oldest, held_value, insert_lot, is_expired, order_of_use
from ledger.state import State


class HeldLots:
    """What everybody holds of one class, during one transaction. After the last change, `write`."""

    def __init__(self, state: State, policy: ClassPolicy, today: int, field: str) -> None:
        """`field`: path of the class in the body, for refusals on the whole."""
        self._state = state
        self._policy = policy
        self._today = today
        self._field = field
        self._lots: dict[str, list[Lot]] = {}
        self._held: dict[str, int] = {}
        self._changed: set[str] = set()
        self._used = 0
        self._unasked: set[str] = set()
        """Who keeps room."""
        self._unusable: dict[str, tuple[str | None, int]] = {}
        """Of a holder: the provider asked for last, and how many of its first lots cannot be used there."""

    def value(self, holder: str) -> int:
        """The value of all that `holder` holds."""
        held = self._held.get(holder)
        if held is None:
            self._of(holder)
            held = self._held[holder]
        return held

    def keep_room(self, holder: str) -> None:
        """E3: whoever gets something and does not sign keeps room for what it earns at its host."""
        self._unasked.add(holder)

    def take(self, holder: str, amount: int, field: str, provider: str | None) -> list[Lot] | Refusal:
        """E3, E5: `amount` from the oldest usable lots; at a provider, not those only another redeems."""
        lots = self._of(holder)
        taken: list[Lot] = []
        first = self._first_usable(holder, lots, provider)
        kept = lots[:first]
        missing = amount
        for index, lot in enumerate(lots[first:], first):
            if not missing:
                kept += lots[index:]
                break
            if not self._is_usable(lot, provider):
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
        self._used += len(taken)
        if self._used > limits.LOTS_USED_MAX:
            return Refusal(
                refusals.LOTS_TOO_MANY,
                field,
                f"this would use more than {limits.LOTS_USED_MAX} lots in one transaction; split it",
            )
        self._set(holder, kept, -amount)
        self._unusable[holder] = provider, first  # those lots are the same
        return taken

    def _first_usable(self, holder: str, lots: list[Lot], provider: str | None) -> int:
        """How many lots come before the first that can be used at a provider."""
        known = self._unusable.get(holder)
        if known is not None and known[0] == provider:
            return known[1]  # thousands of lines may ask
        places = (index for index, lot in enumerate(lots) if self._is_usable(lot, provider))
        return next(places, len(lots))

    def _is_usable(self, lot: Lot, provider: str | None) -> bool:
        """E3, E5."""
        elsewhere = lot.issuer_only and provider is not None and lot.issuer != provider
        return not elsewhere and not is_expired(lot, self._today)

    def take_expired(self, holder: str) -> list[Lot]:
        """S2: every lot past its last day."""
        lots = self._of(holder)
        expired = [lot for lot in lots if is_expired(lot, self._today)]
        if expired:
            kept = [lot for lot in lots if not is_expired(lot, self._today)]
            self._set(holder, kept, -held_value(expired))
        return expired

    def take_of_origin(
        self, issuer: str, holder: str, origin: int, origin_line: int, amount: int, field: str
    ) -> Lot | Refusal:
        """R3, R4: `amount` of the lot with that origin; equal lots are merged, so there is one."""
        lots = self._of(holder)
        found = [
            index
            for index, lot in enumerate(lots)
            if lot.origin_line == origin_line  # first what tells most lots apart: thousands are looked at
            and (lot.origin, lot.issuer) == (origin, issuer)
        ]
        # E3: an expired lot is used for nothing, not even to be taken back.
        if not found or lots[found[0]].amount < amount or is_expired(lots[found[0]], self._today):
            return self._not_of_origin(holder, lots[found[0]] if found else None, amount, field)
        index = found[0]
        lot = lots[index]
        rest = [lot._replace(amount=lot.amount - amount)] if lot.amount > amount else []
        self._set(holder, [*lots[:index], *rest, *lots[index + 1 :]], -amount)
        return lot._replace(amount=amount)

    def add(self, holder: str, lot: Lot, field: str, *, capped: bool = True) -> Refusal | None:
        """Puts a lot in its place; equal lots merge (E3)."""
        if holder == limits.POOL:
            self.add_to_pool(lot)
            return None
        lots = self._of(holder)
        key = order_of_use(lot)
        if not lots or order_of_use(lots[-1]) < key:  # the usual case: it is the newest
            lots.append(lot)
        else:
            insert_lot(lots, lot)
            self._unusable.pop(holder, None)
        self._changed.add(holder)
        held = self._held[holder] = self._held[holder] + lot.amount
        if len(lots) > limits.LOTS_MAX:
            self._unusable.pop(holder, None)
            if not fold_oldest(lots, self._today):
                return Refusal(
                    refusals.LOTS_TOO_MANY,
                    field,
                    f"{holder} would hold {len(lots)} lots of class {self._policy.class_id}, no two of one"
                    f" issuer; at most {limits.LOTS_MAX} are allowed; have it redeem or give some first",
                )
        return self._over_cap(holder, held, lot.amount, field) if capped else None

    def check_cap(self, holder: str, amount: int, field: str) -> Refusal | None:
        """E4: whether `holder` may hold `amount` more, before any lot of it comes; the pool has no cap."""
        if holder == limits.POOL:
            return None
        return self._over_cap(holder, self.value(holder) + amount, amount, field)

    def add_to_pool(self, lot: Lot) -> None:
        """E3: at the pool lots of one issuer are one lot, without age or expiry."""
        lots = self._of(limits.POOL)
        insert_lot(lots, Lot(lot.issuer, lot.amount, 0, 0, 0, 0, lot.issuer_only))
        self._held[limits.POOL] += lot.amount
        self._changed.add(limits.POOL)

    def write(self) -> Refusal | None:
        """Puts every touched holding back. OVERFLOW and LOTS_TOO_MANY can only be known here."""
        state, class_id = self._state, self._policy.class_id
        new_expiries: dict[int, list[str]] = {}
        for holder in sorted(self._changed):
            key = records.holding_key(holder, class_id)
            before = state.get(HoldingRecord, key).lots
            lots = self._lots[holder]
            if self._held[holder] > limits.TOTAL_MAX:
                return overflow(self._policy.unit, f"what {holder} holds", self._field)
            state.put(key, HoldingRecord(tuple(lots)))
            if holder == limits.POOL:
                continue
            if (not before) != (not lots) and (refusal := self._list_class(holder, bool(lots))):
                return refusal
            if self._policy.expires_after_days:
                days = {lot.expires_on for lot in lots} - {lot.expires_on for lot in before}
                for day in days:
                    new_expiries.setdefault(day, []).append(holder)
        for day in sorted(new_expiries):
            index_expiry(state, day, self._today, class_id, new_expiries[day])
        return None

    def _list_class(self, holder: str, holds: bool) -> Refusal | None:
        """Keeps the list of classes that an account holds."""
        key = records.account_key(holder)
        account = self._state.get(records.AccountRecord, key)
        classes = set(account.held_classes) - {self._policy.class_id}
        if holds:
            classes.add(self._policy.class_id)
        most = limits.HELD_CLASSES_GIVEN_MAX if holder in self._unasked else limits.HELD_CLASSES_MAX
        if holds and len(classes) > most:
            return Refusal(
                refusals.LOTS_TOO_MANY,
                self._field,
                f"{holder} holds entitlements of {len(classes) - 1} classes already, and at most"
                f" {most} are allowed here; have it use up {len(classes) - most} first",
            )
        self._state.put(key, account._replace(held_classes=tuple(sorted(classes))))
        return None

    def _of(self, holder: str) -> list[Lot]:
        """The lots of a holder as they stand; to be changed by `_set` and `add` only."""
        lots = self._lots.get(holder)
        if lots is None:
            lots = self._lots[holder] = list(self._state.holding(holder, self._policy.class_id).lots)
            self._held[holder] = held_value(lots)
        return lots

    def _set(self, holder: str, lots: list[Lot], change: int) -> None:
        self._lots[holder] = lots
        self._held[holder] += change
        self._changed.add(holder)
        self._unusable.pop(holder, None)

    def _over_cap(self, holder: str, held: int, more: int, field: str) -> Refusal | None:
        """Whether `held`, of which `more` comes now, is above the class's cap."""
        cap = self._policy.holder_cap
        if not cap or held <= cap:
            return None
        expired = held_value([lot for lot in self._of(holder) if is_expired(lot, self._today)])
        rest = f"; {self._shown(expired)} of it is expired and counts until a settlement" if expired else ""
        return Refusal(
            refusals.HOLDER_CAP_EXCEEDED,
            field,
            f"{holder} would hold {self._shown(held)} of class {self._policy.class_id}; at most"
            f" {self._shown(cap)} is allowed, so {self._shown(max(0, cap - held + more))} more{rest}",
        )

    def _not_enough(self, holder: str, usable: int, amount: int, field: str) -> Refusal:
        held = self._held[holder]
        more = self._shown(held - usable)
        rest = f", {more} more is expired or only its issuer redeems it" if held > usable else ""
        return Refusal(
            refusals.NOT_ENOUGH_HELD,
            field,
            f"{holder} holds {self._shown(usable)} of class {self._policy.class_id} usable here{rest};"
            f" {self._shown(amount)} was asked; use less",
        )

    def _not_of_origin(self, holder: str, lot: Lot | None, amount: int, field: str) -> Refusal:
        expired = lot.amount if lot is not None and is_expired(lot, self._today) else 0
        left = lot.amount - expired if lot is not None else 0
        rest = f", {self._shown(expired)} more is expired" if expired else ""
        remedy = "take back less" if left else "nothing of it can be taken back now"
        return Refusal(
            refusals.NOT_ENOUGH_HELD,
            field,
            f"{holder} still holds {self._shown(left)} of what that line gave it in class"
            f" {self._policy.class_id}{rest}; {self._shown(amount)} was asked back; {remedy}",
        )

    def _shown(self, amount: int) -> str:
        return shown(self._state, amount, self._policy.unit)


def overflow(unit: str, what: str, field: str) -> Refusal:
    """E7: a figure that would be larger than what is kept of it."""
    return Refusal(
        refusals.OVERFLOW,
        field,
        f"{what} in {unit} would pass the most that is kept; use less",
    )
