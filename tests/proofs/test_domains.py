"""The bytes that are hashed and signed."""

from __future__ import annotations

from typing import Any

import pytest

from proofs import domains
from tests.vectors.reading import load, named

VECTORS = load("domains")


def called(case: dict[str, Any]) -> bytes:
    arguments = [bytes.fromhex(each) if isinstance(each, str) else each for each in case["arguments"]]
    result: bytes = getattr(domains, case["name"])(*arguments)
    return result


@pytest.mark.parametrize("case", **named(VECTORS["hashes"]))
def test_hash_is_the_vectors(case: dict[str, Any]) -> None:
    assert case["hash"] == called(case).hex()


@pytest.mark.parametrize("case", **named(VECTORS["messages"]))
def test_signed_bytes_are_the_vectors(case: dict[str, Any]) -> None:
    assert case["bytes"] == called(case).hex()


def test_no_tag_is_the_beginning_of_another() -> None:
    tags = [value for name, value in vars(domains).items() if name.isupper() and isinstance(value, bytes)]
    text_tags = [tag for tag in tags if tag.startswith(b"ayni/")]

    assert len(text_tags) == 12
    assert all(tag.endswith(b"\0") and tag.count(b"\0") == 1 for tag in text_tags)
    assert len(set(text_tags)) == len(text_tags)
