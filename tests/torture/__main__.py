"""`python -m tests.torture --minutes M [--seed S] [--json] …`: tortures a network of real processes.

Decides the order of things: a network, load, one fault after another until the time is over, then quiet and
the checks. Whatever it started is gone when it ends, also after Ctrl-C. The method is in docs/torture.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.machine import describe_machine
from client.testnet import Testnet
from client.testnet.wires import wire_up
from tests.torture import checks
from tests.torture.accounts import accounts_of, open_accounts
from tests.torture.cluster import CLOCKS, NODES, ROOT, Cluster, Disk, TortureFailed, make_network, put_on_disk
from tests.torture.faults import FAULT_OF, FAULTS, Fault
from tests.torture.report import Report
from tests.torture.run import Run
from tests.torture.watch import Watch

ACCOUNTS_EACH = 20
CLIENTS = 2
CALM_SECONDS = 1.5
CLIENTS_END_SECONDS_MAX = 400.0
MEMORY_MIB_MAX = 1024


class Torture:
    """One run, from nothing to a report."""

    def __init__(self, asked: argparse.Namespace, directory: Path) -> None:
        self._asked = asked
        self._directory = directory
        self._broken = threading.Event()
        self._began = time.monotonic()
        self.report = Report(asked.seed, 0.0, describe_machine(), "")

    def say(self, text: str) -> None:
        """Tells whoever waits, on standard error."""
        sys.stderr.write(f"{time.monotonic() - self._began:7.1f} s  {text}\n")
        sys.stderr.flush()

    def wrong(self, words: str) -> None:
        """A promise did not hold; from any thread."""
        self.report.wrong.append(words)
        self.say(f"WRONG: {words}")
        self._broken.set()

    def run(self) -> None:
        """Everything; what is found is in the report."""
        self.say(f"seed {self._asked.seed}, in {self._directory}")
        testnet = make_network(self._directory)
        disk_node = NODES - 1
        with ExitStack() as stack:
            disk = stack.enter_context(Disk(testnet.nodes[disk_node].directory / "disk"))
            self.report.disk = "a tmpfs" if disk.mounted else "a limit on the size of files (RLIMIT_FSIZE)"
            testnet, wires = wire_up(put_on_disk(testnet, disk, disk_node))
            self.report.names = [node.federation for node in testnet.nodes]
            stack.enter_context(wires)
            watch = Watch(testnet, self.wrong)
            cluster = Cluster(testnet, wires, watch, disk, disk_node)
            stack.callback(cluster.end)
            stack.enter_context(watch)
            cluster.launch(*range(NODES))
            testnet.wait_until_ready()
            setup = open_accounts(testnet, accounts_of(testnet, ACCOUNTS_EACH))
            self._torment(cluster, setup)
            self.report.lives = watch.lives
            self.report.starts = len(watch.lives)

    def _torment(self, cluster: Cluster, setup: list[bytes]) -> None:
        testnet, watch = cluster.testnet, cluster.watch
        run = Run(cluster, random.Random(self._asked.seed), self.say, self._broken)
        journals = [self._directory / f"client-{number}.jsonl" for number in range(CLIENTS)]
        with clients(testnet, journals, self._asked) as end_clients:
            began = time.monotonic()
            try:
                self._faults(run, began + self._asked.minutes * 60)
            except TortureFailed as failure:
                self.wrong(str(failure))
            self.report.minutes = (time.monotonic() - began) / 60
            self.report.rows = [run.rows[fault.name] for fault in FAULTS if fault.name in run.rows]
            if self._broken.is_set():
                return  # the logs are what is of use now
            self.say("no more faults; the clients ask for what they do not know yet")
            for line in end_clients():
                self.say(line)
        for node in range(NODES):
            run.in_step(node)
        self._check(cluster, journals, setup)
        if max((size for life in watch.lives for _, size in life.samples), default=0) >> 20 > MEMORY_MIB_MAX:
            self.wrong(f"a node took more than {MEMORY_MIB_MAX} MiB of memory")

    def _faults(self, run: Run, until: float) -> None:
        """One after the other, each kind as often as the others."""
        chosen: list[Fault] = [FAULT_OF[name] for name in self._asked.only] or list(FAULTS)
        deck: list[Fault] = []
        while time.monotonic() < until:
            deck = deck or run.rng.sample(chosen, len(chosen))
            fault = deck.pop()
            run.hold(CALM_SECONDS, goes_on=None)
            run.inject(fault.name, fault.what, fault.do)

    def _check(self, cluster: Cluster, journals: list[Path], setup: list[bytes]) -> None:
        testnet, report = cluster.testnet, self.report
        exports = self._directory / "exports"
        seen = dict(cluster.watch.state_roots)  # the nodes go on, with a block now and then
        self.say("exporting the history of each node")
        histories = checks.export_all(testnet, exports)
        history = max(histories, key=lambda each: len(each.blocks))
        report.heights, report.transactions = len(history.blocks), len(history.places)
        self._held("every export verifies (`ayni audit verify`)", checks.verify_exports, testnet, exports)
        self._held(
            "all four histories are one, nothing in it twice", checks.agreement, report.names, histories
        )
        self._held(
            "nothing that was ever said to be final is lost",
            checks.what_was_seen,
            seen,
            history,
        )
        self._held("no double vote: no node holds evidence", checks.no_evidence, testnet)
        before = len(report.wrong)
        report.told = checks.outcomes(journals, history, setup, self.wrong)
        report.checks["every outcome that a client was told is true"] = len(report.wrong) == before
        for node in range(NODES):
            cluster.stop(node)
        self._held("no node's log holds a crash, or an alarm that no fault explains", checks.logs, testnet)
        self._held("every node's doctor finds its database sound", checks.doctors, testnet)

    def _held(self, name: str, check: Callable[..., None], *arguments: object) -> None:
        before = len(self.report.wrong)
        check(*arguments, self.wrong)
        self.report.checks[name] = len(self.report.wrong) == before
        self.say(f"{name}: {'yes' if self.report.checks[name] else 'NO'}")


@contextmanager
def clients(
    testnet: Testnet, journals: list[Path], asked: argparse.Namespace
) -> Iterator[Callable[[], Iterator[str]]]:
    """The processes of the clients; what is yielded ends them in good order and says what they said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    options = [f"--accounts={ACCOUNTS_EACH}", f"--rate={asked.rate / len(journals)}"]
    options += [f"--lifetime={asked.lifetime_ms}", f"--seed={asked.seed}"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.torture.clients", str(testnet.directory), str(journal), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        for journal in journals
    ]

    def end() -> Iterator[str]:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for journal, process in zip(journals, processes, strict=True):
            code = process.wait(CLIENTS_END_SECONDS_MAX)
            said = process.stdout.read().strip() if process.stdout is not None else ""
            yield f"{journal.stem}: {said or f'ended with {code}'}"

    try:
        yield end
    finally:
        for process in processes:
            process.kill()
            process.wait()


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/torture", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="how long faults are injected for")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: a new one")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "--only", type=_names, default=[], metavar="FAULT,…", help=f"of {', '.join(FAULT_OF)}"
    )
    parser.add_argument("--rate", type=float, default=30.0, help="transactions a second; default 30")
    parser.add_argument("--lifetime-ms", type=int, default=60_000, help="of a transaction; default 60000")
    parser.add_argument("--keep", type=Path, help="an empty directory for everything, which then stays")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - set(FAULT_OF)):
        raise argparse.ArgumentTypeError(f"there is no fault named {', '.join(unknown)}")
    return names


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit code: 0 when everything held."""
    asked = parsed(arguments)
    # Nodes, and they alone, have a clock that can be shifted.
    os.environ["PYTHONPATH"] = str(CLOCKS)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell has background jobs ignore it
        signal.signal(number, _interrupt)
    directory = asked.keep or Path(tempfile.mkdtemp(prefix="ayni-torture-"))
    torture = Torture(asked, directory)
    try:
        torture.run()
    except KeyboardInterrupt:
        torture.say("interrupted")
        return 130
    finally:
        if asked.keep is None and not torture.report.wrong:
            shutil.rmtree(directory, ignore_errors=True)
    report = torture.report
    print(json.dumps(report.document()) if asked.json else report.text())
    if asked.json:
        sys.stderr.write(report.text() + "\n")
    if report.wrong:
        torture.say(f"what was left is in {directory}; again: ./scripts/torture --seed {asked.seed} …")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
