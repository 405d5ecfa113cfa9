"""What happened in the year, counted from the signed history and from the ledger's own records.

Decides how each figure of the summary is counted. Nothing here looks at the scenario: `Year` reads
transactions and their results as the log holds them, `differences` compares the sums with the ledger's
records.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ayni.v1 import (
    entitlements_pb2,
    ledger_service_pb2,
    pool_pb2,
    result_pb2,
    transaction_pb2,
)


@dataclass
class Year:
    """Sums over transactions; amounts in smallest parts (minutes, cents)."""

    hours_class: str
    """The class whose entitlements are the time bank's credits."""
    transactions: Counter[str] = field(default_factory=Counter)
    """By type."""
    served_by: set[str] = field(default_factory=set)
    recipients: set[str] = field(default_factory=set)
    opening: int = 0
    recorded_fee: int = 0
    recorded_organisation: int = 0
    redeemed: int = 0
    """Service lines paid with credits included: they are redemptions as well (H3)."""
    redeemed_elsewhere: int = 0
    fees_cash: Counter[str] = field(default_factory=Counter)
    """By unit."""
    fees_credit: Counter[str] = field(default_factory=Counter)
    shares_redeemed: int = 0
    """Value, all classes but the hours."""
    shares_elsewhere: int = 0

    @property
    def earned(self) -> int:
        """Whoever serves earns, however it was paid."""
        return self.recorded_fee + self.recorded_organisation + self.redeemed

    @property
    def service(self) -> int:
        """All care that was given: by credits, by fees, by the organisation."""
        return self.redeemed + self.recorded_fee + self.recorded_organisation

    def add(self, body: transaction_pb2.Body, result: result_pb2.Result) -> None:
        """Counts one final transaction."""
        kind = body.WhichOneof("payload") or ""
        self.transactions[kind] += 1
        match kind:
            case "opening":
                self._opening(body.opening)
            case "record_service":
                self._service(body.author, body.record_service, result)
            case "redeem_entitlements":
                self._redemption(body.redeem_entitlements, result)

    def _opening(self, opening: pool_pb2.Opening) -> None:
        for line in opening.lines:
            if line.HasField("holding") and line.holding.class_id == self.hours_class:
                self.opening += line.holding.amount_minor

    def _service(self, host: str, record: entitlements_pb2.RecordService, result: result_pb2.Result) -> None:
        if record.class_id != self.hours_class:
            return
        for line in record.lines:
            self.served_by.add(line.served_by)
            self.recipients.add(line.recipient)
            match line.WhichOneof("paid"):
                case "fee":
                    self.recorded_fee += line.amount_minor
                    fees = self.fees_cash if line.fee.in_cash else self.fees_credit
                    fees[line.fee.unit] += line.fee.amount_minor
                case "organisation":
                    self.recorded_organisation += line.amount_minor
                case "credits":
                    self.redeemed += line.amount_minor
        self.redeemed_elsewhere += _elsewhere(host, result)

    def _redemption(self, redemption: entitlements_pb2.RedeemEntitlements, result: result_pb2.Result) -> None:
        elsewhere = _elsewhere(redemption.provider, result)
        if redemption.class_id == self.hours_class:
            self.served_by.add(redemption.served_by)
            self.redeemed += redemption.amount_minor
            self.redeemed_elsewhere += elsewhere
        else:
            self.shares_redeemed += redemption.amount_minor
            self.shares_elsewhere += elsewhere


def _elsewhere(provider: str, result: result_pb2.Result) -> int:
    """What of the lots used was issued by another than the provider."""
    return sum(use.amount_minor for use in result.lots_used if use.issuer != provider)


@dataclass(frozen=True)
class Books:
    """What the nodes say after the run, from the ledger's records."""

    issued: dict[str, int]
    """By class, over all issuers; and what became of it."""
    redeemed: dict[str, int]
    outstanding: dict[str, int]
    federations: int
    accredited: dict[str, int]
    """Accredited organisations, by federation."""

    @classmethod
    def of(
        cls,
        classes: ledger_service_pb2.ListClassesResponse,
        members: ledger_service_pb2.ListMembersResponse,
    ) -> Books:
        """Reads the answers of a node."""

        def total(entry: ledger_service_pb2.ClassEntry, name: str) -> int:
            return sum(int(getattr(issuer.record, name)) for issuer in entry.issuers)

        return cls(
            issued={entry.class_id: total(entry, "issued") for entry in classes.classes},
            redeemed={entry.class_id: total(entry, "redeemed") for entry in classes.classes},
            outstanding={entry.class_id: total(entry, "outstanding") for entry in classes.classes},
            federations=len(members.federations),
            accredited={
                federation.name: sum(each.record.accredited for each in federation.organisations)
                for federation in members.federations
            },
        )


def differences(year: Year, books: Books) -> list[str]:
    """Where the sums over the history and the ledger's records disagree; nothing, when all is well."""
    found = []

    def compare(what: str, counted: int, recorded: int) -> None:
        if counted != recorded:
            found.append(f"{what}: {counted} in the history, {recorded} in the ledger's records")

    hours = year.hours_class
    compare("credits issued (opening + earned)", year.opening + year.earned, books.issued.get(hours, 0))
    compare("credits redeemed", year.redeemed, books.redeemed.get(hours, 0))
    compare(
        "credits outstanding (opening + earned - redeemed)",
        year.opening + year.earned - year.redeemed,
        books.outstanding.get(hours, 0),
    )
    shares = sum(amount for class_id, amount in books.redeemed.items() if class_id != hours)
    compare("shares redeemed", year.shares_redeemed, shares)
    return found
