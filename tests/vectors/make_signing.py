"""signing.json: which signatures and which public keys are valid."""

from __future__ import annotations

from typing import Any

from tests.vectors import curve
from tests.vectors.founding import key
from tests.vectors.published import RFC8032

MESSAGE = b"today for you, tomorrow for me"


def vectors() -> dict[str, Any]:
    return {
        "about": "Ed25519 as docs/encoding.md says: S < L, canonical A and R, neither of small order, "
        "no cofactor. `signatures`: verify. `keys`: may be registered. `sign`: RFC 8032 section 7.1.",
        "sign": RFC8032,
        "signatures": signatures(),
        "keys": keys(),
    }


def signatures() -> list[dict[str, Any]]:
    signer = key("vectors")
    public, good = signer.public_key, signer.sign(MESSAGE)
    s = int.from_bytes(good[32:], "little")
    flipped = bytes([good[0] ^ 1]) + good[1:]
    cases = [
        ("good", True, public, MESSAGE, good),
        ("one bit of R changed", False, public, MESSAGE, flipped),
        ("one bit of S changed", False, public, MESSAGE, good[:32] + bytes([good[32] ^ 1]) + good[33:]),
        ("another message", False, public, MESSAGE + b"!", good),
        ("another key", False, key("other").public_key, MESSAGE, good),
        ("S + L: malleable", False, public, MESSAGE, good[:32] + (s + curve.L).to_bytes(32, "little")),
        ("the highest bit of S set", False, public, MESSAGE, good[:63] + bytes([good[63] | 0x80])),
        ("empty", False, public, MESSAGE, b""),
        ("63 bytes", False, public, MESSAGE, good[:63]),
        ("65 bytes", False, public, MESSAGE, good + b"\0"),
        ("31-byte key", False, public[:31], MESSAGE, good),
        ("33-byte key", False, public + b"\0", MESSAGE, good),
        ("all zeros", False, public, MESSAGE, bytes(64)),
        *_crafted(),
    ]
    return [
        {"name": n, "valid": v, "public_key": k.hex(), "message": m.hex(), "signature": s.hex()}
        for n, v, k, m, s in cases
    ]


def _crafted() -> list[tuple[str, bool, bytes, bytes, bytes]]:
    """Signatures that satisfy an equation, by keys and nonces chosen for it."""
    base, small = curve.base(), curve.torsion()[1]
    a, r = 0x1234567890ABCDEF, 0xFEDCBA0987654321
    public = curve.multiply(a, base)
    nonce = curve.multiply(r, base)
    mixed_nonce = curve.encode(curve.add(nonce, small))
    mixed_public = curve.encode(curve.add(public, small))
    zero = curve.encode(curve.NEUTRAL)
    return [
        ("by the plain equation", True, *_signed(curve.encode(public), a, curve.encode(nonce), r)),
        ("R with a small-order part", False, *_signed(curve.encode(public), a, mixed_nonce, r)),
        (
            "A with a small-order part",
            False,
            *_signed(mixed_public, a, curve.encode(nonce), r, vanishes=False),
        ),
        (
            "A with a small-order part that vanishes (such a key is never registered)",
            True,
            *_signed(mixed_public, a, curve.encode(nonce), r, vanishes=True),
        ),
        (
            "small-order A that vanishes",
            False,
            *_signed(curve.encode(small), 0, curve.encode(nonce), r, vanishes=True),
        ),
        ("neutral A and R, S = 0", False, *_signed(zero, 0, zero, 0)),
        ("neutral R", False, *_signed(curve.encode(public), a, zero, 0)),
        (
            "non-canonical neutral A",
            False,
            *_signed(curve.encode_unreduced(curve.NEUTRAL), 0, curve.encode(nonce), r),
        ),
        (
            "non-canonical neutral R",
            False,
            *_signed(curve.encode(public), a, curve.encode_unreduced(curve.NEUTRAL), 0),
        ),
    ]


def _signed(
    public: bytes, a: int, nonce: bytes, r: int, *, vanishes: bool | None = None
) -> tuple[bytes, bytes, bytes]:
    """(A, message, R ‖ S); the message is such that A's small-order part vanishes in the equation, or not."""
    message = MESSAGE
    while vanishes is not None and (curve.challenge(nonce, public, message) % 8 == 0) != vanishes:
        message += b"."
    s = (r + curve.challenge(nonce, public, message) * a) % curve.L
    return public, message, nonce + s.to_bytes(32, "little")


def keys() -> list[dict[str, Any]]:
    torsion = curve.torsion()
    base = curve.base()
    large = next(p for y in range(2, 19) if (x := curve.x_of(y, 0)) is not None for p in [(x, y)])
    no_point = next(y for y in range(2, 100) if curve.x_of(y, 0) is None)
    cases = [
        ("of a signing key", True, key("vectors").public_key),
        ("31 bytes", False, key("vectors").public_key[:31]),
        ("33 bytes", False, key("vectors").public_key + b"\0"),
        ("no point of the curve", False, no_point.to_bytes(32, "little")),
        ("non-canonical", False, curve.encode_unreduced(large)),
        ("non-canonical neutral", False, curve.encode_unreduced(curve.NEUTRAL)),
        ("neutral with a sign", False, (1 | 1 << 255).to_bytes(32, "little")),
        ("with a small-order part", False, curve.encode(curve.add(base, torsion[1]))),
        *[(f"small order, {n} times a generator", False, curve.encode(p)) for n, p in enumerate(torsion)],
    ]
    return [{"name": name, "valid": valid, "public_key": public.hex()} for name, valid, public in cases]
