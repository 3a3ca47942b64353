"""What all tests share."""

from __future__ import annotations

import pytest

from tests.engines import engines

__all__ = ["engines"]

FIRST_START_SECONDS = 600
"""The first test that needs the servers waits for their download and start."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines: needs Kafka, Cassandra and Milvus running")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engines" in getattr(item, "fixturenames", ()):
            item.add_marker("engines")
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(FIRST_START_SECONDS))
