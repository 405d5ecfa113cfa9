"""The demo's year as signed transactions, phase by phase.

Decides which transaction each event of `scenario` and `shares` becomes, who signs it, and the limits,
ceilings and parameters that the federations grant. Never sends one. Keys are fresh in every run; what they
sign is the same year.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ayni.v1 import credit_pb2, entitlements_pb2, genesis_pb2, keys_pb2, members_pb2, pool_pb2
from client import transactions
from client.demo.scenario import (
    FEDERATIONS,
    FEE_AN_HOUR_MINOR,
    MINUTES,
    Month,
    Office,
    Redemption,
    Scenario,
    Service,
    day_of,
)
from client.demo.shares import (
    CEILING_MINOR,
    ITEM_MINOR,
    CareCoop,
    ShareMonth,
    ShareRedemption,
    ShareYear,
    Training,
)
from client.testnet.founding import Founder
from proofs.membership import quorum
from proofs.signing import SigningKey

CREDIT = "EUC"
HOURS = "HRS"
HOURS_CLASS = f"hours@{FEDERATIONS[0]}"
PERIOD_MIN_MS = 200
"""The voted minimum of a settlement period: a month lasts seconds here."""
ADVANCE_BP = {CREDIT: 1_000, HOURS: 5_000}
"""Voted: how much of common capital the pool may advance at one close."""
OFFICE_CREDIT_LIMIT_MINOR = 5_000_00
OFFICE_HOURS_LIMIT_MINOR = 30 * MINUTES
OFFICE_CONTRIBUTION_MINOR = {CREDIT: 50_00, HOURS: 2 * MINUTES}
CEILING_MARGIN_PERCENT = 10
DECISION_ITEMS = 60
USER_SEATS_BP = 4_000
NON_MEMBER_BP = 500
COOP_KEYS = 3
COOP_THRESHOLD = 2


class Signed(NamedTuple):
    """A transaction ready to send."""

    raw: bytes
    tx_id: bytes
    kind: str


class LedgerYear:
    """Turns the year into transactions, and holds every key of it."""

    def __init__(
        self, scenario: Scenario, shares: ShareYear, founders: Sequence[Founder], genesis_hash: bytes
    ) -> None:
        self.scenario = scenario
        self.shares = shares
        self._founders = {founder.federation: founder for founder in founders}
        self._genesis_hash = genesis_hash
        self._keys: dict[str, tuple[SigningKey, ...]] = {}
        for office in scenario.offices:
            self._keys[office.name] = _new_keys(1)
            self._keys[office.coordinator] = _new_keys(1)
        for volunteer in sorted(scenario.redeemers):
            self._keys[volunteer] = _new_keys(1)
        for coop in shares.coops:
            self._keys[coop.name] = _new_keys(COOP_KEYS)
            for contributor in coop.contributors:
                self._keys[contributor] = _new_keys(1)

    def seeds(self) -> dict[str, bytes]:
        """Every key of the year by account; an account's second and third as "account-2", "account-3"."""
        return {
            account if number == 1 else f"{account}-{number}": key.seed
            for account, keys in self._keys.items()
            for number, key in enumerate(keys, 1)
        }

    # Setting up ------------------------------------------------------------------------------------

    def decisions(self) -> Iterator[Signed]:
        """Accreditations, ceilings, parameters: each signed by a quorum of federations."""
        chunk: list[members_pb2.DecisionItem] = list(_parameters())
        for items in self._accreditations():
            if len(chunk) + len(items) > DECISION_ITEMS:
                yield self._decision(chunk)
                chunk = []
            chunk += items
        yield self._decision(chunk)

    def foundations(self) -> Iterator[Signed]:
        """Limits by the federations, classes, and everybody's accounts."""
        for federation, founder in sorted(self._founders.items()):
            draft = transactions.set_limits(federation, self._limits(federation), _stamp())
            yield self._sign(draft, [founder.decision])
        draft = transactions.define_class(FEDERATIONS[0], _hours_class(), _stamp())
        yield self._sign(draft, [self._founders[FEDERATIONS[0]].decision])
        for coop in self.shares.coops:
            yield self._signed_by(transactions.define_class(coop.name, _share_class(coop), _stamp()))
            accounts = [self._account(contributor) for contributor in coop.contributors]
            yield self._signed_by(transactions.open_accounts(coop.name, accounts, _stamp()))
        for office in self.scenario.offices:
            people = (*office.volunteers, *office.recipients, office.coordinator)
            accounts = [self._account(person) for person in people]
            yield self._signed_by(transactions.open_accounts(office.name, accounts, _stamp()))

    def openings(self) -> Iterator[Signed]:
        """What was brought over from before, contributions to the pool, and the first issue of shares."""
        for office in self.scenario.offices:
            lines = [*_opening_holdings(office), *self._opening_balances(office)]
            yield self._signed_by(transactions.opening(office.name, lines, _stamp()))
            for unit, amount in sorted(OFFICE_CONTRIBUTION_MINOR.items()):
                yield self._signed_by(transactions.contribute_to_pool(office.name, unit, amount, _stamp()))
        for coop in self.shares.coops:
            bought = list(zip(coop.contributors, coop.items, strict=True))
            yield self._issue(coop, bought, day_of(1, 4))

    # Months ----------------------------------------------------------------------------------------

    def month(self, number: int) -> Iterator[Signed]:
        """All transactions of a month but its close, independent of each other."""
        month, share_month = self.scenario.months[number - 1], self.shares.months[number - 1]
        yield from self._records(month)
        for redemption in month.redemptions:
            yield self._redemption(redemption)
        for share_redemption in share_month.redemptions:
            yield self._share_redemption(share_redemption)
        for training in share_month.training:
            yield self._training(training)
        if share_month.issues_again:
            coop = self.shares.troubled
            yield self._issue(coop, [(coop.contributors[0], 2)], day_of(number, 20))

    def refused_issue(self, number: int) -> Signed | None:
        """The issue that must be refused in this month, because of arrears; None in the other months."""
        share_month: ShareMonth = self.shares.months[number - 1]
        if not share_month.refused_issue:
            return None
        coop = self.shares.troubled
        return self._issue(coop, [(coop.contributors[0], 1)], day_of(number, 20))

    def close(self, period: int) -> Signed:
        """The close of a period, by the federations in turn."""
        federation = sorted(self._founders)[period % len(self._founders)]
        draft = transactions.close_period(federation, period, _stamp())
        return self._sign(draft, [self._founders[federation].service])

    # Helpers ---------------------------------------------------------------------------------------

    def _records(self, month: Month) -> Iterator[Signed]:
        for office in self.scenario.offices:
            if lines := month.records.get(office.name):
                messages = [_service_line(month.number, line) for line in lines]
                draft = transactions.record_service(
                    office.name, HOURS_CLASS, messages, _stamp(), [office.coordinator]
                )
                yield self._signed_by(draft)

    def _redemption(self, redemption: Redemption) -> Signed:
        draft = transactions.redeem(
            redemption.provider,
            redemption.holder,
            redemption.provider,
            HOURS_CLASS,
            redemption.hours * MINUTES,
            _stamp(),
            value_date=redemption.day,
            category=redemption.category,
            served_by=redemption.served_by,
        )
        return self._signed_by(draft)

    def _share_redemption(self, redemption: ShareRedemption) -> Signed:
        draft = transactions.redeem(
            redemption.provider,
            redemption.holder,
            redemption.provider,
            redemption.coop.class_id,
            redemption.amount_minor,
            _stamp(),
            value_date=redemption.day,
        )
        return self._signed_by(draft)

    def _training(self, training: Training) -> Signed:
        legs: list[credit_pb2.Leg] = [
            transactions.leg(
                training.coop.name,
                CREDIT,
                training.amount_minor,
                value_date=training.day,
                payer=payer,
                reference="training of volunteers",
            )
            for payer in training.payers
        ]
        return self._signed_by(transactions.transfer(training.coop.name, legs, _stamp()))

    def _issue(self, coop: CareCoop, bought: Iterable[tuple[str, int]], day: int) -> Signed:
        lines = [
            entitlements_pb2.IssueLine(
                holder=holder,
                items=items,
                value_date=day,
                document_hash=_document(f"bank receipt {holder} {day}"),
            )
            for holder, items in bought
        ]
        return self._signed_by(transactions.issue(coop.name, coop.class_id, lines, _stamp()))

    def _decision(self, items: Sequence[members_pb2.DecisionItem]) -> Signed:
        """Signed by exactly a quorum of federations, the first of them the author."""
        names = sorted(self._founders)
        signers = names[: quorum(len(names))]
        draft = transactions.decision(signers[0], items, _stamp())
        return self._sign(draft, [self._founders[name].decision for name in signers])

    def _accreditations(self) -> Iterator[list[members_pb2.DecisionItem]]:
        for office in self.scenario.offices:
            expected = sum(office.opening_hours) + self._expected_hours(office)
            ceiling = expected * MINUTES * (100 + CEILING_MARGIN_PERCENT) // 100
            yield [self._accredit(office.name), _ceiling(office.name, HOURS, ceiling)]
        for coop in self.shares.coops:
            yield [self._accredit(coop.name), _ceiling(coop.name, CREDIT, CEILING_MINOR)]

    def _expected_hours(self, office: Office) -> int:
        """What the office expects its volunteers to earn in the year."""
        recorded = sum(
            line.hours for month in self.scenario.months for line in month.records.get(office.name, ())
        )
        served = sum(
            redemption.hours
            for month in self.scenario.months
            for redemption in month.redemptions
            if redemption.provider == office.name
        )
        return recorded + served

    def _accredit(self, organisation: str) -> members_pb2.DecisionItem:
        return members_pb2.DecisionItem(
            accredit=members_pb2.Accredit(
                organisation=organisation,
                keys=self._key_set(organisation),
                charter_hash=_document(f"charter of {organisation}"),
                user_seats_bp=USER_SEATS_BP,
                non_member_bp=NON_MEMBER_BP,
            )
        )

    def _limits(self, federation: str) -> list[members_pb2.AccountLimits]:
        granted = [
            members_pb2.AccountLimits(
                account=office.name,
                limits=[
                    members_pb2.Limit(unit=CREDIT, credit_limit_minor=OFFICE_CREDIT_LIMIT_MINOR),
                    members_pb2.Limit(unit=HOURS, credit_limit_minor=OFFICE_HOURS_LIMIT_MINOR),
                ],
            )
            for office in self.scenario.offices
            if office.federation == federation
        ]
        for coop in self.shares.coops:
            if coop.federation == federation:
                limit = members_pb2.Limit(unit=CREDIT, credit_limit_minor=coop.limit_minor)
                granted.append(members_pb2.AccountLimits(account=coop.name, limits=[limit]))
        return granted

    def _opening_balances(self, office: Office) -> Iterator[pool_pb2.OpeningLine]:
        """Fees that recipients had paid in advance: the office owes them."""
        for recipient in office.recipients:
            if amount := self.scenario.prepaid_minor.get(recipient):
                yield pool_pb2.OpeningLine(
                    balance=pool_pb2.OpeningBalance(
                        debtor=office.name,
                        creditor=recipient,
                        unit=CREDIT,
                        amount_minor=amount,
                        reference="fees paid in advance",
                        document_hash=_document(f"prepaid {recipient}"),
                    )
                )

    def _account(self, account: str) -> members_pb2.NewAccount:
        if account in self._keys:
            return members_pb2.NewAccount(account=account, keys=self._key_set(account))
        return members_pb2.NewAccount(account=account)

    def _key_set(self, account: str) -> keys_pb2.KeySet:
        keys = self._keys[account]
        threshold = COOP_THRESHOLD if len(keys) == COOP_KEYS else 1
        return transactions.key_set((key.public_key for key in keys), threshold)

    def _signing_keys(self, account: str) -> tuple[SigningKey, ...]:
        """As many keys as the account's threshold; of a held account, its organisation's (T6)."""
        keys = self._keys.get(account)
        if keys is None:
            return self._signing_keys(account.partition(":")[0])
        return keys[:COOP_THRESHOLD] if len(keys) == COOP_KEYS else keys

    def _signed_by(self, draft: transactions.Draft) -> Signed:
        keys = {key.public_key: key for signer in draft.signers for key in self._signing_keys(signer)}
        return self._sign(draft, keys.values())

    def _sign(self, draft: transactions.Draft, keys: Iterable[SigningKey]) -> Signed:
        return Signed(transactions.sign(draft, keys, self._genesis_hash), draft.tx_id, draft.kind)


