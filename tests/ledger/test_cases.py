"""Every rule by example: runs the case files in `cases/`, whose README.md explains their format."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from ayni.v1 import result_pb2
from ledger import records
from ledger.refusals import Refusal, code_name
from ledger.rule import CREDIT, DUES, ENTITLEMENTS, Posting
from tests.ledger.world import World, days, standard

CASES = Path(__file__).parent / "cases"
BOOKS = {CREDIT: "CREDIT", DUES: "DUES", ENTITLEMENTS: "ENTITLEMENTS"}
RECORD_TYPES: dict[str, type[tuple[Any, ...]]] = {
    "f": records.FederationRecord,
    "a": records.AccountRecord,
    "o": records.OrganisationRecord,
    "b": records.BalanceRecord,
    "d": records.OrganisationUnitRecord,
    "w": records.PoolUnitRecord,
    "q": records.QuotaRecord,
    "p": records.ParameterRecord,
    "u": records.UnitRecord,
    "c": records.ClassRecord,
    "i": records.IssuanceRecord,
    "h": records.HoldingRecord,
    "r": records.ReversedRecord,
    "g": records.PendingDecisionRecord,
    "e": records.DueDecisionsRecord,
    "s": records.PeriodRecord,
    "x": records.ExpiryDayRecord,
    "y": records.ExpiryPageRecord,
    "t": records.SettlementRecord,
}
CASE_FIELDS = {"name", "rules", "given", "do", "refused", "postings", "records", "result"}


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.toml")):
        file = read(path)
        given = file.get("given", [])
        for case in file["case"]:
            unknown = set(case) - CASE_FIELDS
            if unknown:
                raise ValueError(f"{path.name}: case {case['name']!r} has no field {sorted(unknown)[0]}")
            yield pytest.param(given, case, id=f"{path.stem}: {case['name']}")


@pytest.mark.parametrize(("given", "case"), list(cases()))
def test_case(given: Sequence[Mapping[str, Any]], case: Mapping[str, Any]) -> None:
    world = standard()
    for step in [*given, *case.get("given", [])]:
        take(world, step)
    if "refused" in case:
        check_refused(world, case["do"], case["refused"])
    else:
        check_accepted(world, case)
    world.check_invariants()


def test_every_rule_of_the_ledger_has_a_case_and_every_case_a_rule() -> None:
    protocol = (CASES.parent.parent.parent / "docs" / "protocol.md").read_text()
    rules = set(re.findall(r"^- \*\*([A-Z]\d+)\*\*", protocol, re.MULTILINE))
    cited = {rule for path in CASES.glob("*.toml") for case in read(path)["case"] for rule in case["rules"]}
    assert cited - rules == set()
    assert {rule for rule in rules if rule[0] in "MAFREHPS"} - cited == set()


def test_every_refusal_is_named_by_a_rule() -> None:
    protocol = (CASES.parent.parent.parent / "docs" / "protocol.md").read_text()
    codes = {code_name(number) for number in result_pb2.RefusalCode.values() if number}
    assert {code for code in codes if f"`{code}`" not in protocol} == set()


def test_no_two_cases_of_a_file_have_one_name() -> None:
    for path in CASES.glob("*.toml"):
        names = [case["name"] for case in read(path)["case"]]
        assert len(set(names)) == len(names), path.name


def take(world: World, step: Mapping[str, Any]) -> None:
    """One step of `given`: time that passes, empty blocks, or a transaction in a block of its own."""
    step = dict(step)
    world.wait(days=step.pop("wait_days", 0), ms=step.pop("wait_ms", 0))
    for _ in range(step.pop("empty_blocks", 0)):
        world.block()
    label = step.pop("label", "")
    signers = step.pop("signed_by", None)
    if step:
        world.do(step, signers, label)


def check_refused(world: World, do: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    raw = submitted(world, do)
    before = world.chain.state_root
    refusal = world.refusal(raw)
    assert refusal is not None, "it was accepted"
    assert (refusal.name, refusal.field) == (expected["code"], expected["field"]), refusal.message
    for part in expected["says"]:
        assert part in refusal.message
    tx = world.parse(raw)
    if not isinstance(tx, Refusal):  # T8: no trace
        world.chain.build(world.chain.tip.digest, [tx], epoch=0, view=1, leader=0, time_ms=world.time_ms + 1)
    assert world.chain.state_root == before


def check_accepted(world: World, case: Mapping[str, Any]) -> None:
    raw = submitted(world, case["do"])
    (entry,) = world.block(raw)
    world.labels["it"] = entry.tx.tx_id
    if "postings" in case:
        assert [shown(posting) for posting in entry.postings] == case["postings"]
    for name, expected in case.get("records", {}).items():
        assert subset(record(world, name), plain(world, expected)) == plain(world, expected), name
    if "result" in case:
        result = MessageToDict(
            result_pb2.Result.FromString(entry.result),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        assert subset(integers(result), plain(world, case["result"])) == plain(world, case["result"])


def submitted(world: World, do: Mapping[str, Any]) -> bytes:
    values = dict(do)
    world.wait(days=values.pop("wait_days", 0), ms=values.pop("wait_ms", 0))
    signers = values.pop("signed_by", None)
    return world.transaction(values, signers)


def shown(posting: Posting) -> list[Any]:
    return [BOOKS[posting.book], posting.account, posting.unit, posting.amount]


def record(world: World, name: str) -> Any:
    """The record at a key, written as in docs/encoding.md; "@label" stands for a transaction's id in hex."""
    parts = name.split("|")
    key = "|".join([world.labels[part[1:]].hex() if part.startswith("@") else part for part in parts])
    return as_plain(world.state.get(RECORD_TYPES[parts[0]], key.encode()))


def as_plain(value: Any) -> Any:
    """Records as dictionaries, tuples as lists, bytes as hex."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: as_plain(item) for name, item in value._asdict().items()}
    if isinstance(value, tuple):
        return [as_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def plain(world: World, value: Any) -> Any:
    """What a case expects: dates as days, "@label" as the transaction's id in hex."""
    if isinstance(value, dict):
        return {name: plain(world, item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(world, item) for item in value]
    if isinstance(value, datetime.date):
        return days(value)
    if isinstance(value, str) and value.startswith("@"):
        return world.labels[value[1:]].hex()
    return value


def subset(found: Any, expected: Any) -> Any:
    """Of `found`, what `expected` speaks of: fields not named are left out, at any depth."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return {name: subset(found.get(name), expected[name]) for name in expected}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [subset(item, wanted) for item, wanted in zip(found, expected, strict=True)]
    return found


def integers(value: Any) -> Any:
    """JSON writes 64-bit integers as strings; here they are integers again."""
    if isinstance(value, dict):
        return {name: integers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [integers(item) for item in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value
