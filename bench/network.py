"""The network that is measured: four validators as processes, a thousand accounts, pre-signed transactions.

Decides accounts, limits and what a transaction looks like. Nodes run as they are configured by default:
every signature is verified by every node, every final block is synced to disk.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ayni.v1 import members_pb2
from client import transactions
from client.api import Client
from client.outcomes import Kind
from client.stamps import now_ms
from client.testnet import Founding, Testnet, create, federation_names
from config import LogSection
from proofs.signing import SigningKey

VALIDATORS = 4
ACCOUNTS = 1_000
CREDIT_LIMIT_MINOR = 100_000_00
UNIT = "EUC"
LIFETIME_MS = 3_600_000
"""Pre-signed transactions wait for their turn; an hour is enough."""


class Bench:
    """A running network and the accounts on it."""

    def __init__(self, testnet: Testnet, client: Client, accounts: Sequence[str], keys: Sequence[SigningKey]):
        self.testnet = testnet
        self.client = client
        self.accounts = accounts
        self._keys = keys
        self._made = 0

    def single_leg(self, count: int) -> list[bytes]:
        """So many transfers of one leg, each signed by its payer; payers take turns."""
        made = []
        for _ in range(count):
            payer = self._made % len(self.accounts)
            payee = self.accounts[(payer * 7 + 1 + self._made // len(self.accounts)) % len(self.accounts)]
            if payee == self.accounts[payer]:
                payee = self.accounts[(payer + 1) % len(self.accounts)]
            made.append(self._transfer(payer, [payee]))
        return made

    def multi_leg(self, count: int, legs: int) -> list[bytes]:
        """So many transfers of `legs` legs, each from one account to others in turn."""
        made = []
        for _ in range(count):
            payer = self._made % len(self.accounts)
            others = (payer + 1 + offset % (len(self.accounts) - 1) for offset in range(legs))
            made.append(
                self._transfer(payer, [self.accounts[other % len(self.accounts)] for other in others])
            )
        return made

    def _transfer(self, payer: int, payees: Sequence[str]) -> bytes:
        self._made += 1
        legs = [transactions.leg(payee, UNIT, 1 + self._made % 9, value_date=20_000) for payee in payees]
        stamp = transactions.Stamp(secrets.token_bytes(16), now_ms() + LIFETIME_MS)
        draft = transactions.transfer(self.accounts[payer], legs, stamp)
        return transactions.sign(draft, [self._keys[payer]], self.testnet.genesis_hash)


@contextmanager
def running_bench() -> Iterator[Bench]:
    """Starts the network in a temporary directory and opens the accounts; stops and removes it after."""
    directory = Path(tempfile.mkdtemp(prefix="ayni-bench-"))
    try:
        founding = Founding("bench", federation_names(VALIDATORS))
        testnet = create(
            directory / "network", founding, close_periods=False, log=LogSection(level="warning")
        )
        with testnet:
            testnet.start()
            with Client(testnet.network()) as client:
                accounts, keys = _open_accounts(testnet, client)
                yield Bench(testnet, client, accounts, keys)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _open_accounts(testnet: Testnet, client: Client) -> tuple[list[str], list[SigningKey]]:
    """A thousand organisations' accounts, as many in each federation, each with a credit limit."""
    accounts: list[str] = []
    keys: list[SigningKey] = []
    opened: list[bytes] = []
    for founder in testnet.founders:
        new = []
        for number in range(ACCOUNTS // len(testnet.founders)):
            key = SigningKey(secrets.token_bytes(32))
            account = f"{founder.federation}/o-{number:04d}"
            limit = members_pb2.Limit(unit=UNIT, credit_limit_minor=CREDIT_LIMIT_MINOR)
            new.append(
                members_pb2.NewAccount(
                    account=account, keys=transactions.key_set([key.public_key]), limits=[limit]
                )
            )
            accounts.append(account)
            keys.append(key)
        draft = transactions.open_accounts(founder.federation, new, transactions.new_stamp())
        opened.append(transactions.sign(draft, [founder.decision], testnet.genesis_hash))
    for outcome in client.submit(opened, want_receipts=False):
        if outcome.kind is not Kind.FINAL:
            raise outcome.error() or RuntimeError("accounts were not opened")
    return accounts, keys
