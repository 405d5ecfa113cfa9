from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContributeToPool(_message.Message):
    __slots__ = ("payer", "unit", "amount_minor", "reference")
    PAYER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    payer: str
    unit: str
    amount_minor: int
    reference: str
    def __init__(self, payer: _Optional[str] = ..., unit: _Optional[str] = ..., amount_minor: _Optional[int] = ..., reference: _Optional[str] = ...) -> None: ...

class ClosePeriod(_message.Message):
    __slots__ = ("period",)
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    period: int
    def __init__(self, period: _Optional[int] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[OpeningLine]
    def __init__(self, lines: _Optional[_Iterable[_Union[OpeningLine, _Mapping]]] = ...) -> None: ...

class OpeningLine(_message.Message):
    __slots__ = ("balance", "holding")
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    HOLDING_FIELD_NUMBER: _ClassVar[int]
    balance: OpeningBalance
    holding: OpeningHolding
    def __init__(self, balance: _Optional[_Union[OpeningBalance, _Mapping]] = ..., holding: _Optional[_Union[OpeningHolding, _Mapping]] = ...) -> None: ...

class OpeningBalance(_message.Message):
    __slots__ = ("debtor", "creditor", "unit", "amount_minor", "reference", "document_hash")
    DEBTOR_FIELD_NUMBER: _ClassVar[int]
    CREDITOR_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    debtor: str
    creditor: str
    unit: str
    amount_minor: int
    reference: str
    document_hash: bytes
    def __init__(self, debtor: _Optional[str] = ..., creditor: _Optional[str] = ..., unit: _Optional[str] = ..., amount_minor: _Optional[int] = ..., reference: _Optional[str] = ..., document_hash: _Optional[bytes] = ...) -> None: ...

class OpeningHolding(_message.Message):
    __slots__ = ("issuer", "holder", "class_id", "amount_minor", "value_date", "document_hash")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    holder: str
    class_id: str
    amount_minor: int
    value_date: int
    document_hash: bytes
    def __init__(self, issuer: _Optional[str] = ..., holder: _Optional[str] = ..., class_id: _Optional[str] = ..., amount_minor: _Optional[int] = ..., value_date: _Optional[int] = ..., document_hash: _Optional[bytes] = ...) -> None: ...
