"""`python -m node --config FILE [--set KEY=VALUE]` runs a node; `python -m node doctor …` scans its data."""

from __future__ import annotations

import argparse
import os
import sys

from config import ConfigError, load

GRPC_VERBOSITY = "NONE"
"""Of gRPC's core, unless the environment has another: it would write a line or more for every stranger whose
greeting fails, and who pays for the disk is not who greets. What matters of it, the node's own log says."""


def main(arguments: list[str]) -> int:
    """Runs what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m node", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("run", "doctor"), default="run")
    parser.add_argument("--config", required=True, help="the node's TOML file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="overrides one key of the file and the environment; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="doctor: one versioned object")
    asked = parser.parse_args(arguments)
    try:
        config = load(asked.config, os.environ, dict(_pair(text) for text in asked.set))
    except ConfigError as error:
        print(f"ayni node: {error}", file=sys.stderr)
        return 2
    os.environ.setdefault("GRPC_VERBOSITY", GRPC_VERBOSITY)  # it is read when grpc is first imported
    if asked.command == "doctor":
        from node.doctor import examine

        return examine(config, as_json=asked.json)
    from node.daemon import run

    return run(config)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f'flag --set: "{text}" is not SECTION.KEY=VALUE')
    return key, value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
