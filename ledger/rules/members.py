"""Decisions by a quorum of federations, and the suspension of an organisation by its own (M2 … M9).

Decides who must sign a decision, what each of its items does, and when: in the block that includes it, or
at the start of a later one, which calls `apply_due_decisions`. Limits within a quota are in `accounts.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ayni.v1 import genesis_pb2, members_pb2, state_pb2
from ledger import fields, limits, records, refusals
from ledger.books import check_unit
from ledger.records import (
    DueDecisionsRecord,
    OrganisationUnitRecord,
    ParameterRecord,
    PendingDecisionRecord,
    QuotaRecord,
)
from ledger.refusals import Refusal
from ledger.rule import Context, ParsedTransaction, Party, Rule, federation_party, open_account, signed_by
from ledger.rules.accounts import (
    create_account,
    keys_of_federations,
    not_of_a_federation,
    room_for_organisation,
)
from ledger.rules.precedence import foremost
from ledger.rules.quotas import change_quota
from ledger.state import State
from proofs.membership import quorum

_NETWORK_WIDE: Final = frozenset({genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS})

# --- bounds (T1) --------------------------------------------------------------------------------------------


def _decision_fields(decision: members_pb2.Decision) -> Refusal | None:
    if decision.effective_height > limits.TIME_MAX_MS:
        return fields.invalid(
            "decision.effective_height",
            f"the height is {decision.effective_height}; it must be from 0 to {limits.TIME_MAX_MS}",
        )
    return fields.count(decision.items, "decision.items", limits.DECISION_ITEMS_MAX) or foremost(
        refusal
        for i, item in enumerate(decision.items)
        for refusal in _item_fields(item, f"decision.items[{i}]")
    )


def _item_fields(item: members_pb2.DecisionItem, path: str) -> Iterator[Refusal | None]:
    kind = item.WhichOneof("item")
    if kind is None:
        yield fields.invalid(path, "the item says nothing; give it a content or leave it out")
        return
    content: Any = getattr(item, kind)
    path = f"{path}.{kind}"
    if kind in ("accredit", "reinstate", "ceiling"):
        yield fields.organisation(content.organisation, f"{path}.organisation")
    if kind == "accredit":
        yield from _accredit_fields(content, path)
    elif kind == "quota":
        yield fields.federation(content.federation, f"{path}.federation")
    elif kind == "parameter":
        yield _parameter_fields(content, path)
    if kind in ("quota", "ceiling"):
        yield fields.unit(content.unit, f"{path}.unit")
        yield fields.amount(content.amount_minor, f"{path}.amount_minor", least=0)


def _accredit_fields(accredit: members_pb2.Accredit, path: str) -> Iterator[Refusal | None]:
    if accredit.HasField("keys"):
        yield fields.key_set(accredit.keys, f"{path}.keys")
    yield fields.digest(accredit.charter_hash, f"{path}.charter_hash", optional=False)
    if accredit.valid_until_ms > limits.TIME_MAX_MS:
        yield fields.invalid(
            f"{path}.valid_until_ms",
            f"the time is {accredit.valid_until_ms}; it must be Unix ms up to {limits.TIME_MAX_MS}, or 0",
        )


def _parameter_fields(parameter: genesis_pb2.Parameter, path: str) -> Refusal | None:
    """M8: the bounds of a parameter's name, unit and value."""
    bounds = limits.PARAMETER_BOUNDS.get(parameter.name)
    if bounds is None:
        return fields.invalid(
            f"{path}.name",
            f"there is no parameter {parameter.name}; use 1 to {len(limits.PARAMETER_BOUNDS)}",
        )
    if parameter.name in _NETWORK_WIDE:
        if parameter.unit:
            return fields.invalid(f"{path}.unit", "this parameter is network-wide; leave the unit empty")
    elif refusal := fields.unit(parameter.unit, f"{path}.unit"):
        return refusal
    _, least, most = bounds
    if not least <= parameter.value <= most:
        return fields.invalid(f"{path}.value", f"it is {parameter.value}; it must be from {least} to {most}")
    return None


# --- who signs (M2) -----------------------------------------------------------------------------------------


def _decision_authorise(state: State, tx: ParsedTransaction) -> Refusal | None:
    author = tx.author
    party = federation_party(state, author, "author")
    if isinstance(party, Refusal):
        return party
    names = state.federation_names()
    needed = quorum(len(names))
    complete: list[str] = []
    begun: list[str] = []
    counted: set[bytes] = set()
    for name in names:
        keys = state.federation(name).decision_keys
        if keys is None:
            continue
        signed = [key for key in keys.public_keys if key in tx.signers]
        if len(signed) >= keys.threshold:
            complete.append(name)
        elif signed:
            begun.append(f"{name} ({len(signed)} of {keys.threshold})")
        if len(signed) == keys.threshold:
            counted.update(signed)
    if author not in complete or len(complete) < needed:
        return Refusal(
            refusals.SIGNATURE_MISSING,
            "signatures",
            f"a decision needs {needed} of {len(names)} federations, {author} among them; signed by"
            f" {', '.join(complete) or 'none'}{', begun by ' + ', '.join(begun) if begun else ''};"
            " have more sign the same body and submit again",
        )
    surplus = tx.signers - counted
    if surplus:
        return Refusal(
            refusals.SIGNATURE_SURPLUS,
            "signatures",
            f"the signature of key {min(surplus).hex()[:16]}… is not needed: each federation that signs gives"
            " exactly its threshold of decision keys; leave it out and submit again",
        )
    return None


