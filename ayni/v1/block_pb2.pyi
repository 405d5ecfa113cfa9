from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VoteKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOTE_KIND_UNSPECIFIED: _ClassVar[VoteKind]
    VOTE_KIND_NOTARIZE: _ClassVar[VoteKind]
    VOTE_KIND_NULLIFY: _ClassVar[VoteKind]
    VOTE_KIND_FINALIZE: _ClassVar[VoteKind]
VOTE_KIND_UNSPECIFIED: VoteKind
VOTE_KIND_NOTARIZE: VoteKind
VOTE_KIND_NULLIFY: VoteKind
VOTE_KIND_FINALIZE: VoteKind

class Header(_message.Message):
    __slots__ = ("parent", "height", "epoch", "view", "leader", "time_ms", "body_hash", "log_size", "log_root", "state_root")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LEADER_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    LOG_SIZE_FIELD_NUMBER: _ClassVar[int]
    LOG_ROOT_FIELD_NUMBER: _ClassVar[int]
    STATE_ROOT_FIELD_NUMBER: _ClassVar[int]
    parent: bytes
    height: int
    epoch: int
    view: int
    leader: int
    time_ms: int
    body_hash: bytes
    log_size: int
    log_root: bytes
    state_root: bytes
    def __init__(self, parent: _Optional[bytes] = ..., height: _Optional[int] = ..., epoch: _Optional[int] = ..., view: _Optional[int] = ..., leader: _Optional[int] = ..., time_ms: _Optional[int] = ..., body_hash: _Optional[bytes] = ..., log_size: _Optional[int] = ..., log_root: _Optional[bytes] = ..., state_root: _Optional[bytes] = ...) -> None: ...

class BlockBody(_message.Message):
    __slots__ = ("transactions",)
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, transactions: _Optional[_Iterable[bytes]] = ...) -> None: ...

class LogEntry(_message.Message):
    __slots__ = ("transaction", "result")
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    transaction: bytes
    result: bytes
    def __init__(self, transaction: _Optional[bytes] = ..., result: _Optional[bytes] = ...) -> None: ...

class Vote(_message.Message):
    __slots__ = ("epoch", "view", "kind", "digest", "member", "signature")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    view: int
    kind: VoteKind
    digest: bytes
    member: int
    signature: bytes
    def __init__(self, epoch: _Optional[int] = ..., view: _Optional[int] = ..., kind: _Optional[_Union[VoteKind, str]] = ..., digest: _Optional[bytes] = ..., member: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("epoch", "view", "kind", "digest", "signatures")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    view: int
    kind: VoteKind
    digest: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[MemberSignature]
    def __init__(self, epoch: _Optional[int] = ..., view: _Optional[int] = ..., kind: _Optional[_Union[VoteKind, str]] = ..., digest: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[MemberSignature, _Mapping]]] = ...) -> None: ...

class MemberSignature(_message.Message):
    __slots__ = ("member", "signature")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    member: int
    signature: bytes
    def __init__(self, member: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class CertifiedBlock(_message.Message):
    __slots__ = ("header", "body", "notarization", "nullifications", "finalization")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    NOTARIZATION_FIELD_NUMBER: _ClassVar[int]
    NULLIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    FINALIZATION_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    body: bytes
    notarization: Certificate
    nullifications: _containers.RepeatedCompositeFieldContainer[Certificate]
    finalization: Certificate
    def __init__(self, header: _Optional[bytes] = ..., body: _Optional[bytes] = ..., notarization: _Optional[_Union[Certificate, _Mapping]] = ..., nullifications: _Optional[_Iterable[_Union[Certificate, _Mapping]]] = ..., finalization: _Optional[_Union[Certificate, _Mapping]] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("header", "body", "signature", "parent_notarization", "nullifications")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PARENT_NOTARIZATION_FIELD_NUMBER: _ClassVar[int]
    NULLIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    body: bytes
    signature: bytes
    parent_notarization: Certificate
    nullifications: _containers.RepeatedCompositeFieldContainer[Certificate]
    def __init__(self, header: _Optional[bytes] = ..., body: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., parent_notarization: _Optional[_Union[Certificate, _Mapping]] = ..., nullifications: _Optional[_Iterable[_Union[Certificate, _Mapping]]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("genesis_hash", "first", "second")
    GENESIS_HASH_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    genesis_hash: bytes
    first: Vote
    second: Vote
    def __init__(self, genesis_hash: _Optional[bytes] = ..., first: _Optional[_Union[Vote, _Mapping]] = ..., second: _Optional[_Union[Vote, _Mapping]] = ...) -> None: ...

class EvidenceList(_message.Message):
    __slots__ = ("evidence",)
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    def __init__(self, evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ...) -> None: ...
