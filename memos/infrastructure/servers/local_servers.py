"""The servers of this machine that share one directory: started, watched and stopped."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from memos.infrastructure.servers import state
from memos.infrastructure.servers.cassandra import Cassandra
from memos.infrastructure.servers.errors import EngineError
from memos.infrastructure.servers.installation import Installation, kill
from memos.infrastructure.servers.launcher import Launcher, Progress
from memos.infrastructure.servers.names import SERVERS, MilvusKind, ServerName
from memos.infrastructure.servers.process import tail
from memos.infrastructure.servers.settings import SettingsChange
from memos.infrastructure.servers.status import Addresses, ServerStatus
from memos.kernel.errors import InvalidInput


def _silent(_: str) -> None:
    return


class LocalServers:
    """Kafka, Cassandra and Milvus with their data, logs and configuration under one directory.

    They run detached: they outlive this program, and another one takes them over by naming the same
    directory. The servers of several directories run side by side, each on free loopback ports that
    it keeps.

    Args:
        directory: where everything lives; made by the first `up`.
        servers: those that `up` starts; the others of the directory are left as they are.
        milvus: "lite" (dense and sparse vectors) or "server" (the real one, dense only). The first
            `up` decides for good: the two do not read each other's data.
        durable: Cassandra acknowledges a write once it is synced to disk (the default).
        heap_mb: the Java heap of each server, in units of 2**20 bytes (by default 1024).

    What is not given is as it was when the servers were last started.
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
        names = set(servers)
        unknown = names - set(SERVERS)
        if unknown or not names:
            raise InvalidInput(
                f"there is no server {', '.join(sorted(unknown)) or '(none named)'}: "
                f"name some of {', '.join(SERVERS)}"
            )
        self.directory = Path(directory).expanduser().resolve()
        self.servers: tuple[ServerName, ...] = tuple(name for name in SERVERS if name in names)
        self._installation = Installation(self.directory)
        change = SettingsChange(durable=durable, heap_mb=heap_mb, milvus=milvus)
        self._launcher = Launcher(self._installation, change)

    def up(self, progress: Progress = _silent) -> None:
        """Start what does not run, and wait until it serves; what runs is left as it is.

        Raises:
            MissingTool: this machine lacks a JDK, Maven or an installer.
            EngineError: a server cannot be fetched or does not start; the message quotes its log.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with state.locked(self.directory):
            started = [name for name in self.servers if self._launcher.launch(name, progress)]
            for name in self.servers:
                self._launcher.wait_until_serving(name, progress, fresh=name in started)

    def start(self, server: ServerName) -> None:
        """Start one server on its ports and data, and wait until it serves.

        Raises:
            EngineError: as `up`.
        """
        with state.locked(self.directory):
            fresh = self._launcher.launch(server, _silent)
            self._launcher.wait_until_serving(server, _silent, fresh=fresh)

    def down(self, progress: Progress = _silent) -> None:
        """Stop the servers of this directory, and nothing else; the data stays.

        Raises:
            EngineError: a server does not end even when killed.
        """
        if not self.directory.is_dir():
            return
        with state.locked(self.directory):
            running = self._installation.running(self.servers)
            for process in running.values():
                process.send(signal.SIGCONT)  # one that is paused would not hear the next signal
                process.send(signal.SIGTERM)
            for name, process in running.items():
                progress(f"{name}: stopping")
                if not process.wait(self._installation.server(name).stop_seconds):
                    kill(name, process)
                progress(f"{name}: stopped")

    def kill(self, server: ServerName) -> None:
        """SIGKILL one server, as a crash would; `start` brings it back.

        Raises:
            EngineError: it does not run.
        """
        kill(server, self._installation.process(server))

    def pause(self, server: ServerName) -> None:
        """SIGSTOP one server: it keeps its connections and answers nothing, as behind a broken network.

        Raises:
            EngineError: it does not run.
        """
        self._installation.process(server).send(signal.SIGSTOP)

    def resume(self, server: ServerName) -> None:
        """SIGCONT one server.

        Raises:
            EngineError: it does not run.
        """
        self._installation.process(server).send(signal.SIGCONT)

    def status(self) -> tuple[ServerStatus, ...]:
        """How each server of the directory is; empty before the first `up`."""
        return self._installation.status()

    def address(self, server: ServerName) -> str:
        """Where clients connect to one server: "host:port", for Milvus a URI.

        Raises:
            EngineError: the directory has no such server.
        """
        return self._installation.server(server).address

    @property
    def addresses(self) -> Addresses:
        """Where clients connect."""
        present = self._installation.entries()
        return Addresses(
            **{name: self.address(name) if name in present else None for name in SERVERS}
        )

    def logs(self, server: ServerName, lines: int = 50) -> str:
        """The last lines that one server wrote.

        Raises:
            EngineError: the directory has no such server.
        """
        return tail(self._installation.server(server).log, lines)

    def nodetool(self, arguments: Sequence[str]) -> str:
        """Run Cassandra's `nodetool` on the node of this directory; what it prints.

        Raises:
            EngineError: the directory has no Cassandra, it does not run, or `nodetool` failed.
        """
        node = self._installation.server("cassandra")
        assert isinstance(node, Cassandra)  # noqa: S101 - what the name stands for
        self._installation.process("cassandra")
        completed = subprocess.run(  # noqa: S603 # the command line is made here
            node.nodetool(arguments), capture_output=True, text=True, check=False
        )
        if completed.returncode != 0:
            output = (completed.stdout + completed.stderr).strip()
            raise EngineError(f"nodetool ended with {completed.returncode}: {output}")
        return completed.stdout
