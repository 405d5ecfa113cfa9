"""Reversals: taking back a transfer, an issue, a service record or a redemption, whole or part (R1 … R6).

Decides what of an original is still there to be taken back, who loses by it and must sign, and what is
posted. It never undoes history: a reversal is a transaction of its own, dated now, that cites the original.
What is returned to whom follows from the original's signed body and from its result in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from ayni.v1 import credit_pb2, transaction_pb2
from ledger import fields, limits, records, refusals
from ledger.books import pay
from ledger.records import ReversedRecord
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, open_account, signed_by
from ledger.rules.precedence import within
from ledger.state import LoggedTransaction, State


class Original(NamedTuple):
    """What is taken back."""

    author: str
    payload: Any
    logged: LoggedTransaction


def _fields(reversal: credit_pb2.Reversal) -> Refusal | None:
    lines = [entry.line for entry in reversal.lines]
    if refusal := (
        fields.digest(reversal.original_tx_id, "reversal.original_tx_id", optional=False)
        or fields.count(reversal.lines, "reversal.lines", limits.LINES_MAX)
        or fields.text(reversal.reason, "reversal.reason", limits.REFERENCE_BYTES_MAX)
    ):
        return refusal
    for i, entry in enumerate(reversal.lines):
        if refusal := fields.amount(entry.amount_minor, f"reversal.lines[{i}].amount_minor"):
            return refusal
    refusal = fields.ascending(lines, "reversal.lines")
    return refusal and refusal._replace(field=f"{refusal.field}.line")


def _original(state: State, reversal: credit_pb2.Reversal) -> tuple[str, Original] | Refusal:
    """R1: the kind of the original, and the original."""
    tx_id = reversal.original_tx_id
    logged = state.transaction(tx_id)
    if logged is None:
        return Refusal(
            refusals.UNKNOWN_TRANSACTION,
            "reversal.original_tx_id",
            f"transaction {tx_id.hex()} is not in the log; check the id, or wait until it is final",
        )
    signed = transaction_pb2.SignedTransaction.FromString(logged.raw)
    body = transaction_pb2.Body.FromString(signed.body)
    kind = body.WhichOneof("payload") or ""
    if kind not in _KINDS:
        return Refusal(
            refusals.NOT_REVERSIBLE,
            "reversal.original_tx_id",
            f"transaction {tx_id.hex()} is of type {kind}; only {', '.join(sorted(_KINDS))} can be reversed:"
            " make a new transaction that corrects it",
        )
    return kind, Original(body.author, getattr(body, kind), logged)


def _parties(state: State, author: str, reversal: credit_pb2.Reversal) -> Sequence[Party] | Refusal:
    """R6: whoever loses by it; the author is one of them."""
    found = _original(state, reversal)
    if isinstance(found, Refusal):
        return found
    kind, original = found
    taken = _KINDS[kind]
    losers: dict[str, str] = {}
    for i, entry in enumerate(reversal.lines):
        if refusal := _check_line(entry.line, taken.lines_in(original), f"reversal.lines[{i}].line"):
            return refusal
        for account in taken.losers(original, entry.line):
            losers.setdefault(account, f"reversal.lines[{i}]")
    if author not in losers:
        return Refusal(
            refusals.NOT_PERMITTED,
            "author",
            f"{author} loses nothing by this reversal; let one who does author it: "
            f"{', '.join(list(losers)[:3])}",
        )
    return account_parties(state, losers.items())


def _check_line(line: int, count: int, field: str) -> Refusal | None:
    if line < count:
        return None
    return Refusal(
        refusals.REVERSAL_BEYOND_ORIGINAL,
        field,
        f"line {line} is not in the original, which has {count} (from 0); name one of those",
    )


def _execute(context: Context, author: str, reversal: credit_pb2.Reversal) -> Refusal | None:
    found = _original(context.state, reversal)
    if isinstance(found, Refusal):
        return found
    kind, original = found
    taken = _KINDS[kind]
    for i, entry in enumerate(reversal.lines):
        line = Line(i, entry.line, entry.amount_minor, reversal.reason)
        key = records.reversed_key(reversal.original_tx_id, entry.line)
        before = context.state.get(ReversedRecord, key)
        moved = taken.moved(original, entry.line)
        if before.amount + entry.amount_minor > moved:
            return Refusal(
                refusals.REVERSAL_BEYOND_ORIGINAL,
                f"reversal.lines[{i}].amount_minor",
                f"line {entry.line} moved {moved}, {before.amount} of it was taken back before, and this"
                f" would take back {entry.amount_minor}; at most {moved - before.amount} can be",
            )
        after = taken.take_back(context, original, line, before)
        if isinstance(after, Refusal):
            return within(after, f"reversal.lines[{i}]")
        context.state.put(key, after)
    return None


class Line(NamedTuple):
    """A line of the reversal."""

    index: int
    """Its place in the reversal."""
    line: int
    """Of the original."""
    amount: int
    reason: str


class _Kind(NamedTuple):
    """How the originals of one type are taken back."""

    lines_in: Callable[[Original], int]
    """How many lines it has."""
    moved: Callable[[Original, int], int]
    """What a line of it moved."""
    losers: Callable[[Original, int], Sequence[str]]
    """Who loses when a line of it is taken back."""
    take_back: Callable[[Context, Original, Line, ReversedRecord], ReversedRecord | Refusal]
    """Posts the negative of a part of a line; what of the line is taken back afterwards."""


# --- R2: a transfer -----------------------------------------------------------------------------------------


def _take_back_leg(
    context: Context, original: Original, line: Line, before: ReversedRecord
) -> ReversedRecord | Refusal:
    leg = original.payload.legs[line.line]
    payer = leg.payer or original.author
    refusal = open_account(context.state, payer, "line") or pay(
        context,
        leg.payee,
        payer,
        leg.unit,
        line.amount,
        line.index,
        "amount_minor",
        value_date=context.today,
        reference=line.reason,
    )
    return refusal or before._replace(amount=before.amount + line.amount)


_KINDS: Final[dict[str, _Kind]] = {
    "transfer": _Kind(
        lines_in=lambda original: len(original.payload.legs),
        moved=lambda original, line: int(original.payload.legs[line].amount_minor),
        losers=lambda original, line: (original.payload.legs[line].payee,),
        take_back=_take_back_leg,
    ),
}

REVERSAL: Final[Rule] = Rule(_fields, signed_by(_parties), _execute)
"""`reversal`."""
