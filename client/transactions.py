"""Builders of every transaction type of the contract.

Each puts lists in canonical order, checks bounds at the edge (an error names the field) and returns a
`Draft`. Pure: nonce and expiry come in as a `Stamp`; never asks a node. Spec: docs/protocol.md.

    draft = transfer("emilia/cadiai", [leg("lazio/coop", "EUC", 1250, value_date=20_000)], new_stamp())
    raw = sign(draft, [key], genesis_hash)          # SignedTransaction bytes, ready to send
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ayni.v1 import credit_pb2, entitlements_pb2, keys_pb2, members_pb2, pool_pb2
from client.drafts import (
    Draft,
    check_amount,
    check_count,
    check_hash,
    check_text,
    draft_of,
    sign,
    signers_of,
    with_signatures,
)
from client.errors import UsageProblem
from client.stamps import Stamp, import_nonce, new_stamp
from ledger import limits

__all__ = [
    "Draft",
    "Stamp",
    "close_accounts",
    "close_period",
    "contribute_to_pool",
    "decision",
    "define_class",
    "donate",
    "draft_of",
    "give",
    "import_nonce",
    "issue",
    "key_set",
    "leg",
    "new_stamp",
    "open_accounts",
    "opening",
    "record_service",
    "redeem",
    "reversal",
    "rotate_keys",
    "set_limits",
    "sign",
    "signers_of",
    "suspend_organisation",
    "transfer",
    "with_signatures",
]

# Members and accounts (rules M, A) ------------------------------------------------------------------


def key_set(public_keys: Iterable[bytes], threshold: int = 0) -> keys_pb2.KeySet:
    """A k-of-n key set in canonical order; `threshold` 0 means all."""
    ordered = sorted(set(public_keys))
    if not 1 <= len(ordered) <= limits.KEYS_MAX or not 0 <= threshold <= len(ordered):
        raise UsageProblem(
            f"{threshold or len(ordered)} of {len(ordered)} keys is no key set.",
            f"There are 1 to {limits.KEYS_MAX} keys, and the threshold is not above their number.",
            "Name the keys, and how many of them must sign.",
        )
    return keys_pb2.KeySet(threshold=threshold or len(ordered), public_keys=ordered)


def decision(
    author: str, items: Sequence[members_pb2.DecisionItem], stamp: Stamp, *, effective_height: int = 0
) -> Draft:
    """What a quorum of federations decides (M2); the author is the first of those that sign."""
    check_count("decision.items", items, limits.DECISION_ITEMS_MAX)
    return draft_of(author, members_pb2.Decision(effective_height=effective_height, items=items), stamp)


def suspend_organisation(author: str, organisation: str, reason: str, stamp: Stamp) -> Draft:
    """A federation suspends its own organisation (M9)."""
    check_text("suspend_organisation.reason", reason, limits.REASON_BYTES_MAX)
    return draft_of(author, members_pb2.SuspendOrganisation(organisation=organisation, reason=reason), stamp)


def open_accounts(author: str, accounts: Sequence[members_pb2.NewAccount], stamp: Stamp) -> Draft:
    """Opens accounts, put in ascending order (A1)."""
    check_count("open_accounts.accounts", accounts, limits.ACCOUNTS_MAX)
    ordered = sorted(accounts, key=lambda one: one.account)
    return draft_of(author, members_pb2.OpenAccounts(accounts=ordered), stamp)


def close_accounts(author: str, accounts: Iterable[str], stamp: Stamp) -> Draft:
    """Closes empty accounts (A2)."""
    ordered = sorted(set(accounts))
    check_count("close_accounts.accounts", ordered, limits.ACCOUNTS_MAX)
    return draft_of(author, members_pb2.CloseAccounts(accounts=ordered), stamp)


def set_limits(author: str, accounts: Sequence[members_pb2.AccountLimits], stamp: Stamp) -> Draft:
    """Sets credit and upper limits (A3); accounts and units are put in ascending order."""
    check_count("set_limits.accounts", accounts, limits.ACCOUNTS_MAX)
    ordered = [
        members_pb2.AccountLimits(account=one.account, limits=_by_unit(one.limits))
        for one in sorted(accounts, key=lambda one: one.account)
    ]
    return draft_of(author, members_pb2.SetLimits(accounts=ordered), stamp)


def rotate_keys(account: str, keys: keys_pb2.KeySet, stamp: Stamp) -> Draft:
    """Replaces an account's keys whole, signed by those in force (A4)."""
    return draft_of(account, members_pb2.RotateKeys(account=account, keys=keys), stamp)


