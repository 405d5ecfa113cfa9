"""Whether a node's answer can be right at all, before anything relies on it.

Decides about form only: every unit is one of the network's, every enum value is one of the contract's. What
an answer proves is decided elsewhere (client/outcomes.py, proofs/); an open read proves nothing. A node is
not trusted, and what it makes up must not reach code that takes it for checked.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from ayni.v1 import ledger_service_pb2, result_pb2, transaction_pb2
from client.errors import VerificationFailed
from client.output import Unit
from ledger import limits
from proofs import domains
from proofs.density import LEDGER_PARTS_FREE, TooManyParts, check_parts

_OF_A_BOOK = (ledger_service_pb2.StatementLine, ledger_service_pb2.BookBalance)
"""Here `unit` is a class when the book is that of entitlements."""


_NEEDED = {
    "UnitBalance": ("unit",),
    "UnitQuota": ("unit",),
    "PoolUnit": ("unit",),
    "OrganisationDues": ("unit",),
    "UnitSettlement": ("unit",),
    "BookBalance": ("unit", "book"),
    "StatementLine": ("unit", "book"),
    "ClassHolding": ("class_id",),
    "ClassEntry": ("class_id", "record"),
    "ClassRecord": ("definition",),
    "DefineClass": ("class_id", "unit"),
}
"""What a message says nothing without."""


class ClassUnits(dict[str, Unit]):
    """The unit of each class that the network has; of another one nobody can tell amounts."""

    def __missing__(self, class_id: str) -> Unit:
        raise _wrong("class_id", f"this network has no class '{class_id[:80]}'")


def check_transaction(found: ledger_service_pb2.GetTransactionResponse) -> bytes:
    """The id of a final transaction that a node told. Raises VerificationFailed when it is none."""
    kind = None
    try:
        if len(found.transaction) <= limits.TRANSACTION_BYTES_MAX:
            signed = transaction_pb2.SignedTransaction.FromString(found.transaction)
            kind = transaction_pb2.Body.FromString(signed.body).WhichOneof("payload")
        check_parts(result_pb2.Result, found.result, free=LEDGER_PARTS_FREE)
        result_pb2.Result.FromString(found.result)
    except (DecodeError, TooManyParts):
        kind = None
    if kind is None:
        raise _wrong("transaction", "the bytes are no transaction with its result")
    return domains.tx_id(signed.body)


def check_answer(answer: Message, units: Container[str]) -> None:
    """Raises VerificationFailed naming the field that cannot be right."""
    _check(answer, units, "")


def _check(message: Any, units: Container[str], path: str) -> None:
    missing = _NEEDED.get(message.DESCRIPTOR.name)
    if missing and (absent := [name for name in missing if not _is_set(message, name)]):
        raise _wrong(f"{path}.{absent[0]}" if path else absent[0], "it is missing")
    for field, value in message.ListFields():
        name = f"{path}.{field.name}" if path else field.name
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in value if field.is_repeated else (value,):
                _check(each, units, name)
        elif field.type == FieldDescriptor.TYPE_ENUM:
            for number in value if field.is_repeated else (value,):
                if number not in field.enum_type.values_by_number:
                    raise _wrong(name, f"{number} is no value of {field.enum_type.name}")
        elif field.name == "unit" and value not in units and not _is_class(message):
            raise _wrong(name, f"this network has no unit '{value[:40]}'")


def _is_set(message: Any, name: str) -> bool:
    if message.DESCRIPTOR.fields_by_name[name].type == FieldDescriptor.TYPE_MESSAGE:
        return bool(message.HasField(name))
    return bool(getattr(message, name))


def _is_class(message: Message) -> bool:
    return isinstance(message, _OF_A_BOOK) and message.book == ledger_service_pb2.BOOK_ENTITLEMENTS


def _wrong(field: str, why: str) -> VerificationFailed:
    return VerificationFailed(
        "The node's answer cannot be right.", f"{field}: {why}.", "Ask another node with --node."
    )
