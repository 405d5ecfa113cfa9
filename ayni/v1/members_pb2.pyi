from ayni.v1 import genesis_pb2 as _genesis_pb2
from ayni.v1 import keys_pb2 as _keys_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Decision(_message.Message):
    __slots__ = ("effective_height", "items")
    EFFECTIVE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    effective_height: int
    items: _containers.RepeatedCompositeFieldContainer[DecisionItem]
    def __init__(self, effective_height: _Optional[int] = ..., items: _Optional[_Iterable[_Union[DecisionItem, _Mapping]]] = ...) -> None: ...

class DecisionItem(_message.Message):
    __slots__ = ("accredit", "reinstate", "quota", "ceiling", "parameter")
    ACCREDIT_FIELD_NUMBER: _ClassVar[int]
    REINSTATE_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    CEILING_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_FIELD_NUMBER: _ClassVar[int]
    accredit: Accredit
    reinstate: Reinstate
    quota: _genesis_pb2.Quota
    ceiling: Ceiling
    parameter: _genesis_pb2.Parameter
    def __init__(self, accredit: _Optional[_Union[Accredit, _Mapping]] = ..., reinstate: _Optional[_Union[Reinstate, _Mapping]] = ..., quota: _Optional[_Union[_genesis_pb2.Quota, _Mapping]] = ..., ceiling: _Optional[_Union[Ceiling, _Mapping]] = ..., parameter: _Optional[_Union[_genesis_pb2.Parameter, _Mapping]] = ...) -> None: ...

class Accredit(_message.Message):
    __slots__ = ("organisation", "keys", "charter_hash", "user_seats_bp", "non_member_bp", "valid_until_ms")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    CHARTER_HASH_FIELD_NUMBER: _ClassVar[int]
    USER_SEATS_BP_FIELD_NUMBER: _ClassVar[int]
    NON_MEMBER_BP_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    keys: _keys_pb2.KeySet
    charter_hash: bytes
    user_seats_bp: int
    non_member_bp: int
    valid_until_ms: int
    def __init__(self, organisation: _Optional[str] = ..., keys: _Optional[_Union[_keys_pb2.KeySet, _Mapping]] = ..., charter_hash: _Optional[bytes] = ..., user_seats_bp: _Optional[int] = ..., non_member_bp: _Optional[int] = ..., valid_until_ms: _Optional[int] = ...) -> None: ...

class Reinstate(_message.Message):
    __slots__ = ("organisation",)
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    def __init__(self, organisation: _Optional[str] = ...) -> None: ...

class Ceiling(_message.Message):
    __slots__ = ("organisation", "unit", "amount_minor")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    unit: str
    amount_minor: int
    def __init__(self, organisation: _Optional[str] = ..., unit: _Optional[str] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class SuspendOrganisation(_message.Message):
    __slots__ = ("organisation", "reason")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    reason: str
    def __init__(self, organisation: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class OpenAccounts(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[NewAccount]
    def __init__(self, accounts: _Optional[_Iterable[_Union[NewAccount, _Mapping]]] = ...) -> None: ...

class NewAccount(_message.Message):
    __slots__ = ("account", "keys", "commitment", "limits")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    account: str
    keys: _keys_pb2.KeySet
    commitment: bytes
    limits: _containers.RepeatedCompositeFieldContainer[Limit]
    def __init__(self, account: _Optional[str] = ..., keys: _Optional[_Union[_keys_pb2.KeySet, _Mapping]] = ..., commitment: _Optional[bytes] = ..., limits: _Optional[_Iterable[_Union[Limit, _Mapping]]] = ...) -> None: ...

class Limit(_message.Message):
    __slots__ = ("unit", "credit_limit_minor", "has_upper_limit", "upper_limit_minor")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CREDIT_LIMIT_MINOR_FIELD_NUMBER: _ClassVar[int]
    HAS_UPPER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    UPPER_LIMIT_MINOR_FIELD_NUMBER: _ClassVar[int]
    unit: str
    credit_limit_minor: int
    has_upper_limit: bool
    upper_limit_minor: int
    def __init__(self, unit: _Optional[str] = ..., credit_limit_minor: _Optional[int] = ..., has_upper_limit: _Optional[bool] = ..., upper_limit_minor: _Optional[int] = ...) -> None: ...

class CloseAccounts(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, accounts: _Optional[_Iterable[str]] = ...) -> None: ...

class SetLimits(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[AccountLimits]
    def __init__(self, accounts: _Optional[_Iterable[_Union[AccountLimits, _Mapping]]] = ...) -> None: ...

class AccountLimits(_message.Message):
    __slots__ = ("account", "limits")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    account: str
    limits: _containers.RepeatedCompositeFieldContainer[Limit]
    def __init__(self, account: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[Limit, _Mapping]]] = ...) -> None: ...

class RotateKeys(_message.Message):
    __slots__ = ("account", "keys")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    account: str
    keys: _keys_pb2.KeySet
    def __init__(self, account: _Optional[str] = ..., keys: _Optional[_Union[_keys_pb2.KeySet, _Mapping]] = ...) -> None: ...
