"""Reads a message whose bytes another party vouches for, and accepts one byte form of it only.

Decides by re-serialising: what this room reads has been hashed or signed, so a stricter account of what
is wrong with the bytes (`ledger/wire.py`) is not needed here. Spec: docs/encoding.md.
"""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from proofs.density import LEDGER_PARTS_FREE, TooManyParts, check_parts

M = TypeVar("M", bound=Message)


class NotParsed(ValueError):
    """The bytes are not the canonical form of the message that they should be."""


def parse(message_class: type[M], data: bytes, what: str) -> M:
    """Return the message of canonical bytes. Raises `NotParsed`, saying `what` it should have been."""
    try:
        check_parts(message_class, data, free=LEDGER_PARTS_FREE)
        message = message_class.FromString(data)
    except TooManyParts as error:
        raise NotParsed(f"{what}: it {error}") from None
    except DecodeError:
        raise NotParsed(f"{what}: the bytes are no {message_class.DESCRIPTOR.name}") from None
    message.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]  # stub without types
    if message.SerializeToString(deterministic=True) != data:
        raise NotParsed(f"{what}: the bytes are not canonical")
    return message