def _new_keys(count: int) -> tuple[SigningKey, ...]:
    return tuple(SigningKey(secrets.token_bytes(32)) for _ in range(count))


def _stamp() -> transactions.Stamp:
    return transactions.new_stamp()


def _document(content: str) -> bytes:
    """The hash of a document that exists in the story only."""
    return hashlib.sha256(content.encode()).digest()


def _parameters() -> Iterator[members_pb2.DecisionItem]:
    voted = [
        genesis_pb2.Parameter(name=genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS, value=PERIOD_MIN_MS),
        *(
            genesis_pb2.Parameter(name=genesis_pb2.PARAMETER_NAME_ADVANCE_BP, unit=unit, value=value)
            for unit, value in sorted(ADVANCE_BP.items())
        ),
    ]
    for parameter in voted:
        yield members_pb2.DecisionItem(parameter=parameter)


def _ceiling(organisation: str, unit: str, amount_minor: int) -> members_pb2.DecisionItem:
    return members_pb2.DecisionItem(
        ceiling=members_pb2.Ceiling(organisation=organisation, unit=unit, amount_minor=amount_minor)
    )


def _hours_class() -> entitlements_pb2.DefineClass:
    return entitlements_pb2.DefineClass(
        class_id=HOURS_CLASS,
        kind=entitlements_pb2.KIND_HOURS,
        unit=HOURS,
        given_for=entitlements_pb2.GIVEN_FOR_SERVICE,
        item_value_minor=MINUTES,
        transferability=entitlements_pb2.TRANSFERABILITY_ANYONE,
    )


