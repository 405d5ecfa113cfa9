"""The network that a simulation begins with: n federations that have worked together for a while.

Made once a process for each size, by the real ledger, with every block certified: genesis, organisations,
people, limits, classes. Its history is on every node's disk when a run begins, so that each run spends its
time on what may go wrong.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any, NamedTuple

from ayni.v1 import entitlements_pb2 as ent
from ayni.v1.genesis_pb2 import PARAMETER_NAME_PERIOD_MIN_MS
from ledger.genesis import Founding
from node.store import Batch
from node.tables import Tables
from tests.audit.history import History, accredit, ceiling, hours_class, opened, parameters, shares_class
from tests.audit.random_transactions import Cast
from tests.sim.disk import Disk, SimulatedDatabase
from tests.vectors.founding import genesis

FEDERATIONS = (
    "andes", "bahia", "chiapas", "emilia", "friuli", "ghana", "hokkaido",
    "iseo", "japan", "kerala", "lombardia", "mali", "quebec",
)  # fmt: skip
PERIOD_MIN_MS = 4_000
BITS = 4


class Founded(NamedTuple):
    """A network at the moment that a run begins."""

    federations: tuple[str, ...]
    cast: Cast
    history: History
    founding: Founding
    image: dict[bytes, bytes]
    """Every row of a node's disk."""


def cast_of(federations: tuple[str, ...]) -> Cast:
    """The people of a network; the first and the last federation have the organisations."""
    first, second = federations[0], federations[-1]
    organisations = (f"{first}/cadiai", f"{first}/zenit", f"{second}/osaka", f"{second}/tokyo")
    people = tuple(f"{name}:{person}" for name in organisations for person in ("ana", "bo"))
    shares = (f"credit@{first}/zenit", f"shares@{first}/cadiai", f"shares@{second}/osaka")
    return Cast(organisations, people, shares, f"hours@{second}")


@cache
def founded(members: int) -> Founded:
    """The network of n federations, its history, and a disk with it."""
    federations = FEDERATIONS[:members]
    cast = cast_of(federations)
    document = genesis(federations, BITS)
    document.parameters.extend(parameters((PARAMETER_NAME_PERIOD_MIN_MS, "", PERIOD_MIN_MS)))
    history = History(federations, BITS, document)
    _found(history, cast)
    return Founded(federations, cast, history, history.founding, _image(history))


def _found(history: History, cast: Cast) -> None:
    items = [accredit(name) for name in cast.organisations]
    items += [ceiling(name, "EUC", 60_000) for name in cast.organisations]
    items += [ceiling(name, "HRS", 900) for name in cast.organisations]
    history.block(history.decide(*items))
    for name in cast.organisations:
        people = [opened(person) for person in cast.people if person.startswith(f"{name}:")]
        history.block(history.tx(name, open_accounts={"accounts": people}))
    everyone = sorted(cast.everyone)
    for federation in sorted({name.partition("/")[0] for name in everyone}):
        limits = [
            {"unit": "EUC", "credit_limit_minor": 12_000},
            {"unit": "HRS", "credit_limit_minor": 300},
        ]
        accounts = [
            {"account": name, "limits": limits} for name in everyone if name.startswith(f"{federation}/")
        ]
        history.block(history.tx(federation, set_limits={"accounts": accounts}))
    credit = {"given_for": ent.GIVEN_FOR_CREDIT, "item_contribution_minor": 1_300}
    _define(history, shares_class(class_id=cast.shares[0], item_value_minor=1_300, **credit))
    _define(history, shares_class(class_id=cast.shares[1]))
    _define(history, shares_class(class_id=cast.shares[2], expires_after_days=0, item_value_minor=777))
    _define(history, hours_class(class_id=cast.hours, expires_after_days=25))


def _define(history: History, policy: dict[str, Any]) -> None:
    owner = str(policy["class_id"]).partition("@")[2]
    history.block(history.tx(owner, define_class=policy))


def _image(history: History) -> dict[bytes, bytes]:
    """The rows that production writes for this history."""
    disk = Disk(random.Random(0), "founding")
    database = SimulatedDatabase(disk, history.hash)
    tables = Tables(database, BITS)
    batch = Batch()
    tables.found(batch, history.chain.founding_records(history.founding), history.hash)
    database.write(batch)
    for final, certified in zip(history.finals, history.blocks, strict=True):
        batch = Batch()
        tables.add(batch, final, certified)
        database.write(batch)
    return disk.image()
