"""Reversals: taking back a transfer, an issue, a service record or a redemption, whole or part (R1 … R6).

Decides what of an original is still there to be taken back and who must sign; what each type posts is in
`originals.py`. A reversal never undoes history: it is a transaction of its own, dated now, that cites the
original.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ayni.v1 import credit_pb2, transaction_pb2
from ledger import fields, limits, records, refusals
from ledger.amounts import shown
from ledger.records import ReversedRecord
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_parties, signed_by
from ledger.rules.classes import find_class
from ledger.rules.originals import REVERSIBLE, Line, Original, TransferOriginal, still_open
from ledger.state import LoggedTransaction, State

_NAMES_SHOWN_MAX: Final = 3


def _fields(reversal: credit_pb2.Reversal) -> Refusal | None:
    if refusal := (
        fields.digest(reversal.original_tx_id, "reversal.original_tx_id", optional=False)
        or fields.count(reversal.lines, "reversal.lines", limits.LINES_MAX)
    ):
        return refusal
    for i, entry in enumerate(reversal.lines):
        if refusal := fields.amount(entry.amount_minor, f"reversal.lines[{i}].amount_minor"):
            return refusal
    if refusal := fields.ascending([entry.line for entry in reversal.lines], "reversal.lines"):
        return refusal._replace(field=f"{refusal.field}.line")
    return fields.text(reversal.reason, "reversal.reason", limits.REFERENCE_BYTES_MAX)


def _original(
    state: State, reversal: credit_pb2.Reversal, logged: LoggedTransaction | None
) -> Original | Refusal:
    """R1."""
    tx_id = reversal.original_tx_id
    if logged is None:
        return Refusal(
            refusals.UNKNOWN_TRANSACTION,
            "reversal.original_tx_id",
            f"transaction {tx_id.hex()} is not in the log; check the id, or wait until it is final",
        )
    body = transaction_pb2.Body.FromString(transaction_pb2.SignedTransaction.FromString(logged.raw).body)
    kind = body.WhichOneof("payload") or ""
    if kind == "transfer":
        return TransferOriginal(body.author, body.transfer)
    if kind not in REVERSIBLE:
        return Refusal(
            refusals.NOT_REVERSIBLE,
            "reversal.original_tx_id",
            f"transaction {tx_id.hex()} is of type {kind}; only transfer, {', '.join(REVERSIBLE)} can be"
            " reversed: make a transaction that corrects it",
        )
    payload = getattr(body, kind)
    policy = find_class(state, payload.class_id, "reversal.original_tx_id")
    if isinstance(policy, Refusal):
        return policy
    return REVERSIBLE[kind](body.author, payload, logged, policy)


def _parties(state: State, author: str, reversal: credit_pb2.Reversal) -> Sequence[Party] | Refusal:
    """R6: whoever loses by it; the author is one of them."""
    original = _original(state, reversal, state.cite(reversal.original_tx_id))
    if isinstance(original, Refusal):
        return original
    count = original.lines()
    losers: dict[str, str] = {}
    for i, entry in enumerate(reversal.lines):
        if entry.line >= count:
            return Refusal(
                refusals.REVERSAL_BEYOND_ORIGINAL,
                f"reversal.lines[{i}].line",
                f"line {entry.line} is not in the original, which has 0 to {count - 1}; name one of those",
            )
        for account in original.losers(entry.line):
            losers.setdefault(account, f"reversal.lines[{i}]")
    if author not in losers:
        return Refusal(
            refusals.NOT_PERMITTED,
            "author",
            f"{author} loses nothing by this reversal; let one who does author it:"
            f" {', '.join(list(losers)[:_NAMES_SHOWN_MAX])}",
        )
    for account, field in losers.items():
        if refusal := still_open(state, account, field):
            return refusal
    return account_parties(state, losers.items())


def _execute(context: Context, author: str, reversal: credit_pb2.Reversal) -> Refusal | None:
    state = context.state
    original = _original(state, reversal, state.transaction(reversal.original_tx_id))
    if isinstance(original, Refusal):
        return original
    for index, entry in enumerate(reversal.lines):
        line = Line(index, entry.line, entry.amount_minor, reversal.reason)
        key = records.reversed_key(reversal.original_tx_id, entry.line)
        before = state.get(ReversedRecord, key)
        after = _within_original(state, original, line, before) or original.take_back(context, line, before)
        if isinstance(after, Refusal):
            return after
        state.put(key, after)
    return original.finish()


def _within_original(state: State, original: Original, line: Line, before: ReversedRecord) -> Refusal | None:
    """R1: cumulatively at most the original."""
    moved = original.moved(line.original_line)
    if before.amount + line.amount <= moved:
        return None
    unit = original.unit(line.original_line)
    return Refusal(
        refusals.REVERSAL_BEYOND_ORIGINAL,
        line.field,
        f"line {line.original_line} moved {shown(state, moved, unit)}, and"
        f" {shown(state, before.amount, unit)} of it was taken back before; {shown(state, line.amount, unit)}"
        f" was asked, at most {shown(state, moved - before.amount, unit)} can be taken back",
    )


REVERSAL: Final[Rule] = Rule(_fields, signed_by(_parties), _execute, cites=True)
"""`reversal`."""
