"""Changes to texts that have a grammar: JSON as a tree; TOML, CSV and anything else by their tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.fuzz import mutate_bytes

_TOKEN = re.compile(r"\r\n|[\w.@/:+-]+|\s|.", re.DOTALL)
ODD = (
    "",
    "0",
    "-1",
    "007",
    "1e999",
    "inf",
    "nan",
    "0x10",
    "1_000",
    "9" * 400,
    "9" * 5_000,
    "٣",
    "²",
    "true",
    "null",
    "\x00",
    "\x1b[2J",
    "\u202e",
    "\ufeff",
    "\ud83d\ude00",
    "é" * 300,
    "x" * 70_000,
    "../../../etc/passwd",
    "/dev/zero",
    "/dev/stdin",
    "~root",
    "%s%n",
    "=cmd()",
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    "9999-12-31",
    "0000-00-00",
    "2026-02-30",
    '"""',
    "'''",
    '"',
    "[[",
    "]]",
    "[" * 2_000,
    "{" * 2_000,
    "[]",
    "{}",
    ",",
    ";",
    "\n",
    "\r",
    "=",
    "#",
    ".",
    "\t",
)
VALUES: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**400, 1.5, 1e308, "", [], {})


def tokens(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """Some tokens dropped, doubled, moved or replaced; now and then bare bytes."""
    if chance.random() < 0.15:
        return mutate_bytes.mutate(chance, data, pool)
    found = _TOKEN.findall(data.decode("utf-8", "surrogateescape"))
    for _ in range(chance.choice((1, 1, 2, 3))):
        _change_tokens(chance, found, pool)
    return _bytes("".join(found))


def _change_tokens(chance: Random, found: list[str], pool: Sequence[bytes]) -> None:
    if not found:
        found.append(chance.choice(ODD))
        return
    at = chance.randrange(len(found))
    match chance.randrange(7):
        case 0:
            found.pop(at)
        case 1:
            found.insert(at, chance.choice(ODD))
        case 2 | 3:
            found[at] = chance.choice(ODD)
        case 4:
            end = min(len(found), at + chance.choice((1, 5, 40)))
            found[at:at] = found[at:end] * chance.choice((1, 2, 50))
        case 5:
            found[at] = found[chance.randrange(len(found))]
        case _:
            other = _TOKEN.findall(pool[chance.randrange(len(pool))].decode("utf-8", "surrogateescape"))
            if other:
                start = chance.randrange(len(other))
                found[at:at] = other[start : start + chance.choice((1, 5, 30))]


def json_tree(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """A JSON document with some of its values changed; now and then its tokens."""
    if chance.random() < 0.25:
        return tokens(chance, data, pool)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return tokens(chance, data, pool)
    for _ in range(chance.choice((1, 1, 2, 3))):
        document = _change_value(chance, document)
    if chance.random() < 0.03:
        depth = chance.choice((50, 5_000, 100_000))
        return b'{"a":' * depth + _dump(document) + b"}" * depth
    return _dump(document)


def _change_value(chance: Random, value: Any) -> Any:
    """`value` with one change, in it or below it."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        match chance.randrange(6):
            case 0:
                return {name: item for name, item in value.items() if name != key}
            case 1:
                return {**value, chance.choice(ODD): value[key]}
            case _:
                return {**value, key: _change_value(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        match chance.randrange(5):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value[:at] + value[at : at + 1] * chance.choice((2, 200)) + value[at:]
            case _:
                return [*value[:at], _change_value(chance, value[at]), *value[at + 1 :]]
    if isinstance(value, str) and chance.random() < 0.6:
        at = chance.randint(0, len(value))
        return chance.choice(
            (value[:at], value[:at] + chance.choice(ODD) + value[at:], value * 3, chance.choice(ODD))
        )
    if isinstance(value, int) and chance.random() < 0.5:
        return chance.choice((value + 1, -value, value * 1_000_000, str(value), float(value % 2**60)))
    return chance.choice((*VALUES, chance.choice(ODD)))


def _dump(document: Any) -> bytes:
    return _bytes(json.dumps(document, ensure_ascii=False))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape" if _escapes(text) else "surrogatepass")[
        : mutate_bytes.BYTES_MAX
    ]


def _escapes(text: str) -> bool:
    """Whether every surrogate stands for a byte that was no UTF-8."""
    return all(not "\ud800" <= each <= "\udfff" or "\udc80" <= each <= "\udcff" for each in text)
