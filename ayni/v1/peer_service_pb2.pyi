from ayni.v1 import block_pb2 as _block_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PeerFrame(_message.Message):
    __slots__ = ("hello", "proposal", "votes", "certificates", "transactions", "status", "block_request", "block_response", "own_votes_request", "own_votes_response", "challenge")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    VOTES_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_REQUEST_FIELD_NUMBER: _ClassVar[int]
    BLOCK_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    OWN_VOTES_REQUEST_FIELD_NUMBER: _ClassVar[int]
    OWN_VOTES_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    proposal: _block_pb2.Proposal
    votes: Votes
    certificates: Certificates
    transactions: Transactions
    status: Status
    block_request: BlockRequest
    block_response: BlockResponse
    own_votes_request: OwnVotesRequest
    own_votes_response: OwnVotesResponse
    challenge: Challenge
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., proposal: _Optional[_Union[_block_pb2.Proposal, _Mapping]] = ..., votes: _Optional[_Union[Votes, _Mapping]] = ..., certificates: _Optional[_Union[Certificates, _Mapping]] = ..., transactions: _Optional[_Union[Transactions, _Mapping]] = ..., status: _Optional[_Union[Status, _Mapping]] = ..., block_request: _Optional[_Union[BlockRequest, _Mapping]] = ..., block_response: _Optional[_Union[BlockResponse, _Mapping]] = ..., own_votes_request: _Optional[_Union[OwnVotesRequest, _Mapping]] = ..., own_votes_response: _Optional[_Union[OwnVotesResponse, _Mapping]] = ..., challenge: _Optional[_Union[Challenge, _Mapping]] = ...) -> None: ...

class Challenge(_message.Message):
    __slots__ = ("genesis_hash", "member", "nonce")
    GENESIS_HASH_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    genesis_hash: bytes
    member: int
    nonce: bytes
    def __init__(self, genesis_hash: _Optional[bytes] = ..., member: _Optional[int] = ..., nonce: _Optional[bytes] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("signature",)
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    signature: bytes
    def __init__(self, signature: _Optional[bytes] = ...) -> None: ...

class Votes(_message.Message):
    __slots__ = ("votes",)
    VOTES_FIELD_NUMBER: _ClassVar[int]
    votes: _containers.RepeatedCompositeFieldContainer[_block_pb2.Vote]
    def __init__(self, votes: _Optional[_Iterable[_Union[_block_pb2.Vote, _Mapping]]] = ...) -> None: ...

class Certificates(_message.Message):
    __slots__ = ("certificates",)
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    certificates: _containers.RepeatedCompositeFieldContainer[_block_pb2.Certificate]
    def __init__(self, certificates: _Optional[_Iterable[_Union[_block_pb2.Certificate, _Mapping]]] = ...) -> None: ...

class Transactions(_message.Message):
    __slots__ = ("transactions",)
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, transactions: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("height", "view", "finalization", "highest", "own_latest")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    FINALIZATION_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_FIELD_NUMBER: _ClassVar[int]
    OWN_LATEST_FIELD_NUMBER: _ClassVar[int]
    height: int
    view: int
    finalization: _block_pb2.Certificate
    highest: _block_pb2.Certificate
    own_latest: _containers.RepeatedCompositeFieldContainer[_block_pb2.Vote]
    def __init__(self, height: _Optional[int] = ..., view: _Optional[int] = ..., finalization: _Optional[_Union[_block_pb2.Certificate, _Mapping]] = ..., highest: _Optional[_Union[_block_pb2.Certificate, _Mapping]] = ..., own_latest: _Optional[_Iterable[_Union[_block_pb2.Vote, _Mapping]]] = ...) -> None: ...

class BlockRequest(_message.Message):
    __slots__ = ("id", "digests", "from_height", "count")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    FROM_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    id: int
    digests: _containers.RepeatedScalarFieldContainer[bytes]
    from_height: int
    count: int
    def __init__(self, id: _Optional[int] = ..., digests: _Optional[_Iterable[bytes]] = ..., from_height: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class BlockResponse(_message.Message):
    __slots__ = ("id", "blocks")
    ID_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    id: int
    blocks: _containers.RepeatedCompositeFieldContainer[_block_pb2.CertifiedBlock]
    def __init__(self, id: _Optional[int] = ..., blocks: _Optional[_Iterable[_Union[_block_pb2.CertifiedBlock, _Mapping]]] = ...) -> None: ...

class OwnVotesRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class OwnVotesResponse(_message.Message):
    __slots__ = ("id", "votes")
    ID_FIELD_NUMBER: _ClassVar[int]
    VOTES_FIELD_NUMBER: _ClassVar[int]
    id: int
    votes: _containers.RepeatedCompositeFieldContainer[_block_pb2.Vote]
    def __init__(self, id: _Optional[int] = ..., votes: _Optional[_Iterable[_Union[_block_pb2.Vote, _Mapping]]] = ...) -> None: ...
