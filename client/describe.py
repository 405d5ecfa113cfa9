"""Any transaction in words: every field that is set, amounts in their unit, days as dates.

Decides how a body or a result is shown, for every type alike, from the contract's descriptors: a new type
needs nothing here. Never asks a node; an amount whose unit is not known is shown in smallest parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from ayni.v1 import transaction_pb2
from client.output import Unit, day_text, decimal_text, time_json

Document = dict[str, Any]
_DAYS = {"value_date", "expires_on"}


def body_document(
    body: transaction_pb2.Body, units: Mapping[str, Unit], classes: Mapping[str, Unit]
) -> Document:
    """A body for people and for JSON: author, type, expiry, nonce, and the payload's fields.

    `classes`: the unit of each class of entitlements that is known.
    """
    kind = body.WhichOneof("payload") or ""
    document: Document = {
        "type": kind,
        "author": body.author,
        "expires_at": time_json(body.expires_at_ms),
        "nonce": body.nonce.hex(),
    }
    if kind:
        document[kind] = message_document(getattr(body, kind), units, classes)
    return document


def message_document(
    message: Message, units: Mapping[str, Unit], classes: Mapping[str, Unit], unit: Unit | None = None
) -> Document:
    """The set fields of any message of the contract. `unit`: that of amounts which do not say theirs."""
    own = units.get(str(getattr(message, "unit", ""))) or classes.get(str(getattr(message, "class_id", "")))
    unit = own or unit
    document: Document = {}
    for field, value in message.ListFields():
        name = field.name
        if field.is_repeated:
            document[name] = [_value(field, one, units, classes, unit) for one in value]
        elif name.endswith("_minor") and unit is not None:
            document[name.removesuffix("_minor")] = decimal_text(value, unit)
        else:
            document[name] = _value(field, value, units, classes, unit)
    return document


def document_lines(document: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """A document as indented lines, "key: value", lists numbered from 0."""
    pad = "  " * indent
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield f"{pad}{key}:" if value else f"{pad}{key}: (nothing)"
            yield from document_lines(value, indent + 1)
        elif isinstance(value, list):
            yield f"{pad}{key}:" if value else f"{pad}{key}: (none)"
            for index, one in enumerate(value):
                if isinstance(one, Mapping):
                    flat = ", ".join(document_lines(one))
                    yield f"{pad}  [{index}] {flat}"
                else:
                    yield f"{pad}  [{index}] {one}"
        else:
            yield f"{pad}{key}: {value}"


def _value(
    field: FieldDescriptor,
    value: Any,
    units: Mapping[str, Unit],
    classes: Mapping[str, Unit],
    unit: Unit | None,
) -> Any:
    if isinstance(value, Message):
        return message_document(value, units, classes, unit)
    if isinstance(value, bytes):
        return value.hex()
    if field.enum_type is not None:
        return _enum_name(field.enum_type, value)
    if field.name in _DAYS:
        return day_text(value)
    if field.name.endswith("_ms"):
        return time_json(value)
    if field.name.endswith("_minor"):
        return str(value) if unit is None else decimal_text(value, unit)
    return value


def _enum_name(enum: EnumDescriptor, value: int) -> str:
    found = enum.values_by_number.get(value)
    if found is None:
        return str(value)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return str(found.name).removeprefix(prefix).lower()
