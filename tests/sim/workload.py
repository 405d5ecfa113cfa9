"""What people do: transactions of every family, most of them right, some of them not.

Signed for real, by the keys of `tests.vectors.founding`. Which are accepted depends on the state they meet.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ayni.v1.keys_pb2 import Signature
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.transactions import parse_transaction
from proofs.domains import transaction_message
from tests.audit.history import DAY_MS, keys_of, shares_class
from tests.audit.random_transactions import RandomTransactions
from tests.sim.founding import Founded
from tests.vectors.founding import canonical, key


class Book:
    """Makes bodies and signs them, for a network that runs."""

    def __init__(self, founded: Founded, now_ms: Callable[[], int], height: Callable[[], int]) -> None:
        self._founded = founded
        self._now_ms = now_ms
        self._height = height
        self._nonce = 1 << 32
        """Above those of the founding history."""

    @property
    def time_ms(self) -> int:
        return self._now_ms()

    @property
    def height(self) -> int:
        return self._height()

    def body(self, author: str, **payload: Any) -> Body:
        """With a nonce of its own."""
        self._nonce += 1
        return Body(
            author=author,
            nonce=self._nonce.to_bytes(16),
            expires_at_ms=self.time_ms + 120_000,
            **payload,
        )

    def sign(self, body: Body, *signers: str) -> ParsedTransaction:
        """Signed by the keys of these names; a federation's name stands for its decision key."""
        data = canonical(body)
        message = transaction_message(self._founded.founding.hash, data)
        keys = [key(name if "/" in name else f"{name}/decision") for name in signers]
        signatures = [
            Signature(public_key=each.public_key, signature=each.sign(message))
            for each in sorted(keys, key=lambda each: each.public_key)
        ]
        raw = canonical(SignedTransaction(body=data, signatures=signatures))
        parsed = parse_transaction(raw, self._founded.founding.hash)
        if isinstance(parsed, Refusal):
            raise ValueError(f"the workload made what no node takes: {parsed.message}")
        return parsed

    def decide(self, *items: Any, effective_height: int = 0) -> ParsedTransaction:
        """By a quorum of the federations, the first of them its author."""
        names = self._founded.federations[: self._founded.founding.membership.quorum]
        body = self.body(names[0])
        body.decision.effective_height = effective_height
        for item in items:
            body.decision.items.add(**item)
        return self.sign(body, *names)


class Workload(RandomTransactions):
    """Random transactions of all families, with expiries that a run reaches."""

    def __init__(self, chance: random.Random, book: Book, founded: Founded) -> None:
        super().__init__(chance, book, founded.cast)
        self._founded = founded
        self._opened: list[str] = []

    def any(self) -> ParsedTransaction:
        """One of any family."""
        if self.chance.random() < 0.7:
            return super().any()
        makers = [self._open_account, self._close_account, self._rotate, self._define, self._suspend,
                  self._close, self._close]  # fmt: skip
        return self.chance.choice(makers)()

    def _signed(self, author: str, others: set[str], **payload: Any) -> ParsedTransaction:
        """Most expire long after the run, some within it, a few before they can be final."""
        body = self.book.body(author, **payload)
        ahead_ms = self.chance.choice([2_000, 8_000, 20_000, 120_000, 4 * DAY_MS, 4 * DAY_MS])
        body.expires_at_ms = self.book.time_ms + ahead_ms
        return self.book.sign(body, author, *sorted(others - {author}))

    def twin_of(self, tx: ParsedTransaction) -> ParsedTransaction:
        """Another transaction with the same author and nonce: a correction of the first."""
        body = Body.FromString(SignedTransaction.FromString(tx.raw).body)
        body.expires_at_ms += 1
        names = {key(name).public_key: name for name in self._names()}
        return self.book.sign(body, *[names[each] for each in sorted(tx.signers) if each in names])

    def _names(self) -> list[str]:
        uses = [f"{name}/{use}" for name in self._founded.federations for use in ("decision", "service")]
        return [*uses, *self.cast.everyone, *self._opened]

    def _open_account(self) -> ParsedTransaction:
        host = self.chance.choice(self.cast.organisations)
        account = f"{host}:n-{self.chance.randrange(40)}"
        self._opened.append(account)
        opened = [{"account": account, "keys": keys_of(account)}]
        return self._signed(host, set(), open_accounts={"accounts": opened})

    def _close_account(self) -> ParsedTransaction:
        account = self.chance.choice(self._opened or list(self.cast.people))
        return self._signed(account.partition(":")[0], set(), close_accounts={"accounts": [account]})

    def _rotate(self) -> ParsedTransaction:
        if not self._opened:
            return self._open_account()
        account = self.chance.choice(self._opened)
        return self._signed(account, set(), rotate_keys={"account": account, "keys": keys_of(f"{account}2")})

    def _define(self) -> ParsedTransaction:
        owner = self.chance.choice(self.cast.organisations)
        policy = shares_class(class_id=f"c-{self.chance.randrange(9)}@{owner}")
        return self._signed(owner, set(), define_class=policy)

    def _suspend(self) -> ParsedTransaction:
        organisation = self.chance.choice(self.cast.organisations)
        if self.chance.random() < 0.6:
            return self.book.decide({"reinstate": {"organisation": organisation}})
        federation = organisation.partition("/")[0]
        return self._signed(federation, set(), suspend_organisation={"organisation": organisation})

    def _close(self) -> ParsedTransaction:
        federation = self.chance.choice(self._founded.federations)
        period = self.chance.choice([1, 1, 2, 2, 3, 4])
        body = self.book.body(federation, close_period={"period": period})
        return self.book.sign(body, f"{federation}/service")
