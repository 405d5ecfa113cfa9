"""The per-account index of postings, so that a statement never scans the chain.

Decides its rows: one for each (account, book, unit, height), holding that block's postings as msgpack:
[log index, line, log index, line, …]. What the key says is not in the line again: these rows are spread all
over the database, and are what LevelDB's compactions write again most. Spec: DESIGN 4.5; what a statement
shows is decided in `node/statements.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from ledger.blocks import FinalBlock
from ledger.rule import Posting
from node.store import POSTING, Batch, Database, StoreDamaged, next_prefix
from proofs.words import printable

_HEIGHT_BYTES: Final = 8
_encode = msgspec.msgpack.Encoder().encode
_KEYED: Final = 3
"""Fields of a posting, the first ones, that its row's key holds: book, account, unit."""


_Line = tuple[int, int, str, int, int, str]
"""The other fields of a posting, from its amount and the balance after it on."""
_decode = msgspec.msgpack.Decoder(list[int | _Line]).decode


class Book(NamedTuple):
    """One book and unit in which an account has lines."""

    book: int
    unit: str


def add(batch: Batch, block: FinalBlock) -> None:
    """Adds a final block's postings."""
    # This runs twice for every leg there is.
    rows: defaultdict[Any, list[Any]] = defaultdict(list)
    for entry in block.entries:
        log_index = entry.log_index
        for posting in entry.postings:
            row = rows[posting[:_KEYED]]
            row.append(log_index)
            row.append(posting[_KEYED:])
    height = block.header.height.to_bytes(_HEIGHT_BYTES)
    for (book, account, unit), row in rows.items():
        batch.put(_prefix(account, Book(book, unit)) + height, _encode(row))


def books(database: Database, account: str) -> list[Book]:
    """The books and units in which `account` has lines."""
    found = []
    start = _account_prefix(account)
    stop = next_prefix(start[:-1] + b"\x00")
    while (key := next(database.keys(start, stop), None)) is not None:
        book = _book_of(key, account)
        found.append(book)
        start = next_prefix(_prefix(account, book))
    return found


def balance_before(database: Database, account: str, book: Book, height: int) -> int:
    """The balance of `account` in `book` before the block of `height`."""
    prefix = _prefix(account, book)
    stop = prefix + height.to_bytes(_HEIGHT_BYTES)
    for _, row in database.range(prefix, stop, reverse=True):
        _, (_, balance_after, *_) = _pairs(row)[-1]
        return balance_after
    return 0


def lines(
    database: Database, account: str, book: Book, from_height: int, until_height: int
) -> Iterator[tuple[int, int, Posting]]:
    """(height, log index, posting) in one book, from a height until (not with) another, in order."""
    prefix = _prefix(account, book)
    start = prefix + from_height.to_bytes(_HEIGHT_BYTES)
    stop = prefix + until_height.to_bytes(_HEIGHT_BYTES)
    for key, row in database.range(start, stop):
        height = int.from_bytes(key[-_HEIGHT_BYTES:])
        for log_index, line in _pairs(row):
            yield height, log_index, Posting(book.book, account, book.unit, *line)


def findings(database: Database) -> Iterator[str]:
    """What does not add up: a row that cannot be read, or does not follow from the one before."""
    chain, balance = b"", 0
    for key, row in database.range(POSTING, next_prefix(POSTING), fill_cache=False):
        if key[:-_HEIGHT_BYTES] != chain:
            chain, balance = key[:-_HEIGHT_BYTES], 0
        account, _, book = chain[1:].decode(errors="replace").partition("\x00")
        height = int.from_bytes(key[-_HEIGHT_BYTES:])
        where = f"postings of {printable(account)} in {printable(book[1:-1])}, block {height}"
        try:
            rows = _pairs(row)
        except StoreDamaged:
            yield f"{where}: they are not what was written"
            continue
        for _, (amount, balance_after, *_) in rows:
            if balance + amount != balance_after:
                yield f"{where}: {balance} and {amount} make {balance_after}, they say"
            balance = balance_after


def _pairs(row: bytes) -> list[tuple[int, _Line]]:
    try:
        flat: list[Any] = _decode(row)
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
    except (msgspec.DecodeError, ValueError):  # UnicodeDecodeError is one of the latter
        pairs = []
    # (msgspec 0.22 breaks memory when the type of the decoder says that an index is at least 0.)
    if not pairs or not all(
        type(index) is int and index >= 0 and type(line) is tuple for index, line in pairs
    ):
        raise StoreDamaged(
            f"the database is damaged: postings ({len(row)} bytes) are not what was written; "
            "run `ayni node doctor`"
        )
    return pairs


def _account_prefix(account: str) -> bytes:
    return b"%b%b\x00" % (POSTING, account.encode())


def _prefix(account: str, book: Book) -> bytes:
    return b"%b%b\x00%c%b\x00" % (POSTING, account.encode(), book.book, book.unit.encode())


def _book_of(key: bytes, account: str) -> Book:
    at = len(_account_prefix(account))
    return Book(key[at], key[at + 1 : -_HEIGHT_BYTES - 1].decode())
