"""The second recomputation, of reversals (R1 to R5).

Part of naive.py, and under its rules. The lots and deposits of an original are read from its result in the
log, which was compared with the recomputed one when the original was applied.
"""

from __future__ import annotations

from audit.naive_books import POOL, Fault, Lot, NaiveBooks, Taken
from audit.naive_entitlements import used
from ayni.v1 import credit_pb2, entitlements_pb2, result_pb2, transaction_pb2


def reverse(books: NaiveBooks, reversal: credit_pb2.Reversal, result: result_pb2.Result) -> None:
    """The negative of part of an original, line by line."""
    logged = books.sources.transaction(reversal.original_tx_id)
    if logged is None:
        raise Fault("reversal.original_tx_id", "it cites a transaction that is not in the log")
    signed = transaction_pb2.SignedTransaction.FromString(logged.raw)
    body = transaction_pb2.Body.FromString(signed.body)
    stated = result_pb2.Result.FromString(logged.result)
    uses: dict[int, list[result_pb2.LotUse]] = {}
    for use in stated.lots_used:
        uses.setdefault(use.line, []).append(use)
    for number, line in enumerate(reversal.lines):
        key = reversal.original_tx_id, line.line
        before = books.taken_back.get(key, Taken())
        used_there = uses.get(line.line, [])
        back = _LineTakenBack(books, result, body, logged.log_index, stated, used_there, number, line, before)
        back.check_bound()
        deposit, price = back.post()
        books.taken_back[key] = Taken(
            before.amount + line.amount_minor, before.deposit + deposit, before.price + price
        )


