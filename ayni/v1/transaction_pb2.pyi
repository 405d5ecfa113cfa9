from ayni.v1 import credit_pb2 as _credit_pb2
from ayni.v1 import entitlements_pb2 as _entitlements_pb2
from ayni.v1 import keys_pb2 as _keys_pb2
from ayni.v1 import members_pb2 as _members_pb2
from ayni.v1 import pool_pb2 as _pool_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignedTransaction(_message.Message):
    __slots__ = ("body", "signatures")
    BODY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[_keys_pb2.Signature]
    def __init__(self, body: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[_keys_pb2.Signature, _Mapping]]] = ...) -> None: ...

class Body(_message.Message):
    __slots__ = ("author", "nonce", "expires_at_ms", "decision", "suspend_organisation", "open_accounts", "close_accounts", "set_limits", "rotate_keys", "transfer", "reversal", "define_class", "issue_entitlements", "record_service", "give_entitlements", "donate_entitlements", "redeem_entitlements", "contribute_to_pool", "close_period", "opening")
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    OPEN_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    CLOSE_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    SET_LIMITS_FIELD_NUMBER: _ClassVar[int]
    ROTATE_KEYS_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_FIELD_NUMBER: _ClassVar[int]
    DEFINE_CLASS_FIELD_NUMBER: _ClassVar[int]
    ISSUE_ENTITLEMENTS_FIELD_NUMBER: _ClassVar[int]
    RECORD_SERVICE_FIELD_NUMBER: _ClassVar[int]
    GIVE_ENTITLEMENTS_FIELD_NUMBER: _ClassVar[int]
    DONATE_ENTITLEMENTS_FIELD_NUMBER: _ClassVar[int]
    REDEEM_ENTITLEMENTS_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTE_TO_POOL_FIELD_NUMBER: _ClassVar[int]
    CLOSE_PERIOD_FIELD_NUMBER: _ClassVar[int]
    OPENING_FIELD_NUMBER: _ClassVar[int]
    author: str
    nonce: bytes
    expires_at_ms: int
    decision: _members_pb2.Decision
    suspend_organisation: _members_pb2.SuspendOrganisation
    open_accounts: _members_pb2.OpenAccounts
    close_accounts: _members_pb2.CloseAccounts
    set_limits: _members_pb2.SetLimits
    rotate_keys: _members_pb2.RotateKeys
    transfer: _credit_pb2.Transfer
    reversal: _credit_pb2.Reversal
    define_class: _entitlements_pb2.DefineClass
    issue_entitlements: _entitlements_pb2.IssueEntitlements
    record_service: _entitlements_pb2.RecordService
    give_entitlements: _entitlements_pb2.GiveEntitlements
    donate_entitlements: _entitlements_pb2.DonateEntitlements
    redeem_entitlements: _entitlements_pb2.RedeemEntitlements
    contribute_to_pool: _pool_pb2.ContributeToPool
    close_period: _pool_pb2.ClosePeriod
    opening: _pool_pb2.Opening
    def __init__(self, author: _Optional[str] = ..., nonce: _Optional[bytes] = ..., expires_at_ms: _Optional[int] = ..., decision: _Optional[_Union[_members_pb2.Decision, _Mapping]] = ..., suspend_organisation: _Optional[_Union[_members_pb2.SuspendOrganisation, _Mapping]] = ..., open_accounts: _Optional[_Union[_members_pb2.OpenAccounts, _Mapping]] = ..., close_accounts: _Optional[_Union[_members_pb2.CloseAccounts, _Mapping]] = ..., set_limits: _Optional[_Union[_members_pb2.SetLimits, _Mapping]] = ..., rotate_keys: _Optional[_Union[_members_pb2.RotateKeys, _Mapping]] = ..., transfer: _Optional[_Union[_credit_pb2.Transfer, _Mapping]] = ..., reversal: _Optional[_Union[_credit_pb2.Reversal, _Mapping]] = ..., define_class: _Optional[_Union[_entitlements_pb2.DefineClass, _Mapping]] = ..., issue_entitlements: _Optional[_Union[_entitlements_pb2.IssueEntitlements, _Mapping]] = ..., record_service: _Optional[_Union[_entitlements_pb2.RecordService, _Mapping]] = ..., give_entitlements: _Optional[_Union[_entitlements_pb2.GiveEntitlements, _Mapping]] = ..., donate_entitlements: _Optional[_Union[_entitlements_pb2.DonateEntitlements, _Mapping]] = ..., redeem_entitlements: _Optional[_Union[_entitlements_pb2.RedeemEntitlements, _Mapping]] = ..., contribute_to_pool: _Optional[_Union[_pool_pb2.ContributeToPool, _Mapping]] = ..., close_period: _Optional[_Union[_pool_pb2.ClosePeriod, _Mapping]] = ..., opening: _Optional[_Union[_pool_pb2.Opening, _Mapping]] = ...) -> None: ...
