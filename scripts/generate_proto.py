"""Regenerates `ayni/v1` from `proto/`, or checks that what is committed is what would be generated.

    python scripts/generate_proto.py            writes ayni/v1
    python scripts/generate_proto.py --check    changes nothing; says what differs, and exits with 1

It decides which generated files are kept: messages and their stubs for every .proto, gRPC code for the
services only. It never edits what protoc wrote.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "proto"
PACKAGE = Path("ayni") / "v1"


def generate(into: Path) -> dict[str, bytes]:
    """Runs protoc over every file of `proto/ayni/v1`; file name to content of what is kept."""
    from grpc_tools import protoc

    sources = sorted((SOURCES / PACKAGE).glob("*.proto"))
    if not sources:
        raise SystemExit(f"no .proto files in {SOURCES / PACKAGE}")
    outputs = [f"--python_out={into}", f"--pyi_out={into}", f"--grpc_python_out={into}"]
    arguments = ["protoc", f"-I{SOURCES}", *outputs, *(str(source) for source in sources)]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc refused the contract; what it said is above")
    return {
        path.name: path.read_bytes()
        for path in sorted((into / PACKAGE).iterdir())
        if not path.name.endswith("_pb2_grpc.py") or path.name.endswith("_service_pb2_grpc.py")
    }


def committed() -> dict[str, bytes]:
    """The generated files that are in the tree."""
    return {path.name: path.read_bytes() for path in sorted((ROOT / PACKAGE).glob("*_pb2*.py*"))}


def differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """One line for every file that is missing, left over, or not what protoc writes now."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            lines.append(f"{PACKAGE / name}: missing")
        elif name not in expected:
            lines.append(f"{PACKAGE / name}: left over; no .proto makes it")
        elif expected[name] != found[name]:
            lines.append(f"{PACKAGE / name}: differs from what proto/ generates")
    return lines


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description="Regenerate ayni/v1 from proto/.")
    parser.add_argument("--check", action="store_true", help="only compare, change nothing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        expected = generate(Path(directory))
    found = committed()
    changed = differences(expected, found)
    if arguments.check:
        for line in changed:
            print(line)
        if changed:
            print("Run: python scripts/generate_proto.py, and commit what it writes.")
            return 1
        print(f"ayni/v1 is what proto/ generates ({len(expected)} files).")
        return 0
    for name in found.keys() - expected.keys():
        (ROOT / PACKAGE / name).unlink()
    for name, content in expected.items():
        (ROOT / PACKAGE / name).write_bytes(content)
    print(f"wrote {len(expected)} files to {PACKAGE}; {len(changed)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