class _LineTakenBack:
    """One line of a reversal."""

    def __init__(
        self,
        books: NaiveBooks,
        result: result_pb2.Result,
        body: transaction_pb2.Body,
        log_index: int,
        stated: result_pb2.Result,
        uses: list[result_pb2.LotUse],
        number: int,
        line: credit_pb2.ReversalLine,
        before: Taken,
    ) -> None:
        self.books = books
        self.result = result
        """Of the reversal: what the log should say."""
        self.body = body
        """Of the original, as the rest of these."""
        self.origin = log_index, line.line
        self.stated = stated
        self.uses = uses
        """The lots that its line used, in order."""
        self.number = number
        """The line's position in the reversal."""
        self.amount = line.amount_minor
        self.before = before

    def check_bound(self) -> None:
        """R1: cumulatively at most what the original's line moved."""
        body, at = self.body, self.origin[1]
        match body.WhichOneof("payload"):
            case "transfer":
                moved = body.transfer.legs[at].amount_minor
            case "issue_entitlements":
                issue = body.issue_entitlements
                moved = issue.lines[at].items * self.books.class_of(issue.class_id).item_value_minor
            case "redeem_entitlements":
                moved = body.redeem_entitlements.amount_minor
            case "record_service":
                moved = body.record_service.lines[at].amount_minor
            case _:
                raise Fault("reversal.original_tx_id", "it cites a transaction that cannot be reversed")
        beyond = self.before.amount + self.amount - moved
        if beyond > 0:
            raise Fault(f"reversal.lines[{self.number}]", f"{beyond} more is taken back than the line moved")

    def post(self) -> tuple[int, int]:
        """Post it; return what of the deposit and of the price or fee goes back with it."""
        body, at = self.body, self.origin[1]
        match body.WhichOneof("payload"):
            case "transfer":
                leg = body.transfer.legs[at]
                self.books.pay(leg.payee, leg.payer or body.author, leg.unit, self.amount)
                return 0, 0
            case "issue_entitlements":
                return self._issue(body.issue_entitlements, body.issue_entitlements.lines[at])
            case "redeem_entitlements":
                redemption = body.redeem_entitlements
                class_id, provider = redemption.class_id, redemption.provider
                self._restore(redemption.holder, provider, class_id)
                if self.books.class_of(class_id).kind == entitlements_pb2.KIND_HOURS:
                    self._cancel(class_id, provider, redemption.served_by)
                return 0, 0
            case "record_service":
                return self._service(body.record_service.class_id, body.record_service.lines[at])
        raise Fault("reversal.original_tx_id", "it cites a transaction that cannot be reversed")

    def _issue(
        self, issue: entitlements_pb2.IssueEntitlements, line: entitlements_pb2.IssueLine
    ) -> tuple[int, int]:
        """R3."""
        books, issuer = self.books, self.body.author
        policy = books.class_of(issue.class_id)
        value = line.items * policy.item_value_minor
        self._cancel(issue.class_id, issuer, line.holder)
        deposit = self._part(self.stated.deposits_minor[self.origin[1]], value, self.before.deposit)
        deposit = min(deposit, books.deposits[issuer, policy.unit])
        books.pay(POOL, issuer, policy.unit, deposit)
        books.deposits[issuer, policy.unit] -= deposit
        self.result.deposits_minor.append(deposit)
        if policy.given_for != entitlements_pb2.GIVEN_FOR_CREDIT:
            return deposit, 0
        price = self._part(line.items * policy.item_contribution_minor, value, self.before.price)
        books.pay(issuer, line.holder, policy.unit, price)
        return deposit, price

    def _service(self, class_id: str, line: entitlements_pb2.ServiceLine) -> tuple[int, int]:
        """R4, and R5 for a line that was paid with credits."""
        host, paid = self.body.author, line.WhichOneof("paid")
        if paid == "credits":
            self._restore(line.credits.holder, host, class_id)
        self._cancel(class_id, host, line.served_by)
        if paid != "fee" or line.fee.in_cash:
            return 0, 0
        fee = self._part(line.fee.amount_minor, line.amount_minor, self.before.price)
        self.books.pay(host, line.recipient, line.fee.unit, fee)
        return 0, fee

    def _part(self, whole: int, value: int, returned: int) -> int:
        """R3, R4: floor(whole × V′ / V) less what was returned before."""
        return whole * (self.before.amount + self.amount) // value - returned

    def _cancel(self, class_id: str, issuer: str, holder: str) -> None:
        """The holder's lots of that origin −v, issuer's outstanding −v."""
        books, (origin, line) = self.books, self.origin
        for lot in books.held[holder, class_id]:  # there is one at most
            same = lot.origin_line == line and lot.origin == origin and lot.issuer == issuer
            if same and not books.is_expired(lot):
                books.remove_lot(holder, class_id, lot, self.amount)
                used(self.result, self.number, lot, self.amount)
                break
        else:
            raise Fault(f"reversal.lines[{self.number}]", f"{holder} holds nothing of that origin to use")
        books.figures[class_id, issuer].cancelled += self.amount
        unit = books.class_of(class_id).unit
        books.outstanding[issuer, unit] -= self.amount
        books.count("contributed", issuer, unit, -self.amount)

    def _restore(self, holder: str, provider: str, class_id: str) -> None:
        """R5: of the lots used, latest first, the holder's again; dues of the open period go back."""
        books = self.books
        unit = books.class_of(class_id).unit
        skip, missing = self.before.amount, self.amount
        for use in reversed(self.uses):
            part = min(missing, max(0, use.amount_minor - skip))
            skip = max(0, skip - use.amount_minor)
            if not part:
                continue
            missing -= part
            lot = Lot(
                use.value_date, use.origin, use.origin_line, use.issuer, use.expires_on, use.issuer_only
            )
            books.add_lot(holder, class_id, lot, part)
            books.figures[class_id, use.issuer].redeemed -= part
            books.outstanding[use.issuer, unit] += part
            if use.issuer != provider:
                books.owe(provider, use.issuer, unit, part)
        books.count("served", provider, unit, missing - self.amount)
        if missing:
            raise Fault("reversal.lines", f"{missing} more is taken back than the original used")
