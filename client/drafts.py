"""A transaction before it is sent: its body's bytes, who must sign it, and the signatures it has.

Decides the canonical bytes of a body and of the envelope, whom a body names as signers, and how a bound
exceeded at the edge is said. Pure: nonce and expiry come in as a `Stamp`, keys as arguments; never asks a
node. The builders of each type are in client/transactions.py. Spec: docs/protocol.md (T), docs/encoding.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError, Message

from ayni.v1 import entitlements_pb2, pool_pb2, transaction_pb2
from client.errors import UsageProblem
from client.stamps import Stamp
from ledger import limits
from proofs import domains
from proofs.density import TooManyParts, check_parts
from proofs.signing import SigningKey

Payload = Message


@dataclass(frozen=True)
class Draft:
    """A body, not necessarily signed yet, and the names of those who must sign it."""

    body: bytes
    """Canonical Body bytes; exactly what is signed."""
    tx_id: bytes
    signers: tuple[str, ...]
    """Federations and accounts, the author first. A held account's organisation signs for it (T6)."""
    signatures: tuple[tuple[bytes, bytes], ...] = ()
    """(public key, signature), ascending by key."""

    def parsed(self) -> transaction_pb2.Body:
        """The body as a message."""
        return transaction_pb2.Body.FromString(self.body)

    @property
    def kind(self) -> str:
        """The type: the name of the payload field, e.g. "transfer"."""
        return self.parsed().WhichOneof("payload") or ""

    def envelope(self) -> bytes:
        """Canonical SignedTransaction bytes with the signatures there are."""
        return _envelope(self.body, self.signatures)


def draft_of(author: str, payload: Payload, stamp: Stamp, also: Iterable[str] = ()) -> Draft:
    """A draft of any payload message. `also`: signers that the body does not name (a reversal's losers).

    Raises UsageProblem when the payload is of no transaction type or a bound is exceeded.
    """
    body = transaction_pb2.Body(author=author, nonce=stamp.nonce, expires_at_ms=stamp.expires_at_ms)
    field = _FIELD_OF_PAYLOAD.get(payload.DESCRIPTOR.full_name)
    if field is None:
        raise UsageProblem(
            f"{payload.DESCRIPTOR.name} is no transaction type.",
            "Body names no such payload.",
            "Build a listed type.",
        )
    getattr(body, field).MergeFrom(payload)
    getattr(body, field).SetInParent()
    _check_envelope(body)
    encoded = body.SerializeToString(deterministic=True)
    if len(encoded) + 128 > limits.TRANSACTION_BYTES_MAX:
        raise UsageProblem(
            f"The transaction has {len(encoded):,} bytes.",
            f"At most {limits.TRANSACTION_BYTES_MAX:,} bytes travel in one.",
            "Split it into several.",
        )
    return Draft(encoded, domains.tx_id(encoded), signers_of(body, also))


def signers_of(body: transaction_pb2.Body, also: Iterable[str] = ()) -> tuple[str, ...]:
    """Whom the body itself names as having to sign, the author first (T5 and the type's rule)."""
    names = [body.author]
    match body.WhichOneof("payload"):
        case "transfer":
            names += [one.payer for one in body.transfer.legs if one.payer]
        case "rotate_keys":
            names.append(body.rotate_keys.account)
        case "issue_entitlements":
            names += [line.holder for line in body.issue_entitlements.lines]
        case "record_service":
            names += _signers_of_service(body.record_service)
        case "give_entitlements":
            names.append(body.give_entitlements.holder)
        case "donate_entitlements":
            names.append(body.donate_entitlements.holder)
        case "redeem_entitlements":
            names += [body.redeem_entitlements.holder, body.redeem_entitlements.provider]
        case "contribute_to_pool":
            names.append(body.contribute_to_pool.payer)
        case "opening":
            for line in body.opening.lines:
                one = line.balance if line.HasField("balance") else line.holding
                names += _opening_names(one)
    return tuple(dict.fromkeys([*names, *also]))


def id_of(transaction: bytes) -> bytes:
    """The id of a signed transaction. Raises google.protobuf's DecodeError on other bytes."""
    return domains.tx_id(transaction_pb2.SignedTransaction.FromString(transaction).body)


def checked_id(transaction: bytes) -> bytes:
    """The id of bytes that are to be handed in. Raises UsageProblem when no node can read them."""
    body = b""
    try:
        check_parts(transaction_pb2.SignedTransaction, transaction, limits.SIGNED_FIELDS_MAX)
        body = transaction_pb2.SignedTransaction.FromString(transaction).body
        why = "" if body else "They have no body."
    except (DecodeError, TooManyParts) as error:
        why = f"{error}."
    if len(transaction) > limits.TRANSACTION_BYTES_MAX:
        why = f"They are {len(transaction):,}, at most {limits.TRANSACTION_BYTES_MAX:,} travel in one."
    if why:
        raise UsageProblem(
            "The bytes handed in are no signed transaction.",
            why,
            "Hand in what `client.drafts.sign` returns.",
        )
    return domains.tx_id(body)


