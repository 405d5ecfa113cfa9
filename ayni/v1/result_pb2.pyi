from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RefusalCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSAL_CODE_UNSPECIFIED: _ClassVar[RefusalCode]
    REFUSAL_CODE_TOO_LARGE: _ClassVar[RefusalCode]
    REFUSAL_CODE_NOT_CANONICAL: _ClassVar[RefusalCode]
    REFUSAL_CODE_FIELD_INVALID: _ClassVar[RefusalCode]
    REFUSAL_CODE_WRONG_GENESIS: _ClassVar[RefusalCode]
    REFUSAL_CODE_SIGNATURE_INVALID: _ClassVar[RefusalCode]
    REFUSAL_CODE_EXPIRED: _ClassVar[RefusalCode]
    REFUSAL_CODE_EXPIRES_TOO_FAR: _ClassVar[RefusalCode]
    REFUSAL_CODE_NONCE_USED: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNKNOWN_AUTHOR: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNKNOWN_ACCOUNT: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNKNOWN_UNIT: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNKNOWN_CLASS: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNKNOWN_TRANSACTION: _ClassVar[RefusalCode]
    REFUSAL_CODE_SIGNATURE_MISSING: _ClassVar[RefusalCode]
    REFUSAL_CODE_SIGNATURE_SURPLUS: _ClassVar[RefusalCode]
    REFUSAL_CODE_NOT_PERMITTED: _ClassVar[RefusalCode]
    REFUSAL_CODE_KEY_UNSAFE: _ClassVar[RefusalCode]
    REFUSAL_CODE_ACCOUNT_EXISTS: _ClassVar[RefusalCode]
    REFUSAL_CODE_ACCOUNT_CLOSED: _ClassVar[RefusalCode]
    REFUSAL_CODE_ACCOUNT_NOT_EMPTY: _ClassVar[RefusalCode]
    REFUSAL_CODE_SUSPENDED: _ClassVar[RefusalCode]
    REFUSAL_CODE_NOT_ACCREDITED: _ClassVar[RefusalCode]
    REFUSAL_CODE_TERMS_NOT_MET: _ClassVar[RefusalCode]
    REFUSAL_CODE_DECISION_TOO_LATE: _ClassVar[RefusalCode]
    REFUSAL_CODE_CLASS_ISSUED: _ClassVar[RefusalCode]
    REFUSAL_CODE_CLASS_POLICY: _ClassVar[RefusalCode]
    REFUSAL_CODE_SELF: _ClassVar[RefusalCode]
    REFUSAL_CODE_QUOTA_EXCEEDED: _ClassVar[RefusalCode]
    REFUSAL_CODE_CEILING_EXCEEDED: _ClassVar[RefusalCode]
    REFUSAL_CODE_ARREARS: _ClassVar[RefusalCode]
    REFUSAL_CODE_HOLDER_CAP_EXCEEDED: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNATTESTED_CAP_EXCEEDED: _ClassVar[RefusalCode]
    REFUSAL_CODE_LIMIT_EXCEEDED: _ClassVar[RefusalCode]
    REFUSAL_CODE_UPPER_LIMIT_EXCEEDED: _ClassVar[RefusalCode]
    REFUSAL_CODE_NOT_ENOUGH_HELD: _ClassVar[RefusalCode]
    REFUSAL_CODE_LOTS_TOO_MANY: _ClassVar[RefusalCode]
    REFUSAL_CODE_REVERSAL_BEYOND_ORIGINAL: _ClassVar[RefusalCode]
    REFUSAL_CODE_NOT_REVERSIBLE: _ClassVar[RefusalCode]
    REFUSAL_CODE_PERIOD_TOO_EARLY: _ClassVar[RefusalCode]
    REFUSAL_CODE_PERIOD_NOT_OPEN: _ClassVar[RefusalCode]
    REFUSAL_CODE_OVERFLOW: _ClassVar[RefusalCode]
    REFUSAL_CODE_INVARIANT: _ClassVar[RefusalCode]
