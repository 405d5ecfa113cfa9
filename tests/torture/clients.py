"""The clients: a process that pays, repeats itself, hurries and overspends, and notes what it is told.

`python -m tests.torture.clients DIR JOURNAL …` uses the SDK as a co-operative would, on the network in DIR,
with a few threads. Handed in are transfers of one leg and of many, some that expire within seconds, some
that no limit allows, some that take the nonce of another; and again and again the same bytes as before.
Ends when standard input does: then it asks until every outcome is definite, for a while at most.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from client import transactions
from client.api import Client
from client.drafts import id_of
from client.errors import ClientError, NoNode
from client.flow import flow
from client.networks import Network
from client.outcomes import Kind, Outcome
from client.stamps import Stamp, now_ms
from client.testnet import open_testnet
from tests.torture.accounts import UNIT, Account, accounts_of
from tests.torture.journal import Journal

THREADS = 3
"""One of them streams."""
STREAMED = 200
WINDOW = 60
GIVE_UP_SECONDS = 6.0
HURRY_MS = (800, 5_000)
PATIENCE_MS = (300, 12_000)
REMEMBERED = 300
LEGS = 12
SETTLE_SECONDS = 60.0
"""Beyond the life of a transaction, how long to ask for what is not known yet."""
SETTLE_PAUSE_SECONDS = 0.5
KINDS = ("plain", "legs", "hurried", "overspent", "again", "same nonce")
WEIGHTS = (52, 8, 14, 6, 14, 6)


class Payer:
    """One thread: hands in a few transactions, waits for what becomes of them, and begins again.

    `streams`: not a few at a time, but hundreds, over a stream (client.flow), as an import does.
    """

    def __init__(
        self,
        network: Network,
        accounts: Sequence[Account],
        journal: Journal,
        rng: random.Random,
        rate: float,
        lifetime_ms: int,
        streams: bool,
    ) -> None:
        self._client = Client(network)
        self._accounts = accounts
        self._journal = journal
        self._rng = rng
        self._rate = rate
        self._lifetime_ms = lifetime_ms
        self._streams = streams
        self._recent: deque[tuple[Account, Stamp, bytes]] = deque(maxlen=REMEMBERED)
        self.open: dict[bytes, bytes] = {}
        """What has no definite outcome yet."""

    def run(self, stop: threading.Event) -> None:
        """Pays until told to stop, then until everything is known, for a while at most."""
        while not stop.is_set():
            if self._streams:
                self._stream(stop)
                continue
            began = time.monotonic()
            batch = [self._next() for _ in range(self._rng.randint(1, 6))]
            if self.open and self._rng.random() < 0.3:
                batch.append(self._rng.choice(list(self.open.values())))
            self._hand_in(list(dict.fromkeys(batch)), self._rng.randint(*PATIENCE_MS))
            stop.wait(max(0.0, len(batch) / self._rate - (time.monotonic() - began)))
        until = time.monotonic() + self._lifetime_ms / 1000 + SETTLE_SECONDS
        while self.open and time.monotonic() < until:
            self._hand_in(list(self.open.values())[:100], 5_000)
            self._ask()
            threading.Event().wait(SETTLE_PAUSE_SECONDS)
        self._client.close()

    def _stream(self, stop: threading.Event) -> None:
        """Hands in many over one stream, at the same rate; what it lost sight of, it asks about."""
        sent: dict[bytes, bytes] = {}

        def source() -> Iterator[bytes]:
            for _ in range(STREAMED):
                if stop.wait(1 / self._rate):
                    return
                raw = self._next()
                if id_of(raw) not in sent:
                    sent[id_of(raw)] = raw
                    yield raw

        receipts = bool(self._rng.getrandbits(1))
        try:
            for outcome in flow(
                self._client,
                source(),
                window=WINDOW,
                batch=20,
                want_receipts=receipts,
                give_up_s=GIVE_UP_SECONDS,
            ):
                if sent.pop(outcome.tx_id, None) is None:
                    self._journal.wrong(outcome.tx_id, "an outcome of what was not sent, or a second one")
                self._note(outcome)
        except NoNode:
            return
        except ClientError as error:
            self._journal.wrong(b"", f"{type(error).__name__}: {error}")
        if sent:
            self._journal.wrong(next(iter(sent)), f"{len(sent)} were streamed, and nothing was said of them")

    def _next(self) -> bytes:
        """One transaction: new, or the bytes of an earlier one."""
        rng = self._rng
        [kind] = rng.choices(KINDS, WEIGHTS)
        if kind == "again" and self._recent:
            return rng.choice(self._recent)[2]
        payer, payee = rng.sample(self._accounts, 2)
        lifetime = rng.randint(*HURRY_MS) if kind == "hurried" else self._lifetime_ms
        stamp = Stamp(rng.randbytes(16), now_ms() + lifetime)
        amount = rng.randint(1, 9)
        if kind == "same nonce" and self._recent:
            payer, other, _ = rng.choice(self._recent)
            payee = rng.choice([each for each in self._accounts if each is not payer])
            stamp, amount = Stamp(other.nonce, stamp.expires_at_ms), rng.randint(10, 99)
        if kind == "overspent":
            amount = 10**15
        payees = [payee] if kind != "legs" else [each for each in self._accounts if each is not payer][:LEGS]
        return self._made(kind, payer, payees, stamp, amount)

    def _made(self, kind: str, payer: Account, payees: Sequence[Account], stamp: Stamp, amount: int) -> bytes:
        legs = [transactions.leg(payee.name, UNIT, amount, value_date=20_000) for payee in payees]
        draft = transactions.transfer(payer.name, legs, stamp)
        raw = transactions.sign(draft, [payer.key], self._client.genesis_hash)
        self._recent.append((payer, stamp, raw))
        self._journal.sent(id_of(raw), kind, f"{payer.name} {stamp.nonce.hex()}")
        self.open[id_of(raw)] = raw
        return raw

    def _hand_in(self, batch: list[bytes], wait_ms: int) -> None:
        try:
            outcomes = self._client.submit(
                batch, wait_ms=wait_ms, want_receipts=bool(self._rng.getrandbits(1))
            )
        except NoNode:
            outcomes = [Outcome(id_of(raw), Kind.UNKNOWN) for raw in batch]
            threading.Event().wait(0.2)
        except ClientError as error:
            self._journal.wrong(id_of(batch[0]), f"{type(error).__name__}: {error}")
            return
        for outcome in outcomes:
            self._note(outcome)

    def _ask(self) -> None:
        """By its id, what became of each."""
        for tx_id in list(self.open)[:100]:
            try:
                self._note(self._client.outcome(tx_id))
            except NoNode:
                return
            except ClientError as error:
                self._journal.wrong(tx_id, f"{type(error).__name__}: {error}")

    def _note(self, outcome: Outcome) -> None:
        self._journal.outcome(outcome)
        if outcome.definite:
            self.open.pop(outcome.tx_id, None)


def main() -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="transactions a second")
    parser.add_argument("--lifetime", type=int, required=True, help="of a transaction, ms")
    parser.add_argument("--seed", type=int, required=True)
    asked = parser.parse_args()
    testnet = open_testnet(asked.directory)
    accounts = accounts_of(testnet, asked.accounts)
    journal = Journal(asked.journal)
    stop = threading.Event()
    payers: list[Payer] = []
    for number in range(THREADS):
        rng = random.Random(f"{asked.seed} {asked.journal.name} {number}")
        order = rng.sample(range(len(testnet.nodes)), len(testnet.nodes))
        network = testnet.network(*order)
        payers.append(
            Payer(network, accounts, journal, rng, asked.rate / THREADS, asked.lifetime, number == 0)
        )
    threads = [
        threading.Thread(target=_guarded, args=(payer, stop, journal), daemon=True) for payer in payers
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    left = list(itertools.chain.from_iterable(payer.open for payer in payers))
    print(f"{len(left)} without a definite outcome", flush=True)
    return 0


def _guarded(payer: Payer, stop: threading.Event, journal: Journal) -> None:
    try:
        payer.run(stop)
    except Exception as error:  # nothing may end a client but its own end
        journal.wrong(b"", f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    sys.exit(main())