# --- what it does, and when (M3) ----------------------------------------------------------------------------


def _decide(context: Context, author: str, decision: members_pb2.Decision) -> Refusal | None:
    state = context.state
    at = decision.effective_height
    late = None
    if at and at <= context.height:
        late = Refusal(
            refusals.DECISION_TOO_LATE,
            "decision.effective_height",
            f"it would take effect at height {at}, and this block is {context.height}; choose a later height,"
            " or 0 for at once",
        )
    scratch = _scratch(state)
    if refusal := foremost((late, _apply_items(scratch, context.height, decision))):
        return refusal
    encoded = decision.SerializeToString(deterministic=True)
    if not at:
        state.writes.update(scratch.writes)
        state.put(
            records.decision_key(context.tx_id),
            PendingDecisionRecord(encoded, state_pb2.DECISION_STATUS_EFFECTIVE),
        )
        return None
    state.put(
        records.decision_key(context.tx_id), PendingDecisionRecord(encoded, state_pb2.DECISION_STATUS_PENDING)
    )
    due_key = records.due_decisions_key(at)
    due = state.get(DueDecisionsRecord, due_key)
    state.put(due_key, DueDecisionsRecord((*due.tx_ids, context.tx_id)))
    return None


def apply_due_decisions(context: Context, height: int) -> None:
    """M3: at the start of block `height`, what was decided for it: each takes effect whole, or is void.

    In log order; a later one sees what an earlier one did. The reason of a void one is recorded.
    """
    state = context.state
    due_key = records.due_decisions_key(height)
    for tx_id in state.get(DueDecisionsRecord, due_key).tx_ids:
        key = records.decision_key(tx_id)
        pending = state.get(PendingDecisionRecord, key)
        decision = members_pb2.Decision.FromString(pending.decision or b"")
        scratch = _scratch(state)
        if refusal := _apply_items(scratch, height, decision):
            reason = refusal.to_proto().SerializeToString(deterministic=True)
            state.put(key, PendingDecisionRecord(pending.decision, state_pb2.DECISION_STATUS_VOID, reason))
        else:
            state.writes.update(scratch.writes)
            state.put(key, PendingDecisionRecord(pending.decision, state_pb2.DECISION_STATUS_EFFECTIVE))
        state.put(due_key, DueDecisionsRecord())


def _scratch(state: State) -> State:
    """A view with the same writes, whose own are dropped unless the caller takes them over."""
    scratch = State(state.block)
    scratch.writes.update(state.writes)
    return scratch


def _apply_items(state: State, height: int, decision: members_pb2.Decision) -> Refusal | None:
    """All items in order, each seeing the ones before; stops at the first refused. Writes into `state`."""
    for i, item in enumerate(decision.items):
        kind = item.WhichOneof("item")
        if kind is None:
            return fields.invalid(f"decision.items[{i}]", "the item says nothing; leave it out")
        if refusal := _ITEMS[kind](state, height, getattr(item, kind), f"decision.items[{i}].{kind}"):
            return refusal
    return None


# --- the items (M4 … M8) ------------------------------------------------------------------------------------


def _accredit(state: State, height: int, accredit: members_pb2.Accredit, path: str) -> Refusal | None:
    organisation = accredit.organisation
    exists = bool(state.account(organisation).opened_height)
    has_keys = accredit.HasField("keys")
    if refusal := foremost(_may_accredit(state, accredit, exists, path)):
        return refusal
    if has_keys:
        create_account(state, height, organisation, accredit.keys)
    state.put(
        records.organisation_key(organisation),
        state.organisation(organisation)._replace(
            accredited=True,
            accredited_until_ms=accredit.valid_until_ms,
            suspended=False,
            charter_hash=accredit.charter_hash,
            user_seats_bp=accredit.user_seats_bp,
            non_member_bp=accredit.non_member_bp,
        ),
    )
    return None


def _may_accredit(
    state: State, accredit: members_pb2.Accredit, exists: bool, path: str
) -> Iterator[Refusal | None]:
    """M4."""
    organisation = accredit.organisation
    yield _known_federation(state, limits.federation_of(organisation), f"{path}.organisation")
    if accredit.HasField("keys"):
        yield not_of_a_federation(keys_of_federations(state), accredit.keys, f"{path}.keys")
        yield room_for_organisation(state, organisation, f"{path}.organisation")
        if exists:
            yield Refusal(
                refusals.ACCOUNT_EXISTS,
                f"{path}.keys",
                f"{organisation} has an account; leave keys out",
            )
    elif not exists:
        yield Refusal(
            refusals.UNKNOWN_ACCOUNT,
            f"{path}.organisation",
            f"there is no account {organisation}; name its keys",
        )
    else:
        yield open_account(state, organisation, f"{path}.organisation")
    if accredit.user_seats_bp > limits.BASIS_POINTS:
        yield Refusal(
            refusals.TERMS_NOT_MET,
            f"{path}.user_seats_bp",
            f"users hold {accredit.user_seats_bp} basis points of the seats; at most {limits.BASIS_POINTS}",
        )
    if accredit.non_member_bp > limits.NON_MEMBER_BP_MAX:
        yield Refusal(
            refusals.TERMS_NOT_MET,
            f"{path}.non_member_bp",
            f"non-members hold {accredit.non_member_bp} basis points; at most {limits.NON_MEMBER_BP_MAX}"
            " (20 %) are accepted: change the charter first",
        )


