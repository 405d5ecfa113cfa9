from ayni.v1 import block_pb2 as _block_pb2
from ayni.v1 import genesis_pb2 as _genesis_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Receipt(_message.Message):
    __slots__ = ("genesis", "transaction", "result", "log_index", "inclusion_path", "header", "finalization")
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    INCLUSION_PATH_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    FINALIZATION_FIELD_NUMBER: _ClassVar[int]
    genesis: _genesis_pb2.SignedGenesis
    transaction: bytes
    result: bytes
    log_index: int
    inclusion_path: _containers.RepeatedScalarFieldContainer[bytes]
    header: bytes
    finalization: _block_pb2.Certificate
    def __init__(self, genesis: _Optional[_Union[_genesis_pb2.SignedGenesis, _Mapping]] = ..., transaction: _Optional[bytes] = ..., result: _Optional[bytes] = ..., log_index: _Optional[int] = ..., inclusion_path: _Optional[_Iterable[bytes]] = ..., header: _Optional[bytes] = ..., finalization: _Optional[_Union[_block_pb2.Certificate, _Mapping]] = ...) -> None: ...

class StateProof(_message.Message):
    __slots__ = ("genesis", "key", "value", "absent", "bucket", "path", "header", "finalization")
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ABSENT_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    FINALIZATION_FIELD_NUMBER: _ClassVar[int]
    genesis: _genesis_pb2.SignedGenesis
    key: bytes
    value: bytes
    absent: bool
    bucket: _containers.RepeatedScalarFieldContainer[bytes]
    path: _containers.RepeatedScalarFieldContainer[bytes]
    header: bytes
    finalization: _block_pb2.Certificate
    def __init__(self, genesis: _Optional[_Union[_genesis_pb2.SignedGenesis, _Mapping]] = ..., key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., absent: _Optional[bool] = ..., bucket: _Optional[_Iterable[bytes]] = ..., path: _Optional[_Iterable[bytes]] = ..., header: _Optional[bytes] = ..., finalization: _Optional[_Union[_block_pb2.Certificate, _Mapping]] = ...) -> None: ...

class ExportHead(_message.Message):
    __slots__ = ("genesis", "blocks", "tip")
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    TIP_FIELD_NUMBER: _ClassVar[int]
    genesis: _genesis_pb2.SignedGenesis
    blocks: int
    tip: bytes
    def __init__(self, genesis: _Optional[_Union[_genesis_pb2.SignedGenesis, _Mapping]] = ..., blocks: _Optional[int] = ..., tip: _Optional[bytes] = ...) -> None: ...
