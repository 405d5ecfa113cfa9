"""How many parts bytes unpack to, counted before they are unpacked.

A message takes some eighty bytes of memory however little it says, and two bytes are enough to write one:
16 MiB of them unpack to 700 MB, in seconds. What is honest holds signatures, hashes and transactions, all
longer. So whoever reads what another sent looks here first, and stops at the first part too many. What is no
message is left to the library, or refused in its way. Spec: docs/security.md, "Nobody crowds the others out".
"""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from proofs.varint import read_varint

PARTS_FREE: Final = 1_000
"""So many parts any message may have."""
LEDGER_PARTS_FREE: Final = 1_000_000
"""And what tells of a ledger: its lots, dues and settlements are parts of a few bytes each."""
PART_BYTES: Final = 32
"""And one more for so many of its bytes: the smallest certificate, two parts, takes 74."""
FIELD_BYTES: Final = 12
"""And a field, a part or not, for so many: looking over a million takes most of a second too."""
FIELDS_A_PIECE: Final = 5_000
"""Fields looked over before whoever has other things to do can do them (about 5 ms)."""

_Table = dict[int, Any]
"""Field number to the table of the message in it, or None where it holds many byte strings."""

_TABLES: dict[str, _Table] = {}
_WIRE_BYTES: Final = {1: 8, 5: 4}


class TooManyParts(ValueError):
    """The bytes unpack to more than they are worth."""


def check_parts(
    message_class: type[Message], data: bytes, most: int | None = None, free: int = PARTS_FREE
) -> None:
    """Look over the bytes of a message that may have `most` fields: if not said, `free` and what its size
    allows.

    Raises `TooManyParts`, and `DecodeError` for some of what is no message.
    """
    for _ in check_parts_in_pieces(message_class, data, most, free):
        pass


def check_parts_in_pieces(
    message_class: type[Message], data: bytes, most: int | None = None, free: int = PARTS_FREE
) -> Iterator[None]:
    """The same, stopping after each piece of the work. Raises as above."""
    fields = free + len(data) // FIELD_BYTES if most is None else most
    parts = free + len(data) // PART_BYTES if most is None else most
    if len(data) <= 2 * parts:
        return  # each has two bytes
    try:
        yield from _walk(_table(message_class.DESCRIPTOR), data, fields, parts)
    except IndexError:
        raise DecodeError(f"{len(data)} bytes end inside a field") from None


def _table(descriptor: Any) -> _Table:
    table = _TABLES.get(descriptor.full_name)
    if table is None:
        table = _TABLES[descriptor.full_name] = {}
        for each in descriptor.fields:
            if each.message_type is not None:
                table[each.number] = _table(each.message_type)
            elif each.is_repeated and each.type in (FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_STRING):
                table[each.number] = None
    return table


def _walk(table: _Table, data: bytes, most_fields: int, most_parts: int) -> Iterator[None]:
    """Go through every field, into messages. Raises as above, and IndexError at an end too early."""
    position, end, fields, parts = 0, len(data), 0, 0
    stop = min(most_fields, FIELDS_A_PIECE)
    outer: list[tuple[_Table, int]] = []
    while True:
        while position >= end:
            if position > end:
                raise IndexError
            if not outer:
                return
            table, end = outer.pop()
        fields += 1
        if fields > stop:
            if fields > most_fields:
                raise TooManyParts(f"of {len(data)} bytes has more than {most_fields} fields")
            stop = min(most_fields, stop + FIELDS_A_PIECE)
            yield
        tag = data[position]
        position += 1
        if tag > 127:
            tag, position = read_varint(data, position - 1)
        wire = tag & 7
        if wire == 2:
            length = data[position]
            position += 1
            if length > 127:
                length, position = read_varint(data, position - 1)
            number = tag >> 3
            if number not in table:
                position += length
                continue
            parts += 1
            if parts > most_parts:
                raise TooManyParts(f"of {len(data)} bytes has more than {most_parts} parts")
            nested = table[number]
            if nested is None:
                position += length
                continue
            if position + length > end:
                raise IndexError
            outer.append((table, end))
            table, end = nested, position + length
        elif wire == 0:
            _, position = read_varint(data, position)
        elif wire in _WIRE_BYTES:
            position += _WIRE_BYTES[wire]
        else:
            raise DecodeError(f"a field has wire type {wire}, which none of ours has")
