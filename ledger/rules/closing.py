"""Accounts closed (A2).

Decides when an account is empty, and gives back what it was granted: limits and ceilings to the quota, its
place among those of its host or federation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from ayni.v1 import members_pb2
from ledger import fields, limits, records, refusals
from ledger.amounts import shown
from ledger.books import dues_total
from ledger.records import AccountRecord, BalanceRecord, OrganisationRecord, OrganisationUnitRecord
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, open_account, signed_by
from ledger.rules.accounts import count_hosted, federation_or_host
from ledger.rules.precedence import foremost
from ledger.rules.quotas import change_quota
from ledger.state import State


def _close_fields(payload: members_pb2.CloseAccounts) -> Refusal | None:
    path = "close_accounts.accounts"
    return (
        fields.count(payload.accounts, path, limits.ACCOUNTS_MAX)
        or foremost(fields.account(account, f"{path}[{i}]") for i, account in enumerate(payload.accounts))
        or fields.ascending(payload.accounts, path)
    )


def _close_parties(
    state: State, author: str, payload: members_pb2.CloseAccounts
) -> Sequence[Party] | Refusal:
    return federation_or_host(state, author, payload.accounts, "close_accounts.accounts[{}]")


def _close(context: Context, author: str, payload: members_pb2.CloseAccounts) -> Refusal | None:
    state = context.state
    accounts = payload.accounts
    closing = Counter([limits.organisation_of(account) for account in accounts if ":" in account])
    if refusal := foremost(
        open_account(state, account, f"close_accounts.accounts[{i}]")
        or _empty(state, account, f"close_accounts.accounts[{i}]", closing[account])
        for i, account in enumerate(accounts)
    ):
        return refusal
    for account in accounts:
        _return_quota(state, account)
        key = records.account_key(account)
        state.put(key, state.get(AccountRecord, key)._replace(closed=True))
    for host, number in closing.items():
        count_hosted(state, host, -number)
    for account in accounts:
        if ":" not in account:
            _forget_organisation(state, account)
    return None


def _empty(state: State, account: str, field: str, closing: int) -> Refusal | None:
    """A2: why an account is not empty. `closing`: how many of what it hosts closes with it."""
    held = state.account(account).held_classes
    suspended = ":" not in account and state.organisation(account).suspended  # M9
    reinstate = "; it is suspended, and can do so once a decision reinstates it" if suspended else ""
    if held:
        return _not_empty(
            field,
            account,
            f"holds entitlements of {held[0]}",
            f"give, donate or redeem them first; what is expired leaves it at the next settlement{reinstate}",
        )
    for unit in state.unit_codes():
        if balance := state.balance(account, unit).balance:
            return _not_empty(
                field,
                account,
                f"has a balance of {shown(state, balance, unit)}",
                f"bring it to 0 first{reinstate if balance > 0 else ''}",
            )
    if ":" in account:
        return None
    hosted = state.organisation(account).hosted_accounts - closing
    if hosted:
        return _not_empty(field, account, f"hosts {hosted} open accounts", "close them first, or with it")
    for unit in state.unit_codes():
        record = state.organisation_unit(account, unit)
        if record.dues:
            return _not_empty(
                field,
                account,
                f"has dues of {shown(state, dues_total(record.dues), unit)}",
                "wait for a settlement",
            )
        if record.outstanding:
            return _not_empty(
                field,
                account,
                f"has entitlements outstanding worth {shown(state, record.outstanding, unit)}",
                "they must be redeemed or cancelled first; what the pool holds of them (donated, expired)"
                " cannot be",
            )
        if record.deposit:
            return _not_empty(
                field,
                account,
                f"has a deposit of {shown(state, record.deposit, unit)}",
                "a settlement releases it",
            )
        if record.contributions or record.served:
            return _not_empty(
                field,
                account,
                f"issued {shown(state, record.contributions, unit)} and served"
                f" {shown(state, record.served, unit)} in this period",
                "the next settlement publishes it",
            )
    return None


def _not_empty(field: str, account: str, fact: str, remedy: str) -> Refusal:
    return Refusal(refusals.ACCOUNT_NOT_EMPTY, field, f"{account} {fact}; {remedy}")


def _return_quota(state: State, account: str) -> None:
    """A2: its limits and ceilings are no longer granted; an upper limit goes with them."""
    federation = limits.federation_of(account)
    for unit in state.unit_codes():
        key = records.balance_key(account, unit)
        balance = state.get(BalanceRecord, key)
        if balance.credit_limit or balance.has_upper_limit:
            change_quota(state, federation, unit, -balance.credit_limit, "")
            state.put(key, BalanceRecord())
        if ":" not in account:
            unit_key = records.organisation_unit_key(account, unit)
            change_quota(state, federation, unit, -state.get(OrganisationUnitRecord, unit_key).ceiling, "")
            state.put(unit_key, OrganisationUnitRecord())


def _forget_organisation(state: State, organisation: str) -> None:
    federation = limits.federation_of(organisation)
    members = state.federation(federation)
    remaining = tuple([name for name in members.organisations if name != organisation])
    state.put(records.federation_key(federation), members._replace(organisations=remaining))
    state.put(records.organisation_key(organisation), OrganisationRecord())


CLOSE: Final[Rule] = Rule(_close_fields, signed_by(_close_parties), _close)
"""`close_accounts`."""
