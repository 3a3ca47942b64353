"""Free ports on the loopback interface."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
import time
from functools import cache
from pathlib import Path

from memos.infrastructure.servers.names import HOST

# Below the range that systems hand to outgoing connections. A client that keeps trying a port of
# that range while its server is down may be given the same port for its own end: it then connects
# to itself, and the server cannot come back.
LOWEST, HIGHEST = 20_000, 32_767

CLOSING_SECONDS = 10.0

_reserved: set[int] = set()


def is_free(port: int) -> bool:
    """Whether nothing listens on a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # What a stopped server left in TIME_WAIT does not keep the port from the next one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def becomes_free(port: int) -> bool:
    """Whether a port is free, or is soon: the system closes those of a killed server after its end."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def accepts(port: int, host: str = HOST) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def choose(names: tuple[str, ...]) -> dict[str, int]:
    """A free port for each name, reserved and chosen at random: two directories rarely want the same.

    None was chosen before by this program: a server that it is for may not have opened it yet.
    """
    chosen: dict[str, int] = {}
    while len(chosen) < len(names):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        if port not in _reserved and reserve(port) and is_free(port):
            chosen[names[len(chosen)]] = port
    return chosen


def reserve(port: int) -> bool:
    """Keep a port from the other programs of this user that choose one, until this program ends.

    A server opens its port seconds after it was started, and has none while it is down. Whether no
    other program has reserved it.
    """
    if port not in _reserved:
        try:
            fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        _reserved.add(port)
    return True


@cache
def _reservations() -> int:
    """A file of which each program locks the bytes of its ports; open while the program runs."""
    path = Path(tempfile.gettempdir()) / f"memos-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
