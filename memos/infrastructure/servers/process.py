"""Server processes that outlive the program which started them, and are never taken for others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_SECONDS = 0.05
CLOCK_SLACK_SECONDS = 5.0
"""The system gives start times relative to a clock that may be set meanwhile."""


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A process that was started: the system may give its pid to another one later.

    `at` is its start in seconds since 1970, `mark` a part of its command line.
    """

    pid: int
    at: float
    mark: str

    def find(self) -> psutil.Process | None:
        """The process, or None where it has ended."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.at) > CLOCK_SLACK_SECONDS:
                return None
            if process.status() == psutil.STATUS_ZOMBIE:
                # Its first thread has ended. While others have not, its ports are still open.
                return process if process.num_threads() > 1 else None
            arguments = process.cmdline()
            # It has none for the moment in which a program takes the place of the shell that starts it.
            ours = not arguments or any(self.mark in argument for argument in arguments)
        except psutil.ZombieProcess:
            return process
        except psutil.NoSuchProcess:
            return None
        return process if ours else None

    @property
    def runs(self) -> bool:
        """Whether it has not ended; a stopped (SIGSTOP) process runs."""
        return self.find() is not None

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; False where the process has ended."""
        process = self.find()
        if process is None:
            return False
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return False
        return True

    def resident_mb(self) -> int | None:
        """Its memory in units of 2**20 bytes; None where it has ended."""
        process = self.find()
        try:
            return None if process is None else int(process.memory_info().rss / 2**20)
        except psutil.NoSuchProcess:
            return None

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came in time."""
        deadline = time.monotonic() + seconds
        while self.runs:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def start(
    command: Sequence[str], *, log: Path, directory: Path, environment: Mapping[str, str], mark: str
) -> ServerProcess:
    """Start a command in a session of its own, its output appended to a log.

    A shell in between starts it and ends: the server then belongs to the system, which reaps it
    whoever kills it, and a signal to this program's terminal does not reach it.
    """
    launched = subprocess.run(  # noqa: S603 # the command line is made here
        ["/bin/sh", "-c", '"$@" </dev/null >>"$0" 2>&1 & echo $!', str(log), *command],
        cwd=directory,
        env={**os.environ, **environment},
        start_new_session=True,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    pid = int(launched.stdout)
    try:
        at = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        at = time.time()  # it ended at once; its log says why
    return ServerProcess(pid, at, mark)


def tail(log: Path, lines: int) -> str:
    """The last lines of a log; empty where there is none."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 400 * lines))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
