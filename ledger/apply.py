"""One table from transaction type to rule, and the order in which a transaction is judged (T4 … T8).

`RULES` is the list of transaction types. Adding one touches: the .proto, a rule module, its row here,
a CLI command and a case file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from ledger import limits, refusals
from ledger.invariants import InvariantBroken, check_writes
from ledger.refusals import Refusal
from ledger.rule import Context, ParsedTransaction, Posting, Rule
from ledger.rules import (
    accounts,
    classes,
    closing,
    entitlements,
    members,
    pool,
    reversals,
    service,
    settlement,
    transfers,
)
from ledger.state import LoggedTransaction, Overlay, State

RULES: Final[dict[str, Rule]] = {
    "decision": members.DECISION,
    "suspend_organisation": members.SUSPEND,
    "open_accounts": accounts.OPEN,
    "close_accounts": closing.CLOSE,
    "set_limits": accounts.SET_LIMITS,
    "rotate_keys": accounts.ROTATE_KEYS,
    "transfer": transfers.TRANSFER,
    "reversal": reversals.REVERSAL,
    "define_class": classes.DEFINE_CLASS,
    "issue_entitlements": entitlements.ISSUE,
    "record_service": service.RECORD_SERVICE,
    "give_entitlements": entitlements.GIVE,
    "donate_entitlements": entitlements.DONATE,
    "redeem_entitlements": entitlements.REDEEM,
    "contribute_to_pool": pool.CONTRIBUTE,
    "close_period": settlement.CLOSE_PERIOD,
    "opening": pool.OPENING,
}


class Accepted(NamedTuple):
    """A transaction that was executed: what it found out, and its lines in the books."""

    result: bytes
    """Canonical Result bytes."""
    postings: list[Posting]


_logged: Final[Callable[[tuple[Any, ...]], LoggedTransaction]] = partial(tuple.__new__, LoggedTransaction)
_accepted: Final[Callable[[tuple[Any, ...]], Accepted]] = partial(tuple.__new__, Accepted)


def apply_transaction(
    overlay: Overlay, tx: ParsedTransaction, height: int, time_ms: int, log_index: int
) -> Accepted | Refusal:
    """Executes `tx` as transaction `log_index` of the log, in a block of this height and time.

    On acceptance its writes are in `overlay`; on refusal nothing is (T8). Refusals that may pass later
    carry the transaction's own expiry as `final_after_ms`.
    """
    state = State(overlay)
    if refusal := _check_time_and_nonce(state, tx, time_ms):
        return refusal
    rule = RULES[tx.kind]
    if refusal := rule.authorise(state, tx):
        # F1: of who must sign, only a body that names its author once more has a field out of bounds.
        return refusal if refusal.code == refusals.FIELD_INVALID else _until_expiry(refusal, tx)
    context = Context(state, height, time_ms, log_index, tx.tx_id)
    if refusal := rule.execute(context, tx.author, tx.payload):
        return _until_expiry(refusal, tx)
    try:
        check_writes(overlay, state.writes)
    except InvariantBroken as error:
        return Refusal(
            refusals.INVARIANT,
            "",
            f"executing this would break an invariant ({error}); it was not executed: report it",
            tx.expires_at_ms,
        )
    result = context.result_bytes()
    overlay.writes.update(state.writes)
    overlay.transactions[tx.tx_id] = _logged((log_index, height, tx.raw, result))
    overlay.nonces[tx.author, tx.nonce] = tx.tx_id
    return _accepted((result, context.postings))


def _until_expiry(refusal: Refusal, tx: ParsedTransaction) -> Refusal:
    """When it is for ever: at the expiry; at once for SELF, which the body alone decides."""
    return refusal._replace(final_after_ms=0 if refusal.code == refusals.SELF else tx.expires_at_ms)


def _check_time_and_nonce(state: State, tx: ParsedTransaction, time_ms: int) -> Refusal | None:
    """T4."""
    expires = tx.expires_at_ms
    if time_ms > expires:
        return Refusal(
            refusals.EXPIRED,
            "expires_at_ms",
            f"it expired at {expires} and the ledger's time is {time_ms} (Unix ms);"
            " make it anew with the same nonce",
            expires,
        )
    if expires > time_ms + limits.EXPIRY_AHEAD_MAX_MS:
        return Refusal(
            refusals.EXPIRES_TOO_FAR,
            "expires_at_ms",
            f"it expires at {expires}, more than 7 days after the ledger's time {time_ms} (Unix ms);"
            " choose an earlier expiry",
            expires,
        )
    used = state.nonce(tx.author, tx.nonce)
    if used is not None:
        if used == tx.tx_id:
            said = "this transaction is already in the log; ask for its receipt"
        else:
            said = f"{tx.author} used this nonce already; if you mean another intent, take a new nonce"
        return Refusal(
            refusals.NONCE_USED,
            "nonce",
            f"{said} (transaction {used.hex()})",
        )
    return None
