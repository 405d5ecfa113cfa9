"""Writes a node's configuration as the TOML that `config.load` reads back to the same values.

Never invents values: whoever calls fills the dataclasses. Paths below the file's directory are written
relative to it, so that a directory of configurations can be moved.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from config.model import NO_PATH, SECTIONS, NodeConfig, PeerSection


def toml_text(config: NodeConfig, base: Path) -> str:
    """The TOML of `config` for a file in directory `base`; keys at their defaults are left out."""
    blocks = []
    for name, section in SECTIONS.items():
        lines = _lines(getattr(config, name), section, base)
        if lines:
            blocks.append("\n".join([f"[{name}]", *lines]))
    for peer in config.peers:
        blocks.append("\n".join(["[[peers]]", *_lines(peer, PeerSection, base)]))
    return "\n\n".join(blocks) + "\n"


def write_toml(config: NodeConfig, path: Path | str) -> None:
    """Writes `config` to `path` whole or not at all; an existing file is replaced."""
    file = Path(path).absolute()
    temporary = file.with_name(file.name + ".new")
    temporary.write_text(toml_text(config, file.parent), encoding="utf-8")
    os.replace(temporary, file)


def _lines(values: Any, section: type, base: Path) -> list[str]:
    lines = []
    for item in fields(section):
        value = getattr(values, item.name)
        if value != item.default or item.metadata["required"]:
            lines.append(f"{item.name} = {_literal(value, base)}")
    return lines


def _literal(value: Any, base: Path) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Path):
        if value == NO_PATH:
            return '""'
        if value.is_relative_to(base):
            value = value.relative_to(base)
    # A JSON string is a TOML basic string, except that TOML wants DEL escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
