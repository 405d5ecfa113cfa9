"""The strict reader: decides whether bytes are the one canonical form of a message.

What is valid here is consensus: every node and every auditor must agree, so the rules are written out by
hand, over tables built once from the message descriptors, and never left to a library. Spec:
docs/encoding.md, "Canonical protobuf"; rule T1. Vectors: tests/vectors/wire.json.

Parsing with the protobuf library and serialising again is the fast path. It may only accept: whatever it
does not reproduce byte for byte, the strict reader decides and says where and why. The fast path drops
unknown fields first (upb would give them back unchanged), and looks at every enum (proto3 lets undeclared
values through). A `bytes` field that holds another message is checked by whoever knows which.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from ledger.limits import FIELDS_MAX, NESTING_MAX
from proofs.density import PARTS_FREE, TooManyParts, check_parts

M = TypeVar("M", bound=Message)

_VARINT: Final = 0
_DELIMITED: Final = 2
_WIRE_WORDS: Final = {
    0: "a varint",
    1: "8 bytes",
    2: "length-delimited",
    3: "a group",
    4: "a group's end",
    5: "4 bytes",
}
_UINT32_END: Final = 1 << 32
_UINT64_END: Final = 1 << 64


class NotCanonical(ValueError):
    """The bytes are not the canonical form of the message (T1)."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        """The field at fault, "transfer.legs[3].unit"; empty for the message itself."""
        self.reason = reason


def check(message_class: type[M], data: bytes, most: int = FIELDS_MAX) -> M:
    """Return the message that `data` is the canonical form of. Raises `NotCanonical`.

    `most`: no message that the rules accept has more fields; of bytes with more it is not said where they are
    wrong, as that could take a minute.
    """
    try:
        message = message_class.FromString(data)
    except DecodeError:
        return _check_at_length(message_class, data, most)
    message.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]  # stub without types
    if message.SerializeToString(deterministic=True) == data:
        table = _CLASS_TABLES.get(message_class) or _class_table(message_class)
        if not table.enum_fields or _enums_declared(message, table):
            return message
    return _check_at_length(message_class, data, most)


def look_over(message_class: type[Message], data: bytes, free: int = PARTS_FREE) -> None:
    """Count the parts of what another sent, before anything is unpacked. Raises `TooManyParts`, and
    `NotCanonical` of what is no message, which says where."""
    try:
        check_parts(message_class, data, free=free)
    except DecodeError:
        check_strict(message_class, data)  # unpacks nothing that has no form


def _check_at_length(message_class: type[M], data: bytes, most: int) -> M:
    try:
        check_parts(message_class, data, most)
    except TooManyParts as error:
        raise NotCanonical("", f"the {message_class.DESCRIPTOR.name} {error}") from None
    except DecodeError:
        pass  # the strict reader says where, and gets no further either
    return check_strict(message_class, data)


def check_strict(message_class: type[M], data: bytes) -> M:
    """Like `check`, by the strict reader alone."""
    _read_message(_class_table(message_class), data, 0, len(data), "", 1)
    try:
        return message_class.FromString(data)
    except DecodeError:
        raise NotCanonical("", f"the bytes are no {message_class.DESCRIPTOR.name}") from None


@dataclass(slots=True)
class _Field:
    """What the reader needs to know of one field."""

    number: int
    name: str
    repeated: bool
    wire_type: int
    """Of the field as it stands on the wire: packed scalars are length-delimited."""
    scalar: str
    """"uint32", "uint64", "sint64", "bool", "enum", "string", "bytes" or "message"."""
    oneof: str
    """The oneof it belongs to, or empty."""
    enum_values: frozenset[int] = frozenset()
    message: _Table | None = None


@dataclass(slots=True)
class _Table:
    """What the reader needs to know of one message type."""

    name: str
    fields: dict[int, _Field] = field(default_factory=dict)
    enum_fields: list[_Field] = field(default_factory=list)
    """Enum fields, and message fields below which there is one."""


_SCALARS: Final = {
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_SINT64: "sint64",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_ENUM: "enum",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_MESSAGE: "message",
}
_TABLES: Final[dict[str, _Table]] = {}
_CLASS_TABLES: Final[dict[type[Message], _Table]] = {}


def _class_table(message_class: type[Message]) -> _Table:
    table = _table(message_class.DESCRIPTOR)
    _CLASS_TABLES[message_class] = table
    return table


def _table(descriptor: Any) -> _Table:
    """Return the table of a message type, built on first use; no type of the contract nests in itself.

    The descriptor is upb's own, which the library's stubs do not describe whole.
    """
    table = _TABLES.get(descriptor.full_name)
    if table is not None:
        return table
    table = _Table(descriptor.name)
    for each in descriptor.fields:
        if each.type not in _SCALARS:
            raise TypeError(f"{descriptor.name}.{each.name}: the contract has no field of type {each.type}")
        entry = _field(each)
        table.fields[each.number] = entry
        if entry.enum_values or (entry.message is not None and entry.message.enum_fields):
            table.enum_fields.append(entry)
    _TABLES[descriptor.full_name] = table
    return table


def _field(each: Any) -> _Field:
    scalar = _SCALARS[each.type]
    delimited = scalar in ("string", "bytes", "message") or each.is_repeated
    return _Field(
        number=each.number,
        name=each.name,
        repeated=each.is_repeated,
        wire_type=_DELIMITED if delimited else _VARINT,
        scalar=scalar,
        oneof=each.containing_oneof.name if each.containing_oneof is not None else "",
        enum_values=frozenset(v.number for v in each.enum_type.values) if scalar == "enum" else frozenset(),
        message=_table(each.message_type) if scalar == "message" else None,
    )


def _enums_declared(message: Message, table: _Table) -> bool:
    """Return whether every enum of a parsed message, at any depth, has a declared value."""
    for each in table.enum_fields:
        if each.message is None:
            value = getattr(message, each.name)
            if not each.enum_values.issuperset(value if each.repeated else (value,)):
                return False
        elif each.repeated:
            if not all(_enums_declared(item, each.message) for item in getattr(message, each.name)):
                return False
        elif message.HasField(each.name) and not _enums_declared(getattr(message, each.name), each.message):
            return False
    return True


def _read_message(table: _Table, data: bytes, position: int, end: int, path: str, depth: int) -> None:
    """Read one message that fills data[position:end] exactly."""
    if depth > NESTING_MAX:
        raise NotCanonical(path, f"nested deeper than {NESTING_MAX} levels")
    last: _Field | None = None
    count = 0
    oneofs: dict[str, str] = {}
    while position < end:
        tag, position = _read_varint(data, position, end, path)
        number, wire_type = tag >> 3, tag & 7
        each = table.fields.get(number)
        if each is None:
            raise NotCanonical(path, f"{table.name} has no field {number}")
        name = f"{path}.{each.name}" if path else each.name
        if wire_type != each.wire_type:
            expected = _WIRE_WORDS[each.wire_type]
            raise NotCanonical(name, f"{_WIRE_WORDS.get(wire_type, 'an unknown wire type')}, not {expected}")
        if last is not None and number <= last.number:
            _check_order(each, last, name)
        count = count + 1 if each is last else 0
        last = each
        if each.oneof:
            other = oneofs.setdefault(each.oneof, each.name)
            if other != each.name:
                raise NotCanonical(name, f"{other} is there too; one of {each.oneof} at most")
        if each.repeated and each.wire_type == _DELIMITED and each.scalar in ("string", "bytes", "message"):
            name = f"{name}[{count}]"
        if wire_type == _VARINT:
            value, position = _read_varint(data, position, end, name)
            _check_scalar(each, value, name, may_be_default=False)
        else:
            length, position = _read_varint(data, position, end, name)
            if length > end - position:
                raise NotCanonical(name, f"{length} bytes are announced, {end - position} are left")
            _read_delimited(each, data, position, position + length, name, depth)
            position += length


def _check_order(each: _Field, last: _Field, name: str) -> None:
    if each is not last:
        raise NotCanonical(name, f"it stands after {last.name}; fields ascend by number")
    if not each.repeated:
        raise NotCanonical(name, "it is there twice")
    if each.scalar not in ("string", "bytes", "message"):
        raise NotCanonical(name, "the list is in two parts; numbers are packed into one")


def _read_delimited(each: _Field, data: bytes, position: int, end: int, name: str, depth: int) -> None:
    """Read a string, bytes, a sub-message or packed numbers that fill data[position:end]."""
    if each.message is not None:
        _read_message(each.message, data, position, end, name, depth + 1)
    elif each.scalar in ("string", "bytes"):
        if position == end and not each.repeated:
            raise NotCanonical(name, "it is empty, and is then not written")
        if each.scalar == "string":
            try:
                data[position:end].decode()
            except UnicodeDecodeError:
                raise NotCanonical(name, "it is not valid UTF-8") from None
    else:
        if position == end:
            raise NotCanonical(name, "the list is empty, and is then not written")
        count = 0
        while position < end:
            item = f"{name}[{count}]"
            value, position = _read_varint(data, position, end, item)
            _check_scalar(each, value, item, may_be_default=True)
            count += 1


def _check_scalar(each: _Field, value: int, name: str, *, may_be_default: bool) -> None:
    if value == 0 and not may_be_default:
        raise NotCanonical(name, "it is zero, and is then not written")
    match each.scalar:
        case "bool":
            if value > 1:
                raise NotCanonical(name, f"a boolean is 1, not {value}")
        case "enum":
            if value not in each.enum_values:
                raise NotCanonical(name, f"{value} is no value of this enum")
        case "uint32":
            if value >= _UINT32_END:
                raise NotCanonical(name, f"{value} does not fit in 32 bits")


def _read_varint(data: bytes, position: int, end: int, path: str) -> tuple[int, int]:
    """Return (value, position behind it) of a minimal varint below 2^64."""
    value = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise NotCanonical(path, "the varint is longer than need be")
            if value >= _UINT64_END:
                raise NotCanonical(path, "the varint does not fit in 64 bits")
            return value, position
        shift += 7
        if shift > 63:
            raise NotCanonical(path, "the varint is longer than 10 bytes")
    raise NotCanonical(path, "the bytes end in the middle of a varint")
