"""Runs the year: starts the nodes, hands in the transactions, stops a node, closes, exports, audits.

Decides the order of events and what is measured. What happens in a month is `ledger_year`'s; what a figure
means is `figures`' and `summary`'s. Leaves nothing running and nothing on the disk, unless told to.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc

from audit import verify_export
from audit.archive import write_export
from ayni.v1 import block_pb2, result_pb2, transaction_pb2
from client.api import Client
from client.demo.figures import Books, Year, differences
from client.demo.ledger_year import HOURS_CLASS, LedgerYear, Signed
from client.demo.scenario import FEDERATIONS, MONTHS, REAL, Totals, build_scenario
from client.demo.shares import build_shares
from client.demo.summary import Absence, Run
from client.errors import Refused, VerificationFailed
from client.flow import flow
from client.outcomes import Kind, Outcome
from client.testnet import Founding, NodeFailed, Testnet, create, write_keystore
from config import ConsensusSection, LogSection
from proofs.domains import tx_id

WINDOW = 64
SETUP_WINDOW = 16
"""So many on their way at once: what sets up the year has a hundred lines in a transaction."""
BATCH = 16
ABSENT = len(FEDERATIONS) - 1
"""Index of the node that is stopped for a while."""
ABSENT_FROM, ABSENT_UNTIL = 5, 7
TIMEOUT_MS = 1_000
CLOSE_ATTEMPTS_MAX = 50
CATCH_UP_SECONDS_MAX = 60.0
CATCH_UP_POLL_SECONDS = 0.2

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much is done, and how much there is."""


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    seed: int
    totals: Totals = REAL
    export: Path | None = None
    """Keep the history here."""
    keep: bool = False
    """Leave the network up."""


@dataclass
class _Measured:
    """What is gathered along the way."""

    results: dict[bytes, result_pb2.Result] = field(default_factory=dict)
    """By transaction id, as the nodes gave them with the final outcome."""
    latencies_ms: list[float] = field(default_factory=list)
    first_sent: float = 0.0
    last_final: float = 0.0


def run_demo(options: Options, progress: Progress) -> tuple[Run, Testnet]:
    """Runs the whole year; what was measured, and the network (stopped, unless `keep`).

    Raises ClientError when a node does not start or a transaction does not become final.
    """
    directory = Path(tempfile.mkdtemp(prefix="ayni-demo-"))
    testnet: Testnet | None = None
    done = False
    try:
        progress("making the network", 0, 1)
        testnet = create(
            directory,
            Founding("demo", FEDERATIONS),
            close_periods=False,
            consensus=ConsensusSection(timeout_ms=TIMEOUT_MS),
            log=LogSection(level="warning"),
        )
        run = _Demo(options, testnet, progress).run()
        done = True
        return run, testnet
    finally:
        if testnet is not None and not (done and options.keep):
            testnet.stop()
        if not (done and options.keep):
            shutil.rmtree(directory, ignore_errors=True)


