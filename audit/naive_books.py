"""The three books as the second recomputation keeps them: dictionaries, and the few ways to change them.

Part of naive.py, which says what it is for. Never enforces a limit or looks at a signature, and shares no
code with `ledger/`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ayni.v1 import entitlements_pb2, members_pb2
from ayni.v1.genesis_pb2 import Genesis, ParameterName

POOL = "pool"
DAY_MS = 86_400_000
BASIS_POINTS = 10_000
LOTS_MAX = 1_024

DEPOSIT_BP = ParameterName.PARAMETER_NAME_DEPOSIT_BP
ADVANCE_BP = ParameterName.PARAMETER_NAME_ADVANCE_BP
DEFAULTS: dict[int, int] = {DEPOSIT_BP: 1_000, ADVANCE_BP: 5_000}
"""As genesis.proto says."""


class Logged(Protocol):
    """A transaction of the log."""

    @property
    def log_index(self) -> int:
        """Its position, from 0."""

    @property
    def raw(self) -> bytes:
        """Canonical SignedTransaction bytes."""

    @property
    def result(self) -> bytes:
        """Canonical Result bytes, compared with ours when it was applied."""


class Sources(Protocol):
    """What is asked of outside."""

    def transaction(self, tx_id: bytes) -> Logged | None:
        """An earlier transaction."""

    def get(self, key: bytes) -> bytes | None:
        """A state record; only asked whether a due decision took effect."""


class Lot(NamedTuple):
    """What tells one lot of a class from another; in order of use (E3)."""

    value_date: int
    origin: int
    origin_line: int
    issuer: str
    expires_on: int
    issuer_only: bool


class Figures:
    """E7, for one class and issuer."""

    __slots__ = ("cancelled", "issued", "redeemed")

    def __init__(self) -> None:
        self.issued = 0
        self.redeemed = 0
        self.cancelled = 0

    @property
    def outstanding(self) -> int:
        """What somebody still holds."""
        return self.issued - self.redeemed - self.cancelled


class Taken(NamedTuple):
    """What was taken back of one line of a transaction."""

    amount: int = 0
    """Of what the line moved."""
    deposit: int = 0
    price: int = 0
    """The price of an issue, or the fee of a service."""


class Fault(Exception):
    """The books cannot be kept so, or the log says otherwise: (field, message). Never leaves this room."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def ceil_share(amount: int, basis_points: int) -> int:
    """Return amount × basis points, rounded up."""
    return -(-amount * basis_points // BASIS_POINTS)


class NaiveBooks:
    """The three books, and the little that moves them."""

    def __init__(self, genesis: Genesis, sources: Sources) -> None:
        self.sources = sources
        self.units = [unit.code for unit in genesis.units]
        self.time_ms = genesis.time_ms
        self.open_period = 1

        self.credit: dict[tuple[str, str], int] = defaultdict(int)
        """(account or "pool", unit) → balance."""
        self.credit_limits: dict[tuple[str, str], int] = {}
        self.upper_limits: dict[tuple[str, str], int] = {}
        """(account, unit) → upper limit, of those that have one; it may be 0."""
        self.dues: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        """(organisation, unit) → period → amount; positive: the pool owes it."""
        self.dues_made: dict[str, int] = defaultdict(int)
        """Unit → all that was owed anew since the last close, whatever of it was set off since."""
        self.expired: dict[str, int] = defaultdict(int)
        """Unit → what has expired to the pool since the last close that settled."""
        self.expiry_parts = 0
        """Closes since that did only that."""
        self.deposits: dict[tuple[str, str], int] = defaultdict(int)
        """(organisation, unit) → what of the pool's balance is its deposit."""
        self.held: dict[tuple[str, str], dict[Lot, int]] = defaultdict(dict)
        """(holder or "pool", class) → lot → amount."""
        self.figures: dict[tuple[str, str], Figures] = defaultdict(Figures)
        """(class, issuer) → issued, redeemed, cancelled."""
        self.outstanding: dict[tuple[str, str], int] = defaultdict(int)
        """(issuer, unit) → value outstanding, all classes."""

        self.contributed: dict[tuple[str, str], int] = {}
        """(organisation, unit) → value issued since the last close, as published; never below 0."""
        self.served: dict[tuple[str, str], int] = {}
        """(organisation, unit) → value redeemed at it since the last close, likewise."""
        self.of_transaction: dict[str, dict[tuple[str, str], int]] = {"contributed": {}, "served": {}}
        """What the present transaction adds to the two; below 0 in a reversal."""

        self.classes: dict[str, entitlements_pb2.DefineClass] = {}
        self.ceilings: dict[tuple[str, str], int] = {}
        """(organisation, unit) → issue ceiling."""
        self.quotas: dict[tuple[str, str], int] = {
            (each.federation, each.unit): each.amount_minor for each in genesis.quotas
        }
        self.granted: dict[tuple[str, str], int] = defaultdict(int)
        """(federation, unit) → what its accounts' credit limits and its organisations' ceilings add up to."""
        self.unattested: dict[tuple[str, str], int] = defaultdict(int)
        """(organisation, unit) → minutes it recorded without attestation since the last close (H5)."""
        self.parameters: dict[tuple[int, str], int] = {
            (each.name, each.unit): each.value for each in genesis.parameters
        }
        self.due_decisions: dict[int, list[tuple[bytes, members_pb2.Decision]]] = defaultdict(list)
        self.taken_back: dict[tuple[bytes, int], Taken] = {}
        """(transaction, line) → taken back so far."""
        self.settlements: dict[int, bytes] = {}
        """Period → what its close published, canonical."""

    @property
    def today(self) -> int:
        """Days since 1970-01-01, by block time."""
        return self.time_ms // DAY_MS

    def parameter(self, name: int, unit: str) -> int:
        """The value of a parameter in force."""
        return self.parameters.get((name, unit), DEFAULTS[name])

    # --- credit -------------------------------------------------------------------------------------------

    def pay(self, payer: str, payee: str, unit: str, amount: int) -> None:
        """Credit: payer −a, payee +a."""
        self.credit[payer, unit] -= amount
        self.credit[payee, unit] += amount

    def grant(self, bounds: dict[tuple[str, str], int], account: str, unit: str, amount: int) -> None:
        """Set a credit limit or a ceiling; its federation has granted the difference more (M7)."""
        federation = account.partition("/")[0]
        self.granted[federation, unit] += amount - bounds.get((account, unit), 0)
        bounds[account, unit] = amount

    def count(self, figure: str, organisation: str, unit: str, amount: int) -> None:
        """Add to what was "contributed" to or "served" by an organisation in this period."""
        amounts = self.of_transaction[figure]
        amounts[organisation, unit] = amounts.get((organisation, unit), 0) + amount

    def end_transaction(self) -> None:
        """Add what the transaction counted, never below zero."""
        for figure, totals in (("contributed", self.contributed), ("served", self.served)):
            for key, amount in self.of_transaction[figure].items():
                totals[key] = max(0, totals.get(key, 0) + amount)
            self.of_transaction[figure].clear()

    # --- dues ---------------------------------------------------------------------------------------------

    def owe(self, issuer: str, provider: str, unit: str, amount: int) -> None:
        """Dues of the open period: issuer −v, provider +v, through the pool."""
        self.add_due(issuer, unit, self.open_period, -amount)
        self.add_due(provider, unit, self.open_period, amount)
        self.dues_made[unit] += amount

    def add_due(self, organisation: str, unit: str, period: int, amount: int) -> None:
        """Add to one vintage; a vintage that comes to zero is gone."""
        vintages = self.dues[organisation, unit]
        vintages[period] = vintages.get(period, 0) + amount
        if not vintages[period]:
            del vintages[period]

    # --- entitlements -------------------------------------------------------------------------------------

    def class_of(self, class_id: str) -> entitlements_pb2.DefineClass:
        """A class that was defined."""
        if class_id not in self.classes:
            raise Fault("class_id", f"class {class_id} was never defined")
        return self.classes[class_id]

    def add_lot(self, holder: str, class_id: str, lot: Lot, amount: int) -> None:
        """Put a lot with what a holder holds; at the pool, age and expiry are forgotten."""
        if holder == POOL:
            lot = Lot(0, 0, 0, lot.issuer, 0, lot.issuer_only)
        lots = self.held[holder, class_id]
        lots[lot] = lots.get(lot, 0) + amount
        if len(lots) > LOTS_MAX and holder != POOL:
            self._join_oldest(lots)

    def _join_oldest(self, lots: dict[Lot, int]) -> None:
        """E3: in a full holding two lots alike become one, the later; the pair that is first complete."""
        earliest: dict[tuple[str, bool, bool], Lot] = {}
        for lot in sorted(lots):
            alike = lot.issuer, lot.issuer_only, self.is_expired(lot)
            if alike in earliest:
                lots[lot] += lots.pop(earliest[alike])
                return
            earliest[alike] = lot

    def is_expired(self, lot: Lot) -> bool:
        """E3: its last day is before today; it is used for nothing."""
        return 0 < lot.expires_on < self.today

    def take_lots(
        self, holder: str, class_id: str, amount: int, provider: str | None
    ) -> list[tuple[Lot, int]]:
        """Take `amount` from what a holder may use now, oldest first; at a provider, not what only
        another redeems.
        """
        taken: list[tuple[Lot, int]] = []
        lots = self.held[holder, class_id]
        for lot in sorted(lots):
            if not amount:
                break
            if self.is_expired(lot):
                continue
            if lot.issuer_only and provider is not None and lot.issuer != provider:
                continue
            part = min(amount, lots[lot])
            self.remove_lot(holder, class_id, lot, part)
            taken.append((lot, part))
            amount -= part
        if amount:
            raise Fault("amount_minor", f"{holder} holds {amount} too little of {class_id}")
        return taken

    def remove_lot(self, holder: str, class_id: str, lot: Lot, amount: int) -> None:
        """Take from one lot."""
        lots = self.held[holder, class_id]
        left = lots.get(lot, 0) - amount
        if left < 0:
            raise Fault("amount_minor", f"{holder} holds {-left} too little of one lot of {class_id}")
        if left:
            lots[lot] = left
        else:
            del lots[lot]

    def organisations(self, unit: str) -> Iterator[str]:
        """Every organisation with dues or a deposit in a unit, ascending."""
        names = {name for (name, code), vintages in self.dues.items() if code == unit and vintages}
        names |= {name for (name, code), deposit in self.deposits.items() if code == unit and deposit}
        return iter(sorted(names))
