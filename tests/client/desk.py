"""A desk at a real network: one federation, one node, one small economy built through the commands.

`open_desk` gives the desk; whoever sits at it types `ayni` commands and reads what they say.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.cli import main
from client.keys import Keystore
from client.networks import load_networks
from client.testnet import Testnet
from tests.client.conftest import CHEAP, PASSWORD, Result, three_lines
from tests.network import running_network

SHARES = "shares-2026@emilia/cadiai"
HOURS = "hours@emilia"
ENVIRONMENT = ("AYNI_HOME", "AYNI_NETWORK", "AYNI_NODE", "AYNI_KEYSTORE", "AYNI_KEYSTORE_PASSWORD")


class Desk:
    """Somebody who types `ayni` commands."""

    def __init__(self, testnet: Testnet) -> None:
        self.testnet = testnet
        self.home = testnet.home
        self.name = next(iter(load_networks(testnet.home).entries))

    def run(self, *arguments: str | Path) -> Result:
        """Runs one command."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(one) for one in arguments])
        return Result(int(code), out.getvalue(), err.getvalue())

    def do(self, *arguments: str | Path) -> str:
        """Runs one command, which must succeed; returns what it says."""
        result = self.run(*arguments)
        assert result.code == 0, f"{arguments}\n{result.out}{result.err}"
        return result.out

    def read(self, *arguments: str | Path) -> Any:
        """What a read says as JSON, which must be versioned and hold no amount as a number."""
        document = json.loads(self.do(*arguments, "--json"), parse_float=pytest.fail)
        assert document["ayni"] == 1
        return document

    def refused(self, *arguments: str | Path) -> list[str]:
        """Runs one command, which the ledger's rules must refuse; returns the three lines."""
        result = self.run(*arguments)
        assert result.code == 3, f"{arguments}\n{result.out}{result.err}"
        return three_lines(result.err)


@contextlib.contextmanager
def open_desk(directory: Path) -> Iterator[Desk]:
    """A network of one federation, and a desk that holds every key of it."""
    before = {name: os.environ.pop(name, None) for name in ENVIRONMENT}
    try:
        with running_network(directory, 1) as testnet:
            os.environ |= {"AYNI_HOME": str(testnet.home), "AYNI_KEYSTORE_PASSWORD": PASSWORD}
            founder = testnet.founders[0]
            seeds = {"decision": founder.decision.seed, "service": founder.service.seed}
            Keystore(testnet.home / "keystore.json", lambda new: PASSWORD, CHEAP).put(seeds)
            desk = Desk(testnet)
            found_economy(desk, directory)
            yield desk
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def found_economy(desk: Desk, directory: Path) -> None:
    """Two accredited organisations, people, a class of shares, a class of hours, and some of each."""
    desk.do("keys", "new", "cadiai", "camst", "anna")
    charter = directory / "charter.txt"
    charter.write_text("one member, one vote")
    path = directory / "decision.json"
    terms = ("--charter", charter, "--user-seats", "60", "--non-members", "10")
    draft = ("decision", "draft")
    desk.do(*draft, "accredit", "emilia/cadiai", "--key", "cadiai", *terms, "-o", path)
    more = ("--add-to", path, "-o", path)
    desk.do(*draft, "accredit", "emilia/camst", "--key", "camst", *terms, *more)
    for organisation in ("emilia/cadiai", "emilia/camst"):
        desk.do(*draft, "ceiling", organisation, "5000", "EUC", *more)
        desk.do(*draft, "ceiling", organisation, "100", "HRS", *more)
    desk.do(*draft, "parameter", "unattested-max", "1000:00", "--unit", "HRS", *more)
    desk.do("decision", "sign", path)
    desk.do("decision", "submit", path)

    accounts = directory / "accounts.csv"
    accounts.write_text("account,keys\nemilia/cadiai:anna,anna\nemilia/cadiai:berta,\nemilia/cadiai:carlo,\n")
    desk.do("account", "open", "--csv", accounts)
    for organisation in ("emilia/cadiai", "emilia/camst"):
        desk.do(
            "account", "limit", organisation, "--credit-limit", "1000", "EUC", "--credit-limit", "20", "HRS"
        )
    desk.do(
        *("class", "define", SHARES, "--kind", "share", "--unit", "EUC", "--given-for", "money"),
        *("--item-value", "100", "--item-contribution", "100"),
    )
    desk.do("class", "define", HOURS, "--kind", "hours", "--unit", "HRS", "--category", "home-care")
    desk.do(
        *(
            "entitlement",
            "issue",
            SHARES,
            "--to",
            "emilia/cadiai:anna",
            "--items",
            "5",
            "--document",
            charter,
        ),
        *("--date", "2026-01-15"),
    )
    services = directory / "services.csv"
    services.write_text(
        "served_by,recipient,amount,paid,category,fee,fee_unit\n"
        "emilia/cadiai:anna,emilia/cadiai:berta,3:00,organisation,home-care,,\n"
        "emilia/cadiai:carlo,emilia/cadiai:berta,1:30,organisation,home-care,,\n"
    )
    desk.do("entitlement", "serve", HOURS, "--csv", services)
    desk.do(
        *("entitlement", "redeem", SHARES, "120", "--from", "emilia/cadiai:anna", "--at", "emilia/camst"),
        *("--reference", "lunches"),
    )
    desk.do("pool", "contribute", "50", "EUC", "--from", "emilia/camst")
