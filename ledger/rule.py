"""What a rule is: three functions for each transaction type, and what they are given.

`fields` checks bounds without state (T1), `authorise` checks who signed (T5, T6), `execute` changes the
state or says why not. Each returns a Refusal or None; `ledger/apply.py` has the table and the order (T7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from ayni.v1 import result_pb2
from ledger import limits, refusals
from ledger.records import KeySet
from ledger.refusals import Refusal
from ledger.state import State

CREDIT: Final = 1
DUES: Final = 2
ENTITLEMENTS: Final = 3
"""Numbers of `Book` in proto/ayni/v1/ledger_service.proto."""


class ParsedTransaction(NamedTuple):
    """A transaction whose bytes, bounds and signatures were checked (T1, T3); see `transactions.py`."""

    raw: bytes
    """Canonical SignedTransaction bytes."""
    author: str
    nonce: bytes
    expires_at_ms: int
    tx_id: bytes
    kind: str
    """Name of the payload's field: "transfer"."""
    payload: Any
    """As the type's rule reads it (`Rule.read`)."""
    signers: frozenset[bytes]
    """Public keys whose signatures are valid."""


class Party(NamedTuple):
    """Somebody who must sign: a name for people, and the keys (T6)."""

    name: str
    keys: KeySet


class Posting(NamedTuple):
    """One line in one of the three books, for the account's statement."""

    book: int
    account: str
    unit: str
    """Code of the unit; for entitlements, the class."""
    amount: int
    balance_after: int
    counterparty: str
    line: int
    value_date: int
    reference: str


class Context:
    """What `execute` works with: the state, the block's time, and what it reports."""

    __slots__ = ("_result", "height", "log_index", "postings", "state", "time_ms", "tx_id")

    def __init__(self, state: State, height: int, time_ms: int, log_index: int, tx_id: bytes) -> None:
        self.state = state
        self.height = height
        self.time_ms = time_ms
        """Block time, Unix milliseconds."""
        self.log_index = log_index
        self.tx_id = tx_id
        self.postings: list[Posting] = []
        self._result: result_pb2.Result | None = None

    @property
    def today(self) -> int:
        """Days since 1970-01-01, by the block's time."""
        return self.time_ms // 86_400_000

    @property
    def result(self) -> result_pb2.Result:
        """What the rule reports, to be filled in. Most have nothing to say."""
        if self._result is None:
            self._result = result_pb2.Result()
        return self._result

    def result_bytes(self) -> bytes:
        """Canonical bytes of the result."""
        return b"" if self._result is None else self._result.SerializeToString(deterministic=True)


Read = Callable[[Any], Any]
Fields = Callable[[Any], Refusal | None]
Authorise = Callable[[State, ParsedTransaction], Refusal | None]
Execute = Callable[[Context, str, Any], Refusal | None]
Parties = Callable[[State, str, Any], Sequence[Party] | Refusal]


def _as_it_is(payload: Any) -> Any:
    return payload


class Rule(NamedTuple):
    """One type: `fields(payload)`, `authorise(state, tx)`, `execute(context, author, payload)`."""

    fields: Fields
    authorise: Authorise
    execute: Execute
    read: Read = _as_it_is
    """Of the message, what the three work on: what is looked at again and again is read from it once."""
    cites: bool = False
    """Whether it depends on an earlier transaction, and so costs as much as reading that (B4)."""


def signed_by(parties: Parties) -> Authorise:
    """An `authorise` under which each of `parties(state, author, payload)` must sign (T5)."""

    def authorise(state: State, tx: ParsedTransaction) -> Refusal | None:
        found = parties(state, tx.author, tx.payload)
        if isinstance(found, Refusal):
            author = _check_author(state, tx.author) if found.code > refusals.UNKNOWN_AUTHOR else None
            return author or found
        return check_signers(found, tx.signers)

    return authorise


