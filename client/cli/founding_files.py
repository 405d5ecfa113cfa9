"""The files (TOML) that founders write: what they agree on, and each federation's own keys.

Decides what they may say and in which words; together they make one genesis, the same to the byte wherever
they are read. What a genesis may say is M1's (ledger/genesis.py). Never signs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ayni.v1 import genesis_pb2, keys_pb2
from client.cli.arguments import amount_or_zero, parameter_value
from client.errors import ClientError
from client.founding import STATE_TREE_BITS_DEFAULT, Founding, unsigned
from client.output import Unit, units_of
from client.views.pool import PARAMETERS
from ledger.limits import SIGNATURES_MAX
from proofs.membership import quorum
from proofs.words import printable

NATURES = {"mutual credit": genesis_pb2.NATURE_MUTUAL_CREDIT, "hours": genesis_pb2.NATURE_HOURS}
"""What a unit's nature is called in the files."""
SCALES = {"mutual credit": 100, "hours": 60}
"""By its nature, how many smallest parts make one of a unit when the file does not say."""
_UINT32_MAX = (1 << 32) - 1


class FilesInvalid(ValueError):
    """The files say no genesis; the message names the place and what is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def founding_of(texts: Iterable[str]) -> Founding:
    """The genesis that the founders' files say together, signed by nobody yet.

    Raises FilesInvalid, ValueError: what is wrong, and where.
    """
    table = _Table("", _together(texts))
    federations = [_federation(each) for each in table.tables("federations")]
    units = [_unit(each) for each in table.tables("units")]
    genesis = genesis_pb2.Genesis(
        network=table.text("network"),
        time_ms=int(table.moment("founded").timestamp()) * 1000,  # whole seconds: nothing to round
        state_tree_bits=min(table.number("state_tree_bits", STATE_TREE_BITS_DEFAULT), _UINT32_MAX),
    )
    genesis.federations.extend(sorted(federations, key=lambda one: one.name))
    genesis.units.extend(sorted(units, key=lambda one: one.code))
    known = units_of(genesis)
    parameters = [_parameter(each, known) for each in table.tables("parameters")]
    genesis.parameters.extend(sorted(parameters, key=lambda one: (one.name, one.unit)))
    quotas = [_quota(each, known) for each in table.tables("quotas")]
    genesis.quotas.extend(sorted(quotas, key=lambda one: (one.federation, one.unit)))
    table.end()
    made = unsigned(genesis)
    _check_can_decide(genesis)
    return made


def _check_can_decide(genesis: genesis_pb2.Genesis) -> None:
    """M2: a quorum's signatures fit into one transaction, or nothing could ever be decided.

    M1 lets such a genesis pass, and once it is signed it cannot be changed. Raises FilesInvalid.
    """
    thresholds = sorted([one.decision_keys.threshold for one in genesis.federations])
    deciding = quorum(len(thresholds))
    needed = sum(thresholds[:deciding])
    if needed > SIGNATURES_MAX:
        raise FilesInvalid(
            f"a decision would need {needed} signatures at least, of {deciding} federations, and a"
            f" transaction has at most {SIGNATURES_MAX}: lower the thresholds"
        )


def federation_text(
    name: str, keys: Iterable[bytes], threshold: int, consensus: bytes, service: bytes
) -> str:
    """A federation's own file: its name, and the public keys it founds the network with."""
    listed = ", ".join(f'"{key.hex()}"' for key in sorted(keys))
    return (
        f'[[federations]]\nname = "{name}"\ndecision_keys = [{listed}]\nthreshold = {threshold}\n'
        f'consensus_key = "{consensus.hex()}"\nservice_key = "{service.hex()}"\n'
    )


def _together(texts: Iterable[str]) -> dict[str, Any]:
    """What all files say: tables of one name follow one another, anything else is said once."""
    values: dict[str, Any] = {}
    for text in texts:
        try:
            said = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise FilesInvalid(f"it is no TOML: {error}") from None
        except ValueError:  # Python reads no such number
            raise FilesInvalid("a number in it has thousands of digits") from None
        for key, value in said.items():
            if key in values and not (isinstance(value, list) and isinstance(values[key], list)):
                raise FilesInvalid(f"{key} is said twice")
            values[key] = [*values.get(key, ()), *value] if isinstance(value, list) else value
    return values


