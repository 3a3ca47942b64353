"""Workers forked from a process that has imported all that they need: to import it is most of what a
start costs, and a run starts hundreds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

PRELOADED = [f"streams.{name}" for name in ("__main__", "fold", "index", "seal", "usage")]
SET_PARENT_DEATH_SIGNAL = 1

_processes = get_context("forkserver")
_processes.set_forkserver_preload(PRELOADED)


class ForkedWorker:
    """One worker, with the methods of a Popen that tests use. It ends with the process that starts it.

    Args:
        arguments: those of `python -m streams`.
        directory: where it works.
        environment: what it has there.
        log: the file that it says everything to, behind what is there.
    """

    def __init__(
        self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self._process = _processes.Process(
            target=_work, args=(list(arguments), str(directory), dict(environment), str(log))
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status, or less than nothing for the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended.

        Raises:
            TimeoutExpired: it has not within so many seconds.
        """
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, where it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL it, where it runs."""
        self.send_signal(signal.SIGKILL)


def _work(arguments: list[str], directory: str, environment: dict[str, str], log: str) -> None:
    from streams.__main__ import main

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    told = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(told, stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(main(arguments))
