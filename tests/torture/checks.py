"""What must be true at the end: four histories that verify and are one, and every client was told the truth.

Decides by the exports, the nodes' lists of evidence and the clients' journals only. *final* is in the log,
where it was said to be; *expired* is not, nor what was refused for ever; *refused now* and *unknown* may be
either.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from audit.archive import write_export
from ayni.v1 import transaction_pb2
from ayni.v1.block_pb2 import BlockBody, CertifiedBlock, Header
from client.api import Client
from client.drafts import id_of
from client.testnet import Testnet
from tests.torture import journal
from tests.torture.cluster import ROOT

SHOWN_MAX = 5
ALARM = re.compile(r"\balarm\b.*\bcode=(\w+)")
ALARMS_EXPECTED = {"untimely_proposal", "voting_locked"}
WORDS_AMISS = (
    "Traceback",
    "Fatal Python error",
    "peer_fault",
    "peer_refused",
    "evidence",
    "[error",
    "never retrieved",
    "never awaited",
)

Wrong = Callable[[str], None]


class Place(NamedTuple):
    """Where a transaction is in the log."""

    height: int
    position: int


@dataclass
class History:
    """What one export holds."""

    blocks: list[bytes] = field(default_factory=list)
    """Header and body, by height from 1."""
    state_roots: dict[int, bytes] = field(default_factory=dict)
    places: dict[bytes, Place] = field(default_factory=dict)
    authors_nonces: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    twice: list[bytes] = field(default_factory=list)
    """Transactions that are in the log more than once."""

    def add(self, block: CertifiedBlock) -> None:
        """The next block."""
        header = Header.FromString(block.header)
        self.blocks.append(block.header + block.body)
        self.state_roots[header.height] = header.state_root
        for raw in BlockBody.FromString(block.body).transactions:
            tx_id = id_of(raw)
            if tx_id in self.places:
                self.twice.append(tx_id)
            self.places[tx_id] = Place(header.height, len(self.places))
            body = transaction_pb2.Body.FromString(transaction_pb2.SignedTransaction.FromString(raw).body)
            self.authors_nonces[body.author, body.nonce] += 1


def export_all(testnet: Testnet, directory: Path) -> list[History]:
    """Each node's export, written for the auditor, and what it holds."""
    histories = []
    for index, node in enumerate(testnet.nodes):
        history = History()

        def noted(blocks: Iterable[CertifiedBlock], history: History = history) -> Iterable[CertifiedBlock]:
            for block in blocks:
                history.add(block)
                yield block

        with Client(testnet.network(index)) as client:
            write_export(directory / node.federation, testnet.signed_genesis, noted(client.export()))
        histories.append(history)
    return histories


