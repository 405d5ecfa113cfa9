"""`ayni tx`: transfers and reversals, and what became of a transaction.

Building, signing and sending files is in client/cli/tx_files.py, imports in client/cli/tx_import.py, what
has no outcome yet in client/cli/tx_pending.py.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client import transactions
from client.cli import tx_files, tx_import, tx_pending
from client.cli.arguments import account_name
from client.cli.legs import leg_options, legs_from
from client.cli.options import output_file, shared_options
from client.cli.writing import Writing, show_outcome, take_note, writing_options
from client.context import Context
from client.describe import body_document, document_lines, message_document
from client.documents import is_file
from client.draftfiles import read_draft
from client.files import write_file
from client.outcomes import judged, replaced_outcome
from client.output import duration_ms, time_json
from client.stamps import now_ms

if TYPE_CHECKING:
    from rich.console import Console

    from client.outcomes import Outcome

EXPIRY_POLL_SECONDS = 1.0


@click.group("tx")
def command() -> None:
    """Transfers, reversals, imports; build, sign and send offline.

    A transaction is named by its id, by the beginning of the id when this home sent it, or by its file.
    """


@command.command("transfer")
@click.argument("payer")
@leg_options
@writing_options
def transfer(writing: Writing, payer: str, **legs: Any) -> None:
    """PAYER pays AMOUNT UNIT to PAYEE.

    As in `ayni tx transfer emilia/cadiai lazio/coop 12.50 EUC`. Several legs make one transaction, all or
    nothing: --leg for each, or --csv, where each may name a payer of its own, who signs too (--draft writes
    the file for them). Separate payments: `ayni tx import`.
    """
    draft = transactions.transfer(account_name(payer), legs_from(writing.context, **legs), writing.stamp())
    writing.send(draft)


def named_transaction(context: Context, name: str) -> bytes:
    """The id of the transaction that a person names: by its id, the beginning of it, or its file.

    Raises UsageProblem, NotFound.
    """
    if is_file(name):
        return read_draft(Path(name), context.network.genesis_hash).tx_id
    return context.outbox.find(name)


@command.command("reverse")
@click.argument("name", metavar="ID|FILE")
@click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="N[=AMOUNT]",
    help="Only this leg or line, from 0, and how much of it; repeatable. Default: all, whole.",
)
@click.option("--reason", default="", help="At most 140 bytes, no personal data.")
@writing_options
def reverse(writing: Writing, name: str, lines: tuple[str, ...], reason: str) -> None:
    """Take back a final transaction, whole or part. Whoever loses by it signs."""
    from client.reversing import reversal_of

    context = writing.context
    original = context.client.transaction(named_transaction(context, name))
    writing.send(reversal_of(context.client, original, lines, reason, writing.stamp()))


@command.command("show")
@click.argument("name", metavar="ID|FILE")
@shared_options
def show(context: Context, name: str) -> None:
    """Show a final transaction and what the rules found out."""
    from ayni.v1 import result_pb2, transaction_pb2
    from client.reads import units_of_classes

    wanted = named_transaction(context, name)
    found = context.client.transaction(wanted)
    signed = transaction_pb2.SignedTransaction.FromString(found.transaction)
    body = transaction_pb2.Body.FromString(signed.body)
    classes = units_of_classes(context.client)
    kind = body.WhichOneof("payload") or ""
    unit = classes.get(str(getattr(getattr(body, kind), "class_id", "")))
    result = result_pb2.Result.FromString(found.result)
    document: dict[str, Any] = {
        "tx_id": wanted.hex(),
        "height": found.height,
        "log_index": found.log_index,
        "time": time_json(found.time_ms),
        **body_document(body, context.units, classes),
        "signed_by": [one.public_key.hex() for one in signed.signatures],
        "result": message_document(result, context.units, classes, unit),
    }

    def render(console: Console) -> None:
        for line in document_lines(document):
            console.print(line)

    context.output.result("transaction", document, render)


@command.command("wait")
@click.argument("name", metavar="ID|FILE")
@click.option("--wait", "wait_text", default="30s", show_default=True, help="How long: 90s, 10m, 6h.")
@shared_options
def wait(context: Context, name: str, wait_text: str) -> None:
    """Wait for the outcome of a transaction."""
    wanted = named_transaction(context, name)
    outcome = _awaited(context, wanted, duration_ms(wait_text))
    show_outcome(context, outcome)
    take_note(context, [outcome])
    problem = outcome.error()
    if problem is not None:
        raise problem


def _awaited(context: Context, tx_id: bytes, wait_ms: int) -> Outcome:
    """What became of a transaction within `wait_ms`.

    While it is valid a node is asked by its id. Past its time a node knows of the bytes only whether a final
    block is past it too, so that they can be handed in: nothing can become of them any more.
    """
    deadline = time.monotonic() + wait_ms / 1000
    entry = context.outbox.intact(tx_id)
    if entry is not None and (used_by := context.outbox.nonce_used(entry)):
        return replaced_outcome(tx_id, used_by)
    valid_until_ms = entry.body().expires_at_ms if entry else now_ms() + wait_ms
    outcome = context.client.outcome(tx_id, wait_ms=max(0, min(wait_ms, valid_until_ms - now_ms())))
    if outcome.kind == "final":
        return context.client.with_receipt(outcome)
    if entry is None:
        return outcome
    outcome = judged(outcome, entry.transaction(), now_ms())
    if outcome.definite or valid_until_ms >= now_ms():
        return outcome
    while True:
        [outcome] = context.client.submit([entry.transaction()])
        left_s = deadline - time.monotonic()
        if outcome.refusal_name != "EXPIRED" or left_s <= 0:
            return outcome
        time.sleep(min(left_s, EXPIRY_POLL_SECONDS))


@command.command("receipt")
@click.argument("name", metavar="ID|FILE")
@output_file("The file to write.")
@shared_options
def receipt(context: Context, name: str, path: Path) -> None:
    """Write the receipt of a final transaction, verified, to a file.

    Anyone checks it without a node: `ayni audit receipt FILE --genesis HASH`.
    """
    wanted = named_transaction(context, name)
    found = context.client.receipt(wanted)
    write_file(path, found.SerializeToString(deterministic=True))
    document = {"tx_id": wanted.hex(), "log_index": found.log_index, "file": str(path)}
    context.output.result(
        "receipt",
        document,
        lambda console: console.print(f"receipt of {wanted.hex()} verified, written to {path}"),
    )


for _more in (
    tx_files.inspect,
    tx_files.build,
    tx_files.sign,
    tx_files.submit,
    tx_import.import_rows,
    tx_pending.pending,
):
    command.add_command(_more)
