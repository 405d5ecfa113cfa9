"""What clients may read: accounts, members, classes, pool, settlements; always of the last final block.

Decides how records are put together into answers. Never shows anything that is not final, never writes.
Spec: ledger_service.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, TypeVar

from google.protobuf.message import Message

from ayni.v1 import genesis_pb2, receipt_pb2, result_pb2, state_pb2
from ayni.v1 import ledger_service_pb2 as pb
from ledger import books, limits, records
from ledger.chain import Chain
from ledger.genesis import Founding
from node.tables import StoredBlock, Tables, read_row
from node.turns import Pieces, at_once
from proofs import statetree

M = TypeVar("M", bound=Message)

ACCOUNTS_PAGE = 100
ACCOUNTS_PAGE_MAX = 1_000
ACCOUNTS_A_TURN = 20
"""Accounts read before others get their turn (about 5 ms),"""
BYTES_A_TURN = 64 * 1024
"""and so many bytes of them: one may hold thousands of lots."""
SETTLEMENTS_PAGE = 12
SETTLEMENTS_PAGE_MAX = 120
STATE_KEY_BYTES_MAX = 512
_SHOWN = 100
"""Characters of what a client gives as a name, in what it is told."""
PAGE_BYTES_AIM = 2 * 1024 * 1024
"""A page ends early when it is so large: gRPC clients take 4 MiB by default."""


class NotFound(Exception):
    """What was asked for does not exist in the final state."""


class BadRequest(Exception):
    """The request cannot be right; the text names the field."""


def once_a_block(read: Callable[..., M]) -> Callable[..., M]:
    """For reads over a whole network: worked out once for each final block, however often they are asked."""

    @wraps(read)
    def answer(self: Reads, *arguments: str) -> M:
        height = self._chain.tip.height
        if self._known_at != height:
            self._known.clear()
            self._known_at = height
        key = (read.__name__, *arguments)
        if key not in self._known:
            self._known[key] = read(self, *arguments)
        found: M = self._known[key]
        return found

    return answer


class Reads:
    """Answers from the final state."""

    def __init__(self, founding: Founding, tables: Tables, chain: Chain) -> None:
        self._founding = founding
        self._tables = tables
        self._chain = chain
        self._units = [unit.code for unit in founding.genesis.units]
        self._federations = [each.name for each in founding.genesis.federations]
        self._known: dict[tuple[str, ...], Any] = {}
        self._known_at = -1

    def at(self) -> pb.ReadAt:
        """The last final block."""
        tip = self._chain.tip
        return pb.ReadAt(height=tip.height, state_root=self._chain.state_root, time_ms=tip.time_ms)

    def network(self) -> pb.GetNetworkResponse:
        """The founding document."""
        return pb.GetNetworkResponse(
            genesis=self._founding.signed, genesis_hash=self._founding.hash, at=self.at()
        )

    # --- accounts -----------------------------------------------------------------------------------

    def account(self, name: str) -> pb.GetAccountResponse:
        """One account, the pool included. Raises NotFound."""
        if name != limits.POOL and self._tables.get(records.account_key(name)) is None:
            raise NotFound(f"there is no account {name}; check its name with `ayni account list`")
        return self._account(name, self.at())

    def accounts(self, request: pb.ListAccountsRequest) -> pb.ListAccountsResponse:
        """Accounts whose name is `prefix` or continues it with "/" or ":", ascending. Raises BadRequest."""
        return at_once(self.accounts_in_pieces(request))

    def accounts_in_pieces(self, request: pb.ListAccountsRequest) -> Pieces[pb.ListAccountsResponse]:
        """The same. A page is of one block: it ends where the next one becomes final."""
        count = _page(request.limit, ACCOUNTS_PAGE, ACCOUNTS_PAGE_MAX, "limit")
        at = self.at()
        after = records.account_key(request.after) if request.after else b""
        answer = pb.ListAccountsResponse(at=at)
        size, turn_ends_at = 0, BYTES_A_TURN
        for name in self._account_names(request.prefix, after):
            listed = len(answer.accounts)
            if listed and (listed % ACCOUNTS_A_TURN == 0 or size > turn_ends_at):
                turn_ends_at = size + BYTES_A_TURN
                yield
            if listed == count or size > PAGE_BYTES_AIM or self._chain.tip.height != at.height:
                answer.more = True
                break
            answer.accounts.append(self._account(name, at))
            size += answer.accounts[-1].ByteSize()
        return answer

    def _account_names(self, prefix: str, after: bytes) -> Iterator[str]:
        """Names of `prefix` and below it, ascending; looks at no other, however many begin alike."""
        key = records.account_key(prefix)
        if not prefix or prefix[-1] in "/:":
            parts: Iterable[Iterator[bytes]] = [self._tables.listed_keys(key, after)]
        else:
            itself = iter([key] if key > after and self._tables.get(key) is not None else [])
            below = [self._tables.listed_keys(key + mark, after) for mark in (b"/", b":")]
            parts = [itself, *below]
        for part in parts:
            for found in part:
                yield found[2:].decode()

    def _account(self, name: str, at: pb.ReadAt) -> pb.GetAccountResponse:
        record = self._record(state_pb2.AccountRecord, records.account_key(name))
        answer = pb.GetAccountResponse(at=at, account=name, record=record)
        is_organisation = ":" not in name and name != limits.POOL
        if is_organisation:
            answer.organisation.CopyFrom(
                self._record(state_pb2.OrganisationRecord, records.organisation_key(name))
            )
        for unit in self._units:
            if entry := self._unit_balance(name, unit, is_organisation):
                answer.balances.append(entry)
        classes = record.held_classes if name != limits.POOL else self._class_ids()
        for class_id in classes:
            if holding := self._holding(name, class_id):
                answer.holdings.append(holding)
        return answer

    def _unit_balance(self, name: str, unit: str, is_organisation: bool) -> pb.UnitBalance | None:
        balance = self._tables.get(records.balance_key(name, unit))
        own = self._tables.get(records.organisation_unit_key(name, unit)) if is_organisation else None
        if balance is None and own is None:
            return None
        record = read_row(state_pb2.BalanceRecord, balance or b"", f"the balance of {name}")
        entry = pb.UnitBalance(unit=unit, record=record)
        entry.available = books.available(self._chain.final_state(), name, unit)
        if own is not None:
            entry.organisation.CopyFrom(
                read_row(state_pb2.OrganisationUnitRecord, own, f"the dues of {name}")
            )
            entry.dues = sum(due.amount for due in entry.organisation.dues)
        return entry

    def _holding(self, holder: str, class_id: str) -> pb.ClassHolding | None:
        value = self._tables.get(records.holding_key(holder, class_id))
        if value is None:
            return None
        record = read_row(state_pb2.HoldingRecord, value, f"what {holder} holds of {class_id}")
        return pb.ClassHolding(class_id=class_id, record=record)

    # --- members and classes ------------------------------------------------------------------------

    @once_a_block
    def members(self) -> pb.ListMembersResponse:
        """Every federation with its organisations and quotas."""
        answer = pb.ListMembersResponse(at=self.at())
        for name in self._federations:
            record = self._record(state_pb2.FederationRecord, records.federation_key(name))
            entry = answer.federations.add(name=name, record=record)
            for organisation in record.organisations:
                entry.organisations.add(
                    organisation=organisation,
                    record=self._record(state_pb2.OrganisationRecord, records.organisation_key(organisation)),
                )
            for unit in self._units:
                value = self._tables.get(records.quota_key(name, unit))
                if value is not None:
                    entry.quotas.add(
                        unit=unit, record=read_row(state_pb2.QuotaRecord, value, f"the quota of {name}")
                    )
        return answer

    @once_a_block
    def classes(self, class_id: str) -> pb.ListClassesResponse:
        """One class with its issuers, or all of them. Raises NotFound."""
        answer = pb.ListClassesResponse(at=self.at())
        if class_id and self._tables.get(records.class_key(class_id)) is None:
            raise NotFound(f"there is no class {class_id}; see `ayni class list`")
        for each in [class_id] if class_id else self._class_ids():
            record = self._record(state_pb2.ClassRecord, records.class_key(each))
            entry = answer.classes.add(class_id=each, record=record)
            for key in self._tables.listed_keys(records.issuance_key(each, "")):
                issuance = self._record(state_pb2.IssuanceRecord, key)
                entry.issuers.add(issuer=key.rpartition(b"|")[2].decode(), record=issuance)
        return answer

    def _class_ids(self) -> list[str]:
        return [key[2:].decode() for key in self._tables.listed_keys(records.class_key(""))]

    # --- pool ---------------------------------------------------------------------------------------

    @once_a_block
    def pool(self) -> pb.GetPoolResponse:
        """The pool's books and the parameters in force."""
        period = self._record(state_pb2.PeriodRecord, records.PERIOD_KEY)
        answer = pb.GetPoolResponse(at=self.at(), period=period, parameters=self._parameters())
        for unit in self._units:
            claims = owed = 0
            for _, record in self._organisation_units(unit):
                total = sum(due.amount for due in record.dues)
                claims += max(0, total)
                owed += max(0, -total)
            balance = self._record(state_pb2.BalanceRecord, records.balance_key(limits.POOL, unit))
            answer.units.add(
                unit=unit,
                unit_record=self._record(state_pb2.UnitRecord, records.unit_key(unit)),
                balance=balance.balance,
                record=self._record(state_pb2.PoolUnitRecord, records.pool_unit_key(unit)),
                claims=claims,
                owed=owed,
            )
        for class_id in self._class_ids():
            if holding := self._holding(limits.POOL, class_id):
                answer.holdings.append(holding)
        return answer

    @once_a_block
    def dues(self, unit: str) -> pb.ListDuesResponse:
        """What organisations and pool owe each other, by organisation and unit. Raises NotFound."""
        if unit and unit not in self._units:
            raise NotFound(f"this network has no unit {unit}; it has {', '.join(self._units)}")
        answer = pb.ListDuesResponse(at=self.at())
        for each in [unit] if unit else self._units:
            for organisation, record in self._organisation_units(each):
                answer.dues.add(organisation=organisation, unit=each, record=record)
        return answer

    def settlements(self, request: pb.ListSettlementsRequest) -> pb.ListSettlementsResponse:
        """Settlements of the periods after one, ascending. Raises BadRequest."""
        return at_once(self.settlements_in_pieces(request))

    def settlements_in_pieces(self, request: pb.ListSettlementsRequest) -> Pieces[pb.ListSettlementsResponse]:
        """The same."""
        count = _page(request.limit, SETTLEMENTS_PAGE, SETTLEMENTS_PAGE_MAX, "limit")
        answer = pb.ListSettlementsResponse(at=self.at())
        for period in range(request.after_period + 1, request.after_period + 1 + count):
            settlement = self.settlement(period)
            if settlement is None:
                break
            answer.settlements.append(settlement)
            yield  # of a network of thousands of organisations each is a megabyte
        return answer

    def settlement(self, period: int) -> result_pb2.Settlement | None:
        """The settlement of one period, when it is closed."""
        value = self._tables.get(records.settlement_key(period))
        if value is None:
            return None
        return read_row(state_pb2.SettlementRecord, value, f"settlement {period}").settlement

    def _organisation_units(self, unit: str) -> Iterator[tuple[str, state_pb2.OrganisationUnitRecord]]:
        for federation in self._federations:
            record = self._record(state_pb2.FederationRecord, records.federation_key(federation))
            for organisation in record.organisations:
                value = self._tables.get(records.organisation_unit_key(organisation, unit))
                if value is not None:
                    what = f"the dues of {organisation}"
                    yield organisation, read_row(state_pb2.OrganisationUnitRecord, value, what)

    def _parameters(self) -> list[genesis_pb2.Parameter]:
        state = self._chain.final_state()
        listed = []
        for number in sorted(limits.PARAMETER_BOUNDS):
            network_wide = number == genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS
            for unit in [""] if network_wide else self._units:
                name: Any = number
                value = books.parameter(state, number, unit)
                listed.append(genesis_pb2.Parameter(name=name, unit=unit, value=value))
        return listed

    # --- decisions, transactions, proofs ------------------------------------------------------------

    def decision(self, tx_id: bytes) -> pb.GetDecisionResponse:
        """A decision and its status. Raises NotFound."""
        value = self._tables.get(records.decision_key(_tx_id(tx_id)))
        if value is None:
            raise NotFound(f"there is no final decision {tx_id.hex()}; see `ayni tx show {tx_id.hex()}`")
        record = read_row(state_pb2.PendingDecisionRecord, value, f"decision {tx_id.hex()}")
        return pb.GetDecisionResponse(at=self.at(), record=record)

    def transaction(self, tx_id: bytes) -> pb.GetTransactionResponse:
        """A final transaction. Raises NotFound."""
        logged = self._tables.transaction(_tx_id(tx_id))
        if logged is None:
            raise NotFound(f"the log does not hold transaction {tx_id.hex()} (yet)")
        return pb.GetTransactionResponse(
            transaction=logged.raw,
            result=logged.result,
            height=logged.height,
            log_index=logged.log_index,
            time_ms=self._tables.block(logged.height).header.time_ms,
        )

    def transaction_by_nonce(self, author: str, nonce: bytes) -> pb.GetTransactionResponse:
        """The final transaction with which `author` used `nonce`. Raises NotFound, BadRequest."""
        # What was looked up is remembered for a while: it must be no megabytes.
        if not (limits.ACCOUNT_NAME.match(author) or limits.FEDERATION_NAME.match(author)):
            raise BadRequest(f"author: {author[:_SHOWN]} is no name of an account or a federation; check it")
        if len(nonce) != limits.NONCE_BYTES:
            raise BadRequest(f"nonce: has {len(nonce)} bytes; a nonce has {limits.NONCE_BYTES}")
        tx_id = self._tables.nonce(author, nonce)
        if tx_id is None:
            raise NotFound(f"the log holds no transaction of {author} with this nonce (yet)")
        return self.transaction(tx_id)

    def state_proof(self, key: bytes) -> receipt_pb2.StateProof:
        """One record, or its absence, against the last final block. Raises BadRequest, NotFound."""
        if not 1 <= len(key) <= STATE_KEY_BYTES_MAX:
            raise BadRequest(f"key: has {len(key)} bytes; give 1 to {STATE_KEY_BYTES_MAX}")
        final = self._last_block()
        key_hash = statetree.key_hash(key)
        index = statetree.bucket_of(key_hash, self._founding.genesis.state_tree_bits)
        value = self._tables.get(key)
        return receipt_pb2.StateProof(
            genesis=self._founding.signed,
            key=key,
            value=value or b"",
            absent=value is None,
            bucket=[each for each in self._chain.tree.entries(index) if each[:32] != key_hash],
            path=self._chain.tree.path(index),
            header=final.certified.header,
            finalization=final.certified.finalization,
        )

    def _last_block(self) -> StoredBlock:
        """The tip, which is always directly final."""
        if self._chain.tip.height == 0:
            raise NotFound("there is no block yet, so nothing can be proven; ask again after the first one")
        return self._tables.block(self._chain.tip.height)

    def _record(self, message: type[M], key: bytes) -> M:
        """The record at `key`; every field at its default when absent."""
        return read_row(message, self._tables.get(key) or b"", f"the record {key.decode()}")


def _page(asked: int, default: int, most: int, field: str) -> int:
    if asked > most:
        raise BadRequest(f"{field}: is {asked}; ask for at most {most} at a time")
    return asked or default


def _tx_id(tx_id: bytes) -> bytes:
    if len(tx_id) != limits.HASH_BYTES:
        raise BadRequest(f"tx_id: has {len(tx_id)} bytes; a transaction id has {limits.HASH_BYTES}")
    return tx_id
