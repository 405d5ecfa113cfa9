"""What every command that signs and sends does the same way.

Decides the order: who must sign, signatures, the id is shown, the bytes are made durable in the outbox,
then they are sent, one of the four outcomes is shown, and then the outbox takes note of it. Never builds a
transaction: the command does, with `writing.stamp()`.

    @command.command()
    @writing_options
    def donate(writing: Writing, holder: str, …) -> None:
        writing.send(transactions.donate(holder, …, writing.stamp()))
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayni.v1 import state_pb2, transaction_pb2
from client.cli.options import FILE, shared_options
from client.context import Context
from client.drafts import Draft, id_of, with_signatures, without_signatures
from client.errors import KeyProblem, NoNode, OutcomeUnknown, Refused, UsageProblem
from client.intents import Intent
from client.output import MS_PER_DAY, duration_ms, time_text
from client.signers import Signing, missing_error, plan
from client.stamps import Stamp, new_stamp, now_ms

if TYPE_CHECKING:
    from rich.console import Console

    from client.outbox import Entry
    from client.outcomes import Outcome

_A_NODES_WORD = (
    "That it never took effect is only a node's word, and sending it under another id could do it twice."
)
DRAFT_EXPIRES_IN = "1d"
"""How long a draft stays valid that others are to sign, unless it is said."""


@dataclass
class Writing:
    """One command's way from a draft to its outcome."""

    context: Context
    draft_path: Path | None = None
    """--draft: write it for others to sign, and send nothing."""
    lifetime_ms: int = 120_000
    wait_ms: int = 30_000
    replaces: str = ""
    """--replace: the id of the transaction that this one corrects; its nonce is used again."""
    again: bool = False
    """--again: the same content is meant a second time, though it is pending already."""

    def stamp(self) -> Stamp:
        """Nonce and expiry of the transaction to build. Raises UsageProblem, NotFound."""
        stamp = new_stamp(self.lifetime_ms)
        if not self.replaces:
            return stamp
        return stamp._replace(nonce=self._replaced().nonce)

    def send(self, draft: Draft) -> Outcome | None:
        """Signs, shows the id, sends, waits and shows the outcome.

        Returns the final outcome, or None when the draft was only written (--draft). Raises ClientError:
        a signature is missing, no node took it, or one of the outcomes that are not final.
        """
        self._check_replaced(draft)
        self._refuse_second_intent(draft)
        if self.draft_path is not None:
            self.write_draft(draft, self.draft_path)
            return None
        return self.send_signed(self.complete(draft))

    def complete(self, draft: Draft) -> Draft:
        """The draft with every signature that it must have and no other. Raises ClientError."""
        signed, signing = self._signed(draft)
        if signing.missing:
            raise missing_error(draft.tx_id.hex()[:16], signing.missing)
        for public_key in signing.surplus:  # which would have it refused (T5)
            self.context.output.notice(f"left out: the signature of key {public_key.hex()[:16]}, not needed")
        return without_signatures(signed, signing.surplus)

    def sign(self, draft: Draft) -> tuple[Draft, tuple[str, ...]]:
        """Signs with the keys here that must: the draft, and who is missing. Raises ClientError."""
        signed, signing = self._signed(draft)
        return signed, signing.missing

    def _signed(self, draft: Draft) -> tuple[Draft, Signing]:
        keystore = self.context.keystore
        signing = plan(draft, self.context.genesis, self._account, keystore.public_keys().values())
        keys = [key for one in signing.use if (key := keystore.signing_key_of(one)) is not None]
        return with_signatures(draft, keys, self.context.network.genesis_hash), signing

    def write_draft(self, draft: Draft, path: Path) -> None:
        """Signs with the keys here and writes the file for the others. Raises ClientError."""
        from client.draftfiles import write_draft

        try:
            signed, missing = self.sign(draft)
        except (NoNode, UsageProblem):
            # Who must sign is told by a node. Without one the file is written unsigned.
            signed, missing = draft, draft.signers
        network = self.context.network
        write_draft(path, signed, network.name, network.genesis_hash)
        document = {"tx_id": draft.tx_id.hex(), "file": str(path), "missing": list(missing)}

        def render(console: Console) -> None:
            console.print(
                f"transaction {draft.tx_id.hex()} written to {path}; not sent; valid until"
                f" {time_text(draft.parsed().expires_at_ms)}"
            )
            console.print(f"must sign still: {', '.join(missing)}" if missing else "it is complete")

        self.context.output.result("draft", document, render)

    def send_signed(self, draft: Draft) -> Outcome:
        """Sends a complete transaction and waits. Raises ClientError unless it is final."""
        output, outbox = self.context.output, self.context.outbox
        output.notice(f"transaction {draft.tx_id.hex()}")
        raw = draft.envelope()
        client = self.context.client
        outbox.put([raw])
        try:
            [outcome] = client.submit([raw], wait_ms=self.wait_ms)
        except KeyboardInterrupt:
            raise OutcomeUnknown(
                f"Interrupted before the outcome of transaction {draft.tx_id.hex()[:16]} was known.",
                "A node may have taken it.",
                f"Run `ayni tx wait {draft.tx_id.hex()[:16]}`.",
            ) from None
        except NoNode as error:
            kept = "The signed bytes are kept: `ayni tx pending --resend` sends the same ones."
            raise NoNode(error.what, error.why, f"{error.next_step} {kept}") from error
        show_outcome(self.context, outcome)
        take_note(self.context, [outcome], final=[raw] if outcome.kind == "final" else [])
        if outcome.refusal_name == "NONCE_USED":
            self._prove_used(draft)
        problem = outcome.error()
        if problem is not None:
            raise problem
        return outcome

    def _prove_used(self, draft: Draft) -> None:
        """Raises Refused naming what used the draft's nonce, when a node proves it."""
        body = draft.parsed()
        try:
            used = self.context.client.transaction_by_nonce(body.author, body.nonce)
        except (NoNode, UsageProblem):  # none that can look it up
            return
        if used is None:
            return
        tx_id = id_of(used.transaction)
        self.context.outbox.settle(tx_id, final=True)
        raise Refused(
            f"Transaction {draft.tx_id.hex()[:16]} is refused: NONCE_USED.",
            f"Transaction {tx_id.hex()[:16]} has the same nonce and is final, as its receipt proves: that one"
            " took effect, and this one did not.",
            f"See `ayni tx show {tx_id.hex()}`; only if it is meant a second time, make it anew without"
            " --replace.",
        )

    def _replaced(self) -> transaction_pb2.Body:
        """What --replace names. Raises UsageProblem, NotFound."""
        entry = self.context.outbox.entry(self.context.outbox.find(self.replaces))
        if entry is None:
            raise UsageProblem(
                f"Transaction {self.replaces} cannot be replaced.",
                "It was not sent from this home, so its nonce is not known here.",
                "Correct it where it was sent from.",
            )
        return entry.body()

    def _check_replaced(self, draft: Draft) -> None:
        """A nonce is used once by each author (T4): another author's transaction replaces nothing."""
        if not self.replaces:
            return
        first, second = self._replaced().author, draft.parsed().author
        if first != second:
            raise UsageProblem(
                f"A transaction of {second} cannot replace one of {first}.",
                "Both could take effect: only what has the same author shares the nonce.",
                f"Wait until that one is expired (`ayni tx wait {self.replaces}`), then make this one anew.",
            )

    def _account(self, name: str) -> state_pb2.AccountRecord:
        return self.context.client.account(name).record

    def _refuse_second_intent(self, draft: Draft) -> None:
        """What may still take effect is sent again or replaced: a second nonce could make it happen twice.

        That one can take effect no more is a node's word, which is not enough either.
        """
        if self.again or self.replaces:
            return
        intent = Intent(draft.parsed(), now_ms() // MS_PER_DAY)
        outbox = self.context.outbox
        for entry, earlier in outbox.bodies([*outbox.pending(), *outbox.void()]):
            if entry.tx_id != draft.tx_id and intent.same_as(earlier):
                if entry.pending:
                    raise _second_intent(entry)
                if not outbox.nonce_used(entry):
                    raise _given_up_before(entry)
        self._tell_of_second_time(intent)

    def _tell_of_second_time(self, intent: Intent) -> None:
        """Says so when the same became final lately. Not refused: a second hour of care on one day is as
        common as a command that was run twice."""
        for entry in reversed(self.context.outbox.lately_final(MS_PER_DAY / 1000)):
            with suppress(KeyProblem, FileNotFoundError):  # what cannot be read keeps nobody from paying
                if intent.same_as(entry.body()):
                    sys.stderr.write(
                        f"note: the same content was sent at {time_text(int(entry.signed_at * 1000))} as"
                        f" transaction {entry.tx_id.hex()[:16]} and is final; this does it a second time\n"
                    )
                    return


def writing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the shared options and those of writing; the command's first argument becomes a `Writing`."""

    @shared_options
    @click.option(
        "--draft",
        "draft_path",
        type=FILE,
        default=None,
        help="Sign with the keys here, write it to this file for others, send nothing.",
    )
    @click.option(
        "--expires-in",
        default=None,
        help="How long it stays valid: 90s, 10m, 6h, 7d (at most 7d). Default: 2m; of a draft 1d.",
    )
    @click.option(
        "--wait",
        "wait_ms",
        callback=_duration_ms,
        default="30s",
        show_default=True,
        help="How long to wait for the outcome.",
    )
    @click.option(
        "--replace",
        "replaces",
        default="",
        metavar="ID",
        help="Correct that transaction: same nonce, so at most one of both takes effect.",
    )
    @click.option(
        "--again", is_flag=True, help="Mean it a second time though the same is pending, or was given up."
    )
    @functools.wraps(function)
    def wrapped(
        context: Context,
        *args: Any,
        draft_path: Path | None,
        expires_in: str | None,
        wait_ms: int,
        replaces: str,
        again: bool,
        **kwargs: Any,
    ) -> Any:
        lifetime_ms = duration_ms(expires_in or ("2m" if draft_path is None else DRAFT_EXPIRES_IN))
        return function(Writing(context, draft_path, lifetime_ms, wait_ms, replaces, again), *args, **kwargs)

    return wrapped


def tell_expired(context: Context, draft: Draft) -> None:
    """Says of a file that is looked at or signed that its time is over: no signature helps it any more."""
    expires_at_ms = draft.parsed().expires_at_ms
    if expires_at_ms < now_ms():
        context.output.notice(
            f"it was valid until {time_text(expires_at_ms)}, which is past by this machine's clock: no node"
            " takes it any more; make it anew"
        )


def show_outcome(context: Context, outcome: Outcome) -> None:
    """Shows one outcome; one that is not final is followed by its three lines."""
    refusal = outcome.refusal
    document: dict[str, Any] = {"tx_id": outcome.tx_id.hex(), "outcome": str(outcome.kind)}
    if outcome.kind == "final":
        document |= {
            "height": outcome.height,
            "log_index": outcome.log_index,
            "receipt": outcome.receipt is not None,
        }
    lines = list(outcome.result.issuer_only_lines) if outcome.result is not None else []
    if lines:
        document["issuer_only_lines"] = lines
    if refusal is not None:
        document["refusal"] = {
            "code": outcome.refusal_name,
            "field": refusal.field,
            "message": refusal.message,
            "final_after_ms": refusal.final_after_ms,
        }

    def render(console: Console) -> None:
        if outcome.kind == "final":
            verified = "; receipt verified" if outcome.receipt is not None else ""
            console.print(f"final in block {outcome.height}, log position {outcome.log_index}{verified}")
        if lines:
            console.print(
                "redeemable only at the issuer, which has no room under its ceiling: the hours of line"
                f" {', '.join(map(str, lines))} (counted from 0)",
                soft_wrap=True,
            )

    context.output.result("outcome", document, render)


def take_note(context: Context, outcomes: Sequence[Outcome], final: Iterable[bytes] = ()) -> None:
    """Takes note in the outbox of outcomes that were shown. `final`: the bytes of what is final of them.

    Shown first: whoever is cut off in between finds them pending, and does not think they were never sent.
    And what was shown stands, whatever becomes of the outbox.
    """
    try:
        for outcome in outcomes:
            context.outbox.hear(outcome)
        context.outbox.forget_replaced(final)
    except (OSError, KeyProblem) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem.what
        notice = f"the outbox could not take note of it ({why}); `ayni tx pending` may still list it"
        sys.stderr.write(f"{notice}\n")


def _second_intent(entry: Entry) -> UsageProblem:
    name = entry.tx_id.hex()[:16]
    why = "It may still take effect, and sending it under another id could do it twice."
    if not entry.refused:
        return UsageProblem(
            f"The same content is pending already as transaction {name}.",
            why,
            "Run `ayni tx pending --resend`; if it is really meant twice, say --again.",
        )
    expires_at_ms = entry.body().expires_at_ms
    is_over = expires_at_ms < now_ms()
    if is_over:
        why = _A_NODES_WORD
    return UsageProblem(
        f"The same content was refused before ({entry.refused}) as transaction {name}, which"
        f" {'was' if is_over else 'is'} valid until {time_text(expires_at_ms)}.",
        why,
        f"Say --replace {name}: then at most one of both takes effect; if it is meant twice, say --again.",
    )


def _given_up_before(entry: Entry) -> UsageProblem:
    name = entry.tx_id.hex()[:16]
    return UsageProblem(
        f"The same content was sent before as transaction {name}, and given up.",
        _A_NODES_WORD,
        f"Say --replace {name}: then at most one of both takes effect; if it is meant twice, say --again.",
    )


def _duration_ms(context: click.Context, option: click.Parameter, text: str) -> int:
    return duration_ms(text)
