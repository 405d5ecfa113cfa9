"""The four outcomes of a transaction, as the client shows them.

Decides what is a definite outcome, what each outcome says in three lines, that a final one is believed
only with a receipt that verifies, and an expired one only when the clock agrees. Never asks a node. Spec:
docs/protocol.md (T), DESIGN 4.1: final (with receipt), refused now, expired, unknown and safe to resubmit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from google.protobuf.message import DecodeError

from ayni.v1 import ledger_service_pb2, receipt_pb2, result_pb2, transaction_pb2
from client.errors import ClientError, ExitCode, Expired, OutcomeUnknown, Refused, VerificationFailed
from client.output import time_text
from proofs.density import LEDGER_PARTS_FREE, TooManyParts, check_parts
from proofs.receipts import ReceiptInvalid, VerifiedReceipt, verify_receipt

BLOCK_AHEAD_MAX_MS = 10_000
"""So far ahead of a voter's clock may a block's time be (B2)."""


class Kind(StrEnum):
    """The four."""

    FINAL = "final"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """What became of one transaction."""

    tx_id: bytes
    """32 bytes; empty when the node could not read the bytes."""
    kind: Kind
    height: int = 0
    """Final: of the including block."""
    log_index: int = 0
    """Final: the position in the log, from 0."""
    result: result_pb2.Result | None = None
    """Final: what the rules found out."""
    receipt: receipt_pb2.Receipt | None = None
    """Final, when wanted: verified."""
    refusal: result_pb2.Refusal | None = None
    retry_after_ms: int = 0
    """Unknown: when it makes sense to send the same bytes again."""
    early: bool = False
    """Unknown: a node says that it has expired, and by this machine's clock it has not."""

    @property
    def definite(self) -> bool:
        """Whether these bytes can have no other outcome any more.

        Bytes refused for what the ledger holds now (a balance) stay valid until they expire.
        """
        match self.kind:
            case Kind.FINAL | Kind.EXPIRED:
                return True
            case Kind.REFUSED:
                return self.refusal is not None and self.refusal.final_after_ms == 0
            case Kind.UNKNOWN:
                return False

    @property
    def exit_code(self) -> ExitCode:
        """What the shell is told."""
        return _EXIT_CODES[self.kind]

    @property
    def refusal_name(self) -> str:
        """The refusal's code in words: "LIMIT_EXCEEDED"; empty when it was not refused."""
        if self.refusal is None:
            return ""
        return refusal_name(self.refusal)

    def error(self) -> ClientError | None:
        """What to tell when it is not final: None when it is."""
        name = short_id(self.tx_id)
        match self.kind:
            case Kind.FINAL:
                return None
            case Kind.REFUSED:
                return _refused(name, self.refusal or result_pb2.Refusal())
            case Kind.EXPIRED:
                return Expired(
                    f"Transaction {name} has expired.",
                    "By the node's word a final block is past its time, and the log does not hold it.",
                    "If it is still meant, make it anew; "
                    f"with `--replace {name}` at most one of both takes effect, whatever the node says.",
                )
            case Kind.UNKNOWN if self.early:
                return OutcomeUnknown(
                    f"The outcome of transaction {name} is not known yet.",
                    "A node says that it has expired, and by this machine's clock it is valid still:"
                    " one of the two clocks is wrong, or the node lies.",
                    f"Look at the clock, or ask another node with --node; then run `ayni tx wait {name}`.",
                )
            case Kind.UNKNOWN:
                return OutcomeUnknown(
                    f"The outcome of transaction {name} is not known yet.",
                    "No final block held it in the time given; a node may have taken it.",
                    f"Run `ayni tx wait {name}`; `ayni tx pending --resend` sends the same bytes, safely.",
                )


_EXIT_CODES = {
    Kind.FINAL: ExitCode.DONE,
    Kind.REFUSED: ExitCode.REFUSED,
    Kind.EXPIRED: ExitCode.EXPIRED,
    Kind.UNKNOWN: ExitCode.UNKNOWN,
}
_KINDS = {
    ledger_service_pb2.OUTCOME_KIND_FINAL: Kind.FINAL,
    ledger_service_pb2.OUTCOME_KIND_REFUSED: Kind.REFUSED,
    ledger_service_pb2.OUTCOME_KIND_EXPIRED: Kind.EXPIRED,
}


def refusal_name(refusal: result_pb2.Refusal) -> str:
    """A refusal's code in words: "LIMIT_EXCEEDED"; a code this version does not know as its number."""
    try:
        return str(result_pb2.RefusalCode.Name(refusal.code)).removeprefix("REFUSAL_CODE_")
    except ValueError:
        return f"code {refusal.code}"


def short_id(tx_id: bytes) -> str:
    """A transaction id as it is shown: 16 hex digits are enough to name it in this home."""
    return tx_id.hex()[:16] if tx_id else "(unreadable)"


