"""Reads a node's configuration: TOML file, then environment, then flags; the later wins.

Decides how each value is parsed and says what is wrong in words that name the file (or variable, or
flag), the key, the fault and the remedy. Never looks at what paths point to: that is `config.check`.
Environment: `AYNI_<SECTION>_<KEY>`, e.g. `AYNI_LISTEN_CLIENT=0.0.0.0:7410`. Peers come from the file only.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from config.model import CHOICES, INTEGER_BOUNDS, NO_PATH, PEERS_MAX, SECTIONS, NodeConfig, PeerSection
from proofs.words import printable

ENVIRONMENT_PREFIX = "AYNI_"
CONFIG_BYTES_MAX = 1024 * 1024
MESSAGE_CHARACTERS_MAX = 500
PROBLEMS_MAX = 20
VARIABLE_LIKENESS = 0.85
"""From which a variable is taken for another one misspelt; 1 is the same name."""
_PORT = re.compile(r"[0-9]{1,5}")
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_WHOLE = re.compile(r"-?[0-9]{1,20}")


class ConfigError(Exception):
    """The configuration cannot be used. The text names the file, the key, the fault and the remedy."""

    def __init__(self, *problems: str) -> None:
        """`problems`: everything that is wrong, one sentence each."""
        shown = [printable(each, MESSAGE_CHARACTERS_MAX) for each in problems[:PROBLEMS_MAX]]
        if len(problems) > PROBLEMS_MAX:
            shown.append(f"and {len(problems) - PROBLEMS_MAX} more")
        self.problems: tuple[str, ...] = tuple(shown)
        super().__init__("\n".join(shown))


class Faults:
    """Collects what is wrong, so that one fault does not hide another: `with faults: …`."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __enter__(self) -> None:
        """Nothing is wrong yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Keeps a ConfigError; lets everything else through."""
        if not isinstance(error, ConfigError):
            return False
        self.found += error.problems
        return True


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

    Raises ConfigError with all that is wrong. Paths in the file are relative to the file, others to the
    working directory.
    """
    file = Path(path).absolute()
    table = _read_toml(file)
    faults = Faults()
    given = _from_file(table, file, faults)
    given.update(_from_environment(environ or {}))
    unknown = _unknown_variables(environ or {})
    given.update(_from_flags(overrides or {}, faults))
    sections = {name: _section(name, cls, given, faults) for name, cls in SECTIONS.items()}
    peers = _peers(table, file, faults)
    if faults.found:
        raise ConfigError(*faults.found)
    return NodeConfig(**sections, peers=peers, source=str(file), unknown_variables=unknown)


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}; correct that line") from None
    except ValueError:  # Python reads no such number
        raise ConfigError(f"{file}: a number in it has thousands of digits; correct that line") from None


def _from_file(table: dict[str, Any], file: Path, faults: Faults) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for name, content in table.items():
        if name == "peers":
            continue
        if name not in SECTIONS:
            hint = _did_you_mean(name, [*SECTIONS, "peers"])
            faults.found.append(f"{file}: [{name}]: there is no such section{hint}")
        elif not isinstance(content, dict):
            text = f"{file}: {name}: must be a section; write [{name}] on a line of its own"
            faults.found.append(text)
        else:
            known = _names(SECTIONS[name])
            for field_name, value in content.items():
                if field_name in known:
                    given[f"{name}.{field_name}"] = Given(value, str(file), file.parent, False)
                    continue
                hint = _did_you_mean(field_name, known)
                faults.found.append(f"{file}: {name}.{field_name}: there is no such key{hint}")
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


def _unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look as if they were this node's and are none, each with what it may have meant.

    The client's (`AYNI_HOME`, …) look like none; those that a container's host sets may (`AYNI_NODE_PORT`).
    """
    known = [_variable(f"{name}.{each}") for name, section in SECTIONS.items() for each in _names(section)]
    prefixes = tuple([f"{ENVIRONMENT_PREFIX}{name.upper()}_" for name in (*SECTIONS, "peers")])
    unknown = {}
    for name in sorted(environ):
        if name in known or not name.startswith(ENVIRONMENT_PREFIX):
            continue
        close = get_close_matches(name, known, 1, VARIABLE_LIKENESS)
        if close or name.startswith(prefixes):
            unknown[name] = close[0] if close else ""
    return unknown


def _from_flags(overrides: Mapping[str, str], faults: Faults) -> dict[str, Given]:
    given = {}
    every = [f"{name}.{each}" for name, section in SECTIONS.items() for each in _names(section)]
    for name in sorted(overrides):
        if name not in every:
            faults.found.append(f"flag {name}: there is no such key{_did_you_mean(name, every)}")
            continue
        given[name] = Given(overrides[name], f"flag {name}", Path.cwd(), True)
    return given


