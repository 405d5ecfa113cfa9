"""One import, whatever its rows are: preview, errors first, then sending, then one outcome for each row.

Decides the order: every row is parsed, looked up (is it final already, and with the same content?) and
signed before anything is sent; one faulty row stops all. The exit code is that of the worst row. What a
row is: client/importing.py.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayni.v1 import state_pb2, transaction_pb2
from client.cli.writing import take_note
from client.context import Context
from client.draftfiles import write_draft
from client.drafts import Draft, id_of, with_signatures, without_signatures
from client.errors import (
    ClientError,
    ExitCode,
    KeyProblem,
    NoNode,
    NotFound,
    OutcomeUnknown,
    UsageProblem,
    VerificationFailed,
    worst,
)
from client.importing import Row, Total, totals
from client.intents import content_of
from client.output import Unit, amount_text, print_table
from client.signers import plan
from client.stamps import now_ms

if TYPE_CHECKING:
    from rich.console import Console

    from ayni.v1.ledger_service_pb2 import GetTransactionResponse
    from client.api import Client
    from client.outbox import Entry
    from client.outcomes import Outcome

SHOWN_ROWS_MAX = 20
LOOKED_UP_AT_ONCE = 16


@dataclass
class Import:
    """One file on its way."""

    context: Context
    path: Path
    rows: list[Row]
    drafts_directory: Path | None = None
    """--drafts: write each row's file here for others to sign, and send nothing."""
    preview: bool = False
    yes: bool = False
    classes: Mapping[str, Unit] = field(default_factory=dict)
    """The unit of each class that rows name."""
    final: dict[int, bytes] = field(default_factory=dict)
    """Rows that are final already, by position: their transaction ids."""
    signed: dict[int, Draft] = field(default_factory=dict)
    missing: dict[int, tuple[str, ...]] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    stopped: ClientError | None = None
    """Why the rest has no outcome: no node took it, a node lied, or it was interrupted."""
    _accounts: dict[str, state_pb2.AccountRecord] = field(default_factory=dict)

    def run(self) -> ExitCode:
        """Does it; returns the exit code of the worst row. Raises ClientError before anything is sent."""
        self._stop_at_errors()
        self._find_final()
        self._stop_at_errors()
        self._sign()
        self._stop_at_errors()
        if self.drafts_directory is not None:
            return self._write_drafts(self.drafts_directory)
        self._show_preview()
        if self.preview or not self.signed:
            return ExitCode.DONE
        if self.missing:
            self._refuse_missing()
        self._confirm()
        self._send()
        return self._show_outcomes()

    def _stop_at_errors(self) -> None:
        faulty = [row for row in self.rows if row.errors]
        if not faulty:
            return
        for row in faulty:
            for error in row.errors:
                sys.stderr.write(f"line {row.number}{f' (id {row.row_id})' if row.row_id else ''}: {error}\n")
        raise UsageProblem(
            f"{len(faulty)} of {len(self.rows)} rows of {self.path} are not right.",
            "Nothing was sent: every row is checked first.",
            "Correct the rows listed above and import the file again; rows already final are skipped.",
        )

    def _find_final(self) -> None:
        """Looks each row up by its author and nonce: skipped when final with the same content."""
        outbox = self.context.outbox
        sent_here = {body.nonce: (entry, body) for entry, body in outbox.bodies(outbox.known())}
        bodies = [_draft_of(row).parsed() for row in self.rows]
        # Each is a call of its own, or two: over a long line, one after the other would take minutes.
        client = self.context.client
        with ThreadPoolExecutor(LOOKED_UP_AT_ONCE) as threads:
            all_found = list(threads.map(partial(_final_as, client), bodies))
        for position, (row, body, found) in enumerate(zip(self.rows, bodies, all_found, strict=True)):
            if (same_id := sent_here.get(body.nonce)) is not None and same_id[1].author != body.author:
                self.rows[position] = replace(row, errors=(_of_another(*same_id),))
                continue
            if found is None:
                continue
            signed = transaction_pb2.SignedTransaction.FromString(found.transaction)
            tx_id = id_of(found.transaction)
            if content_of(transaction_pb2.Body.FromString(signed.body)) == content_of(body):
                self.final[position] = tx_id
                self.context.outbox.settle(tx_id, final=True)
            else:
                error = (
                    f"it is final already with other content, as transaction {tx_id.hex()}; "
                    "what it says can be taken back by another transaction only; give a new row a new id"
                )
                self.rows[position] = replace(row, errors=(error,))

    def _sign(self) -> None:
        keystore, network = self.context.keystore, self.context.network
        here = list(keystore.public_keys().values())
        pending = self.context.outbox.bodies(self.context.outbox.pending())
        # What is past its time is made anew, under the same nonce: at most one of both takes effect (T4).
        same = {
            content_of(body) + body.nonce: entry for entry, body in pending if body.expires_at_ms > now_ms()
        }
        for position, row in enumerate(self.rows):
            if position in self.final:
                continue
            draft = _draft_of(row)
            body = draft.parsed()
            if (entry := same.get(content_of(body) + body.nonce)) is not None:
                draft = _from_bytes(entry.transaction(), draft.signers)
            try:
                signing = plan(draft, self.context.genesis, self._account, here)
            except NotFound as problem:
                self.rows[position] = replace(row, errors=(problem.what,))
                continue
            keys = [key for one in signing.use if (key := keystore.signing_key_of(one)) is not None]
            signed = with_signatures(draft, keys, network.genesis_hash)
            # What is pending may bear a key that was rotated since, which would have it refused (T5).
            self.signed[position] = without_signatures(signed, signing.surplus)
            if signing.missing:
                self.missing[position] = signing.missing

    def _account(self, name: str) -> state_pb2.AccountRecord:
        if name not in self._accounts:
            self._accounts[name] = self.context.client.account(name).record
        return self._accounts[name]

    def _refuse_missing(self) -> None:
        names = sorted({name for missing in self.missing.values() for name in missing})
        raise KeyProblem(
            f"{len(self.missing)} of {len(self.rows)} rows lack signatures: {', '.join(names[:5])}.",
            "The keystore here does not hold these keys; nothing was sent.",
            "Write the rows with --drafts DIR, let them run `ayni tx sign`, then `ayni tx submit` all files.",
        )

    def _write_drafts(self, directory: Path) -> ExitCode:
        network = self.context.network
        written = []
        for position, draft in self.signed.items():
            path = directory / f"line-{self.rows[position].number}.json"
            write_draft(path, draft, network.name, network.genesis_hash)
            written.append({"id": self.rows[position].row_id, "tx_id": draft.tx_id.hex(), "file": str(path)})
        document: dict[str, Any] = {"file": str(self.path), "drafts": written}
        self.context.output.result(
            "import-drafts",
            document,
            lambda console: console.print(f"{len(written)} drafts written to {directory}"),
        )
        return ExitCode.DONE

    def _show_preview(self) -> None:
        say = self.context.output.notice
        rows = _rows(len(self.rows))
        say(f"{self.path}: {rows}, {len(self.final)} final already, {len(self.signed)} to send")
        waiting = [self.rows[position] for position in self.signed]
        for one in totals(waiting):
            say(f"  {one.who} {one.does} {self._amount(one)} in {_rows(one.rows)}")
        for position, tx_id in list(self.final.items())[:SHOWN_ROWS_MAX]:
            say(f"  skipped: id {self.rows[position].row_id} is final as {tx_id.hex()}")
        if len(self.final) > SHOWN_ROWS_MAX:
            say(f"  skipped: {len(self.final) - SHOWN_ROWS_MAX} more that are final")
        for name, count in sorted(Counter(one for names in self.missing.values() for one in names).items()):
            say(f"  has no key here: {name}, in {_rows(count)}")
        if self.preview or not self.signed:
            self._result(ExitCode.DONE)

    def _amount(self, total: Total) -> str:
        if total.unit in self.context.units:
            return amount_text(total.amount_minor, self.context.units[total.unit])
        return f"{amount_text(total.amount_minor, self.classes[total.unit])} of {total.unit}"

    def _confirm(self) -> None:
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise UsageProblem(
                "The rows were not sent.",
                "There is no terminal to confirm at.",
                "Look at the preview, then say --yes.",
            )
        click.confirm(f"send {len(self.signed)} transactions?", abort=True, err=True)

    def _send(self) -> None:
        from client.flow import flow

        raws = {position: draft.envelope() for position, draft in self.signed.items()}
        by_id = {draft.tx_id: position for position, draft in self.signed.items()}
        self.context.outbox.put(raws.values())
        with click.progressbar(length=len(raws), label="sending", file=sys.stderr) as bar:
            try:
                for outcome in flow(self.context.client, raws.values(), want_receipts=True):
                    self.outcomes[by_id[outcome.tx_id]] = outcome
                    bar.update(1)
            except KeyboardInterrupt:
                self.stopped = OutcomeUnknown(
                    "Interrupted before every row had its outcome.",
                    "A node may have taken the others.",
                    "Import the file again: rows that are final are skipped.",
                )
            except (NoNode, VerificationFailed) as error:
                self.stopped = error

    def _show_outcomes(self) -> ExitCode:
        codes = [outcome.exit_code for outcome in self.outcomes.values()]
        code = worst([*codes, *([self.stopped.exit_code] if self.stopped else [])])
        self._result(code)
        final = [position for position, outcome in self.outcomes.items() if outcome.kind == "final"]
        raws = [self.signed[position].envelope() for position in final]
        take_note(self.context, list(self.outcomes.values()), final=raws)
        if self.stopped is not None and code is self.stopped.exit_code:
            raise self.stopped
        return code

    def _result(self, code: ExitCode) -> None:
        rows = [self._row_document(position) for position in range(len(self.rows))]
        document = {"file": str(self.path), "exit_code": int(code), "rows": rows}
        kinds = [str(row["outcome"]) for row in rows]

        def render(console: Console) -> None:
            if not self.outcomes and self.stopped is None:
                return
            columns = ("line", "id", "transaction", "outcome", "why")
            bad = [row for row in rows if row["outcome"] not in ("final", "skipped")]
            if bad:
                table = [
                    [str(row["line"]), row["id"], row["tx_id"][:16], row["outcome"], row["why"]]
                    for row in bad
                ]
                print_table(console, columns, table)
            console.print(", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))))

        self.context.output.result("import", document, render)

    def _row_document(self, position: int) -> dict[str, Any]:
        row = self.rows[position]
        document: dict[str, Any] = {"line": row.number, "id": row.row_id}
        if position in self.final:
            return document | {
                "tx_id": self.final[position].hex(),
                "outcome": "skipped",
                "why": "final already",
            }
        outcome = self.outcomes.get(position)
        if outcome is None:
            why = self.stopped.why if self.stopped else "preview"
            sent = self.stopped is not None and not isinstance(self.stopped, NoNode)
            state = "unknown" if sent else "not sent"
            return document | {"tx_id": self.signed[position].tx_id.hex(), "outcome": state, "why": why}
        problem = outcome.error()
        why = f"{outcome.refusal_name} {problem.why}".strip() if problem else ""
        return document | {"tx_id": outcome.tx_id.hex(), "outcome": str(outcome.kind), "why": why}


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _final_as(client: Client, body: transaction_pb2.Body) -> GetTransactionResponse | None:
    """The final transaction with this author and nonce."""
    try:
        return client.transaction_by_nonce(body.author, body.nonce)
    except UsageProblem:
        # A node that cannot look it up. A used nonce is refused by the rules all the same (T4).
        return None


def _of_another(entry: Entry, body: transaction_pb2.Body) -> str:
    """A nonce is used once by each author: with another one the same id would be done twice."""
    state = "pending" if entry.pending else "final already"
    name = entry.tx_id.hex()[:16]
    return f"its id is {state} for {body.author}, as transaction {name}; give a new row a new id"


def _draft_of(row: Row) -> Draft:
    if row.draft is None:
        raise ValueError(f"line {row.number} was not parsed")
    return row.draft


def _from_bytes(raw: bytes, signers: Sequence[str]) -> Draft:
    """The draft of bytes that were signed before: a row that is pending is sent with the same bytes."""
    signed = transaction_pb2.SignedTransaction.FromString(raw)
    signatures = tuple((one.public_key, one.signature) for one in signed.signatures)
    return Draft(signed.body, id_of(raw), tuple(signers), signatures)