def sign(draft: Draft, keys: Iterable[SigningKey], genesis_hash: bytes) -> bytes:
    """The draft with a signature of each key (added to those it has) as canonical SignedTransaction bytes."""
    return with_signatures(draft, keys, genesis_hash).envelope()


def with_signatures(draft: Draft, keys: Iterable[SigningKey], genesis_hash: bytes) -> Draft:
    """The draft with a signature of each key added."""
    message = domains.transaction_message(genesis_hash, draft.body)
    signatures = dict(draft.signatures)
    for key in keys:
        signatures[key.public_key] = key.sign(message)
    return Draft(draft.body, draft.tx_id, draft.signers, tuple(sorted(signatures.items())))


def without_signatures(draft: Draft, public_keys: Collection[bytes]) -> Draft:
    """The draft without the signatures of these keys."""
    return replace(draft, signatures=tuple(one for one in draft.signatures if one[0] not in public_keys))


_BODY_FIELDS = transaction_pb2.Body.DESCRIPTOR.oneofs_by_name["payload"].fields
_FIELD_OF_PAYLOAD = {one.message_type.full_name: one.name for one in _BODY_FIELDS if one.message_type}


def _envelope(body: bytes, signatures: Iterable[tuple[bytes, bytes]]) -> bytes:
    signed = transaction_pb2.SignedTransaction(body=body)
    for public_key, signature in signatures:
        signed.signatures.add(public_key=public_key, signature=signature)
    return signed.SerializeToString(deterministic=True)


def _signers_of_service(payload: entitlements_pb2.RecordService) -> list[str]:
    names = list(payload.attesters)
    for line in payload.lines:
        match line.WhichOneof("paid"):
            case "credits":
                names.append(line.credits.holder)
            case "fee" if not line.fee.in_cash:
                names.append(line.recipient)
    return names


def _opening_names(one: pool_pb2.OpeningBalance | pool_pb2.OpeningHolding) -> list[str]:
    if isinstance(one, pool_pb2.OpeningBalance):
        return [one.debtor, one.creditor]
    return [one.issuer, one.holder]


def _check_envelope(body: transaction_pb2.Body) -> None:
    if not (limits.ACCOUNT_NAME.match(body.author) or limits.FEDERATION_NAME.match(body.author)):
        raise out_of_bounds(
            "author", f"'{body.author}' is no account or federation", "Write it like emilia/cadiai."
        )
    if len(body.nonce) != limits.NONCE_BYTES:
        raise out_of_bounds("nonce", f"it has {len(body.nonce)} bytes", f"It has {limits.NONCE_BYTES} bytes.")
    if not 0 < body.expires_at_ms <= limits.TIME_MAX_MS:
        raise out_of_bounds(
            "expires_at_ms", f"it is {body.expires_at_ms}", "Give a time within seven days from now."
        )


def check_count(field: str, values: Sequence[object], most: int, least: int = 1) -> None:
    """`least` to `most` of a list. Raises UsageProblem naming the field."""
    if not least <= len(values) <= most:
        raise out_of_bounds(field, f"there are {len(values)}", f"Give {least} to {most}; split what is more.")


def check_amount(field: str, amount_minor: int) -> None:
    """A positive amount within bounds. Raises UsageProblem naming the field."""
    if not 1 <= amount_minor <= limits.AMOUNT_MAX:
        raise out_of_bounds(field, f"it is {amount_minor}", f"Give 1 to {limits.AMOUNT_MAX} smallest parts.")


def check_text(field: str, text: str, bytes_max: int) -> None:
    """A text of at most `bytes_max` bytes in UTF-8. Raises UsageProblem naming the field."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # bytes of another encoding, as a shell hands them on
        raise out_of_bounds(
            field, "it is not UTF-8 text", "Type it in a terminal that is set to UTF-8."
        ) from None
    if size > bytes_max:
        raise out_of_bounds(field, f"it has {size} bytes", f"Shorten it to {bytes_max} bytes.")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):  # as ledger/fields.py has it
        raise out_of_bounds(field, "it has a control character, like a tab", "Take it out.")


def check_hash(field: str, value: bytes) -> None:
    """No hash, or one of 32 bytes. Raises UsageProblem naming the field."""
    if len(value) not in (0, limits.HASH_BYTES):
        raise out_of_bounds(field, f"it has {len(value)} bytes", f"A hash has {limits.HASH_BYTES} bytes.")


def out_of_bounds(field: str, why: str, next_step: str) -> UsageProblem:
    return UsageProblem(f"{field} is out of bounds.", f"{why[0].upper()}{why[1:]}.", next_step)
