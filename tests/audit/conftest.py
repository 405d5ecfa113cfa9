"""`pytest tests/audit --exhaustive`: every value of every byte, every cut; otherwise a sample of them."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--exhaustive", action="store_true", help="every single-byte change of an export: about an hour"
    )


@pytest.fixture
def exhaustive(request: pytest.FixtureRequest) -> bool:
    """Whether nothing is to be left out."""
    return bool(request.config.getoption("--exhaustive", default=False))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--exhaustive", default=False):
        for item in items:
            item.add_marker(pytest.mark.timeout(0))
