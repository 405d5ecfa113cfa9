"""A node's answer that cannot be right is not relied on: the field is named, and another node is asked."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from ayni.v1 import ledger_service_pb2 as wire
from ayni.v1 import result_pb2, state_pb2
from client import statement
from client.answers import ClassUnits, check_answer, check_transaction
from client.api import Client
from client.errors import UsageProblem, VerificationFailed
from client.reads import statement_of
from client.statement import CREDIT, ENTITLEMENTS, Section, Statement, check_units
from tests.client.fakes import FakeNode

UNITS = {"EUC": None, "HRS": None}


@pytest.mark.parametrize(
    "answer",
    [
        wire.GetStatusResponse(federation="emilia"),
        wire.ListDuesResponse(dues=[wire.OrganisationDues(unit="EUC")]),
        wire.GetStatementResponse(lines=[wire.StatementLine(book=ENTITLEMENTS, unit="shares@emilia/cadiai")]),
        wire.GetPoolResponse(units=[wire.PoolUnit(unit="HRS", unit_record=state_pb2.UnitRecord(nature=2))]),
    ],
)
def test_an_answer_that_can_be_right_is_taken(answer: Message) -> None:
    check_answer(answer, UNITS)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            wire.ListDuesResponse(dues=[wire.OrganisationDues(unit="XYZ")]),
            "dues.unit: this network has no unit 'XYZ'.",
        ),
        (
            wire.GetStatementResponse(lines=[wire.StatementLine(book=CREDIT, unit="x@y")]),
            "lines.unit: this network has no unit 'x@y'.",
        ),
        (
            wire.GetStatementResponse(lines=[wire.StatementLine(book=9, unit="EUC")]),  # type: ignore[arg-type]
            "lines.book: 9 is no value of Book.",
        ),
        (
            wire.ListSettlementsResponse(
                settlements=[result_pb2.Settlement(units=[result_pb2.UnitSettlement(unit="E")])]
            ),
            "settlements.units.unit: this network has no unit 'E'.",
        ),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused(answer: Message, why: str) -> None:
    with pytest.raises(VerificationFailed) as refused:
        check_answer(answer, UNITS)
    assert refused.value.why == why


def test_a_statement_of_a_class_that_there_is_not_is_refused() -> None:
    section = Section(ENTITLEMENTS, "none@emilia", 0, (), 0)
    stated = Statement("emilia/cadiai", 0, 1, (section,), wire.ReadAt())
    with pytest.raises(VerificationFailed, match="neither unit nor class 'none@emilia'"):
        check_units(stated, UNITS)
    check_units(stated, {"none@emilia"})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (wire.ListDuesResponse(dues=[wire.OrganisationDues()]), "dues.unit: it is missing."),
        (wire.GetStatementResponse(balances=[wire.BookBalance(unit="EUC")]), "balances.book: it is missing."),
        (
            wire.ListClassesResponse(classes=[wire.ClassEntry(class_id="a@b")]),
            "classes.record: it is missing.",
        ),
    ],
)
def test_an_answer_that_leaves_out_what_it_is_about_is_refused(answer: Message, why: str) -> None:
    with pytest.raises(VerificationFailed) as refused:
        check_answer(answer, UNITS)
    assert refused.value.why == why


def test_a_holding_of_a_class_that_there_is_not_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="this network has no class 'none@emilia'"):
        ClassUnits()["none@emilia"]


@pytest.mark.parametrize("transaction", [b"", b"\xff", b"\x0a\x01x"])
def test_bytes_that_are_no_transaction_are_refused(transaction: bytes) -> None:
    with pytest.raises(VerificationFailed, match="the bytes are no transaction with its result"):
        check_transaction(wire.GetTransactionResponse(transaction=transaction))


class Lister:
    """A node whose list of accounts, and whose statement, never end, or end too soon."""

    nothing = False

    def close(self) -> None:
        pass

    def read(self, method: str, request: Message, timeout_s: float) -> Message:
        if method == "ListAccounts" and self.nothing:
            return wire.ListAccountsResponse(more=True)
        if method == "ListAccounts":
            return wire.ListAccountsResponse(
                accounts=[wire.GetAccountResponse(account="emilia/a")], more=True
            )
        line = wire.StatementLine(book=CREDIT, unit="EUC")
        return wire.GetStatementResponse(lines=[line] * 100, next="1.1")


def test_lists_that_never_end_are_refused(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "LINES_MAX", 1_000)
    with Client(node.network()) as client:
        client.nodes.close()
        client.nodes = lister = Lister()  # type: ignore[assignment]
        with pytest.raises(VerificationFailed, match="It is not ascending, and might never end"):
            list(client.accounts("emilia"))
        lister.nothing = True
        with pytest.raises(VerificationFailed, match="It says that there are more, and names none"):
            list(client.accounts("emilia"))
        with pytest.raises(UsageProblem, match="It has more than 1,000 lines, or the node makes them up"):
            statement_of(client, "emilia/a", 0, 0)
