"""Rules and second recomputation, each written from the protocol alone, agree over random histories.

From a seed: transactions of every family that moves a balance, at random amounts and moments; what the rules
refuse is left out. Both must come to the same balances, lots, dues and settlements, block after block.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from audit import verify_export
from ayni.v1 import entitlements_pb2 as ent
from ayni.v1.genesis_pb2 import PARAMETER_NAME_ADVANCE_BP, PARAMETER_NAME_DEPOSIT_BP
from ledger.rule import ParsedTransaction
from tests.audit.history import (
    DAY_MS,
    History,
    accredit,
    ceiling,
    hours_class,
    leg,
    opened,
    shares_class,
)

ORGANISATIONS = ("emilia/cadiai", "emilia/zenit", "japan/osaka", "japan/tokyo")
PEOPLE = tuple(f"{name}:{person}" for name in ORGANISATIONS for person in ("ana", "bo"))
EVERYONE = (*ORGANISATIONS, *PEOPLE)
UNITS = ("EUC", "HRS")
SHARES = ("credit@emilia/zenit", "shares@emilia/cadiai", "shares@japan/osaka")
HOURS = "hours@japan"
BLOCKS = 60


class RandomYear:
    """A history of random transactions."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.history = History(bits=2)
        self.reversible: list[ParsedTransaction] = []
        self.kinds: dict[str, int] = {}
        self._found()

    def _found(self) -> None:
        history = self.history
        items = [accredit(name) for name in ORGANISATIONS]
        items += [ceiling(name, "EUC", 60_000) for name in ORGANISATIONS]
        items += [ceiling(name, "HRS", 900) for name in ORGANISATIONS]
        history.block(history.decide(*items))
        for name in ORGANISATIONS:
            people = [opened(person) for person in PEOPLE if person.startswith(f"{name}:")]
            history.block(history.tx(name, open_accounts={"accounts": people}))
        for federation in ("emilia", "japan"):
            limits = [
                {"unit": "EUC", "credit_limit_minor": 12_000},
                {"unit": "HRS", "credit_limit_minor": 300},
            ]
            accounts = [
                {"account": name, "limits": limits}
                for name in sorted(EVERYONE)
                if name.startswith(f"{federation}/")
            ]
            history.block(history.tx(federation, set_limits={"accounts": accounts}))
        credit = {"given_for": ent.GIVEN_FOR_CREDIT, "item_contribution_minor": 1_300}
        self._define("emilia/zenit", shares_class(class_id=SHARES[0], item_value_minor=1_300, **credit))
        self._define("emilia/cadiai", shares_class(class_id=SHARES[1]))
        policy = shares_class(class_id=SHARES[2], expires_after_days=0, item_value_minor=777)
        self._define("japan/osaka", policy)
        self._define("japan", hours_class(expires_after_days=25))

    def _define(self, owner: str, policy: dict[str, Any]) -> None:
        self.history.block(self.history.tx(owner, define_class=policy))

    def run(self) -> History:
        period = 1
        for number in range(BLOCKS):
            skip, final = self.chance.choice([0, 0, 1, 2]), self.chance.random() < 0.7
            if number % 12 == 11:
                body = self.history.body("quebec", close_period={"period": period})
                body.expires_at_ms += 4 * DAY_MS
                self._block([self.history.sign(body, "quebec/service")], skip, final)
                period += 1
            else:
                wanted = [self._any() for _ in range(self.chance.randrange(1, 9))]
                self._block(wanted, skip, final)
        self.history.block()
        return self.history

    def _block(self, wanted: list[ParsedTransaction], skip: int, final: bool) -> None:
        history = self.history
        after_ms = self.chance.choice([1_000, 1_000, DAY_MS, 3 * DAY_MS])
        accepted = history.accepted(wanted, after_ms)
        history.block(*accepted, skip=skip, final=final, after_ms=after_ms)
        for tx in accepted:
            self.kinds[tx.kind] = self.kinds.get(tx.kind, 0) + 1
            if tx.kind in ("transfer", "issue_entitlements", "record_service", "redeem_entitlements"):
                self.reversible.append(tx)

    def _any(self) -> ParsedTransaction:
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
        body = self.history.body(author, **payload)
        body.expires_at_ms = self.history.time_ms + 4 * DAY_MS
        return self.history.sign(body, author, *sorted(others - {author}))

    def _date(self) -> int:
        return self.history.time_ms // DAY_MS - self.chance.randrange(20)

    def _transfer(self) -> ParsedTransaction:
        payer = self.chance.choice(EVERYONE)
        legs, signers = [], set()
        for _ in range(self.chance.randrange(1, 4)):
            other = self.chance.choice([payer, self.chance.choice(EVERYONE)])
            signers.add(other)
            named = "" if other == payer else other
            amount, unit = self.chance.randrange(1, 900), self.chance.choice(UNITS)
            payee = self.chance.choice([name for name in EVERYONE if name != other])
            legs.append(leg(payee, amount, unit, named))
        return self._signed(payer, signers, transfer={"legs": legs})

    def _contribute(self) -> ParsedTransaction:
        payer = self.chance.choice(EVERYONE)
        amount = self.chance.randrange(1, 2_000)
        payload = {"payer": payer, "unit": self.chance.choice(UNITS), "amount_minor": amount}
        return self._signed(payer, set(), contribute_to_pool=payload)

    def _issue(self) -> ParsedTransaction:
        class_id = self.chance.choice(SHARES)
        issuer = class_id.partition("@")[2]
        lines = []
        for _ in range(self.chance.randrange(1, 3)):
            holder = self.chance.choice(PEOPLE)
            line = {"holder": holder, "items": self.chance.randrange(1, 9), "value_date": self._date()}
            lines.append({**line, "document_hash": bytes(range(32))})
        holders = {str(line["holder"]) for line in lines}
        return self._signed(issuer, holders, issue_entitlements={"class_id": class_id, "lines": lines})

    def _serve(self) -> ParsedTransaction:
        host = self.chance.choice(ORGANISATIONS)
        attesters = sorted(self.chance.sample(PEOPLE, self.chance.choice([0, 1, 1, 2])))
        lines, signers = [], set(attesters)
        for _ in range(self.chance.randrange(1, 4)):
            served_by, recipient, holder = self.chance.sample(PEOPLE, 3)
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
        record = {"class_id": HOURS, "lines": lines, "attesters": attesters}
        return self._signed(host, signers, record_service=record)

    def _redeem(self) -> ParsedTransaction:
        holder, served_by = self.chance.sample(PEOPLE, 2)
        provider = self.chance.choice(ORGANISATIONS)
        class_id = self.chance.choice([*SHARES, HOURS, HOURS])
        payload = {
            "holder": holder,
            "provider": provider,
            "class_id": class_id,
            "amount_minor": self.chance.randrange(1, 200 if class_id == HOURS else 6_000),
            "value_date": self._date(),
            "served_by": served_by if class_id == HOURS else "",
        }
        return self._signed(holder, {provider}, redeem_entitlements=payload)

    def _give(self) -> ParsedTransaction:
        holder, receiver = self.chance.sample(PEOPLE, 2)
        payload = {
            "holder": holder,
            "receiver": receiver,
            "class_id": self.chance.choice([*SHARES, HOURS]),
            "amount_minor": self.chance.randrange(1, 600),
        }
        return self._signed(holder, set(), give_entitlements=payload)

    def _donate(self) -> ParsedTransaction:
        holder, class_id = self.chance.choice(PEOPLE), self.chance.choice([*SHARES, HOURS])
        payload = {"holder": holder, "class_id": class_id, "amount_minor": self.chance.randrange(1, 300)}
        return self._signed(holder, set(), donate_entitlements=payload)

    def _open(self) -> ParsedTransaction:
        issuer, holder = self.chance.choice(ORGANISATIONS), self.chance.choice(PEOPLE)
        debtor, creditor = self.chance.sample(PEOPLE, 2)
        amount = self.chance.randrange(1, 300)
        holding = {"issuer": issuer, "holder": holder, "class_id": HOURS, "amount_minor": amount}
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
            item = ceiling(self.chance.choice(ORGANISATIONS), unit, self.chance.randrange(60_000))
        elif self.chance.random() < 0.3:
            federation, amount = self.chance.choice(["emilia", "japan"]), self.chance.randrange(400_000)
            item = {"quota": {"federation": federation, "unit": unit, "amount_minor": amount}}
        ahead = self.chance.choice([0, 0, 2, 5])
        height = len(self.history.blocks) + ahead if ahead else 0
        return self.history.decide(item, effective_height=height)

    def _limit(self) -> ParsedTransaction:
        account, unit = self.chance.choice(EVERYONE), self.chance.choice(UNITS)
        limit: dict[str, Any] = {"unit": unit, "credit_limit_minor": self.chance.randrange(20_000)}
        if self.chance.random() < 0.5:
            limit |= {"has_upper_limit": True, "upper_limit_minor": self.chance.randrange(0, 60_000, 20_000)}
        accounts = [{"account": account, "limits": [limit]}]
        return self._signed(account.partition("/")[0], set(), set_limits={"accounts": accounts})

    def _reverse(self) -> ParsedTransaction:
        if not self.reversible:
            return self._transfer()
        original = self.chance.choice(self.reversible)
        payload, author = original.payload, original.body.author
        lines = getattr(payload, "legs", None) or getattr(payload, "lines", None) or [payload]
        number = self.chance.randrange(len(lines))
        line = lines[number]
        match original.kind:
            case "transfer":
                losers = {line.payee}
            case "issue_entitlements":
                losers = {line.holder} | ({author} if payload.class_id == SHARES[0] else set())
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


@pytest.mark.parametrize("seed", range(4))
def test_rules_and_second_recomputation_agree(tmp_path: Path, seed: int) -> None:
    random_year = RandomYear(seed)
    history = random_year.run()

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    assert [str(finding) for finding in report.findings] == []
    assert report.settlements == BLOCKS // 12
    assert {"set_limits", "decision"} <= set(random_year.kinds)
    assert {"reversal", "record_service", "redeem_entitlements", "issue_entitlements"} <= set(
        random_year.kinds
    )
