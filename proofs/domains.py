"""What each signature and each hash is of: the domain tags, and the bytes that follow them.

Decides the exact bytes that are hashed or signed, and nothing else: it never verifies and never parses.
Spec: docs/encoding.md, "Domain tags". Vectors: tests/vectors/domains.json.
"""

from hashlib import sha256

from ayni.v1.block_pb2 import VOTE_KIND_NULLIFY

GENESIS = b"ayni/v1/genesis\0"
GENESIS_SIGNATURE = b"ayni/v1/genesis-signature\0"
TX_ID = b"ayni/v1/tx-id\0"
TX = b"ayni/v1/tx\0"
BLOCK_BODY = b"ayni/v1/block-body\0"
BLOCK = b"ayni/v1/block\0"
VOTE = b"ayni/v1/vote\0"
HELLO = b"ayni/v1/hello\0"
STATE_KEY = b"ayni/v1/state-key\0"
STATE_VALUE = b"ayni/v1/state-value\0"
STATE_BUCKET = b"ayni/v1/state-bucket\0"
STATE_NODE = b"ayni/v1/state-node\0"
LOG_LEAF = b"\x00"
LOG_NODE = b"\x01"

HASH_BYTES = 32
NULLIFY_DIGEST = bytes(HASH_BYTES)
"""What a nullify vote signs in the place of a block's digest."""


def genesis_hash(genesis_bytes: bytes) -> bytes:
    """Return the name of a network: the hash of its canonical `Genesis` bytes."""
    return sha256(GENESIS + genesis_bytes).digest()


def genesis_message(genesis_hash: bytes) -> bytes:
    """Return what a founder signs."""
    return GENESIS_SIGNATURE + genesis_hash


def tx_id(body: bytes) -> bytes:
    """Return the id of a transaction: the hash of its canonical `Body` bytes, without signatures."""
    return sha256(TX_ID + body).digest()


def transaction_message(genesis_hash: bytes, body: bytes) -> bytes:
    """Return what every signer of a transaction signs (T3)."""
    return TX + genesis_hash + body


def body_hash(body: bytes) -> bytes:
    """Return the hash by which a header names its canonical `BlockBody` bytes."""
    return sha256(BLOCK_BODY + body).digest()


def block_digest(header_bytes: bytes) -> bytes:
    """Return the digest of a block: the hash of its canonical `Header` bytes."""
    return sha256(BLOCK + header_bytes).digest()


def vote_message(genesis_hash: bytes, epoch: int, view: int, kind: int, digest: bytes) -> bytes:
    """Return what a member's vote signs; `digest` is empty for nullify, else 32 bytes."""
    signed_digest = NULLIFY_DIGEST if kind == VOTE_KIND_NULLIFY else digest
    return VOTE + genesis_hash + epoch.to_bytes(8) + view.to_bytes(8) + kind.to_bytes(1) + signed_digest


def hello_message(
    genesis_hash: bytes,
    sender: int,
    receiver: int,
    own_nonce: bytes,
    peer_nonce: bytes,
    own_fingerprint: bytes,
    peer_fingerprint: bytes,
) -> bytes:
    """Return what `sender` signs to prove to `receiver` who it is, on this very connection.

    `sender` and `receiver` are validator indices below 256; nonces and SHA-256 certificate fingerprints
    are 32 bytes each.
    """
    parties = sender.to_bytes(1) + receiver.to_bytes(1)
    return HELLO + genesis_hash + parties + own_nonce + peer_nonce + own_fingerprint + peer_fingerprint
