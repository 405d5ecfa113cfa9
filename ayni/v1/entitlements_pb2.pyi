from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_SHARE: _ClassVar[Kind]
    KIND_HOURS: _ClassVar[Kind]

class GivenFor(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GIVEN_FOR_UNSPECIFIED: _ClassVar[GivenFor]
    GIVEN_FOR_MONEY_OUTSIDE: _ClassVar[GivenFor]
    GIVEN_FOR_CREDIT: _ClassVar[GivenFor]
    GIVEN_FOR_SERVICE: _ClassVar[GivenFor]

class Transferability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFERABILITY_UNSPECIFIED: _ClassVar[Transferability]
    TRANSFERABILITY_NOBODY: _ClassVar[Transferability]
    TRANSFERABILITY_SAME_ORGANISATION: _ClassVar[Transferability]
    TRANSFERABILITY_SAME_FEDERATION: _ClassVar[Transferability]
    TRANSFERABILITY_ANYONE: _ClassVar[Transferability]
KIND_UNSPECIFIED: Kind
KIND_SHARE: Kind
KIND_HOURS: Kind
GIVEN_FOR_UNSPECIFIED: GivenFor
GIVEN_FOR_MONEY_OUTSIDE: GivenFor
GIVEN_FOR_CREDIT: GivenFor
GIVEN_FOR_SERVICE: GivenFor
TRANSFERABILITY_UNSPECIFIED: Transferability
TRANSFERABILITY_NOBODY: Transferability
TRANSFERABILITY_SAME_ORGANISATION: Transferability
TRANSFERABILITY_SAME_FEDERATION: Transferability
TRANSFERABILITY_ANYONE: Transferability

class DefineClass(_message.Message):
    __slots__ = ("class_id", "kind", "unit", "given_for", "item_value_minor", "item_contribution_minor", "holder_cap_minor", "transferability", "expires_after_days", "categories", "tax_eligible")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FOR_FIELD_NUMBER: _ClassVar[int]
    ITEM_VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    ITEM_CONTRIBUTION_MINOR_FIELD_NUMBER: _ClassVar[int]
    HOLDER_CAP_MINOR_FIELD_NUMBER: _ClassVar[int]
    TRANSFERABILITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AFTER_DAYS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    TAX_ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    class_id: str
    kind: Kind
    unit: str
    given_for: GivenFor
    item_value_minor: int
    item_contribution_minor: int
    holder_cap_minor: int
    transferability: Transferability
    expires_after_days: int
    categories: _containers.RepeatedScalarFieldContainer[str]
    tax_eligible: bool
    def __init__(self, class_id: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., unit: _Optional[str] = ..., given_for: _Optional[_Union[GivenFor, str]] = ..., item_value_minor: _Optional[int] = ..., item_contribution_minor: _Optional[int] = ..., holder_cap_minor: _Optional[int] = ..., transferability: _Optional[_Union[Transferability, str]] = ..., expires_after_days: _Optional[int] = ..., categories: _Optional[_Iterable[str]] = ..., tax_eligible: _Optional[bool] = ...) -> None: ...

class IssueEntitlements(_message.Message):
    __slots__ = ("class_id", "lines")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    class_id: str
    lines: _containers.RepeatedCompositeFieldContainer[IssueLine]
    def __init__(self, class_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[IssueLine, _Mapping]]] = ...) -> None: ...

class IssueLine(_message.Message):
    __slots__ = ("holder", "items", "value_date", "document_hash")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    holder: str
    items: int
    value_date: int
    document_hash: bytes
    def __init__(self, holder: _Optional[str] = ..., items: _Optional[int] = ..., value_date: _Optional[int] = ..., document_hash: _Optional[bytes] = ...) -> None: ...

class RecordService(_message.Message):
    __slots__ = ("class_id", "lines", "attesters")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    ATTESTERS_FIELD_NUMBER: _ClassVar[int]
    class_id: str
    lines: _containers.RepeatedCompositeFieldContainer[ServiceLine]
    attesters: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, class_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[ServiceLine, _Mapping]]] = ..., attesters: _Optional[_Iterable[str]] = ...) -> None: ...

class ServiceLine(_message.Message):
    __slots__ = ("served_by", "recipient", "value_date", "amount_minor", "category", "credits", "fee", "organisation")
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    served_by: str
    recipient: str
    value_date: int
    amount_minor: int
    category: str
    credits: PaidByCredits
    fee: PaidByFee
    organisation: PaidByOrganisation
    def __init__(self, served_by: _Optional[str] = ..., recipient: _Optional[str] = ..., value_date: _Optional[int] = ..., amount_minor: _Optional[int] = ..., category: _Optional[str] = ..., credits: _Optional[_Union[PaidByCredits, _Mapping]] = ..., fee: _Optional[_Union[PaidByFee, _Mapping]] = ..., organisation: _Optional[_Union[PaidByOrganisation, _Mapping]] = ...) -> None: ...

class PaidByCredits(_message.Message):
    __slots__ = ("holder",)
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    holder: str
    def __init__(self, holder: _Optional[str] = ...) -> None: ...

class PaidByFee(_message.Message):
    __slots__ = ("unit", "amount_minor", "in_cash", "document_hash")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    IN_CASH_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    unit: str
    amount_minor: int
    in_cash: bool
    document_hash: bytes
    def __init__(self, unit: _Optional[str] = ..., amount_minor: _Optional[int] = ..., in_cash: _Optional[bool] = ..., document_hash: _Optional[bytes] = ...) -> None: ...

class PaidByOrganisation(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GiveEntitlements(_message.Message):
    __slots__ = ("holder", "receiver", "class_id", "amount_minor", "reference")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    holder: str
    receiver: str
    class_id: str
    amount_minor: int
    reference: str
    def __init__(self, holder: _Optional[str] = ..., receiver: _Optional[str] = ..., class_id: _Optional[str] = ..., amount_minor: _Optional[int] = ..., reference: _Optional[str] = ...) -> None: ...

class DonateEntitlements(_message.Message):
    __slots__ = ("holder", "class_id", "amount_minor", "reference")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    holder: str
    class_id: str
    amount_minor: int
    reference: str
    def __init__(self, holder: _Optional[str] = ..., class_id: _Optional[str] = ..., amount_minor: _Optional[int] = ..., reference: _Optional[str] = ...) -> None: ...

class RedeemEntitlements(_message.Message):
    __slots__ = ("holder", "provider", "class_id", "amount_minor", "value_date", "category", "reference", "served_by")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    holder: str
    provider: str
    class_id: str
    amount_minor: int
    value_date: int
    category: str
    reference: str
    served_by: str
    def __init__(self, holder: _Optional[str] = ..., provider: _Optional[str] = ..., class_id: _Optional[str] = ..., amount_minor: _Optional[int] = ..., value_date: _Optional[int] = ..., category: _Optional[str] = ..., reference: _Optional[str] = ..., served_by: _Optional[str] = ...) -> None: ...
