"""Whether a server process runs, from its first moment on."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import pytest

from memos.infrastructure.servers import process
from tests.waiting import wait_until

WAITS = "import signal; print('up', flush=True); signal.pause()"
WAIT_SECONDS = 60


def await_said(log: Path) -> None:
    """Wait until the program itself says something."""
    wait_until(lambda: log.is_file() and log.read_text() != "")


def test_a_process_runs_also_while_a_program_takes_its_shells_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = process.start(
        [sys.executable, "-c", WAITS],
        log=tmp_path / "log",
        directory=tmp_path,
        environment={},
        mark=WAITS,
    )
    try:
        await_said(tmp_path / "log")
        with monkeypatch.context() as patch:
            patch.setattr(psutil.Process, "cmdline", lambda _: [])  # as the system says then
            assert started.runs
        assert not process.ServerProcess(started.pid, started.at, "another program").runs
    finally:
        assert started.send(signal.SIGKILL)
    assert started.wait(WAIT_SECONDS)
