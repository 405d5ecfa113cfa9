from ayni.v1 import entitlements_pb2 as _entitlements_pb2
from ayni.v1 import genesis_pb2 as _genesis_pb2
from ayni.v1 import keys_pb2 as _keys_pb2
from ayni.v1 import members_pb2 as _members_pb2
from ayni.v1 import result_pb2 as _result_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DecisionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_STATUS_UNSPECIFIED: _ClassVar[DecisionStatus]
    DECISION_STATUS_PENDING: _ClassVar[DecisionStatus]
    DECISION_STATUS_EFFECTIVE: _ClassVar[DecisionStatus]
    DECISION_STATUS_VOID: _ClassVar[DecisionStatus]
DECISION_STATUS_UNSPECIFIED: DecisionStatus
DECISION_STATUS_PENDING: DecisionStatus
DECISION_STATUS_EFFECTIVE: DecisionStatus
DECISION_STATUS_VOID: DecisionStatus

class NetworkRecord(_message.Message):
    __slots__ = ("federations", "units")
    FEDERATIONS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    federations: _containers.RepeatedScalarFieldContainer[str]
    units: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, federations: _Optional[_Iterable[str]] = ..., units: _Optional[_Iterable[str]] = ...) -> None: ...

class FederationRecord(_message.Message):
    __slots__ = ("decision_keys", "consensus_key", "service_key", "organisations")
    DECISION_KEYS_FIELD_NUMBER: _ClassVar[int]
    CONSENSUS_KEY_FIELD_NUMBER: _ClassVar[int]
    SERVICE_KEY_FIELD_NUMBER: _ClassVar[int]
    ORGANISATIONS_FIELD_NUMBER: _ClassVar[int]
    decision_keys: _keys_pb2.KeySet
    consensus_key: bytes
    service_key: bytes
    organisations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, decision_keys: _Optional[_Union[_keys_pb2.KeySet, _Mapping]] = ..., consensus_key: _Optional[bytes] = ..., service_key: _Optional[bytes] = ..., organisations: _Optional[_Iterable[str]] = ...) -> None: ...

class AccountRecord(_message.Message):
    __slots__ = ("keys", "commitment", "opened_height", "closed", "held_classes")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    OPENED_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    HELD_CLASSES_FIELD_NUMBER: _ClassVar[int]
    keys: _keys_pb2.KeySet
    commitment: bytes
    opened_height: int
    closed: bool
    held_classes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Union[_keys_pb2.KeySet, _Mapping]] = ..., commitment: _Optional[bytes] = ..., opened_height: _Optional[int] = ..., closed: _Optional[bool] = ..., held_classes: _Optional[_Iterable[str]] = ...) -> None: ...

class OrganisationRecord(_message.Message):
    __slots__ = ("accredited", "accredited_until_ms", "suspended", "charter_hash", "user_seats_bp", "non_member_bp", "hosted_accounts")
    ACCREDITED_FIELD_NUMBER: _ClassVar[int]
    ACCREDITED_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    CHARTER_HASH_FIELD_NUMBER: _ClassVar[int]
    USER_SEATS_BP_FIELD_NUMBER: _ClassVar[int]
    NON_MEMBER_BP_FIELD_NUMBER: _ClassVar[int]
    HOSTED_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accredited: bool
    accredited_until_ms: int
    suspended: bool
    charter_hash: bytes
    user_seats_bp: int
    non_member_bp: int
    hosted_accounts: int
    def __init__(self, accredited: _Optional[bool] = ..., accredited_until_ms: _Optional[int] = ..., suspended: _Optional[bool] = ..., charter_hash: _Optional[bytes] = ..., user_seats_bp: _Optional[int] = ..., non_member_bp: _Optional[int] = ..., hosted_accounts: _Optional[int] = ...) -> None: ...

