"""What people read of accounts, members, classes, the pool and decisions, to the letter."""

from __future__ import annotations

import pytest

from ayni.v1 import entitlements_pb2, genesis_pb2, keys_pb2, ledger_service_pb2, members_pb2, state_pb2
from client.views import accounts, classes, common, decisions, members, pool
from tests.client.shown import AT, EUC, HRS, READ_AT, TIME_MS, UNITS, shown

HOURS = "hours@emilia"
CLASSES = {HOURS: HRS}
LOT = state_pb2.Lot(issuer="emilia/cadiai", amount=90, origin=3, value_date=20_454, expires_on=20_819)


def an_account() -> ledger_service_pb2.GetAccountResponse:
    return ledger_service_pb2.GetAccountResponse(
        at=AT,
        account="emilia/cadiai",
        record=state_pb2.AccountRecord(
            keys=keys_pb2.KeySet(threshold=2, public_keys=[b"a" * 32, b"b" * 32, b"c" * 32]), opened_height=7
        ),
        organisation=state_pb2.OrganisationRecord(
            accredited=True,
            charter_hash=b"h" * 32,
            user_seats_bp=6_000,
            non_member_bp=1_050,
            hosted_accounts=12,
        ),
        balances=[
            ledger_service_pb2.UnitBalance(
                unit="EUC",
                record=state_pb2.BalanceRecord(
                    balance=-123_456, credit_limit=500_000, has_upper_limit=True, upper_limit=900_000
                ),
                dues=-1_000,
                available=375_544,
                organisation=state_pb2.OrganisationUnitRecord(
                    ceiling=1_000_000,
                    outstanding=5_000,
                    deposit=500,
                    dues=[state_pb2.Due(period=3, amount=-1_000)],
                ),
            )
        ],
        holdings=[
            ledger_service_pb2.ClassHolding(class_id=HOURS, record=state_pb2.HoldingRecord(lots=[LOT]))
        ],
    )


def test_an_account_is_shown_with_three_figures_dues_and_lots() -> None:
    lines = shown(lambda target: accounts.print_account(target, an_account(), UNITS, CLASSES))
    assert lines == [
        "emilia/cadiai",
        "  opened at height 7; signs with 2 of 3 keys",
        "  accredited; hosts 12 accounts",
        "  board seats held by users: 60 %; held by non-members: 10.5 %",
        "",
        "EUC",
        "  balance: owes the network 1,234.56 EUC; credit limit: 5,000.00 EUC; available: 3,755.44 EUC",
        "  upper limit: 9,000.00 EUC",
        "  dues: it owes the pool 10.00 EUC",
        "  issue ceiling: 10,000.00 EUC; outstanding: 50.00 EUC; deposit in the pool: 5.00 EUC",
        "",
        "class         issuer           amount  since       expires     redeemable",
        "hours@emilia  emilia/cadiai  1:30 HRS  2026-01-01  2027-01-01  anywhere",
        "",
        READ_AT,
    ]


def test_a_held_account_says_who_signs_for_it() -> None:
    account = ledger_service_pb2.GetAccountResponse(
        at=AT, account="emilia/cadiai:m-1", record=state_pb2.AccountRecord(opened_height=9, closed=True)
    )
    lines = shown(lambda target: accounts.print_account(target, account, UNITS, CLASSES))
    assert lines[:2] == [
        "emilia/cadiai:m-1 (closed)",
        "  opened at height 9; held by emilia/cadiai, which signs for it",
    ]


def test_an_account_as_json_has_amounts_as_decimal_strings() -> None:
    document = accounts.account_json(an_account(), UNITS, CLASSES)
    assert document["balances"][0] == {
        "unit": "EUC",
        "balance": "-1234.56",
        "credit_limit": "5000.00",
        "available": "3755.44",
        "balance_words": "owes the network 1,234.56 EUC",
        "upper_limit": "9000.00",
        "dues": "-10.00",
        "organisation": {
            "ceiling": "10000.00",
            "outstanding": "50.00",
            "deposit": "5.00",
            "unattested": "0.00",
            "contributions": "0.00",
            "served": "0.00",
            "dues": [{"period": 3, "amount": "-10.00"}],
        },
    }
    assert document["holdings"][0]["amount"] == "1.5"
    assert document["read_at"] == {
        "height": 1_234,
        "state_root": "0" * 63 + "7",
        "time": "2026-01-01T00:00:00.000Z",
    }


