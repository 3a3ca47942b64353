"""Servers of the kill tests' own: they are killed and brought back, so nobody shares them."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from memos.infrastructure.servers import LocalServers, leased
from tests.engines import up_or_skip
from tests.fleet import Fleet
from tests.kill.load import ACTOR

SECONDS = 900

_fleets = pytest.StashKey[Fleet]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker("engines")
            item.add_marker("slow")
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    """Kafka, Cassandra and Milvus Lite, to be killed."""
    with leased(LocalServers(tmp_path_factory.mktemp("servers"))) as servers:
        up_or_skip(servers)
        yield servers


@pytest.fixture(scope="module")
def fleet(
    servers: LocalServers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """A vault for the tests of one module, with a worker of each kind."""
    made = Fleet(tmp_path_factory.mktemp("fleet"), servers)
    try:
        made.make(ACTOR)
        made.start_all()
        request.config.stash[_fleets] = made
        yield made
    finally:
        made.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and _fleets in item.config.stash:
        report.sections.append(("workers", item.config.stash[_fleets].told()))
    return report
