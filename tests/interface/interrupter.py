"""Raises into a call at a random instant, by a signal, as Ctrl-C and a supervisor do."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable


class Interrupter:
    """Raises into the main thread, by a signal at a random instant of a call."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._armed = False
        self._kind: type[BaseException] = KeyboardInterrupt
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._wake, self._delay = threading.Semaphore(0), 0.0
        self._main = threading.main_thread().ident or 0
        self._before = signal.signal(signal.SIGUSR1, self._raise)
        self._thread.start()

    def interrupted(self, call: Callable[[], object]) -> BaseException | None:
        """Make a call and interrupt it; the interrupt, where it came before the call's end."""
        self._kind = self._rng.choice((KeyboardInterrupt, SystemExit))
        self._delay = self._rng.choice((self._rng.uniform(0, 1e-3), self._rng.uniform(0, 2e-2)))
        try:
            try:
                self._armed = True
                self._wake.release()
                call()
            finally:
                self._armed = False
        except (KeyboardInterrupt, SystemExit) as interrupt:
            return interrupt
        return None

    def close(self) -> None:
        self._delay = -1
        self._wake.release()
        self._thread.join()
        signal.signal(signal.SIGUSR1, self._before)

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            if self._delay < 0:
                return
            time.sleep(self._delay)
            signal.pthread_kill(self._main, signal.SIGUSR1)

    def _raise(self, *_: object) -> None:
        if self._armed:
            self._armed = False
            raise self._kind
