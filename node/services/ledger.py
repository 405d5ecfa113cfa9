"""`LedgerService`: what clients ask of a node.

Decides what is checked before the rooms below are asked: the network, bounds of a request, and whether this
node may take transactions in now. Spec: ledger_service.proto.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from ayni.v1 import block_pb2, ledger_service_pb2_grpc, receipt_pb2
from ayni.v1 import ledger_service_pb2 as pb
from ledger import limits
from node.calls import Streams, TooMany, client_of
from node.parts import Parts
from node.reads import BadRequest, NotFound, Reads
from node.services.errors import Unavailable, WrongNetwork, abort, answers
from node.services.status import NodeStatus
from node.statements import Statements
from node.store import StoreError
from node.stream import Stream
from node.submit import Doors, Submissions
from node.turns import Pieces, Turn, Turns
from proofs.merkle import consistency_path

TRANSACTIONS_A_REQUEST_MAX = 1_000
WAIT_MAX_MS = 60_000
CLIENT_MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""What gRPC takes by default everywhere: a batch is split to less."""


class LedgerService(ledger_service_pb2_grpc.LedgerServiceServicer):
    """Answers clients from one node's parts."""

    def __init__(
        self, parts: Parts, status: NodeStatus, doors: Doors, streams: Streams | None = None
    ) -> None:
        """`streams`: where open streams are counted, with those of other services."""
        self.parts = parts
        self.turns = Turns()
        self._status = status
        self._doors = doors
        self._reads = Reads(parts.founding, parts.tables, parts.chain)
        self._statements = Statements(parts.database, parts.tables, self._reads)
        self._submissions = Submissions(doors)
        self._streams: set[Stream] = set()
        self._open = streams if streams is not None else Streams()

    # --- the network and this node ------------------------------------------------------------------

    @answers
    def GetNetwork(self, request: pb.GetNetworkRequest) -> pb.GetNetworkResponse:
        """The founding document."""
        return self._reads.network()

    @answers
    def GetStatus(self, request: pb.GetStatusRequest) -> pb.GetStatusResponse:
        """How this node is."""
        return self._status.status(self._reads.at())

    # --- transactions -------------------------------------------------------------------------------

    @answers
    async def Submit(self, request: pb.SubmitRequest, turn: Turn) -> pb.SubmitResponse:
        """Takes a batch in and waits for its outcomes."""
        self._check_submit(request)
        return await self._submissions.submit(request, turn)

    async def SubmitStream(self, requests: Any, context: Any) -> AsyncIterator[pb.SubmitResponse]:
        """Takes batches in and sends outcomes as they are known."""
        client = await self._begin_stream("SubmitStream", context)
        stream = Stream(self._submissions, self._doors, self.turns.of(client))
        self._streams.add(stream)
        reader = asyncio.create_task(self._read_stream(requests, stream))
        try:
            while outcomes := await stream.outcomes():
                yield pb.SubmitResponse(outcomes=outcomes)
            if not reader.done() and self._status.stopping:
                raise Unavailable(self._status.why_not_taking())
            await reader
            self.parts.metrics.rpcs.labels("SubmitStream", "OK").inc()
        except (BadRequest, WrongNetwork, Unavailable, TooMany) as error:
            await abort(self.parts, "SubmitStream", context, error)
        finally:
            reader.cancel()
            self._streams.discard(stream)
            stream.close()
            self._open.end(client)

    async def _begin_stream(self, name: str, context: Any) -> str:
        """Counts a stream that opens, or turns it away; returns whose it is."""
        client = client_of(context.peer())
        try:
            self._open.begin(client)
        except TooMany as error:
            await abort(self.parts, name, context, error)
        return client

    def close_streams(self) -> None:
        """The node stops: open streams end, and their clients are told to ask another node."""
        for stream in self._streams:
            stream.abandon()

    async def _read_stream(self, requests: Any, stream: Stream) -> None:
        try:
            async for request in requests:
                self._check_submit(request)
                await stream.take(request)
        finally:
            stream.end()

    def _check_submit(self, request: pb.SubmitRequest) -> None:
        if request.genesis_hash != self.parts.founding.hash:
            raise WrongNetwork(
                "genesis_hash: this node belongs to the network with genesis "
                f"{self.parts.founding.hash.hex()}, "
                f"the request to {request.genesis_hash.hex() or '(none)'}; choose the right network or node"
            )
        if len(request.transactions) > TRANSACTIONS_A_REQUEST_MAX:
            raise BadRequest(
                f"transactions: {len(request.transactions)} of them; "
                f"at most {TRANSACTIONS_A_REQUEST_MAX} in one request: split it"
            )
        _check_wait(request.wait_ms)
        if reason := self._status.why_not_taking():
            raise Unavailable(reason)

    @answers
    async def GetOutcome(self, request: pb.GetOutcomeRequest, _: Turn) -> pb.Outcome:
        """What became of a transaction."""
        if len(request.tx_id) != limits.HASH_BYTES:
            raise BadRequest(
                f"tx_id: has {len(request.tx_id)} bytes; a transaction id has {limits.HASH_BYTES}"
            )
        _check_wait(request.wait_ms)
        return await self._submissions.outcome(request.tx_id, request.wait_ms)

    @answers
    def GetTransaction(self, request: pb.GetTransactionRequest) -> pb.GetTransactionResponse:
        """A final transaction: by its id or, without one, by its author and nonce."""
        if not request.tx_id and request.author:
            return self._reads.transaction_by_nonce(request.author, request.nonce)
        return self._reads.transaction(request.tx_id)

    @answers
    def GetReceipt(self, request: pb.GetReceiptRequest) -> receipt_pb2.Receipt:
        """The receipt of a final transaction."""
        self._reads.transaction(request.tx_id)
        logged = self.parts.tables.transaction(request.tx_id)
        receipt = self.parts.receipts.receipt(logged) if logged else None
        if receipt is None:
            raise NotFound(f"there is no receipt of {request.tx_id.hex()} yet; ask again in a moment")
        return receipt

    # --- blocks -------------------------------------------------------------------------------------

    @answers
    def GetBlock(self, request: pb.GetBlockRequest) -> block_pb2.CertifiedBlock:
        """A final block with what proves it."""
        tip = self.parts.chain.tip.height
        if not 1 <= request.height <= tip:
            raise NotFound(f"there is no final block {request.height}; there are 1 to {tip}")
        return self.parts.tables.certified(request.height)

    async def Export(
        self, request: pb.ExportRequest, context: Any
    ) -> AsyncIterator[block_pb2.CertifiedBlock]:
        """Every final block from one on, up to the last there is now."""
        tables, tip = self.parts.tables, self.parts.chain.tip.height
        first = max(1, request.from_height)
        if first > tip + 1:
            text = f"from_height: is {first}; the last final block is {tip}"
            await abort(self.parts, "Export", context, BadRequest(text))
        client = await self._begin_stream("Export", context)
        try:
            for height in range(first, tip + 1):
                async with self.turns.of(client):
                    block = tables.certified(height)
                yield block
                await asyncio.sleep(0)
        except (StoreError, TooMany) as error:
            await abort(self.parts, "Export", context, error)
        finally:
            self._open.end(client)
        self.parts.metrics.rpcs.labels("Export", "OK").inc()

    @answers
    def GetConsistencyProof(self, request: pb.GetConsistencyProofRequest) -> pb.GetConsistencyProofResponse:
        """That one log begins with another."""
        size = self.parts.chain.tip.frontier.size
        new_size = request.new_size or size
        if not 1 <= request.old_size <= new_size <= size:
            raise BadRequest(
                f"old_size, new_size: {request.old_size}, {new_size}; "
                f"give 1 or more, ascending, up to the log's size {size}"
            )
        path = consistency_path(request.old_size, new_size, self.parts.tables.log_node)
        return pb.GetConsistencyProofResponse(new_size=new_size, path=path)

    # --- state --------------------------------------------------------------------------------------

    @answers
    def GetAccount(self, request: pb.GetAccountRequest) -> pb.GetAccountResponse:
        """One account."""
        return self._reads.account(request.account)

    @answers
    def ListAccounts(self, request: pb.ListAccountsRequest) -> Pieces[pb.ListAccountsResponse]:
        """Accounts of a federation or organisation."""
        return (yield from self._reads.accounts_in_pieces(request))

    @answers
    def GetStatement(self, request: pb.GetStatementRequest) -> Pieces[pb.GetStatementResponse]:
        """An account's lines between two times."""
        return (yield from self._statements.statement_in_pieces(request))

    @answers
    def ListMembers(self, request: pb.ListMembersRequest) -> pb.ListMembersResponse:
        """Federations and organisations."""
        return self._reads.members()

    @answers
    def ListClasses(self, request: pb.ListClassesRequest) -> pb.ListClassesResponse:
        """Classes of entitlements."""
        return self._reads.classes(request.class_id)

    @answers
    def GetPool(self, request: pb.GetPoolRequest) -> pb.GetPoolResponse:
        """The collective pool."""
        return self._reads.pool()

    @answers
    def ListDues(self, request: pb.ListDuesRequest) -> pb.ListDuesResponse:
        """What organisations and pool owe each other."""
        return self._reads.dues(request.unit)

    @answers
    def ListSettlements(self, request: pb.ListSettlementsRequest) -> Pieces[pb.ListSettlementsResponse]:
        """Settlements, by period."""
        return (yield from self._reads.settlements_in_pieces(request))

    @answers
    def GetDecision(self, request: pb.GetDecisionRequest) -> pb.GetDecisionResponse:
        """A decision and its status."""
        return self._reads.decision(request.tx_id)

    @answers
    def GetStateProof(self, request: pb.GetStateProofRequest) -> receipt_pb2.StateProof:
        """One record with its proof."""
        return self._reads.state_proof(request.key)

    @answers
    def ListEvidence(self, request: pb.ListEvidenceRequest) -> pb.ListEvidenceResponse:
        """Evidence against members."""
        return pb.ListEvidenceResponse(evidence=self.parts.tables.evidence())


def _check_wait(wait_ms: int) -> None:
    if wait_ms > WAIT_MAX_MS:
        raise BadRequest(f"wait_ms: is {wait_ms}; wait at most {WAIT_MAX_MS} and ask again")


def register(service: LedgerService, server: grpc.aio.Server) -> None:
    """Adds the service to a server."""
    add: Any = ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server
    add(service, server)
