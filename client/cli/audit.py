"""`ayni audit`: verifies a history, a receipt, a state proof or evidence, offline.

Decides how the auditor is told which network to trust, and how findings are shown; what is verified is
`audit/`. Runs where grpc and plyvel are not installed, and asks no node.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayni.v1 import genesis_pb2
from client.cli.options import shared_options
from client.context import Context
from client.errors import UsageProblem, VerificationFailed
from client.networks import load_networks, read_genesis_file
from client.output import time_json, time_text, units_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from audit import FileReport, Finding, Report

_HASH = re.compile(r"[0-9a-fA-F]{64}")


@click.group("audit")
def command() -> None:
    """Verify a history, a receipt or evidence, offline, trusting no node."""


def genesis_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--genesis`: whom the auditor trusts."""
    return click.option(
        "--genesis",
        "genesis_text",
        required=True,
        metavar="FILE|HASH|NAME",
        help="The network to trust: its genesis file, its genesis hash, or a network's name.",
    )(function)


@command.command("verify")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@genesis_option
@shared_options
def verify_command(context: Context, directory: Path, genesis_text: str) -> None:
    """Verify an exported history.

    Every signature, certificate and root is checked, every transaction re-executed, and every balance
    recomputed a second way. Exit code 4 when something is found.
    """
    from audit import verify_export

    genesis_hash, _ = trusted_genesis(context, genesis_text)
    if not directory.is_dir():
        raise UsageProblem(
            f"There is no directory {directory}.",
            "An export is a directory.",
            "Make one with `ayni export -o DIR`.",
        )
    with _progress(f"verifying {directory}") as progress:
        report = verify_export(directory, genesis_hash, progress)
    document = {"ok": report.ok, **_report_json(report), "findings": _findings_json(report.findings)}
    context.output.result("audit", document, lambda target: _print_report(target, directory, report))
    _fail(report.findings, str(directory))


@command.command("receipt")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@genesis_option
@shared_options
def receipt_command(context: Context, path: Path, genesis_text: str) -> None:
    """Verify a receipt, or the proof of a record.

    `ayni tx receipt` writes the one, `ayni account proof` the other.
    """
    from audit import verify_receipt_file

    _check_there(path)
    genesis_hash, signed = trusted_genesis(context, genesis_text)
    report = verify_receipt_file(path, genesis_hash)
    context.output.result(
        "audit",
        {"ok": report.ok, "file": str(path), **_file_json(report, signed), **_findings_of(report)},
        lambda target: _print_file(target, path, report, signed),
    )
    _fail(report.findings, str(path))


@command.command("evidence")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@genesis_option
@shared_options
def evidence_command(context: Context, path: Path, genesis_text: str) -> None:
    """Verify that a file proves a validator guilty.

    Evidence names members by their position in the genesis: give its file or a network's name.
    """
    from audit import verify_evidence_file

    _check_there(path)
    _, signed = trusted_genesis(context, genesis_text)
    if signed is None:
        raise UsageProblem(
            "Evidence cannot be checked with a genesis hash alone.",
            "The members' keys are in the genesis itself.",
            "Give the genesis file, or the name of a network you added.",
        )
    report = verify_evidence_file(path, signed)

    def render(target: Console) -> None:
        if report.ok:
            target.print(
                f"{path} proves that {report.guilty_name} (member {report.guilty}) signed", soft_wrap=True
            )
            target.print("two votes that no honest validator signs both", soft_wrap=True)
        _print_findings(target, report.findings)

    guilty = {"member": report.guilty, "federation": report.guilty_name} if report.ok else None
    context.output.result(
        "audit",
        {"ok": report.ok, "file": str(path), "guilty": guilty, **_findings_of(report)},
        render,
    )
    _fail(report.findings, str(path))


def trusted_genesis(context: Context, text: str) -> tuple[bytes, genesis_pb2.SignedGenesis | None]:
    """The genesis hash that FILE, HASH or NAME says, and the genesis unless it is a bare hash.

    Raises UsageProblem, NotFound.
    """
    if Path(text).is_file():
        raw, genesis_hash = read_genesis_file(Path(text))
        return genesis_hash, genesis_pb2.SignedGenesis.FromString(raw)
    if _HASH.fullmatch(text):
        return bytes.fromhex(text), None
    known = load_networks(context.home).entries
    if text in known:
        network = known[text]
        return network.genesis_hash, genesis_pb2.SignedGenesis.FromString(network.signed_genesis)
    names = ", ".join(sorted(known)) or "none"
    raise UsageProblem(
        f"'{text}' names no genesis.",
        f"It is no file, no hash of 64 hex digits, and no network known here ({names}).",
        "Give the genesis file your federation published.",
    )