def outcome_of(
    message: ledger_service_pb2.Outcome,
    genesis_hash: bytes,
    *,
    tx_id: bytes = b"",
    receipt_wanted: bool = False,
) -> Outcome:
    """What a node says, with its receipt verified.

    `tx_id`: what was asked about, when known. Raises VerificationFailed when the node's receipt is
    missing though wanted, does not verify, is of another transaction, or proves something else.
    """
    kind = _KINDS.get(message.kind, Kind.UNKNOWN)
    if tx_id and message.tx_id and message.tx_id != tx_id:
        raise VerificationFailed(
            f"The node answered about transaction {short_id(message.tx_id)}.",
            f"It was asked about {short_id(tx_id)}.",
            "Ask another node with --node.",
        )
    tx_id = tx_id or message.tx_id
    if kind is not Kind.FINAL:
        refusal = message.refusal if message.HasField("refusal") else None
        return Outcome(tx_id, kind, refusal=refusal, retry_after_ms=message.retry_after_ms)
    try:
        check_parts(result_pb2.Result, message.result, free=LEDGER_PARTS_FREE)
        result = result_pb2.Result.FromString(message.result)
    except (DecodeError, TooManyParts):
        raise VerificationFailed(
            f"The node's answer about transaction {short_id(tx_id)} cannot be right.",
            "Its result is none.",
            "Ask another node with --node.",
        ) from None
    final = Outcome(tx_id, kind, message.height, message.log_index, result)
    if not (receipt_wanted or message.HasField("receipt")):
        return final
    return with_receipt(final, message.receipt, genesis_hash)


def judged(outcome: Outcome, transaction: bytes, now_ms: int) -> Outcome:
    """The outcome of bytes that are at hand, which say themselves until when they are valid.

    That they have expired is believed when this machine's clock agrees: a final block is no further ahead
    of it than blocks may be (B2). Until when what is refused can be accepted is not the node's to say.
    """
    if outcome.kind is Kind.FINAL or outcome.kind is Kind.UNKNOWN:
        return outcome
    signed = transaction_pb2.SignedTransaction.FromString(transaction)
    expires_at_ms = transaction_pb2.Body.FromString(signed.body).expires_at_ms
    if outcome.kind is Kind.EXPIRED and now_ms + BLOCK_AHEAD_MAX_MS < expires_at_ms:
        return Outcome(outcome.tx_id, Kind.UNKNOWN, early=True)
    if outcome.refusal is None or outcome.refusal.final_after_ms in (0, expires_at_ms):
        return outcome
    refusal = result_pb2.Refusal()
    refusal.CopyFrom(outcome.refusal)
    refusal.final_after_ms = expires_at_ms
    return replace(outcome, refusal=refusal)


def replaced_outcome(tx_id: bytes, used_by: bytes) -> Outcome:
    """Of what can never become final, whatever a node says, because `used_by` is, with its nonce (T4)."""
    refusal = result_pb2.Refusal(
        code=result_pb2.REFUSAL_CODE_NONCE_USED,
        field="nonce",
        message=f"Transaction {used_by.hex()} has the same nonce and is final: that one took effect.",
    )
    return Outcome(tx_id, Kind.REFUSED, refusal=refusal)


def with_receipt(final: Outcome, receipt: receipt_pb2.Receipt, genesis_hash: bytes) -> Outcome:
    """A final outcome with the receipt that proves all it says. Raises VerificationFailed.

    The block's height alone is not proven, but that it is none after the receipt's.
    """
    verified = check_receipt(receipt, genesis_hash, final.tx_id)
    proven = (verified.log_index, verified.result)
    if (final.log_index, final.result) != proven or not 1 <= final.height <= verified.height:
        raise VerificationFailed(
            f"The node contradicts the receipt of transaction {short_id(final.tx_id)}.",
            f"It says block {final.height}, log position {final.log_index}; proven is position"
            f" {verified.log_index}, in a block up to {verified.height}, with its result.",
            "Ask another node with --node.",
        )
    return replace(final, receipt=receipt)


def check_receipt(receipt: receipt_pb2.Receipt, genesis_hash: bytes, tx_id: bytes) -> VerifiedReceipt:
    """What a receipt proves, of this transaction. Raises VerificationFailed."""
    try:
        verified = verify_receipt(receipt, genesis_hash)
        if tx_id and verified.tx_id != tx_id:
            raise ReceiptInvalid(f"transaction: it is {short_id(verified.tx_id)}")
    except ReceiptInvalid as error:
        raise VerificationFailed(
            f"The receipt of transaction {short_id(tx_id)} does not verify.",
            f"{error}.",
            "Do not take it as final; ask another node with --node.",
        ) from error
    return verified


def _refused(name: str, refusal: result_pb2.Refusal) -> Refused:
    where = f" at {refusal.field}" if refusal.field else ""
    until = time_text(refusal.final_after_ms)
    if refusal.code == result_pb2.REFUSAL_CODE_EXPIRED:
        return Refused(
            f"Transaction {name} is refused: EXPIRED{where}.",
            f"It was valid until {until}, and the node takes it no more; no final block is past that yet.",
            f"`ayni tx wait {name}` says for certain when one is, within minutes; "
            f"making it anew with `--replace {name}` is safe at once.",
        )
    if refusal.code == result_pb2.REFUSAL_CODE_NONCE_USED:
        next_step = (
            "What used the nonce took effect: look at it before anything is made anew, and say --again only "
            "if it is meant a second time."
        )
    elif refusal.final_after_ms:
        next_step = (
            f"It is not void: handed in again by anybody until {until}, these bytes can still become final. "
            f"Wait until then, or correct them with `--replace {name}`."
        )
    else:
        next_step = (
            "These bytes will never be accepted: correct what is at fault and make it anew; "
            f"with `--replace {name}` at most one of both takes effect, whatever the node says."
        )
    return Refused(
        f"Transaction {name} is refused: {refusal_name(refusal)}{where}.",
        refusal.message or "The node gave no reason.",
        next_step,
    )
