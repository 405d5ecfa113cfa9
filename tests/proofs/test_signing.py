"""Which signatures verify, and which keys may be registered."""

from __future__ import annotations

from typing import Any

import pytest

from proofs.signing import KeyUnsafe, SignatureInvalid, SigningKey, check_public_key, verify
from tests.vectors.reading import load, named

VECTORS = load("signing")


@pytest.mark.parametrize("case", **named(VECTORS["sign"]))
def test_signing_gives_the_answers_of_rfc_8032(case: dict[str, Any]) -> None:
    key = SigningKey(bytes.fromhex(case["seed"]))
    message = bytes.fromhex(case["message"])

    assert case["public_key"] == key.public_key.hex()
    assert case["signature"] == key.sign(message).hex()
    verify(key.public_key, message, key.sign(message))


@pytest.mark.parametrize("case", **named(VECTORS["signatures"]))
def test_signature_is_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    arguments = [bytes.fromhex(case[name]) for name in ("public_key", "message", "signature")]
    if case["valid"]:
        verify(*arguments)
    else:
        with pytest.raises(SignatureInvalid, match=r"does not verify|bytes, not"):
            verify(*arguments)


@pytest.mark.parametrize("case", **named(VECTORS["keys"]))
def test_key_is_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    key = bytes.fromhex(case["public_key"])
    if case["valid"]:
        check_public_key(key)
    else:
        with pytest.raises(KeyUnsafe, match=r"make a new key|bytes, not"):
            check_public_key(key)


def test_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a seed has 32 bytes, not 31"):
        SigningKey(bytes(31))


def test_repr_shows_no_secret() -> None:
    key = SigningKey(bytes(range(32)))

    assert key.seed.hex() not in repr(key)
    assert key.public_key.hex() in repr(key)
