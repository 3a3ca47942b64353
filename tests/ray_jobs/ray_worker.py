"""A worker of `python -m ray_jobs` as a process, with what tests ask of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

import psutil
from prometheus_client.parser import text_string_to_metric_families

from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.servers.ports import choose
from tests.waiting import wait_for_ends

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 240
"""For what takes seconds on a quiet machine."""


class RayWorker:
    """Runs while inside `with`, and ends with this process, whatever ends that.

    Args:
        directory: for its log, and what it keeps.
        program: and the kind of worker.
        options: of the kind.
        kept_in: for what it keeps, elsewhere.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        program: tuple[str, str] = ("ray_jobs", "kv"),
        kept_in: Path | None = None,
    ) -> None:
        ports = choose(("cluster", "metrics"))
        self._port, self._metrics_port = ports["cluster"], ports["metrics"]
        self._log = directory / "worker.log"
        self._line = [sys.executable, "-m", *program, *options]
        self._line += ["--port", str(self._port), "--metrics-port", str(self._metrics_port)]
        self.kept_in = kept_in or directory / "kept"
        self._line += ["--kept-in", str(self.kept_in)]

    @property
    def address(self) -> str:
        """Of its cluster, where it has started one."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ends_with_us(self._line), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.end()

    def end(self) -> int:
        """Have it end as an orchestrator does; its exit status."""
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(WAIT_SECONDS)
        finally:
            self._process.kill()
        wait_for_ends(children)
        return status

    def await_line(self, what: str) -> None:
        """Wait until its log says something."""
        self.await_true(lambda: what in self._log.read_text("utf-8"))

    def await_true(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, while it runs."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert self._process.poll() is None, self._log.read_text("utf-8")
            assert time.monotonic() < deadline, self._log.read_text("utf-8")
            time.sleep(0.1)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that have these labels."""
        with urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics") as answer:
            text = answer.read().decode()
        samples = [
            each for family in text_string_to_metric_families(text) for each in family.samples
        ]
        found = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
        return sum(found)

    def processes(self, actor: str) -> list[psutil.Process]:
        """The processes of an actor's class in the cluster that it has started."""
        children = psutil.Process(self._process.pid).children(recursive=True)
        return [child for child in children if f"ray::{actor}" in " ".join(child.cmdline()[:1])]
