"""What people read of a settlement and of a proof, to the letter."""

from __future__ import annotations

import pytest

from ayni.v1 import keys_pb2, result_pb2, state_pb2
from client.views import pool, proofs
from client.views.proofs import record_key
from ledger import records
from proofs.receipts import VerifiedRecord
from tests.client.shown import HRS, TIME_MS, UNITS, shown

HOURS = "hours@emilia"
ROOT = bytes(32)
AT = f"after block 9, 2026-01-01 00:00:00 UTC, state root {'00' * 32}"


def a_settlement() -> result_pb2.Settlement:
    return result_pb2.Settlement(
        period=3,
        time_ms=TIME_MS,
        units=[
            result_pb2.UnitSettlement(
                unit="EUC",
                gross_minor=100_000,
                netted_minor=20_000,
                paid_credit_minor=50_000,
                paid_deposit_minor=10_000,
                advanced_minor=5_000,
                paid_out_minor=65_000,
                carried_minor=15_000,
                released_minor=700,
                expired_minor=800,
                pool_balance_minor=40_000,
                deposits_minor=30_000,
                outstanding_minor=90_000,
                dues_minor=80_000,
                arrears=[
                    result_pb2.VintageAmount(period=2, amount_minor=12_000),
                    result_pb2.VintageAmount(period=3, amount_minor=8_000),
                ],
                organisations=[
                    result_pb2.OrganisationSettlement(
                        organisation="emilia/cadiai",
                        paid_credit_minor=50_000,
                        paid_deposit_minor=10_000,
                        arrears_minor=20_000,
                        contributions_minor=70_000,
                        served_minor=90_000,
                    )
                ],
            )
        ],
    )


def test_a_settlement_is_shown_whole() -> None:
    assert shown(lambda target: pool.print_settlement(target, a_settlement(), UNITS)) == [
        "Settlement of period 3, 2026-01-01 00:00:00 UTC",
        "",
        "EUC",
        "  dues owed before netting: 1,000.00 EUC",
        "  of it, set off within organisations: 200.00 EUC",
        "  paid in from credit: 500.00 EUC",
        "  paid in from deposits: 100.00 EUC",
        "  advanced out of common capital: 50.00 EUC",
        "  paid out to creditors: 650.00 EUC",
        "  claims carried over: 150.00 EUC",
        "  deposits released: 7.00 EUC",
        "  entitlements expired to the pool: 8.00 EUC",
        "  pool balance after the close: 400.00 EUC",
        "  of it, deposits: 300.00 EUC",
        "  entitlements outstanding: 900.00 EUC",
        "  claims before payment: 800.00 EUC",
        "  liquid over dues: 50.0 %",
        "  coverage: 11.1 %",
        "  arrears of period 2: 120.00 EUC",
        "  arrears of period 3: 80.00 EUC",
        "",
        "organisation      paid in  paid to it     arrears   carried    received      served"
        "  received minus served",
        "emilia/cadiai  600.00 EUC    0.00 EUC  200.00 EUC  0.00 EUC  700.00 EUC  900.00 EUC"
        "            -200.00 EUC",
    ]


def test_settlements_are_listed_a_line_for_each_period_and_unit() -> None:
    lines = shown(lambda target: pool.print_settlements(target, [a_settlement()], UNITS))
    assert lines[1].split("  ")[-1] == "200.00 EUC"
    assert lines[1].startswith("     3  2026-01-01 00:00:00 UTC  1,000.00 EUC")


def test_a_settlement_as_json_has_every_published_figure() -> None:
    [unit] = pool.settlement_json(a_settlement(), UNITS)["units"]
    assert unit["arrears"] == [{"period": 2, "amount": "120.00"}, {"period": 3, "amount": "80.00"}]
    assert (unit["liquid_over_dues"], unit["coverage"]) == ("0.5000", "0.1111")
    assert unit["organisations"][0]["received_minus_served"] == "-200.00"
    assert {
        field.name.removesuffix("_minor") for field in result_pb2.UnitSettlement.DESCRIPTOR.fields
    } <= set(unit)


