"""The year that the demo replays: a real time bank's totals, spread by a documented rule.

Real (published): NALC, Japan, 2010: 12,367 volunteer members assisted 3,126 dependent members, earned
198,091 credits and redeemed 10,548; the rest of the care was paid by user fees or by the organisation;
nearly 1.7 million credits had accumulated over the years. A credit is one hour. (The number of offices,
119, is from a later year.) Ours: everything else, from a seed, by this rule:

1.  Offices fall into four federations as evenly as 119 allows. An office has a weight from 50 to 200;
    volunteers and recipients are spread over the offices by weight, at least one each.
2.  What had accumulated is taken as exactly 1,698,000 credits, spread over the volunteers by a weight
    from 1 to 100, at least 20 credits each. Their office issued them.
3.  One volunteer in twelve redeems, and has keys; for the others their office holds the account.
    Redeemed credits come in pieces of 1 to 4 hours: 30 of 100 credits at another office, drawn evenly
    from the 118, the rest at one's own. Any other volunteer of the providing office serves, and earns.
4.  Every other earned credit is service recorded by the volunteer's office, in pieces of 5 to 20 hours:
    every volunteer serves once, every recipient is cared for once, and who else is drawn evenly.
5.  Of those pieces 55 in 100 are paid by user fee, 6.00 EUC an hour, the others by the organisation. One
    recipient in fifteen has paid in advance and pays fees in credit; the others pay in cash (a memo).
6.  Months are drawn with weights 8 8 9 9 9 9 8 7 9 9 8 7, days evenly from 1 to 28.

It never touches a network; `client.demo.runner` does. Beside it, `client.demo.shares` has the care co-ops.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from random import Random

from client.demo.spread import by_weight, in_pieces, random_weights, shuffled

MINUTES = 60
"""Minutes in a credit, and the scale of HRS."""
YEAR = 2010
MONTHS = 12
FEDERATIONS = ("chubu", "kansai", "kanto", "kyushu")
FEE_AN_HOUR_MINOR = 6_00
"""EUC cents."""
ELSEWHERE_PERCENT = 30
FEE_PERCENT = 55
PIECE_HOURS = (5, 20)
VOLUNTEERS_A_REDEEMER = 12
RECIPIENTS_A_PREPAYER = 15
OPENING_LEAST = 20
MONTH_WEIGHTS = (8, 8, 9, 9, 9, 9, 8, 7, 9, 9, 8, 7)
CATEGORIES = ("companionship", "housework", "meals", "transport")


@dataclass(frozen=True)
class Totals:
    """What must come out exactly. Credits are whole hours."""

    volunteers: int
    recipients: int
    earned: int
    redeemed: int
    opening: int
    offices: int

    @property
    def real(self) -> bool:
        """Whether these are the published totals."""
        return self == REAL


REAL = Totals(
    volunteers=12_367, recipients=3_126, earned=198_091, redeemed=10_548, opening=1_698_000, offices=119
)


def scaled(part: int) -> Totals:
    """A year of about one `part`-th of the real one, for tests. Not real totals, and never said to be."""
    offices = max(len(FEDERATIONS), REAL.offices // part)
    return Totals(
        volunteers=max(offices * 12, REAL.volunteers // part),
        recipients=max(offices * 3, REAL.recipients // part),
        earned=max(offices * 240, REAL.earned // part),
        redeemed=max(offices * 8, REAL.redeemed // part),
        opening=max(offices * 400, REAL.opening // part),
        offices=offices,
    )


@dataclass(frozen=True)
class Office:
    """An accredited organisation of the time bank, and those it hosts."""

    federation: str
    name: str
    """The organisation's account, "kanto/nalc-061"."""
    volunteers: tuple[str, ...]
    recipients: tuple[str, ...]
    opening_hours: tuple[int, ...]
    """What each volunteer had accumulated, in the order of `volunteers`."""

    @property
    def coordinator(self) -> str:
        """The account with keys of its own that attests the office's records."""
        return f"{self.name}:coordinator"


