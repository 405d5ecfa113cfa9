"""Writes tests/vectors/*.json, from fixed keys: `python -m tests.vectors.make`.

What RFC 8032 and Certificate Transparency publish is in published.py, copied from there. The rest is made
by the code of this repository, or by curve.py where no library would make it; a test runs each case, and
another regenerates all files and compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors import make_certified, make_hashes, make_signing, make_wire

Vectors = dict[str, Any]

FILES: dict[str, Callable[[], Vectors]] = {
    "signing": make_signing.vectors,
    "domains": make_hashes.domains,
    "merkle": make_hashes.merkle,
    "statetree": make_hashes.statetree,
    "certificates": make_certified.certificates,
    "evidence": make_certified.evidence,
    "receipts": make_certified.receipts,
    "state_proofs": make_certified.state_proofs,
    "wire": make_wire.vectors,
}


def text_of(name: str) -> str:
    return json.dumps(FILES[name](), indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    directory = Path(__file__).parent
    for name in FILES:
        (directory / f"{name}.json").write_text(text_of(name))


if __name__ == "__main__":
    main()
