"""Ed25519 for many nodes in one process: each signature is verified for real, once.

Verification is a pure function of its bytes, so what it said once it says again; libsodium still decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from proofs import signing


@contextmanager
def remembered() -> Iterator[None]:
    """While it lasts, libsodium is asked once about each signature, and each key."""
    keys: Any = signing  # a name that it imports, and does not say it exports
    original, original_of_keys = signing.open_signed, keys.crypto_core_ed25519_is_valid_point
    known: dict[tuple[bytes, bytes], int] = {}

    def open_signed(message: Any, length: Any, signed: bytes, signed_length: int, public_key: bytes) -> int:
        question = (signed, public_key)
        answer = known.get(question)
        if answer is None:
            answer = known[question] = original(message, length, signed, signed_length, public_key)
        return answer

    signing.open_signed = open_signed
    keys.crypto_core_ed25519_is_valid_point = cache(original_of_keys)
    try:
        yield
    finally:
        signing.open_signed, keys.crypto_core_ed25519_is_valid_point = original, original_of_keys
