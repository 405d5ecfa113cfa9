"""`ayni tx pending`: what was signed here and has no definite outcome yet.

Decides what is sent again without asking: what nobody answered about. What was refused is not: for it the
ledger may have room by now, and the payment that somebody has given up would be made after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ayni.v1 import transaction_pb2
from client.cli.options import shared_options
from client.cli.writing import take_note
from client.context import Context
from client.errors import ExitCode, NotFound, UsageProblem, worst
from client.output import print_table, time_json, time_text
from client.stamps import CLOCK_MARGIN_MS, now_ms

if TYPE_CHECKING:
    from rich.console import Console

    from client.outbox import Entry

COLUMNS = ("transaction", "type", "author", "valid until", "last heard")


@click.command("pending")
@click.option(
    "--resend", is_flag=True, help="Send the same bytes of what has no outcome again, and wait for it."
)
@click.option(
    "--include-refused",
    is_flag=True,
    help="With --resend: also what was refused. It may become final now, so only if it is still meant.",
)
@click.option("--drop", default="", metavar="ID", help="Forget one, whatever became of it.")
@shared_options
def pending(context: Context, resend: bool, include_refused: bool, drop: str) -> ExitCode:
    """List what was signed here and has no definite outcome yet.

    What was refused is listed too: until it expires its bytes can still become final, if anybody hands them
    in again. --resend hears of what has expired, and takes it off the list.
    """
    if include_refused and not resend:
        raise UsageProblem(
            "--include-refused says what --resend sends.", "--resend was not given.", "Give both, or neither."
        )
    if drop:
        _drop(context, drop)
    entries = list(context.outbox.bodies(context.outbox.pending()))
    if resend and entries:
        return _resend(context, entries, include_refused)
    document = {"pending": [_entry_json(*entry) for entry in entries]}

    def render(console: Console) -> None:
        if not entries:
            console.print("nothing is pending")
            return
        print_table(console, COLUMNS, [_entry_row(*entry) for entry in entries])
        if not all(_may_still_be_paid(*entry) for entry in entries):
            console.print("`ayni tx pending --resend` sends the same bytes again, safely")
        if any(_may_still_be_paid(*entry) for entry in entries):
            console.print(
                "what was refused can still become final until then, if anybody hands it in again",
                style="bold",
            )

    context.output.result("pending", document, render)
    return ExitCode.DONE


def _entry_json(entry: Entry, body: transaction_pb2.Body) -> dict[str, Any]:
    return {
        "tx_id": entry.tx_id.hex(),
        "type": body.WhichOneof("payload") or "",
        "author": body.author,
        "expires_at": time_json(body.expires_at_ms),
        "refused": entry.refused or None,
    }


def _entry_row(entry: Entry, body: transaction_pb2.Body) -> tuple[str, ...]:
    return (
        entry.tx_id.hex()[:16],
        body.WhichOneof("payload") or "",
        body.author,
        time_text(body.expires_at_ms),
        f"refused: {entry.refused}" if entry.refused else "nothing",
    )


def _drop(context: Context, text: str) -> None:
    tx_id = context.outbox.find(text)
    entry = context.outbox.entry(tx_id)
    if entry is None or not entry.pending:
        raise NotFound(
            f"Transaction {text} is not pending here.",
            "The outbox does not hold it.",
            "See `ayni tx pending`.",
        )
    context.outbox.settle(tx_id, final=False)
    context.output.notice(f"dropped {tx_id.hex()}; if a node has it, it may still become final")


def _resend(
    context: Context, entries: Sequence[tuple[Entry, transaction_pb2.Body]], include_refused: bool
) -> ExitCode:
    held_back = [] if include_refused else [entry for entry in entries if _may_still_be_paid(*entry)]
    sent = [entry for entry, body in entries if (entry, body) not in held_back]
    refused = sum(bool(entry.refused) for entry in sent)
    if include_refused and refused:
        context.output.notice(
            f"sending {len(sent)}, of which {refused} had been refused: those become final if there is room"
        )
    transactions = []
    for entry in sent:
        with suppress(FileNotFoundError):  # another process has just settled it
            transactions.append(entry.transaction())
    outcomes = context.client.submit(transactions)
    document = {
        "outcomes": [{"tx_id": one.tx_id.hex(), "outcome": str(one.kind)} for one in outcomes],
        "not_sent": [_entry_json(*entry) for entry in held_back],
    }

    def render(console: Console) -> None:
        for one in outcomes:
            problem = one.error()
            console.print(f"{one.tx_id.hex()[:16]}  {one.kind}" + (f"  {problem.why}" if problem else ""))
        if held_back:
            print_table(console, COLUMNS, [_entry_row(*entry) for entry in held_back])
            for line in _held_back_lines(len(held_back)):
                console.print(line, style="bold", soft_wrap=True)

    context.output.result("outcomes", document, render)
    take_note(context, outcomes)
    return worst([*(one.exit_code for one in outcomes), *[ExitCode.REFUSED] * bool(held_back)])


def _may_still_be_paid(entry: Entry, body: transaction_pb2.Body) -> bool:
    """Whether it was refused, and a block may take it yet; what is past its time is asked about again."""
    return bool(entry.refused) and body.expires_at_ms + CLOCK_MARGIN_MS >= now_ms()


def _held_back_lines(count: int) -> tuple[str, ...]:
    what = "1 transaction was" if count == 1 else f"{count} transactions were"
    return (
        f"NOT SENT AGAIN: {what} refused, and would be made after all if there is room for it by now.",
        "no longer meant: let it expire, and keep its file from whoever could hand it in",
        "meant, but otherwise: make it again with --replace ID; at most one of both takes effect",
        "still meant as it is: `ayni tx pending --resend --include-refused`",
    )