def verify_exports(testnet: Testnet, directory: Path, wrong: Wrong) -> None:
    """`ayni audit verify` of each."""
    for node in testnet.nodes:
        command = [sys.executable, "-m", "client.cli", "audit", "verify", str(directory / node.federation)]
        command += ["--genesis", testnet.genesis_hash.hex()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            wrong(f"the export of {node.federation} does not verify: {done.stdout}{done.stderr}")


def doctors(testnet: Testnet, wrong: Wrong) -> None:
    """The doctor of each node, which is stopped, finds nothing."""
    for node in testnet.nodes:
        command = [sys.executable, "-m", "node", "doctor", "--config", str(node.directory / "node.toml")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            wrong(f"the doctor of {node.federation} says {done.returncode}: {done.stdout}{done.stderr}")


def logs(testnet: Testnet, wrong: Wrong) -> None:
    """No node's log holds a traceback, a crash, an alarm that no fault explains, or a word against a peer."""
    for node in testnet.nodes:
        found = Counter[str]()
        shown: dict[str, str] = {}
        for line in node.process.log.read_text(errors="replace").splitlines():
            if kind := amiss(line):
                found[kind] += 1
                shown.setdefault(kind, line)
        for kind, times in sorted(found.items()):
            wrong(f"the log of {node.federation} says {times} times: {kind}. The first: {shown[kind]}")


def amiss(line: str) -> str:
    """What is wrong with a line of a node's log; empty when nothing is."""
    if alarm := ALARM.search(line):
        return "" if alarm[1] in ALARMS_EXPECTED else f"alarm {alarm[1]}"
    return next((word for word in WORDS_AMISS if word in line), "")


def agreement(names: Sequence[str], histories: Sequence[History], wrong: Wrong) -> None:
    """All hold the same blocks, and each transaction and nonce once."""
    first = histories[0]
    for name, history in zip(names, histories, strict=True):
        both = min(len(first.blocks), len(history.blocks))
        for height in range(1, both + 1):
            if first.blocks[height - 1] != history.blocks[height - 1]:
                wrong(f"{names[0]} and {name} hold different blocks at height {height}")
                break
        for tx_id in history.twice[:SHOWN_MAX]:
            wrong(f"{name} has transaction {tx_id.hex()} in its log twice")
        repeated = [key for key, count in history.authors_nonces.items() if count > 1]
        for author, nonce in repeated[:SHOWN_MAX]:
            wrong(f"{name} has the nonce {nonce.hex()} of {author} in its log more than once")


def what_was_seen(seen: Mapping[int, bytes], history: History, wrong: Wrong) -> None:
    """What any node ever said is final, still is."""
    for height, root in sorted(seen.items()):
        if height > len(history.blocks):
            wrong(f"height {height} was said to be final, and the history ends at {len(history.blocks)}")
            return
        if height and history.state_roots[height] != root:
            wrong(f"at height {height} the state root {root.hex()} was seen, and the history has another")
            return


def no_evidence(testnet: Testnet, wrong: Wrong) -> None:
    """No node has anything against anybody."""
    for index, node in enumerate(testnet.nodes):
        with Client(testnet.network(index)) as client:
            for each in client.evidence().evidence:
                wrong(f"{node.federation} holds evidence against member {each.first.member}: {each}")


@dataclass
class Told:
    """What the clients were told, counted."""

    sent: dict[str, int] = field(default_factory=dict)
    """By kind."""
    answers: dict[str, int] = field(default_factory=dict)
    """By outcome."""
    final: int = 0
    """Transactions that a client was told are final."""
    in_log_untold: int = 0
    """In the log though no client was told so: refused now, or unknown, when it was last heard of."""
    expired: int = 0
    undecided: int = 0
    """Transactions of which no client was told a definite outcome."""


def outcomes(journals: Iterable[Path], history: History, setup: Iterable[bytes], wrong: Wrong) -> Told:
    """Every outcome that a client was told, against the log."""
    told = Told()
    known: dict[str, set[str]] = {}
    lies: list[str] = []
    for path in journals:
        for line in journal.read(path):
            if line.what == "sent":
                told.sent[line.kind] = told.sent.get(line.kind, 0) + 1
                known.setdefault(line.id, set())
                continue
            if line.what == "wrong":
                lies.append(f"a client met {line.words} ({line.id})")
                continue
            place = history.places.get(bytes.fromhex(line.id))
            told.answers[line.what] = told.answers.get(line.what, 0) + 1
            known.setdefault(line.id, set()).add("never" if line.never else line.what)
            if lie := contradiction(line, place):
                lies.append(lie)
    for lie in lies[:SHOWN_MAX]:
        wrong(lie)
    if len(lies) > SHOWN_MAX:
        wrong(f"and {len(lies) - SHOWN_MAX} more such")
    unknown = set(history.places) - {bytes.fromhex(tx_id) for tx_id in known} - set(setup)
    for tx_id in sorted(unknown)[:SHOWN_MAX]:
        wrong(f"the log holds {tx_id.hex()}, which nobody has sent")
    told.final = sum("final" in whats for whats in known.values())
    told.expired = sum("expired" in whats for whats in known.values())
    told.in_log_untold = len(history.places) - len(set(setup)) - told.final
    told.undecided = sum(not whats & {"final", "expired", "never"} for whats in known.values())
    return told


def contradiction(line: journal.Line, place: Place | None) -> str:
    """What is untrue about an answer, given where the transaction is in the log; empty when it is true."""
    match line.what:
        case "final" if place is None:
            return (
                f"a client was told that {line.id} is final at height {line.height}; the log does not hold it"
            )
        case "final" if place != (line.height, line.position):
            return f"a client was told that {line.id} is final at {line.height}, and it is at {place}"
        case "expired" if place is not None:
            return f"a client was told that {line.id} has expired; it is in the log at {place}"
        case "refused" if line.never and place is not None:
            return f"a client was told that {line.id} is refused for ever ({line.code}); it is at {place}"
    return ""
