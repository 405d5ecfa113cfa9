"""Signed bytes that were or will be sent: synced to disk before sending, kept until a definite outcome.

Decides what is still pending, so that a crash at any instant never leads to a second nonce for the same
intent: after it, the same bytes are sent again. Never sends. One directory per network (its genesis hash):

    pending/TX_ID.ayni      SignedTransaction bytes, waiting for a definite outcome
    pending/TX_ID.refused   the name of the refusal last heard; the bytes may be accepted all the same
    done/TX_ID.ayni         what became final, the latest ones, so that an id's beginning names it
    void/TX_ID.ayni         what a node said can never become final, likewise, so that --replace can name it
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from ayni.v1 import transaction_pb2
from client.drafts import id_of
from client.errors import ClientError, KeyProblem, NotFound, UsageProblem
from client.files import make_private, sync_directory

if TYPE_CHECKING:
    from client.outcomes import Outcome

DONE_MAX = 2_000
PREFIX_CHARACTERS_MIN = 4
SYNC_ONE_BY_ONE_MAX = 64
PART_SECONDS = 24 * 3600
"""A file that has not been finished for so long is nobody's: whoever was writing it was killed."""
_NAME = re.compile(r"[0-9a-f]{64}")
_REFUSED = ".refused"
_PART = ".part"


@dataclass(frozen=True)
class Entry:
    """One signed transaction of this home."""

    tx_id: bytes
    path: Path
    pending: bool

    @property
    def refused(self) -> str:
        """The name of the refusal that was last heard of it: "LIMIT_EXCEEDED"; empty: none was."""
        try:
            return self.path.with_suffix(_REFUSED).read_text().strip()
        except OSError:
            return ""

    @property
    def signed_at(self) -> float:
        """When its file was written, Unix seconds; 0 when it is gone."""
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    def transaction(self) -> bytes:
        """The SignedTransaction bytes. Raises KeyProblem when the file does not hold what it is named for."""
        raw = self.path.read_bytes()
        try:
            intact = id_of(raw) == self.tx_id
        except DecodeError:
            intact = False
        if not intact:
            raise KeyProblem(
                f"The outbox file {self.path} is damaged.",
                "Its bytes are not those of the transaction it is named for.",
                f"Ask what became of it: `ayni tx wait {self.tx_id.hex()}`; then remove the file.",
            )
        return raw

    def body(self) -> transaction_pb2.Body:
        """What the transaction says."""
        return _body_of(self.transaction())


