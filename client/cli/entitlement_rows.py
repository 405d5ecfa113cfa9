"""The CSV files of `ayni entitlement serve` and `ayni entitlement issue`: one line of the transaction a row.

Service columns: `served_by`, `recipient`, `amount`, `paid` (credits, fee, cash or organisation); optional
`date`, `category`, `holder` (credits), `fee`, `fee_unit` (fee, cash), `document` (cash). Issue columns:
`holder`, `items`; optional `date`, `document`. A document is a file, relative to the CSV file. Never sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ayni.v1 import entitlements_pb2
from client.cli.arguments import hash_of_file, value_date
from client.context import Context
from client.output import Unit, parse_amount
from client.tables import CellProblem, Columns, Row, needed, read_table
from ledger import limits

CREDITS, FEE, CASH, ORGANISATION = PAID = ("credits", "fee", "cash", "organisation")
"""How a service was paid."""
SERVICE_COLUMNS = Columns(
    ("served_by", "recipient", "amount", "paid"),
    ("date", "category", "holder", "fee", "fee_unit", "document"),
)
ISSUE_COLUMNS = Columns(("holder", "items"), ("date", "document"))


@dataclass(frozen=True)
class Service:
    """One service as a person writes it down."""

    served_by: str
    recipient: str
    amount: str
    paid: str
    date: str = ""
    category: str = ""
    holder: str = ""
    """Credits: whose hours pay. Default: the recipient's."""
    fee: str = ""
    fee_unit: str = ""
    document: Path | None = None


def read_services(path: Path, context: Context, unit: Unit) -> list[entitlements_pb2.ServiceLine]:
    """Reads service lines. Raises UsageProblem naming the rows at fault."""

    def parse(row: Row) -> entitlements_pb2.ServiceLine:
        for column in ("served_by", "recipient", "amount", "paid"):
            needed(row, column)
        cells = {name: row[name] for name in (*SERVICE_COLUMNS.required, *SERVICE_COLUMNS.optional)}
        document = cells.pop("document")
        return service_line(Service(**cells, document=_beside(path, document)), context, unit)

    return read_table(path, SERVICE_COLUMNS, parse)


def _beside(path: Path, document: str) -> Path | None:
    """The file that a cell names, beside the CSV file or below: its hash is made public. Raises
    CellProblem."""
    if not document:
        return None
    if not document.isprintable() or Path(document).is_absolute() or ".." in Path(document).parts:
        raise CellProblem("document", f"'{document}' does not lie beside the CSV file, or below")
    return path.parent / document


def service_line(service: Service, context: Context, unit: Unit) -> entitlements_pb2.ServiceLine:
    """One line of a service record (H1). Raises CellProblem, ClientError."""
    for column, account in (("served_by", service.served_by), ("recipient", service.recipient)):
        if not limits.HOSTED_NAME.match(account):
            raise CellProblem(column, f"'{account}' is no person's account, like emilia/cadiai:m-0412")
    if service.category and not limits.CATEGORY.match(service.category):
        raise CellProblem("category", f"'{service.category}' is no category: use a-z, 0-9 and -")
    line = entitlements_pb2.ServiceLine(
        served_by=service.served_by,
        recipient=service.recipient,
        value_date=value_date(service.date),
        amount_minor=parse_amount(service.amount, unit),
        category=service.category,
    )
    _pay(line, service, context)
    return line


def _pay(line: entitlements_pb2.ServiceLine, service: Service, context: Context) -> None:
    """How it was paid (H3, H4)."""
    if service.paid not in PAID:
        raise CellProblem("paid", f"'{service.paid}' is none of {', '.join(PAID)}")
    if service.holder and service.paid != CREDITS:
        raise CellProblem("holder", f"only credits have a holder, and this was paid by {service.paid}")
    if bool(service.fee or service.fee_unit) != (service.paid in (FEE, CASH)):
        raise CellProblem("fee", "an amount and its unit go with fee and cash, and with nothing else")
    if bool(service.document) != (service.paid == CASH):
        raise CellProblem("document", "the receipt goes with cash, and with nothing else")
    match service.paid:
        case "credits":
            line.credits.holder = service.holder or service.recipient
        case "organisation":
            line.organisation.SetInParent()
        case _:
            if not (service.fee and service.fee_unit):
                raise CellProblem("fee", "both an amount and its unit are needed")
            line.fee.unit = service.fee_unit
            line.fee.amount_minor = parse_amount(service.fee, context.unit(service.fee_unit))
            line.fee.in_cash = service.paid == CASH
            if service.document is not None:
                line.fee.document_hash = hash_of_file(service.document)


def read_issues(path: Path) -> list[entitlements_pb2.IssueLine]:
    """Reads lines of an issue. Raises UsageProblem naming the rows at fault."""

    def parse(row: Row) -> entitlements_pb2.IssueLine:
        document = _beside(path, row["document"])
        return issue_line(needed(row, "holder"), needed(row, "items"), row["date"], document)

    return read_table(path, ISSUE_COLUMNS, parse)


def issue_line(holder: str, items: str, date: str, document: Path | None) -> entitlements_pb2.IssueLine:
    """One line of an issue (E2). Raises CellProblem, ClientError."""
    if not limits.ACCOUNT_NAME.match(holder):
        raise CellProblem("holder", f"'{holder}' is not an account's name, like emilia/cadiai:m-0412")
    is_whole = items.isascii() and items.isdecimal() and len(items) <= 20
    if not (is_whole and 1 <= int(items) <= limits.AMOUNT_MAX):
        raise CellProblem("items", f"'{items[:40]}' is not a number of items")
    return entitlements_pb2.IssueLine(
        holder=holder,
        items=int(items),
        value_date=value_date(date),
        document_hash=hash_of_file(document) if document else b"",
    )