def _reinstate(state: State, height: int, reinstate: members_pb2.Reinstate, path: str) -> Refusal | None:
    """M5."""
    organisation = reinstate.organisation
    if refusal := open_account(state, organisation, f"{path}.organisation"):
        return refusal
    record = state.organisation(organisation)
    if not record.suspended:
        return Refusal(
            refusals.NOT_PERMITTED,
            f"{path}.organisation",
            f"{organisation} is not suspended; leave the item out",
        )
    state.put(records.organisation_key(organisation), record._replace(suspended=False))
    return None


def _quota(state: State, height: int, quota: genesis_pb2.Quota, path: str) -> Refusal | None:
    """M6: may be below what is used."""
    if refusal := _known_federation(state, quota.federation, f"{path}.federation") or check_unit(
        state, quota.unit, f"{path}.unit"
    ):
        return refusal
    key = records.quota_key(quota.federation, quota.unit)
    state.put(key, state.get(QuotaRecord, key)._replace(quota=quota.amount_minor))
    return None


def _ceiling(state: State, height: int, ceiling: members_pb2.Ceiling, path: str) -> Refusal | None:
    """M7."""
    organisation, unit = ceiling.organisation, ceiling.unit
    if refusal := foremost(
        (open_account(state, organisation, f"{path}.organisation"), check_unit(state, unit, f"{path}.unit"))
    ):
        return refusal
    key = records.organisation_unit_key(organisation, unit)
    before = state.get(OrganisationUnitRecord, key)
    difference = ceiling.amount_minor - before.ceiling
    if refusal := change_quota(
        state, limits.federation_of(organisation), unit, difference, f"{path}.amount_minor"
    ):
        return refusal
    state.put(key, before._replace(ceiling=ceiling.amount_minor))
    return None


def _parameter(state: State, height: int, parameter: genesis_pb2.Parameter, path: str) -> Refusal | None:
    """M8."""
    if parameter.unit and (refusal := check_unit(state, parameter.unit, f"{path}.unit")):
        return refusal
    state.put(records.parameter_key(parameter.name, parameter.unit), ParameterRecord(parameter.value + 1))
    return None


_Item = Callable[[State, int, Any, str], Refusal | None]
_ITEMS: Final[dict[str, _Item]] = {
    "accredit": _accredit,
    "reinstate": _reinstate,
    "quota": _quota,
    "ceiling": _ceiling,
    "parameter": _parameter,
}


def _known_federation(state: State, federation: str, field: str) -> Refusal | None:
    if federation in state.federation_names():
        return None
    return Refusal(
        refusals.UNKNOWN_ACCOUNT,
        field,
        f"there is no federation {federation} here; see `ayni member list`",
    )


# --- suspension (M9) ----------------------------------------------------------------------------------------


def _suspend_fields(payload: members_pb2.SuspendOrganisation) -> Refusal | None:
    return fields.organisation(payload.organisation, "suspend_organisation.organisation") or fields.text(
        payload.reason, "suspend_organisation.reason", limits.REASON_BYTES_MAX
    )


def _suspend_parties(
    state: State, author: str, payload: members_pb2.SuspendOrganisation
) -> Sequence[Party] | Refusal:
    organisation = payload.organisation
    if author != limits.federation_of(organisation):
        return Refusal(
            refusals.NOT_PERMITTED,
            "author",
            f"{author} cannot suspend {organisation}; only {limits.federation_of(organisation)} can",
        )
    party = federation_party(state, author, "author")
    return party if isinstance(party, Refusal) else [party]


def _suspend(context: Context, author: str, payload: members_pb2.SuspendOrganisation) -> Refusal | None:
    state = context.state
    organisation = payload.organisation
    if refusal := open_account(state, organisation, "suspend_organisation.organisation"):
        return refusal
    record = state.organisation(organisation)
    if record.suspended:
        return Refusal(
            refusals.SUSPENDED,
            "suspend_organisation.organisation",
            f"{organisation} is already suspended; a decision of the federations can reinstate it",
        )
    state.put(records.organisation_key(organisation), record._replace(suspended=True))
    return None


DECISION: Final[Rule] = Rule(_decision_fields, _decision_authorise, _decide)
"""`decision`."""

SUSPEND: Final[Rule] = Rule(_suspend_fields, signed_by(_suspend_parties), _suspend)
"""`suspend_organisation`."""
