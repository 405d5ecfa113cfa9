"""The network that is measured: validators as processes, a thousand accounts, pre-signed transactions.

Decides accounts, limits and what a transaction looks like. Nodes run as they are configured by default:
every signature is verified by every node, every final block is synced to disk.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ayni.v1 import members_pb2
from client import transactions
from client.api import Client
from client.networks import Network
from client.outcomes import Kind
from client.stamps import now_ms
from client.testnet import Founding, Testnet, create, federation_names
from client.testnet.wires import Wires, wire_up
from config import LogSection
from proofs.signing import SigningKey

MEMBERS = 4
ACCOUNTS = 1_000
CREDIT_LIMIT_MINOR = 100_000_00
UNIT = "EUC"
LIFETIME_MS = 3_600_000
"""Pre-signed transactions wait for their turn; an hour is enough."""
DAY = 20_000
"""The value date of everything."""


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

    def sign(self, draft: transactions.Draft, keys: Sequence[SigningKey]) -> bytes:
        """A draft as it is sent."""
        return transactions.sign(draft, keys, self.testnet.genesis_hash)

    def must_be_final(self, signed: Sequence[bytes]) -> None:
        """Sends a few transactions and waits for them. Raises ClientError."""
        for outcome in self.client.submit(signed, want_receipts=False):
            if outcome.kind is not Kind.FINAL:
                raise outcome.error() or RuntimeError("what prepares a measurement did not become final")

    def _transfer(self, payer: int, payees: Sequence[str]) -> bytes:
        self._made += 1
        legs = [transactions.leg(payee, UNIT, 1 + self._made % 9, value_date=DAY) for payee in payees]
        return self.sign(transactions.transfer(self.accounts[payer], legs, new_stamp()), [self._keys[payer]])


def new_stamp() -> transactions.Stamp:
    """A nonce, and an end that a pre-signed transaction does not see."""
    return transactions.Stamp(secrets.token_bytes(16), now_ms() + LIFETIME_MS)


def new_key() -> SigningKey:
    """A fresh key."""
    return SigningKey(secrets.token_bytes(32))


@contextmanager
def running_bench(members: int = MEMBERS) -> Iterator[Bench]:
    """Starts the network in a temporary directory and opens the accounts; stops and removes it after."""
    with ExitStack() as stack:
        testnet = stack.enter_context(_files(members))
        yield _begin(stack, testnet, testnet.network())


@contextmanager
def wired_bench(members: int = MEMBERS) -> Iterator[tuple[Bench, Wires]]:
    """The same with a wire between any two nodes, that can be delayed; the client knows the first only."""
    with ExitStack() as stack:
        testnet, wires = wire_up(stack.enter_context(_files(members)))
        stack.enter_context(wires)
        yield _begin(stack, testnet, testnet.network(0)), wires


@contextmanager
def _files(members: int) -> Iterator[Testnet]:
    directory = Path(tempfile.mkdtemp(prefix="ayni-bench-"))
    try:
        founding = Founding("bench", federation_names(members))
        yield create(directory / "network", founding, close_periods=False, log=LogSection(level="warning"))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _begin(stack: ExitStack, testnet: Testnet, network: Network) -> Bench:
    """Starts the nodes and opens the accounts."""
    stack.enter_context(testnet)
    testnet.start()
    client = stack.enter_context(Client(network))
    accounts, keys = _accounts(testnet)
    bench = Bench(testnet, client, accounts, keys)
    opened = []
    for founder in testnet.founders:
        new = [
            members_pb2.NewAccount(
                account=account,
                keys=transactions.key_set([key.public_key]),
                limits=[members_pb2.Limit(unit=UNIT, credit_limit_minor=CREDIT_LIMIT_MINOR)],
            )
            for account, key in zip(accounts, keys, strict=True)
            if account.startswith(founder.federation + "/")
        ]
        draft = transactions.open_accounts(founder.federation, new, transactions.new_stamp())
        opened.append(bench.sign(draft, [founder.decision]))
    bench.must_be_final(opened)
    return bench


def _accounts(testnet: Testnet) -> tuple[list[str], list[SigningKey]]:
    """A thousand organisations' accounts, as many in each federation as can be, and a key for each."""
    federations = len(testnet.founders)
    accounts = [
        f"{founder.federation}/o-{number:04d}"
        for position, founder in enumerate(testnet.founders)
        for number in range(len(range(position, ACCOUNTS, federations)))
    ]
    return accounts, [new_key() for _ in accounts]
