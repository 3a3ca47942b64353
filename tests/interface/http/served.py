"""The application of `memos serve`, served by its own server in a thread of this process."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any, Self

import httpx
import pytest
import uvicorn

from memos import AsyncMemory, MemCube, Memory
from memos.interface.http.app import application
from memos.interface.http.protocol import IDLE_SECONDS, BoundedProtocol
from memos.interface.http.settings import HttpSettings
from tests.waiting import wait_until

SECONDS = 30.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What is not asked for need not be read from files, at every client."""
ALL_ACTIONS = ("read", "create", "write", "administer")
PROBLEM = "application/problem+json"


def logged(caplog: pytest.LogCaptureFixture, requests: int = 1) -> list[logging.LogRecord]:
    """What the server logged, once that tells of so many requests: a line follows the answer's last byte."""

    def ours() -> list[logging.LogRecord]:
        return [each for each in list(caplog.records) if each.name.startswith(("memos", "uvicorn"))]

    def are_told() -> bool:
        return sum(each.getMessage() == "request" for each in ours()) >= requests

    wait_until(are_told, f"the log tells of {requests} requests")
    return ours()


@dataclass(frozen=True)
class Caller:
    """A key, and a client that sends it."""

    key: str
    key_id: str
    client: httpx.Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


class Served:
    """A server on a free port of the loopback, until it is stopped."""

    def __init__(self, memory: Memory, settings: HttpSettings | None = None) -> None:
        self.memory = memory
        self.app = application(AsyncMemory(memory), settings)
        config = uvicorn.Config(
            self.app,
            port=0,
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=10,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._clients: list[httpx.Client] = []

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, "the application starts", 0.01)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask_to_stop(self) -> None:
        """What a signal does."""
        self._server.should_exit = True
        for server in self._server.servers:
            loop = server.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.app.state.streams.stop)

    def stop(self) -> None:
        """End, and wait for it."""
        for client in self._clients:
            client.close()
        if self._thread.is_alive():
            self.ask_to_stop()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the application does not end"

    def client(self, **headers: str) -> httpx.Client:
        """A client that sends these headers."""
        made = httpx.Client(
            base_url=self.address, timeout=SECONDS, verify=NO_TLS, headers=headers, trust_env=False
        )
        self._clients.append(made)
        return made

    def caller(
        self, actor: str = "user:alice", tenant: str | None = "acme", **options: Any
    ) -> Caller:
        """A new key of an actor's."""
        made = self.memory.create_api_key(actor, tenant=tenant, **options)
        return Caller(
            made.key, made.api_key.key_id, self.client(Authorization=f"Bearer {made.key}")
        )

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)


def cube_of(memory: Memory, cube_id: str) -> MemCube:
    """A memory that is there."""
    found = memory.get(cube_id)
    assert isinstance(found, MemCube)
    return found


def add(caller: Caller, text: str | None = "She likes tea.", **fields: Any) -> httpx.Response:
    """Add a memory over HTTP."""
    answer = caller.client.post(
        "/v1/memories", json={"text": text, "scope": "acme/alice", **fields}
    )
    assert answer.status_code == 201, answer.text
    return answer


def check_problem(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """See that an answer is this problem; its document."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    told: dict[str, Any] = json.loads(answer.text)
    assert told["type"] == f"urn:memos:problem:{name}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    return told


def answer_on(connection: socket.socket) -> bytes:
    """All that comes on a bare connection until it is closed."""
    received = b""
    while True:
        try:
            part = connection.recv(65_536)
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part