class _Table:
    """One table of a file: each value is asked for by name and kind, and what nobody asks for is a fault."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self._name = name
        self._left = dict(values)

    def path(self, key: str) -> str:
        """Where a value stands, for whoever must correct it."""
        return f"{self._name}.{key}" if self._name else key

    def text(self, key: str, otherwise: str | None = None) -> str:
        """A text. Raises FilesInvalid."""
        return str(self._take(key, str, "a text in quotation marks", otherwise))

    def number(self, key: str, otherwise: int | None = None) -> int:
        """A whole number from 0. Raises FilesInvalid."""
        value = self._take(key, int, "a whole number", otherwise)
        if isinstance(value, bool) or value < 0:
            raise FilesInvalid(f"{self.path(key)} must be a whole number from 0, not {value}")
        return int(value)

    def moment(self, key: str) -> datetime:
        """A time with its zone. Raises FilesInvalid."""
        value: datetime = self._take(key, datetime, "a time like 2026-12-01T12:00:00Z", None)
        if value.tzinfo is None:
            raise FilesInvalid(f"{self.path(key)} has no time zone: write it like 2026-12-01T12:00:00Z")
        return value

    def keys(self, key: str) -> list[bytes]:
        """Public keys, ascending as a genesis has them. Raises FilesInvalid."""
        values = self._take(key, list, "a list of public keys", None)
        return sorted(_public_key(value, f"{self.path(key)}[{index}]") for index, value in enumerate(values))

    def key(self, key: str) -> bytes:
        """A public key. Raises FilesInvalid."""
        return _public_key(self.text(key), self.path(key))

    def tables(self, key: str) -> list[_Table]:
        """The tables [[key]], none when there are none. Raises FilesInvalid."""
        values = self._take(key, list, f"written as [[{key}]]", [])
        if not all(isinstance(value, dict) for value in values):
            raise FilesInvalid(f"{self.path(key)} must be written as [[{key}]]")
        return [_Table(f"{self.path(key)}[{index}]", value) for index, value in enumerate(values)]

    def end(self) -> None:
        """Raises FilesInvalid when something is left that nobody asked for."""
        if self._left:
            raise FilesInvalid(f"{self.path(next(iter(self._left)))} is not known")

    def _take(self, key: str, kind: type, words: str, otherwise: Any) -> Any:
        value = self._left.pop(key, otherwise)
        if value is None:
            raise FilesInvalid(f"{self.path(key)} is missing")
        if not isinstance(value, kind):
            raise FilesInvalid(f"{self.path(key)} must be {words}")
        return value


def _public_key(value: object, path: str) -> bytes:
    try:
        return bytes.fromhex(value if isinstance(value, str) else "?")
    except ValueError:
        raise FilesInvalid(f"{path} must be a public key, as 64 hexadecimal digits") from None


def _federation(table: _Table) -> genesis_pb2.Federation:
    keys = table.keys("decision_keys")
    # Of several keys it is to be said how many must sign.
    threshold = table.number("threshold", 1 if len(keys) == 1 else None)
    federation = genesis_pb2.Federation(
        name=table.text("name"),
        decision_keys=keys_pb2.KeySet(threshold=min(threshold, _UINT32_MAX), public_keys=keys),
        consensus_key=table.key("consensus_key"),
        service_key=table.key("service_key"),
    )
    table.end()
    return federation


def _unit(table: _Table) -> genesis_pb2.Unit:
    nature = table.text("nature")
    if nature not in NATURES:
        raise FilesInvalid(f"{table.path('nature')} must be one of {', '.join(NATURES)}, not {nature}")
    scale = min(table.number("scale", SCALES[nature]), _UINT32_MAX)
    unit = genesis_pb2.Unit(code=table.text("code"), scale=scale, nature=NATURES[nature])
    table.end()
    return unit


def _parameter(table: _Table, units: Mapping[str, Unit]) -> genesis_pb2.Parameter:
    """In the words of `ayni decision draft parameter`."""
    name, code, value = table.text("name"), table.text("unit", ""), table.text("value")
    if name not in PARAMETERS.values():
        raise FilesInvalid(
            f"{table.path('name')} must be one of {', '.join(PARAMETERS.values())}, not {name}"
        )
    if code and code not in units:
        raise FilesInvalid(f"{table.path('unit')}: there is no unit {code}; known are {', '.join(units)}")
    try:
        figure = parameter_value(name, value, units.get(code))
    except ClientError as problem:
        raise FilesInvalid(
            f"{table.path('value')}: {problem.what} {problem.why} {problem.next_step}"
        ) from None
    table.end()
    parameter = genesis_pb2.Parameter(unit=code, value=figure)
    number = next(number for number, word in PARAMETERS.items() if word == name)
    parameter.name = number  # type: ignore[assignment]  # a key of PARAMETERS is a ParameterName
    return parameter


def _quota(table: _Table, units: Mapping[str, Unit]) -> genesis_pb2.Quota:
    name, code, amount = table.text("federation"), table.text("unit"), table.text("amount")
    if code not in units:
        raise FilesInvalid(f"{table.path('unit')}: there is no unit {code}; known are {', '.join(units)}")
    table.end()
    try:
        amount_minor = amount_or_zero(amount, units[code])
    except ClientError as problem:
        raise FilesInvalid(f"{table.path('amount')}: {problem.what} {problem.why}") from None
    return genesis_pb2.Quota(federation=name, unit=code, amount_minor=amount_minor)
