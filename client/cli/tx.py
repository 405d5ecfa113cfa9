"""`ayni tx`: transfers and reversals, and what became of a transaction.

Building, signing and sending files is in client/cli/tx_files.py, imports in client/cli/tx_import.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client import transactions
from client.cli import tx_files, tx_import
from client.cli.arguments import hash_of_file, reference_option, value_date
from client.cli.options import shared_options
from client.cli.writing import Writing, show_outcome, writing_options
from client.context import Context
from client.describe import body_document, document_lines, message_document
from client.errors import ExitCode, NotFound, worst
from client.networks import write_atomically
from client.output import duration_ms, parse_amount, print_table, time_json, time_text
from client.stamps import now_ms

if TYPE_CHECKING:
    from rich.console import Console

    from client.outbox import Entry


@click.group("tx")
def command() -> None:
    """Transfers, reversals, imports; build, sign and send offline."""


@command.command("transfer")
@click.argument("payer")
@click.argument("payee")
@click.argument("amount")
@click.argument("unit")
@reference_option()
@click.option(
    "--date", "date_text", default="", metavar="DAY", help="Value date, year-month-day. Default: today."
)
@click.option(
    "--document",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="A file whose SHA-256 is recorded; the file itself stays with you.",
)
@writing_options
def transfer(
    writing: Writing,
    payer: str,
    payee: str,
    amount: str,
    unit: str,
    reference: str,
    date_text: str,
    document: Path | None,
) -> None:
    """PAYER pays AMOUNT UNIT to PAYEE, e.g. `ayni tx transfer emilia/cadiai lazio/coop 12.50 EUC`.

    Many payments from a file: `ayni tx import`. Many legs in one transaction: `ayni tx build --from`.
    """
    leg = transactions.leg(
        payee,
        unit,
        parse_amount(amount, writing.context.unit(unit)),
        value_date=value_date(date_text),
        reference=reference,
        document_hash=hash_of_file(document) if document else b"",
    )
    writing.send(transactions.transfer(payer, [leg], writing.stamp()))


@command.command("reverse")
@click.argument("tx_id", metavar="ID")
@click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="N[=AMOUNT]",
    help="Only this leg or line, from 0, and how much of it; repeatable. Default: all, whole.",
)
@click.option("--reason", default="", help="At most 140 bytes, no personal data.")
@writing_options
def reverse(writing: Writing, tx_id: str, lines: tuple[str, ...], reason: str) -> None:
    """Take back the transaction ID, whole or part. Whoever loses by it signs."""
    from client.reversing import reversal_of

    context = writing.context
    original = context.client.transaction(context.outbox.find(tx_id))
    writing.send(reversal_of(context.client, original, lines, reason, writing.stamp()))


@command.command("show")
@click.argument("tx_id", metavar="ID")
@shared_options
def show(context: Context, tx_id: str) -> None:
    """Show a final transaction and what the rules found out."""
    from ayni.v1 import result_pb2, transaction_pb2
    from client.reads import units_of_classes

    wanted = context.outbox.find(tx_id)
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
@click.argument("tx_id", metavar="ID")
@click.option("--wait", "wait_text", default="30s", show_default=True, help="How long: 90s, 10m, 6h.")
@shared_options
def wait(context: Context, tx_id: str, wait_text: str) -> None:
    """Wait for the outcome of the transaction ID."""
    wanted = context.outbox.find(tx_id)
    outcome = context.client.outcome(wanted, wait_ms=duration_ms(wait_text))
    entry = context.outbox.entry(wanted)
    if entry is not None and outcome.refusal is not None and 0 < outcome.refusal.final_after_ms < now_ms():
        # The node tells a refusal of earlier; of the bytes themselves it tells whether they have expired.
        [outcome] = context.client.submit([entry.transaction()])
    elif outcome.kind == "final":
        outcome = context.client.with_receipt(outcome)
    if outcome.definite:
        context.outbox.settle(wanted, final=outcome.kind == "final")
    show_outcome(context, outcome)
    problem = outcome.error()
    if problem is not None:
        raise problem


@command.command("receipt")
@click.argument("tx_id", metavar="ID")
@click.option("-o", "--output", "path", required=True, type=click.Path(path_type=Path, dir_okay=False))
@shared_options
def receipt(context: Context, tx_id: str, path: Path) -> None:
    """Write the receipt of a final transaction, verified, to a file.

    Anyone checks it without a node: `ayni audit receipt FILE --genesis HASH`.
    """
    wanted = context.outbox.find(tx_id)
    found = context.client.receipt(wanted)
    write_atomically(path, found.SerializeToString(deterministic=True))
    document = {"tx_id": wanted.hex(), "log_index": found.log_index, "file": str(path)}
    context.output.result(
        "receipt",
        document,
        lambda console: console.print(f"receipt of {wanted.hex()} verified, written to {path}"),
    )


@command.command("pending")
@click.option("--resend", is_flag=True, help="Send the same bytes again and wait for their outcome.")
@click.option("--drop", default="", metavar="ID", help="Forget one, whatever became of it.")
@shared_options
def pending(context: Context, resend: bool, drop: str) -> ExitCode:
    """List what was signed here and has no definite outcome yet."""
    if drop:
        _drop(context, drop)
    entries = context.outbox.pending()
    if resend and entries:
        return _resend(context, entries)
    found = [(entry.tx_id.hex(), entry.body()) for entry in entries]
    document = {
        "pending": [
            {
                "tx_id": tx_id,
                "type": body.WhichOneof("payload") or "",
                "author": body.author,
                "expires_at": time_json(body.expires_at_ms),
            }
            for tx_id, body in found
        ]
    }

    def render(console: Console) -> None:
        if not found:
            console.print("nothing is pending")
            return
        rows = [
            (tx_id[:16], body.WhichOneof("payload") or "", body.author, time_text(body.expires_at_ms))
            for tx_id, body in found
        ]
        print_table(console, ("transaction", "type", "author", "valid until"), rows)
        console.print("`ayni tx pending --resend` sends the same bytes again, safely")

    context.output.result("pending", document, render)
    return ExitCode.DONE


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


def _resend(context: Context, entries: list[Entry]) -> ExitCode:
    outcomes = context.client.submit([entry.transaction() for entry in entries])
    for outcome in outcomes:
        if outcome.definite:
            context.outbox.settle(outcome.tx_id, final=outcome.kind == "final")
    document = {"outcomes": [{"tx_id": one.tx_id.hex(), "outcome": str(one.kind)} for one in outcomes]}

    def render(console: Console) -> None:
        for one in outcomes:
            problem = one.error()
            console.print(f"{one.tx_id.hex()[:16]}  {one.kind}" + (f"  {problem.why}" if problem else ""))

    context.output.result("outcomes", document, render)
    return worst([one.exit_code for one in outcomes])


for _more in (tx_files.inspect, tx_files.build, tx_files.sign, tx_files.submit, tx_import.import_rows):
    command.add_command(_more)
