"""A genesis, signed by all its founders or not yet: as a document, and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from client.founding import Founding
from client.output import amount_text, decimal_text, print_table, time_json, time_text, units_of
from client.views.pool import PARAMETERS, parameter_json, parameter_text

if TYPE_CHECKING:
    from rich.console import Console


def genesis_json(made: Founding) -> dict[str, Any]:
    """Everything it says; amounts as decimal strings, keys as hexadecimal digits."""
    genesis, units = made.genesis, units_of(made.genesis)
    return {
        "network": genesis.network,
        "genesis_hash": made.hash.hex(),
        "founded": time_json(genesis.time_ms),
        "state_tree_bits": genesis.state_tree_bits,
        "federations": [
            {
                "name": one.name,
                "decision_keys": [key.hex() for key in one.decision_keys.public_keys],
                "threshold": one.decision_keys.threshold,
                "consensus_key": one.consensus_key.hex(),
                "service_key": one.service_key.hex(),
                "signed": made.signatures[one.name],
            }
            for one in genesis.federations
        ],
        "units": [
            {"code": one.code, "scale": one.scale, "nature": _nature(units[one.code].hours)}
            for one in genesis.units
        ],
        "parameters": [parameter_json(one, units) for one in genesis.parameters],
        "quotas": [
            {
                "federation": one.federation,
                "unit": one.unit,
                "amount": decimal_text(one.amount_minor, units[one.unit]),
            }
            for one in genesis.quotas
        ],
        "missing": made.missing,
    }


def print_genesis(console: Console, made: Founding) -> None:
    """The same, and who must still sign."""
    genesis, units = made.genesis, units_of(made.genesis)
    console.print(f"network {genesis.network}, founded {time_text(genesis.time_ms)}")
    console.print(f"genesis {made.hash.hex()}")
    print_table(console, ("federation", "signed", "key for", ""), _key_rows(made))
    rows = [(one.code, _nature(units[one.code].hours), f"{one.scale:,}") for one in genesis.units]
    print_table(console, ("unit", "nature", "smallest parts"), rows, right=("smallest parts",))
    rows = [
        (PARAMETERS.get(one.name, ""), one.unit or "network", parameter_text(one, units))
        for one in genesis.parameters
    ]
    if rows:
        print_table(console, ("parameter", "unit", "value"), rows, right=("value",))
    quotas = [(one.federation, amount_text(one.amount_minor, units[one.unit])) for one in genesis.quotas]
    if quotas:
        print_table(console, ("quota of", "amount"), quotas, right=("amount",))
    owed = ", ".join(f"{name} ({count})" for name, count in made.missing.items())
    console.print(f"must sign still: {owed}" if owed else "signed by all: a network can start from it")


def _key_rows(made: Founding) -> list[tuple[str, str, str, str]]:
    rows = []
    for one in made.genesis.federations:
        who = (one.name, f"{made.signatures[one.name]} of {one.decision_keys.threshold}")
        keys = [("decisions", key) for key in one.decision_keys.public_keys]
        for use, key in [*keys, ("votes", one.consensus_key), ("closing periods", one.service_key)]:
            rows.append((*who, use, key.hex()))
            who = ("", "")
    return rows


def _nature(hours: bool) -> str:
    return "hours" if hours else "mutual credit"
