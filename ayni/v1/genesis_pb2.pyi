from ayni.v1 import keys_pb2 as _keys_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Nature(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NATURE_UNSPECIFIED: _ClassVar[Nature]
    NATURE_MUTUAL_CREDIT: _ClassVar[Nature]
    NATURE_HOURS: _ClassVar[Nature]

class ParameterName(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARAMETER_NAME_UNSPECIFIED: _ClassVar[ParameterName]
    PARAMETER_NAME_PERIOD_MIN_MS: _ClassVar[ParameterName]
    PARAMETER_NAME_ADVANCE_BP: _ClassVar[ParameterName]
    PARAMETER_NAME_DEPOSIT_BP: _ClassVar[ParameterName]
    PARAMETER_NAME_REDEEMABLE_BP: _ClassVar[ParameterName]
    PARAMETER_NAME_UNATTESTED_MAX: _ClassVar[ParameterName]
NATURE_UNSPECIFIED: Nature
NATURE_MUTUAL_CREDIT: Nature
NATURE_HOURS: Nature
PARAMETER_NAME_UNSPECIFIED: ParameterName
PARAMETER_NAME_PERIOD_MIN_MS: ParameterName
PARAMETER_NAME_ADVANCE_BP: ParameterName
PARAMETER_NAME_DEPOSIT_BP: ParameterName
PARAMETER_NAME_REDEEMABLE_BP: ParameterName
PARAMETER_NAME_UNATTESTED_MAX: ParameterName

class SignedGenesis(_message.Message):
    __slots__ = ("body", "signatures")
    BODY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[_keys_pb2.Signature]
    def __init__(self, body: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[_keys_pb2.Signature, _Mapping]]] = ...) -> None: ...

class Genesis(_message.Message):
    __slots__ = ("network", "time_ms", "state_tree_bits", "federations", "units", "parameters", "quotas")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_TREE_BITS_FIELD_NUMBER: _ClassVar[int]
    FEDERATIONS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    network: str
    time_ms: int
    state_tree_bits: int
    federations: _containers.RepeatedCompositeFieldContainer[Federation]
    units: _containers.RepeatedCompositeFieldContainer[Unit]
    parameters: _containers.RepeatedCompositeFieldContainer[Parameter]
    quotas: _containers.RepeatedCompositeFieldContainer[Quota]
    def __init__(self, network: _Optional[str] = ..., time_ms: _Optional[int] = ..., state_tree_bits: _Optional[int] = ..., federations: _Optional[_Iterable[_Union[Federation, _Mapping]]] = ..., units: _Optional[_Iterable[_Union[Unit, _Mapping]]] = ..., parameters: _Optional[_Iterable[_Union[Parameter, _Mapping]]] = ..., quotas: _Optional[_Iterable[_Union[Quota, _Mapping]]] = ...) -> None: ...

class Federation(_message.Message):
    __slots__ = ("name", "decision_keys", "consensus_key", "service_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DECISION_KEYS_FIELD_NUMBER: _ClassVar[int]
    CONSENSUS_KEY_FIELD_NUMBER: _ClassVar[int]
    SERVICE_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    decision_keys: _keys_pb2.KeySet
    consensus_key: bytes
    service_key: bytes
    def __init__(self, name: _Optional[str] = ..., decision_keys: _Optional[_Union[_keys_pb2.KeySet, _Mapping]] = ..., consensus_key: _Optional[bytes] = ..., service_key: _Optional[bytes] = ...) -> None: ...

class Unit(_message.Message):
    __slots__ = ("code", "scale", "nature")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    NATURE_FIELD_NUMBER: _ClassVar[int]
    code: str
    scale: int
    nature: Nature
    def __init__(self, code: _Optional[str] = ..., scale: _Optional[int] = ..., nature: _Optional[_Union[Nature, str]] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("name", "unit", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: ParameterName
    unit: str
    value: int
    def __init__(self, name: _Optional[_Union[ParameterName, str]] = ..., unit: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...

class Quota(_message.Message):
    __slots__ = ("federation", "unit", "amount_minor")
    FEDERATION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    federation: str
    unit: str
    amount_minor: int
    def __init__(self, federation: _Optional[str] = ..., unit: _Optional[str] = ..., amount_minor: _Optional[int] = ...) -> None: ...
