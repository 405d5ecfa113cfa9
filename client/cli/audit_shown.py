"""How `ayni audit` shows what it found, to people and as JSON. Decides words and shapes only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayni.v1 import genesis_pb2
from client.errors import UsageProblem, VerificationFailed
from client.output import time_json, time_text, units_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from audit import Comparison, FileReport, Finding, Guilty, Report

GET_BOTH_AGAIN = "Get both again, each from another node, and compare again."


def report_json(report: Report) -> dict[str, Any]:
    return {
        "genesis": report.genesis_hash.hex(),
        "network": report.network,
        "blocks": report.blocks,
        "finalizations": report.finalizations,
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


def print_report(target: Console, directory: Path, report: Report) -> None:
    if not report.ok:
        print_findings(target, report.findings)
        target.print(f"{report.blocks:,} blocks before that are verified")
        return
    balances = report.balances_credit + report.balances_dues + report.balances_entitlements
    target.print(f"{directory}: every byte verified", soft_wrap=True)
    target.print(f"  network: {report.network}, genesis {report.genesis_hash.hex()}", soft_wrap=True)
    target.print(
        f"  blocks: {report.blocks:,}, the last at {time_text(report.time_ms)};"
        f" {report.finalizations:,} final by their own certificate, the rest through a later block's",
        soft_wrap=True,
    )
    target.print(f"  transactions re-executed: {report.transactions:,}")
    target.print(f"  signatures verified: {report.signatures:,}")
    target.print(f"  settlements: {report.settlements:,}; records in the state: {report.records:,}")
    target.print(
        f"  balances recomputed a second way: {balances:,} (credit {report.balances_credit:,},"
        f" dues {report.balances_dues:,}, entitlements {report.balances_entitlements:,})",
        soft_wrap=True,
    )
    target.print(f"  {report.scope}", soft_wrap=True)


# Two exports ------------------------------------------------------------------------------------------


def comparison_json(
    directories: tuple[Path, Path], found: Comparison, written: Path | None
) -> dict[str, Any]:
    """The document of `ayni audit compare --json`."""
    parting = found.parting
    return {
        "ok": found.ok,
        "exports": [
            {
                "directory": str(directory),
                "ok": report.ok,
                **report_json(report),
                "findings": findings_json(report.findings),
            }
            for directory, report in zip(directories, found.reports, strict=True)
        ],
        "agreed_blocks": found.agreed,
        "parting": parting
        and {
            "block": parting.height,
            "digests": [digest.hex() for digest in parting.digests],
            "views": list(parting.views),
        },
        "guilty": guilty_json(_guilty_in(found)),
        "evidence_file": str(written) if written is not None else None,
    }


def print_comparison(
    target: Console, directories: tuple[Path, Path], found: Comparison, *, trusted: bool
) -> None:
    """What two exports say of one another, to people; `trusted`: whether a genesis was named to trust."""
    genesis = found.reports[0].genesis_hash.hex()
    caution = "" if trusted else f", which {_who_says(directories, found)}; compare it with the one you trust"
    target.print(f"genesis {genesis}{caution}", soft_wrap=True)
    for directory, report in zip(directories, found.reports, strict=True):
        if report.ok:
            target.print(
                f"{directory}: every byte verified, {report.blocks:,} blocks, the last at"
                f" {time_text(report.time_ms)}",
                soft_wrap=True,
            )
        else:
            target.print(f"{directory}: does not verify", soft_wrap=True)
            print_findings(target, report.findings)
    target.print(_relation(directories, found), soft_wrap=True)
    if found.parting is not None:
        for directory, digest, view in zip(
            directories, found.parting.digests, found.parting.views, strict=True
        ):
            target.print(f"  {directory}: {digest.hex()}, view {view}", soft_wrap=True)


def print_evidence(target: Console, found: Comparison, written: Path | None, unwritten: str) -> None:
    """Who signed both, and where that is proven; `unwritten`: why it could not be written."""
    if not found.evidence:
        return
    print_guilty(target, "their certificates prove that", _guilty_in(found))
    if written is None:
        target.print(f"the evidence is not written: {unwritten} Choose another with -o.", soft_wrap=True)
        return
    target.print(f"the evidence is in {written}; anybody verifies it:", soft_wrap=True)
    target.print(f"  ayni audit evidence {written} --genesis FILE|NAME", soft_wrap=True)


def _who_says(directories: tuple[Path, Path], found: Comparison) -> str:
    """Of which export the genesis was taken for that of both."""
    said = [directory for directory, unread in zip(directories, found.unread, strict=True) if unread is None]
    return f"{said[0]} says it is of" if len(said) == 1 else "both say they are of"


def _relation(directories: tuple[Path, Path], found: Comparison) -> str:
    """How far the two are the same, in words."""
    unverified = [
        str(directory)
        for directory, report in zip(directories, found.reports, strict=True)
        if not report.ok and not report.blocks
    ]
    if unverified:
        which = unverified[0] if len(unverified) == 1 else "either"
        return f"not compared: no block of {which} is verified"
    blocks = f"{found.agreed:,} block" + ("" if found.agreed == 1 else "s")
    if found.parting is not None:
        return f"they hold the same {blocks}, and then part: at height {found.parting.height:,} there are two"
    if not found.ok:
        return f"they hold the same {blocks}; what comes after was not compared"
    if found.reports[0].blocks == found.reports[1].blocks:
        return f"they hold the same {blocks}"
    shorter, longer = sorted((0, 1), key=lambda which: found.reports[which].blocks)
    return (
        f"{directories[shorter]} is the beginning of {directories[longer]}: they hold the same {blocks}, and"
        f" the latter goes on to height {found.reports[longer].blocks:,}"
    )


def _guilty_in(found: Comparison) -> list[Guilty]:
    from audit import guilty_of

    return guilty_of(found.evidence, found.membership) if found.membership is not None else []


def fail_comparison(directories: tuple[Path, Path], found: Comparison) -> None:
    """Raises VerificationFailed when one does not verify, or when they part."""
    _fail_unread(directories, found)
    broken = [
        (directory, report)
        for directory, report in zip(directories, found.reports, strict=True)
        if not report.ok
    ]
    for directory, report in broken:
        if len(broken) == 1:
            fail(report.findings, str(directory))
    if broken:
        raise VerificationFailed(
            f"Neither {directories[0]} nor {directories[1]} verifies.",
            f"{directories[0]}: {broken[0][1].findings[0]}; {directories[1]}: {broken[1][1].findings[0]}.",
            "Get them again, each from another node, and show all to your federation.",
        )
    if found.parting is not None:
        raise VerificationFailed(
            f"{directories[0]} and {directories[1]} are two histories of one network.",
            f"From height {found.parting.height} on they differ; {len(found.evidence)} members signed both.",
            "Keep both exports, and show them and the evidence to every federation.",
        )


def _fail_unread(directories: tuple[Path, Path], found: Comparison) -> None:
    """Raises VerificationFailed when the genesis of one or both cannot be read."""
    unread = [
        (directory, why) for directory, why in zip(directories, found.unread, strict=True) if why is not None
    ]
    if len(unread) == 1:
        raise VerificationFailed(
            f"{unread[0][0]} is not compared: its genesis cannot be read.",
            f"{unread[0][1]}.",
            "Get it again from another node, and compare again.",
        )
    if unread:
        raise VerificationFailed(
            f"{directories[0]} and {directories[1]} are not compared: the genesis of neither can be read.",
            "; ".join(f"{directory}, {why}" for directory, why in unread) + ".",
            GET_BOTH_AGAIN,
        )


def guilty_json(guilty: Iterable[Guilty]) -> list[dict[str, Any]]:
    """Who is proven guilty, of what."""
    return [
        {
            "member": one.member,
            "federation": one.name,
            "epoch": one.evidence.first.epoch,
            "view": one.view,
            "votes": one.votes.split(" and "),
        }
        for one in guilty
    ]


def print_guilty(target: Console, opening: str, guilty: Sequence[Guilty]) -> None:
    """Who is proven guilty, of what, in words."""
    for one in guilty:
        target.print(
            f"{opening} {one.name} (member {one.member}) signed {one.votes} in view {one.view}",
            soft_wrap=True,
        )
    target.print("no honest validator signs both", soft_wrap=True)


# One file ---------------------------------------------------------------------------------------------


def file_json(report: FileReport, signed: genesis_pb2.SignedGenesis | None) -> dict[str, Any]:
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


def print_file(
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
    print_findings(target, report.findings)


def _units(signed: genesis_pb2.SignedGenesis | None) -> dict[str, Any]:
    if signed is None:
        return {}
    return dict(units_of(genesis_pb2.Genesis.FromString(signed.body)))


def findings_of(report: FileReport) -> dict[str, Any]:
    return {"findings": findings_json(report.findings)}


def findings_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
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


def print_findings(target: Console, findings: Iterable[Finding]) -> None:
    for one in findings:
        target.print(f"FOUND {one}", soft_wrap=True)


def fail(findings: list[Finding], what: str) -> None:
    """Raises VerificationFailed when something was found."""
    if not findings:
        return
    number = "1 thing is" if len(findings) == 1 else f"{len(findings)} things are"
    raise VerificationFailed(
        f"{what} does not verify: {number} wrong.",
        f"{findings[0]}.",
        "Get it again from another node, and show both to your federation.",
    )


def check_there(path: Path) -> None:
    """Raises UsageProblem when there is no such file."""
    if not path.is_file():
        raise UsageProblem(f"There is no file {path}.", "Nothing can be verified.", "Check the path.")


def check_directory(directory: Path) -> None:
    """Raises UsageProblem when there is no such directory."""
    if not directory.is_dir():
        raise UsageProblem(
            f"There is no directory {directory}.",
            "An export is a directory.",
            "Make one with `ayni export -o DIR`.",
        )


@contextmanager
def progress_bar() -> Iterator[Callable[[Path], Callable[[int, int], None]]]:
    """Progress on stderr, when stderr is a terminal; otherwise nothing.

    Yields what is told which directory comes next, and returns what is told how far that is.
    """
    if not sys.stderr.isatty():
        yield lambda directory: lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:

        def begin(directory: Path) -> Callable[[int, int], None]:
            task = bar.add_task(f"verifying {directory}", total=None)
            return lambda done, total: bar.update(task, completed=done, total=total)

        yield begin
