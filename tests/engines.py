"""The real servers for tests: started once a run, shared by all workers of it.

A test that asks for the fixture `engines` gets the marker of that name and time to start them. It
makes topics, keyspaces and collections under names of its own, and leaves the servers running: one
that it paused it resumes, and what it wants to kill it starts for itself. They end behind the last
worker, whatever ends it.

MEMOS_ENGINES names the directory of servers that already run (`memos engine up DIR`): they are used
and left. MEMOS_ENGINES_REQUIRED=1 makes a missing JDK or Maven a failure, where it is a skip.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from memos.infrastructure.servers import LocalServers, MissingTool, leased

if TYPE_CHECKING:
    from memos.infrastructure.cassandra.connection import CassandraSession

DIRECTORY_VARIABLE = "MEMOS_ENGINES"
REQUIRED_VARIABLE = "MEMOS_ENGINES_REQUIRED"
JAVA_OPTIONS = "JDK_JAVA_OPTIONS"
NEVER_RESTARTED = " ".join(
    (
        # The schema and the node's notes of itself stay in memory: hundreds of vaults are made and dropped
        # in a run, and writing them out at each change of a table would cost more of the node's time than
        # all else that it does.
        "-Dcassandra.test.flush_local_schema_changes=false",
        "-Dcassandra.unsafesystem=true",
        # Nor does it estimate how large and how often read every table is, for who splits or moves them.
        "-Dcassandra.size_recorder_interval=0",
        "-Dcassandra.sstable_activity_tracking=false",
    )
)
"""For a Cassandra that lives as long as the run."""


class Startable(Protocol):
    """An engine, or servers that a test has set up in its own way."""

    def up(self) -> None:
        """Start, and wait until it serves."""
        ...


def up_or_skip(engine: Startable) -> None:
    """Start an engine; skip the test, aloud, where this machine lacks what that takes."""
    try:
        engine.up()
    except MissingTool as error:
        if os.environ.get(REQUIRED_VARIABLE) == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    """Kafka, Cassandra and Milvus Lite, running."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        running = LocalServers(named)
        up_or_skip(running)
        with unlogged(running):
            yield running
        return
    # A heap for many vaults at once.
    shared = LocalServers(_shared(tmp_path_factory) / "servers", durable=False, heap_mb=1536)
    with leased(shared) as servers:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(JAVA_OPTIONS, f"{os.environ.get(JAVA_OPTIONS, '')} {NEVER_RESTARTED}")
            up_or_skip(servers)
        with unlogged(servers):
            yield servers


@contextmanager
def unlogged(servers: LocalServers) -> Iterator[None]:
    """Inside, the keyspaces that this process makes on these servers go by no commit log.

    Where a table goes that is in the log, Cassandra first writes out what it holds in memory of it, and
    of every other table that the log has: each vault that a test drops would be paid for by all vaults
    of the run. What is lost without the log is lost by a crash, and nobody kills these servers.
    """
    from memos.infrastructure.vault.cassandra import schema

    port = int(servers.address("cassandra").rpartition(":")[2])
    make = schema.make_keyspace

    def make_unlogged(store: CassandraSession, name: str) -> None:
        if store.settings.port == port:
            replication = store.settings.replication
            store.define(
                f"CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = {replication}"
                " AND durable_writes = false"
            )
        else:
            make(store, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "make_keyspace", make_unlogged)
        yield


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this run have in common."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    shared = base / "engines"
    shared.mkdir(exist_ok=True)
    return shared
