"""Waiting for a condition, with an end so generous that only what never comes reaches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

import psutil

GENEROUS_SECONDS = 270.0
"""For what takes seconds at most on a quiet machine; less than a test may take, so that it is told."""


def wait_until(
    holds: Callable[[], bool], what: str | Callable[[], str] = "", every: float = 0.05
) -> None:
    """Wait until something is so.

    Args:
        holds: whether it is.
        what: is waited for, or a call that says how it stands; told where it never comes.
        every: seconds between two looks.
    """
    end = time.monotonic() + GENEROUS_SECONDS
    while not holds():
        if time.monotonic() > end:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {GENEROUS_SECONDS:.0f} s: {told}")
        time.sleep(every)


def wait_within(seconds: float, since: float, holds: Callable[[], bool]) -> None:
    """Wait until something is so: asked so many seconds after a moment, or later, it is.

    The moment of asking counts: how long an answer takes is the machine's.

    Args:
        seconds: that it may take.
        since: the moment, of `time.monotonic`.
        holds: whether it is.
    """
    while True:
        asked = time.monotonic()
        if holds():
            return
        assert asked - since < seconds
        time.sleep(0.01)


def wait_for_ends(processes: Iterable[psutil.Process]) -> None:
    """Wait until processes have ended, whosever children they are.

    psutil's own wait raises FileNotFoundError where a thread of another process has the number since.
    """
    for process in processes:
        wait_until(partial(_has_ended, process), f"the end of {process}")


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
