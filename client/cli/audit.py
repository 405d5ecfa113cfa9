"""`ayni audit`: verifies a history, a receipt, a state proof or evidence, and compares histories; offline.

Decides how the auditor is told which network to trust; what is verified is `audit/`, how it is shown
audit_shown.py. Runs where grpc and plyvel are not installed, and asks no node.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayni.v1 import genesis_pb2
from client.cli.audit_shown import (
    GET_BOTH_AGAIN,
    check_directory,
    check_there,
    comparison_json,
    fail,
    fail_comparison,
    file_json,
    findings_json,
    findings_of,
    guilty_json,
    print_comparison,
    print_evidence,
    print_file,
    print_findings,
    print_guilty,
    print_report,
    progress_bar,
    report_json,
)
from client.cli.options import shared_options
from client.context import Context
from client.documents import is_file
from client.errors import UsageProblem
from client.files import write_file
from client.networks import NETWORK_NAME, load_networks, read_genesis_file

if TYPE_CHECKING:
    from rich.console import Console

    from audit import Comparison

_HASH = re.compile(r"[0-9a-fA-F]{64}")


@click.group("audit")
def command() -> None:
    """Verify a history, a receipt or evidence, offline, trusting no node."""


def genesis_option(required: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--genesis`: whom the auditor trusts."""
    default: dict[str, Any] = {} if required else {"default": ""}  # a default of None would do for one given
    return click.option(
        "--genesis",
        "genesis_text",
        required=required,
        **default,
        metavar="FILE|HASH|NAME",
        help="The network to trust: its genesis file, its genesis hash, or a network's name."
        + ("" if required else " Without it, the one that both exports are of."),
    )


@command.command("verify")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@genesis_option()
@shared_options
def verify_command(context: Context, directory: Path, genesis_text: str) -> None:
    """Verify an exported history.

    Every signature, certificate and root is checked, every transaction re-executed, and every balance
    recomputed a second way. Exit code 4 when something is found.
    """
    from audit import verify_export

    genesis_hash, _ = trusted_genesis(context, genesis_text)
    check_directory(directory)
    with progress_bar() as begin:
        report = verify_export(directory, genesis_hash, begin(directory))
    document = {"ok": report.ok, **report_json(report), "findings": findings_json(report.findings)}
    context.output.result("audit", document, lambda target: print_report(target, directory, report))
    fail(report.findings, str(directory))


@command.command("receipt")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@genesis_option()
@shared_options
def receipt_command(context: Context, path: Path, genesis_text: str) -> None:
    """Verify a receipt, or the proof of a record.

    `ayni tx receipt` writes the one, `ayni account proof` the other.
    """
    from audit import verify_receipt_file

    check_there(path)
    genesis_hash, signed = trusted_genesis(context, genesis_text)
    report = verify_receipt_file(path, genesis_hash)
    context.output.result(
        "audit",
        {"ok": report.ok, "file": str(path), **file_json(report, signed), **findings_of(report)},
        lambda target: print_file(target, path, report, signed),
    )
    fail(report.findings, str(path))


@command.command("compare")
@click.argument("first", metavar="A", type=click.Path(path_type=Path, file_okay=False))
@click.argument("second", metavar="B", type=click.Path(path_type=Path, file_okay=False))
@genesis_option(required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="Where evidence goes, when there is any. Default: fork-at-block-N.evidence, here.",
)
@shared_options
def compare_command(
    context: Context, first: Path, second: Path, genesis_text: str, output: Path | None
) -> None:
    """Compare two exports of one network.

    Both are verified. When they hold different blocks at one height, the evidence against every member that
    signed both is written to a file that `ayni audit evidence` verifies. Exit code 4 when they part, or one
    of them does not verify.
    """
    from audit import GenesisUnreadable, NotComparable, compare_exports

    check_directory(first)
    check_directory(second)
    genesis_hash = trusted_genesis(context, genesis_text)[0] if genesis_text else None
    with progress_bar() as begin:
        try:
            found = compare_exports(first, second, genesis_hash, begin)
        except NotComparable as error:
            raise UsageProblem(
                f"{first} and {second} cannot be compared.",
                f"{error}.",
                GET_BOTH_AGAIN
                if isinstance(error, GenesisUnreadable)
                else "Give two exports of one network.",
            ) from error
    both, trusted = (first, second), genesis_hash is not None
    written, unwritten = _write_evidence(found, output)

    def render(target: Console) -> None:
        print_comparison(target, both, found, trusted=trusted)
        print_evidence(target, found, written, unwritten)

    document = {"genesis_trusted": trusted, **comparison_json(both, found, written)}
    context.output.result("comparison", document, render)
    fail_comparison(both, found)


def _write_evidence(found: Comparison, output: Path | None) -> tuple[Path | None, str]:
    """Write what evidence there is; return where, or why it cannot be written: what was found is told anyway.

    Without `output`, a file of the name chosen that holds another is left as it is.
    """
    if not found.evidence:
        return None, ""
    content = found.evidence_bytes
    if output is None:
        name = f"fork-at-block-{found.agreed + 1}"
        output, number = Path(f"{name}.evidence"), 1
        while output.exists() and not _holds(output, content):
            number += 1
            output = Path(f"{name}-{number}.evidence")
    try:
        write_file(output, content)
    except UsageProblem as problem:
        return None, f"{problem.what} {problem.why}"
    return output, ""


def _holds(path: Path, content: bytes) -> bool:
    from audit.archive import open_regular

    try:
        with open_regular(path) as file:
            return file.read(len(content) + 1) == content
    except OSError:
        return False


@command.command("evidence")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@genesis_option()
@shared_options
def evidence_command(context: Context, path: Path, genesis_text: str) -> None:
    """Verify that a file proves validators guilty.

    `ayni evidence export` and `ayni audit compare` write such files. Evidence names members by their
    position in the genesis: give its file or a network's name.
    """
    from audit import verify_evidence_file

    check_there(path)
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
            print_guilty(target, f"{path} proves that", report.guilty)
        print_findings(target, report.findings)

    context.output.result(
        "audit",
        {"ok": report.ok, "file": str(path), "guilty": guilty_json(report.guilty), **findings_of(report)},
        render,
    )
    fail(report.findings, str(path))


def trusted_genesis(context: Context, text: str) -> tuple[bytes, genesis_pb2.SignedGenesis | None]:
    """The genesis hash that FILE, HASH or NAME says, and the genesis unless it is a bare hash.

    A file is looked for last: the present directory may be what somebody sent, with a genesis of his own in a
    file named like the hash or the network that is trusted. Raises UsageProblem, NotFound.
    """
    if _HASH.fullmatch(text):
        return bytes.fromhex(text), None
    network = load_networks(context.home).entries.get(text) if NETWORK_NAME.fullmatch(text) else None
    if network is not None:
        return network.genesis_hash, genesis_pb2.SignedGenesis.FromString(network.signed_genesis)
    if is_file(text):
        raw, genesis_hash = read_genesis_file(Path(text))
        return genesis_hash, genesis_pb2.SignedGenesis.FromString(raw)
    known = load_networks(context.home).entries
    names = ", ".join(sorted(known)) or "none"
    raise UsageProblem(
        f"'{text}' names no genesis.",
        f"It is no file, no hash of 64 hex digits, and no network known here ({names}).",
        "Give the genesis file your federation published.",
    )