REFUSAL_CODE_UNSPECIFIED: RefusalCode
REFUSAL_CODE_TOO_LARGE: RefusalCode
REFUSAL_CODE_NOT_CANONICAL: RefusalCode
REFUSAL_CODE_FIELD_INVALID: RefusalCode
REFUSAL_CODE_WRONG_GENESIS: RefusalCode
REFUSAL_CODE_SIGNATURE_INVALID: RefusalCode
REFUSAL_CODE_EXPIRED: RefusalCode
REFUSAL_CODE_EXPIRES_TOO_FAR: RefusalCode
REFUSAL_CODE_NONCE_USED: RefusalCode
REFUSAL_CODE_UNKNOWN_AUTHOR: RefusalCode
REFUSAL_CODE_UNKNOWN_ACCOUNT: RefusalCode
REFUSAL_CODE_UNKNOWN_UNIT: RefusalCode
REFUSAL_CODE_UNKNOWN_CLASS: RefusalCode
REFUSAL_CODE_UNKNOWN_TRANSACTION: RefusalCode
REFUSAL_CODE_SIGNATURE_MISSING: RefusalCode
REFUSAL_CODE_SIGNATURE_SURPLUS: RefusalCode
REFUSAL_CODE_NOT_PERMITTED: RefusalCode
REFUSAL_CODE_KEY_UNSAFE: RefusalCode
REFUSAL_CODE_ACCOUNT_EXISTS: RefusalCode
REFUSAL_CODE_ACCOUNT_CLOSED: RefusalCode
REFUSAL_CODE_ACCOUNT_NOT_EMPTY: RefusalCode
REFUSAL_CODE_SUSPENDED: RefusalCode
REFUSAL_CODE_NOT_ACCREDITED: RefusalCode
REFUSAL_CODE_TERMS_NOT_MET: RefusalCode
REFUSAL_CODE_DECISION_TOO_LATE: RefusalCode
REFUSAL_CODE_CLASS_ISSUED: RefusalCode
REFUSAL_CODE_CLASS_POLICY: RefusalCode
REFUSAL_CODE_SELF: RefusalCode
REFUSAL_CODE_QUOTA_EXCEEDED: RefusalCode
REFUSAL_CODE_CEILING_EXCEEDED: RefusalCode
REFUSAL_CODE_ARREARS: RefusalCode
REFUSAL_CODE_HOLDER_CAP_EXCEEDED: RefusalCode
REFUSAL_CODE_UNATTESTED_CAP_EXCEEDED: RefusalCode
REFUSAL_CODE_LIMIT_EXCEEDED: RefusalCode
REFUSAL_CODE_UPPER_LIMIT_EXCEEDED: RefusalCode
REFUSAL_CODE_NOT_ENOUGH_HELD: RefusalCode
REFUSAL_CODE_LOTS_TOO_MANY: RefusalCode
REFUSAL_CODE_REVERSAL_BEYOND_ORIGINAL: RefusalCode
REFUSAL_CODE_NOT_REVERSIBLE: RefusalCode
REFUSAL_CODE_PERIOD_TOO_EARLY: RefusalCode
REFUSAL_CODE_PERIOD_NOT_OPEN: RefusalCode
REFUSAL_CODE_OVERFLOW: RefusalCode
REFUSAL_CODE_INVARIANT: RefusalCode

class Result(_message.Message):
    __slots__ = ("lots_used", "issuer_only_lines", "deposits_minor", "settlement", "expired_part")
    LOTS_USED_FIELD_NUMBER: _ClassVar[int]
    ISSUER_ONLY_LINES_FIELD_NUMBER: _ClassVar[int]
    DEPOSITS_MINOR_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_PART_FIELD_NUMBER: _ClassVar[int]
    lots_used: _containers.RepeatedCompositeFieldContainer[LotUse]
    issuer_only_lines: _containers.RepeatedScalarFieldContainer[int]
    deposits_minor: _containers.RepeatedScalarFieldContainer[int]
    settlement: Settlement
    expired_part: ExpiredPart
    def __init__(self, lots_used: _Optional[_Iterable[_Union[LotUse, _Mapping]]] = ..., issuer_only_lines: _Optional[_Iterable[int]] = ..., deposits_minor: _Optional[_Iterable[int]] = ..., settlement: _Optional[_Union[Settlement, _Mapping]] = ..., expired_part: _Optional[_Union[ExpiredPart, _Mapping]] = ...) -> None: ...

class ExpiredPart(_message.Message):
    __slots__ = ("holdings",)
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    holdings: _containers.RepeatedCompositeFieldContainer[ExpiredHolding]
    def __init__(self, holdings: _Optional[_Iterable[_Union[ExpiredHolding, _Mapping]]] = ...) -> None: ...

class ExpiredHolding(_message.Message):
    __slots__ = ("class_id", "holder")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    class_id: str
    holder: str
    def __init__(self, class_id: _Optional[str] = ..., holder: _Optional[str] = ...) -> None: ...

class LotUse(_message.Message):
    __slots__ = ("line", "issuer", "amount_minor", "origin", "origin_line", "value_date", "expires_on", "issuer_only")
    LINE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_LINE_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_ON_FIELD_NUMBER: _ClassVar[int]
    ISSUER_ONLY_FIELD_NUMBER: _ClassVar[int]
    line: int
    issuer: str
    amount_minor: int
    origin: int
    origin_line: int
    value_date: int
    expires_on: int
    issuer_only: bool
    def __init__(self, line: _Optional[int] = ..., issuer: _Optional[str] = ..., amount_minor: _Optional[int] = ..., origin: _Optional[int] = ..., origin_line: _Optional[int] = ..., value_date: _Optional[int] = ..., expires_on: _Optional[int] = ..., issuer_only: _Optional[bool] = ...) -> None: ...

