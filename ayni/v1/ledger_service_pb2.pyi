from ayni.v1 import block_pb2 as _block_pb2
from ayni.v1 import genesis_pb2 as _genesis_pb2
from ayni.v1 import receipt_pb2 as _receipt_pb2
from ayni.v1 import result_pb2 as _result_pb2
from ayni.v1 import state_pb2 as _state_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_KIND_UNSPECIFIED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_FINAL: _ClassVar[OutcomeKind]
    OUTCOME_KIND_REFUSED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_EXPIRED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_UNKNOWN: _ClassVar[OutcomeKind]

class Book(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BOOK_UNSPECIFIED: _ClassVar[Book]
    BOOK_CREDIT: _ClassVar[Book]
    BOOK_DUES: _ClassVar[Book]
    BOOK_ENTITLEMENTS: _ClassVar[Book]
OUTCOME_KIND_UNSPECIFIED: OutcomeKind
OUTCOME_KIND_FINAL: OutcomeKind
OUTCOME_KIND_REFUSED: OutcomeKind
OUTCOME_KIND_EXPIRED: OutcomeKind
OUTCOME_KIND_UNKNOWN: OutcomeKind
BOOK_UNSPECIFIED: Book
BOOK_CREDIT: Book
BOOK_DUES: Book
BOOK_ENTITLEMENTS: Book

class ReadAt(_message.Message):
    __slots__ = ("height", "state_root", "time_ms")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    STATE_ROOT_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    height: int
    state_root: bytes
    time_ms: int
    def __init__(self, height: _Optional[int] = ..., state_root: _Optional[bytes] = ..., time_ms: _Optional[int] = ...) -> None: ...

class GetNetworkRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetNetworkResponse(_message.Message):
    __slots__ = ("genesis", "genesis_hash", "at")
    GENESIS_FIELD_NUMBER: _ClassVar[int]
    GENESIS_HASH_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    genesis: _genesis_pb2.SignedGenesis
    genesis_hash: bytes
    at: ReadAt
    def __init__(self, genesis: _Optional[_Union[_genesis_pb2.SignedGenesis, _Mapping]] = ..., genesis_hash: _Optional[bytes] = ..., at: _Optional[_Union[ReadAt, _Mapping]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("at", "member", "federation", "view", "catching_up", "voting_locked", "log_size", "mempool_transactions", "peers", "version")
    AT_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    FEDERATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    CATCHING_UP_FIELD_NUMBER: _ClassVar[int]
    VOTING_LOCKED_FIELD_NUMBER: _ClassVar[int]
    LOG_SIZE_FIELD_NUMBER: _ClassVar[int]
    MEMPOOL_TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    member: int
    federation: str
    view: int
    catching_up: bool
    voting_locked: bool
    log_size: int
    mempool_transactions: int
    peers: _containers.RepeatedCompositeFieldContainer[PeerStatus]
    version: str
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., member: _Optional[int] = ..., federation: _Optional[str] = ..., view: _Optional[int] = ..., catching_up: _Optional[bool] = ..., voting_locked: _Optional[bool] = ..., log_size: _Optional[int] = ..., mempool_transactions: _Optional[int] = ..., peers: _Optional[_Iterable[_Union[PeerStatus, _Mapping]]] = ..., version: _Optional[str] = ...) -> None: ...

class PeerStatus(_message.Message):
    __slots__ = ("federation", "connected", "height", "view")
    FEDERATION_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    federation: str
    connected: bool
    height: int
    view: int
    def __init__(self, federation: _Optional[str] = ..., connected: _Optional[bool] = ..., height: _Optional[int] = ..., view: _Optional[int] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("genesis_hash", "transactions", "wait_ms", "want_receipts")
    GENESIS_HASH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    WANT_RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    genesis_hash: bytes
    transactions: _containers.RepeatedScalarFieldContainer[bytes]
    wait_ms: int
    want_receipts: bool
    def __init__(self, genesis_hash: _Optional[bytes] = ..., transactions: _Optional[_Iterable[bytes]] = ..., wait_ms: _Optional[int] = ..., want_receipts: _Optional[bool] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("tx_id", "kind", "height", "log_index", "result", "receipt", "refusal", "retry_after_ms")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    kind: OutcomeKind
    height: int
    log_index: int
    result: bytes
    receipt: _receipt_pb2.Receipt
    refusal: _result_pb2.Refusal
    retry_after_ms: int
    def __init__(self, tx_id: _Optional[bytes] = ..., kind: _Optional[_Union[OutcomeKind, str]] = ..., height: _Optional[int] = ..., log_index: _Optional[int] = ..., result: _Optional[bytes] = ..., receipt: _Optional[_Union[_receipt_pb2.Receipt, _Mapping]] = ..., refusal: _Optional[_Union[_result_pb2.Refusal, _Mapping]] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class GetOutcomeRequest(_message.Message):
    __slots__ = ("tx_id", "wait_ms")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    wait_ms: int
    def __init__(self, tx_id: _Optional[bytes] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class GetTransactionRequest(_message.Message):
    __slots__ = ("tx_id", "author", "nonce")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    author: str
    nonce: bytes
    def __init__(self, tx_id: _Optional[bytes] = ..., author: _Optional[str] = ..., nonce: _Optional[bytes] = ...) -> None: ...

class GetTransactionResponse(_message.Message):
    __slots__ = ("transaction", "result", "height", "log_index", "time_ms")
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    transaction: bytes
    result: bytes
    height: int
    log_index: int
    time_ms: int
    def __init__(self, transaction: _Optional[bytes] = ..., result: _Optional[bytes] = ..., height: _Optional[int] = ..., log_index: _Optional[int] = ..., time_ms: _Optional[int] = ...) -> None: ...

class GetReceiptRequest(_message.Message):
    __slots__ = ("tx_id",)
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    def __init__(self, tx_id: _Optional[bytes] = ...) -> None: ...

class GetBlockRequest(_message.Message):
    __slots__ = ("height",)
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    height: int
    def __init__(self, height: _Optional[int] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("from_height",)
    FROM_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    from_height: int
    def __init__(self, from_height: _Optional[int] = ...) -> None: ...

class GetConsistencyProofRequest(_message.Message):
    __slots__ = ("old_size", "new_size")
    OLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    NEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    old_size: int
    new_size: int
    def __init__(self, old_size: _Optional[int] = ..., new_size: _Optional[int] = ...) -> None: ...

class GetConsistencyProofResponse(_message.Message):
    __slots__ = ("new_size", "path")
    NEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    new_size: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, new_size: _Optional[int] = ..., path: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: str
    def __init__(self, account: _Optional[str] = ...) -> None: ...

class GetAccountResponse(_message.Message):
    __slots__ = ("at", "account", "record", "organisation", "balances", "holdings")
    AT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    BALANCES_FIELD_NUMBER: _ClassVar[int]
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    account: str
    record: _state_pb2.AccountRecord
    organisation: _state_pb2.OrganisationRecord
    balances: _containers.RepeatedCompositeFieldContainer[UnitBalance]
    holdings: _containers.RepeatedCompositeFieldContainer[ClassHolding]
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., account: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.AccountRecord, _Mapping]] = ..., organisation: _Optional[_Union[_state_pb2.OrganisationRecord, _Mapping]] = ..., balances: _Optional[_Iterable[_Union[UnitBalance, _Mapping]]] = ..., holdings: _Optional[_Iterable[_Union[ClassHolding, _Mapping]]] = ...) -> None: ...

class UnitBalance(_message.Message):
    __slots__ = ("unit", "record", "dues", "available", "organisation")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    DUES_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    unit: str
    record: _state_pb2.BalanceRecord
    dues: int
    available: int
    organisation: _state_pb2.OrganisationUnitRecord
    def __init__(self, unit: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.BalanceRecord, _Mapping]] = ..., dues: _Optional[int] = ..., available: _Optional[int] = ..., organisation: _Optional[_Union[_state_pb2.OrganisationUnitRecord, _Mapping]] = ...) -> None: ...

class ClassHolding(_message.Message):
    __slots__ = ("class_id", "record")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    class_id: str
    record: _state_pb2.HoldingRecord
    def __init__(self, class_id: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.HoldingRecord, _Mapping]] = ...) -> None: ...