def test_a_list_of_accounts_has_the_three_figures_and_says_when_there_are_more() -> None:
    lines = shown(lambda target: accounts.print_accounts(target, [an_account()], True, UNITS))
    assert lines == [
        "account                              balance  credit limit     available",
        "emilia/cadiai  owes the network 1,234.56 EUC  5,000.00 EUC  3,755.44 EUC",
        "",
        "There are more accounts: raise --limit, or name a prefix.",
        "",
        READ_AT,
    ]


def test_members_are_shown_with_their_standing() -> None:
    response = ledger_service_pb2.ListMembersResponse(
        at=AT,
        federations=[
            ledger_service_pb2.FederationEntry(
                name="emilia",
                record=state_pb2.FederationRecord(
                    decision_keys=keys_pb2.KeySet(threshold=1, public_keys=[b"a" * 32])
                ),
                organisations=[
                    ledger_service_pb2.OrganisationEntry(
                        organisation="emilia/cadiai",
                        record=state_pb2.OrganisationRecord(
                            accredited=True,
                            accredited_until_ms=TIME_MS,
                            suspended=True,
                            hosted_accounts=1_200,
                        ),
                    )
                ],
                quotas=[
                    ledger_service_pb2.UnitQuota(
                        unit="EUC", record=state_pb2.QuotaRecord(quota=100_000, used=130_000)
                    )
                ],
            ),
            ledger_service_pb2.FederationEntry(name="lazio"),
        ],
    )
    assert shown(lambda target: members.print_members(target, response)) == [
        "federation  organisation   standing                                             hosted accounts",
        "emilia      emilia/cadiai  accredited until 2026-01-01 00:00:00 UTC, suspended            1,200",
        "lazio       -              no organisation yet                                                -",
        "",
        READ_AT,
    ]
    federation = response.federations[0]
    assert shown(lambda target: members.print_federation(target, federation, response, UNITS))[:5] == [
        "emilia, a federation",
        "  decides with 1 key",
        "",
        "unit         quota          used      left",
        "EUC   1,000.00 EUC  1,300.00 EUC  0.00 EUC",
    ]


def a_class() -> ledger_service_pb2.ListClassesResponse:
    definition = entitlements_pb2.DefineClass(
        class_id="shares-2026@emilia/cadiai",
        kind=entitlements_pb2.KIND_SHARE,
        unit="EUC",
        given_for=entitlements_pb2.GIVEN_FOR_CREDIT,
        item_value_minor=10_000,
        item_contribution_minor=12_500,
        holder_cap_minor=500_000,
        transferability=entitlements_pb2.TRANSFERABILITY_SAME_ORGANISATION,
        expires_after_days=365,
        categories=["home-care", "nursery"],
    )
    issuance = state_pb2.IssuanceRecord(issued=30_000, redeemed=10_000, outstanding=20_000)
    entry = ledger_service_pb2.ClassEntry(
        class_id=definition.class_id,
        record=state_pb2.ClassRecord(definition=definition, issued=True),
        issuers=[ledger_service_pb2.IssuerEntry(issuer="emilia/cadiai", record=issuance)],
    )
    return ledger_service_pb2.ListClassesResponse(at=AT, classes=[entry])


def test_a_class_is_shown_with_its_policy_and_its_issuers() -> None:
    response = a_class()
    lines = shown(lambda target: classes.print_class(target, response.classes[0], response, UNITS))
    assert lines == [
        "shares-2026@emilia/cadiai",
        "  kind: share, given for credit",
        "  one item is worth: 100.00 EUC in services",
        "  paid for one item: 125.00 EUC",
        "  most one holder may hold: 5,000.00 EUC",
        "  may be given to: accounts of the same organisation",
        "  expires: 365 days after its value date",
        "  good for: home-care, nursery",
        "  tax eligible: no",
        "",
        "issuer             issued  outstanding    redeemed  bought back  cancelled",
        "emilia/cadiai  300.00 EUC   200.00 EUC  100.00 EUC     0.00 EUC   0.00 EUC",
        "",
        READ_AT,
    ]


