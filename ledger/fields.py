"""Bounds of single fields, without state (T1). Each returns None, or FIELD_INVALID naming the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger import limits, refusals
from ledger.refusals import Refusal
from proofs.signing import KeyUnsafe, check_public_key


def invalid(field: str, message: str) -> Refusal:
    """A refusal for a field out of bounds."""
    return Refusal(refusals.FIELD_INVALID, field, message)


def quoted(value: str) -> str:
    """A text in quotes, for a message: the beginning alone when it is long."""
    most = limits.REFERENCE_BYTES_MAX
    return repr(value) if len(value) <= most else f"{value[:most]!r}… ({len(value)} characters)"


def account(value: str, field: str) -> Refusal | None:
    """An organisation's account or a hosted one."""
    if limits.ACCOUNT_NAME.match(value):
        return None
    return invalid(
        field,
        f"{quoted(value)} is no account name; write federation/organisation or federation/organisation:sub",
    )


def organisation(value: str, field: str) -> Refusal | None:
    """An organisation's name."""
    if limits.ORGANISATION_NAME.match(value):
        return None
    return invalid(field, f"{quoted(value)} is no organisation name; write federation/organisation")


def federation(value: str, field: str) -> Refusal | None:
    """A federation's name."""
    if limits.FEDERATION_NAME.match(value) and value != limits.POOL:
        return None
    return invalid(
        field, f"{quoted(value)} is no federation name; use a-z, 0-9 and -, at most 32, and not 'pool'"
    )


def unit(value: str, field: str) -> Refusal | None:
    """A unit's code."""
    if limits.UNIT_CODE.match(value):
        return None
    return invalid(field, f"{quoted(value)} is no unit code; use 2 to 8 of A-Z and 0-9, a letter first")


def class_id(value: str, field: str) -> Refusal | None:
    """A class's name."""
    if limits.CLASS_NAME.match(value):
        return None
    return invalid(
        field, f"{quoted(value)} is no class; write name@federation or name@federation/organisation"
    )


def amount(value: int, field: str, least: int = 1) -> Refusal | None:
    """An amount of smallest parts."""
    if least <= value <= limits.AMOUNT_MAX:
        return None
    return invalid(
        field, f"the amount is {value}; it must be from {least} to {limits.AMOUNT_MAX} (smallest parts)"
    )


def date(value: int, field: str) -> Refusal | None:
    """Days since 1970-01-01, not 0."""
    if 1 <= value <= limits.VALUE_DATE_MAX:
        return None
    return invalid(
        field, f"the date is day {value} since 1970-01-01; it must be from 1 to {limits.VALUE_DATE_MAX}"
    )


def text(value: str, field: str, bytes_max: int) -> Refusal | None:
    """Free text, without control characters."""
    size = len(value) if value.isascii() else len(value.encode())
    if size > bytes_max:
        return invalid(field, f"the text has {size} bytes; at most {bytes_max} are allowed")
    if (
        value
        and not (value.isascii() and value.isprintable())
        and any(ord(c) < 32 or ord(c) == 127 for c in value)
    ):
        return invalid(field, "the text has a control character; remove it")
    return None


def digest(value: bytes, field: str, *, optional: bool = True) -> Refusal | None:
    """A SHA-256 hash; absent if `optional`."""
    if len(value) == limits.HASH_BYTES or (optional and not value):
        return None
    wanted = "0 or 32" if optional else "32"
    return invalid(field, f"the hash has {len(value)} bytes; it must have {wanted}")


def count(values: Sequence[Any], field: str, most: int, least: int = 1) -> Refusal | None:
    """How many items a list has."""
    if least <= len(values) <= most:
        return None
    return invalid(field, f"{field} has {len(values)} items; it must have from {least} to {most}")


def ascending(values: Sequence[Any], field: str) -> Refusal | None:
    """Strictly ascending: sorted, none twice."""
    for index in range(1, len(values)):
        if not values[index - 1] < values[index]:
            return invalid(
                f"{field}[{index}]",
                f"{values[index]!r} does not come after {values[index - 1]!r}; sort them, each once",
            )
    return None


def basis_points(value: int, field: str) -> Refusal | None:
    """0 to 10,000."""
    if 0 <= value <= limits.BASIS_POINTS:
        return None
    return invalid(field, f"the share is {value} basis points; it must be from 0 to {limits.BASIS_POINTS}")


def key_set(value: Any, field: str) -> Refusal | None:
    """A `keys_pb2.KeySet`: bounds, order, and safe keys (KEY_UNSAFE)."""
    keys = value.public_keys
    if refusal := count(keys, f"{field}.public_keys", limits.KEYS_MAX):
        return refusal
    if not 1 <= value.threshold <= len(keys):
        return invalid(
            f"{field}.threshold",
            f"the threshold is {value.threshold}; it must be from 1 to {len(keys)}, the number of keys",
        )
    for index, key in enumerate(keys):
        if len(key) != 32:
            return invalid(f"{field}.public_keys[{index}]", f"the key has {len(key)} bytes; it must have 32")
    if refusal := ascending(keys, f"{field}.public_keys"):
        return refusal
    for index, key in enumerate(keys):
        try:
            check_public_key(key)
        except KeyUnsafe as error:
            return Refusal(
                refusals.KEY_UNSAFE,
                f"{field}.public_keys[{index}]",
                f"{error}; make a new key with `ayni keys new`",
            )
    return None


def first(*found: Refusal | None) -> Refusal | None:
    """The first refusal in the order of the arguments (T7)."""
    for refusal in found:
        if refusal is not None:
            return refusal
    return None
