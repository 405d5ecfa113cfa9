"""The second recomputation: every balance of the three books, and every bound, from the transactions alone.

Written plainly from the rules of docs/protocol.md, over dictionaries, without signatures or refusals: what
is applied here was accepted, and no bound is enforced. It shares no code with `ledger/`, so that one bug
cannot pass twice; where a rule leaves the figures to a function there (which lots are used, what is
deposited, how a period settles), it is worked out here again and compared with the result in the log.
recomputed.py compares what comes out with the state's records.

Three things are asked of outside: an earlier transaction that a reversal cites, whether a decision that was
due at this height took effect or was void (whether it was right to be void is a rule, not a balance), and
whose turn it was when a close let only a part expire.

The books are in naive_books.py; entitlements in naive_entitlements.py, reversals in naive_reversals.py, the
close of a period in naive_close.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.naive_books import POOL, Fault, NaiveBooks
from audit.naive_close import close_period
from audit.naive_entitlements import donate, give, issue, open_balances, record_service, redeem
from audit.naive_reversals import reverse
from ayni.v1 import credit_pb2, members_pb2, result_pb2, state_pb2, transaction_pb2


def begin_block(books: NaiveBooks, height: int, time_ms: int) -> None:
    """M3: decisions due at this height take effect before its transactions."""
    books.time_ms = time_ms
    for tx_id, decision in books.due_decisions.pop(height, []):
        record = books.sources.get(b"g|" + tx_id.hex().encode())
        status = state_pb2.PendingDecisionRecord.FromString(record or b"").status
        if status == state_pb2.DECISION_STATUS_EFFECTIVE:
            _decide(books, decision)


def apply(
    books: NaiveBooks, log_index: int, tx_id: bytes, body: transaction_pb2.Body, result: bytes
) -> tuple[str, str] | None:
    """Apply one transaction of the log; return (field, message) of what differs from its result."""
    if body.HasField("transfer"):  # nearly all are
        _transfer(books, body.author, body.transfer)
        return _difference(result_pb2.Result(), result) if result else None
    try:
        ours = _apply(books, log_index, tx_id, body, result)
    except Fault as fault:
        return fault.field, fault.message
    books.end_transaction()
    return _difference(ours, result)


def _apply(
    books: NaiveBooks, log_index: int, tx_id: bytes, body: transaction_pb2.Body, result: bytes
) -> result_pb2.Result:
    """Apply any other type; return what its result should be. `result`: what the log says it is."""
    ours = result_pb2.Result()
    author = body.author
    match body.WhichOneof("payload"):
        case "decision":
            _decision(books, tx_id, body.decision)
        case "open_accounts":
            for new in body.open_accounts.accounts:
                _set_limits(books, new.account, new.limits)
        case "set_limits":
            for account in body.set_limits.accounts:
                _set_limits(books, account.account, account.limits)
        case "close_accounts":
            _close_accounts(books, body.close_accounts.accounts)
        case "define_class":
            books.classes[body.define_class.class_id] = body.define_class
        case "issue_entitlements":
            issue(books, author, body.issue_entitlements, log_index, ours)
        case "give_entitlements":
            give(books, body.give_entitlements, ours)
        case "donate_entitlements":
            donate(books, body.donate_entitlements, ours)
        case "redeem_entitlements":
            redeem(books, body.redeem_entitlements, log_index, ours)
        case "record_service":
            record_service(books, author, body.record_service, log_index, ours)
        case "opening":
            open_balances(books, body.opening, log_index)
        case "reversal":
            reverse(books, body.reversal, ours)
        case "contribute_to_pool":
            paid = body.contribute_to_pool
            books.pay(paid.payer, POOL, paid.unit, paid.amount_minor)
        case "close_period":
            close_period(books, result_pb2.Result.FromString(result), ours)
        case "suspend_organisation" | "rotate_keys":
            pass  # No balance moves, and no bound of one.
        case unknown:
            raise Fault("payload", f"the second recomputation does not know {unknown}")
    return ours


def _transfer(books: NaiveBooks, author: str, transfer: credit_pb2.Transfer) -> None:
    credit = books.credit
    for leg in transfer.legs[:]:  # a plain list: iterating over protobuf's own costs twice as much
        unit, amount = leg.unit, leg.amount_minor
        credit[leg.payer or author, unit] -= amount
        credit[leg.payee, unit] += amount


def _set_limits(books: NaiveBooks, account: str, limits: Iterable[members_pb2.Limit]) -> None:
    """A1, A3: the limits named replace those before."""
    for limit in limits:
        books.grant(books.credit_limits, account, limit.unit, limit.credit_limit_minor)
        books.upper_limits.pop((account, limit.unit), None)
        if limit.has_upper_limit:
            books.upper_limits[account, limit.unit] = limit.upper_limit_minor


def _close_accounts(books: NaiveBooks, accounts: Iterable[str]) -> None:
    """A2: limits and ceilings return to the quota; nothing of the account is left."""
    for account in accounts:
        for unit in books.units:
            books.grant(books.credit_limits, account, unit, 0)
            books.grant(books.ceilings, account, unit, 0)
            books.upper_limits.pop((account, unit), None)
            books.unattested.pop((account, unit), None)


def _decision(books: NaiveBooks, tx_id: bytes, decision: members_pb2.Decision) -> None:
    if decision.effective_height:
        books.due_decisions[decision.effective_height].append((tx_id, decision))
    else:
        _decide(books, decision)


def _decide(books: NaiveBooks, decision: members_pb2.Decision) -> None:
    """Parameters, quotas and ceilings; the other items move no balance, and no bound of one."""
    for item in decision.items:
        match item.WhichOneof("item"):
            case "parameter":
                books.parameters[item.parameter.name, item.parameter.unit] = item.parameter.value
            case "quota":
                books.quotas[item.quota.federation, item.quota.unit] = item.quota.amount_minor
            case "ceiling":
                ceiling = item.ceiling
                books.grant(books.ceilings, ceiling.organisation, ceiling.unit, ceiling.amount_minor)


def _difference(ours: result_pb2.Result, logged: bytes) -> tuple[str, str] | None:
    """Return the first field in which the logged result is not ours."""
    if ours.SerializeToString(deterministic=True) == logged:
        return None
    theirs = result_pb2.Result.FromString(logged)
    for field in ours.DESCRIPTOR.fields:
        mine, stated = getattr(ours, field.name), getattr(theirs, field.name)
        if mine != stated:
            return f"result.{field.name}", f"the log says {_shown(stated)}; recomputed it is {_shown(mine)}"
    return "result", "its bytes are not those of the recomputed result"


def _shown(value: object) -> str:
    return " ".join(str(value).split()) or "nothing"
