"""A server that is down, so that it takes no connection, is told of within seconds by whoever needs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Literal

import pytest

from memos import Memory, VaultError, doctor
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.servers import LocalServers
from memos.interface.vaults import create_vault
from tests.fleet import Fleet
from tests.kill.load import ACTOR

TOLD_SECONDS = 3.0
BUSY_SECONDS = 2.0
"""More, on a machine that others load."""


@pytest.fixture(scope="module")
def fleet(servers: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A vault without workers."""
    made = Fleet(tmp_path_factory.mktemp("told"), servers)
    try:
        made.make(ACTOR)
        with Memory(made.path, actor=ACTOR, wait="durable") as memory:
            memory.add("a kiln", scope="acme/a")
            memory.rebuild()
        yield made
    finally:
        made.remove()


@contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < TOLD_SECONDS + BUSY_SECONDS


def worker_stores(fleet: Fleet) -> None:
    """What each worker opens first."""
    with closing(Stores(fleet.settings)):
        pass


@pytest.mark.parametrize("server", ["kafka", "cassandra"])
def test_a_server_that_is_down_is_told_of_within_seconds(
    fleet: Fleet, servers: LocalServers, server: Literal["kafka", "cassandra"]
) -> None:
    memory = Memory(fleet.path, actor=ACTOR, wait="durable")
    (known,) = memory.list(scope="acme")
    servers.kill(server)
    try:
        calls: list[Callable[[], object]] = [
            lambda: memory.add("another kiln", scope="acme/a"),
            lambda: memory.add("another kiln", scope="acme/a"),
            lambda: memory.erase(cube_id=known.cube_id),
            lambda: memory.export(fleet.directory / "out"),
            memory.stats,
            lambda: Memory(fleet.path, actor=ACTOR),
            lambda: create_vault(fleet.path, actor=ACTOR),
            lambda: worker_stores(fleet),
        ]
        for call in calls:
            with soon(), pytest.raises(VaultError, match=servers.address(server)):
                call()
        with soon():
            found = [finding.what for finding in doctor(fleet.path)]
        assert any(servers.address(server) in what for what in found)
        if server == "kafka":  # which a read does not need
            assert memory.search("kiln", scope="acme")
        with soon(), suppress(VaultError):
            memory.close()
    finally:
        servers.start(server)
