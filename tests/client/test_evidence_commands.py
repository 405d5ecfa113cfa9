"""`ayni evidence`: what a node shows is verified before it is believed, and written for others to verify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from ayni.v1 import block_pb2, ledger_service_pb2
from client.files import write_atomically
from client.networks import Networks, save_networks
from proofs.domains import vote_message
from proofs.evidence import make_evidence
from tests.client.conftest import Ayni, three_lines
from tests.client.fakes import FakeNode, seeded


@dataclass
class Witness(FakeNode):
    """A node that has evidence."""

    evidence: list[block_pb2.Evidence] = field(default_factory=list)

    def ListEvidence(self, request: Any, context: grpc.ServicerContext) -> Any:
        return ledger_service_pb2.ListEvidenceResponse(evidence=self.evidence)

    def twice(self, view: int, other: bytes = b"b") -> block_pb2.Evidence:
        """Lazio notarized two blocks in one view."""
        votes = []
        for digest in (b"a" * 32, other * 32):
            kind = block_pb2.VOTE_KIND_NOTARIZE
            message = vote_message(self.genesis_hash, 0, view, kind, digest)
            signature = seeded("lazio consensus").sign(message)
            votes.append(block_pb2.Vote(view=view, kind=kind, digest=digest, member=1, signature=signature))
        return make_evidence(self.genesis_hash, *votes)


@pytest.fixture
def node() -> Iterator[Witness]:
    fake = Witness()
    yield fake
    fake.stop()


def test_evidence_is_listed_with_who_and_where(ayni: Ayni, node: Witness) -> None:
    node.evidence = [node.twice(7)]
    assert ayni("evidence", "list").out.splitlines() == [
        "validator  view  signed both",
        "lazio         7  notarize and notarize",
        "write it to files with `ayni evidence export -o DIR`",
    ]
    assert json.loads(ayni("evidence", "list", "--json").out)["evidence"] == [
        {"federation": "lazio", "member": 1, "epoch": 0, "view": 7, "votes": ["notarize", "notarize"]}
    ]


def test_evidence_is_written_to_files_that_the_auditor_verifies(
    ayni: Ayni, node: Witness, tmp_path: Path
) -> None:
    node.evidence = [node.twice(7), node.twice(8), node.twice(7, b"c")]
    directory = tmp_path / "evidence"
    written = json.loads(ayni("evidence", "export", "-o", directory, "--json").out)["files"]
    assert [Path(name).name for name in written] == [
        "lazio-epoch-0-view-7.evidence",
        "lazio-epoch-0-view-7-2.evidence",
        "lazio-epoch-0-view-8.evidence",
    ]
    genesis = tmp_path / "genesis.bin"
    write_atomically(genesis, node.genesis.SerializeToString(deterministic=True))
    for name in written:
        verified = ayni("audit", "evidence", name, "--genesis", genesis)
        assert verified.out.splitlines()[0] == (
            f"{name} proves that lazio (member 1) signed notarize and notarize in view "
            f"{7 if 'view-7' in name else 8}"
        )


def test_what_proves_nothing_is_not_shown_as_evidence(ayni: Ayni, node: Witness) -> None:
    false = node.twice(7)
    false.second.signature = bytes(64)
    node.evidence = [false]
    result = ayni("evidence", "list")
    assert (result.code, result.out) == (4, "")
    lines = three_lines(result.err)
    shown = f"127.0.0.1:{node.port} shows as evidence proves nothing."
    assert lines[0] == f"ayni: What the node {shown}"
    assert lines[1].startswith("  why:  second: ")
    assert lines[2] == "  next: Ask the others: name them with --node."


def test_every_node_is_asked_and_who_did_not_answer_is_named(ayni: Ayni, node: Witness, home: Path) -> None:
    """Each node has what it met with itself; what two have is shown once."""
    other, gone = Witness(), Witness()
    gone.stop()
    node.evidence = [node.twice(7), node.twice(9)]
    other.evidence = [other.twice(7), other.twice(8)]
    save_networks(home, Networks({"valley": node.network(gone, other)}, "valley"))
    try:
        listed = ayni("evidence", "list")
        document = json.loads(ayni("evidence", "list", "--json").out)
    finally:
        other.stop()
    assert listed.out.splitlines()[0] == f"did not answer: 127.0.0.1:{gone.port}; they may have more"
    assert [line.split()[1] for line in listed.out.splitlines()[2:5]] == ["7", "8", "9"]
    assert [one["view"] for one in document["evidence"]] == [7, 8, 9]
    assert document["nodes"] == [f"127.0.0.1:{one.port}" for one in (node, other)]
