"""`ayni evidence`: what proves that a validator signed what no honest one signs.

Decides how evidence is listed and written to files. Every node of the network is asked, because each has
what it met with itself; each piece is verified here before it is shown. What counts as evidence is
proofs/evidence.py (docs/protocol.md, C8).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ayni.v1 import block_pb2, genesis_pb2
from client.cli.options import output_directory, shared_options
from client.context import Context
from client.errors import VerificationFailed
from client.files import write_file
from client.output import print_table

if TYPE_CHECKING:
    from rich.console import Console

_KINDS: dict[int, str] = {
    block_pb2.VOTE_KIND_NOTARIZE: "notarize",
    block_pb2.VOTE_KIND_NULLIFY: "nullify",
    block_pb2.VOTE_KIND_FINALIZE: "finalize",
}


class Guilt(NamedTuple):
    """One piece of evidence, verified."""

    evidence: block_pb2.Evidence
    member: int
    federation: str

    @property
    def file_name(self) -> str:
        """ "emilia-epoch-0-view-42.evidence"."""
        vote = self.evidence.first
        return f"{self.federation}-epoch-{vote.epoch}-view-{vote.view}.evidence"

    @property
    def votes(self) -> str:
        """What was signed twice, in words: "notarize and notarize"."""
        return f"{_KINDS[self.evidence.first.kind]} and {_KINDS[self.evidence.second.kind]}"


@click.group("evidence")
def command() -> None:
    """Proof that a validator signed what no honest one signs."""


@command.command("list")
@shared_options
def list_command(context: Context) -> None:
    """List what the nodes have, each verified."""
    found, asked = _verified(context)

    def render(target: Console) -> None:
        _print_silent(target, context, asked)
        if not found:
            target.print("no evidence against anybody")
            return
        rows = [(one.federation, str(one.evidence.first.view), one.votes) for one in found]
        print_table(target, ("validator", "view", "signed both"), rows, right=("view",))
        target.print("write it to files with `ayni evidence export -o DIR`")

    document = {"evidence": [_guilt_json(one) for one in found], "nodes": asked}
    context.output.result("evidence", document, render)


@command.command("export")
@output_directory("Directory; one file for each.")
@shared_options
def export_command(context: Context, directory: Path) -> None:
    """Write each to a file that anybody can verify."""
    found, asked = _verified(context)
    names: dict[str, int] = {}
    written: list[str] = []
    for one in found:
        number = names[one.file_name] = names.get(one.file_name, 0) + 1
        name = (
            one.file_name if number == 1 else f"{one.file_name.removesuffix('.evidence')}-{number}.evidence"
        )
        path = directory / name
        write_file(path, one.evidence.SerializeToString(deterministic=True))
        written.append(str(path))

    def render(target: Console) -> None:
        _print_silent(target, context, asked)
        if not written:
            target.print("no evidence against anybody; nothing written")
            return
        for path in written:
            target.print(path, soft_wrap=True)
        target.print(
            f"verify them: ayni audit evidence FILE --genesis {context.network.name}", soft_wrap=True
        )

    context.output.result("evidence-files", {"files": written, "nodes": asked}, render)


def _verified(context: Context) -> tuple[list[Guilt], list[str]]:
    """The nodes' evidence, verified, each once, and the nodes that answered. Raises VerificationFailed."""
    from proofs.evidence import EvidenceInvalid, verify_evidence
    from proofs.membership import membership_of

    membership = membership_of(genesis_pb2.SignedGenesis.FromString(context.network.signed_genesis))
    found: dict[bytes, Guilt] = {}
    asked: list[str] = []
    for node, shown in context.client.evidence_of_each():
        asked.append(node)
        for one in shown:
            try:
                member = verify_evidence(one, membership)
            except EvidenceInvalid as error:
                raise VerificationFailed(
                    f"What the node {node} shows as evidence proves nothing.",
                    f"{error}.",
                    "Ask the others: name them with --node.",
                ) from error
            guilt = Guilt(one, member, membership.members[member].name)
            found.setdefault(one.SerializeToString(deterministic=True), guilt)
    ordered = sorted(found.values(), key=lambda one: (one.member, one.evidence.first.view, one.votes))
    return ordered, asked


def _print_silent(target: Console, context: Context, asked: list[str]) -> None:
    silent = [node.address for node in context.network.nodes if node.address not in asked]
    if silent:
        target.print(f"did not answer: {', '.join(silent)}; they may have more", soft_wrap=True)


def _guilt_json(one: Guilt) -> dict[str, Any]:
    return {
        "federation": one.federation,
        "member": one.member,
        "epoch": one.evidence.first.epoch,
        "view": one.evidence.first.view,
        "votes": [_KINDS[vote.kind] for vote in (one.evidence.first, one.evidence.second)],
    }
