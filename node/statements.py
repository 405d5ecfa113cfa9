"""An account's statement: its lines in the three books between two times, with opening and closing balance.

Decides order and pages; reads the per-account posting index and the log, never the chain. Times are block
times, Unix milliseconds. Spec: ledger_service.proto (GetStatement).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from ayni.v1 import ledger_service_pb2 as pb
from ayni.v1 import transaction_pb2
from ledger import limits, records
from ledger.rule import Posting
from node import postings
from node.postings import Book
from node.reads import BadRequest, NotFound, Reads
from node.store import Database
from node.tables import Tables, read_row
from node.turns import Pieces, at_once
from proofs.domains import tx_id
from proofs.varint import read_varint

LINES_PAGE_MAX = 1_000
LINES_A_TURN = 64
"""Lines read before others get their turn (about 5 ms)."""
_TOKEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})\Z")
_BODY = transaction_pb2.Body.DESCRIPTOR
_KINDS = {field.number: field.name for field in _BODY.oneofs_by_name["payload"].fields}


class _Placed(NamedTuple):
    """A line where it stands among all lines of the account; compares in the order shown."""

    height: int
    log_index: int
    line: int
    book: int
    unit: str
    position: int
    posting: Posting


class Statements:
    """Statements of the accounts of one node's final state."""

    def __init__(self, database: Database, tables: Tables, reads: Reads) -> None:
        self._db = database
        self._tables = tables
        self._reads = reads

    def statement(self, request: pb.GetStatementRequest) -> pb.GetStatementResponse:
        """One page of a statement. Raises NotFound, BadRequest."""
        return at_once(self.statement_in_pieces(request))

    def statement_in_pieces(self, request: pb.GetStatementRequest) -> Pieces[pb.GetStatementResponse]:
        """The same. What becomes final meanwhile is not in it."""
        account = request.account
        if account != limits.POOL and self._tables.get(records.account_key(account)) is None:
            raise NotFound(f"there is no account {account}; check its name with `ayni account list`")
        if request.limit > LINES_PAGE_MAX:
            raise BadRequest(f"limit: is {request.limit}; ask for at most {LINES_PAGE_MAX} lines at a time")
        count = request.limit or LINES_PAGE_MAX
        answer = pb.GetStatementResponse(at=self._reads.at())
        first, end = self._heights(request, answer.at.height)
        found = postings.books(self._db, account)
        for book in found:
            number: Any = book.book
            answer.balances.add(
                book=number,
                unit=book.unit,
                opening_minor=postings.balance_before(self._db, account, book, first),
                closing_minor=postings.balance_before(self._db, account, book, max(first, end)),
            )
        height, skip = _parse_token(request.after) if request.after else (first, 0)
        if height < first:
            raise BadRequest("after: is a page token of another statement; ask for the first page again")
        placed = _beyond(self._placed(account, found, height, end), height, skip)
        page: list[_Placed] = []
        while len(page) < count and (some := list(islice(placed, min(LINES_A_TURN, count - len(page))))):
            self._show(answer, some)
            page += some
            yield
        if len(page) == count and next(placed, None) is not None:
            answer.next = _token_after(page, height, skip)
        return answer

    def _heights(self, request: pb.GetStatementRequest, tip: int) -> tuple[int, int]:
        if request.until_ms and request.until_ms < request.from_ms:
            raise BadRequest(f"until_ms: {request.until_ms} is before from_ms {request.from_ms}; swap them")
        first = self._tables.first_height_at(request.from_ms, tip)
        return first, self._tables.first_height_at(request.until_ms, tip) if request.until_ms else tip + 1

    def _placed(self, account: str, books: list[Book], first: int, end: int) -> Iterator[_Placed]:
        streams = [_places(book, postings.lines(self._db, account, book, first, end)) for book in books]
        return heapq.merge(*streams)

    def _show(self, answer: pb.GetStatementResponse, page: list[_Placed]) -> None:
        times: dict[int, int] = {}
        kinds: dict[int, tuple[bytes, str]] = {}
        for placed in page:
            if placed.height not in times:
                times[placed.height] = self._tables.block(placed.height).header.time_ms
            if placed.log_index not in kinds:
                kinds[placed.log_index] = self._identify(placed.log_index)
            id_, kind = kinds[placed.log_index]
            posting = placed.posting
            book: Any = placed.book
            answer.lines.add(
                time_ms=times[placed.height],
                height=placed.height,
                log_index=placed.log_index,
                tx_id=id_,
                line=placed.line,
                book=book,
                unit=placed.unit,
                amount_minor=posting.amount,
                counterparty=posting.counterparty,
                value_date=posting.value_date,
                reference=posting.reference,
                type=kind,
            )

    def _identify(self, log_index: int) -> tuple[bytes, str]:
        """tx_id and type of a transaction of the log."""
        logged = self._tables.logged(log_index)
        if logged is None:
            raise NotFound(f"transaction {log_index} of the log is missing; run `ayni node doctor`")
        what = f"transaction {log_index} of the log"
        body = read_row(transaction_pb2.SignedTransaction, logged.raw, what).body
        return tx_id(body), kind_of(body)


def kind_of(body: bytes) -> str:
    """Name of the payload of canonical Body bytes, without parsing the payload (it may hold 4,096 lines)."""
    at = 0
    number = 0
    while at < len(body):
        tag, at = read_varint(body, at)
        number = tag >> 3
        value, at = read_varint(body, at)
        if tag & 7 == 2:
            at += value
    return _KINDS.get(number, "")


def _places(book: Book, found: Iterator[tuple[int, int, Posting]]) -> Iterator[_Placed]:
    for position, (height, log_index, posting) in enumerate(found):
        yield _Placed(height, log_index, posting.line, book.book, book.unit, position, posting)


def _beyond(placed: Iterator[_Placed], height: int, skip: int) -> Iterator[_Placed]:
    """All but the first `skip` lines of a height, however few it has: those above it are not passed over."""
    for position, each in enumerate(placed):
        if position >= skip or each.height != height:
            yield each
            yield from placed


def _parse_token(token: str) -> tuple[int, int]:
    """(height to go on at, lines of it already shown)."""
    match = _TOKEN.match(token)
    if match is None:
        raise BadRequest("after: is no page token; give what the page before said in `next`")
    return int(match[1]), int(match[2])


def _token_after(page: list[_Placed], height: int, skip: int) -> str:
    last = page[-1].height
    shown = sum(1 for placed in page if placed.height == last)
    return f"{last}.{shown + (skip if last == height else 0)}"
