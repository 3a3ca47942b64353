"""Servers lent to a run: they end behind the last process that holds them, whatever ends it."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from memos.infrastructure.servers import process
from memos.infrastructure.servers.local_servers import LocalServers

LOCK_FILE = "lease.lock"
LOG_FILE = "lease.log"

_WATCHER = """
import fcntl, sys
with open(sys.argv[1]) as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    from memos.infrastructure.servers import LocalServers
    LocalServers(sys.argv[2]).down()
"""
"""Waits, without importing anything large, until no process holds the servers."""


@contextmanager
def leased(servers: LocalServers) -> Iterator[LocalServers]:
    """Hold the servers of a directory, for a test or a benchmark that starts them.

    Servers outlive the program that starts them; these do not. Each holder has a shared lock, which
    the system takes back however a process ends, SIGKILL included. A watcher waits for all of them.
    """
    servers.directory.mkdir(parents=True, exist_ok=True)
    path = servers.directory / LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    process.start(
        [sys.executable, "-c", _WATCHER, str(path), str(servers.directory)],
        log=servers.directory / LOG_FILE,
        directory=servers.directory,
        environment={},
        mark=str(path),
    )
    try:
        yield servers
    finally:
        try:
            # The last holder ends them itself, so that a run is over when they are.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            servers.down()
        finally:
            os.close(descriptor)