class Outbox:
    """The outbox of one network."""

    def __init__(self, directory: Path) -> None:
        self._pending = directory / "pending"
        self._done = directory / "done"
        self._void = directory / "void"

    def put(self, transactions: Iterable[bytes]) -> None:
        """Makes signed bytes durable before they are sent: files synced, then the directory.

        Raises UsageProblem when they cannot be; then nothing may be sent.
        """
        transactions = list(transactions)
        one_by_one = len(transactions) <= SYNC_ONE_BY_ONE_MAX
        self._trim()
        written: dict[Path, Path] = {}
        try:
            make_private(self._pending)
            for raw in transactions:
                name = id_of(raw).hex()
                # Another process may be writing the same: neither renames what the other has not finished.
                handle, temporary = tempfile.mkstemp(_PART, f"{name}.", self._pending)
                written[Path(temporary)] = self._pending / f"{name}.ayni"
                with os.fdopen(handle, "wb") as file:
                    file.write(raw)
                    file.flush()
                    if one_by_one:
                        os.fsync(file.fileno())
            if not one_by_one:
                os.sync()  # cheaper than thousands of fsyncs; on Linux it returns when all is written
            for part, path in written.items():
                part.replace(path)
            for directory in (self._pending, *self._pending.parents[:3]):
                sync_directory(directory)
        except OSError as error:
            raise UsageProblem(
                f"The outbox {self._pending} cannot be written.",
                f"{error.strerror}; nothing was sent.",
                "Make room or give yourself permission, and run the command again.",
            ) from error
        finally:
            for part in written:
                with suppress(OSError):  # it is there only when this was broken off
                    part.unlink()

    def hear(self, outcome: Outcome) -> None:
        """Takes note of an outcome: a definite one ends the entry, a refusal for now is remembered."""
        path = self._pending / f"{outcome.tx_id.hex()}.ayni"
        if outcome.definite:
            self.settle(outcome.tx_id, final=outcome.kind == "final")
        elif outcome.refusal_name and path.exists():
            path.with_suffix(_REFUSED).write_text(f"{outcome.refusal_name}\n")

    def forget_replaced(self, final: Iterable[bytes]) -> None:
        """Takes out what can no longer be accepted because one of these transactions used its nonce (T4)."""
        bodies = [_body_of(raw) for raw in final]
        used = {(body.author, body.nonce) for body in bodies}
        for entry, body in self.bodies(self.pending()) if used else ():
            if (body.author, body.nonce) in used:
                self.settle(entry.tx_id, final=False)

    def settle(self, tx_id: bytes, *, final: bool) -> None:
        """Takes out an entry whose outcome is definite, and remembers it.

        What is not final also: that is a node's word and not proven, and its nonce the only thing with which
        the same can be meant again without being done twice.
        """
        (self._pending / f"{tx_id.hex()}{_REFUSED}").unlink(missing_ok=True)
        entry = self.entry(tx_id)
        if entry is not None and (entry.pending or final):
            kept = self._done if final else self._void
            make_private(kept)
            with suppress(FileNotFoundError):  # another process settled it at the same time
                entry.path.replace(kept / entry.path.name)

    def pending(self) -> list[Entry]:
        """What has no definite outcome yet, oldest first."""
        return self._entries(self._pending, pending=True)

    def known(self) -> list[Entry]:
        """What is pending, and what became final, the latest ones."""
        return [*self.pending(), *self._entries(self._done, pending=False)]

    def lately_final(self, seconds: float) -> list[Entry]:
        """What became final of what was signed in the last so many seconds, oldest first."""
        earliest = time.time() - seconds
        done = self._entries(self._done, pending=False)
        return [entry for entry in done if entry.signed_at > earliest]

    def void(self) -> list[Entry]:
        """What was given up, the latest ones: by a node's word, because it was replaced, or by --drop."""
        return self._entries(self._void, pending=False)

    def nonce_used(self, entry: Entry) -> bytes:
        """The id of what is final, as far as is remembered here, with the nonce of `entry` (T4); empty: none.

        It is not `entry` itself.
        """
        body = entry.body()
        for other, one in self.bodies(self._entries(self._done, pending=False)):
            if (one.author, one.nonce) == (body.author, body.nonce) and other.tx_id != entry.tx_id:
                return other.tx_id
        return b""

    @staticmethod
    def bodies(entries: Iterable[Entry]) -> Iterator[tuple[Entry, transaction_pb2.Body]]:
        """Entries with what they say, but for what another process settles meanwhile. Raises KeyProblem."""
        for entry in entries:
            try:
                body = entry.body()
            except FileNotFoundError:
                continue
            yield entry, body

    def find(self, text: str) -> bytes:
        """The id that `text` names: 64 hex digits, or the beginning of one known here.

        Raises UsageProblem, NotFound.
        """
        wanted = text.strip().lower()
        if not wanted or wanted.strip("0123456789abcdef") or len(wanted) > 64:
            raise UsageProblem(
                f"'{text}' is not a transaction id.",
                "An id is up to 64 hex digits.",
                "Copy it as it was printed.",
            )
        if len(wanted) == 64:
            return bytes.fromhex(wanted)
        if len(wanted) < PREFIX_CHARACTERS_MIN:
            raise UsageProblem(
                f"'{text}' is too short for a transaction id.",
                f"At least {PREFIX_CHARACTERS_MIN} digits are needed.",
                "Give more of it.",
            )
        named = [*self.known(), *self.void()]
        found = sorted({entry.tx_id for entry in named if entry.tx_id.hex().startswith(wanted)})
        if len(found) == 1:
            return found[0]
        raise self._not_one(text, found)

    def entry(self, tx_id: bytes) -> Entry | None:
        """The entry of an id, when this home sent it."""
        for directory, pending in ((self._pending, True), (self._done, False), (self._void, False)):
            path = directory / f"{tx_id.hex()}.ayni"
            if path.exists():
                return Entry(tx_id, path, pending)
        return None

    def intact(self, tx_id: bytes) -> Entry | None:
        """The same, unless its file is damaged."""
        entry = self.entry(tx_id)
        try:
            return entry if entry is not None and entry.transaction() else None
        except KeyProblem:
            return None

    @staticmethod
    def _entries(directory: Path, *, pending: bool) -> list[Entry]:
        if not directory.is_dir():
            return []
        named = [path for path in directory.glob("*.ayni") if _NAME.fullmatch(path.stem)]
        files: list[tuple[int, Path]] = []
        for path in named:
            with suppress(FileNotFoundError):  # another process has just settled it
                files.append((path.stat().st_mtime_ns, path))
        return [Entry(bytes.fromhex(path.stem), path, pending) for _, path in sorted(files)]

    @staticmethod
    def _not_one(text: str, found: list[bytes]) -> ClientError:
        if found:
            return UsageProblem(
                f"'{text}' begins {len(found)} transaction ids.",
                f"They are {', '.join(tx_id.hex()[:24] for tx_id in found[:5])}.",
                "Give more digits.",
            )
        return NotFound(
            f"No transaction beginning with '{text}' is known here.",
            "Only transactions sent from this home can be named by their beginning.",
            "Give all 64 digits.",
        )

    def _trim(self) -> None:
        for directory in (self._done, self._void):
            for entry in self._entries(directory, pending=False)[:-DONE_MAX]:
                entry.path.unlink(missing_ok=True)
        for part in self._pending.glob(f"*{_PART}"):
            with suppress(FileNotFoundError):  # another process has just finished it
                if time.time() - part.stat().st_mtime > PART_SECONDS:
                    part.unlink()


def _body_of(raw: bytes) -> transaction_pb2.Body:
    return transaction_pb2.Body.FromString(transaction_pb2.SignedTransaction.FromString(raw).body)
