"""State proofs as people and programs read them: which record, and what it says.

Pure. Only what `ayni account proof` writes is put in words; any other record is shown by its key: of a key
that no record can have anybody can prove that there is no such record, whatever it looks like.
Spec: docs/encoding.md, "State keys".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ayni.v1 import ledger_service_pb2, state_pb2
from client.output import Unit, amount_text, balance_text, decimal_text, time_json, time_text
from client.views.accounts import holding_json, organisation_unit_json
from client.views.common import Document, amounts_json, dues_text, key_set_json, key_set_text
from ledger import limits, records
from proofs.words import printable

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from proofs.receipts import VerifiedRecord

_TYPES: dict[str, type[Message]] = {
    "a": state_pb2.AccountRecord,
    "b": state_pb2.BalanceRecord,
    "h": state_pb2.HoldingRecord,
    "d": state_pb2.OrganisationUnitRecord,
}
_WORDS = {"a": "keys and standing of", "b": "balance of", "h": "holding of", "d": "dues and issue of"}
_HOLDERS = (limits.ACCOUNT_NAME, re.compile(rf"{limits.POOL}\Z"))
_PARTS = {
    "a": ((limits.ACCOUNT_NAME,),),
    "b": (_HOLDERS, (limits.UNIT_CODE,)),
    "h": (_HOLDERS, (limits.CLASS_NAME,)),
    "d": ((limits.ORGANISATION_NAME,), (limits.UNIT_CODE,)),
}
"""Of each part of a key, what it may look like."""


def record_key(account: str, *, balance: str = "", holding: str = "", dues: str = "") -> bytes:
    """The state key of an account's record: its balance in a unit, a holding, its dues; or its standing."""
    if balance:
        return records.balance_key(account, balance)
    if holding:
        return records.holding_key(account, holding)
    if dues:
        return records.organisation_unit_key(account, dues)
    return records.account_key(account)


def proof_json(record: VerifiedRecord, units: Mapping[str, Unit]) -> Document:
    """What a verified proof says, in words and as a record; None where there is no such record."""
    return {
        "key": _text(record.key),
        "absent": record.value is None,
        "says": record_text(record, units)[1],
        "record": _record_json(record, units) if record.value is not None else None,
        "read_at": {
            "height": record.height,
            "state_root": record.state_root.hex(),
            "time": time_json(record.time_ms),
        },
    }


def record_text(record: VerifiedRecord, units: Mapping[str, Unit]) -> tuple[str, str, str]:
    """Three lines: which record, what it says, and at which block."""
    name, *rest = _text(record.key).split("|")
    if not _can_be(name, rest):
        what = f"record {printable(_text(record.key))}"
    else:
        what = f"{_WORDS[name]} {', '.join(rest)}"
    return (
        what,
        _says(record, _unit(rest[-1], units) if rest else None),
        f"after block {record.height:,}, {time_text(record.time_ms)}, state root {record.state_root.hex()}",
    )


def _text(key: bytes) -> str:
    return key.decode("ascii", "backslashreplace")


def _can_be(name: str, parts: list[str]) -> bool:
    """Whether a record that is put in words can have that key."""
    patterns = _PARTS.get(name, ())
    return len(parts) == len(patterns) > 0 and all(
        any(pattern.match(part) for pattern in each) for part, each in zip(parts, patterns, strict=True)
    )


def _record_json(record: VerifiedRecord, units: Mapping[str, Unit]) -> Document:
    _, *rest = _text(record.key).split("|")
    unit = _unit(rest[-1], units)
    match _message(record):
        case state_pb2.AccountRecord() as account:
            return {
                "keys": key_set_json(account.keys) if account.HasField("keys") else None,
                "commitment": account.commitment.hex(),
                "opened_height": account.opened_height,
                "closed": account.closed,
                "held_classes": list(account.held_classes),
            }
        case state_pb2.BalanceRecord() as one:
            upper = decimal_text(one.upper_limit, unit) if one.has_upper_limit else None
            amounts = amounts_json(unit, balance=one.balance, credit_limit=one.credit_limit)
            return {"unit": unit.code, **amounts, "upper_limit": upper}
        case state_pb2.HoldingRecord() as held:
            return holding_json(ledger_service_pb2.ClassHolding(class_id=rest[-1], record=held), unit)
        case state_pb2.OrganisationUnitRecord() as organisation:
            return {"unit": unit.code, **organisation_unit_json(organisation, unit)}
        case _:
            return {"bytes": (record.value or b"").hex()}


def _unit(code: str, units: Mapping[str, Unit]) -> Unit:
    """A unit, or that of a class; of one that only a node could tell, amounts are in smallest parts."""
    return units.get(code) or Unit(f"smallest parts of {code}", 1)


def _says(record: VerifiedRecord, unit: Unit | None) -> str:
    if record.value is None:
        name, *rest = _text(record.key).split("|")
        never = name in _TYPES and not _can_be(name, rest)
        return "there is no such record" + (": no record has such a key" if never else "")
    message = _message(record)
    match message:
        case state_pb2.AccountRecord():
            state = "closed" if message.closed else "open"
            signing = f"signs with {key_set_text(message.keys)}" if message.HasField("keys") else "held"
            return f"{state}, opened at height {message.opened_height:,}, {signing}"
        case state_pb2.BalanceRecord() if unit:
            upper = (
                f"; upper limit: {amount_text(message.upper_limit, unit)}" if message.has_upper_limit else ""
            )
            return (
                f"balance: {balance_text(message.balance, unit)};"
                f" credit limit: {amount_text(message.credit_limit, unit)}{upper}"
            )
        case state_pb2.HoldingRecord() if unit:
            held = sum(lot.amount for lot in message.lots)
            lots = "1 lot" if len(message.lots) == 1 else f"{len(message.lots):,} lots"
            return f"holds {amount_text(held, unit)} in {lots}"
        case state_pb2.OrganisationUnitRecord() if unit:
            return (
                f"dues: {dues_text(sum(due.amount for due in message.dues), unit)};"
                f" outstanding: {amount_text(message.outstanding, unit)};"
                f" deposit: {amount_text(message.deposit, unit)};"
                f" issue ceiling: {amount_text(message.ceiling, unit)}"
            )
        case _:
            return f"{len(record.value)} bytes: {record.value.hex()}"


def _message(record: VerifiedRecord) -> Message | None:
    kind = _TYPES.get(record.key[:1].decode("ascii", "replace"))
    if kind is None or record.value is None:
        return None
    return kind.FromString(record.value)