class Settlement(_message.Message):
    __slots__ = ("period", "time_ms", "units")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    period: int
    time_ms: int
    units: _containers.RepeatedCompositeFieldContainer[UnitSettlement]
    def __init__(self, period: _Optional[int] = ..., time_ms: _Optional[int] = ..., units: _Optional[_Iterable[_Union[UnitSettlement, _Mapping]]] = ...) -> None: ...

class UnitSettlement(_message.Message):
    __slots__ = ("unit", "gross_minor", "netted_minor", "paid_credit_minor", "paid_deposit_minor", "advanced_minor", "paid_out_minor", "carried_minor", "released_minor", "expired_minor", "pool_balance_minor", "deposits_minor", "outstanding_minor", "dues_minor", "arrears", "organisations")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    GROSS_MINOR_FIELD_NUMBER: _ClassVar[int]
    NETTED_MINOR_FIELD_NUMBER: _ClassVar[int]
    PAID_CREDIT_MINOR_FIELD_NUMBER: _ClassVar[int]
    PAID_DEPOSIT_MINOR_FIELD_NUMBER: _ClassVar[int]
    ADVANCED_MINOR_FIELD_NUMBER: _ClassVar[int]
    PAID_OUT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CARRIED_MINOR_FIELD_NUMBER: _ClassVar[int]
    RELEASED_MINOR_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_MINOR_FIELD_NUMBER: _ClassVar[int]
    POOL_BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    DEPOSITS_MINOR_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_MINOR_FIELD_NUMBER: _ClassVar[int]
    DUES_MINOR_FIELD_NUMBER: _ClassVar[int]
    ARREARS_FIELD_NUMBER: _ClassVar[int]
    ORGANISATIONS_FIELD_NUMBER: _ClassVar[int]
    unit: str
    gross_minor: int
    netted_minor: int
    paid_credit_minor: int
    paid_deposit_minor: int
    advanced_minor: int
    paid_out_minor: int
    carried_minor: int
    released_minor: int
    expired_minor: int
    pool_balance_minor: int
    deposits_minor: int
    outstanding_minor: int
    dues_minor: int
    arrears: _containers.RepeatedCompositeFieldContainer[VintageAmount]
    organisations: _containers.RepeatedCompositeFieldContainer[OrganisationSettlement]
    def __init__(self, unit: _Optional[str] = ..., gross_minor: _Optional[int] = ..., netted_minor: _Optional[int] = ..., paid_credit_minor: _Optional[int] = ..., paid_deposit_minor: _Optional[int] = ..., advanced_minor: _Optional[int] = ..., paid_out_minor: _Optional[int] = ..., carried_minor: _Optional[int] = ..., released_minor: _Optional[int] = ..., expired_minor: _Optional[int] = ..., pool_balance_minor: _Optional[int] = ..., deposits_minor: _Optional[int] = ..., outstanding_minor: _Optional[int] = ..., dues_minor: _Optional[int] = ..., arrears: _Optional[_Iterable[_Union[VintageAmount, _Mapping]]] = ..., organisations: _Optional[_Iterable[_Union[OrganisationSettlement, _Mapping]]] = ...) -> None: ...

class VintageAmount(_message.Message):
    __slots__ = ("period", "amount_minor")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    period: int
    amount_minor: int
    def __init__(self, period: _Optional[int] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class OrganisationSettlement(_message.Message):
    __slots__ = ("organisation", "paid_credit_minor", "paid_deposit_minor", "received_minor", "arrears_minor", "carried_minor", "released_minor", "contributions_minor", "served_minor")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    PAID_CREDIT_MINOR_FIELD_NUMBER: _ClassVar[int]
    PAID_DEPOSIT_MINOR_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MINOR_FIELD_NUMBER: _ClassVar[int]
    ARREARS_MINOR_FIELD_NUMBER: _ClassVar[int]
    CARRIED_MINOR_FIELD_NUMBER: _ClassVar[int]
    RELEASED_MINOR_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_MINOR_FIELD_NUMBER: _ClassVar[int]
    SERVED_MINOR_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    paid_credit_minor: int
    paid_deposit_minor: int
    received_minor: int
    arrears_minor: int
    carried_minor: int
    released_minor: int
    contributions_minor: int
    served_minor: int
    def __init__(self, organisation: _Optional[str] = ..., paid_credit_minor: _Optional[int] = ..., paid_deposit_minor: _Optional[int] = ..., received_minor: _Optional[int] = ..., arrears_minor: _Optional[int] = ..., carried_minor: _Optional[int] = ..., released_minor: _Optional[int] = ..., contributions_minor: _Optional[int] = ..., served_minor: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "field", "message", "final_after_ms")
    CODE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FINAL_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: RefusalCode
    field: str
    message: str
    final_after_ms: int
    def __init__(self, code: _Optional[_Union[RefusalCode, str]] = ..., field: _Optional[str] = ..., message: _Optional[str] = ..., final_after_ms: _Optional[int] = ...) -> None: ...
