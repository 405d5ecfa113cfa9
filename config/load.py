"""Reads a node's configuration: TOML file, then environment, then flags; the later wins.

Decides how each value is parsed and says what is wrong in words that name the file (or variable, or
flag), the key, the fault and the remedy. Never looks at what paths point to: that is `config.check`.
Environment: `AYNI_<SECTION>_<KEY>`, e.g. `AYNI_LISTEN_CLIENT=0.0.0.0:7410`. Peers come from the file only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from config.model import CHOICES, INTEGER_BOUNDS, NO_PATH, PEERS_MAX, SECTIONS, NodeConfig, PeerSection
from proofs.words import printable

ENVIRONMENT_PREFIX = "AYNI_"
CONFIG_BYTES_MAX = 1024 * 1024
MESSAGE_CHARACTERS_MAX = 1_500


class ConfigError(Exception):
    """The configuration cannot be used. The text names the file, the key, the fault and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, MESSAGE_CHARACTERS_MAX))


class Given(NamedTuple):
    """A value and where it was said."""

    value: Any
    source: str
    """"file /etc/ayni/node.toml", "environment variable AYNI_…", "flag --…"."""
    base: Path
    """What a relative path in it is relative to."""
    is_text: bool
    """From the environment or a flag: numbers and truth values arrive as text."""


def load(
    path: Path | str,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> NodeConfig:
    """The configuration in `path`, overridden by `environ`, overridden by `overrides` ("section.key").

    Raises ConfigError. Paths in the file are relative to the file, others to the working directory.
    """
    file = Path(path).absolute()
    table = _read_toml(file)
    given = _from_file(table, file)
    given.update(_from_environment(environ or {}))
    given.update(_from_flags(overrides or {}))
    sections = {name: _section(name, cls, given) for name, cls in SECTIONS.items()}
    return NodeConfig(**sections, peers=_peers(table, file), source=str(file))


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: there is no such file; write one (`ayni node init`) or name another with --config"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror}; check its owner and permissions"
        ) from None
    if len(raw) > CONFIG_BYTES_MAX:
        raise ConfigError(f"{file}: {len(raw)} bytes is too large for a configuration; is it the right file?")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except RecursionError:
        raise ConfigError(f"{file}: not valid TOML: it nests too deeply; is it the right file?") from None
    except ValueError as error:  # what is no TOML, no UTF-8, or a number of thousands of digits
        raise ConfigError(f"{file}: not valid TOML: {error}; correct that line") from None


def _from_file(table: dict[str, Any], file: Path) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for name, content in table.items():
        if name == "peers":
            continue
        if name not in SECTIONS:
            raise ConfigError(
                f"{file}: [{name}]: there is no such section{_did_you_mean(name, [*SECTIONS, 'peers'])}"
            )
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: {name}: must be a section; write [{name}] on a line of its own")
        known = _names(SECTIONS[name])
        for field_name, value in content.items():
            if field_name not in known:
                raise ConfigError(
                    f"{file}: {name}.{field_name}: there is no such key{_did_you_mean(field_name, known)}"
                )
            given[f"{name}.{field_name}"] = Given(value, str(file), file.parent, False)
    return given


def _from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    given = {}
    for name, section in SECTIONS.items():
        prefix = f"{ENVIRONMENT_PREFIX}{name.upper()}_"
        known = [prefix + each.upper() for each in _names(section)]
        for variable in sorted(environ):
            if variable in known:
                field_name = variable[len(prefix) :].lower()
                source = f"environment variable {variable}"
                given[f"{name}.{field_name}"] = Given(environ[variable], source, Path.cwd(), True)
    return given


def _from_flags(overrides: Mapping[str, str]) -> dict[str, Given]:
    given = {}
    every = [f"{name}.{each}" for name, section in SECTIONS.items() for each in _names(section)]
    for name in sorted(overrides):
        if name not in every:
            raise ConfigError(f"flag {name}: there is no such key{_did_you_mean(name, every)}")
        given[name] = Given(overrides[name], f"flag {name}", Path.cwd(), True)
    return given


