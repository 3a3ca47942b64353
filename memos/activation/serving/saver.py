"""Writes to the files what answers computed, behind them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from memos.kernel.errors import MemosError

log = logging.getLogger("memos.kv")


class Saver:
    """A thread that saves when it is asked to; what is asked while it saves goes together as the next.

    Args:
        save: writes what would be lost.
    """

    def __init__(self, save: Callable[[], object]) -> None:
        self._save = save
        self._asked = Event()
        self._is_ending = False
        self._thread = Thread(target=self._run, name="memos-kv-saver", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Have it save soon."""
        self._asked.set()

    def close(self) -> None:
        """Wait for what is being saved; no more is."""
        self._is_ending = True
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        while self._asked.wait() and not self._is_ending:
            self._asked.clear()
            try:
                self._save()
            except MemosError as error:
                log.error(
                    "segments were not written, and are computed again after a restart: %s", error
                )