def test_the_list_of_classes_names_what_is_outstanding() -> None:
    lines = shown(lambda target: classes.print_classes(target, a_class(), UNITS))
    assert lines[0].split() == [
        *("class", "kind", "item", "value", "transferable", "to", "expires", "issuers", "outstanding")
    ]
    assert lines[1].split() == [
        *("shares-2026@emilia/cadiai", "share", "100.00", "EUC", "organisation"),
        *("365", "days", "1", "200.00", "EUC"),
    ]


def a_pool() -> ledger_service_pb2.GetPoolResponse:
    def parameter(name: genesis_pb2.ParameterName, unit: str, value: int) -> genesis_pb2.Parameter:
        return genesis_pb2.Parameter(name=name, unit=unit, value=value)

    return ledger_service_pb2.GetPoolResponse(
        at=AT,
        period=state_pb2.PeriodRecord(open_period=4, last_close_ms=TIME_MS),
        units=[
            ledger_service_pb2.PoolUnit(
                unit="EUC",
                balance=30_000,
                record=state_pb2.PoolUnitRecord(deposits=10_000, outstanding=80_000),
                claims=40_000,
                owed=45_000,
            )
        ],
        parameters=[
            parameter(genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS, "", 28 * 86_400_000),
            parameter(genesis_pb2.PARAMETER_NAME_ADVANCE_BP, "EUC", 5_000),
            parameter(genesis_pb2.PARAMETER_NAME_UNATTESTED_MAX, "HRS", 6_000),
        ],
    )


def test_the_pool_is_shown_with_what_it_owes_and_covers() -> None:
    assert shown(lambda target: pool.print_pool(target, a_pool(), UNITS, {})) == [
        "The collective pool, period 4 (open since 2026-01-01 00:00:00 UTC)",
        "",
        "EUC",
        "  balance: 300.00 EUC",
        "  of it, deposits of issuers: 100.00 EUC",
        "  of it, common capital: 200.00 EUC",
        "  the pool owes: 400.00 EUC",
        "  owed to the pool: 450.00 EUC",
        "  entitlements outstanding: 800.00 EUC",
        "  liquid over dues: 75.0 %",
        "  coverage (common capital over outstanding): 25.0 %",
        "",
        "parameter       unit       in force",
        "period-min      network     28 days",
        "advance         EUC            50 %",
        "unattested-max  HRS      100:00 HRS",
        "",
        READ_AT,
    ]


def test_the_pool_as_json_has_no_amount_as_a_number() -> None:
    document = pool.pool_json(a_pool(), UNITS, {})
    assert document["units"] == [
        {
            "unit": "EUC",
            "balance": "300.00",
            "deposits": "100.00",
            "common_capital": "200.00",
            "claims": "400.00",
            "owed": "450.00",
            "outstanding": "800.00",
            "liquid_over_dues": "0.7500",
            "coverage": "0.2500",
        }
    ]
    assert document["parameters"][2] == {
        "name": "unattested-max",
        "unit": "HRS",
        "value": "100",
        "measure": "HRS",
    }