class ListAccountsRequest(_message.Message):
    __slots__ = ("prefix", "after", "limit")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    after: str
    limit: int
    def __init__(self, prefix: _Optional[str] = ..., after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListAccountsResponse(_message.Message):
    __slots__ = ("at", "accounts", "more")
    AT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    accounts: _containers.RepeatedCompositeFieldContainer[GetAccountResponse]
    more: bool
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., accounts: _Optional[_Iterable[_Union[GetAccountResponse, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class GetStatementRequest(_message.Message):
    __slots__ = ("account", "from_ms", "until_ms", "after", "limit")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    FROM_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    account: str
    from_ms: int
    until_ms: int
    after: str
    limit: int
    def __init__(self, account: _Optional[str] = ..., from_ms: _Optional[int] = ..., until_ms: _Optional[int] = ..., after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class StatementLine(_message.Message):
    __slots__ = ("time_ms", "height", "log_index", "tx_id", "line", "book", "unit", "amount_minor", "counterparty", "value_date", "reference", "type")
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    BOOK_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    COUNTERPARTY_FIELD_NUMBER: _ClassVar[int]
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    time_ms: int
    height: int
    log_index: int
    tx_id: bytes
    line: int
    book: Book
    unit: str
    amount_minor: int
    counterparty: str
    value_date: int
    reference: str
    type: str
    def __init__(self, time_ms: _Optional[int] = ..., height: _Optional[int] = ..., log_index: _Optional[int] = ..., tx_id: _Optional[bytes] = ..., line: _Optional[int] = ..., book: _Optional[_Union[Book, str]] = ..., unit: _Optional[str] = ..., amount_minor: _Optional[int] = ..., counterparty: _Optional[str] = ..., value_date: _Optional[int] = ..., reference: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class BookBalance(_message.Message):
    __slots__ = ("book", "unit", "opening_minor", "closing_minor")
    BOOK_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    OPENING_MINOR_FIELD_NUMBER: _ClassVar[int]
    CLOSING_MINOR_FIELD_NUMBER: _ClassVar[int]
    book: Book
    unit: str
    opening_minor: int
    closing_minor: int
    def __init__(self, book: _Optional[_Union[Book, str]] = ..., unit: _Optional[str] = ..., opening_minor: _Optional[int] = ..., closing_minor: _Optional[int] = ...) -> None: ...

class GetStatementResponse(_message.Message):
    __slots__ = ("at", "balances", "lines", "next")
    AT_FIELD_NUMBER: _ClassVar[int]
    BALANCES_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    balances: _containers.RepeatedCompositeFieldContainer[BookBalance]
    lines: _containers.RepeatedCompositeFieldContainer[StatementLine]
    next: str
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., balances: _Optional[_Iterable[_Union[BookBalance, _Mapping]]] = ..., lines: _Optional[_Iterable[_Union[StatementLine, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("at", "federations")
    AT_FIELD_NUMBER: _ClassVar[int]
    FEDERATIONS_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    federations: _containers.RepeatedCompositeFieldContainer[FederationEntry]
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., federations: _Optional[_Iterable[_Union[FederationEntry, _Mapping]]] = ...) -> None: ...

class FederationEntry(_message.Message):
    __slots__ = ("name", "record", "organisations", "quotas")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ORGANISATIONS_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    name: str
    record: _state_pb2.FederationRecord
    organisations: _containers.RepeatedCompositeFieldContainer[OrganisationEntry]
    quotas: _containers.RepeatedCompositeFieldContainer[UnitQuota]
    def __init__(self, name: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.FederationRecord, _Mapping]] = ..., organisations: _Optional[_Iterable[_Union[OrganisationEntry, _Mapping]]] = ..., quotas: _Optional[_Iterable[_Union[UnitQuota, _Mapping]]] = ...) -> None: ...

class OrganisationEntry(_message.Message):
    __slots__ = ("organisation", "record")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    record: _state_pb2.OrganisationRecord
    def __init__(self, organisation: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.OrganisationRecord, _Mapping]] = ...) -> None: ...

class UnitQuota(_message.Message):
    __slots__ = ("unit", "record")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    unit: str
    record: _state_pb2.QuotaRecord
    def __init__(self, unit: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.QuotaRecord, _Mapping]] = ...) -> None: ...

class ListClassesRequest(_message.Message):
    __slots__ = ("class_id",)
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    class_id: str
    def __init__(self, class_id: _Optional[str] = ...) -> None: ...

class ListClassesResponse(_message.Message):
    __slots__ = ("at", "classes")
    AT_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    classes: _containers.RepeatedCompositeFieldContainer[ClassEntry]
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., classes: _Optional[_Iterable[_Union[ClassEntry, _Mapping]]] = ...) -> None: ...

class ClassEntry(_message.Message):
    __slots__ = ("class_id", "record", "issuers")
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ISSUERS_FIELD_NUMBER: _ClassVar[int]
    class_id: str
    record: _state_pb2.ClassRecord
    issuers: _containers.RepeatedCompositeFieldContainer[IssuerEntry]
    def __init__(self, class_id: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.ClassRecord, _Mapping]] = ..., issuers: _Optional[_Iterable[_Union[IssuerEntry, _Mapping]]] = ...) -> None: ...

