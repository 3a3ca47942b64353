"""A server that a test sets up in its own way: started, killed and ended outside an engine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.servers import EngineError
from memos.infrastructure.servers.server import Server
from tests.engines import up_or_skip

LOOK_SECONDS = 0.2
KILL_SECONDS = 120.0


class OwnServer:
    """One server process. `server` says what it is, where, and how it is set up."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._process: subprocess.Popen[bytes] | None = None

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
        with self.server.log.open("ab") as log:
            self._process = subprocess.Popen(
                ends_with_us(self.server.command()),
                cwd=self.server.directory,
                env={**os.environ, **self.server.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the terminal is the test's to handle
            )

    def await_serving(self) -> None:
        """Wait until it serves, as `up`."""
        assert self._process is not None
        deadline = time.monotonic() + self.server.start_seconds
        while not self.server.serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EngineError(f"{self.server.name} does not serve. {self.server.quote()}")
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        """SIGKILL it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(KILL_SECONDS)

    def down(self) -> None:
        """End it, where it runs."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(self.server.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill()


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
