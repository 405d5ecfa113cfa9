"""Signed transactions for tests of the node: accounts opened, credit sent, periods closed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

from ayni.v1 import credit_pb2, keys_pb2, members_pb2, pool_pb2, transaction_pb2
from proofs.domains import transaction_message
from proofs.signing import SigningKey
from tests.node.founders import Founder, key_of

COOP, OTHER = "emilia/coop", "emilia/other"
LIMIT_MINOR = 1_000_000
_nonces = itertools.count(1)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def signed(genesis_hash: bytes, body: transaction_pb2.Body, *keys: SigningKey) -> bytes:
    """Canonical bytes of `body` signed by `keys`."""
    data = body.SerializeToString(deterministic=True)
    message = transaction_message(genesis_hash, data)
    signatures = [
        keys_pb2.Signature(public_key=key.public_key, signature=key.sign(message))
        for key in sorted(keys, key=lambda each: each.public_key)
    ]
    transaction = transaction_pb2.SignedTransaction(body=data, signatures=signatures)
    return transaction.SerializeToString(deterministic=True)


def signed_by_others(genesis_hash: bytes, raw: bytes, *keys: SigningKey) -> bytes:
    """The same transaction with the signatures of `keys` alone."""
    body = transaction_pb2.Body.FromString(transaction_pb2.SignedTransaction.FromString(raw).body)
    return signed(genesis_hash, body, *keys)


def open_accounts(
    genesis_hash: bytes,
    accounts: Iterable[str] = (COOP, OTHER),
    *,
    federation: str = "emilia",
    time_ms: int = 0,
) -> bytes:
    """Opens accounts, each with a key of its own name and a credit limit in EUC."""
    opened = [
        members_pb2.NewAccount(
            account=account,
            keys=keys_pb2.KeySet(threshold=1, public_keys=[key_of(account).public_key]),
            limits=[members_pb2.Limit(unit="EUC", credit_limit_minor=LIMIT_MINOR)],
        )
        for account in sorted(accounts)
    ]
    body = _body(federation, time_ms)
    body.open_accounts.CopyFrom(members_pb2.OpenAccounts(accounts=opened))
    return signed(genesis_hash, body, Founder(federation).decision)


def transfer(
    genesis_hash: bytes,
    amount_minor: int = 1,
    *,
    payer: str = COOP,
    payee: str = OTHER,
    reference: str = "",
    time_ms: int = 0,
    expires_in_ms: int = 60_000,
) -> bytes:
    """One payment in EUC."""
    body = _body(payer, time_ms, expires_in_ms)
    leg = credit_pb2.Leg(
        payee=payee, unit="EUC", amount_minor=amount_minor, value_date=19_700, reference=reference
    )
    body.transfer.CopyFrom(credit_pb2.Transfer(legs=[leg]))
    return signed(genesis_hash, body, key_of(payer))


def contribute(genesis_hash: bytes, amount_minor: int, *, payer: str = COOP, time_ms: int = 0) -> bytes:
    """EUC into the common capital."""
    body = _body(payer, time_ms)
    payment = pool_pb2.ContributeToPool(payer=payer, unit="EUC", amount_minor=amount_minor)
    body.contribute_to_pool.CopyFrom(payment)
    return signed(genesis_hash, body, key_of(payer))


def close_period(genesis_hash: bytes, period: int, *, federation: str = "emilia", time_ms: int = 0) -> bytes:
    """Closes a settlement period."""
    body = _body(federation, time_ms)
    body.close_period.CopyFrom(pool_pb2.ClosePeriod(period=period))
    return signed(genesis_hash, body, Founder(federation).service)


def _body(author: str, time_ms: int, expires_in_ms: int = 60_000) -> transaction_pb2.Body:
    return transaction_pb2.Body(
        author=author,
        nonce=next(_nonces).to_bytes(8) + now_ms().to_bytes(8),
        expires_at_ms=(time_ms or now_ms()) + expires_in_ms,
    )