# Credit (rules F, R) --------------------------------------------------------------------------------


def leg(
    payee: str,
    unit: str,
    amount_minor: int,
    *,
    value_date: int,
    payer: str = "",
    reference: str = "",
    document_hash: bytes = b"",
) -> credit_pb2.Leg:
    """One leg of a transfer; without `payer` the author pays."""
    check_amount("transfer.legs.amount_minor", amount_minor)
    check_text("transfer.legs.reference", reference, limits.REFERENCE_BYTES_MAX)
    check_hash("transfer.legs.document_hash", document_hash)
    return credit_pb2.Leg(
        payer=payer,
        payee=payee,
        unit=unit,
        amount_minor=amount_minor,
        value_date=value_date,
        reference=reference,
        document_hash=document_hash,
    )


def transfer(author: str, legs: Sequence[credit_pb2.Leg], stamp: Stamp) -> Draft:
    """Credit from payers to payees, all legs or none (F1). A leg paid by the author names no payer. Raises
    UsageProblem when somebody would pay itself."""
    check_count("transfer.legs", legs, limits.LEGS_MAX)
    payload = credit_pb2.Transfer(legs=legs)
    for one in payload.legs:
        if one.payer == author:
            one.payer = ""
        if one.payee == (one.payer or author):
            raise UsageProblem(
                f"{one.payee} would pay itself.",
                "A payment is between two accounts; no node takes this one.",
                "Name another payee.",
            )
    return draft_of(author, payload, stamp)


def reversal(
    author: str,
    original_tx_id: bytes,
    lines: Sequence[credit_pb2.ReversalLine],
    reason: str,
    losers: Iterable[str],
    stamp: Stamp,
) -> Draft:
    """Takes back an earlier transaction, whole or part (R1). `losers` sign: who loses by it."""
    check_count("reversal.lines", lines, limits.LINES_MAX)
    check_text("reversal.reason", reason, limits.REFERENCE_BYTES_MAX)
    ordered = sorted(lines, key=lambda line: line.line)
    payload = credit_pb2.Reversal(original_tx_id=original_tx_id, lines=ordered, reason=reason)
    return draft_of(author, payload, stamp, losers)


# Entitlements (rules E, H) --------------------------------------------------------------------------


def define_class(author: str, definition: entitlements_pb2.DefineClass, stamp: Stamp) -> Draft:
    """Defines a class of entitlements (E1); categories are put in ascending order."""
    payload = entitlements_pb2.DefineClass()
    payload.CopyFrom(definition)
    payload.categories[:] = sorted(set(definition.categories))
    check_count("define_class.categories", payload.categories, limits.CATEGORIES_MAX, least=0)
    return draft_of(author, payload, stamp)


def issue(author: str, class_id: str, lines: Sequence[entitlements_pb2.IssueLine], stamp: Stamp) -> Draft:
    """An issuer issues shares; it and each holder sign (E2)."""
    check_count("issue_entitlements.lines", lines, limits.ISSUE_LINES_MAX)
    return draft_of(author, entitlements_pb2.IssueEntitlements(class_id=class_id, lines=lines), stamp)


