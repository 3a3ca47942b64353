"""Both engines under one name: every suite takes a `vault` and runs on each, unchanged."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import open_engine
from memos.infrastructure.servers import LocalServers
from tests.conformance.engine.vault import ADMINISTRATOR, EngineVault
from tests.embeddings import Embeddings, serving
from tests.fleet import Fleet

SECONDS = 900
"""The first test of a run waits for the servers, the tables and the workers."""

BACKENDS = [
    "embedded",
    pytest.param("distributed", marks=[pytest.mark.engines, pytest.mark.timeout(SECONDS)]),
]

_fleets = pytest.StashKey[list[Fleet]]()


@pytest.fixture(scope="session")
def embeddings() -> Iterator[Embeddings]:
    """The model of every vault."""
    with serving() as server:
        yield server


@pytest.fixture(scope="package")
def fleet(
    engines: LocalServers,
    embeddings: Embeddings,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Fleet]:
    """One distributed vault, with a worker of each kind, for all suites of this process."""
    fleet = Fleet(tmp_path_factory.mktemp("conformance"), engines, embedder=embeddings.section)
    try:
        fleet.make(ADMINISTRATOR)
        engine = open_engine(
            fleet.path,
            actor=ADMINISTRATOR,
            clock=system_time,
            create=True,
        )
        with closing(engine):
            engine.dense(embeddings.embedder()).close()
        fleet.start_all()
        request.config.stash.setdefault(_fleets, []).append(fleet)
        yield fleet
    finally:
        fleet.remove()


@pytest.fixture(params=BACKENDS)
def vault(
    request: pytest.FixtureRequest, tmp_path: Path, embeddings: Embeddings
) -> Iterator[EngineVault]:
    """A vault of each engine, with a tenant of the test's own."""
    is_embedded = request.param == "embedded"
    path = tmp_path / "vault" if is_embedded else request.getfixturevalue("fleet").path
    with closing(EngineVault(request.param, path, embeddings)) as vault:
        yield vault


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "distributed" in item.name and _fleets in item.config.stash:
        workers = "\n".join(fleet.told() for fleet in item.config.stash[_fleets])
        report.sections.append(("workers", workers))
    return report
