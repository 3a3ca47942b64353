"""Both engines under one name: every scenario takes a `place` and runs on each, unchanged."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from memos import Memory
from memos.infrastructure.servers import LocalServers
from tests.embeddings import Embeddings, serving
from tests.fleet import Fleet
from tests.scenarios.place import ADMINISTRATOR, MeaningPlace, Place

SECONDS = 900
"""The first scenario of a run waits for the servers, the tables and the workers."""

ENGINES = [
    "embedded",
    pytest.param("distributed", marks=[pytest.mark.engines, pytest.mark.timeout(SECONDS)]),
]

LONG_ON_SERVERS = [
    "embedded",
    pytest.param(
        "distributed", marks=[pytest.mark.engines, pytest.mark.timeout(SECONDS), pytest.mark.soak]
    ),
]
"""For what no engine decides: on servers it is tried in the long run."""

_fleets = pytest.StashKey[list[Fleet]]()


@pytest.fixture(scope="package")
def fleet(
    engines: LocalServers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """One distributed vault, with a worker of each kind, for all scenarios of this process."""
    made = Fleet(tmp_path_factory.mktemp("fleet"), engines)
    try:
        made.make(ADMINISTRATOR)
        made.start_all()
        request.config.stash.setdefault(_fleets, []).append(made)
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def embeddings() -> Iterator[Embeddings]:
    """The model of all vaults that find by meaning."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def meaning_fleet(
    engines: LocalServers,
    embeddings: Embeddings,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Fleet]:
    """As `fleet`, with vectors in Milvus."""
    made = Fleet(tmp_path_factory.mktemp("meaning"), engines, embedder=embeddings.section)
    try:
        made.make(ADMINISTRATOR)
        Memory(made.path, actor=ADMINISTRATOR, embedder=embeddings.embedder()).close()
        made.start_all()
        request.config.stash.setdefault(_fleets, []).append(made)
        yield made
    finally:
        made.remove()


@pytest.fixture(params=ENGINES)
def meaning_place(
    request: pytest.FixtureRequest, tmp_path: Path, embeddings: Embeddings
) -> Iterator[MeaningPlace]:
    """An engine that finds by meaning, with a tenant of the test's own."""
    if request.param == "embedded":
        path = tmp_path / "memos.toml"
        path.write_text('engine = "embedded"\npath = "team.vault"\n')
    else:
        path = request.getfixturevalue("meaning_fleet").path
    made = MeaningPlace(request.param, path, embeddings)
    yield made
    made.close()


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An engine with a tenant of the test's own."""
    if request.param == "embedded":
        path = tmp_path / "memos.toml"
        path.write_text('engine = "embedded"\npath = "team.vault"\n')
        made = Place("embedded", path)
    else:
        made = Place("distributed", request.getfixturevalue("fleet").path)
    yield made
    made.close()


@pytest.fixture
def memory(place: Place) -> Memory:
    """The vault, opened by its administrator."""
    return place.open()


@pytest.fixture
def tenant(place: Place) -> str:
    """The test's own tenant."""
    return place.tenant


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "distributed" in item.name and _fleets in item.config.stash:
        told = "\n".join(fleet.told() for fleet in item.config.stash[_fleets])
        report.sections.append(("workers", told))
    return report
