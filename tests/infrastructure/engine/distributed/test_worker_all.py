"""`memos worker all`: five workers under one process, which ends them and tells when one ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from memos import Memory
from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.servers import LocalServers
from tests.fleet import PARTITIONS, ROOT, WORKERS, Fleet
from tests.scenarios.place import ADMINISTRATOR
from tests.waiting import wait_for_ends, wait_until

SECONDS = 300
PROGRAM = "from memos.interface.cli import app; app()"

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def fleet(engines: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A vault without workers."""
    made = Fleet(tmp_path_factory.mktemp("all"), engines)
    try:
        made.make(ADMINISTRATOR)
        yield made
    finally:
        made.remove()


class All:
    """The program, in a session of its own as under a terminal, and its children."""

    def __init__(self, fleet: Fleet, log: Path) -> None:
        self._log = log
        line = [sys.executable, "-c", PROGRAM, "worker", "all", "--config", str(fleet.path)]
        with log.open("wb") as told:
            self.process = subprocess.Popen(
                ends_with_us(line), cwd=ROOT, stdout=told, stderr=told, start_new_session=True
            )
        wait_until(
            lambda: self.said.count("goes on from") >= len(WORKERS) * PARTITIONS, lambda: self.said
        )
        wait_until(lambda: "sweep every 60 s" in self.said, lambda: self.said)
        self.children = self._children()

    @property
    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def end(self) -> int:
        """Wait until it ends; its exit status. No child outlives it."""
        status = self.process.wait(SECONDS)
        assert [name for name, child in self.children.items() if child.is_running()] == []
        return status

    def _children(self) -> dict[str, psutil.Process]:
        children = psutil.Process(self.process.pid).children()
        found = {child.cmdline()[3]: child for child in children}
        assert sorted(found) == sorted([*WORKERS, "sweep"])
        return found


@contextmanager
def running(fleet: Fleet, tmp_path: Path) -> Iterator[All]:
    """All workers of a vault; nothing is left of them afterwards, however the test ends."""
    made = All(fleet, tmp_path / "all.log")
    try:
        yield made
    finally:
        for child in made.children.values():
            if child.is_running():
                child.kill()
        made.process.kill()
        made.process.wait(SECONDS)


def test_a_sigterm_ends_every_worker_and_that_is_no_failure(fleet: Fleet, tmp_path: Path) -> None:
    with Memory(fleet.path, actor=ADMINISTRATOR, wait="durable") as memory:
        receipt = memory.add("pottery, written while nobody worked", scope="all")
    with running(fleet, tmp_path) as workers:
        with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
            memory.wait_for(receipt)
            memory.add("pottery, written while all did", scope="all")
            assert len(memory.search("pottery", scope="all")) == 2
        workers.process.send_signal(signal.SIGTERM)
        assert workers.end() == 0
        assert "ended; the others" not in workers.said
        assert "Traceback" not in workers.said


def test_an_interrupt_from_the_terminal_reaches_all_and_is_no_failure(
    fleet: Fleet, tmp_path: Path
) -> None:
    with running(fleet, tmp_path) as workers:
        os.killpg(workers.process.pid, signal.SIGINT)
        assert workers.end() == 0
        assert "Traceback" not in workers.said


def test_a_worker_that_is_killed_is_named_and_ends_the_others(fleet: Fleet, tmp_path: Path) -> None:
    with running(fleet, tmp_path) as workers:
        workers.children["index"].kill()
        assert workers.end() == 1
        assert "memos worker index ended; the others are ended too" in workers.said


@pytest.mark.skipif(not shutil.which("setpriv"), reason="only Linux ends a process with its parent")
def test_no_worker_outlives_a_program_that_is_killed(fleet: Fleet, tmp_path: Path) -> None:
    with running(fleet, tmp_path) as workers:
        workers.process.kill()
        workers.process.wait(SECONDS)
        wait_for_ends(workers.children.values())
