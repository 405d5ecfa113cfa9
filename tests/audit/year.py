"""A small history in which every type of transaction occurs, some of them against a limit."""

from __future__ import annotations

from typing import Any

from ayni.v1 import entitlements_pb2 as ent
from ayni.v1.genesis_pb2 import PARAMETER_NAME_ADVANCE_BP, PARAMETER_NAME_DEPOSIT_BP
from ledger.rule import ParsedTransaction
from tests.audit.history import (
    DAY_MS,
    HOURS,
    SHARES,
    VALUE_DATE,
    History,
    accredit,
    ceiling,
    hours_class,
    keys_of,
    leg,
    opened,
    shares_class,
)
from tests.vectors.founding import QUOTA_MINOR

CADIAI, ZENIT = "emilia/cadiai", "emilia/zenit"
TOKYO, OSAKA = "japan/tokyo", "japan/osaka"
MARIA, GINO = "emilia/cadiai:maria", "emilia/cadiai:gino"
AIKO, KEN, YUI = "japan/tokyo:aiko", "japan/tokyo:ken", "japan/osaka:yui"
CREDIT_SHARES = "credit@emilia/zenit"
DOCUMENT = b"\x07" * 32


def year() -> History:
    """Blocks that are final directly and through a later one, skipped views, and three closes."""
    history = History()
    _found(history)
    _entitle(history)
    _redeem(history)
    _take_back(history)
    _close(history, 1)
    _after_the_first_close(history)
    _close(history, 2, after_ms=40 * DAY_MS)
    _close(history, 3, after_ms=40 * DAY_MS)
    history.block()
    return history


def _found(history: History) -> None:
    organisations = (CADIAI, ZENIT, TOKYO, OSAKA)
    items = [accredit(name) for name in organisations]
    items += [ceiling(CADIAI, "EUC", 100_000), ceiling(ZENIT, "EUC", 50_000)]
    items += [ceiling(TOKYO, "HRS", 900), ceiling(OSAKA, "HRS", 100_000)]
    items.append({"quota": {"federation": "quebec", "unit": "EUC", "amount_minor": 0}})
    history.block(history.decide(*items))
    for organisation, people in (
        (CADIAI, (GINO, MARIA)),
        (TOKYO, (AIKO, KEN)),
        (OSAKA, (YUI,)),
    ):
        accounts = [opened(person, keys=person != KEN) for person in people]
        history.block(history.tx(organisation, open_accounts={"accounts": accounts}), skip=1, final=False)
    euc = {"unit": "EUC", "credit_limit_minor": 20_000}
    hrs = {"unit": "HRS", "credit_limit_minor": 60}
    at_most = {"has_upper_limit": True, "upper_limit_minor": 10**6}
    emilia = [{"account": name, "limits": [euc]} for name in (CADIAI, MARIA)]
    emilia.append({"account": ZENIT, "limits": [{**euc, **at_most}]})
    japan = [{"account": OSAKA, "limits": [hrs]}, {"account": TOKYO, "limits": [euc, hrs]}]
    history.block(
        history.tx("emilia", set_limits={"accounts": emilia}),
        history.tx("japan", set_limits={"accounts": japan}),
    )


def _entitle(history: History) -> None:
    history.block(
        history.tx(CADIAI, define_class=shares_class()),
        history.tx(
            ZENIT,
            define_class=shares_class(
                class_id=CREDIT_SHARES, given_for=ent.GIVEN_FOR_CREDIT, item_contribution_minor=1_100
            ),
        ),
        history.tx("japan", define_class=hours_class()),
        skip=2,
    )
    issue = {"holder": MARIA, "items": 30, "value_date": VALUE_DATE, "document_hash": DOCUMENT}
    late = {**issue, "holder": GINO, "items": 7, "value_date": VALUE_DATE + 1}
    paid = {"holder": MARIA, "items": 3, "value_date": VALUE_DATE}
    history.block(
        history.tx(CADIAI, MARIA, GINO, issue_entitlements={"class_id": SHARES, "lines": [issue, late]}),
        history.tx(ZENIT, MARIA, issue_entitlements={"class_id": CREDIT_SHARES, "lines": [paid]}),
    )
    lines = [
        {"served_by": AIKO, "recipient": KEN, "amount_minor": 600, "organisation": {}},
        {"served_by": KEN, "recipient": AIKO, "amount_minor": 500, "organisation": {}},
        {
            "served_by": AIKO,
            "recipient": YUI,
            "amount_minor": 60,
            "fee": {"unit": "EUC", "amount_minor": 1_500},
        },
    ]
    history.block(
        history.tx("japan", set_limits={"accounts": [_euc_limit(YUI)]}),
        history.tx(
            TOKYO,
            YUI,
            record_service={
                "class_id": HOURS,
                "lines": [{**line, "value_date": VALUE_DATE} for line in lines],
                "attesters": [YUI],
            },
        ),
    )
    holding = {"issuer": OSAKA, "holder": YUI, "class_id": HOURS, "amount_minor": 300, "value_date": 19_600}
    balance = {"debtor": CADIAI, "creditor": TOKYO, "unit": "EUC", "amount_minor": 900}
    history.block(
        history.tx(
            OSAKA, YUI, CADIAI, TOKYO, opening={"lines": [{"holding": holding}, {"balance": balance}]}
        ),
        history.tx(TOKYO, contribute_to_pool={"payer": TOKYO, "unit": "EUC", "amount_minor": 5_000}),
    )