class IssuerEntry(_message.Message):
    __slots__ = ("issuer", "record")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    record: _state_pb2.IssuanceRecord
    def __init__(self, issuer: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.IssuanceRecord, _Mapping]] = ...) -> None: ...

class GetPoolRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPoolResponse(_message.Message):
    __slots__ = ("at", "period", "units", "holdings", "parameters")
    AT_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    period: _state_pb2.PeriodRecord
    units: _containers.RepeatedCompositeFieldContainer[PoolUnit]
    holdings: _containers.RepeatedCompositeFieldContainer[ClassHolding]
    parameters: _containers.RepeatedCompositeFieldContainer[_genesis_pb2.Parameter]
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., period: _Optional[_Union[_state_pb2.PeriodRecord, _Mapping]] = ..., units: _Optional[_Iterable[_Union[PoolUnit, _Mapping]]] = ..., holdings: _Optional[_Iterable[_Union[ClassHolding, _Mapping]]] = ..., parameters: _Optional[_Iterable[_Union[_genesis_pb2.Parameter, _Mapping]]] = ...) -> None: ...

class PoolUnit(_message.Message):
    __slots__ = ("unit", "unit_record", "balance", "record", "claims", "owed")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    UNIT_RECORD_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    OWED_FIELD_NUMBER: _ClassVar[int]
    unit: str
    unit_record: _state_pb2.UnitRecord
    balance: int
    record: _state_pb2.PoolUnitRecord
    claims: int
    owed: int
    def __init__(self, unit: _Optional[str] = ..., unit_record: _Optional[_Union[_state_pb2.UnitRecord, _Mapping]] = ..., balance: _Optional[int] = ..., record: _Optional[_Union[_state_pb2.PoolUnitRecord, _Mapping]] = ..., claims: _Optional[int] = ..., owed: _Optional[int] = ...) -> None: ...