def record_service(
    author: str,
    class_id: str,
    lines: Sequence[entitlements_pb2.ServiceLine],
    stamp: Stamp,
    attesters: Iterable[str] = (),
) -> Draft:
    """A host records care that was given (H1); whoever attests, pays a fee or redeems signs too."""
    check_count("record_service.lines", lines, limits.LINES_MAX)
    ordered = sorted(set(attesters))
    check_count("record_service.attesters", ordered, limits.ATTESTERS_MAX, least=0)
    payload = entitlements_pb2.RecordService(class_id=class_id, lines=lines, attesters=ordered)
    return draft_of(author, payload, stamp)


def give(
    holder: str, receiver: str, class_id: str, amount_minor: int, stamp: Stamp, *, reference: str = ""
) -> Draft:
    """A holder gives entitlements to another (E4)."""
    check_amount("give_entitlements.amount_minor", amount_minor)
    check_text("give_entitlements.reference", reference, limits.REFERENCE_BYTES_MAX)
    payload = entitlements_pb2.GiveEntitlements(
        holder=holder, receiver=receiver, class_id=class_id, amount_minor=amount_minor, reference=reference
    )
    return draft_of(holder, payload, stamp)


def donate(holder: str, class_id: str, amount_minor: int, stamp: Stamp, *, reference: str = "") -> Draft:
    """A holder gives entitlements to the collective pool (E4)."""
    check_amount("donate_entitlements.amount_minor", amount_minor)
    check_text("donate_entitlements.reference", reference, limits.REFERENCE_BYTES_MAX)
    payload = entitlements_pb2.DonateEntitlements(
        holder=holder, class_id=class_id, amount_minor=amount_minor, reference=reference
    )
    return draft_of(holder, payload, stamp)


def redeem(
    author: str,
    holder: str,
    provider: str,
    class_id: str,
    amount_minor: int,
    stamp: Stamp,
    *,
    value_date: int,
    category: str = "",
    reference: str = "",
    served_by: str = "",
) -> Draft:
    """A holder uses entitlements at a provider; both sign (E5). Hours name who served (E6)."""
    check_amount("redeem_entitlements.amount_minor", amount_minor)
    check_text("redeem_entitlements.category", category, limits.CATEGORY_BYTES_MAX)
    check_text("redeem_entitlements.reference", reference, limits.REFERENCE_BYTES_MAX)
    payload = entitlements_pb2.RedeemEntitlements(
        holder=holder,
        provider=provider,
        class_id=class_id,
        amount_minor=amount_minor,
        value_date=value_date,
        category=category,
        reference=reference,
        served_by=served_by,
    )
    return draft_of(author, payload, stamp)


# Pool (rules P, S) ----------------------------------------------------------------------------------


def contribute_to_pool(
    payer: str, unit: str, amount_minor: int, stamp: Stamp, *, reference: str = ""
) -> Draft:
    """Common capital from an account's credit (P1)."""
    check_amount("contribute_to_pool.amount_minor", amount_minor)
    check_text("contribute_to_pool.reference", reference, limits.REFERENCE_BYTES_MAX)
    payload = pool_pb2.ContributeToPool(
        payer=payer, unit=unit, amount_minor=amount_minor, reference=reference
    )
    return draft_of(payer, payload, stamp)


def close_period(federation: str, period: int, stamp: Stamp) -> Draft:
    """Closes the open period; signed by the federation's service key (S1)."""
    return draft_of(federation, pool_pb2.ClosePeriod(period=period), stamp)


def opening(author: str, lines: Sequence[pool_pb2.OpeningLine], stamp: Stamp) -> Draft:
    """Balances and holdings of an older system; every account named signs (P2)."""
    check_count("opening.lines", lines, limits.LINES_MAX)
    return draft_of(author, pool_pb2.Opening(lines=lines), stamp)


def _by_unit(values: Iterable[members_pb2.Limit]) -> list[members_pb2.Limit]:
    return sorted(values, key=lambda limit: limit.unit)