def _section(name: str, section: type, given: dict[str, Given]) -> Any:
    values = {}
    for item in fields(section):
        full = f"{name}.{item.name}"
        if full in given:
            values[item.name] = _value(full, item, given[full])
        elif item.metadata["required"]:
            raise ConfigError(
                f"{full}: missing; set it in the file, or {_variable(full)} ({item.metadata['doc']})"
            )
        else:
            values[item.name] = None if item.default is MISSING else item.default
    return section(**values)


def _peers(table: dict[str, Any], file: Path) -> tuple[PeerSection, ...]:
    listed = table.get("peers", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ConfigError(f"{file}: peers: must be a list of sections; write [[peers]] before each")
    if len(listed) > PEERS_MAX:
        raise ConfigError(
            f"{file}: peers: {len(listed)} of them, at most {PEERS_MAX} are possible; remove some"
        )
    peers = []
    for index, content in enumerate(listed):
        known = _names(PeerSection)
        values = {}
        for field_name in content:
            if field_name not in known:
                hint = _did_you_mean(field_name, known)
                raise ConfigError(f"{file}: peers[{index}].{field_name}: there is no such key{hint}")
        for item in fields(PeerSection):
            full = f"peers[{index}].{item.name}"
            if item.name not in content:
                raise ConfigError(f"{file}: {full}: missing; add it ({item.metadata['doc']})")
            values[item.name] = _value(full, item, Given(content[item.name], str(file), file.parent, False))
        peers.append(PeerSection(**values))
    return tuple(peers)


def _value(full: str, item: Any, given: Given) -> Any:
    """`given` as the type of the key, or ConfigError."""
    match item.type:
        case "int":
            return _integer(full, given)
        case "bool":
            return _truth(full, given)
        case "Path":
            text = _text(full, given)
            if not text:
                if item.metadata["required"]:
                    raise ConfigError(
                        f"{given.source}: {full}: is empty; give a path ({item.metadata['doc']})"
                    )
                return NO_PATH
            return (given.base / Path(text).expanduser()).resolve()
        case _:
            text = _text(full, given)
            if item.metadata["kind"] == "address" and text:
                split_address(text, f"{given.source}: {full}")
            if full in CHOICES and text not in CHOICES[full]:
                choices = ", ".join(f'"{each}"' for each in CHOICES[full])
                raise ConfigError(f'{given.source}: {full}: "{text}" is not one of {choices}')
            return text


def _integer(full: str, given: Given) -> int:
    value = given.value
    if given.is_text and isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(
            f"{given.source}: {full}: {value!r} is not a whole number; write one without quotes"
        )
    least, greatest = INTEGER_BOUNDS[full]
    if not least <= value <= greatest:
        raise ConfigError(f"{given.source}: {full}: {value} is out of bounds; give {least} to {greatest}")
    return value


def _truth(full: str, given: Given) -> bool:
    value = given.value
    if given.is_text and isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise ConfigError(
            f"{given.source}: {full}: {value!r} is neither true nor false; write one of the two"
        )
    return value


def _text(full: str, given: Given) -> str:
    if not isinstance(given.value, str):
        raise ConfigError(f"{given.source}: {full}: {given.value!r} is not text; write it in double quotes")
    return given.value


def split_address(address: str, where: str = "address") -> tuple[str, int]:
    """The parts of "host:port" (or "[v6]:port"); ConfigError names `where` when it is not one."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535 or not port.isascii():
        raise ConfigError(f'{where}: "{address}" is not host:port; write for example "127.0.0.1:7410"')
    return host.removeprefix("[").removesuffix("]"), int(port)


def _names(section: type) -> list[str]:
    return [each.name for each in fields(section)]


def _variable(full: str) -> str:
    return ENVIRONMENT_PREFIX + full.replace(".", "_").upper()


def _did_you_mean(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f'; did you mean "{close[0]}"?' if close else f"; there are: {', '.join(known)}"
