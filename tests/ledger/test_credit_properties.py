"""Whatever is submitted: books sum to zero, quotas count what is granted, and a naive model agrees.

The model keeps plain dictionaries and shares no code with the rules. It says what must come of each
transaction before the ledger is asked.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from ledger import records
from ledger.books import CreditBook, pay
from ledger.rule import Context
from ledger.state import Overlay, State
from tests.ledger.world import QUOTA, World, standard

ORGANISATIONS = ("emilia/cadiai", "japan/nalc", "kenya/shamba")
PEOPLE = ("emilia/cadiai:m-1", "japan/nalc:v-1", "kenya/shamba:f-1")
ACCOUNTS = ORGANISATIONS + PEOPLE
FEDERATIONS = ("emilia", "japan", "kenya")
SIGNERS = ("emilia", "japan", "kenya")

accounts = st.sampled_from(ACCOUNTS)
organisations = st.sampled_from(ORGANISATIONS)
amounts = st.sampled_from((1, 100, 200, 300, 301, 500, 1000))  # few, so that bounds are met exactly
granted = st.sampled_from((0, 100, 500, 1000, QUOTA - 7000, QUOTA - 6000, QUOTA - 5999, QUOTA))
pairs = st.tuples(accounts, accounts, amounts).filter(lambda leg: leg[0] != leg[1])
legs = st.lists(pairs, min_size=1, max_size=4)


class Ledger(RuleBasedStateMachine):
    """Random transactions, each judged by the model first."""

    transfers = Bundle("transfers")

    @initialize()
    def begin(self) -> None:
        self.world = standard()
        self.balances = dict.fromkeys(ACCOUNTS, 0)
        self.credit_limits = {name: 1000 if name in ORGANISATIONS else 0 for name in ACCOUNTS}
        self.upper_limits: dict[str, int] = {}
        self.ceilings = {"emilia/cadiai": 5000, "japan/nalc": 5000, "kenya/shamba": 0}
        self.quotas = dict.fromkeys(FEDERATIONS, QUOTA)
        self.suspended: set[str] = set()
        self.reversed: dict[tuple[bytes, int], int] = {}

    def submit(
        self, values: dict[str, Any], signers: set[str] | tuple[str, ...], expected: str
    ) -> bytes | None:
        """Checks that `expected` (a code, or "") comes of it; the tx_id if it was accepted."""
        raw = self.world.transaction(values, sorted(set(signers)))
        refusal = self.world.refusal(raw)
        assert (refusal.name if refusal else "") == expected, refusal
        return None if refusal else self.world.block(raw)[0].tx.tx_id

    # --- the model ---------------------------------------------------------------------------------------

    def move(self, moves: list[tuple[str, str, int]]) -> str:
        """Pays in order; nothing when one is refused, whose code is returned."""
        after = dict(self.balances)
        for payer, payee, amount in moves:
            if after[payer] - amount < -self.credit_limits[payer]:
                return "LIMIT_EXCEEDED"
            if payee in self.upper_limits and after[payee] + amount > self.upper_limits[payee]:
                return "UPPER_LIMIT_EXCEEDED"
            after[payer] -= amount
            after[payee] += amount
        self.balances = after
        return ""

    def used(self, federation: str) -> int:
        counted = [*self.credit_limits.items(), *self.ceilings.items()]
        return sum([value for name, value in counted if name.startswith(federation + "/")])

    def grant(self, table: dict[str, int], name: str, value: int) -> str:
        federation = name.partition("/")[0]
        rise = value - table[name]
        if rise > 0 and self.used(federation) + rise > self.quotas[federation]:
            return "QUOTA_EXCEEDED"
        table[name] = value
        return ""

    # --- transactions ------------------------------------------------------------------------------------

    @rule(target=transfers, author=accounts, said=legs)
    def transfer(self, author: str, said: list[tuple[str, str, int]]) -> Any:
        if any(payer in self.suspended for payer, _, _ in said):
            expected = "SUSPENDED"
        else:
            expected = self.move(said)
        named = [
            {"payer": "" if payer == author else payer, "payee": payee, "unit": "EUC", "amount_minor": amount}
            for payer, payee, amount in said
        ]
        signers = {author, *[payer for payer, _, _ in said]}
        tx_id = self.submit({"author": author, "transfer": {"legs": named}}, signers, expected)
        return multiple() if tx_id is None else (tx_id, said)

    @rule(original=transfers, amount=amounts, data=st.data())
    def take_back(self, original: tuple[bytes, list[tuple[str, str, int]]], amount: int, data: Any) -> None:
        tx_id, said = original
        line = data.draw(st.integers(0, len(said) - 1))
        payer, payee, moved = said[line]
        before = self.reversed.get((tx_id, line), 0)
        if before + amount > moved:
            expected = "REVERSAL_BEYOND_ORIGINAL"
        else:
            expected = self.move([(payee, payer, amount)])
        if not expected:
            self.reversed[tx_id, line] = before + amount
        reversal = {"original_tx_id": f"hex:{tx_id.hex()}", "lines": [{"line": line, "amount_minor": amount}]}
        self.submit({"author": payee, "reversal": reversal}, {payee}, expected)

    @rule(what=st.sampled_from(("credit", "upper limit", "ceiling", "quota", "standing")), data=st.data())
    def administer(self, what: str, data: Any) -> None:
        if what == "quota":
            federation = data.draw(st.sampled_from(FEDERATIONS))
            self.vote_quota(federation, data.draw(st.sampled_from((0, 5999, 6000, 6100, QUOTA))))
        elif what == "ceiling":
            self.vote_ceiling(data.draw(organisations), data.draw(granted))
        elif what == "credit":
            self.set_credit_limit(data.draw(accounts), data.draw(granted))
        elif what == "upper limit":
            self.set_upper_limit(data.draw(accounts), data.draw(st.sampled_from((0, 100, 300, 500))))
        else:
            self.suspend_or_reinstate(data.draw(organisations), data.draw(st.booleans()))

    def set_credit_limit(self, name: str, value: int) -> None:
        below = value < -self.balances[name]
        expected = "LIMIT_EXCEEDED" if below else self.grant(self.credit_limits, name, value)
        self.set_limit(name, {"unit": "EUC", "credit_limit_minor": value}, expected)
        if not expected:
            self.upper_limits.pop(name, None)

    def set_upper_limit(self, name: str, value: int) -> None:
        limit = {
            "unit": "EUC",
            "credit_limit_minor": self.credit_limits[name],
            "has_upper_limit": True,
            "upper_limit_minor": value,
        }
        self.set_limit(name, limit, "")
        self.upper_limits[name] = value

    def set_limit(self, name: str, limit: dict[str, Any], expected: str) -> None:
        federation = name.partition("/")[0]
        values = {"author": federation, "set_limits": {"accounts": [{"account": name, "limits": [limit]}]}}
        self.submit(values, {federation}, expected)

    def vote_ceiling(self, name: str, value: int) -> None:
        item = {"ceiling": {"organisation": name, "unit": "EUC", "amount_minor": value}}
        self.decide(item, self.grant(self.ceilings, name, value))

    def vote_quota(self, name: str, value: int) -> None:
        self.decide({"quota": {"federation": name, "unit": "EUC", "amount_minor": value}}, "")
        self.quotas[name] = value

    def decide(self, item: dict[str, Any], expected: str) -> None:
        self.submit({"author": "emilia", "decision": {"items": [item]}}, SIGNERS, expected)

    def suspend_or_reinstate(self, name: str, suspend: bool) -> None:
        if suspend:
            federation = name.partition("/")[0]
            values = {"author": federation, "suspend_organisation": {"organisation": name, "reason": "x"}}
            self.submit(values, {federation}, "SUSPENDED" if name in self.suspended else "")
            self.suspended.add(name)
        else:
            self.decide(
                {"reinstate": {"organisation": name}}, "" if name in self.suspended else "NOT_PERMITTED"
            )
            self.suspended.discard(name)

    # --- what holds always -------------------------------------------------------------------------------

    @invariant()
    def the_model_agrees(self) -> None:
        state = self.world.state
        assert {name: state.balance(name, "EUC").balance for name in ACCOUNTS} == self.balances
        assert sum(self.balances.values()) == 0
        for federation in FEDERATIONS:
            record = state.get(records.QuotaRecord, records.quota_key(federation, "EUC"))
            assert (record.quota, record.used) == (self.quotas[federation], self.used(federation))

    @invariant()
    def what_a_federation_s_accounts_owe_is_within_its_quota_s_use(self) -> None:
        for federation in FEDERATIONS:
            own = [name for name in ACCOUNTS if name.partition("/")[0] == federation]
            assert sum([max(0, -self.balances[name]) for name in own]) <= self.used(federation)

    @invariant()
    def the_whole_state_adds_up(self) -> None:
        self.world.check_invariants()


Ledger.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, suppress_health_check=list(HealthCheck)
)
TestLedger = Ledger.TestCase


def context(world: World) -> Context:
    return Context(State(Overlay(world.state.block.base, None)), 5, world.time_ms, 4, b"")


@settings(max_examples=60)
@given(said=st.lists(st.tuples(accounts, accounts, amounts), max_size=12))
def test_many_payments_in_one_book_are_what_they_are_one_by_one(said: list[tuple[str, str, int]]) -> None:
    world = WORLD
    together, apart = context(world), context(world)
    book = CreditBook(together)
    for line, (payer, payee, amount) in enumerate(said):
        if payer == payee:
            continue
        first = book.pay(payer, payee, "EUC", amount, line, "amount", 20_000, "why")
        second = pay(apart, payer, payee, "EUC", amount, line, "amount", value_date=20_000, reference="why")
        assert first == second
    assert together.postings == apart.postings
    for name in ACCOUNTS:
        assert together.state.balance(name, "EUC") == apart.state.balance(name, "EUC")


@settings(max_examples=25)
@given(parts=st.lists(st.integers(1, 300), min_size=1, max_size=8), items=st.integers(1, 60))
def test_what_comes_back_of_a_deposit_depends_on_how_much_is_taken_back_not_in_how_many_parts(
    parts: list[int], items: int
) -> None:
    """R3."""
    world = standard()
    definition = {
        "class_id": "shares@japan",
        "kind": "SHARE",
        "unit": "EUC",
        "given_for": "MONEY_OUTSIDE",
        "item_value_minor": 11,
        "item_contribution_minor": 11,
        "transferability": "ANYONE",
    }
    world.do({"author": "japan", "define_class": definition})
    lines = [{"holder": "emilia/cadiai:m-1", "items": items, "document_hash": "a"}]
    issue = {"author": "japan/nalc", "issue_entitlements": {"class_id": "shares@japan", "lines": lines}}
    world.do(issue, ["japan/nalc", "emilia/cadiai:m-1"], "issue")
    value = 11 * items
    deposit = -(-value // 10)
    taken = 0
    for part in parts:
        if taken + part > value:
            break
        reversal = {"original_tx_id": "issue", "lines": [{"line": 0, "amount_minor": part}]}
        world.do({"author": "emilia/cadiai:m-1", "reversal": reversal})
        taken += part
        unit = world.state.organisation_unit("japan/nalc", "EUC")
        assert unit.deposit == deposit - deposit * taken // value
        assert unit.outstanding == value - taken
    world.check_invariants()


WORLD = standard()
