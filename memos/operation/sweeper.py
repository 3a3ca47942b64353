"""Sweeping now and then: in a thread of a program, or as the whole of a worker."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable

from memos.kernel.errors import MemosError
from memos.operation.commands.sweep import Sweep, check_sweeper, sweep
from memos.operation.session import Session

LONGEST_WAIT_SECONDS = 5.0
"""After which whoever waits for the next sweep tells that it lives."""


class Sweeper:
    """Sweeps at once, and again after each pause, until it is ended.

    A sweep that fails is told and tried again: what has ended stays ended.

    Args:
        sweep: one sweep.
        pause_seconds: between two of them.
        ending: no further sweep begins once it is set; by default the sweeper's own.
        swept: told of each sweep.
        failed: told of each that failed; by default a warning.
        waits: called every few seconds.
    """

    def __init__(
        self,
        sweep: Callable[[], Sweep],
        pause_seconds: float,
        *,
        ending: threading.Event | None = None,
        swept: Callable[[Sweep], None] = lambda _: None,
        failed: Callable[[MemosError], None] | None = None,
        waits: Callable[[], None] = lambda: None,
    ) -> None:
        self._sweep = sweep
        self._pause = pause_seconds
        self._swept = swept
        self._failed = failed or _warn
        self._waits = waits
        self._ending = ending or threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sweep in a thread, beside the program."""
        self._thread = threading.Thread(target=self.run, name="memos-sweeper", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Sweep until it is ended."""
        while not self._ending.is_set():
            try:
                self._swept(self._sweep())
            except MemosError as error:
                self._failed(error)
            self._wait()

    def close(self) -> None:
        """End, and wait for the sweep that runs."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _wait(self) -> None:
        left = self._pause
        while left > 0 and not self._ending.is_set():
            self._waits()
            step = min(left, LONGEST_WAIT_SECONDS)
            self._ending.wait(step)
            left -= step


def start_sweeper(session: Session, pause: int) -> None:
    """Sweep beside the program until the session is closed; `pause` is in microseconds.

    Raises:
        Denied: the session's actor administers no tenant.
    """
    check_sweeper(session)
    sweeper = Sweeper(lambda: _sweep_behind(session), pause / 1_000_000)
    session.before_close(sweeper.close)
    sweeper.start()


def _sweep_behind(session: Session) -> Sweep:
    """A sweep in a thread of ours, where nobody waits: no interrupt is meant for it, and what the
    program's governor or clock raises is no reason to sweep no more.

    Raises:
        MemosError: the sweep failed, in whatever way.
    """
    try:
        return sweep(session)
    except MemosError:
        raise
    except BaseException as error:
        raise MemosError(f"{type(error).__name__}: {error}".removesuffix(": ")) from error


def _warn(error: MemosError) -> None:
    warnings.warn(f"a sweep failed, and the next one tries again: {error}", stacklevel=2)
