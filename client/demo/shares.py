"""The care co-ops beside the time bank: capital shares, redeemed much elsewhere, and one issuer in trouble.

All of it is ours, drawn from the seed. One care co-op in each federation issues shares of 100 EUC to 24
contributors. From the second month contributors redeem: half at another care co-op, half at home. The
second co-op is the one that runs to its limit: until the sixth month its contributors redeem all they
redeem elsewhere, more than it can pay; it pays from credit down to its limit, then from its deposit, then
is in arrears while the pool advances what was voted; it tries to issue and is refused. From the seventh
month the others' contributors come to it and offices pay it for training, until it owes nothing and issues
again.

Pure; never touches a network. What really came of it is read from the settlements, not from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from client.demo.scenario import FEDERATIONS, MONTHS, Office, day_of

ITEM_MINOR = 100_00
"""Value, and contribution, of one share: EUC cents."""
CONTRIBUTORS = 24
TROUBLED = 1
"""Index of the co-op that runs to its limit."""
TURN = 7
"""The month from which it recovers."""
RETURN = 11
"""The month in which it issues again."""
CEILING_MINOR = 90_000_00
LIMIT_MINOR = 12_000_00
TROUBLED_LIMIT_MINOR = 6_000_00
TROUBLED_ITEMS = 16
TRAINING_MINOR = 40_00
TRAINED_OFFICES = 30


@dataclass(frozen=True)
class CareCoop:
    """An issuer of shares, and a provider."""

    federation: str
    name: str
    contributors: tuple[str, ...]
    items: tuple[int, ...]
    """Shares each contributor buys in the first month."""
    limit_minor: int

    @property
    def class_id(self) -> str:
        """Its class of shares."""
        return f"shares-2010@{self.name}"


@dataclass(frozen=True, slots=True)
class ShareRedemption:
    """A contributor uses shares of one co-op at a provider."""

    coop: CareCoop
    holder: str
    provider: str
    amount_minor: int
    day: int


@dataclass(frozen=True, slots=True)
class Training:
    """Offices pay a co-op for training: one transfer of many legs."""

    coop: CareCoop
    payers: tuple[str, ...]
    amount_minor: int
    """Each."""
    day: int


@dataclass
class ShareMonth:
    """What happens with shares in one month."""

    number: int
    redemptions: list[ShareRedemption] = field(default_factory=list)
    training: list[Training] = field(default_factory=list)
    refused_issue: bool = False
    """The co-op in trouble tries to issue one share, and must be refused."""
    issues_again: bool = False


@dataclass(frozen=True)
class ShareYear:
    """The care co-ops and their year."""

    coops: tuple[CareCoop, ...]
    months: tuple[ShareMonth, ...]

    @property
    def troubled(self) -> CareCoop:
        """The one that runs to its limit."""
        return self.coops[TROUBLED]


def build_shares(seed: int, offices: tuple[Office, ...]) -> ShareYear:
    """The share year of `seed`."""
    chance = Random(seed + 1)
    coops = tuple(_coop(index, federation, chance) for index, federation in enumerate(FEDERATIONS))
    months = tuple(ShareMonth(number) for number in range(1, MONTHS + 1))
    spent: dict[str, int] = {}
    for month in months[1:]:
        for index, coop in enumerate(coops):
            _redeem(month, coops, index, spent, chance)
            if index != TROUBLED or month.number >= TURN:
                month.training.append(_training(month.number, coop, offices))
    months[TURN - 1].refused_issue = True
    months[RETURN - 1].issues_again = True
    return ShareYear(coops, months)


def _coop(index: int, federation: str, chance: Random) -> CareCoop:
    name = f"{federation}/care-coop"
    troubled = index == TROUBLED
    return CareCoop(
        federation,
        name,
        tuple(f"{name}:c-{number:02d}" for number in range(1, CONTRIBUTORS + 1)),
        tuple(TROUBLED_ITEMS if troubled else chance.randrange(15, 26) for _ in range(CONTRIBUTORS)),
        TROUBLED_LIMIT_MINOR if troubled else LIMIT_MINOR,
    )


def _redeem(
    month: ShareMonth, coops: tuple[CareCoop, ...], index: int, spent: dict[str, int], chance: Random
) -> None:
    """Six redemptions a month (the co-op in trouble: eight larger ones before the turn, two after)."""
    coop = coops[index]
    early = month.number < TURN
    troubled = index == TROUBLED
    count = 6 if not troubled else 8 if early else 2
    for number in range(count):
        amount = (300 if troubled else chance.randrange(8, 13) * 25) * 100
        who = chance.randrange(CONTRIBUTORS)
        while spent.get(coop.contributors[who], 0) + amount > coop.items[who] * ITEM_MINOR:
            who = chance.randrange(CONTRIBUTORS)
        holder = coop.contributors[who]
        spent[holder] = spent.get(holder, 0) + amount
        provider = coop
        if troubled and early:
            provider = coops[_other(chance, index)]
        elif not troubled and number % 2:
            # Before the turn nobody goes to the co-op in trouble; from then on everybody does.
            provider = coops[TROUBLED] if not early else coops[_other(chance, index, TROUBLED)]
        day = day_of(month.number, chance.randrange(1, 29))
        month.redemptions.append(ShareRedemption(coop, holder, provider.name, amount, day))


def _other(chance: Random, *excluded: int) -> int:
    index = excluded[0]
    while index in excluded:
        index = chance.randrange(len(FEDERATIONS))
    return index


def _training(month: int, coop: CareCoop, offices: tuple[Office, ...]) -> Training:
    payers = tuple(office.name for office in offices if office.federation == coop.federation)
    return Training(coop, payers[:TRAINED_OFFICES], TRAINING_MINOR, day_of(month, 15))
