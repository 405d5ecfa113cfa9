"""Ed25519 and the form of transactions for many nodes in one process: each is worked out for real, once.

Both are pure functions of bytes, so what they said once they say again. What libsodium signs in a run
verifies under that key: that is what a signature is. About every other signature libsodium is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from nacl import bindings

from ledger import transactions
from ledger.refusals import Refusal
from ledger.rule import ParsedTransaction
from node import startup
from proofs import signing

PUBLIC_KEY_AT = 32
"""libsodium's secret key is the seed and, from here, the public key."""


@contextmanager
def remembered() -> Iterator[None]:
    """While it lasts, each signature is verified once, and each transaction parsed once."""
    opens = signing.open_signed
    answers: dict[tuple[bytes, bytes], int] = {}
    parsed: dict[tuple[bytes, bytes], ParsedTransaction | Refusal] = {}

    def open_signed(message: Any, length: Any, signed: bytes, signed_length: int, public_key: bytes) -> int:
        question = (signed, public_key)
        answer = answers.get(question)
        if answer is None:
            answer = answers[question] = opens(message, length, signed, signed_length, public_key)
        return answer

    def crypto_sign(message: bytes, secret_key: bytes) -> bytes:
        signed = bindings.crypto_sign(message, secret_key)
        answers[signed, secret_key[PUBLIC_KEY_AT:]] = 0
        return signed

    def parse_transactions(raws: Iterable[bytes], genesis_hash: bytes) -> list[ParsedTransaction | Refusal]:
        answers = []
        for raw in raws:
            question = (raw, genesis_hash)
            answer = parsed.get(question)
            if answer is None:
                answer = parsed[question] = transactions.parse_transaction(raw, genesis_hash)
            answers.append(answer)
        return answers

    with ExitStack() as stack:
        _replace(stack, signing, "open_signed", open_signed)
        _replace(stack, signing, "crypto_sign", crypto_sign)
        _replace(stack, startup, "parse_transactions", parse_transactions)
        yield


def _replace(stack: ExitStack, module: ModuleType, name: str, by: Callable[..., Any]) -> None:
    stack.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, by)
