"""The local engine: the servers of one directory, started, watched and stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from memos.infrastructure.servers import ports, process, state
from memos.infrastructure.servers.cassandra import Cassandra
from memos.infrastructure.servers.errors import EngineError
from memos.infrastructure.servers.facts import (
    SERVERS,
    Addresses,
    MilvusKind,
    ServerName,
    ServerStatus,
)
from memos.infrastructure.servers.kafka import Kafka
from memos.infrastructure.servers.milvus import MilvusLite, MilvusServer
from memos.infrastructure.servers.server import Server, Settings
from memos.kernel.errors import InvalidInput

Progress = Callable[[str], None]
"""Told in a few words what goes on."""

PROBE_EVERY_SECONDS = 0.2
KILL_SECONDS = 20.0


def _silent(_: str) -> None:
    return


class LocalEngine:
    """Kafka, Cassandra and Milvus with their data, logs and configuration under one directory.

    They run detached: they outlive this program, and another one takes them over by naming the same
    directory. Several engines run side by side, each on free loopback ports that it keeps.

    Args:
        directory: where everything lives; made by the first `up`.
        servers: those that `up` starts; the others of the directory are left as they are.
        milvus: "lite" (dense and sparse vectors) or "server" (the real one, dense only). The first
            `up` decides for good: the two do not read each other's data.
        durable: Cassandra acknowledges a write once it is synced to disk (the default).
        heap_mb: the Java heap of each server, in units of 2**20 bytes (by default 512).

    What is not given is as it was when the engine was last started.
    """

    def __init__(
        self,
        directory: Path | str,
        servers: Iterable[ServerName] = SERVERS,
        *,
        milvus: MilvusKind | None = None,
        durable: bool | None = None,
        heap_mb: int | None = None,
    ) -> None:
        wanted = set(servers)
        unknown = wanted - set(SERVERS)
        if unknown or not wanted:
            raise InvalidInput(
                f"there is no server {', '.join(sorted(unknown)) or '(none named)'}: "
                f"name some of {', '.join(SERVERS)}"
            )
        self.directory = Path(directory).expanduser().resolve()
        self.servers: tuple[ServerName, ...] = tuple(name for name in SERVERS if name in wanted)
        given: dict[str, Any] = {"milvus": milvus, "durable": durable, "heap_mb": heap_mb}
        self._given = {name: value for name, value in given.items() if value is not None}

    def up(self, progress: Progress = _silent) -> None:
        """Start what does not run, and wait until it serves; what runs is left as it is.

        Raises:
            MissingTool: this machine lacks a JDK, Maven or an installer.
            EngineError: a server cannot be fetched or does not start; the message quotes its log.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with state.locked(self.directory):
            started = [name for name in self.servers if self._launch(name, progress)]
            for name in self.servers:
                self._await(name, progress, fresh=name in started)

    def start(self, server: ServerName) -> None:
        """Start one server on its ports and data, and wait until it serves.

        Raises:
            EngineError: as `up`.
        """
        with state.locked(self.directory):
            fresh = self._launch(server, _silent)
            self._await(server, _silent, fresh=fresh)

    def down(self, progress: Progress = _silent) -> None:
        """Stop this engine's servers, and nothing else; the data stays.

        Raises:
            EngineError: a server does not end even when killed.
        """
        if not self.directory.is_dir():
            return
        with state.locked(self.directory):
            running = self._running()
            for each in running.values():
                each.send(signal.SIGCONT)  # one that is paused would not hear the next signal
                each.send(signal.SIGTERM)
            for name, each in running.items():
                progress(f"{name}: stopping")
                if not each.wait(self._server(name).stop_seconds):
                    self._end(name, each)
                progress(f"{name}: stopped")

    def kill(self, server: ServerName) -> None:
        """SIGKILL one server, as a crash would; `start` brings it back.

        Raises:
            EngineError: it does not run.
        """
        self._end(server, self._process(server))

    def pause(self, server: ServerName) -> None:
        """SIGSTOP one server: it keeps its connections and answers nothing, as behind a broken network.

        Raises:
            EngineError: it does not run.
        """
        self._process(server).send(signal.SIGSTOP)

    def resume(self, server: ServerName) -> None:
        """SIGCONT one server.

        Raises:
            EngineError: it does not run.
        """
        self._process(server).send(signal.SIGCONT)

    def status(self) -> tuple[ServerStatus, ...]:
        """How each server of the directory is; empty before the first `up`."""
        known = state.read(self.directory)
        return tuple(self._status(name, entry) for name, entry in known.servers.items())

    def address(self, server: ServerName) -> str:
        """Where clients connect to one server: "host:port", for Milvus a URI.

        Raises:
            EngineError: the directory has no such server.
        """
        return self._server(server).address

    @property
    def addresses(self) -> Addresses:
        """Where clients connect."""
        known = state.read(self.directory).servers
        return Addresses(
            **{name: self.address(name) if name in known else None for name in SERVERS}
        )

    def logs(self, server: ServerName, lines: int = 50) -> str:
        """The last lines that one server wrote.

        Raises:
            EngineError: the directory has no such server.
        """
        return process.tail(self._server(server).log, lines)

    def _launch(self, name: ServerName, progress: Progress) -> bool:
        """Start a server that does not run; whether it was started."""
        known = state.read(self.directory)
        entry = known.servers.get(name)
        running = entry is not None and entry.process is not None and entry.process.runs
        settings = self._settings(name, entry, running=running)
        if running:
            return False
        if entry is None:
            chosen = ports.choose(_kind(name, settings).port_names)
            entry = state.Entry(chosen, settings)
        server = self._made(name, replace(entry, settings=settings))
        _refuse_taken_ports(server)
        progress(f"{name}: preparing {server.version}")
        server.prepare()
        progress(f"{name}: starting")
        started = process.start(
            server.command(),
            log=server.log,
            directory=server.directory,
            environment=server.environment,
            mark=server.mark,
        )
        known.servers[name] = state.Entry(entry.ports, settings, started)
        state.write(self.directory, known)
        return True

    def _settings(self, name: ServerName, entry: state.Entry | None, *, running: bool) -> Settings:
        before = entry.settings if entry is not None else Settings()
        heeded = _kind(name, before).heeds
        settings = replace(before, **{k: v for k, v in self._given.items() if k in heeded})
        if entry is None or settings == before:
            return settings
        if settings.milvus != before.milvus:
            raise EngineError(
                f"Milvus in {self.directory} is of the kind {before.milvus}, and the kind "
                f"{settings.milvus} does not read its data: name another directory"
            )
        if running:
            told = ", ".join(f"{each}={getattr(before, each)}" for each in heeded)
            raise EngineError(
                f"{name} in {self.directory} runs with {told}: stop it first, with "
                f"`memos engine down {self.directory}`"
            )
        return settings

    def _await(self, name: ServerName, progress: Progress, *, fresh: bool) -> None:
        """Wait until a server answers; a server that fails when fresh is stopped again."""
        server, started = self._server(name), self._process(name)
        deadline = time.monotonic() + server.start_seconds
        while not server.serves():
            if not started.runs:
                raise EngineError(f"{name} ended while it started. {server.quote()}")
            if time.monotonic() > deadline:
                if fresh:
                    self._end(name, started)
                raise EngineError(
                    f"{name} does not answer at {server.address} after "
                    f"{server.start_seconds:.0f} seconds. {server.quote()}"
                )
            time.sleep(PROBE_EVERY_SECONDS)
        progress(f"{name}: serves at {server.address}")

    def _end(self, name: ServerName, running: process.Started) -> None:
        running.send(signal.SIGKILL)
        if not running.wait(KILL_SECONDS):
            raise EngineError(f"{name} (pid {running.pid}) does not end when killed")

    def _running(self) -> dict[ServerName, process.Started]:
        known = state.read(self.directory).servers
        return {
            name: entry.process
            for name, entry in known.items()
            if name in self.servers and entry.process is not None and entry.process.runs
        }

    def _process(self, name: ServerName) -> process.Started:
        entry = self._entry(name)
        if entry.process is None or not entry.process.runs:
            raise EngineError(
                f"{name} of {self.directory} does not run: `memos engine up {self.directory}`. "
                f"{self._made(name, entry).quote()}"
            )
        return entry.process

    def _entry(self, name: ServerName) -> state.Entry:
        entry = state.read(self.directory).servers.get(name)
        if entry is None:
            raise EngineError(
                f"{self.directory} has no {name}: `memos engine up {self.directory}` makes one"
            )
        return entry

    def _server(self, name: ServerName) -> Server:
        return self._made(name, self._entry(name))

    def _made(self, name: ServerName, entry: state.Entry) -> Server:
        return _kind(name, entry.settings)(self.directory / name, entry.ports, entry.settings)

    def _status(self, name: ServerName, entry: state.Entry) -> ServerStatus:
        server = self._made(name, entry)
        found = None if entry.process is None else entry.process.find()
        return ServerStatus(
            server=name,
            version=server.version,
            running=found is not None,
            address=server.address,
            ports=server.ports,
            log=server.log,
            pid=None if found is None else found.pid,
            resident_mb=None if entry.process is None else entry.process.resident_mb(),
        )


def _kind(name: ServerName, settings: Settings) -> type[Server]:
    match name:
        case "kafka":
            return Kafka
        case "cassandra":
            return Cassandra
        case "milvus":
            return MilvusServer if settings.milvus == "server" else MilvusLite


def _refuse_taken_ports(server: Server) -> None:
    for purpose, port in server.ports.items():
        if not ports.becomes_free(port):
            raise EngineError(
                f"port {port}, the {purpose} port of {server.name}, is in use by another program: "
                "stop that one first; the port stays the same, because clients know it"
            )