def _share_class(coop: CareCoop) -> entitlements_pb2.DefineClass:
    return entitlements_pb2.DefineClass(
        class_id=coop.class_id,
        kind=entitlements_pb2.KIND_SHARE,
        unit=CREDIT,
        given_for=entitlements_pb2.GIVEN_FOR_MONEY_OUTSIDE,
        item_value_minor=ITEM_MINOR,
        item_contribution_minor=ITEM_MINOR,
        transferability=entitlements_pb2.TRANSFERABILITY_SAME_FEDERATION,
    )


def _opening_holdings(office: Office) -> Iterator[pool_pb2.OpeningLine]:
    last_day = day_of(1, 1) - 1
    for volunteer, hours in zip(office.volunteers, office.opening_hours, strict=True):
        yield pool_pb2.OpeningLine(
            holding=pool_pb2.OpeningHolding(
                issuer=office.name,
                holder=volunteer,
                class_id=HOURS_CLASS,
                amount_minor=hours * MINUTES,
                value_date=last_day,
            )
        )


def _service_line(month: int, line: Service) -> entitlements_pb2.ServiceLine:
    message = entitlements_pb2.ServiceLine(
        served_by=line.served_by,
        recipient=line.recipient,
        value_date=line.day,
        amount_minor=line.hours * MINUTES,
        category=line.category,
    )
    if not line.fee:
        message.organisation.SetInParent()
        return message
    message.fee.unit = CREDIT
    message.fee.amount_minor = line.hours * FEE_AN_HOUR_MINOR
    if not line.in_credit:
        message.fee.in_cash = True
        memo = f"cash memo {month} {line.recipient} {line.served_by} {line.day}"
        message.fee.document_hash = _document(memo)
    return message