class BalanceRecord(_message.Message):
    __slots__ = ("balance", "credit_limit", "has_upper_limit", "upper_limit")
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_LIMIT_FIELD_NUMBER: _ClassVar[int]
    HAS_UPPER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    UPPER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    balance: int
    credit_limit: int
    has_upper_limit: bool
    upper_limit: int
    def __init__(self, balance: _Optional[int] = ..., credit_limit: _Optional[int] = ..., has_upper_limit: _Optional[bool] = ..., upper_limit: _Optional[int] = ...) -> None: ...

class OrganisationUnitRecord(_message.Message):
    __slots__ = ("ceiling", "outstanding", "deposit", "dues", "unattested", "contributions", "served")
    CEILING_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    DUES_FIELD_NUMBER: _ClassVar[int]
    UNATTESTED_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    SERVED_FIELD_NUMBER: _ClassVar[int]
    ceiling: int
    outstanding: int
    deposit: int
    dues: _containers.RepeatedCompositeFieldContainer[Due]
    unattested: int
    contributions: int
    served: int
    def __init__(self, ceiling: _Optional[int] = ..., outstanding: _Optional[int] = ..., deposit: _Optional[int] = ..., dues: _Optional[_Iterable[_Union[Due, _Mapping]]] = ..., unattested: _Optional[int] = ..., contributions: _Optional[int] = ..., served: _Optional[int] = ...) -> None: ...

class Due(_message.Message):
    __slots__ = ("period", "amount")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    period: int
    amount: int
    def __init__(self, period: _Optional[int] = ..., amount: _Optional[int] = ...) -> None: ...

class PoolUnitRecord(_message.Message):
    __slots__ = ("deposits", "dues", "outstanding", "dues_made", "expired")
    DEPOSITS_FIELD_NUMBER: _ClassVar[int]
    DUES_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_FIELD_NUMBER: _ClassVar[int]
    DUES_MADE_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    deposits: int
    dues: int
    outstanding: int
    dues_made: int
    expired: int
    def __init__(self, deposits: _Optional[int] = ..., dues: _Optional[int] = ..., outstanding: _Optional[int] = ..., dues_made: _Optional[int] = ..., expired: _Optional[int] = ...) -> None: ...

class QuotaRecord(_message.Message):
    __slots__ = ("quota", "used")
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    quota: int
    used: int
    def __init__(self, quota: _Optional[int] = ..., used: _Optional[int] = ...) -> None: ...

class ParameterRecord(_message.Message):
    __slots__ = ("value_plus_one",)
    VALUE_PLUS_ONE_FIELD_NUMBER: _ClassVar[int]
    value_plus_one: int
    def __init__(self, value_plus_one: _Optional[int] = ...) -> None: ...

class UnitRecord(_message.Message):
    __slots__ = ("scale", "nature")
    SCALE_FIELD_NUMBER: _ClassVar[int]
    NATURE_FIELD_NUMBER: _ClassVar[int]
    scale: int
    nature: _genesis_pb2.Nature
    def __init__(self, scale: _Optional[int] = ..., nature: _Optional[_Union[_genesis_pb2.Nature, str]] = ...) -> None: ...

class ClassRecord(_message.Message):
    __slots__ = ("definition", "issued")
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    ISSUED_FIELD_NUMBER: _ClassVar[int]
    definition: _entitlements_pb2.DefineClass
    issued: bool
    def __init__(self, definition: _Optional[_Union[_entitlements_pb2.DefineClass, _Mapping]] = ..., issued: _Optional[bool] = ...) -> None: ...

class IssuanceRecord(_message.Message):
    __slots__ = ("issued", "redeemed", "bought_back", "cancelled", "outstanding")
    ISSUED_FIELD_NUMBER: _ClassVar[int]
    REDEEMED_FIELD_NUMBER: _ClassVar[int]
    BOUGHT_BACK_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_FIELD_NUMBER: _ClassVar[int]
    issued: int
    redeemed: int
    bought_back: int
    cancelled: int
    outstanding: int
    def __init__(self, issued: _Optional[int] = ..., redeemed: _Optional[int] = ..., bought_back: _Optional[int] = ..., cancelled: _Optional[int] = ..., outstanding: _Optional[int] = ...) -> None: ...

