"""`pytest tests/audit --exhaustive`: every value of every byte, every cut; otherwise a sample of them.

`--exhaustive-part K/N` is one of N parts of that, which can be run one after another or side by side; what
has no parts is tested with the first.
"""

from __future__ import annotations

import pytest

from tests.audit.parts import Part, part_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--exhaustive", action="store_true", help="every single-byte change of an export: about an hour"
    )
    parser.addoption("--exhaustive-part", metavar="K/N", help="the Kth of N parts of --exhaustive")


def chosen_part(config: pytest.Config) -> Part | None:
    """Which part of everything is wanted; None: a sample. Raises `pytest.UsageError`."""
    words = config.getoption("--exhaustive-part", default=None)
    if words is None:
        return Part() if config.getoption("--exhaustive", default=False) else None
    try:
        return part_of(words)
    except ValueError as error:
        raise pytest.UsageError(f"--exhaustive-part: {error}") from None


@pytest.fixture
def exhaustive(request: pytest.FixtureRequest) -> Part | None:
    """Which part of everything is to be tried; None: a sample of it."""
    return chosen_part(request.config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = chosen_part(config)
    if part is None:
        return
    if not part.is_first:
        others = [item for item in items if "exhaustive" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    for item in items:
        item.add_marker(pytest.mark.timeout(0))
