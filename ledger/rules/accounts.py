"""Accounts: opened, given limits and new keys (A1, A3, A4).

Decides who may open what, and keeps the lists that go with it: a federation's organisations, how many
accounts an organisation hosts, and what of the quota is used. Closing is in `closing.py`, accreditation in
`members.py`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from typing import Final

from ayni.v1 import keys_pb2, members_pb2
from ledger import fields, limits, records, refusals
from ledger.amounts import shown
from ledger.books import check_unit, dues_owed
from ledger.records import AccountRecord, BalanceRecord, KeySet
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_party, federation_party, open_account, signed_by
from ledger.rules.precedence import foremost
from ledger.rules.quotas import change_quota
from ledger.state import State

# --- opening (A1) -------------------------------------------------------------------------------------------


def _open_fields(payload: members_pb2.OpenAccounts) -> Refusal | None:
    path = "open_accounts.accounts"
    return (
        fields.count(payload.accounts, path, limits.ACCOUNTS_MAX)
        or _key_count(payload, path)
        or foremost(
            refusal
            for i, new in enumerate(payload.accounts)
            for refusal in _new_account_fields(new, f"{path}[{i}]")
        )
        or _ascending([new.account for new in payload.accounts], path, ".account")
    )


def _key_count(payload: members_pb2.OpenAccounts, path: str) -> Refusal | None:
    count = sum([len(new.keys.public_keys) for new in payload.accounts])
    if count <= limits.OPENED_KEYS_MAX:
        return None
    return fields.invalid(
        path,
        f"these accounts have {count} keys together; at most {limits.OPENED_KEYS_MAX} are opened at once",
    )


def _new_account_fields(new: members_pb2.NewAccount, path: str) -> Iterator[Refusal | None]:
    yield fields.account(new.account, f"{path}.account")
    if new.HasField("keys"):
        yield fields.key_set(new.keys, f"{path}.keys")
    elif limits.ORGANISATION_NAME.match(new.account):
        yield fields.invalid(
            f"{path}.keys",
            f"{new.account} is an organisation; its account has keys of its own: name them",
        )
    yield fields.digest(new.commitment, f"{path}.commitment")
    yield from _limits_fields(new.limits, path, least=0)


def _account_limits_fields(named: members_pb2.AccountLimits, path: str) -> Iterator[Refusal | None]:
    yield fields.account(named.account, f"{path}.account")
    yield from _limits_fields(named.limits, path, least=1)


def _limits_fields(named: Sequence[members_pb2.Limit], path: str, least: int) -> Iterator[Refusal | None]:
    yield fields.count(named, f"{path}.limits", limits.UNITS_MAX, least)
    for i, limit in enumerate(named):
        at = f"{path}.limits[{i}]"
        yield fields.unit(limit.unit, f"{at}.unit")
        yield fields.amount(limit.credit_limit_minor, f"{at}.credit_limit_minor", least=0)
        yield fields.amount(limit.upper_limit_minor, f"{at}.upper_limit_minor", least=0)
        if limit.upper_limit_minor and not limit.has_upper_limit:
            yield fields.invalid(
                f"{at}.upper_limit_minor",
                "an upper limit needs has_upper_limit; set it, or leave 0",
            )
    yield _ascending([limit.unit for limit in named], f"{path}.limits", ".unit")


def _ascending(values: Sequence[str], path: str, name: str) -> Refusal | None:
    """Strictly ascending by one field of each item."""
    refusal = fields.ascending(values, path)
    return refusal and refusal._replace(field=refusal.field + name)


def _open_parties(state: State, author: str, payload: members_pb2.OpenAccounts) -> Sequence[Party] | Refusal:
    return federation_or_host(
        state, author, [new.account for new in payload.accounts], "open_accounts.accounts[{}].account"
    )


def federation_or_host(
    state: State, author: str, accounts: Sequence[str], field: str
) -> Sequence[Party] | Refusal:
    """The author's party: a federation, for its own accounts; or an organisation, for those it hosts."""
    if limits.FEDERATION_NAME.match(author):
        party = federation_party(state, author, "author")
    elif limits.ORGANISATION_NAME.match(author):
        party = account_party(state, author, "author")
    else:
        return Refusal(
            refusals.NOT_PERMITTED,
            "author",
            f"{author} is neither federation nor organisation; have one do it",
        )
    if isinstance(party, Refusal):
        return party
    start = author + ("/" if "/" not in author else ":")
    for i, account in enumerate(accounts):
        if not account.startswith(start):
            return Refusal(
                refusals.NOT_PERMITTED,
                field.format(i),
                f"{account} is not {author}'s, as {start}… would be; have its federation or host do it",
            )
    return [party]