class ListDuesRequest(_message.Message):
    __slots__ = ("unit",)
    UNIT_FIELD_NUMBER: _ClassVar[int]
    unit: str
    def __init__(self, unit: _Optional[str] = ...) -> None: ...

class ListDuesResponse(_message.Message):
    __slots__ = ("at", "dues")
    AT_FIELD_NUMBER: _ClassVar[int]
    DUES_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    dues: _containers.RepeatedCompositeFieldContainer[OrganisationDues]
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., dues: _Optional[_Iterable[_Union[OrganisationDues, _Mapping]]] = ...) -> None: ...

class OrganisationDues(_message.Message):
    __slots__ = ("organisation", "unit", "record")
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    organisation: str
    unit: str
    record: _state_pb2.OrganisationUnitRecord
    def __init__(self, organisation: _Optional[str] = ..., unit: _Optional[str] = ..., record: _Optional[_Union[_state_pb2.OrganisationUnitRecord, _Mapping]] = ...) -> None: ...

class ListSettlementsRequest(_message.Message):
    __slots__ = ("after_period", "limit")
    AFTER_PERIOD_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after_period: int
    limit: int
    def __init__(self, after_period: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListSettlementsResponse(_message.Message):
    __slots__ = ("at", "settlements")
    AT_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENTS_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    settlements: _containers.RepeatedCompositeFieldContainer[_result_pb2.Settlement]
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., settlements: _Optional[_Iterable[_Union[_result_pb2.Settlement, _Mapping]]] = ...) -> None: ...

class GetDecisionRequest(_message.Message):
    __slots__ = ("tx_id",)
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    tx_id: bytes
    def __init__(self, tx_id: _Optional[bytes] = ...) -> None: ...

class GetDecisionResponse(_message.Message):
    __slots__ = ("at", "record")
    AT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    at: ReadAt
    record: _state_pb2.PendingDecisionRecord
    def __init__(self, at: _Optional[_Union[ReadAt, _Mapping]] = ..., record: _Optional[_Union[_state_pb2.PendingDecisionRecord, _Mapping]] = ...) -> None: ...

class GetStateProofRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    def __init__(self, key: _Optional[bytes] = ...) -> None: ...

class ListEvidenceRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEvidenceResponse(_message.Message):
    __slots__ = ("evidence",)
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    evidence: _containers.RepeatedCompositeFieldContainer[_block_pb2.Evidence]
    def __init__(self, evidence: _Optional[_Iterable[_Union[_block_pb2.Evidence, _Mapping]]] = ...) -> None: ...