@dataclass(frozen=True, slots=True)
class Service:
    """One line of a monthly record."""

    served_by: str
    recipient: str
    hours: int
    day: int
    """Days since 1970-01-01."""
    category: str
    fee: bool
    """Paid by user fee (else by the organisation)."""
    in_credit: bool
    """The fee is paid in credit (else in cash)."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """One member uses credits."""

    holder: str
    provider: str
    served_by: str
    hours: int
    day: int
    category: str


@dataclass
class Month:
    """What happens in one month: records by office, and redemptions."""

    number: int
    records: dict[str, list[Service]] = field(default_factory=dict)
    redemptions: list[Redemption] = field(default_factory=list)


@dataclass(frozen=True)
class Scenario:
    """The whole year."""

    seed: int
    totals: Totals
    offices: tuple[Office, ...]
    redeemers: frozenset[str]
    """Volunteers with keys of their own."""
    prepaid_minor: dict[str, int]
    """EUC that recipients had paid in advance, by recipient: exactly what their fees in credit come to."""
    months: tuple[Month, ...]


def build_scenario(seed: int, totals: Totals = REAL) -> Scenario:
    """The year of `seed`: the same seed, the same year."""
    chance = Random(seed)
    offices = _offices(totals, chance)
    home = {volunteer: office for office in offices for volunteer in office.volunteers}
    volunteers = list(home)
    redeemers = [
        volunteers[index]
        for index in sorted(shuffled(range(len(volunteers)), chance)[: _redeemer_count(totals)])
    ]
    months = tuple(Month(number) for number in range(1, MONTHS + 1))
    _redeem(totals, offices, home, redeemers, months, chance)
    recipients = [recipient for office in offices for recipient in office.recipients]
    order = shuffled(range(len(recipients)), chance)
    prepayers = frozenset(
        recipients[index] for index in order[: max(1, len(recipients) // RECIPIENTS_A_PREPAYER)]
    )
    _serve(totals, offices, home, prepayers, months, chance)
    prepaid: dict[str, int] = {}
    for month in months:
        for lines in month.records.values():
            for line in lines:
                if line.in_credit:
                    fee = line.hours * FEE_AN_HOUR_MINOR
                    prepaid[line.recipient] = prepaid.get(line.recipient, 0) + fee
    return Scenario(seed, totals, offices, frozenset(redeemers), prepaid, months)


def _redeemer_count(totals: Totals) -> int:
    """One volunteer in twelve, and enough that nobody needs more than half of the least opening."""
    return max(totals.volunteers // VOLUNTEERS_A_REDEEMER, -(-2 * totals.redeemed // OPENING_LEAST))


def _offices(totals: Totals, chance: Random) -> tuple[Office, ...]:
    weights = random_weights(totals.offices, 50, 200, chance)
    volunteers = by_weight(totals.volunteers, weights, least=2)
    recipients = by_weight(totals.recipients, weights, least=1)
    accumulated = by_weight(
        totals.opening, random_weights(totals.volunteers, 1, 100, chance), least=OPENING_LEAST
    )
    federation_of = [
        federation
        for federation, count in zip(
            FEDERATIONS, by_weight(totals.offices, [1] * len(FEDERATIONS)), strict=True
        )
        for _ in range(count)
    ]
    offices, taken = [], 0
    for index, federation in enumerate(federation_of):
        name = f"{federation}/nalc-{index + 1:03d}"
        count = volunteers[index]
        offices.append(
            Office(
                federation,
                name,
                tuple(f"{name}:v-{number:04d}" for number in range(1, count + 1)),
                tuple(f"{name}:r-{number:04d}" for number in range(1, recipients[index] + 1)),
                tuple(accumulated[taken : taken + count]),
            )
        )
        taken += count
    return tuple(offices)


def _redeem(
    totals: Totals,
    offices: tuple[Office, ...],
    home: dict[str, Office],
    redeemers: list[str],
    months: tuple[Month, ...],
    chance: Random,
) -> None:
    """Rule 3. A holder never needs more than had accumulated before the year."""
    left = dict.fromkeys(redeemers, OPENING_LEAST)
    elsewhere = totals.redeemed * ELSEWHERE_PERCENT // 100
    kinds = [(hours, True) for hours in in_pieces(elsewhere, 1, 4, chance)]
    kinds += [(hours, False) for hours in in_pieces(totals.redeemed - elsewhere, 1, 4, chance)]
    for index in shuffled(range(len(kinds)), chance):
        hours, away = kinds[index]
        holder = redeemers[chance.randrange(len(redeemers))]
        while left[holder] < hours:
            holder = redeemers[chance.randrange(len(redeemers))]
        left[holder] -= hours
        own = home[holder]
        provider = own
        while away and provider is own:
            provider = offices[chance.randrange(len(offices))]
        served_by = holder
        while served_by == holder:
            served_by = provider.volunteers[chance.randrange(len(provider.volunteers))]
        month = _month(months, chance)
        month.redemptions.append(
            Redemption(holder, provider.name, served_by, hours, _day(month, chance), _category(chance))
        )


def _serve(
    totals: Totals,
    offices: tuple[Office, ...],
    home: dict[str, Office],
    prepayers: frozenset[str],
    months: tuple[Month, ...],
    chance: Random,
) -> None:
    """Rules 4 and 5."""
    volunteers = list(home)
    pieces = in_pieces(totals.earned - totals.redeemed, *PIECE_HOURS, chance)
    if len(pieces) < len(volunteers):
        raise ValueError(f"{len(pieces)} pieces of service are not enough for {len(volunteers)} volunteers")
    unseen = {
        office.name: [office.recipients[index] for index in shuffled(range(len(office.recipients)), chance)]
        for office in offices
    }
    for index, hours in enumerate(pieces):
        # Every volunteer serves once; who serves more often is drawn.
        first = index < len(volunteers)
        served_by = volunteers[index if first else chance.randrange(len(volunteers))]
        office = home[served_by]
        if unseen[office.name]:
            recipient = unseen[office.name].pop()
        else:
            recipient = office.recipients[chance.randrange(len(office.recipients))]
        fee = chance.randrange(100) < FEE_PERCENT
        month = _month(months, chance)
        month.records.setdefault(office.name, []).append(
            Service(
                served_by,
                recipient,
                hours,
                _day(month, chance),
                _category(chance),
                fee,
                fee and recipient in prepayers,
            )
        )
    if left := sorted(name for name, recipients in unseen.items() if recipients):
        raise ValueError(f"recipients of {', '.join(left)} were never cared for: too few pieces of service")


def _month(months: tuple[Month, ...], chance: Random) -> Month:
    drawn = chance.randrange(sum(MONTH_WEIGHTS))
    for month, weight in zip(months, MONTH_WEIGHTS, strict=True):
        if drawn < weight:
            return month
        drawn -= weight
    raise ValueError("a month's weight is negative")


def _day(month: Month, chance: Random) -> int:
    return day_of(month.number, chance.randrange(1, 29))


def day_of(month: int, day: int) -> int:
    """A day of the year as days since 1970-01-01."""
    return (datetime.date(YEAR, month, day) - datetime.date(1970, 1, 1)).days


def _category(chance: Random) -> str:
    return CATEGORIES[chance.randrange(len(CATEGORIES))]