# What is shown ----------------------------------------------------------------------------------------


def _report_json(report: Report) -> dict[str, Any]:
    return {
        "genesis": report.genesis_hash.hex(),
        "network": report.network,
        "blocks": report.blocks,
        "transactions": report.transactions,
        "signatures": report.signatures,
        "settlements": report.settlements,
        "records": report.records,
        "balances_recomputed": {
            "credit": report.balances_credit,
            "dues": report.balances_dues,
            "entitlements": report.balances_entitlements,
        },
        "tip": report.tip.hex(),
        "state_root": report.state_root.hex(),
        "time": time_json(report.time_ms),
        "scope": report.scope,
    }


def _print_report(target: Console, directory: Path, report: Report) -> None:
    if not report.ok:
        _print_findings(target, report.findings)
        target.print(f"{report.blocks:,} blocks before that are verified")
        return
    balances = report.balances_credit + report.balances_dues + report.balances_entitlements
    target.print(f"{directory}: every byte verified", soft_wrap=True)
    target.print(f"  network: {report.network}, genesis {report.genesis_hash.hex()}", soft_wrap=True)
    target.print(f"  blocks: {report.blocks:,}, the last at {time_text(report.time_ms)}", soft_wrap=True)
    target.print(f"  transactions re-executed: {report.transactions:,}")
    target.print(f"  signatures verified: {report.signatures:,}")
    target.print(f"  settlements: {report.settlements:,}; records in the state: {report.records:,}")
    target.print(
        f"  balances recomputed a second way: {balances:,} (credit {report.balances_credit:,},"
        f" dues {report.balances_dues:,}, entitlements {report.balances_entitlements:,})",
        soft_wrap=True,
    )
    target.print(f"  {report.scope}", soft_wrap=True)


def _file_json(report: FileReport, signed: genesis_pb2.SignedGenesis | None) -> dict[str, Any]:
    if report.receipt is not None:
        found = report.receipt
        return {
            "network": report.network,
            "receipt": {
                "tx_id": found.tx_id.hex(),
                "author": found.body.author,
                "type": found.body.WhichOneof("payload"),
                "log_index": found.log_index,
                "final_at_height": found.height,
                "time": time_json(found.time_ms),
            },
        }
    if report.record is not None:
        from client.views.proofs import proof_json

        return {"network": report.network, "proof": proof_json(report.record, _units(signed))}
    return {}


def _print_file(
    target: Console, path: Path, report: FileReport, signed: genesis_pb2.SignedGenesis | None
) -> None:
    if report.receipt is not None:
        found = report.receipt
        target.print(f"{path}: a receipt of network {report.network}, verified", soft_wrap=True)
        target.print(f"  transaction {found.tx_id.hex()}", soft_wrap=True)
        kind = (found.body.WhichOneof("payload") or "").replace("_", " ")
        target.print(f"  {kind} by {found.body.author}, log position {found.log_index:,}", soft_wrap=True)
        target.print(
            f"  final at the latest in block {found.height:,}, {time_text(found.time_ms)}", soft_wrap=True
        )
    elif report.record is not None:
        from client.views.proofs import record_text

        target.print(f"{path}: a state proof of network {report.network}, verified", soft_wrap=True)
        for line in record_text(report.record, _units(signed)):
            target.print(f"  {line}", soft_wrap=True)
    _print_findings(target, report.findings)


def _units(signed: genesis_pb2.SignedGenesis | None) -> dict[str, Any]:
    if signed is None:
        return {}
    return dict(units_of(genesis_pb2.Genesis.FromString(signed.body)))


def _findings_of(report: FileReport) -> dict[str, Any]:
    return {"findings": _findings_json(report.findings)}


def _findings_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "file": one.file,
            "block": one.height,
            "transaction": one.transaction,
            "tx_id": one.tx_id.hex() if one.tx_id is not None else None,
            "field": one.field,
            "message": one.message,
            "place": one.place,
        }
        for one in findings
    ]


def _print_findings(target: Console, findings: Iterable[Finding]) -> None:
    for one in findings:
        target.print(f"FOUND {one}", soft_wrap=True)


def _fail(findings: list[Finding], what: str) -> None:
    """Raises VerificationFailed when something was found."""
    if not findings:
        return
    number = "1 thing is" if len(findings) == 1 else f"{len(findings)} things are"
    raise VerificationFailed(
        f"{what} does not verify: {number} wrong.",
        f"{findings[0]}.",
        "Get it again from another node, and show both to your federation.",
    )


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise UsageProblem(f"There is no file {path}.", "Nothing can be verified.", "Check the path.")


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, when stderr is a terminal; otherwise nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
