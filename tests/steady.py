"""Does a test file pass however often it runs, on a machine that others load?

    python -m tests.steady [--times 20] [--at-once 1] FILE ...

Each file runs so many times in one process of pytest, beside a busy loop a processor, and beside other files
where several run at once. Servers are started once. A line a file says how often its tests passed; the exit code
is 1 where one did not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.servers import LocalServers, leased
from tests.engines import DIRECTORY_VARIABLE, REQUIRED_VARIABLE

BUSY = "while True: pass"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the files; the exit code."""
    parser = argparse.ArgumentParser(description="Does a test file pass however often it runs?")
    parser.add_argument("--times", type=int, default=20, help="how often (20)")
    parser.add_argument("--at-once", type=int, default=1, help="how many files side by side (1)")
    parser.add_argument("files", nargs="+", metavar="FILE")
    chosen = parser.parse_args(arguments)
    if min(chosen.times, chosen.at_once) < 1:
        parser.error("--times and --at-once take 1 or more")
    if missing := [file for file in chosen.files if not Path(file).is_file()]:
        parser.error(f"there is no {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as directory, ExitStack() as held:
        servers = held.enter_context(leased(LocalServers(Path(directory) / "servers")))
        servers.up()
        held.enter_context(_busy())
        environment = {
            **os.environ,
            DIRECTORY_VARIABLE: str(servers.directory),
            REQUIRED_VARIABLE: "1",
        }
        pool = held.enter_context(ThreadPoolExecutor(chosen.at_once))
        verdicts = pool.map(lambda file: _ran(file, chosen.times, environment), chosen.files)
        return 0 if all(verdicts) else 1


@contextmanager
def _busy() -> Iterator[None]:
    """A loop for each processor, for as long as the block lasts."""
    line = ends_with_us([sys.executable, "-c", BUSY])
    loops = [subprocess.Popen(line) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _ran(file: str, times: int, environment: dict[str, str]) -> bool:
    """Run a file so often, and say what came of it."""
    line = [sys.executable, "-m", "pytest", "-q", "--keep-duplicates", *[file] * times]
    ran = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    told = ran.stdout.splitlines() or ["nothing"]
    shown = told[-1:] if ran.returncode == 0 else [*told, *ran.stderr.splitlines()]
    sys.stdout.write("".join(f"{file}: {each}\n" for each in shown))
    sys.stdout.flush()
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
