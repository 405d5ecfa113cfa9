"""Changes to protobuf that know its wire format: fields dropped, doubled, moved, renumbered, lied about.

Works without the schema: whatever length-delimited value reads as a message is taken for one (a `bytes`
field that carries another message included). What comes out need not be valid, and mostly is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from proofs.varint import read_varint
from tests.fuzz import mutate_bytes

EDGES = (0, 1, 2, 127, 128, 255, 4_095, 4_096, 4_097, 10**15, 10**15 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32)
EDGES_64 = (2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70)
TEXTS = (b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"pool", b"|", b"a/b", b"A" * 33, b"../../etc/passwd")
TEXTS_ODD = (b"\x1b[31m", "\u202e".encode(), "é".encode() * 70, b"0" * 5_000, b"\r\n", b"emilia/\x00")
DEPTH_MAX = 12
COPIES_BYTES_MAX = 200_000


@dataclass
class Field:
    """One field as it stands on the wire."""

    number: int
    wire_type: int
    value: int | bytes | list[Field]
    """A list: a message."""
    lie: int = 0
    """Added to the length that is announced."""
    padding: int = 0
    """Superfluous bytes of the varint."""


def mutate(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """One to three changes of the tree of fields; now and then of bare bytes."""
    tree = read(data)
    if tree is None or chance.random() < 0.1:
        return mutate_bytes.mutate(chance, data, pool)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _change(chance, tree, pool)
    out = write(tree)
    return out[: mutate_bytes.BYTES_MAX]


def sequence(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """For inputs that are a list of messages, each behind a 4-byte length: changes one, or their order."""
    frames = split(data)
    change = chance.randrange(6)
    if not frames or change == 0:
        frames.insert(chance.randint(0, len(frames)), chance.choice(_frames_of(pool) or [b""]))
    elif change == 1:
        frames.append(frames[chance.randrange(len(frames))])
    elif change == 2 and len(frames) > 1:
        frames.pop(chance.randrange(len(frames)))
    else:
        at = chance.randrange(len(frames))
        frames[at] = mutate(chance, frames[at], _frames_of(pool))
    return join(frames[:64])


def join(frames: Sequence[bytes]) -> bytes:
    """Frames, each behind its length."""
    return b"".join(len(frame).to_bytes(4) + frame for frame in frames)


def split(data: bytes) -> list[bytes]:
    """The frames of `join`; what is left over is one more."""
    frames = []
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        frames.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return frames


def _frames_of(pool: Sequence[bytes]) -> list[bytes]:
    return [frame for data in pool[:50] for frame in split(data)[:4]]


# --- the tree -----------------------------------------------------------------------------------------


def read(data: bytes, depth: int = 0) -> list[Field] | None:
    """The fields of a message, or None when the bytes are none."""
    fields: list[Field] = []
    at = 0
    while at < len(data):
        tag = _varint(data, at)
        if tag is None or tag[0] >> 3 == 0:
            return None
        number, wire_type, at = tag[0] >> 3, tag[0] & 7, tag[1]
        if wire_type == 0:
            value = _varint(data, at)
            if value is None:
                return None
            fields.append(Field(number, 0, value[0]))
            at = value[1]
        elif wire_type == 2:
            length = _varint(data, at)
            if length is None or length[0] > len(data) - length[1]:
                return None
            content = data[length[1] : length[1] + length[0]]
            at = length[1] + length[0]
            inner = read(content, depth + 1) if depth < DEPTH_MAX and len(content) > 1 else None
            fields.append(Field(number, 2, content if inner is None else inner))
        else:
            return None
    return fields


def write(fields: Sequence[Field]) -> bytes:
    """The bytes of fields, lies included."""
    return b"".join(_write(field) for field in fields)


def _write(field: Field) -> bytes:
    tag = varint(field.number << 3 | field.wire_type)
    if isinstance(field.value, int):
        if field.wire_type in (1, 5):
            width = 8 if field.wire_type == 1 else 4
            return tag + (field.value % (1 << 8 * width)).to_bytes(width, "little")
        return tag + varint(field.value, field.padding)
    content = field.value if isinstance(field.value, bytes) else write(field.value)
    if field.wire_type != 2:
        return tag + content
    return tag + varint(max(0, len(content) + field.lie), field.padding) + content


def varint(value: int, padding: int = 0) -> bytes:
    """A varint, with superfluous bytes."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    if padding:
        out[-1] |= 128
        out += b"\x80" * (padding - 1) + b"\x00"
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int] | None:
    try:
        return read_varint(data, at)
    except IndexError:
        return None


# --- changes ------------------------------------------------------------------------------------------


def _lists(fields: list[Field]) -> Iterator[list[Field]]:
    yield fields
    for field in fields[:64]:
        if isinstance(field.value, list):
            yield from _lists(field.value)


def _change(chance: Random, tree: list[Field], pool: Sequence[bytes]) -> None:
    every = [fields for fields in _lists(tree) if fields]
    if not every:
        tree.append(Field(chance.randint(1, 40), 0, chance.choice(EDGES)))
        return
    fields = every[chance.randrange(len(every))]
    at = chance.randrange(len(fields))
    change = chance.randrange(11)
    if change == 7 and chance.random() < 0.7:
        change = 10  # bombs are dear
    match change:
        case 0:
            fields.pop(at)
        case 1:
            fields.insert(at, fields[at])
        case 2:
            fields.append(fields.pop(at))
        case 3:
            fields[at].number = chance.choice((fields[at].number + 1, chance.randint(1, 70), 536_870_911))
        case 4:
            fields[at].wire_type = chance.choice((0, 1, 2, 3, 4, 5, 6, 7))
        case 5:
            fields[at].lie = chance.choice((-1, 1, 1_000_000, 2**31, 2**63))
        case 6:
            fields[at].padding = chance.choice((1, 3, 9))
        case 7:
            _bomb(chance, fields, at)
        case 8:
            other = read(pool[chance.randrange(len(pool))])
            if other:
                lists = [each for each in _lists(other) if each]
                fields[at] = chance.choice(chance.choice(lists))
        case _:
            _value(chance, fields[at])


def _value(chance: Random, field: Field) -> None:
    """Another value of the same kind."""
    if isinstance(field.value, int):
        nearby = (field.value + 1, max(0, field.value - 1), field.value * 2)
        field.value = chance.choice((*EDGES, *EDGES_64, *nearby, *nearby))
    elif isinstance(field.value, bytes):
        longer = (field.value + b"x", field.value[:-1], field.value.swapcase(), field.value * 40)
        field.value = chance.choice((*TEXTS, *TEXTS_ODD, *longer, *longer))
    else:
        field.value = chance.choice(([], field.value[:1], field.value + field.value))


def _bomb(chance: Random, fields: list[Field], at: int) -> None:
    """Many copies, or many levels."""
    if chance.random() < 0.5:
        most = COPIES_BYTES_MAX // max(1, len(_write(fields[at])))
        fields[at:at] = [fields[at]] * min(most, chance.choice((10, 300, 5_000)))
        return
    value = fields[at].value
    content = value if isinstance(value, bytes) else write(value) if isinstance(value, list) else b""
    for _ in range(chance.choice((3, 17, 101, 2_000)) if len(content) < 500 else 3):
        content = varint(fields[at].number << 3 | 2) + varint(len(content)) + content
    fields[at] = Field(fields[at].number, 2, content)