def _section(name: str, section: type, given: dict[str, Given], faults: Faults) -> Any:
    values: dict[str, Any] = {item.name: item.default for item in fields(section)}
    for item in fields(section):
        full = f"{name}.{item.name}"
        if full in given:
            with faults:
                values[item.name] = _value(full, item, given[full])
        elif item.metadata["required"]:
            text = f"{full}: missing; set it in the file, or {_variable(full)} ({item.metadata['doc']})"
            faults.found.append(text)
    return section(**values)


def _peers(table: dict[str, Any], file: Path, faults: Faults) -> tuple[PeerSection, ...]:
    listed = table.get("peers", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        faults.found.append(f"{file}: peers: must be a list of sections; write [[peers]] before each")
        return ()
    if len(listed) > PEERS_MAX:
        text = f"{file}: peers: {len(listed)} of them, at most {PEERS_MAX} are possible; remove some"
        faults.found.append(text)
        return ()
    return tuple([_peer(index, content, file, faults) for index, content in enumerate(listed)])


def _peer(index: int, content: dict[str, Any], file: Path, faults: Faults) -> PeerSection:
    known = _names(PeerSection)
    for field_name in content:
        if field_name not in known:
            hint = _did_you_mean(field_name, known)
            faults.found.append(f"{file}: peers[{index}].{field_name}: there is no such key{hint}")
    values: dict[str, Any] = {item.name: item.default for item in fields(PeerSection)}
    for item in fields(PeerSection):
        full = f"peers[{index}].{item.name}"
        if item.name not in content:
            faults.found.append(f"{file}: {full}: missing; add it ({item.metadata['doc']})")
            continue
        with faults:
            values[item.name] = _value(full, item, Given(content[item.name], str(file), file.parent, False))
    return PeerSection(**values)


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
            try:
                return (given.base / Path(text).expanduser()).resolve()
            except (RuntimeError, ValueError, OSError):  # "~nobody", a zero byte, links in a circle
                shown = printable(text, 80)
                raise ConfigError(f'{given.source}: {full}: "{shown}" is no path; correct it') from None
        case _:
            text = _text(full, given)
            if item.metadata["kind"] == "address" and text:
                split_address(text, f"{given.source}: {full}")
            if full in CHOICES and text not in CHOICES[full]:
                choices = ", ".join(f'"{each}"' for each in CHOICES[full])
                raise ConfigError(f'{given.source}: {full}: "{printable(text, 80)}" is not one of {choices}')
            return text


def _integer(full: str, given: Given) -> int:
    value = given.value
    if given.is_text and isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(
            f"{given.source}: {full}: {_shown(value)} is not a whole number; write one without quotes"
        )
    least, greatest = INTEGER_BOUNDS[full]
    if not least <= value <= greatest:
        raise ConfigError(
            f"{given.source}: {full}: {_shown(value)} is out of bounds; give {least} to {greatest}"
        )
    return value


def _shown(value: Any) -> str:
    try:
        return printable(repr(value), 80)
    except ValueError:  # written in hexadecimal: in decimal Python does not write it
        return "a number of thousands of digits"


def _truth(full: str, given: Given) -> bool:
    value = given.value
    if given.is_text and isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise ConfigError(
            f"{given.source}: {full}: {_shown(value)} is neither true nor false; write one of the two"
        )
    return value


def _text(full: str, given: Given) -> str:
    if not isinstance(given.value, str):
        shown = _shown(given.value)
        raise ConfigError(f"{given.source}: {full}: {shown} is not text; write it in double quotes")
    return given.value


def split_address(address: str, where: str = "address") -> tuple[str, int]:
    """The parts of "host:port" (or "[v6]:port"); ConfigError names `where` when it is not one."""
    host, colon, port = address.rpartition(":")
    if not colon or not _is_host(host) or not _PORT.fullmatch(port) or int(port) > 65535:
        shown = printable(address, 80)
        examples = 'for example "127.0.0.1:7410", "[::1]:7410", "node.emilia.example:7410"'
        raise ConfigError(f'{where}: "{shown}" is not host:port; write {examples}')
    return host.removeprefix("[").removesuffix("]"), int(port)


def _is_host(text: str) -> bool:
    """Whether it is an IPv6 address in brackets, or what a name or an IPv4 address may be: no URL."""
    if not text.startswith("["):
        return bool(_HOST.fullmatch(text))
    try:
        return text.endswith("]") and bool(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        return False


def _names(section: type) -> list[str]:
    return [each.name for each in fields(section)]


def _variable(full: str) -> str:
    return ENVIRONMENT_PREFIX + full.replace(".", "_").upper()


def _did_you_mean(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f'; did you mean "{close[0]}"?' if close else f"; there are: {', '.join(known)}"
