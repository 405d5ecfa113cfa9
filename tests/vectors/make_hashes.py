"""domains.json, merkle.json, statetree.json: what is hashed, and into which trees.

Spelled out here from docs/encoding.md and RFC 6962, without the code that they test.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.vectors.published import CT_CONSISTENCY, CT_INCLUSION, CT_LEAVES, CT_ROOTS


def fill(byte: int) -> bytes:
    return bytes([byte]) * 32


def domains() -> dict[str, Any]:
    genesis, body, digest = fill(0x11), b"a body", fill(0x22)
    view = (7).to_bytes(8, "big")
    epoch = (0).to_bytes(8, "big")
    hashes: list[tuple[str, list[Any], bytes]] = [
        ("genesis_hash", [b"a genesis"], b"ayni/v1/genesis\0" + b"a genesis"),
        ("tx_id", [body], b"ayni/v1/tx-id\0" + body),
        ("body_hash", [body], b"ayni/v1/block-body\0" + body),
        ("block_digest", [b"a header"], b"ayni/v1/block\0" + b"a header"),
    ]
    messages: list[tuple[str, list[Any], bytes]] = [
        ("genesis_message", [genesis], b"ayni/v1/genesis-signature\0" + genesis),
        ("transaction_message", [genesis, body], b"ayni/v1/tx\0" + genesis + body),
        (
            "vote_message",
            [genesis, 0, 7, 1, digest],
            b"ayni/v1/vote\0" + genesis + epoch + view + b"\1" + digest,
        ),
        (
            "vote_message",
            [genesis, 0, 7, 2, b""],
            b"ayni/v1/vote\0" + genesis + epoch + view + b"\2" + bytes(32),
        ),
        (
            "vote_message",
            [genesis, 0, 7, 3, digest],
            b"ayni/v1/vote\0" + genesis + epoch + view + b"\3" + digest,
        ),
        (
            "hello_message",
            [genesis, 1, 2, fill(0x33), fill(0x44), fill(0x55), fill(0x66)],
            b"ayni/v1/hello\0" + genesis + b"\1\2" + fill(0x33) + fill(0x44) + fill(0x55) + fill(0x66),
        ),
    ]
    return {
        "about": "docs/encoding.md, domain tags. `hashes`: SHA-256 of the bytes; `messages`: the bytes "
        "signed. Arguments are hex strings or numbers.",
        "hashes": [{"name": n, "arguments": _plain(a), "hash": sha256(b).hexdigest()} for n, a, b in hashes],
        "messages": [{"name": n, "arguments": _plain(a), "bytes": b.hex()} for n, a, b in messages],
    }


def _plain(arguments: list[Any]) -> list[Any]:
    return [each.hex() if isinstance(each, bytes) else each for each in arguments]


def merkle() -> dict[str, Any]:
    return {
        "about": "RFC 6962 section 2.1, on the eight leaves of Certificate Transparency's own tests. "
        "`roots[n]` is of the first n leaves. Indices from 0; paths leaf end first.",
        "leaves": CT_LEAVES,
        "roots": [sha256(b"").hexdigest(), *CT_ROOTS],
        "inclusion": CT_INCLUSION,
        "consistency": CT_CONSISTENCY,
    }


def merkle_root(leaves: list[bytes]) -> bytes:
    """MTH(D[n]), word for word from RFC 6962."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + merkle_root(leaves[:k]) + merkle_root(leaves[k:])).digest()


def bucket_hash(records: list[tuple[bytes, bytes]]) -> bytes:
    pairs = sorted(
        (sha256(b"ayni/v1/state-key\0" + key).digest(), sha256(b"ayni/v1/state-value\0" + value).digest())
        for key, value in records
    )
    return sha256(b"ayni/v1/state-bucket\0" + b"".join(k + v for k, v in pairs)).digest()


def buckets(records: dict[bytes, bytes], bits: int) -> list[bytes]:
    """Every bucket's hash, in order."""
    contents: list[list[tuple[bytes, bytes]]] = [[] for _ in range(2**bits)]
    for key, value in records.items():
        hashed = sha256(b"ayni/v1/state-key\0" + key).digest()
        number = int(bin(int.from_bytes(hashed, "big") | 1 << 256)[3 : 3 + bits], 2)
        contents[number].append((key, value))
    return [bucket_hash(each) for each in contents]


def levels(hashes: list[bytes]) -> list[list[bytes]]:
    """The tree over the buckets, bucket level first, root last: by eight, and at the root what is left."""
    result = [hashes]
    while len(result[-1]) > 1:
        below = result[-1]
        width = min(8, len(below))
        result.append(
            [
                sha256(b"ayni/v1/state-node\0" + b"".join(below[n : n + width])).digest()
                for n in range(0, len(below), width)
            ]
        )
    return result


def siblings(tree: list[list[bytes]], bucket: int) -> list[bytes]:
    """The others below each node above a bucket, level after level."""
    path, number = [], bucket
    for level in tree[:-1]:
        width = min(8, len(level))
        first = number - number % width
        path += [level[n] for n in range(first, first + width) if n != number]
        number //= width
    return path


def example_records() -> dict[bytes, bytes]:
    return {f"b|emilia/m-{n}|EUC".encode(): b"\x08" + bytes([2 * n]) for n in range(1, 41)}


def statetree() -> dict[str, Any]:
    cases = []
    for bits, count in ((1, 0), (1, 3), (3, 1), (4, 40), (10, 40)):
        records = dict(list(example_records().items())[:count])
        tree = levels(buckets(records, bits))
        cases.append(
            {
                "bits": bits,
                "records": {key.decode(): value.hex() for key, value in records.items()},
                "buckets": {str(n): h.hex() for n, h in enumerate(tree[0]) if h != bucket_hash([])},
                "root": tree[-1][0].hex(),
            }
        )
    return {
        "about": "The state tree: a record's key (ASCII) and value; the hashes of the buckets that are not "
        "empty; the root over all 2^bits buckets.",
        "empty_bucket": bucket_hash([]).hex(),
        "cases": cases,
    }
