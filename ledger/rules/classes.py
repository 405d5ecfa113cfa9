"""Classes of entitlements: `DefineClass`, and the policy that every other rule asks (E1).

Decides what a class may say, who may issue it, and who counts as accredited at block time. Never touches
what is held; that is `held.py`. Spec: rules E1, M4, M9 of docs/protocol.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from ayni.v1 import entitlements_pb2, genesis_pb2
from ledger import books, fields, limits, records, refusals
from ledger.amounts import shown
from ledger.refusals import Refusal
from ledger.rule import Context, Party, Rule, account_party, federation_party, signed_by
from ledger.state import State

SHARE: Final = entitlements_pb2.KIND_SHARE
HOURS: Final = entitlements_pb2.KIND_HOURS
MONEY_OUTSIDE: Final = entitlements_pb2.GIVEN_FOR_MONEY_OUTSIDE
CREDIT: Final = entitlements_pb2.GIVEN_FOR_CREDIT
SERVICE: Final = entitlements_pb2.GIVEN_FOR_SERVICE

_POLICIES_CACHED_MAX: Final = 4_096
_KIND_NAMES: Final[dict[int, str]] = {SHARE: "shares", HOURS: "hours"}
_NATURE: Final[dict[int, int]] = {SHARE: genesis_pb2.NATURE_MUTUAL_CREDIT, HOURS: genesis_pb2.NATURE_HOURS}
_NATURE_NAMES: Final[dict[int, str]] = {SHARE: "mutual credit", HOURS: "hours"}
_GIVEN_FOR: Final[dict[int, tuple[int, ...]]] = {SHARE: (MONEY_OUTSIDE, CREDIT), HOURS: (SERVICE,)}
_GIVEN_FOR_WORDS: Final[dict[int, str]] = {SHARE: "money outside (1) or credit (2)", HOURS: "service (3)"}
_TRANSFERABILITIES: Final = (1, 2, 3, 4)


class ClassPolicy(NamedTuple):
    """What a class says; amounts in smallest parts of its unit."""

    class_id: str
    kind: int
    unit: str
    given_for: int
    item_value: int
    item_contribution: int
    holder_cap: int
    """0: no cap."""
    transferability: int
    expires_after_days: int
    """0: never."""
    categories: frozenset[str]
    """Empty: all."""
    tax_eligible: bool

    @property
    def owner(self) -> str:
        """The federation or organisation that defined it."""
        return self.class_id.partition("@")[2]

    def expires_on(self, value_date: int) -> int:
        """Last day of what is issued with this value date; 0: never (E2)."""
        return value_date + self.expires_after_days if self.expires_after_days else 0


@lru_cache(maxsize=_POLICIES_CACHED_MAX)
def policy_of(definition: bytes) -> ClassPolicy:
    """The policy in the canonical bytes of a `DefineClass`."""
    said = entitlements_pb2.DefineClass.FromString(definition)
    return ClassPolicy(
        said.class_id,
        said.kind,
        said.unit,
        said.given_for,
        said.item_value_minor,
        said.item_contribution_minor,
        said.holder_cap_minor,
        said.transferability,
        said.expires_after_days,
        frozenset(said.categories),
        said.tax_eligible,
    )


def find_class(state: State, class_id: str, field: str) -> ClassPolicy | Refusal:
    """The policy of a class, or UNKNOWN_CLASS."""
    definition = state.class_record(class_id).definition
    if definition is None:
        return Refusal(refusals.UNKNOWN_CLASS, field, f"there is no class {class_id}; see `ayni class list`")
    return policy_of(definition)


def check_kind(policy: ClassPolicy, kind: int, field: str) -> Refusal | None:
    """CLASS_POLICY unless the class is of this kind."""
    if policy.kind == kind:
        return None
    return Refusal(
        refusals.CLASS_POLICY,
        field,
        f"class {policy.class_id} is of {_KIND_NAMES[policy.kind]}, and this is for {_KIND_NAMES[kind]};"
        " name another class",
    )


def check_category(policy: ClassPolicy, category: str, field: str) -> Refusal | None:
    """E5: the class is good for this category of service."""
    if not policy.categories or category in policy.categories:
        return None
    return Refusal(
        refusals.CLASS_POLICY,
        field,
        f"class {policy.class_id} is not good for category {category!r}, only for"
        f" {', '.join(sorted(policy.categories))}; name one of these",
    )


def check_may_issue(policy: ClassPolicy, organisation: str, field: str) -> Refusal | None:
    """E1: every accredited organisation issues of a federation's class; of an organisation's only itself."""
    owner = policy.owner
    if "/" not in owner or owner == organisation:
        return None
    return Refusal(
        refusals.NOT_PERMITTED,
        field,
        f"only {owner} issues class {policy.class_id}, not {organisation}; name a class of its own or of a"
        " federation",
    )


def check_not_suspended(state: State, account: str, field: str) -> Refusal | None:
    """M9: SUSPENDED when `account` is a suspended organisation's own."""
    if ":" in account or not state.organisation(account).suspended:
        return None
    return Refusal(
        refusals.SUSPENDED,
        field,
        f"{account} is suspended by its federation; it takes part again when a decision reinstates it",
    )


