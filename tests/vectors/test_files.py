"""The committed vectors are the ones that `python -m tests.vectors.make` writes."""

from __future__ import annotations

import pytest

from tests.vectors.make import FILES, text_of
from tests.vectors.reading import DIRECTORY


@pytest.mark.parametrize("name", FILES)
def test_file_is_what_the_generator_writes(name: str) -> None:
    assert (DIRECTORY / f"{name}.json").read_text() == text_of(name)


def test_every_file_has_a_generator() -> None:
    assert sorted(FILES) == sorted(path.stem for path in DIRECTORY.glob("*.json"))
