"""`python -m node --config FILE`: runs a node. `python -m node doctor --config FILE`: scans its database."""

from __future__ import annotations

import argparse
import os
import sys

from config import ConfigError, load


def main(arguments: list[str]) -> int:
    """Runs what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m node", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("run", "doctor"), default="run")
    parser.add_argument("--config", required=True, help="the node's TOML file")
    asked = parser.parse_args(arguments)
    try:
        config = load(asked.config, os.environ)
    except ConfigError as error:
        print(f"ayni node: {error}", file=sys.stderr)
        return 2
    if asked.command == "doctor":
        from node.doctor import examine

        return examine(config)
    from node.daemon import run

    return run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
