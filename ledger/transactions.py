"""From bytes to a transaction whose form, bounds and signatures are right (T1, T3); without state.

The answer depends on the bytes and the genesis hash alone, so that a node may remember it by the bytes, and
verify each signature once (`node/mempool.py`). What needs the state is in `apply.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple

from ayni.v1 import transaction_pb2
from ledger import limits, refusals
from ledger.apply import RULES
from ledger.fields import invalid, quoted
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from ledger.wire import NotCanonical, check
from proofs import domains
from proofs.signing import SignatureInvalid, verify

_parsed: Final[Callable[[tuple[Any, ...]], ParsedTransaction]] = partial(tuple.__new__, ParsedTransaction)


def parse_transaction(raw: bytes, genesis_hash: bytes) -> ParsedTransaction | Refusal:
    """The transaction that `raw` is, or why it cannot be one on this network (T1, T3).

    `raw`: bytes of a SignedTransaction, as received. `genesis_hash`: 32 bytes. Never raises.
    """
    return parse_transactions((raw,), genesis_hash)[0]


def parse_transactions(
    raws: Iterable[bytes], genesis_hash: bytes, *, verified: bool = False
) -> list[ParsedTransaction | Refusal]:
    """The same of each of `raws`, in order. `verified`: `signatures_verify` said so of them.

    All are read before the first signature is verified: by turns, each would find the core's caches full of
    the other's, and a transfer would take 5 µs more of some 60.
    """
    read = [_read(raw) for raw in raws]
    return [each if isinstance(each, Refusal) else _signed(each, genesis_hash, verified) for each in read]


def signatures_verify(raws: Iterable[bytes], genesis_hash: bytes) -> bool:
    """Whether every signature in `raws` verifies, and of each there are not too many; nothing else: neither
    their form (T1) nor the signatures' order (T3). Never raises."""
    try:
        for raw in raws:
            if len(raw) > limits.TRANSACTION_BYTES_MAX:
                return False
            signed = check(transaction_pb2.SignedTransaction, raw, limits.SIGNED_FIELDS_MAX)
            if len(signed.signatures) > limits.SIGNATURES_MAX:
                return False
            message = domains.transaction_message(genesis_hash, signed.body)
            for each in signed.signatures[:]:
                verify(each.public_key, message, each.signature)
    except (NotCanonical, SignatureInvalid):
        return False
    return True


class _Unverified(NamedTuple):
    """A transaction whose form and bounds are right, whoever signed it."""

    raw: bytes
    body_bytes: bytes
    signatures: list[tuple[bytes, bytes]]
    """Public key and signature of each signer, of any length."""
    author: str
    nonce: bytes
    expires_at_ms: int
    kind: str
    payload: Any


_unverified: Final[Callable[[tuple[Any, ...]], _Unverified]] = partial(tuple.__new__, _Unverified)


def _read(raw: bytes) -> _Unverified | Refusal:
    """T1."""
    if len(raw) > limits.TRANSACTION_BYTES_MAX:
        return Refusal(
            refusals.TOO_LARGE,
            "",
            f"the transaction has {len(raw)} bytes, more than {limits.TRANSACTION_BYTES_MAX}: split it",
        )
    try:
        signed = check(transaction_pb2.SignedTransaction, raw, limits.SIGNED_FIELDS_MAX)
        body_bytes = signed.body
        body = check(transaction_pb2.Body, body_bytes)
    except NotCanonical as error:
        return Refusal(
            refusals.NOT_CANONICAL, error.path, f"{error}; encode it as docs/encoding.md says and sign again"
        )
    author, nonce, expires_at_ms = body.author, body.nonce, body.expires_at_ms
    kind = body.WhichOneof("payload")
    if refusal := _check_envelope(author, nonce, expires_at_ms, kind, len(signed.signatures)):
        return refusal
    signatures = [(each.public_key, each.signature) for each in signed.signatures[:]]
    rule = RULES[kind]
    payload = rule.read(getattr(body, kind))
    if refusal := rule.fields(payload):
        return refusal
    return _unverified((raw, body_bytes, signatures, author, nonce, expires_at_ms, kind, payload))


def _signed(read: _Unverified, genesis_hash: bytes, verified: bool) -> ParsedTransaction | Refusal:
    """T3."""
    raw, body_bytes, signatures, author, nonce, expires_at_ms, kind, payload = read
    message = domains.transaction_message(genesis_hash, body_bytes)
    keys = []
    previous = b""
    for index, (key, signature) in enumerate(signatures):
        if len(key) != 32 or len(signature) != 64:
            return invalid(f"signatures[{index}]", "a public key has 32 bytes and a signature 64")
        if key <= previous:
            return invalid(
                f"signatures[{index}].public_key",
                "signatures are ascending by public key, no key twice: sort them",
            )
        previous = key
        try:
            if not verified:
                verify(key, message, signature)
        except SignatureInvalid as error:
            return Refusal(
                refusals.SIGNATURE_INVALID,
                f"signatures[{index}]",
                f"the signature of key {key.hex()[:16]}… does not verify ({error}): the body was changed"
                " after signing, or it was signed for another network; sign it again on this one",
            )
        keys.append(key)
    tx_id = domains.tx_id(body_bytes)
    return _parsed((raw, author, nonce, expires_at_ms, tx_id, kind, payload, frozenset(keys)))


def _check_envelope(
    author: str, nonce: bytes, expires_at_ms: int, kind: str | None, signatures: int
) -> Refusal | None:
    if (
        not (limits.ACCOUNT_NAME.match(author) or limits.FEDERATION_NAME.match(author))
        or author == limits.POOL
    ):
        return invalid(
            "author",
            f"{quoted(author)} is no account or federation; write federation/organisation[:sub] or"
            " federation",
        )
    if len(nonce) != limits.NONCE_BYTES:
        return invalid("nonce", f"the nonce has {len(nonce)} bytes; it must have {limits.NONCE_BYTES}")
    if not 1 <= expires_at_ms <= limits.TIME_MAX_MS:
        return invalid(
            "expires_at_ms", f"expires_at_ms is {expires_at_ms}; it must be Unix milliseconds, not 0"
        )
    if kind is None:
        return invalid("payload", "the transaction says nothing; give it a payload")
    if kind not in RULES:
        return invalid("payload", f"there is no rule for {kind!r} in this version")
    if signatures > limits.SIGNATURES_MAX:
        return invalid(
            "signatures",
            f"there are {signatures} signatures; at most {limits.SIGNATURES_MAX} are allowed: split it, so"
            " that fewer have to sign each",
        )
    return None