@pytest.mark.parametrize(
    ("key", "message", "lines"),
    [
        (
            record_key("emilia/cadiai"),
            state_pb2.AccountRecord(
                keys=keys_pb2.KeySet(threshold=1, public_keys=[b"a" * 32]), opened_height=7
            ),
            ("keys and standing of emilia/cadiai", "open, opened at height 7, signs with 1 key", AT),
        ),
        (
            record_key("emilia/cadiai:m-1"),
            state_pb2.AccountRecord(opened_height=7, closed=True),
            ("keys and standing of emilia/cadiai:m-1", "closed, opened at height 7, held", AT),
        ),
        (
            record_key("emilia/cadiai", balance="EUC"),
            state_pb2.BalanceRecord(balance=-5, credit_limit=100, has_upper_limit=True, upper_limit=900),
            (
                "balance of emilia/cadiai, EUC",
                "balance: owes the network 0.05 EUC; credit limit: 1.00 EUC; upper limit: 9.00 EUC",
                AT,
            ),
        ),
        (
            record_key("emilia/cadiai:m-1", holding=HOURS),
            state_pb2.HoldingRecord(lots=[state_pb2.Lot(amount=30), state_pb2.Lot(amount=60)]),
            (f"holding of emilia/cadiai:m-1, {HOURS}", "holds 1:30 HRS in 2 lots", AT),
        ),
        (
            record_key("emilia/cadiai", dues="EUC"),
            state_pb2.OrganisationUnitRecord(
                ceiling=500, outstanding=300, deposit=30, dues=[state_pb2.Due(period=1, amount=70)]
            ),
            (
                "dues and issue of emilia/cadiai, EUC",
                "dues: the pool owes it 0.70 EUC; outstanding: 3.00 EUC; deposit: 0.30 EUC;"
                " issue ceiling: 5.00 EUC",
                AT,
            ),
        ),
        (
            records.unit_key("EUC"),
            state_pb2.UnitRecord(scale=100),
            ("record u|EUC", "2 bytes: 0864", AT),
        ),
    ],
)
def test_a_proof_says_which_record_and_what_it_holds(
    key: bytes, message: state_pb2.AccountRecord, lines: tuple[str, ...]
) -> None:
    record = VerifiedRecord(key, message.SerializeToString(deterministic=True), 9, TIME_MS, ROOT)
    assert proofs.record_text(record, {**UNITS, HOURS: HRS}) == lines
    assert proofs.proof_json(record, {**UNITS, HOURS: HRS})["says"] == lines[1]


def test_a_proof_of_absence_says_so() -> None:
    record = VerifiedRecord(record_key("emilia/nobody"), None, 9, TIME_MS, ROOT)
    assert proofs.record_text(record, UNITS)[1] == "there is no such record"
    assert proofs.proof_json(record, UNITS)["record"] is None


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (b"b|emilia/cadiai, EUC", "record b|emilia/cadiai, EUC"),
        (b"a|emilia/cadiai ", "record a|emilia/cadiai "),
        (b"a|emilia/cadiai\n  open", "record a|emilia/cadiai\\n  open"),
        (b"h|emilia/cadiai:m-1|hours@japan|", "record h|emilia/cadiai:m-1|hours@japan|"),
        (b"d|emilia/cadiai:m-1|EUC", "record d|emilia/cadiai:m-1|EUC"),
        (b"d", "record d"),
    ],
)
def test_a_key_that_no_record_has_is_not_shown_as_a_record_that_there_may_be(key: bytes, shown: str) -> None:
    record = VerifiedRecord(key, None, 9, TIME_MS, ROOT)
    says = "there is no such record: no record has such a key"
    assert proofs.record_text(record, UNITS) == (shown, says, AT)
    assert proofs.proof_json(record, UNITS)["says"] == says


def test_what_the_pool_holds_is_a_record_that_there_may_be() -> None:
    record = VerifiedRecord(record_key("pool", balance="EUC"), None, 9, TIME_MS, ROOT)
    assert proofs.record_text(record, UNITS) == ("balance of pool, EUC", "there is no such record", AT)


def test_amounts_of_a_unit_that_only_a_node_could_tell_are_said_in_smallest_parts() -> None:
    held = state_pb2.HoldingRecord(lots=[state_pb2.Lot(amount=1_030), state_pb2.Lot(amount=60)])
    key = record_key("emilia/cadiai:m-1", holding=HOURS)
    record = VerifiedRecord(key, held.SerializeToString(deterministic=True), 9, TIME_MS, ROOT)
    assert proofs.record_text(record, UNITS)[1] == f"holds 1,090 smallest parts of {HOURS} in 2 lots"
    document = proofs.proof_json(record, UNITS)["record"]
    assert (document["unit"], document["amount"]) == (f"smallest parts of {HOURS}", "1090")


def test_the_amounts_of_a_proven_record_are_decimal_strings() -> None:
    balance = state_pb2.BalanceRecord(balance=-5, credit_limit=100)
    record = VerifiedRecord(
        record_key("emilia/cadiai", balance="EUC"), balance.SerializeToString(), 9, TIME_MS, ROOT
    )
    assert proofs.proof_json(record, UNITS)["record"] == {
        "unit": "EUC", "balance": "-0.05", "credit_limit": "1.00", "upper_limit": None,
    }  # fmt: skip
