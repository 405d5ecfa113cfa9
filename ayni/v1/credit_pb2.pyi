from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Transfer(_message.Message):
    __slots__ = ("legs",)
    LEGS_FIELD_NUMBER: _ClassVar[int]
    legs: _containers.RepeatedCompositeFieldContainer[Leg]
    def __init__(self, legs: _Optional[_Iterable[_Union[Leg, _Mapping]]] = ...) -> None: ...

class Leg(_message.Message):
    __slots__ = ("payer", "payee", "unit", "amount_minor", "value_date", "reference", "document_hash")
    PAYER_FIELD_NUMBER: _ClassVar[int]
    PAYEE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    payer: str
    payee: str
    unit: str
    amount_minor: int
    value_date: int
    reference: str
    document_hash: bytes
    def __init__(self, payer: _Optional[str] = ..., payee: _Optional[str] = ..., unit: _Optional[str] = ..., amount_minor: _Optional[int] = ..., value_date: _Optional[int] = ..., reference: _Optional[str] = ..., document_hash: _Optional[bytes] = ...) -> None: ...

class Reversal(_message.Message):
    __slots__ = ("original_tx_id", "lines", "reason")
    ORIGINAL_TX_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    original_tx_id: bytes
    lines: _containers.RepeatedCompositeFieldContainer[ReversalLine]
    reason: str
    def __init__(self, original_tx_id: _Optional[bytes] = ..., lines: _Optional[_Iterable[_Union[ReversalLine, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class ReversalLine(_message.Message):
    __slots__ = ("line", "amount_minor")
    LINE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    line: int
    amount_minor: int
    def __init__(self, line: _Optional[int] = ..., amount_minor: _Optional[int] = ...) -> None: ...
