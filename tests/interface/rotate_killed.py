"""Rotates the root key of copies of a vault, and kills the process at one step more each time.

A step is what others can see: a file that is made, renamed or given other rights, and a transaction that
is committed; killed is before it and behind it. Run as a program, so that nothing but this is forked.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from memos import Memory

ACTOR = "agent:alice"


class Steps:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, killed_at: int) -> None:
        self._left = killed_at

    def step(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.step()
            done = effect(*args, **kwargs)
            self.step()
            return done

        return call

    def statement(self, told: dict[str, Any]) -> None:
        """Called by SQLite as a statement begins, and as it has ended."""
        if str(told.get("sql", "")).startswith("COMMIT"):
            self.step()


def killed(vault: Path, at: int) -> bool:
    """Whether a rotation was killed at a step; False where it has fewer."""
    child = os.fork()
    if not child:
        steps = Steps(at)
        traced: list[apsw.Connection] = []
        apsw.connection_hooks.append(traced.append)
        with Memory(vault, actor=ACTOR) as memory:
            for connection in traced:
                connection.trace_v2(
                    apsw.SQLITE_TRACE_STMT | apsw.SQLITE_TRACE_PROFILE, steps.statement
                )
            for name in ("replace", "chmod", "unlink"):
                setattr(os, name, steps.around(getattr(os, name)))
            memory.rotate_root_key()
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(vault: Path, directory: Path) -> None:
    """Leave a copy of the vault for each step, in a directory named by its number."""
    at = 1
    while True:
        copy = directory / str(at)
        shutil.copytree(vault, copy)
        if not killed(copy, at):
            shutil.rmtree(copy)
            return
        at += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
