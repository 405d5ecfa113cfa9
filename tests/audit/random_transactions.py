"""Random transactions of every family that moves a balance, for tests that want a lot of them.

Which are accepted depends on the state that they meet; the caller finds out.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple, Protocol

from ayni.v1.genesis_pb2 import PARAMETER_NAME_ADVANCE_BP, PARAMETER_NAME_DEPOSIT_BP
from ayni.v1.transaction_pb2 import Body
from ledger.rule import ParsedTransaction
from tests.audit.history import DAY_MS, ceiling, leg

UNITS = ("EUC", "HRS")
EXPIRES_AFTER_MS = 4 * DAY_MS


class Cast(NamedTuple):
    """Who there is."""

    organisations: tuple[str, ...]
    people: tuple[str, ...]
    shares: tuple[str, ...]
    """Classes of shares; the first is paid in credit, and who issues each is in its name."""
    hours: str

    @property
    def everyone(self) -> tuple[str, ...]:
        return (*self.organisations, *self.people)


class Book(Protocol):
    """What makes and signs bodies, and knows what time it is."""

    @property
    def time_ms(self) -> int:
        """Of the ledger, about."""

    @property
    def height(self) -> int:
        """Of the last block, about."""

    def body(self, author: str, **payload: Any) -> Body:
        """A body with a fresh nonce."""

    def sign(self, body: Body, *signers: str) -> ParsedTransaction:
        """Signed by the keys of these names."""

    def decide(self, *items: Any, effective_height: int = 0) -> ParsedTransaction:
        """A decision by a quorum."""


class RandomTransactions:
    """Makes them."""

    def __init__(self, chance: random.Random, book: Book, cast: Cast) -> None:
        self.chance = chance
        self.book = book
        self.cast = cast
        self.reversible: list[ParsedTransaction] = []
        """What a later reversal may take back; the caller adds what was accepted."""

    def any(self) -> ParsedTransaction:
        """One of any family."""
        makers = [
            self._transfer,
            self._contribute,
            self._issue,
            self._issue,
            self._serve,
            self._serve,
            self._redeem,
            self._redeem,
            self._redeem,
            self._give,
            self._donate,
            self._open,
            self._reverse,
            self._reverse,
            self._vote,
            self._limit,
        ]
        return self.chance.choice(makers)()

    def _signed(self, author: str, others: set[str], **payload: Any) -> ParsedTransaction:
        """With an expiry that outlives whatever the next block waits."""
        body = self.book.body(author, **payload)
        body.expires_at_ms = self.book.time_ms + EXPIRES_AFTER_MS
        return self.book.sign(body, author, *sorted(others - {author}))

    def _date(self) -> int:
        return self.book.time_ms // DAY_MS - self.chance.randrange(20)

    def _transfer(self) -> ParsedTransaction:
        payer = self.chance.choice(self.cast.everyone)
        legs, signers = [], set()
        for _ in range(self.chance.randrange(1, 4)):
            other = self.chance.choice([payer, self.chance.choice(self.cast.everyone)])
            signers.add(other)
            named = "" if other == payer else other
            amount, unit = self.chance.randrange(1, 900), self.chance.choice(UNITS)
            payee = self.chance.choice([name for name in self.cast.everyone if name != other])
            legs.append(leg(payee, amount, unit, named))
        return self._signed(payer, signers, transfer={"legs": legs})

    def _contribute(self) -> ParsedTransaction:
        payer = self.chance.choice(self.cast.everyone)
        amount = self.chance.randrange(1, 2_000)
        payload = {"payer": payer, "unit": self.chance.choice(UNITS), "amount_minor": amount}
        return self._signed(payer, set(), contribute_to_pool=payload)

    def _issue(self) -> ParsedTransaction:
        class_id = self.chance.choice(self.cast.shares)
        issuer = class_id.partition("@")[2]
        lines = []
        for _ in range(self.chance.randrange(1, 3)):
            holder = self.chance.choice(self.cast.people)
            line = {"holder": holder, "items": self.chance.randrange(1, 9), "value_date": self._date()}
            lines.append({**line, "document_hash": bytes(range(32))})
        holders = {str(line["holder"]) for line in lines}
        return self._signed(issuer, holders, issue_entitlements={"class_id": class_id, "lines": lines})

    def _serve(self) -> ParsedTransaction:
        host = self.chance.choice(self.cast.organisations)
        attesters = sorted(self.chance.sample(self.cast.people, self.chance.choice([0, 1, 1, 2])))
        lines, signers = [], set(attesters)
        for _ in range(self.chance.randrange(1, 4)):
            served_by, recipient, holder = self.chance.sample(self.cast.people, 3)
            line: dict[str, Any] = {
                "served_by": served_by,
                "recipient": recipient,
                "value_date": self._date(),
            }
            line["amount_minor"] = self.chance.randrange(1, 200)
            paid = self.chance.choice(["credits", "fee", "cash", "organisation"])
            if paid == "credits":
                line["credits"] = {"holder": holder}
                signers.add(holder)
            elif paid == "organisation":
                line["organisation"] = {}
            else:
                fee = {"unit": "EUC", "amount_minor": self.chance.randrange(1, 400)}
                line["fee"] = (
                    {**fee, "in_cash": True, "document_hash": bytes(range(32))} if paid == "cash" else fee
                )
                signers |= {recipient} if paid == "fee" else set()
            lines.append(line)
        record = {"class_id": self.cast.hours, "lines": lines, "attesters": attesters}
        return self._signed(host, signers, record_service=record)

    def _redeem(self) -> ParsedTransaction:
        holder, served_by = self.chance.sample(self.cast.people, 2)
        provider = self.chance.choice(self.cast.organisations)
        class_id = self.chance.choice([*self.cast.shares, self.cast.hours, self.cast.hours])
        payload = {
            "holder": holder,
            "provider": provider,
            "class_id": class_id,
            "amount_minor": self.chance.randrange(1, 200 if class_id == self.cast.hours else 6_000),
            "value_date": self._date(),
            "served_by": served_by if class_id == self.cast.hours else "",
        }
        return self._signed(holder, {provider}, redeem_entitlements=payload)

    def _give(self) -> ParsedTransaction:
        holder, receiver = self.chance.sample(self.cast.people, 2)
        payload = {
            "holder": holder,
            "receiver": receiver,
            "class_id": self.chance.choice([*self.cast.shares, self.cast.hours]),
            "amount_minor": self.chance.randrange(1, 600),
        }
        return self._signed(holder, set(), give_entitlements=payload)

    def _donate(self) -> ParsedTransaction:
        holder, class_id = (
            self.chance.choice(self.cast.people),
            self.chance.choice([*self.cast.shares, self.cast.hours]),
        )
        payload = {"holder": holder, "class_id": class_id, "amount_minor": self.chance.randrange(1, 300)}
        return self._signed(holder, set(), donate_entitlements=payload)

    def _open(self) -> ParsedTransaction:
        issuer, holder = self.chance.choice(self.cast.organisations), self.chance.choice(self.cast.people)
        debtor, creditor = self.chance.sample(self.cast.people, 2)
        amount = self.chance.randrange(1, 300)
        holding = {"issuer": issuer, "holder": holder, "class_id": self.cast.hours, "amount_minor": amount}
        balance = {"debtor": debtor, "creditor": creditor, "unit": "HRS", "amount_minor": amount}
        lines = [{"holding": {**holding, "value_date": self._date()}}, {"balance": balance}]
        return self._signed(issuer, {holder, debtor, creditor}, opening={"lines": lines})

    def _vote(self) -> ParsedTransaction:
        name = self.chance.choice([PARAMETER_NAME_ADVANCE_BP, PARAMETER_NAME_DEPOSIT_BP])
        unit = self.chance.choice(UNITS)
        item: dict[str, Any] = {
            "parameter": {"name": name, "unit": unit, "value": self.chance.randrange(9_999)}
        }
        if self.chance.random() < 0.5:
            item = ceiling(self.chance.choice(self.cast.organisations), unit, self.chance.randrange(60_000))
        elif self.chance.random() < 0.3:
            federation, amount = self.chance.choice(["emilia", "japan"]), self.chance.randrange(400_000)
            item = {"quota": {"federation": federation, "unit": unit, "amount_minor": amount}}
        ahead = self.chance.choice([0, 0, 2, 5])
        height = self.book.height + ahead if ahead else 0
        return self.book.decide(item, effective_height=height)

    def _limit(self) -> ParsedTransaction:
        account, unit = self.chance.choice(self.cast.everyone), self.chance.choice(UNITS)
        limit: dict[str, Any] = {"unit": unit, "credit_limit_minor": self.chance.randrange(20_000)}
        if self.chance.random() < 0.5:
            limit |= {"has_upper_limit": True, "upper_limit_minor": self.chance.randrange(0, 60_000, 20_000)}
        accounts = [{"account": account, "limits": [limit]}]
        return self._signed(account.partition("/")[0], set(), set_limits={"accounts": accounts})

    def _reverse(self) -> ParsedTransaction:
        if not self.reversible:
            return self._transfer()
        original = self.chance.choice(self.reversible)
        payload, author = original.payload, original.author
        lines = getattr(payload, "legs", None) or getattr(payload, "lines", None) or [payload]
        number = self.chance.randrange(len(lines))
        line = lines[number]
        match original.kind:
            case "transfer":
                losers = {line.payee}
            case "issue_entitlements":
                losers = {line.holder} | ({author} if payload.class_id == self.cast.shares[0] else set())
            case "record_service":
                cash = line.WhichOneof("paid") == "organisation" or line.fee.in_cash
                losers = {line.served_by} | (set() if cash else {author})
            case _:
                losers = {payload.provider} | ({payload.served_by} - {""})
        amount = self.chance.randrange(1, 1 + (getattr(line, "amount_minor", 0) or 3_000))
        reversal = {
            "original_tx_id": original.tx_id,
            "lines": [{"line": number, "amount_minor": amount}],
            "reason": "error",
        }
        return self._signed(min(losers), losers, reversal=reversal)
