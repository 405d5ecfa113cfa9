"""A decision as a file: read and checked, and shown: what it decides, who signed, who must still.

Decides what is said of a draft. Never asks a node. The file's form, and that no signature in it is false, is
client/draftfiles.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from client.cli.writing import tell_expired
from client.context import Context
from client.draftfiles import read_draft
from client.drafts import Draft
from client.errors import UsageProblem
from client.output import time_json, time_text
from client.signers import plan
from client.views.decisions import decision_json, decision_lines

if TYPE_CHECKING:
    from rich.console import Console


def read_decision(context: Context, path: Path) -> Draft:
    """The decision in a file. Raises UsageProblem: it is none; VerificationFailed: a signature is false."""
    draft = read_draft(path, context.network.genesis_hash)
    if draft.kind != "decision":
        raise UsageProblem(
            f"{path} is no decision.",
            f"It is a transaction of type {draft.kind.replace('_', ' ')}.",
            "Use `ayni tx sign` and `ayni tx submit` for it.",
        )
    return draft


def _signed_by(context: Context, draft: Draft) -> list[str]:
    """The federations of which a decision key signed."""
    signed = {public_key for public_key, _ in draft.signatures}
    return [one.name for one in context.genesis.federations if signed & set(one.decision_keys.public_keys)]


def missing_signers(context: Context, draft: Draft) -> tuple[str, ...]:
    """Who must sign still, were no key here."""

    def no_account(name: str) -> Any:
        raise UsageProblem(
            f"{name} cannot decide.", "Only federations do.", "Draft it in a federation's name."
        )

    return plan(draft, context.genesis, no_account, []).missing


def show_draft(context: Context, draft: Draft, path: Path, missing: tuple[str, ...]) -> None:
    """A draft: what it decides, who signed, who must still."""
    body = draft.parsed()
    signed = _signed_by(context, draft)

    def render(target: Console) -> None:
        target.print(f"decision {draft.tx_id.hex()}, proposed by {body.author}", soft_wrap=True)
        for line in decision_lines(body.decision, context.units):
            target.print(line, soft_wrap=True)
        target.print(f"  expires {time_text(body.expires_at_ms)}")
        target.print(f"signed by: {', '.join(signed) or 'nobody yet'}")
        target.print(f"must sign still: {', '.join(missing) or 'nobody; submit it'}", soft_wrap=True)
        target.print(f"file: {path}", soft_wrap=True)

    document = {
        "tx_id": draft.tx_id.hex(),
        "author": body.author,
        **decision_json(body.decision, context.units),
        "expires_at": time_json(body.expires_at_ms),
        "signed_by": signed,
        "missing": list(missing),
        "file": str(path),
    }
    context.output.result("decision-draft", document, render)
    tell_expired(context, draft)