def _open(context: Context, author: str, payload: members_pb2.OpenAccounts) -> Refusal | None:
    state = context.state
    federation_keys = keys_of_federations(state)
    opened: set[str] = set()
    if refusal := foremost(
        refusal
        for i, new in enumerate(payload.accounts)
        for refusal in _may_open(state, author, new, f"open_accounts.accounts[{i}]", opened, federation_keys)
    ):
        return refusal
    for i, new in enumerate(payload.accounts):
        at = f"open_accounts.accounts[{i}]"
        if ":" not in new.account and (refusal := room_for_organisation(state, new.account, f"{at}.account")):
            return refusal
        create_account(
            state, context.height, new.account, new.keys if new.HasField("keys") else None, new.commitment
        )
        if refusal := _put_limits(state, new.account, new.limits, at):
            return refusal
    return None


def _may_open(
    state: State,
    author: str,
    new: members_pb2.NewAccount,
    path: str,
    opened: set[str],
    federation_keys: dict[bytes, str],
) -> Iterator[Refusal | None]:
    """A1. `opened`: the accounts before this one in the same transaction; this one is added."""
    account = new.account
    host = limits.organisation_of(account)
    if host != account and host not in opened:
        yield open_account(state, host, f"{path}.account")
    for i, limit in enumerate(new.limits):
        yield check_unit(state, limit.unit, f"{path}.limits[{i}].unit")
    if new.limits and "/" in author:
        yield Refusal(
            refusals.NOT_PERMITTED,
            f"{path}.limits",
            f"{author} opens accounts without limits; its federation sets them",
        )
    if new.HasField("keys"):
        yield not_of_a_federation(federation_keys, new.keys, f"{path}.keys")
    if state.account(account).opened_height:
        yield Refusal(
            refusals.ACCOUNT_EXISTS, f"{path}.account", f"{account} exists, or once did; choose another name"
        )
    if "/" in author and state.organisation(author).suspended:
        yield Refusal(
            refusals.SUSPENDED,
            "author",
            f"{author} is suspended and opens no accounts; its federation can",
        )
    opened.add(account)


def room_for_organisation(state: State, organisation: str, field: str) -> Refusal | None:
    """A1: a federation has at most ORGANISATIONS_MAX organisations open."""
    federation = limits.federation_of(organisation)
    if len(state.federation(federation).organisations) < limits.ORGANISATIONS_MAX:
        return None
    return Refusal(
        refusals.NOT_PERMITTED,
        field,
        f"{federation} has {limits.ORGANISATIONS_MAX} organisations already, the most allowed;"
        " close one first",
    )


def create_account(
    state: State, height: int, account: str, keys: keys_pb2.KeySet | None, commitment: bytes = b""
) -> None:
    """Writes a new account, and counts it with its federation or its host. Its bounds were checked."""
    record = AccountRecord(key_set_record(keys) if keys is not None else None, commitment, height)
    state.put(records.account_key(account), record)
    host = limits.organisation_of(account)
    if host != account:
        count_hosted(state, host, 1)
        return
    federation = limits.federation_of(account)
    members = state.federation(federation)
    organisations = list(members.organisations)
    insort(organisations, account)
    state.put(records.federation_key(federation), members._replace(organisations=tuple(organisations)))


def key_set_record(keys: keys_pb2.KeySet) -> KeySet:
    """The record of a key set."""
    return KeySet(keys.threshold, tuple(keys.public_keys))


def keys_of_federations(state: State) -> dict[bytes, str]:
    """Every key of a federation, and whose it is."""
    found: dict[bytes, str] = {}
    for name in state.federation_names():
        record = state.federation(name)
        decision = record.decision_keys.public_keys if record.decision_keys else ()
        found.update(dict.fromkeys((*decision, record.consensus_key, record.service_key), name))
    return found


def not_of_a_federation(
    federation_keys: dict[bytes, str], keys: keys_pb2.KeySet, path: str
) -> Refusal | None:
    """A1: no account has a key of a federation, so that one stolen key does not do for both."""
    for i, key in enumerate(keys.public_keys):
        if key in federation_keys:
            return Refusal(
                refusals.KEY_UNSAFE,
                f"{path}.public_keys[{i}]",
                f"the key {key.hex()[:16]}… is a key of federation {federation_keys[key]}; make a"
                " new one with `ayni keys new`",
            )
    return None


def count_hosted(state: State, host: str, difference: int) -> None:
    """Counts accounts opened, or closed, into those that an organisation hosts."""
    record = state.organisation(host)
    state.put(
        records.organisation_key(host), record._replace(hosted_accounts=record.hosted_accounts + difference)
    )


