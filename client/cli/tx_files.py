"""`ayni tx inspect|build|sign|submit`: transactions as files, from maker to checker to sender.

`build` and `sign --key` need no node: they work on a machine that never sees the network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from google.protobuf import json_format

from ayni.v1 import transaction_pb2
from client import transactions
from client.cli.arguments import account_name
from client.cli.legs import leg_options, legs_from
from client.cli.options import FILE, output_file, shared_options
from client.cli.writing import DRAFT_EXPIRES_IN, Writing, tell_expired
from client.context import Context
from client.describe import body_document, document_lines
from client.documents import read_object
from client.draftfiles import FILE_BYTES_MAX, read_draft, write_draft
from client.drafts import Draft, draft_of, with_signatures
from client.errors import ClientError, Expired, OutcomeUnknown, Refused, UsageProblem, worst
from client.output import Unit, duration_ms
from client.stamps import new_stamp

if TYPE_CHECKING:
    from rich.console import Console

HAVE_OUTCOME = (Refused, Expired, OutcomeUnknown)


@click.command("inspect")
@click.argument("path", type=FILE, metavar="FILE")
@shared_options
def inspect(context: Context, path: Path) -> None:
    """Show what a transaction file says, who must sign it and who has. Needs no node."""
    draft = read_draft(path, context.network.genesis_hash)
    _show_draft(context, draft, {"file": str(path)})


@click.command("build")
@click.argument("payer", default="")
@leg_options
@click.option(
    "--from",
    "source",
    type=FILE,
    default=None,
    metavar="FILE.json",
    help='Any type: {"author": …, "transfer": {…}}, as in the protobuf JSON mapping of Body.',
)
@output_file("A .json file, or .ayni for bare bytes.")
@click.option(
    "--expires-in", default=DRAFT_EXPIRES_IN, show_default=True, help="How long it stays valid; at most 7d."
)
@shared_options
def build(
    context: Context, payer: str, source: Path | None, path: Path, expires_in: str, **legs: Any
) -> None:
    """Build an unsigned transaction, without a node: a transfer, or any type with --from.

    Every writing command builds one too, with --draft FILE.
    """
    stamp = new_stamp(duration_ms(expires_in))
    if source is not None and (payer or any(legs.values())):
        raise UsageProblem(
            "It is not clear what to build.",
            "--from FILE.json says it all; PAYER and what is paid are of a transfer.",
            "Give one or the other.",
        )
    if source is not None:
        draft = _draft_from_json(source, stamp)
    elif payer:
        draft = transactions.transfer(account_name(payer), legs_from(context, **legs), stamp)
    else:
        raise UsageProblem(
            "There is nothing to build.",
            "Neither PAYER PAYEE AMOUNT UNIT nor --from FILE.json was given.",
            "See `ayni tx build --help`.",
        )
    write_draft(path, draft, context.network.name, context.network.genesis_hash)
    _show_draft(context, draft, {"file": str(path)})


@click.command("sign")
@click.argument("path", type=FILE, metavar="FILE")
@click.option(
    "--key",
    "names",
    multiple=True,
    metavar="NAME",
    help="Sign with this key of the keystore, without asking a node; repeatable. "
    "Default: those keys here that must sign.",
)
@click.option("-o", "--output", "target", type=FILE, default=None, help="Default: the same file.")
@shared_options
def sign(context: Context, path: Path, names: tuple[str, ...], target: Path | None) -> None:
    """Sign a transaction file. Look at it first: `ayni tx inspect FILE`."""
    network = context.network
    draft = read_draft(path, network.genesis_hash)
    extra: dict[str, Any] = {"file": str(target or path)}
    if names:
        draft = with_signatures(
            draft, [context.keystore.signing_key(name) for name in names], network.genesis_hash
        )
    else:
        draft, missing = Writing(context).sign(draft)
        extra["missing"] = list(missing)
    write_draft(target or path, draft, network.name, network.genesis_hash)
    _show_draft(context, draft, extra)


@click.command("submit")
@click.argument("paths", type=FILE, nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--wait", "wait_text", default="30s", show_default=True, help="How long to wait for each outcome."
)
@shared_options
def submit(context: Context, paths: tuple[Path, ...], wait_text: str) -> None:
    """Send complete transaction files, one after the other, and wait for their outcomes.

    One that is not final does not stop the others; the exit code is that of the worst.
    """
    writing = Writing(context, wait_ms=duration_ms(wait_text))
    drafts = [read_draft(path, context.network.genesis_hash) for path in paths]
    if len(drafts) == 1:
        _submit(writing, drafts[0])
        return
    problems: list[ClientError] = []
    with context.output.together("outcomes", "outcomes"):
        for path, draft in zip(paths, drafts, strict=True):
            try:
                _submit(writing, draft)
            except ClientError as problem:
                problems.append(problem)
                sys.stderr.write(f"{path}: {problem.what} {problem.why}\n")
                if not isinstance(problem, HAVE_OUTCOME):
                    document = {"tx_id": draft.tx_id.hex(), "outcome": "not sent", "why": problem.what}
                    context.output.result("outcome", document, lambda _: None)
    if problems:
        raise problems[0] if len(problems) == 1 else _worst_of(problems, len(drafts))


def _submit(writing: Writing, draft: Draft) -> None:
    writing.send_signed(writing.complete(draft))


def _worst_of(problems: list[ClientError], count: int) -> ClientError:
    code = worst([problem.exit_code for problem in problems])
    gravest = next(problem for problem in problems if problem.exit_code is code)
    return type(gravest)(
        f"{len(problems)} of {count} transactions are not final; the gravest: {gravest.what}",
        gravest.why,
        gravest.next_step,
    )


def _draft_from_json(source: Path, stamp: transactions.Stamp) -> Draft:
    try:
        document = read_object(source, FILE_BYTES_MAX)
        body = transaction_pb2.Body()
        json_format.ParseDict(document, body)
        kind = body.WhichOneof("payload")
        if kind is None:
            raise ValueError("it names no payload, like transfer")
    except (OSError, ValueError, RecursionError, json_format.ParseError) as error:
        raise UsageProblem(
            f"{source} is not a transaction's content.",
            f"{error}.",
            "Write it as the protobuf JSON mapping of Body in proto/ayni/v1/transaction.proto.",
        ) from error
    if body.nonce:
        stamp = stamp._replace(nonce=body.nonce)
    return draft_of(body.author, getattr(body, kind), stamp)


def _show_draft(context: Context, draft: Draft, extra: dict[str, Any]) -> None:
    classes: dict[str, Unit] = {}  # the unit of a class is known to nodes only
    document = {
        "tx_id": draft.tx_id.hex(),
        "network": context.network.name,
        **body_document(draft.parsed(), context.units, classes),
        "signers": list(draft.signers),
        "signed_by": [public_key.hex() for public_key, _ in draft.signatures],
        **extra,
    }

    def render(console: Console) -> None:
        for line in document_lines(document):
            console.print(line)

    context.output.result("draft", document, render)
    tell_expired(context, draft)
