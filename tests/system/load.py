"""A steady load of transfers on a network of real processes, and what became of each."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence

from ayni.v1 import members_pb2
from client import transactions
from client.api import Client
from client.drafts import id_of
from client.flow import flow
from client.outcomes import Kind, Outcome
from client.testnet import Testnet
from proofs.signing import SigningKey

UNIT = "EUC"
LIMIT_MINOR = 1_000_000_00


class Accounts:
    """Organisations' accounts with credit limits, opened by their federations."""

    def __init__(self, testnet: Testnet, client: Client, each: int = 2) -> None:
        self._genesis_hash = testnet.genesis_hash
        self.names: list[str] = []
        self._keys: dict[str, SigningKey] = {}
        opened = []
        for founder in testnet.founders:
            new = []
            for number in range(each):
                name, key = f"{founder.federation}/o-{number}", SigningKey(secrets.token_bytes(32))
                limit = members_pb2.Limit(unit=UNIT, credit_limit_minor=LIMIT_MINOR)
                keys = transactions.key_set([key.public_key])
                new.append(members_pb2.NewAccount(account=name, keys=keys, limits=[limit]))
                self.names.append(name)
                self._keys[name] = key
            draft = transactions.open_accounts(founder.federation, new, transactions.new_stamp())
            opened.append(transactions.sign(draft, [founder.decision], testnet.genesis_hash))
        for outcome in client.submit(opened):
            assert outcome.kind is Kind.FINAL, outcome

    def transfer(self, number: int, amount: int = 1) -> bytes:
        """A transfer of `amount` from one of the accounts to the next."""
        payer = self.names[number % len(self.names)]
        payee = self.names[(number + 1) % len(self.names)]
        legs = [transactions.leg(payee, UNIT, amount, value_date=20_000)]
        draft = transactions.transfer(payer, legs, transactions.new_stamp())
        return transactions.sign(draft, [self._keys[payer]], self._genesis_hash)


class Load:
    """Transfers, one after the other, on a thread, until it is stopped; every outcome is kept."""

    def __init__(self, client: Client, accounts: Accounts, window: int = 50) -> None:
        self._client = client
        self._accounts = accounts
        self._window = window
        self._stop = threading.Event()
        self.sent: dict[bytes, bytes] = {}
        self.outcomes: list[Outcome] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def final(self) -> int:
        """How many are final so far."""
        return sum(outcome.kind is Kind.FINAL for outcome in self.outcomes)

    def stop(self, seconds_max: float = 60.0) -> None:
        """Makes no more, and waits for the outcome of those on their way."""
        self._stop.set()
        self._thread.join(seconds_max)
        assert not self._thread.is_alive(), "outcomes are still missing"
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self.outcomes.extend(())
            for outcome in flow(self._client, self._source(), window=self._window, batch=10):
                self.outcomes.append(outcome)
        except BaseException as error:  # shown where the load is stopped
            self._error = error

    def _source(self) -> Iterator[bytes]:
        number = 0
        while not self._stop.wait(0.002):
            raw = self._accounts.transfer(number)
            self.sent[id_of(raw)] = raw
            number += 1
            yield raw


def logged(client: Client, ids: Sequence[bytes]) -> int:
    """How many of these transactions the log holds."""
    return sum(client.outcome(tx_id).kind is Kind.FINAL for tx_id in ids)