def is_authors_own(state: State, tx: ParsedTransaction) -> bool:
    """Whether its author signed it, as far as `state` tells (T6): if not, anybody can have made it.

    No rule: who must sign is said by the rules of each type. An author that is not known yet signs nothing.
    """
    author = tx.author
    if "/" in author:
        keys = state.account(author).keys
        if keys is None and ":" in author:
            keys = state.account(limits.organisation_of(author)).keys
    else:
        federation = state.federation(author)
        keys = federation.decision_keys
        if federation.service_key in tx.signers:
            return True
    return keys is not None and len(tx.signers.intersection(keys.public_keys)) >= keys.threshold


def _check_author(state: State, author: str) -> Refusal | None:
    """T5, T7: an author that is not known is said before whatever else was found."""
    if state.account(author).opened_height or state.federation(author).decision_keys is not None:
        return None
    return Refusal(
        refusals.UNKNOWN_AUTHOR,
        "author",
        f"there is no account or federation {author}; check its name, or open it first",
    )


def check_signers(parties: Iterable[Party], signers: frozenset[bytes]) -> Refusal | None:
    """T5: every party satisfied, no signature surplus."""
    needed: set[bytes] = set()
    for name, keys in parties:
        signed = [key for key in keys.public_keys if key in signers]
        if len(signed) < keys.threshold:
            return Refusal(
                refusals.SIGNATURE_MISSING,
                "signatures",
                f"{name} must sign: {keys.threshold} of its {len(keys.public_keys)} keys are needed,"
                f" {len(signed)} signed; have {name} sign the same body and submit again",
            )
        if len(signed) == keys.threshold:
            needed.update(signed)
    if len(needed) != len(signers):
        surplus = min(signers - needed)
        return Refusal(
            refusals.SIGNATURE_SURPLUS,
            "signatures",
            f"the signature of key {surplus.hex()[:16]}… is not needed; leave it out and submit again",
        )
    return None


def account_party(state: State, account: str, field: str) -> Party | Refusal:
    """T6: the keys that sign for an open account: its own, or those of the organisation that holds it."""
    record = state.account(account)
    if refusal := check_open(record.opened_height, record.closed, account, field):
        return refusal
    if record.keys is not None:
        return Party(account, record.keys)
    host = limits.organisation_of(account)
    keys = state.account(host).keys
    if keys is None:
        return Refusal(
            refusals.UNKNOWN_ACCOUNT,
            field,
            f"{account} is held by {host}, which has no account; open it first",
        )
    return Party(f"{host} (which holds {account})", keys)


def account_parties(state: State, accounts: Iterable[tuple[str, str]]) -> list[Party] | Refusal:
    """`account_party` of each (account, field), each account once."""
    parties: list[Party] = []
    seen: set[str] = set()
    for account, field in accounts:
        if account in seen:
            continue
        seen.add(account)
        party = account_party(state, account, field)
        if isinstance(party, Refusal):
            return party
        parties.append(party)
    return parties


def federation_party(state: State, federation: str, field: str, *, service: bool = False) -> Party | Refusal:
    """T6: a federation's decision keys, or its service key."""
    record = state.federation(federation)
    if record.decision_keys is None:
        return Refusal(
            refusals.UNKNOWN_AUTHOR,
            field,
            f"{federation} is not a federation of this network; see `ayni member list`",
        )
    if service:
        return Party(f"{federation} (service key)", KeySet(1, (record.service_key,)))
    return Party(f"{federation} (decision keys)", record.decision_keys)


def check_open(opened_height: int, closed: bool, account: str, field: str) -> Refusal | None:
    """An account exists and is not closed."""
    if not opened_height:
        return Refusal(
            refusals.UNKNOWN_AUTHOR if field == "author" else refusals.UNKNOWN_ACCOUNT,
            field,
            f"there is no account {account}; check its name, or open it first",
        )
    if closed:
        return Refusal(refusals.ACCOUNT_CLOSED, field, f"account {account} is closed; use another")
    return None


def open_account(state: State, account: str, field: str) -> Refusal | None:
    """Refuses unless `account` exists and is open."""
    record = state.account(account)
    return check_open(record.opened_height, record.closed, account, field)
