"""The database of a node: the only file that knows LevelDB.

Decides where each table lives (one-byte prefixes), how a database is opened, and in which words it says
that it is in use, foreign or damaged. Knows nothing of blocks or records: `node/tables.py` and
`node/postings.py` do. Every write is one atomic batch; `sync=True` returns only once it is on disk.
Spec: DESIGN 4.5.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import plyvel

FORMAT: Final = b"ayni-node-3"
"""Changes when the tables do; an older database is then refused in words."""

# The tables, by the first byte of their keys.
META: Final = b"!"  # name -> value
HEADER: Final = b"h"  # height (8) -> header, certificates
DIGEST: Final = b"d"  # block digest -> height
LOG: Final = b"l"  # log index (8) -> height (8), length of the transaction (4), transaction, result
TX_INDEX: Final = b"t"  # tx_id -> log index
NONCE: Final = b"o"  # author NUL nonce -> log index
LOG_NODE: Final = b"n"  # level (1, from 4), index (8) -> RFC 6962 node of a complete subtree
STATE: Final = b"s"  # key hash -> length of the key (2), key, value
BUCKET: Final = b"u"  # bucket (4) -> bucket hash
NAME: Final = b"k"  # state key of an account, class or issuance -> nothing; for listing
POSTING: Final = b"p"  # account NUL book unit NUL height (8) -> postings of that block
JOURNAL: Final = b"j"  # what consensus must not forget
EVIDENCE: Final = b"e"  # member (1), view (8), both votes' kinds (2) -> Evidence

_GENESIS_KEY: Final = META + b"genesis"
_FORMAT_KEY: Final = META + b"format"
_WRITE_BUFFER_BYTES: Final = 32 << 20
_BLOCK_CACHE_BYTES: Final = 32 << 20
_OPEN_FILES_MAX: Final = 256
_BLOOM_BITS: Final = 10


class StoreError(Exception):
    """The database cannot be used. The text says why, and what to do."""


class StoreInUse(StoreError):
    """Another process holds it."""


class StoreForeign(StoreError):
    """It belongs to another network, or to another version of this program."""


class StoreDamaged(StoreError):
    """What it returns is not what was written."""


def next_prefix(prefix: bytes) -> bytes:
    """The least key above every key that starts with `prefix` (which does not end in 0xff)."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


class Batch:
    """Writes that reach the disk together or not at all, in order."""

    __slots__ = ("operations",)

    def __init__(self) -> None:
        self.operations: list[tuple[bytes, bytes | None]] = []
        """(key, value); None deletes."""

    def put(self, key: bytes, value: bytes) -> None:
        """Sets `key`, table prefix included."""
        self.operations.append((key, value))

    def delete(self, key: bytes) -> None:
        """Removes `key`; nothing happens when it is absent."""
        self.operations.append((key, None))

    def __bool__(self) -> bool:
        return bool(self.operations)


