"""What one directory holds: its servers, their ports and settings, and which of them run."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

from memos.infrastructure.servers import state
from memos.infrastructure.servers.cassandra import Cassandra
from memos.infrastructure.servers.errors import EngineError
from memos.infrastructure.servers.kafka import Kafka
from memos.infrastructure.servers.milvus import MilvusLite, MilvusServer
from memos.infrastructure.servers.names import ServerName
from memos.infrastructure.servers.process import ServerProcess
from memos.infrastructure.servers.server import Server
from memos.infrastructure.servers.settings import ServerSettings
from memos.infrastructure.servers.state import ServerEntry
from memos.infrastructure.servers.status import ServerStatus

KILL_SECONDS = 20.0


def server_class(name: ServerName, settings: ServerSettings) -> type[Server]:
    """The class of a server; for Milvus the settings decide."""
    match name:
        case "kafka":
            return Kafka
        case "cassandra":
            return Cassandra
        case "milvus":
            return MilvusServer if settings.milvus == "server" else MilvusLite


def kill(name: ServerName, process: ServerProcess) -> None:
    """SIGKILL a server and wait for its end.

    Raises:
        EngineError: it does not end.
    """
    process.send(signal.SIGKILL)
    if not process.wait(KILL_SECONDS):
        raise EngineError(f"{name} (pid {process.pid}) does not end when killed")


class Installation:
    """Reads the state that is kept in a directory; starts and stops nothing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def entries(self) -> dict[ServerName, ServerEntry]:
        """The servers that were ever started here; empty before the first start."""
        return state.read(self.directory).servers

    def entry(self, name: ServerName) -> ServerEntry:
        """What is kept of one server.

        Raises:
            EngineError: it was never started here.
        """
        entry = self.entries().get(name)
        if entry is None:
            raise EngineError(
                f"{self.directory} has no {name}: `memos engine up {self.directory}` makes one"
            )
        return entry

    def server(self, name: ServerName) -> Server:
        """One server, as it was last started.

        Raises:
            EngineError: it was never started here.
        """
        return self.server_of(name, self.entry(name))

    def server_of(self, name: ServerName, entry: ServerEntry) -> Server:
        """One server, as an entry describes it."""
        kind = server_class(name, entry.settings)
        return kind(self.directory / name, entry.ports, entry.settings)

    def process(self, name: ServerName) -> ServerProcess:
        """The running process of one server.

        Raises:
            EngineError: it does not run; the message quotes the end of its log.
        """
        entry = self.entry(name)
        if entry.process is None or not entry.process.runs:
            raise EngineError(
                f"{name} of {self.directory} does not run: `memos engine up {self.directory}`. "
                f"{self.server_of(name, entry).quote()}"
            )
        return entry.process

    def running(self, names: Iterable[ServerName]) -> dict[ServerName, ServerProcess]:
        """The processes of those of `names` that run."""
        return {
            name: entry.process
            for name, entry in self.entries().items()
            if name in names and entry.process is not None and entry.process.runs
        }

    def status(self) -> tuple[ServerStatus, ...]:
        """How each server is; empty before the first start."""
        return tuple(self._status(name, entry) for name, entry in self.entries().items())

    def _status(self, name: ServerName, entry: ServerEntry) -> ServerStatus:
        server = self.server_of(name, entry)
        process = None if entry.process is None else entry.process.find()
        return ServerStatus(
            server=name,
            version=server.version,
            running=process is not None,
            address=server.address,
            ports=server.ports,
            log=server.log,
            pid=None if process is None else process.pid,
            resident_mb=None if entry.process is None else entry.process.resident_mb(),
        )
