"""`ayni decision`: what a quorum of federations decides: drafted, signed by several, sent by one.

Decides how a draft becomes a decision: one federation drafts a file, several sign it, each on its own
machine, and any of them submits it. What may be decided is the ledger's (docs/protocol.md, M2 to M8).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.cli.decision_drafts import draft_group
from client.cli.decision_files import missing_signers, read_decision, show_draft
from client.cli.options import FILE, shared_options
from client.cli.writing import Writing
from client.context import Context
from client.documents import is_file
from client.draftfiles import write_draft
from client.errors import KeyProblem
from client.output import duration_ms

if TYPE_CHECKING:
    from rich.console import Console


@click.group("decision")
def command() -> None:
    """What a quorum of federations decides."""


@command.command("sign")
@click.argument("path", metavar="FILE", type=FILE)
@click.option("-o", "--output", "target", type=FILE, default=None, help="Default: the same file.")
@shared_options
def sign_command(context: Context, path: Path, target: Path | None) -> None:
    """Sign a draft with the decision keys that are here.

    It needs no node, and shows what is signed. Pass the file on until a quorum of federations has signed.
    """
    draft = read_decision(context, path)
    signed, missing = Writing(context).sign(draft)
    if signed.signatures == draft.signatures and missing:
        here = context.keystore.public_keys().values()
        has_signed = any(key in here for key, _ in draft.signatures)
        raise KeyProblem(
            f"The keys here have signed {path} already." if has_signed else f"No key here can sign {path}.",
            f"Who must sign still: {', '.join(missing)}.",
            "Pass it on to one of them, or use another keystore with --keystore.",
        )
    if signed.signatures == draft.signatures:
        context.output.notice("it was complete already: no signature was added, and a surplus one is refused")
    write_draft(target or path, signed, context.network.name, context.network.genesis_hash)
    show_draft(context, signed, target or path, missing)


@command.command("submit")
@click.argument("path", metavar="FILE", type=FILE)
@click.option(
    "--wait", "wait_text", default="30s", show_default=True, help="How long to wait for the outcome."
)
@shared_options
def submit_command(context: Context, path: Path, wait_text: str) -> None:
    """Send a decision that a quorum has signed."""
    wait_ms = duration_ms(wait_text)
    draft = read_decision(context, path)
    missing = missing_signers(context, draft)
    if missing:
        raise KeyProblem(
            f"The decision in {path} lacks signatures: {', '.join(missing)}.",
            "A decision needs a quorum of federations; nothing was sent.",
            "Have it signed with `ayni decision sign FILE`, then submit it again.",
        )
    Writing(context, wait_ms=wait_ms).send_signed(draft)
    if not context.as_json:
        context.output.notice(f"see `ayni decision show {draft.tx_id.hex()[:16]}`")


@command.command("show")
@click.argument("name", metavar="FILE|ID")
@shared_options
def show_command(context: Context, name: str) -> None:
    """Show a draft, or a decision and its effect."""
    from client.views.common import print_read_at, read_at_json
    from client.views.decisions import print_record, record_json

    if is_file(name):
        draft = read_decision(context, Path(name))
        show_draft(context, draft, Path(name), missing_signers(context, draft))
        return
    tx_id = context.outbox.find(name)
    found = context.client.decision(tx_id)

    def render(target: Console) -> None:
        target.print(f"decision {tx_id.hex()}", soft_wrap=True)
        print_record(target, found.record, context.units)
        print_read_at(target, found.at)

    context.output.result(
        "decision",
        {
            "tx_id": tx_id.hex(),
            **record_json(found.record, context.units),
            "read_at": read_at_json(found.at),
        },
        render,
    )


command.add_command(draft_group)
