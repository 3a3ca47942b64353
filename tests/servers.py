"""A server that a test sets up in its own way: started, killed and ended outside an engine."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from memos.infrastructure.servers import EngineError, process
from memos.infrastructure.servers.server import Server
from tests.engines import up_or_skip

LOOK_SECONDS = 0.2
KILL_SECONDS = 20.0


class OwnServer:
    """One server process. `server` says what it is, where, and how it is set up."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._process: process.ServerProcess | None = None

    def up(self) -> None:
        """Start it, and wait until it serves.

        Raises:
            MissingTool: this machine lacks what it takes.
            EngineError: it does not start; the message quotes its log.
        """
        self.begin()
        self.await_serving()

    def begin(self) -> None:
        """Start it, without waiting."""
        self.server.prepare()
        self._process = process.start(
            self.server.command(),
            log=self.server.log,
            directory=self.server.directory,
            environment=self.server.environment,
            mark=self.server.mark,
        )

    def await_serving(self) -> None:
        """Wait until it serves, as `up`."""
        assert self._process is not None
        deadline = time.monotonic() + self.server.start_seconds
        while not self.server.serves():
            if not self._process.runs or time.monotonic() > deadline:
                raise EngineError(f"{self.server.name} does not serve. {self.server.quote()}")
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        """SIGKILL it."""
        self._send(signal.SIGKILL)

    def down(self) -> None:
        """End it, where it runs."""
        if self._process is None:
            return
        self._process.send(signal.SIGTERM)
        if not self._process.wait(self.server.stop_seconds):
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send(number)
        assert self._process.wait(KILL_SECONDS), f"{self.server.name} does not end"


@contextmanager
def together(*servers: OwnServer) -> Iterator[None]:
    """Servers that come up side by side, and are ended behind it.

    Skips the test, aloud, where this machine lacks what they take.
    """
    try:
        up_or_skip(_All(servers))
        yield
    finally:
        for each in servers:
            each.down()


@dataclass(frozen=True, slots=True)
class _All:
    servers: Sequence[OwnServer]

    def up(self) -> None:
        for each in self.servers:
            each.begin()
        for each in self.servers:
            each.await_serving()
