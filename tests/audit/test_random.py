"""Rules and second recomputation, each written from the protocol alone, agree over random histories.

From a seed: transactions of every family that moves a balance, at random amounts and moments; what the rules
refuse is left out. Both must come to the same balances, lots, dues and settlements, block after block.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from audit import naive_close, verify_export
from ayni.v1 import entitlements_pb2 as ent
from ayni.v1.result_pb2 import Result
from ledger import limits
from ledger.rule import ParsedTransaction
from tests.audit.history import (
    DAY_MS,
    History,
    accredit,
    ceiling,
    hours_class,
    opened,
    shares_class,
)
from tests.audit.random_transactions import Cast, RandomTransactions

ORGANISATIONS = ("emilia/cadiai", "emilia/zenit", "japan/osaka", "japan/tokyo")
PEOPLE = tuple(f"{name}:{person}" for name in ORGANISATIONS for person in ("ana", "bo"))
EVERYONE = (*ORGANISATIONS, *PEOPLE)
SHARES = ("credit@emilia/zenit", "shares@emilia/cadiai", "shares@japan/osaka")
HOURS = "hours@japan"
BLOCKS = 60


class RandomYear:
    """A history of random transactions."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.history = History(bits=2)
        self.transactions = RandomTransactions(
            self.chance, self.history, Cast(ORGANISATIONS, PEOPLE, SHARES, HOURS)
        )
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
        for number in range(BLOCKS):
            skip, final = self.chance.choice([0, 0, 1, 2]), self.chance.random() < 0.7
            if number % 12 == 11:
                period = self.history.chain.final_state().period().open_period
                body = self.history.body("quebec", close_period={"period": period})
                body.expires_at_ms += 4 * DAY_MS
                self._block([self.history.sign(body, "quebec/service")], skip, final)
            else:
                wanted = [self.transactions.any() for _ in range(self.chance.randrange(1, 9))]
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
                self.transactions.reversible.append(tx)


@pytest.mark.parametrize("seed", range(2))
def test_they_agree_on_closes_in_parts(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """S2: as with a hundred thousand holdings that expire."""
    monkeypatch.setattr(limits, "EXPIRED_LOTS_MAX", 1)
    for module in (limits, naive_close):
        monkeypatch.setattr(module, "EXPIRY_PARTS_MAX", 1)
    history = RandomYear(seed).run()

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    assert report.findings == []
    results = [Result.FromString(entry.result) for block in history.finals for entry in block.entries]
    parts = [each for each in results if each.HasField("expired_part")]
    assert {each.HasField("settlement") for each in parts} == {True, False}


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