class _Demo:
    """One run."""

    def __init__(self, options: Options, testnet: Testnet, progress: Progress) -> None:
        self._options = options
        self._testnet = testnet
        self._progress = progress
        self._measured = _Measured()
        scenario = build_scenario(options.seed, options.totals)
        shares = build_shares(options.seed, scenario.offices)
        self._year = LedgerYear(scenario, shares, testnet.founders, testnet.genesis_hash)
        self._expected = (
            sum(len(month.redemptions) + len(month.records) + 1 for month in scenario.months)
            + len(scenario.offices) * 4
        )
        self._done = 0
        self._absence: Absence | None = None
        self._left_at = 0
        self._refusal = ""
        self._catching_up: _CatchUp | None = None

    def run(self) -> Run:
        """The year, then what was measured."""
        self._progress("starting four nodes", 0, 1)
        self._testnet.start(outlive=self._options.keep)
        # The node that will be stopped is asked last, so that nobody has to fail over from it.
        with Client(self._testnet.network()) as client:
            for phase in (self._year.decisions(), self._year.foundations(), self._year.openings()):
                self._send(client, phase, "bringing over what was there before", SETUP_WINDOW)
            for month in range(1, MONTHS + 1):
                self._month(client, month)
            self._has_caught_up()
            return self._read(client)

    def _month(self, client: Client, month: int) -> None:
        if month == ABSENT_FROM:
            self._leave()
        self._send(client, self._year.month(month), f"month {month} of {MONTHS}")
        self._expect_refusal(client, month)
        self._close(client, month)
        if month == ABSENT_UNTIL:
            self._return(client, month)

    def _send(self, client: Client, transactions: Iterable[Signed], what: str, window: int = WINDOW) -> None:
        """Hands in, waits for all, measures each. Raises ClientError for one that is not final."""
        for outcome, latency_ms in _timed(client, transactions, window):
            if outcome.kind is not Kind.FINAL:
                raise outcome.error() or VerificationFailed("An outcome is neither.", "A bug.", "Report it.")
            self._measured.latencies_ms.append(latency_ms)
            if not self._measured.first_sent:
                self._measured.first_sent = time.monotonic() - latency_ms / 1000
            self._measured.last_final = time.monotonic()
            if outcome.result is not None:
                self._measured.results[outcome.tx_id] = outcome.result
            self._done += 1
            if self._done % 32 == 0:
                self._progress(what, self._done, self._expected)
        self._progress(what, self._done, self._expected)

    def _close(self, client: Client, period: int) -> None:
        """Closes the period, once the voted minimum of block time is over.

        The same bytes each time: a close that was refused as too early may still be included later.
        """
        close = self._year.close(period)
        for _ in range(CLOSE_ATTEMPTS_MAX):
            try:
                self._send(client, [close], f"closing period {period}")
                return
            except Refused as refused:
                if "PERIOD_TOO_EARLY" not in refused.what:
                    raise
                time.sleep(0.1)
        raise Refused(
            f"Period {period} cannot be closed.",
            "The ledger says again and again that it is too early.",
            "Report this: block time does not advance.",
        )

    def _expect_refusal(self, client: Client, month: int) -> None:
        """The issuer in arrears tries to issue, and is refused."""
        signed = self._year.refused_issue(month)
        if signed is None:
            return
        [outcome] = client.submit([signed.raw], want_receipts=False)
        if outcome.kind is not Kind.REFUSED or outcome.refusal is None:
            raise VerificationFailed(
                "An issuer with arrears older than one settlement issued.",
                f"The outcome is {outcome.kind}, and rule E2 refuses it.",
                "Report this.",
            )
        self._refusal = f"{outcome.refusal_name}: {outcome.refusal.message}"

    def _leave(self) -> None:
        self._left_at = self._testnet.status(ABSENT).at.height
        self._testnet.stop(ABSENT)

    def _return(self, client: Client, month: int) -> None:
        """Starts the absent node again; the year goes on while it catches up."""
        height = client.status().at.height
        self._testnet.nodes[ABSENT].process.start(outlive=self._options.keep)
        self._catching_up = _CatchUp(self._testnet, height)
        self._absence = Absence(FEDERATIONS[ABSENT], ABSENT_FROM, month, height - self._left_at, 0)

    def _has_caught_up(self) -> None:
        """Waits until the absent node has what the others had when it was started again."""
        if self._catching_up is not None and self._absence is not None:
            self._progress("the absent node catches up", self._done, self._expected)
            self._absence = replace(self._absence, catch_up_ms=self._catching_up.milliseconds())

    def _read(self, client: Client) -> Run:
        """Everything that the summary says, from the history and from the ledger's records."""
        year = Year(HOURS_CLASS)
        target = self._options.export or self._testnet.directory / "export"
        self._progress("exporting the history", 0, 1)
        manifest = write_export(target, self._testnet.signed_genesis, self._counted(client, year))
        books = Books.of(client.classes(), client.members())
        settlements = list(client.settlements().settlements)
        if self._options.keep:
            write_keystore(self._testnet, self._year.seeds())
        else:
            self._testnet.stop()
        began = time.monotonic()
        report = verify_export(
            target,
            self._testnet.genesis_hash,
            lambda done, total: self._progress("verifying the history", done, total),
        )
        return Run(
            seed=self._options.seed,
            totals=self._options.totals,
            units=client.units,
            genesis_hash=self._testnet.genesis_hash,
            year=year,
            books=books,
            settlements=settlements,
            blocks=int(manifest["blocks"]),
            seconds=self._measured.last_final - self._measured.first_sent,
            latencies_ms=self._measured.latencies_ms,
            differences=differences(year, books),
            findings=[str(finding) for finding in report.findings],
            absence=self._absence,
            refusal=self._refusal,
            audit_seconds=time.monotonic() - began,
            export=str(self._options.export or ""),
        )

    def _counted(self, client: Client, year: Year) -> Iterator[block_pb2.CertifiedBlock]:
        """The history, counted as it passes."""
        for block in client.export():
            for raw in block_pb2.BlockBody.FromString(block.body).transactions:
                signed = transaction_pb2.SignedTransaction.FromString(raw)
                body = transaction_pb2.Body.FromString(signed.body)
                result = self._measured.results.get(tx_id(signed.body))
                if result is None:
                    result = result_pb2.Result.FromString(client.transaction(tx_id(signed.body)).result)
                year.add(body, result)
            yield block


class _CatchUp:
    """Watches a node that was started again, on a thread, until it has reached a height."""

    def __init__(self, testnet: Testnet, height: int) -> None:
        self._testnet = testnet
        self._height = height
        self._began = time.monotonic()
        self._taken_ms: int | None = None
        self._thread = threading.Thread(target=self._watch, name="catch-up", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while time.monotonic() - self._began < CATCH_UP_SECONDS_MAX:
            with contextlib.suppress(grpc.RpcError):
                if self._testnet.status(ABSENT).at.height >= self._height:
                    self._taken_ms = int((time.monotonic() - self._began) * 1000)
                    return
            time.sleep(CATCH_UP_POLL_SECONDS)

    def milliseconds(self) -> int:
        """How long it took, start of the process included. Raises NodeFailed when it has not caught up."""
        self._thread.join()
        if self._taken_ms is None:
            node = self._testnet.nodes[ABSENT]
            raise NodeFailed(
                f"The node of {node.federation} has not caught up within {CATCH_UP_SECONDS_MAX:.0f} s.",
                f"Its last words: {node.process.last_words()}",
                f"Its log is {node.process.log}.",
            )
        return self._taken_ms


def _timed(client: Client, transactions: Iterable[Signed], window: int) -> Iterator[tuple[Outcome, float]]:
    """Each outcome, with the milliseconds from handing in to it."""
    sent: dict[bytes, float] = {}

    def source() -> Iterator[bytes]:
        for signed in transactions:
            sent[signed.tx_id] = time.monotonic()
            yield signed.raw

    for outcome in flow(client, source(), window=window, batch=BATCH):
        yield outcome, (time.monotonic() - sent[outcome.tx_id]) * 1000