def _euc_limit(account: str, limit: int = 10_000) -> dict[str, object]:
    return {"account": account, "limits": [{"unit": "EUC", "credit_limit_minor": limit}]}


def _with_upper_limit(account: dict[str, Any]) -> dict[str, Any]:
    """Of nothing: it may only owe."""
    account["limits"][0]["has_upper_limit"] = True
    return account


def _redeem(history: History) -> None:
    def redeem(
        holder: str, provider: str, class_id: str, amount: int, served_by: str = ""
    ) -> ParsedTransaction:
        payload = {
            "holder": holder,
            "provider": provider,
            "class_id": class_id,
            "amount_minor": amount,
            "value_date": VALUE_DATE + 2,
            "served_by": served_by,
        }
        return history.tx(holder, provider, redeem_entitlements=payload)

    history.block(
        redeem(MARIA, ZENIT, SHARES, 24_500),
        redeem(MARIA, CADIAI, SHARES, 1_000),
        redeem(MARIA, CADIAI, CREDIT_SHARES, 500),
        redeem(AIKO, OSAKA, HOURS, 200, served_by=YUI),
    )
    history.block(
        history.tx(
            GINO,
            give_entitlements={"holder": GINO, "receiver": MARIA, "class_id": SHARES, "amount_minor": 2_000},
        ),
        history.tx(MARIA, donate_entitlements={"holder": MARIA, "class_id": SHARES, "amount_minor": 800}),
        history.tx(
            TOKYO,
            YUI,
            record_service={
                "class_id": HOURS,
                "lines": [
                    {
                        "served_by": AIKO,
                        "recipient": YUI,
                        "amount_minor": 90,
                        "value_date": VALUE_DATE + 3,
                        "credits": {"holder": YUI},
                    }
                ],
                "attesters": [YUI],
            },
        ),
        history.tx(TOKYO, MARIA, transfer={"legs": [leg(ZENIT, 700), leg(CADIAI, 50, payer=MARIA)]}),
    )


def _take_back(history: History) -> None:
    """Reverses part of each kind, and one of them twice."""
    log = [entry.tx for final in history.finals for entry in final.entries]
    by_kind = {tx.kind: tx for tx in log}
    issue = next(tx for tx in log if tx.kind == "issue_entitlements" and tx.author == ZENIT)
    cared = next(tx for tx in log if tx.kind == "record_service")
    redeemed = [tx for tx in log if tx.kind == "redeem_entitlements"]

    def back(tx_id: bytes, line: int, amount: int) -> dict[str, object]:
        return {"original_tx_id": tx_id, "lines": [{"line": line, "amount_minor": amount}], "reason": "error"}

    history.block(
        history.tx(ZENIT, reversal=back(by_kind["transfer"].tx_id, 0, 300)),
        history.tx(MARIA, ZENIT, reversal=back(issue.tx_id, 0, 777)),
        history.tx(MARIA, ZENIT, reversal=back(issue.tx_id, 0, 223)),
        history.tx(AIKO, TOKYO, reversal=back(cared.tx_id, 2, 31)),
        history.tx(ZENIT, reversal=back(redeemed[0].tx_id, 0, 1_500)),
        history.tx(OSAKA, YUI, reversal=back(redeemed[3].tx_id, 0, 70)),
        history.tx(AIKO, TOKYO, reversal=back(by_kind["record_service"].tx_id, 0, 40)),
        skip=1,
    )


def _close(history: History, period: int, after_ms: int = DAY_MS) -> None:
    history.time_ms += after_ms
    body = history.body("quebec", close_period={"period": period})
    history.block(history.sign(body, "quebec/service"))


def _after_the_first_close(history: History) -> None:
    height = len(history.blocks)
    used = {
        "holder": MARIA,
        "provider": CADIAI,
        "class_id": CREDIT_SHARES,
        "amount_minor": 400,
        "value_date": VALUE_DATE + 5,
    }
    advance = {"parameter": {"name": PARAMETER_NAME_ADVANCE_BP, "unit": "EUC", "value": 9_000}}
    deposit = {"parameter": {"name": PARAMETER_NAME_DEPOSIT_BP, "unit": "EUC", "value": 500}}
    beyond = {"ceiling": {"organisation": CADIAI, "unit": "EUC", "amount_minor": QUOTA_MINOR - 400_000}}
    history.block(
        history.decide(advance, effective_height=height + 3),
        history.decide(deposit, beyond, effective_height=height + 3),  # void: see the next block
        history.tx(MARIA, CADIAI, redeem_entitlements=used),  # set off against older arrears
        history.tx(
            "emilia", open_accounts={"accounts": [_with_upper_limit(opened("emilia/temporary", 700))]}
        ),
        history.tx(MARIA, rotate_keys={"account": MARIA, "keys": keys_of("emilia/cadiai:maria-2")}),
    )
    unattested = {"served_by": AIKO, "recipient": KEN, "amount_minor": 25, "organisation": {}}
    alone = {"lines": [{**unattested, "value_date": VALUE_DATE + 6}], "attesters": [AIKO]}
    history.block(
        history.tx("emilia", set_limits={"accounts": [_euc_limit(GINO, 10**9)]}),
        history.tx("emilia", close_accounts={"accounts": ["emilia/temporary"]}),
        history.tx(TOKYO, AIKO, record_service={"class_id": HOURS, **alone}),
        history.tx("emilia", suspend_organisation={"organisation": ZENIT, "reason": "audit"}),
        final=False,
    )
    history.block(history.decide({"reinstate": {"organisation": ZENIT}}))