class HoldingRecord(_message.Message):
    __slots__ = ("lots",)
    LOTS_FIELD_NUMBER: _ClassVar[int]
    lots: _containers.RepeatedCompositeFieldContainer[Lot]
    def __init__(self, lots: _Optional[_Iterable[_Union[Lot, _Mapping]]] = ...) -> None: ...

class Lot(_message.Message):
    __slots__ = ("issuer", "amount", "origin", "origin_line", "value_date", "expires_on", "issuer_only")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_LINE_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_ON_FIELD_NUMBER: _ClassVar[int]
    ISSUER_ONLY_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    amount: int
    origin: int
    origin_line: int
    value_date: int
    expires_on: int
    issuer_only: bool
    def __init__(self, issuer: _Optional[str] = ..., amount: _Optional[int] = ..., origin: _Optional[int] = ..., origin_line: _Optional[int] = ..., value_date: _Optional[int] = ..., expires_on: _Optional[int] = ..., issuer_only: _Optional[bool] = ...) -> None: ...

class ReversedRecord(_message.Message):
    __slots__ = ("amount", "deposit", "fee")
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    amount: int
    deposit: int
    fee: int
    def __init__(self, amount: _Optional[int] = ..., deposit: _Optional[int] = ..., fee: _Optional[int] = ...) -> None: ...

class PendingDecisionRecord(_message.Message):
    __slots__ = ("decision", "status", "void_reason")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VOID_REASON_FIELD_NUMBER: _ClassVar[int]
    decision: _members_pb2.Decision
    status: DecisionStatus
    void_reason: _result_pb2.Refusal
    def __init__(self, decision: _Optional[_Union[_members_pb2.Decision, _Mapping]] = ..., status: _Optional[_Union[DecisionStatus, str]] = ..., void_reason: _Optional[_Union[_result_pb2.Refusal, _Mapping]] = ...) -> None: ...

class DueDecisionsRecord(_message.Message):
    __slots__ = ("tx_ids",)
    TX_IDS_FIELD_NUMBER: _ClassVar[int]
    tx_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, tx_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class PeriodRecord(_message.Message):
    __slots__ = ("open_period", "last_close_ms", "expiry_done_until", "opened_log_index", "expiry_parts")
    OPEN_PERIOD_FIELD_NUMBER: _ClassVar[int]
    LAST_CLOSE_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_DONE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    OPENED_LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_PARTS_FIELD_NUMBER: _ClassVar[int]
    open_period: int
    last_close_ms: int
    expiry_done_until: int
    opened_log_index: int
    expiry_parts: int
    def __init__(self, open_period: _Optional[int] = ..., last_close_ms: _Optional[int] = ..., expiry_done_until: _Optional[int] = ..., opened_log_index: _Optional[int] = ..., expiry_parts: _Optional[int] = ...) -> None: ...

class ExpiryDayRecord(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: int
    def __init__(self, entries: _Optional[int] = ...) -> None: ...

class ExpiryPageRecord(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ExpiryEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[ExpiryEntry, _Mapping]]] = ...) -> None: ...

class ExpiryEntry(_message.Message):
    __slots__ = ("holder", "class_id")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    holder: str
    class_id: str
    def __init__(self, holder: _Optional[str] = ..., class_id: _Optional[str] = ...) -> None: ...

class SettlementRecord(_message.Message):
    __slots__ = ("settlement",)
    SETTLEMENT_FIELD_NUMBER: _ClassVar[int]
    settlement: _result_pb2.Settlement
    def __init__(self, settlement: _Optional[_Union[_result_pb2.Settlement, _Mapping]] = ...) -> None: ...