def _put_limits(state: State, account: str, named: Sequence[members_pb2.Limit], path: str) -> Refusal | None:
    """A3, M7."""
    for i, limit in enumerate(named):
        key = records.balance_key(account, limit.unit)
        before = state.get(BalanceRecord, key)
        # Else the quota would be free again for others while the account still owes what it was granted, and
        # a federation could keep its own organisation from paying at the next close (S4).
        owes = dues_owed(state, account, limit.unit) - before.balance
        least = min(owes, before.credit_limit)
        if limit.credit_limit_minor < least:
            return Refusal(
                refusals.LIMIT_EXCEEDED,
                f"{path}.limits[{i}].credit_limit_minor",
                f"{account} owes {shown(state, owes, limit.unit)} of its credit limit of"
                f" {shown(state, before.credit_limit, limit.unit)}, which cannot be below what is used; set"
                f" {shown(state, least, limit.unit)}, and lower it again as that is paid back",
            )
        if refusal := change_quota(
            state,
            limits.federation_of(account),
            limit.unit,
            limit.credit_limit_minor - before.credit_limit,
            f"{path}.limits[{i}].credit_limit_minor",
        ):
            return refusal
        state.put(
            key,
            BalanceRecord(
                before.balance, limit.credit_limit_minor, limit.has_upper_limit, limit.upper_limit_minor
            ),
        )
    return None


# --- limits (A3) --------------------------------------------------------------------------------------------


def _set_fields(payload: members_pb2.SetLimits) -> Refusal | None:
    path = "set_limits.accounts"
    return (
        fields.count(payload.accounts, path, limits.ACCOUNTS_MAX)
        or foremost(
            refusal
            for i, named in enumerate(payload.accounts)
            for refusal in _account_limits_fields(named, f"{path}[{i}]")
        )
        or _ascending([named.account for named in payload.accounts], path, ".account")
    )


def _set_parties(state: State, author: str, payload: members_pb2.SetLimits) -> Sequence[Party] | Refusal:
    if "/" in author:
        return Refusal(
            refusals.NOT_PERMITTED,
            "author",
            f"{author} is no federation; the account's federation sets limits",
        )
    return federation_or_host(
        state, author, [named.account for named in payload.accounts], "set_limits.accounts[{}].account"
    )


def _set(context: Context, author: str, payload: members_pb2.SetLimits) -> Refusal | None:
    state = context.state
    path = "set_limits.accounts"
    if refusal := foremost(
        refusal
        for i, named in enumerate(payload.accounts)
        for refusal in (
            open_account(state, named.account, f"{path}[{i}].account"),
            *[
                check_unit(state, limit.unit, f"{path}[{i}].limits[{j}].unit")
                for j, limit in enumerate(named.limits)
            ],
        )
    ):
        return refusal
    for i, named in enumerate(payload.accounts):
        if refusal := _put_limits(state, named.account, named.limits, f"{path}[{i}]"):
            return refusal
    return None


# --- keys (A4) ----------------------------------------------------------------------------------------------


def _rotate_fields(payload: members_pb2.RotateKeys) -> Refusal | None:
    return fields.account(payload.account, "rotate_keys.account") or fields.key_set(
        payload.keys, "rotate_keys.keys"
    )


def _rotate_parties(state: State, author: str, payload: members_pb2.RotateKeys) -> Sequence[Party] | Refusal:
    """The keys in force; the author is the account, or the organisation that holds it."""
    account = payload.account
    party = account_party(state, account, "rotate_keys.account")
    if isinstance(party, Refusal):
        return party
    holder = limits.organisation_of(account) if state.account(account).keys is None else account
    if author not in (account, holder):
        return Refusal(
            refusals.NOT_PERMITTED, "author", f"{author} cannot change the keys of {account}; {holder} can"
        )
    return [party]


def _rotate(context: Context, author: str, payload: members_pb2.RotateKeys) -> Refusal | None:
    state = context.state
    if refusal := not_of_a_federation(keys_of_federations(state), payload.keys, "rotate_keys.keys"):
        return refusal
    key = records.account_key(payload.account)
    state.put(key, state.get(AccountRecord, key)._replace(keys=key_set_record(payload.keys)))
    return None


OPEN: Final[Rule] = Rule(_open_fields, signed_by(_open_parties), _open)
"""`open_accounts`."""

SET_LIMITS: Final[Rule] = Rule(_set_fields, signed_by(_set_parties), _set)
"""`set_limits`."""

ROTATE_KEYS: Final[Rule] = Rule(_rotate_fields, signed_by(_rotate_parties), _rotate)
"""`rotate_keys`."""
