"""An event that a signal's handler sets."""

from __future__ import annotations

import os
import select
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class SignalEvent(threading.Event):
    """A `threading.Event` that a signal's handler may set at any instant; once set it stays so.

    The standard one is guarded by a lock, which the very thread that the handler interrupts may hold while it
    begins or ends a wait: both would wait for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._was_set = False
        # A byte that nobody reads: what waits for it is woken, and whoever waits later does not wait.
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        # Not when the interpreter ends: a handler may be called until then.
        weakref.finalize(self, _close, self._reading, self._writing).atexit = False

    def set(self) -> None:
        """Set it; no lock is taken."""
        self._was_set = True
        with suppress(BlockingIOError):
            os.write(self._writing, b"\0")

    def set_by(self, *numbers: int) -> dict[int, Any]:
        """Have signals set it from now on; the handlers that they had."""
        return {number: signal.signal(number, lambda *_: self.set()) for number in numbers}

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._was_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most so many seconds; whether it is."""
        if not self._was_set:
            waiting = select.poll()
            waiting.register(self._reading, select.POLLIN)
            waiting.poll(None if timeout is None else timeout * 1000)
        return self._was_set


@contextmanager
def set_by(*numbers: int) -> Iterator[SignalEvent]:
    """An event that signals set within the block; behind it they have the handlers that they had."""
    event = SignalEvent()
    before = event.set_by(*numbers)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
