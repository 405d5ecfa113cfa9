"""Redemptions to measure: organisations that issue and provide, holders with shares, and what they redeem.

Decides who holds what and who redeems where: always at an organisation of another federation than the
issuer's, so that every redemption makes dues of both (docs/protocol.md, E5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ayni.v1 import entitlements_pb2, keys_pb2, members_pb2
from bench.network import DAY, UNIT, Bench, new_key, new_stamp
from client import transactions
from proofs.membership import quorum
from proofs.signing import SigningKey

ORGANISATIONS_EACH = 10
"""In each federation."""
HOLDERS_EACH = 25
"""Of each organisation's own, so that a network of four has 1,000."""
SHARE_MINOR = 100_00
SHARES_EACH = 10
CEILING_MINOR = 1_000_000_00
LIMIT_MINOR = 1_000_000_00
ITEMS_A_DECISION = 64
_DOCUMENT = hashlib.sha256(b"a receipt of the bank").digest()


class Redeeming:
    """Holders of shares, and the organisations at which they redeem."""

    def __init__(self, bench: Bench) -> None:
        """Accredits the organisations and issues the shares. Raises ClientError."""
        self._bench = bench
        self._made = 0
        self._organisations: list[str] = []
        self._keys: dict[str, SigningKey] = {}
        self._holders: list[tuple[int, str]] = []
        """Index of the issuer, holder; the issuers take turns."""
        founders = bench.testnet.founders
        for number in range(ORGANISATIONS_EACH):  # so that neighbours are of different federations
            self._organisations += [f"{founder.federation}/care-{number:02d}" for founder in founders]
        for number in range(HOLDERS_EACH):
            for index, organisation in enumerate(self._organisations):
                self._holders.append((index, f"{organisation}:m-{number:04d}"))
        for account in [*self._organisations, *(holder for _, holder in self._holders)]:
            self._keys[account] = new_key()
        self._class = f"shares-2026@{founders[0].federation}"
        for stage in (self._accreditations(), self._limits_and_holders(), self._issues()):
            bench.must_be_final(list(stage))

    @property
    def holders(self) -> int:
        """How many hold shares."""
        return len(self._holders)

    @property
    def organisations(self) -> int:
        """How many issue and provide."""
        return len(self._organisations)

    def redemptions(self, count: int) -> list[bytes]:
        """So many, each signed by its holder and its provider; holders take turns."""
        made = []
        for _ in range(count):
            issuer, holder = self._holders[self._made % self.holders]
            provider = self._organisations[(issuer + 1) % self.organisations]  # of another federation
            draft = transactions.redeem(
                provider, holder, provider, self._class, 1 + self._made % 9, new_stamp(), value_date=DAY
            )
            made.append(self._bench.sign(draft, [self._keys[holder], self._keys[provider]]))
            self._made += 1
        return made

    def _accreditations(self) -> Iterator[bytes]:
        items = []
        for organisation in self._organisations:
            accredit = members_pb2.Accredit(
                organisation=organisation,
                keys=self._key_set(organisation),
                charter_hash=_DOCUMENT,
                user_seats_bp=4_000,
                non_member_bp=500,
            )
            ceiling = members_pb2.Ceiling(organisation=organisation, unit=UNIT, amount_minor=CEILING_MINOR)
            items += [
                members_pb2.DecisionItem(accredit=accredit),
                members_pb2.DecisionItem(ceiling=ceiling),
            ]
        founders = self._bench.testnet.founders
        signers = founders[: quorum(len(founders))]  # M2
        keys = [founder.decision for founder in signers]
        for start in range(0, len(items), ITEMS_A_DECISION):
            chunk = items[start : start + ITEMS_A_DECISION]
            yield self._bench.sign(transactions.decision(signers[0].federation, chunk, new_stamp()), keys)

    def _limits_and_holders(self) -> Iterator[bytes]:
        limit = members_pb2.Limit(unit=UNIT, credit_limit_minor=LIMIT_MINOR)
        for founder in self._bench.testnet.founders:
            ours = [one for one in self._organisations if one.startswith(founder.federation + "/")]
            limits = [members_pb2.AccountLimits(account=one, limits=[limit]) for one in ours]
            draft = transactions.set_limits(founder.federation, limits, new_stamp())
            yield self._bench.sign(draft, [founder.decision])
        first = self._bench.testnet.founders[0]
        definition = entitlements_pb2.DefineClass(
            class_id=self._class,
            kind=entitlements_pb2.KIND_SHARE,
            unit=UNIT,
            given_for=entitlements_pb2.GIVEN_FOR_MONEY_OUTSIDE,
            item_value_minor=SHARE_MINOR,
            item_contribution_minor=SHARE_MINOR,
            transferability=entitlements_pb2.TRANSFERABILITY_NOBODY,
        )
        draft = transactions.define_class(first.federation, definition, new_stamp())
        yield self._bench.sign(draft, [first.decision])
        for index, organisation in enumerate(self._organisations):
            new = [
                members_pb2.NewAccount(account=holder, keys=self._key_set(holder))
                for issuer, holder in self._holders
                if issuer == index
            ]
            draft = transactions.open_accounts(organisation, new, new_stamp())
            yield self._bench.sign(draft, [self._keys[organisation]])

    def _issues(self) -> Iterator[bytes]:
        for index, organisation in enumerate(self._organisations):
            holders = [holder for issuer, holder in self._holders if issuer == index]
            lines = [
                entitlements_pb2.IssueLine(
                    holder=holder, items=SHARES_EACH, value_date=DAY, document_hash=_DOCUMENT
                )
                for holder in holders
            ]
            draft = transactions.issue(organisation, self._class, lines, new_stamp())
            yield self._bench.sign(draft, [self._keys[each] for each in (organisation, *holders)])

    def _key_set(self, account: str) -> keys_pb2.KeySet:
        return transactions.key_set([self._keys[account].public_key])
