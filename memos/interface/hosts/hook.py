"""The hook of a plugin: asks a running server, or else opens the vault itself, within a time budget.

It imports nothing but the standard library, and starts in a tenth of the time that MemOS takes. It
never stops the agent: whatever goes wrong is written to the log, and the agent goes on without.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from subprocess import Popen

RECALLS = "UserPromptSubmit"
OTHERS_SECONDS = 60
"""For events after which nobody waits for an answer."""
MOST_LOG_BYTES = 1_000_000


class Hook:
    """One event of a host: JSON on stdin, and on stdout what the host is told."""

    def __init__(self, settings_file: Path) -> None:
        """Read the settings; from now on the time runs."""
        settings: dict[str, Any] = json.loads(settings_file.read_text("utf-8"))
        self._settings_file = settings_file
        self._python: str = settings["python"]
        self._state = Path(settings["state"])
        self._event = "?"
        self._child: Popen[bytes] | None = None
        sys.excepthook = self._go_on_without
        signal.signal(signal.SIGALRM, self._give_up)
        signal.setitimer(signal.ITIMER_REAL, settings["budget_ms"] / 1000)

    def run(self) -> None:
        """Answer it."""
        given = sys.stdin.buffer.read()
        self._event = str(json.loads(given)["hook_event_name"])
        if self._event != RECALLS:
            signal.setitimer(signal.ITIMER_REAL, OTHERS_SECONDS)
        answer = self._from_server(given)
        if answer is None:
            answer = self._from_vault(given)
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()

    def _from_server(self, given: bytes) -> bytes | None:
        """What a running server answers; None where none does."""
        with socket.socket(socket.AF_UNIX) as peer:
            try:
                peer.connect(str(self._state / "socket"))
                peer.sendall(given)
                peer.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: peer.recv(65536), b""))
            except OSError:
                return None
        if not answer:  # it could not, or ended meanwhile
            return None
        told: dict[str, Any] | None = json.loads(answer)
        if told is None:
            return b""
        if "refused" in told:
            self._log(told["refused"])
            return b""
        return answer + b"\n"

    def _from_vault(self, given: bytes) -> bytes:
        """What a process of its own answers, which opens the vault."""
        from subprocess import PIPE, Popen

        line = [self._python, "-m", "memos.interface.hosts", str(self._settings_file)]
        self._child = Popen(line, stdin=PIPE, stdout=PIPE, stderr=PIPE)  # noqa: S603 - as installed
        answer, told = self._child.communicate(given)
        if told.strip():
            self._log(told.decode("utf-8", "replace").strip())
        return answer

    def _give_up(self, *_: object) -> NoReturn:
        if self._child is not None:
            self._child.kill()
        self._log("no answer in time: the agent goes on without")
        os._exit(0)

    def _go_on_without(
        self, kind: type[BaseException], error: BaseException, _: TracebackType | None
    ) -> NoReturn:
        self._log(f"{kind.__name__}: {error}: the agent goes on without")
        os._exit(0)

    def _log(self, text: str) -> None:
        """Write a line to the log, which is begun anew when it is long."""
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._state / "log"
        is_long = path.exists() and path.stat().st_size > MOST_LOG_BYTES
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with path.open("w" if is_long else "a", encoding="utf-8") as log:
            log.write(f"{moment} {self._event}: {text}\n")


if __name__ == "__main__":
    Hook(Path(sys.argv[1])).run()
