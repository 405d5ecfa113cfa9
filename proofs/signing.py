"""Ed25519, under one rule set: what a valid signature is, and which public keys may be registered.

The rules are libsodium's strict ones (docs/encoding.md): S below the group order, A and R canonical,
neither of small order, and the equation without the cofactor. Never decides who must sign what.
Vectors: tests/vectors/signing.json; they hold an upgrade of libsodium to the same rules.

Verifies by libsodium's own function, with the lengths checked here: PyNaCl's binding of it copies the
message out again, its convenience classes cost as much as a tenth of a verification.
"""

from collections.abc import Callable
from typing import Any

from nacl._sodium import ffi, lib  # type: ignore[import-not-found]  # compiled, without stubs
from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_seed_keypair,
)

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
SEED_BYTES = 32


open_signed: Callable[[Any, Any, bytes, int, bytes], int] = lib.crypto_sign_open
"""libsodium's: 0 when the signature is valid."""
_NOWHERE = ffi.NULL
"""Where the message and its length are not wanted."""


class SignatureInvalid(ValueError):
    """The signature does not verify under the strict rule."""


class KeyUnsafe(ValueError):
    """The public key may not be registered."""


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check one signature. Raises `SignatureInvalid`."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise SignatureInvalid(f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}")
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureInvalid(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    signed = signature + message
    if open_signed(_NOWHERE, _NOWHERE, signed, len(signed), public_key):
        raise SignatureInvalid(f"the signature of key {public_key.hex()} does not verify")


def check_public_key(public_key: bytes) -> None:
    """Check that a key may be registered: a canonical point of the prime-order group. Raises `KeyUnsafe`.

    Points with a small-order component are refused too, so that no two verifiers can differ over them.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise KeyUnsafe(f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}")
    if not crypto_core_ed25519_is_valid_point(public_key):
        raise KeyUnsafe(
            f"the key {public_key.hex()} is of small order, not canonical, or no point of the group; "
            "make a new key"
        )


class SigningKey:
    """A secret key, made from its 32-byte seed. Its repr shows the public key only."""

    __slots__ = ("_secret", "public_key", "seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = seed
        self.public_key, self._secret = crypto_sign_seed_keypair(seed)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message` (deterministic, RFC 8032)."""
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey(public_key={self.public_key.hex()})"
