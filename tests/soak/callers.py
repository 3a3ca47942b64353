"""Callers who write for as long as they are let, and keep what they were told."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import TextIOWrapper
from pathlib import Path
from threading import Event, Lock
from typing import Any

from memos import Memory
from tests.kill.load import ACTOR, Load

ITEMS = 8
"""Of a round: with its bursts and its merge some thirty memories."""


class Callers:
    """Threads over one open vault, each with a tenant of its own; `end` waits for all of them."""

    def __init__(self, settings: Path, directory: Path, count: int) -> None:
        self._memory = Memory(settings, actor=ACTOR)
        self._directory = directory
        self._ending = Event()
        self._counting = Lock()
        self.acknowledged = 0
        """How many things were acknowledged."""
        self._threads = ThreadPoolExecutor(count)
        self._running: list[Future[None]] = [
            self._threads.submit(self._write, number) for number in range(count)
        ]

    def end(self) -> None:
        """Let each end its round; everything that it asked for was acknowledged then."""
        self._ending.set()
        for running in self._running:
            running.result()
        self._threads.shutdown()
        self._memory.close()

    def check_alive(self) -> None:
        """Raise what ended a caller before its time."""
        for running in self._running:
            if running.done():
                running.result()

    def told(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Of each scope, what its caller was told, in order."""
        for journal in sorted(self._directory.glob("*.jsonl")):
            lines = journal.read_text("utf-8").splitlines()
            yield journal.stem, [json.loads(line) for line in lines]

    def errors(self) -> Counter[str]:
        """How often a caller was told of which error."""
        return Counter(each["error"] for _, told in self.told() for each in told if "error" in each)

    def _write(self, number: int) -> None:
        for round_number in range(1_000_000):
            scope = f"caller{number}r{round_number}"
            with _Journal(self._directory / f"{scope}.jsonl", self._count) as journal:
                Load(self._memory, scope, journal).run(ITEMS)
            if self._ending.is_set():
                return

    def _count(self) -> None:
        with self._counting:
            self.acknowledged += 1


class _Journal(TextIOWrapper):
    """What one caller was told, a line each; `acknowledged` is called for each thing that is done."""

    def __init__(self, path: Path, acknowledged: Callable[[], None]) -> None:
        super().__init__(path.open("ab"), "utf-8")
        self._acknowledged = acknowledged

    def write(self, text: str) -> int:
        if '"cube_id"' in text:
            self._acknowledged()
        return super().write(text)


class Gaps:
    """Watches for how long nothing is acknowledged."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._count, self._since = callers.acknowledged, time.monotonic()
        self.longest = 0.0

    def look(self) -> None:
        """Look once more; often."""
        count, now = self._callers.acknowledged, time.monotonic()
        if count != self._count:
            self.longest = max(self.longest, now - self._since)
            self._count, self._since = count, now
