"""Which reversal takes back an earlier transaction, and who must sign it.

Decides lines, amounts and losers from the original as it stands in the log. Never decides whether the
ledger accepts it: cumulative bounds and what is still held are the rules' (docs/protocol.md, R1 to R6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ayni.v1 import credit_pb2, entitlements_pb2, ledger_service_pb2, transaction_pb2
from client import transactions
from client.drafts import Draft, id_of
from client.errors import UsageProblem
from client.output import Unit, parse_amount

if TYPE_CHECKING:
    from client.api import Client
    from client.stamps import Stamp


@dataclass(frozen=True)
class OriginalLine:
    """What one leg or line moved, and who loses when it is taken back."""

    amount_minor: int
    unit: Unit
    losers: tuple[str, ...]


def reversal_of(
    client: Client,
    original: ledger_service_pb2.GetTransactionResponse,
    lines: Sequence[str],
    reason: str,
    stamp: Stamp,
) -> Draft:
    """The reversal of a final transaction. `lines`: "2" (whole) or "2=12.50"; none: all, whole.

    The author is the first who loses by it (R6). Raises UsageProblem.
    """
    signed = transaction_pb2.SignedTransaction.FromString(original.transaction)
    body = transaction_pb2.Body.FromString(signed.body)
    moved = original_lines(client, body)
    chosen = dict(_chosen(text, moved) for text in lines) or {
        index: line.amount_minor for index, line in enumerate(moved)
    }
    losers = [name for index in sorted(chosen) for name in moved[index].losers]
    reversed_lines = [
        credit_pb2.ReversalLine(line=index, amount_minor=amount) for index, amount in sorted(chosen.items())
    ]
    return transactions.reversal(
        losers[0], id_of(original.transaction), reversed_lines, reason, losers, stamp
    )


def original_lines(client: Client, body: transaction_pb2.Body) -> list[OriginalLine]:
    """What each leg or line of a transaction moved. Raises UsageProblem: not of a reversible type (R1)."""
    match body.WhichOneof("payload"):
        case "transfer":
            return [
                OriginalLine(leg.amount_minor, client.units[leg.unit], (leg.payee,))
                for leg in body.transfer.legs
            ]
        case "issue_entitlements":
            return _issue_lines(client, body.author, body.issue_entitlements)
        case "record_service":
            unit = _definition(client, body.record_service.class_id)[1]
            return [
                OriginalLine(line.amount_minor, unit, _service_losers(body.author, line))
                for line in body.record_service.lines
            ]
        case "redeem_entitlements":
            one = body.redeem_entitlements
            losers = tuple(name for name in (one.provider, one.served_by) if name)
            return [OriginalLine(one.amount_minor, _definition(client, one.class_id)[1], losers)]
        case kind:
            raise UsageProblem(
                f"A transaction of type '{kind}' cannot be reversed.",
                "Transfers, issues, service records and redemptions can.",
                "Undo it by the opposite transaction.",
            )


def _issue_lines(
    client: Client, issuer: str, issue: entitlements_pb2.IssueEntitlements
) -> list[OriginalLine]:
    definition, unit = _definition(client, issue.class_id)
    paid_in_credit = definition.given_for == entitlements_pb2.GIVEN_FOR_CREDIT
    return [
        OriginalLine(
            line.items * definition.item_value_minor,
            unit,
            (line.holder, issuer) if paid_in_credit else (line.holder,),
        )
        for line in issue.lines
    ]


def _service_losers(host: str, line: entitlements_pb2.ServiceLine) -> tuple[str, ...]:
    """R4: who served; the host too when it gives back a fee in credit, or as provider (R5)."""
    paid = line.WhichOneof("paid")
    host_loses = paid == "credits" or (paid == "fee" and not line.fee.in_cash)
    return (line.served_by, host) if host_loses else (line.served_by,)


def _definition(client: Client, class_id: str) -> tuple[entitlements_pb2.DefineClass, Unit]:
    from client.reads import class_definition

    definition = class_definition(client, class_id)
    return definition, client.units[definition.unit]


def _chosen(text: str, moved: Sequence[OriginalLine]) -> tuple[int, int]:
    number, equals, amount = text.partition("=")
    if not (number.isascii() and number.isdigit() and len(number) <= 20 and int(number) < len(moved)):
        raise UsageProblem(
            f"'{text[:40]}' is not a line of this transaction.",
            f"It has {len(moved)}, numbered from 0.",
            "Write it like 0, or 0=12.50 for a part of it.",
        )
    line = moved[int(number)]
    return int(number), parse_amount(amount, line.unit) if equals else line.amount_minor
