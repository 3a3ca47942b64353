"""Servers and workers that a run starts end with it, whatever ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from memos.infrastructure.servers import LocalServers
from tests.engines import up_or_skip
from tests.waiting import wait_for_ends, wait_until

ROOT = Path(__file__).parents[3]
SECONDS = 120

HOLDS = """
import sys
from memos.infrastructure.servers import LocalServers, leased
with leased(LocalServers(sys.argv[1], ["kafka"])) as servers:
    servers.up()
    print("up", flush=True)
    sys.stdin.read()
"""

WORKER = """
import os, time
print(os.getpid(), flush=True)
time.sleep(600)
"""

STARTS = """
import subprocess, sys
from memos.infrastructure.child_processes import ends_with_us
worker = subprocess.Popen(ends_with_us([sys.executable, "-c", sys.argv[1]]))
sys.stdin.read()
"""


@contextmanager
def program(text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", text, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(holder: subprocess.Popen[str]) -> str:
    assert holder.stdout is not None
    return holder.stdout.readline().strip()


def end(holder: subprocess.Popen[str], number: signal.Signals | None) -> None:
    """Kill it, or let it come to its own end."""
    if number is not None:
        holder.send_signal(number)
    holder.communicate(timeout=SECONDS)


def running(servers: LocalServers) -> list[bool]:
    return [server.running for server in servers.status()]


@pytest.mark.engines
@pytest.mark.timeout(900)
def test_servers_end_behind_their_last_holder_however_it_ends(tmp_path: Path) -> None:
    servers = LocalServers(tmp_path / "engine", ["kafka"])
    up_or_skip(servers)  # else a missing JDK would fail the holders below
    holder = (HOLDS, str(servers.directory))
    with program(*holder) as killed, program(*holder) as ended:
        assert (said(killed), said(ended)) == ("up", "up")
        end(killed, signal.SIGKILL)
        assert running(servers) == [True]
        end(ended, None)
        assert running(servers) == [False]  # at once: the last one waited for it

    with program(*holder) as last:
        assert said(last) == "up"
        end(last, signal.SIGKILL)
        wait_until(lambda: running(servers) == [False])


@pytest.mark.skipif(
    sys.platform != "linux", reason="the system does not end a child with its parent"
)
def test_a_worker_ends_with_the_run_that_started_it(tmp_path: Path) -> None:
    with program(STARTS, WORKER) as run:
        worker = psutil.Process(int(said(run)))  # it says so itself, behind setpriv
        end(run, signal.SIGKILL)
        wait_for_ends([worker])
