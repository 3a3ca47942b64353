"""A running server answers the hooks of its agent: the vault is open there, and an answer takes milliseconds.

It listens on a socket in a directory that is the user's alone; whoever may connect may open the vault,
too. Of several servers of one agent one listens, and another takes over when it ends.
"""

from __future__ import annotations

import fcntl
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memos.infrastructure.writing import writing
from memos.kernel.errors import MemosError

if TYPE_CHECKING:
    from memos.interface.hosts.claude_code import ClaudeCodeHooks

LOG = logging.getLogger(__name__)

MOST_BYTES = 16 * 2**20
_PEER_SECONDS = 10.0
_MOST_AT_ONCE = 8


@contextmanager
def answering_hooks(path: Path, hooks_of: Callable[[], ClaudeCodeHooks]) -> Iterator[None]:
    """Answer hooks on a socket, in threads of their own, as long as this is entered.

    Args:
        path: where the socket is to be, in a directory of its own.
        hooks_of: what answers an event; it raises a `MemosError` where the agent is let in no more.

    Raises:
        VaultError: the directory is not this user's to write.
    """
    with writing(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
    listener = _Listener(path, hooks_of)
    threading.Thread(target=listener.run, name="hooks", daemon=True).start()
    try:
        yield
    finally:
        listener.close()


class _Listener:
    def __init__(self, path: Path, hooks_of: Callable[[], ClaudeCodeHooks]) -> None:
        self._path = path
        self._hooks_of = hooks_of
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._closing = threading.Lock()
        self._is_closed = False
        self._socket: socket.socket | None = None

    def run(self) -> None:
        with self._path.with_name("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until whoever listens has ended
            with self._closing:
                if self._is_closed:
                    return
                self._path.unlink(missing_ok=True)
                self._socket = socket.socket(socket.AF_UNIX)
                try:
                    self._socket.bind(str(self._path))
                except OSError as error:
                    LOG.warning("no hook is answered at %s: %s", self._path, error)
                    return
                self._socket.listen()
            self._accept(self._socket)

    def close(self) -> None:
        with self._closing:
            self._is_closed = True
            if self._socket is not None:
                self._path.unlink(missing_ok=True)
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                self._socket.close()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            self._places.acquire()
            try:
                peer, _ = listening.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        try:
            with peer, suppress(OSError):
                peer.settimeout(_PEER_SECONDS)
                told = self._told(_received(peer))
                if told is not None:
                    peer.sendall(told)
        finally:
            self._places.release()

    def _told(self, given: bytes) -> bytes | None:
        """The answer as JSON, with `refused` where the vault refuses it: that is no leave to ask the vault
        as somebody else. None where there is no answer, and the hook is to open the vault itself.
        """
        answer: dict[str, Any] | None
        try:
            answer = self._hooks_of().answer(json.loads(given))
        except MemosError as error:
            answer = {"refused": f"{type(error).__name__}: {error}"}
        except ValueError as error:
            LOG.warning("a hook is not answered: %s", error)
            return None
        return json.dumps(answer).encode()


def _received(peer: socket.socket) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := peer.recv(65536):
        size += len(part)
        if size > MOST_BYTES:
            raise OSError("the event is too long")
        parts.append(part)
    return b"".join(parts)
