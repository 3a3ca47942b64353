"""What all tests share, and how they are dealt to the workers of a run."""

from __future__ import annotations

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.engines import JAVA_OPTIONS, engines

__all__ = ["engines"]

FIRST_START_SECONDS = 900
"""The first test that needs the servers waits for their download and start."""

SHARING = (
    "kill",
    "scenarios",
    "conformance/engine",
    "infrastructure/security",
    "ray_jobs",
    "streams",
)
"""Rooms whose files share servers or a fleet of workers: one process of the run takes them all."""


class RoomScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Deals tests by `_group`."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.split("::", maxsplit=1)[0])


SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For the servers of a run: compiling for speed costs a JVM of minutes more than it saves, half of
what a node's start takes.
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than the machine's processors: who waits for servers leaves its own to others."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault(JAVA_OPTIONS, SHORT_LIVED)
    config.addinivalue_line("markers", "engines: needs Kafka, Cassandra and Milvus running")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deals whole rooms or files to the processes, in the order in which they are collected."""
    return RoomScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engines" in getattr(item, "fixturenames", ()):
            item.add_marker("engines")
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(FIRST_START_SECONDS))
    # The longest first, so that no process is left with one of them when the others are done.
    items.sort(key=_rank)


def _group(file: str) -> str:
    """What runs in one process: a room that shares servers, or a file."""
    return next((room for room in SHARING if file.startswith(f"tests/{room}/")), file)


def _rank(item: pytest.Item) -> tuple[bool, bool]:
    """Rooms that share servers come first, then what needs any."""
    alone = _group(item.nodeid.split("::")[0]) not in SHARING
    return alone, item.get_closest_marker("engines") is None