class Database:
    """One open LevelDB, of one network."""

    def __init__(self, path: Path, genesis_hash: bytes) -> None:
        """Opens the database in directory `path`, or makes it for the network of `genesis_hash`.

        Raises StoreInUse, StoreForeign, StoreDamaged or StoreError.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path}: cannot be made: {error.strerror}; check node.data_dir") from None
        self._db = self._open()
        try:
            self._check_identity(genesis_hash)
        except StoreError:
            self._db.close()
            raise

    def _open(self) -> plyvel.DB:
        if _is_headless(self.path):
            raise self._damaged("its file CURRENT is missing")
        try:
            return plyvel.DB(
                str(self.path),
                create_if_missing=True,
                paranoid_checks=True,
                write_buffer_size=_WRITE_BUFFER_BYTES,
                compression=None,  # hashes and signatures do not get smaller, and trying costs compaction
                lru_cache_size=_BLOCK_CACHE_BYTES,
                max_open_files=_OPEN_FILES_MAX,
                bloom_filter_bits=_BLOOM_BITS,
            )
        except plyvel.CorruptionError as error:
            raise self._damaged(_words(error)) from None
        except plyvel.IOError as error:
            text = _words(error)
            if text.startswith("IO error: lock "):  # and not a file LOCK of another user
                raise StoreInUse(
                    f"{self.path}: another process has this database open; "
                    "stop that node first, or give this one a node.data_dir of its own"
                ) from None
            if "No such file" in text or "missing" in text.lower():
                raise self._damaged(text) from None
            raise StoreError(
                f"{self.path}: cannot be opened: {text}; "
                "check the disk, and that all files in it belong to this user"
            ) from None
        except plyvel.Error as error:
            raise self._damaged(_words(error)) from None

    def _check_identity(self, genesis_hash: bytes) -> None:
        held = self.get(_GENESIS_KEY)
        if held is None:
            for _ in self.range(b"", b"\xff"):
                raise self._damaged("its first record is missing")
            batch = Batch()
            batch.put(_GENESIS_KEY, genesis_hash)
            batch.put(_FORMAT_KEY, FORMAT)
            self.write(batch)
            return
        if held != genesis_hash:
            raise StoreForeign(
                f"{self.path}: belongs to the network with genesis {held.hex()}, "
                f"not to {genesis_hash.hex()}; correct node.genesis or node.data_dir"
            )
        written = self.get(_FORMAT_KEY)
        if written != FORMAT:
            raise StoreForeign(
                f"{self.path}: was written in format {written!r}, this program reads {FORMAT!r}; "
                "use the version that wrote it; with an empty node.data_dir it catches up, but never votes "
                "again"
            )

    def _damaged(self, detail: str) -> StoreDamaged:
        return StoreDamaged(
            f"{self.path}: the database is damaged ({detail}); run `ayni node doctor`, "
            "then move it away: the node catches up from its peers and serves, but does not vote "
            "if they hold votes that the disk lost (docs/operations.md)"
        )

    def get(self, key: bytes) -> bytes | None:
        """The value of `key` (table prefix included), or None. Raises StoreDamaged."""
        try:
            value: bytes | None = self._db.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise self._damaged(_words(error)) from None
        return value

    def range(
        self, start: bytes, stop: bytes, *, reverse: bool = False, fill_cache: bool = True
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values from `start` (inclusive) to `stop` (exclusive), in order. Raises StoreDamaged."""
        try:
            with self._db.iterator(
                start=start, stop=stop, reverse=reverse, fill_cache=fill_cache, verify_checksums=True
            ) as iterator:
                yield from iterator
        except plyvel.Error as error:
            raise self._damaged(_words(error)) from None

    def keys(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Keys only, from `start` (inclusive) to `stop` (exclusive), in order. Raises StoreDamaged."""
        try:
            with self._db.iterator(start=start, stop=stop, include_value=False) as iterator:
                yield from iterator
        except plyvel.Error as error:
            raise self._damaged(_words(error)) from None

    def write(self, batch: Batch, *, sync: bool = True) -> None:
        """Applies `batch` whole, on disk before this returns when `sync`. Raises StoreError."""
        try:
            out = self._db.write_batch(sync=sync)
            put = out.put
            for key, value in batch.operations:
                if value is None:
                    out.delete(key)
                else:
                    put(key, value)
            out.write()
        except plyvel.CorruptionError as error:
            raise self._damaged(_words(error)) from None
        except plyvel.Error as error:
            raise StoreError(
                f"{self.path}: cannot be written: {_words(error)}; check that the disk has space"
            ) from None

    def is_new(self) -> bool:
        """Whether it holds no more than of what network it is."""
        return next(self.keys(next_prefix(META), b"\xff"), None) is None

    def scan(self, tables: Iterable[bytes]) -> int:
        """Reads every byte of `tables`, checksums verified; returns how many records. Raises StoreDamaged."""
        count = 0
        for table in tables:
            for _ in self.range(table, next_prefix(table), fill_cache=False):
                count += 1
        return count

    def size_bytes(self) -> int:
        """What the files of the database take on disk."""
        size = 0
        for each in self.path.iterdir():
            with contextlib.suppress(FileNotFoundError):  # a compaction has just removed it
                size += each.stat().st_size
        return size

    def close(self) -> None:
        """Closes it; another process may then open it. Closing twice is harmless."""
        self._db.close()


def _is_headless(path: Path) -> bool:
    """Whether there are records but not the file that every LevelDB begins with: LevelDB would take it for a
    place where none was yet, make a new one, and delete what is left of the old one."""
    if (path / "CURRENT").exists():
        return False
    return any(each.suffix in (".ldb", ".log") for each in path.iterdir())


def _words(error: plyvel.Error) -> str:
    """What LevelDB says; plyvel hands on its bytes."""
    text = error.args[0] if error.args else ""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
