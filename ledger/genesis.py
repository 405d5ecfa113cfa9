"""The founding document: whether it is valid (M1), and the state it begins with.

Who signed is judged by `proofs/membership.py`; the rest here. `GenesisInvalid` names the field.
"""

from __future__ import annotations

from typing import NamedTuple

from ayni.v1 import genesis_pb2
from ledger import fields, limits, records
from ledger.records import KeySet
from ledger.refusals import Refusal
from ledger.wire import NotCanonical, check
from proofs.membership import Membership, MembershipInvalid, check_founding, membership_of
from proofs.words import printable


class GenesisInvalid(ValueError):
    """A genesis that no network can start from; the message names the field and what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class Founding(NamedTuple):
    """A valid genesis with its membership."""

    signed: genesis_pb2.SignedGenesis
    genesis: genesis_pb2.Genesis
    membership: Membership

    @property
    def hash(self) -> bytes:
        """The genesis hash: the network's name for programs."""
        return self.membership.genesis_hash


def read_genesis(data: bytes) -> Founding:
    """The genesis in canonical SignedGenesis bytes. Raises GenesisInvalid."""
    try:
        signed = check(genesis_pb2.SignedGenesis, data)
        genesis = read_founding(signed.body)
        return Founding(signed, genesis, membership_of(signed))
    except (NotCanonical, MembershipInvalid) as error:
        raise GenesisInvalid(f"genesis: {error}") from None


def read_founding(body: bytes) -> genesis_pb2.Genesis:
    """What canonical Genesis bytes say, whoever has signed them yet. Raises GenesisInvalid."""
    try:
        genesis = check(genesis_pb2.Genesis, body)
        check_founding(body)
    except (NotCanonical, MembershipInvalid) as error:
        raise GenesisInvalid(f"genesis: {error}") from None
    if refusal := _check(genesis):
        raise GenesisInvalid(f"genesis {refusal.field}: {refusal.message}")
    return genesis


def _check(genesis: genesis_pb2.Genesis) -> Refusal | None:
    names = [federation.name for federation in genesis.federations]
    codes = [unit.code for unit in genesis.units]
    return (
        fields.federation(genesis.network, "network")
        or (
            None
            if 1 <= genesis.time_ms <= limits.TIME_MAX_MS
            else fields.invalid("time_ms", "must be Unix milliseconds")
        )
        or fields.count(names, "federations", limits.FEDERATIONS_MAX)
        or fields.first(*[fields.federation(name, f"federations[{i}].name") for i, name in enumerate(names)])
        or fields.count(codes, "units", limits.UNITS_MAX)
        or fields.first(*[_check_unit(unit, f"units[{i}]") for i, unit in enumerate(genesis.units)])
        or fields.ascending(codes, "units")
        or fields.first(
            *[check_parameter(item, codes, f"parameters[{i}]") for i, item in enumerate(genesis.parameters)]
        )
        or fields.ascending([(item.name, item.unit) for item in genesis.parameters], "parameters")
        or fields.first(
            *[_check_quota(quota, names, codes, f"quotas[{i}]") for i, quota in enumerate(genesis.quotas)]
        )
        or fields.ascending([(quota.federation, quota.unit) for quota in genesis.quotas], "quotas")
    )


def _check_unit(unit: genesis_pb2.Unit, field: str) -> Refusal | None:
    if refusal := fields.unit(unit.code, f"{field}.code"):
        return refusal
    if not 1 <= unit.scale <= 1_000_000:
        return fields.invalid(f"{field}.scale", f"the scale is {unit.scale}; it must be from 1 to 1000000")
    if unit.nature == genesis_pb2.NATURE_UNSPECIFIED:
        return fields.invalid(f"{field}.nature", "say whether it is mutual credit or hours")
    return None


def check_parameter(
    item: genesis_pb2.Parameter, units: list[str] | tuple[str, ...], field: str
) -> Refusal | None:
    """M8: the parameter exists, its value is in bounds, its unit is known ("" for the network-wide one)."""
    bounds = limits.PARAMETER_BOUNDS.get(item.name)
    if bounds is None:
        return fields.invalid(f"{field}.name", f"there is no parameter {item.name}")
    _, least, greatest = bounds
    if not least <= item.value <= greatest:
        return fields.invalid(
            f"{field}.value", f"the value is {item.value}; it must be from {least} to {greatest}"
        )
    if item.name == genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS:
        if item.unit:
            return fields.invalid(f"{field}.unit", "this parameter is network-wide; name no unit")
    elif item.unit not in units:
        return fields.invalid(f"{field}.unit", f"this network has no unit {item.unit!r}")
    return None


def _check_quota(quota: genesis_pb2.Quota, names: list[str], codes: list[str], field: str) -> Refusal | None:
    if quota.federation not in names:
        return fields.invalid(f"{field}.federation", f"{quota.federation!r} is not a founder")
    if quota.unit not in codes:
        return fields.invalid(f"{field}.unit", f"this network has no unit {quota.unit!r}")
    return fields.amount(quota.amount_minor, f"{field}.amount_minor")


def initial_records(genesis: genesis_pb2.Genesis) -> dict[bytes, bytes]:
    """The state at height 0: key → canonical bytes."""
    written: dict[bytes, tuple[object, ...]] = {
        records.NETWORK_KEY: records.NetworkRecord(
            tuple([item.name for item in genesis.federations]), tuple([item.code for item in genesis.units])
        ),
        records.PERIOD_KEY: records.PeriodRecord(1, genesis.time_ms, genesis.time_ms // 86_400_000),
    }
    for item in genesis.federations:
        keys = KeySet(item.decision_keys.threshold, tuple(item.decision_keys.public_keys))
        written[records.federation_key(item.name)] = records.FederationRecord(
            keys, item.consensus_key, item.service_key
        )
    for unit in genesis.units:
        written[records.unit_key(unit.code)] = records.UnitRecord(unit.scale, unit.nature)
    for parameter in genesis.parameters:
        key = records.parameter_key(parameter.name, parameter.unit)
        written[key] = records.ParameterRecord(parameter.value + 1)
    for quota in genesis.quotas:
        key = records.quota_key(quota.federation, quota.unit)
        written[key] = records.QuotaRecord(quota.amount_minor)
    return {key: records.encode(record) for key, record in written.items()}