def test_dues_are_shown_by_vintage_and_standing() -> None:
    response = ledger_service_pb2.ListDuesResponse(
        at=AT,
        dues=[
            ledger_service_pb2.OrganisationDues(
                organisation="emilia/cadiai",
                unit="EUC",
                record=state_pb2.OrganisationUnitRecord(
                    dues=[state_pb2.Due(period=2, amount=-500), state_pb2.Due(period=4, amount=-250)]
                ),
            ),
            ledger_service_pb2.OrganisationDues(
                organisation="lazio/coop",
                unit="EUC",
                record=state_pb2.OrganisationUnitRecord(dues=[state_pb2.Due(period=3, amount=750)]),
            ),
        ],
    )
    assert shown(lambda target: pool.print_dues(target, response, UNITS, 4)) == [
        "organisation   vintage  standing     the pool owes it  it owes the pool",
        "emilia/cadiai        2  arrears                                5.00 EUC",
        "emilia/cadiai        4  this period                            2.50 EUC",
        "lazio/coop           3  carried              7.50 EUC",
        "",
        READ_AT,
    ]
    assert pool.dues_json(response, UNITS)["organisations"][0]["net"] == "-7.50"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (
            members_pb2.DecisionItem(
                accredit=members_pb2.Accredit(
                    organisation="emilia/cadiai",
                    keys=keys_pb2.KeySet(threshold=1, public_keys=[b"a" * 32, b"b" * 32]),
                    charter_hash=bytes(32),
                    user_seats_bp=6_000,
                    non_member_bp=1_000,
                    valid_until_ms=TIME_MS,
                )
            ),
            "accredit emilia/cadiai, with 1 of 2 keys of its own, until 2026-01-01 00:00:00 UTC: users hold"
            " 60 % of the board seats, non-members 10 %; charter " + "0" * 64,
        ),
        (
            members_pb2.DecisionItem(reinstate=members_pb2.Reinstate(organisation="emilia/cadiai")),
            "reinstate emilia/cadiai",
        ),
        (
            members_pb2.DecisionItem(
                quota=genesis_pb2.Quota(federation="emilia", unit="EUC", amount_minor=100_000_000)
            ),
            "the quota of emilia is 1,000,000.00 EUC",
        ),
        (
            members_pb2.DecisionItem(
                ceiling=members_pb2.Ceiling(organisation="emilia/cadiai", unit="HRS", amount_minor=6_000)
            ),
            "the issue ceiling of emilia/cadiai is 100:00 HRS",
        ),
        (
            members_pb2.DecisionItem(
                parameter=genesis_pb2.Parameter(
                    name=genesis_pb2.PARAMETER_NAME_DEPOSIT_BP, unit="EUC", value=1_250
                )
            ),
            "the parameter deposit in EUC is 12.5 %",
        ),
        (
            members_pb2.DecisionItem(
                parameter=genesis_pb2.Parameter(name=genesis_pb2.PARAMETER_NAME_PERIOD_MIN_MS, value=60_000)
            ),
            "the parameter period-min is 1 minute",
        ),
    ],
)
def test_a_decision_says_what_each_item_does(item: members_pb2.DecisionItem, text: str) -> None:
    assert decisions.item_text(item, UNITS) == text
    assert decisions.item_json(item, UNITS)["type"] == item.WhichOneof("item")


def test_a_void_decision_says_why() -> None:
    record = state_pb2.PendingDecisionRecord(
        decision=members_pb2.Decision(
            effective_height=90,
            items=[members_pb2.DecisionItem(reinstate=members_pb2.Reinstate(organisation="emilia/x"))],
        ),
        status=state_pb2.DECISION_STATUS_VOID,
    )
    record.void_reason.message = "emilia/x is not suspended"
    assert shown(lambda target: decisions.print_record(target, record, UNITS)) == [
        "status: void",
        "  1. reinstate emilia/x",
        "  takes effect at the start of block 90",
        "  void, because emilia/x is not suspended",
    ]


def test_percentages_and_ratios_are_exact_and_rounded_down() -> None:
    assert [common.percent_text(value) for value in (0, 50, 1_205, 10_000)] == [
        "0 %",
        "0.5 %",
        "12.05 %",
        "100 %",
    ]
    assert (common.ratio_text(2, 3), common.ratio_json(2, 3)) == ("66.6 %", "0.6666")
    assert (common.ratio_text(1, 0), common.ratio_json(1, 0)) == ("-", None)
    assert common.dues_text(250, EUC) == "the pool owes it 2.50 EUC"
    assert common.dues_text(0, EUC) == "none"
