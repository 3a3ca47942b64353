"""A server in a process of its own, and a client on one connection that stays open."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit


def announced() -> socket.socket:
    """A socket on a free port of the loopback, whose address is printed."""
    bound = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    return bound


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[str]:
    """A module of this environment that prints the address at which it serves."""
    line = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


class Connection:
    """One connection that stays open."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc)
        self._connection.connect()
        # A request is two small packets, of which the second would wait for an answer to the first.
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> None:
        """Get, and read the answer."""
        self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> None:
        """Send JSON, and read the answer."""
        self._ask("POST", path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None) -> None:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == http.client.OK, answer.status

    def close(self) -> None:
        """Close it."""
        self._connection.close()