def check_accredited(context: Context, organisation: str, field: str) -> Refusal | None:
    """M4, M9: accreditation in force at block time, and not suspended."""
    record = context.state.organisation(organisation)
    if refusal := check_not_suspended(context.state, organisation, field):
        return refusal
    if not record.accredited:
        return Refusal(
            refusals.NOT_ACCREDITED,
            field,
            f"{organisation} is not accredited; it needs a decision of the federations",
        )
    until_ms = record.accredited_until_ms
    if until_ms and context.time_ms > until_ms:
        return Refusal(
            refusals.NOT_ACCREDITED,
            field,
            f"the accreditation of {organisation} lapsed at {until_ms} ms, block time is {context.time_ms}"
            " ms; it needs a decision of the federations to renew it",
        )
    return None


def _class_fields(payload: Any) -> Refusal | None:
    name = "define_class."
    if refusal := fields.class_id(payload.class_id, name + "class_id"):
        return refusal
    kind = payload.kind
    if kind not in _GIVEN_FOR:
        return fields.invalid(name + "kind", f"the kind is {kind}; it must be 1 (share) or 2 (hours)")
    if refusal := fields.unit(payload.unit, name + "unit"):
        return refusal
    if payload.given_for not in _GIVEN_FOR[kind]:
        return fields.invalid(
            name + "given_for",
            f"{_KIND_NAMES[kind]} are given for {_GIVEN_FOR_WORDS[kind]}, not {payload.given_for}",
        )
    if refusal := _item_fields(payload, kind, name):
        return refusal
    if payload.transferability not in _TRANSFERABILITIES:
        return fields.invalid(
            name + "transferability", f"it is {payload.transferability}; it must be from 1 to 4"
        )
    if payload.expires_after_days > limits.DAYS_MAX:
        return fields.invalid(
            name + "expires_after_days",
            f"it is {payload.expires_after_days} days; at most {limits.DAYS_MAX} are allowed, 0 for never",
        )
    return _category_fields(payload.categories, name + "categories")


def _item_fields(payload: Any, kind: int, name: str) -> Refusal | None:
    least = 1 if kind == SHARE else 0
    if refusal := fields.first(
        fields.amount(payload.item_value_minor, name + "item_value_minor", least),
        fields.amount(payload.item_contribution_minor, name + "item_contribution_minor", least),
        fields.amount(payload.holder_cap_minor, name + "holder_cap_minor", 0),
    ):
        return refusal
    if kind == HOURS and payload.item_contribution_minor:
        return fields.invalid(
            name + "item_contribution_minor",
            f"it is {payload.item_contribution_minor}; hours are earned, not paid for: leave it 0",
        )
    return None


def _category_fields(categories: Any, name: str) -> Refusal | None:
    if refusal := fields.count(categories, name, limits.CATEGORIES_MAX, 0):
        return refusal
    for index, category in enumerate(categories):
        if refusal := category_field(category, f"{name}[{index}]"):
            return refusal
    return fields.ascending(categories, name)


def category_field(category: str, field: str) -> Refusal | None:
    """A category's name."""
    if limits.CATEGORY.match(category):
        return None
    return fields.invalid(
        field,
        f"{fields.quoted(category)} is no category; use a-z, 0-9 and -, at most"
        f" {limits.CATEGORY_BYTES_MAX}, not - first",
    )


def _class_parties(state: State, author: str, payload: Any) -> list[Party] | Refusal:
    if "/" in author:
        party = account_party(state, author, "author")
    else:
        party = federation_party(state, author, "author")
    if isinstance(party, Refusal):
        return party
    return books.check_unit(state, payload.unit, "define_class.unit") or [party]


def _define_class(context: Context, author: str, payload: Any) -> Refusal | None:
    """E1."""
    state = context.state
    class_id = payload.class_id
    owner = class_id.partition("@")[2]
    if owner != author:
        return Refusal(
            refusals.NOT_PERMITTED,
            "define_class.class_id",
            f"class {class_id} is {owner}'s to define, not {author}'s; write name@{author}",
        )
    if "/" in author and (refusal := check_accredited(context, author, "author")):
        return refusal
    if state.class_record(class_id).issued:
        return Refusal(
            refusals.CLASS_ISSUED,
            "define_class.class_id",
            f"class {class_id} was issued and cannot change any more; define another",
        )
    if refusal := _check_policy(state, payload):
        return refusal
    definition = payload.SerializeToString(deterministic=True)
    state.put(records.class_key(class_id), records.ClassRecord(definition))
    return None


def _check_policy(state: State, payload: Any) -> Refusal | None:
    if state.unit(payload.unit).nature != _NATURE[payload.kind]:
        return Refusal(
            refusals.CLASS_POLICY,
            "define_class.unit",
            f"{_KIND_NAMES[payload.kind]} need a unit of {_NATURE_NAMES[payload.kind]}, and {payload.unit} is"
            " none; name another unit",
        )
    if payload.kind != SHARE:
        return None
    ratio = books.parameter(state, genesis_pb2.PARAMETER_NAME_REDEEMABLE_BP, payload.unit)
    value, contribution = payload.item_value_minor, payload.item_contribution_minor
    if value * limits.BASIS_POINTS <= ratio * contribution:
        return None
    most = ratio * contribution // limits.BASIS_POINTS
    return Refusal(
        refusals.CLASS_POLICY,
        "define_class.item_value_minor",
        f"one share is worth {shown(state, value, payload.unit)} in services for a contribution of"
        f" {shown(state, contribution, payload.unit)}; at most {shown(state, most, payload.unit)} is allowed"
        f" ({ratio} basis points, as voted)",
    )


DEFINE_CLASS: Final = Rule(fields=_class_fields, authorise=signed_by(_class_parties), execute=_define_class)
