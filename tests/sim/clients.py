"""Co-ops at work: they submit, retry the same bytes elsewhere, read, and remember what they were told.

At the end everything that any node ever told them must be true of the final log.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from ayni.v1 import ledger_service_pb2 as pb
from ledger.rule import ParsedTransaction
from proofs.receipts import verify_receipt
from tests.sim.clock import rest
from tests.sim.cluster import CallFailed, Cluster, Host
from tests.sim.truth import Truth, Violation
from tests.sim.workload import Workload

CALL_SECONDS = 4.0
PAUSE_SECONDS_MAX = 20.0
"""Between what one client does and what it does next: shorter than the time that a network has to settle."""
REVERSIBLE = ("transfer", "issue_entitlements", "record_service", "redeem_entitlements")


@dataclass
class Told:
    """One thing that a node said of one transaction."""

    host: str
    kind: int
    height: int
    log_index: int
    result: bytes
    truth_ms: int
    """Time of the last final block anywhere, when the client heard it."""


@dataclass
class Attempt:
    """One transaction that somebody wanted."""

    raw: bytes
    tx_id: bytes
    kind: str
    expires_at_ms: int
    is_sound: bool
    """Form and signatures are right."""
    told: list[Told] = field(default_factory=list)
    sent_to: set[int] = field(default_factory=set)


@dataclass
class Read:
    """What a node said of an account."""

    host: str
    account: str
    unit: str
    height: int
    balance: int


class Clients:
    """Everybody who uses the network, and the oracle of what they heard."""

    def __init__(self, cluster: Cluster, truth: Truth, workload: Workload, chance: random.Random) -> None:
        self.cluster = cluster
        self.truth = truth
        self.workload = workload
        self.attempts: list[Attempt] = []
        self.reads: list[Read] = []
        self.outcomes: Counter[str] = Counter()
        self.is_working = True
        self._chance = chance
        self._shown: dict[int, int] = {}
        """Host to the highest height that it showed to anybody, over all its lives."""

    async def work(self, pause_ms: int) -> None:
        """One client, until told to stop."""
        while self.is_working:
            wanted = [each for _ in range(self._chance.randrange(1, 4)) for each in self._wanted()]
            self.attempts += wanted
            if self._chance.random() < 0.8:
                await self.pursue(wanted, self._chance.randrange(1, 4))
            else:  # each by itself, so that they meet other nodes
                for attempt in wanted:
                    await self.pursue([attempt], self._chance.randrange(1, 3))
            if self._chance.random() < 0.5:
                await self._read()
            await rest(min(self._chance.expovariate(1000 / pause_ms), PAUSE_SECONDS_MAX))

    async def pursue(self, attempts: list[Attempt], tries: int) -> None:
        """Sends the same bytes to one node after another, until the answer is final or patience ends."""
        for _ in range(tries):
            host = self._chance.choice(self.cluster.hosts)
            wait_ms = self._chance.choice([0, 100, 300, 1_500])
            outcomes = await self._submit(host, attempts, wait_ms)
            done = (pb.OUTCOME_KIND_FINAL, pb.OUTCOME_KIND_EXPIRED)
            is_done = bool(outcomes) and all(outcome.kind in done for outcome in outcomes)
            if is_done and self._chance.random() < 0.8:
                return
            await rest(self._chance.uniform(0.02, 0.4))

    async def _submit(self, host: Host, attempts: list[Attempt], wait_ms: int) -> list[pb.Outcome]:
        request = self.cluster.submit([attempt.raw for attempt in attempts], wait_ms)
        request.want_receipts = self._chance.random() < 0.2
        for attempt in attempts:
            attempt.sent_to.add(host.index)
        try:
            response: pb.SubmitResponse = await self.cluster.call(host, "Submit", request, CALL_SECONDS)
        except (CallFailed, TimeoutError) as error:
            self.outcomes[error.code if isinstance(error, CallFailed) else "no answer"] += 1
            return []
        for attempt, outcome in zip(attempts, response.outcomes, strict=True):
            self._heard(host, attempt, outcome)
        return list(response.outcomes)

    def _heard(self, host: Host, attempt: Attempt, outcome: pb.Outcome) -> None:
        self.outcomes[pb.OutcomeKind.Name(outcome.kind).removeprefix("OUTCOME_KIND_").lower()] += 1
        if host.is_byzantine:
            return  # its word is worth nothing; its receipts are worth what they prove
        attempt.told.append(
            Told(host.name, outcome.kind, outcome.height, outcome.log_index, outcome.result,
                 self.truth.times_ms[self.truth.height])
        )  # fmt: skip
        self._show(host, outcome.height)
        if outcome.HasField("receipt"):
            proven = verify_receipt(outcome.receipt, self.cluster.founded.founding.hash)
            if proven.tx_id != attempt.tx_id:
                raise Violation(f"{host.name} gave the receipt of another transaction")

    async def _read(self) -> None:
        host = self._chance.choice(self.cluster.hosts)
        account = self._chance.choice([*self.cluster.founded.cast.everyone, "pool"])
        request = pb.GetAccountRequest(account=account)
        shown = self._shown.get(host.index, 0)
        try:
            answer: pb.GetAccountResponse = await self.cluster.call(host, "GetAccount", request, CALL_SECONDS)
        except (CallFailed, TimeoutError):
            return
        if not host.is_honest:
            return
        self.outcomes["read"] += 1
        if answer.at.height < shown:
            raise Violation(f"{host.name} showed height {shown}, and later {answer.at.height}")
        self._show(host, answer.at.height)
        for entry in answer.balances:
            balance = entry.record.balance
            self.reads.append(Read(host.name, account, entry.unit, answer.at.height, balance))

    def _show(self, host: Host, height: int) -> None:
        self._shown[host.index] = max(self._shown.get(host.index, 0), height)

    def _wanted(self) -> list[Attempt]:
        """What somebody wants next: something right, or wrong on purpose, or two that exclude each other."""
        chance = self._chance
        tx = self.workload.any()
        if tx.kind in REVERSIBLE:
            self.workload.reversible = [*self.workload.reversible[-20:], tx]
        luck = chance.random()
        if luck < 0.04:
            return [self._broken(tx)]
        if luck < 0.08:
            return [_attempt(tx), _attempt(self.workload.twin_of(tx))]
        if luck < 0.14 and self.attempts:
            old = chance.choice(self.attempts)
            return [Attempt(old.raw, old.tx_id, old.kind, old.expires_at_ms, old.is_sound)]
        return [_attempt(tx)]

    def _broken(self, tx: ParsedTransaction) -> Attempt:
        raw = bytearray(tx.raw)
        raw[-1 - self._chance.randrange(60)] ^= 1 << self._chance.randrange(8)
        return Attempt(bytes(raw), tx.tx_id, tx.kind, tx.expires_at_ms, is_sound=False)

    # --- at the end -------------------------------------------------------------------------------------

    def check(self) -> None:
        """Everything that was told is true. Raises Violation."""
        for attempt in self.attempts:
            for told in attempt.told:
                self._check_told(attempt, told)
        for read in self.reads:
            implied = self.truth.balance_at(read.account, read.unit, read.height)
            if implied != read.balance:
                raise Violation(
                    f"{read.host} showed {read.account} {read.unit} at height {read.height} with "
                    f"{read.balance}; the final log implies {implied}"
                )

    def _check_told(self, attempt: Attempt, told: Told) -> None:
        name = f"{attempt.kind} {attempt.tx_id.hex()[:8]}"
        logged = self.truth.results.get(attempt.tx_id)
        match told.kind:
            case pb.OUTCOME_KIND_FINAL:
                if logged != (told.height, told.log_index, told.result):
                    raise Violation(f"{told.host} said {name} is final at {told.height}: {logged}")
            case pb.OUTCOME_KIND_EXPIRED:
                if logged is not None:
                    raise Violation(f"{told.host} said {name} expired; it is final at {logged[0]}")
                if told.truth_ms <= attempt.expires_at_ms:
                    raise Violation(f"{told.host} said {name} expired, before any final block was past it")
            case pb.OUTCOME_KIND_UNKNOWN | pb.OUTCOME_KIND_REFUSED:
                return
            case _:
                raise Violation(f"{told.host} said {told.kind} of {name}")


def _attempt(tx: ParsedTransaction) -> Attempt:
    return Attempt(tx.raw, tx.tx_id, tx.kind, tx.expires_at_ms, is_sound=True)
