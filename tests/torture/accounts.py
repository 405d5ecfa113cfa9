"""The accounts that the clients pay from and to: the same keys in every process, derived from the network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from ayni.v1 import members_pb2
from client import transactions
from client.api import Client
from client.outcomes import Kind
from client.testnet import NodeFailed, Testnet
from proofs.signing import SigningKey

UNIT = "EUC"
CREDIT_LIMIT_MINOR = 1_000_000_00


class Account(NamedTuple):
    """An organisation's account and the key it signs with."""

    name: str
    key: SigningKey


def accounts_of(testnet: Testnet, each: int) -> list[Account]:
    """So many accounts in each federation."""
    found = []
    for founder in testnet.founders:
        for number in range(each):
            name = f"{founder.federation}/o-{number:03d}"
            seed = hashlib.sha256(b"torture\0" + testnet.genesis_hash + name.encode()).digest()
            found.append(Account(name, SigningKey(seed)))
    return found


def open_accounts(testnet: Testnet, accounts: Sequence[Account]) -> list[bytes]:
    """Has the federations open them, with credit limits; the ids of those transactions."""
    opened = []
    for founder in testnet.founders:
        new = [
            members_pb2.NewAccount(
                account=account.name,
                keys=transactions.key_set([account.key.public_key]),
                limits=[members_pb2.Limit(unit=UNIT, credit_limit_minor=CREDIT_LIMIT_MINOR)],
            )
            for account in accounts
            if account.name.startswith(founder.federation + "/")
        ]
        draft = transactions.open_accounts(founder.federation, new, transactions.new_stamp())
        opened.append(transactions.sign(draft, [founder.decision], testnet.genesis_hash))
    with Client(testnet.network()) as client:
        outcomes = client.submit(opened)
    if wrong := [outcome for outcome in outcomes if outcome.kind is not Kind.FINAL]:
        raise NodeFailed("The accounts were not opened.", f"{wrong[0]}.", "See the logs of the nodes.")
    return [outcome.tx_id for outcome in outcomes]
