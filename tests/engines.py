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
from pathlib import Path
from typing import Protocol

import pytest

from memos.infrastructure.servers import LocalServers, MissingTool, leased

DIRECTORY_VARIABLE = "MEMOS_ENGINES"
REQUIRED_VARIABLE = "MEMOS_ENGINES_REQUIRED"
JAVA_OPTIONS = "JDK_JAVA_OPTIONS"
NEVER_RESTARTED = "-Dcassandra.test.flush_local_schema_changes=false"
"""The schema stays in memory: hundreds of vaults are made and dropped in a run, and writing it out at
each change of a table would cost more of the node's time than all else that it does.
"""


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
        yield running
        return
    # A heap for many vaults at once.
    with leased(LocalServers(_shared(tmp_path_factory) / "servers", heap_mb=1536)) as servers:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(JAVA_OPTIONS, f"{os.environ.get(JAVA_OPTIONS, '')} {NEVER_RESTARTED}")
            up_or_skip(servers)
        yield servers


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this run have in common."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    shared = base / "engines"
    shared.mkdir(exist_ok=True)
    return shared
