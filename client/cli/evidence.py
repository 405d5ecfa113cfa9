"""`ayni evidence`: what proves that a validator signed what no honest one signs.

Decides how evidence is listed and written to files. Each one is verified here before it is shown; what
counts as evidence is proofs/evidence.py (docs/protocol.md, C8).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ayni.v1 import block_pb2, genesis_pb2
from client.cli.arguments import write_file
from client.cli.options import shared_options
from client.context import Context
from client.errors import VerificationFailed
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
    """List what the node has, each verified."""
    found = _verified(context)

    def render(target: Console) -> None:
        if not found:
            target.print("no evidence against anybody")
            return
        rows = [(one.federation, str(one.evidence.first.view), one.votes) for one in found]
        print_table(target, ("validator", "view", "signed both"), rows, right=("view",))
        target.print("write it to files with `ayni evidence export -o DIR`")

    context.output.result("evidence", {"evidence": [_guilt_json(one) for one in found]}, render)


@command.command("export")
@click.option(
    "-o",
    "--output",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Directory; one file for each.",
)
@shared_options
def export_command(context: Context, directory: Path) -> None:
    """Write each to a file that anybody can verify."""
    found = _verified(context)
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
        if not written:
            target.print("no evidence against anybody; nothing written")
            return
        for path in written:
            target.print(path, soft_wrap=True)
        target.print(
            f"verify them: ayni audit evidence FILE --genesis {context.network.name}", soft_wrap=True
        )

    context.output.result("evidence-files", {"files": written}, render)


def _verified(context: Context) -> list[Guilt]:
    """The node's evidence, verified. Raises VerificationFailed."""
    from proofs.evidence import EvidenceInvalid, verify_evidence
    from proofs.membership import membership_of

    membership = membership_of(genesis_pb2.SignedGenesis.FromString(context.network.signed_genesis))
    found: list[Guilt] = []
    for one in context.client.evidence().evidence:
        try:
            member = verify_evidence(one, membership)
        except EvidenceInvalid as error:
            raise VerificationFailed(
                "What the node shows as evidence proves nothing.",
                f"{error}.",
                "Ask another node with --node.",
            ) from error
        found.append(Guilt(one, member, membership.members[member].name))
    return found


def _guilt_json(one: Guilt) -> dict[str, Any]:
    return {
        "federation": one.federation,
        "member": one.member,
        "epoch": one.evidence.first.epoch,
        "view": one.evidence.first.view,
        "votes": [_KINDS[vote.kind] for vote in (one.evidence.first, one.evidence.second)],
    }
