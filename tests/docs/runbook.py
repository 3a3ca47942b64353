"""The commands of a page's runbooks, run as they stand on the page.

A command is a line `$ …` of a ```console block. One that does not end with 0 says so in a comment of its
own: `# exits with 6`. A worker is started and left running.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.child_processes import ends_with_us

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMAND_SECONDS = 300
END_SECONDS = 120

_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^ *```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_EXITS = re.compile(r"#.*\bexits with (\d+)")


def blocks(page: str, heading: str) -> list[list[str]]:
    """The commands under a heading of a page of docs/, by block; those of its subsections too."""
    text = (DOCS / page).read_text("utf-8")
    headings = list(_HEADING.finditer(text))
    (number,) = [n for n, found in enumerate(headings) if found[2] == heading]
    ends = [
        after.start()
        for after in headings[number + 1 :]
        if len(after[1]) <= len(headings[number][1])
    ]
    section = text[headings[number].end() : min(ends, default=len(text))]
    return [
        [line.strip()[2:] for line in block[1].splitlines() if line.strip().startswith("$ ")]
        for block in _BLOCK.finditer(section)
    ]


@dataclass
class Terminal:
    """A shell in a directory, with `memos` on its path."""

    directory: Path
    environment: Mapping[str, str]

    def __post_init__(self) -> None:
        self._workers: list[subprocess.Popen[bytes]] = []

    def run(self, *commands: str) -> str:
        """Run commands one after the other; what the last one wrote to stdout."""
        told = ""
        for command in commands:
            if command.startswith("memos worker"):
                self._begin(command)
                continue
            ran = subprocess.run(
                ["/bin/bash", "-c", f"set -e -o pipefail; {command}"],
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
            exits = _EXITS.search(command)
            wanted = int(exits[1]) if exits else 0
            assert ran.returncode == wanted, f"{command}\n{ran.stdout}{ran.stderr}{self.told()}"
            told = ran.stdout
        return told

    @property
    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, **self.environment}

    def _begin(self, command: str) -> None:
        with (self.directory / "worker.log").open("ab") as log:
            self._workers.append(
                subprocess.Popen(
                    ends_with_us(command.split("#", maxsplit=1)[0].split()),
                    cwd=self.directory,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def told(self) -> str:
        """The end of what workers said."""
        log = self.directory / "worker.log"
        return "\n".join(log.read_text("utf-8").splitlines()[-30:]) if log.exists() else ""

    def await_said(self, what: str, times: int) -> None:
        """Wait until workers have said something so many times since they were last stopped."""
        end = time.monotonic() + COMMAND_SECONDS
        while (self.directory / "worker.log").read_text("utf-8").count(what) < times:
            assert all(worker.poll() is None for worker in self._workers), self.told()
            assert time.monotonic() < end, self.told()
            time.sleep(0.1)

    def stop_workers(self) -> None:
        """End every worker that was started here."""
        for worker in self._workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self._workers:
            assert worker.wait(END_SECONDS) is not None
        self._workers.clear()
        (self.directory / "worker.log").unlink(missing_ok=True)


@contextmanager
def terminal(directory: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal whose workers end behind it."""
    opened = Terminal(directory, environment)
    try:
        yield opened
    finally:
        opened.stop_workers()
