"""`Client`: everything a co-operative can ask of the network's nodes, synchronously.

Decides how transactions are handed in until their outcome is known, and that a final outcome is believed
only with a receipt that verifies. Reads return the contract's messages (ayni.v1) as they are. Never holds
keys and never builds a transaction (client/transactions.py). Spec: proto/ayni/v1/ledger_service.proto.

    with Client(network) as client:
        [outcome] = client.submit([raw])
        print(client.account("emilia/cadiai").balances)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import TracebackType
from typing import TypeVar

from google.protobuf.message import Message

from ayni.v1 import block_pb2, receipt_pb2
from ayni.v1 import ledger_service_pb2 as wire
from client.answers import check_answer, check_transaction
from client.channels import Node, Nodes, NotThisNode, no_node
from client.errors import ClientError, NotFound, VerificationFailed
from client.networks import Network
from client.outcomes import Kind, Outcome, check_receipt, outcome_of, short_id, with_receipt
from client.output import Unit, units_of
from client.submission import MARGIN_SECONDS, WAIT_CALL_MAX_MS, Submission
from proofs.receipts import ReceiptInvalid, VerifiedRecord, verify_state_proof

WAIT_DEFAULT_MS = 30_000
READ_SECONDS_MAX = 20.0
EXPORT_SECONDS_MAX = 3_600.0
DOUBT_SECONDS_MAX = 5.0
PAGE = 1_000

Response = TypeVar("Response", bound=Message)


class Client:
    """A connection to a network's nodes, with failover. Close it, or use it as a context manager."""

    def __init__(self, network: Network, *, read_timeout_s: float = READ_SECONDS_MAX) -> None:
        self.network = network
        self.genesis_hash = network.genesis_hash
        self.units: dict[str, Unit] = units_of(network.genesis())
        self.nodes = Nodes(network)
        self._timeout_s = read_timeout_s

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self.nodes.close()

    # Handing in -------------------------------------------------------------------------------------

    def submit(
        self, transactions: Sequence[bytes], *, wait_ms: int = WAIT_DEFAULT_MS, want_receipts: bool = True
    ) -> list[Outcome]:
        """Hands in signed transactions and waits up to `wait_ms` for each one's outcome, in order.

        The same bytes are sent again, to other nodes too, until each outcome is known; what is not known
        in time comes back as unknown. Raises NoNode when no node took any, VerificationFailed when a
        receipt does not verify, UsageProblem before anything is sent when bytes are no transaction. For
        thousands use client.flow.
        """
        if not transactions:
            return []
        outcomes = Submission(self.network, self.nodes, transactions, want_receipts).run(wait_ms)
        return self._doubted(outcomes)

    def outcome(self, tx_id: bytes, *, wait_ms: int = 0) -> Outcome:
        """What became of a transaction, by its id; waits up to `wait_ms`. Without receipt."""
        until = time.monotonic() + wait_ms / 1000
        while True:
            left_ms = max(0, int((until - time.monotonic()) * 1000))
            wait = min(left_ms, WAIT_CALL_MAX_MS)
            request = wire.GetOutcomeRequest(tx_id=tx_id, wait_ms=wait)
            message = self.nodes.read("GetOutcome", request, wait / 1000 + MARGIN_SECONDS)
            found = outcome_of(message, self.genesis_hash, tx_id=tx_id)
            if found.kind is not Kind.UNKNOWN or left_ms <= wait:
                return self._doubted([found])[0]

    def _doubted(self, outcomes: list[Outcome]) -> list[Outcome]:
        """That something has expired is one node's word: another one may prove that it is final."""
        found = {one.tx_id: one for one in outcomes}
        for node in tuple(self.nodes)[1:]:
            expired = [tx_id for tx_id, one in found.items() if one.kind is Kind.EXPIRED]
            try:
                for tx_id in expired:
                    said = node.call("GetOutcome", wire.GetOutcomeRequest(tx_id=tx_id), DOUBT_SECONDS_MAX)
                    if said.kind == wire.OUTCOME_KIND_FINAL:
                        request = wire.GetReceiptRequest(tx_id=tx_id)
                        said.receipt.CopyFrom(node.call("GetReceipt", request, DOUBT_SECONDS_MAX))
                        found[tx_id] = outcome_of(said, self.genesis_hash, tx_id=tx_id, receipt_wanted=True)
                        self.nodes.prefer(node)
            except (NotThisNode, ClientError):  # it is asked no more, and proves nothing
                continue
        return [found[one.tx_id] for one in outcomes]

    def with_receipt(self, final: Outcome) -> Outcome:
        """The same final outcome with its receipt, verified. Raises NotFound, VerificationFailed."""
        request = wire.GetReceiptRequest(tx_id=final.tx_id)
        return with_receipt(final, self._read("GetReceipt", request, receipt_pb2.Receipt), self.genesis_hash)

    def receipt(self, tx_id: bytes) -> receipt_pb2.Receipt:
        """The receipt of a final transaction, verified. Raises NotFound, VerificationFailed."""
        receipt = self._read("GetReceipt", wire.GetReceiptRequest(tx_id=tx_id), receipt_pb2.Receipt)
        check_receipt(receipt, self.genesis_hash, tx_id)
        return receipt

    # Reads ------------------------------------------------------------------------------------------

    def status(self) -> wire.GetStatusResponse:
        """How the node that answers is doing."""
        return self._read("GetStatus", wire.GetStatusRequest(), wire.GetStatusResponse)

    def transaction(self, tx_id: bytes) -> wire.GetTransactionResponse:
        """A final transaction by its id. Raises NotFound, VerificationFailed (it is another one)."""
        request = wire.GetTransactionRequest(tx_id=tx_id)
        found = self._read("GetTransaction", request, wire.GetTransactionResponse)
        if check_transaction(found) != tx_id:
            raise VerificationFailed(
                "The node answered with another transaction.",
                f"Its id is not {short_id(tx_id)}.",
                "Ask another node with --node.",
            )
        return found

    def transaction_by_nonce(self, author: str, nonce: bytes) -> wire.GetTransactionResponse | None:
        """The final transaction of this author with this nonce, proven by its receipt, or None (T4).

        Raises VerificationFailed, also when it is another's or has another nonce.
        """
        request = wire.GetTransactionRequest(author=author, nonce=nonce)
        try:
            found = self._read("GetTransaction", request, wire.GetTransactionResponse)
        except NotFound:
            return None
        tx_id = check_transaction(found)
        receipt = self._read("GetReceipt", wire.GetReceiptRequest(tx_id=tx_id), receipt_pb2.Receipt)
        body = check_receipt(receipt, self.genesis_hash, tx_id).body
        if (body.author, body.nonce) != (author, nonce):
            raise VerificationFailed(
                "The node answered with another transaction.",
                f"It is {body.author}'s with nonce {body.nonce.hex()}, not {author}'s with {nonce.hex()}.",
                "Ask another node with --node.",
            )
        return found

    def account(self, account: str) -> wire.GetAccountResponse:
        """An account's keys, balances and holdings. Raises NotFound."""
        return self._read("GetAccount", wire.GetAccountRequest(account=account), wire.GetAccountResponse)

    def accounts(self, prefix: str = "") -> Iterator[wire.GetAccountResponse]:
        """All accounts whose name begins so, ascending; pages are fetched as needed."""
        after = ""
        while True:
            request = wire.ListAccountsRequest(prefix=prefix, after=after, limit=PAGE)
            page = self._read("ListAccounts", request, wire.ListAccountsResponse)
            names = [after, *(one.account for one in page.accounts)]
            cut = page.more and not page.accounts
            if cut or any(first >= second for first, second in pairwise(names)):
                raise VerificationFailed(
                    "The node's list of accounts cannot be right.",
                    "It says that there are more, and names none."
                    if cut
                    else "It is not ascending, and might never end.",
                    "Ask another node with --node.",
                )
            yield from page.accounts
            if not page.more:
                return
            after = page.accounts[-1].account

    def statement(
        self, account: str, *, from_ms: int = 0, until_ms: int = 0, after: str = "", limit: int = PAGE
    ) -> wire.GetStatementResponse:
        """One page of an account's postings; `next` is the token of the next page."""
        request = wire.GetStatementRequest(
            account=account, from_ms=from_ms, until_ms=until_ms, after=after, limit=limit
        )
        return self._read("GetStatement", request, wire.GetStatementResponse)

    def members(self) -> wire.ListMembersResponse:
        """Federations, their organisations and quotas."""
        return self._read("ListMembers", wire.ListMembersRequest(), wire.ListMembersResponse)

    def classes(self, class_id: str = "") -> wire.ListClassesResponse:
        """One class of entitlements, or all. Raises NotFound."""
        return self._read("ListClasses", wire.ListClassesRequest(class_id=class_id), wire.ListClassesResponse)

    def pool(self) -> wire.GetPoolResponse:
        """The collective pool, its period and the parameters in force."""
        return self._read("GetPool", wire.GetPoolRequest(), wire.GetPoolResponse)

    def dues(self, unit: str = "") -> wire.ListDuesResponse:
        """Dues by organisation and vintage; of one unit or all."""
        return self._read("ListDues", wire.ListDuesRequest(unit=unit), wire.ListDuesResponse)

    def settlements(self, after_period: int = 0, limit: int = 120) -> wire.ListSettlementsResponse:
        """Settlements, ascending by period."""
        request = wire.ListSettlementsRequest(after_period=after_period, limit=limit)
        return self._read("ListSettlements", request, wire.ListSettlementsResponse)

    def decision(self, tx_id: bytes) -> wire.GetDecisionResponse:
        """A decision and whether it has taken effect. Raises NotFound."""
        return self._read("GetDecision", wire.GetDecisionRequest(tx_id=tx_id), wire.GetDecisionResponse)

    def state_proof(self, key: bytes) -> tuple[receipt_pb2.StateProof, VerifiedRecord]:
        """One state record with its proof, verified. Raises VerificationFailed."""
        proof = self._read("GetStateProof", wire.GetStateProofRequest(key=key), receipt_pb2.StateProof)
        try:
            record = verify_state_proof(proof, self.genesis_hash)
            if record.key != key:
                raise ReceiptInvalid("key: it is another record's")
        except ReceiptInvalid as error:
            raise VerificationFailed(
                f"The proof of the record {key.decode('ascii', 'replace')} does not verify.",
                f"{error}.",
                "Ask another node with --node.",
            ) from error
        return proof, record

    def evidence(self) -> wire.ListEvidenceResponse:
        """What proves that a validator signed what no honest one signs, as one node has it."""
        return self._read("ListEvidence", wire.ListEvidenceRequest(), wire.ListEvidenceResponse)

    def evidence_of_each(self) -> Iterator[tuple[str, list[block_pb2.Evidence]]]:
        """(address, its evidence) of every node that answers: each has what it met with itself.

        Raises NoNode when none does.
        """
        failures: list[tuple[Node, NotThisNode]] = []
        nodes = list(self.nodes)
        for node in nodes:
            try:
                answer = node.call("ListEvidence", wire.ListEvidenceRequest(), self._timeout_s)
            except NotThisNode as failure:
                failures.append((node, failure))
                continue
            yield node.address.address, list(answer.evidence)
        if len(failures) == len(nodes):
            raise no_node(self.network, failures)

    def block(self, height: int) -> block_pb2.CertifiedBlock:
        """One final block with its certificates. Raises NotFound."""
        return self._read("GetBlock", wire.GetBlockRequest(height=height), block_pb2.CertifiedBlock)

    def export(self, from_height: int = 1) -> Iterator[block_pb2.CertifiedBlock]:
        """All blocks from a height to the last directly final one. Another node takes over if one fails.

        Raises NoNode.
        """
        height = from_height
        failures: list[tuple[Node, NotThisNode]] = []
        for node in self.nodes:
            try:
                request = wire.ExportRequest(from_height=height)
                for block in node.stream("Export", request, EXPORT_SECONDS_MAX):
                    yield block
                    height += 1
                return
            except NotThisNode as failure:
                failures.append((node, failure))
        raise no_node(self.network, failures)

    def consistency_proof(self, old_size: int, new_size: int = 0) -> wire.GetConsistencyProofResponse:
        """That the log of `new_size` (0: of now) extends the one of `old_size` (RFC 6962)."""
        request = wire.GetConsistencyProofRequest(old_size=old_size, new_size=new_size)
        return self._read("GetConsistencyProof", request, wire.GetConsistencyProofResponse)

    # Helpers ----------------------------------------------------------------------------------------

    def _read(self, method: str, request: Message, kind: type[Response]) -> Response:
        answer = self.nodes.read(method, request, self._timeout_s)
        if not isinstance(answer, kind):
            raise TypeError(f"{method} answered with {type(answer).__name__}")
        check_answer(answer, self.units)
        return answer
