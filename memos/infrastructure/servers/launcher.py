"""Starts one server on its ports and data, and waits until it serves."""

from __future__ import annotations

import time
from collections.abc import Callable

from memos.infrastructure.servers import ports, process, state
from memos.infrastructure.servers.errors import EngineError
from memos.infrastructure.servers.installation import Installation, kill, server_class
from memos.infrastructure.servers.names import ServerName
from memos.infrastructure.servers.server import Server
from memos.infrastructure.servers.settings import ServerSettings, SettingsChange
from memos.infrastructure.servers.state import ServerEntry

Progress = Callable[[str], None]
"""Called with a few words on what is being done, such as "kafka: starting"."""

PROBE_EVERY_SECONDS = 0.2


class Launcher:
    """Starts servers of one directory. Whoever uses it holds the directory's lock.

    Args:
        installation: the servers of the directory.
        change: the settings that a server is started with where it does not run.
    """

    def __init__(self, installation: Installation, change: SettingsChange) -> None:
        self._installation = installation
        self._directory = installation.directory
        self._change = change

    def launch(self, name: ServerName, progress: Progress) -> bool:
        """Start a server that does not run.

        Returns:
            Whether it was started; False where it runs already.

        Raises:
            EngineError: it cannot be fetched or started, or runs with other settings.
        """
        stored = state.read(self._directory)
        entry = stored.servers.get(name)
        running = entry is not None and entry.process is not None and entry.process.runs
        settings = self._settings(name, entry, running=running)
        if running:
            return False
        if entry is None:
            chosen = ports.choose(server_class(name, settings).port_names)
            entry = ServerEntry(chosen, settings)
        entry = ServerEntry(entry.ports, settings)
        server = self._installation.server_of(name, entry)
        _refuse_taken_ports(server)
        progress(f"{name}: preparing {server.version}")
        server.prepare()
        progress(f"{name}: starting")
        entry.process = process.start(
            server.command(),
            log=server.log,
            directory=server.directory,
            environment=server.environment,
            mark=server.mark,
        )
        stored.servers[name] = entry
        state.write(self._directory, stored)
        return True

    def _settings(
        self, name: ServerName, entry: ServerEntry | None, *, running: bool
    ) -> ServerSettings:
        before = entry.settings if entry is not None else ServerSettings()
        names = server_class(name, before).setting_names
        settings = self._change.applied_to(before, names)
        if entry is None or settings == before:
            return settings
        if settings.milvus != before.milvus:
            raise EngineError(
                f"Milvus in {self._directory} is of the kind {before.milvus}, and the kind "
                f"{settings.milvus} does not read its data: name another directory"
            )
        if running:
            current = ", ".join(f"{setting}={getattr(before, setting)}" for setting in names)
            raise EngineError(
                f"{name} in {self._directory} runs with {current}: stop it first, with "
                f"`memos engine down {self._directory}`"
            )
        return settings

    def wait_until_serving(self, name: ServerName, progress: Progress, *, fresh: bool) -> None:
        """Wait until a server answers; one that was started just now and fails is stopped again.

        Raises:
            EngineError: it ended, or does not answer in its time; the message quotes its log.
        """
        server, started = self._installation.server(name), self._installation.process(name)
        deadline = time.monotonic() + server.start_seconds
        while not server.serves():
            if not started.runs:
                raise EngineError(f"{name} ended while it started. {server.quote()}")
            if time.monotonic() > deadline:
                if fresh:
                    kill(name, started)
                raise EngineError(
                    f"{name} does not answer at {server.address} after "
                    f"{server.start_seconds:.0f} seconds. {server.quote()}"
                )
            time.sleep(PROBE_EVERY_SECONDS)
        progress(f"{name}: serves at {server.address}")


def _refuse_taken_ports(server: Server) -> None:
    for purpose, port in server.ports.items():
        ports.reserve(port)
        if not ports.becomes_free(port):
            raise EngineError(
                f"port {port}, the {purpose} port of {server.name}, is in use by another program: "
                "stop that one first; the port stays the same, because clients know it"
            )
