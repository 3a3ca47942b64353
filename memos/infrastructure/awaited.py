"""Work that runs on another thread than its caller's, who waits for what becomes of it.

Whatever is raised into the caller at whatever instruction (Ctrl-C, a signal handler's SystemExit)
ends a wait, and leaves the work whole.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from threading import Lock, Thread
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SETTLE_SECONDS = 5.0
"""How long an interrupted caller waits to learn what became of work that goes on."""


class Awaited(Generic[T]):
    """One caller's work and what became of it. It sees the context variables of its caller."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._context = copy_context()
        self._result: T | None = None
        self.error: BaseException | None = None
        self.is_settled = False
        self._turn = Lock()
        self._is_begun = False
        self.is_withdrawn = False
        self._settled = Lock()
        self._settled.acquire()

    def begin(self) -> bool:
        """Whether the work is still wanted: asked on the thread that is to do it, just before."""
        with self._turn:
            self._is_begun = not self.is_withdrawn
            return self._is_begun

    def withdraw(self) -> bool:
        """After an interrupt: want it no more; whether that came before its beginning."""
        with self._turn:
            self.is_withdrawn = True
            return not self._is_begun

    def run(self) -> None:
        """Do the work, on the thread that works for the caller."""
        self._result = self._context.run(self._work)

    def run_and_settle(self) -> None:
        """Do the work if it is wanted, then wake the caller with its result or its error."""
        try:
            if self.begin():
                self.run()
        except BaseException as error:  # noqa: BLE001 - the caller's, who raises it
            self.error = error
        finally:
            self.settle()

    def settle(self) -> None:
        """Wake the caller; harmless when repeated."""
        if not self.is_settled:
            self.is_settled = True
            self._settled.release()

    def wait(self) -> None:
        """Wait until it is settled; once only."""
        self._settled.acquire()

    def settles(self) -> bool:
        """After an interrupt: whether it is settled now, or soon."""
        return self.is_settled or self._settled.acquire(timeout=SETTLE_SECONDS)

    def outcome(self) -> T:
        """What the work returned.

        Raises:
            BaseException: what it raised.
        """
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]


def uninterrupted(work: Callable[P, T]) -> Callable[P, T]:
    """Run a function on a thread of its own: begun, it goes on to its end.

    An interrupt of its caller waits a while for the end, and says in a note what became of it.
    """

    @wraps(work)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        awaited = Awaited(lambda: work(*args, **kwargs))
        name = work.__name__
        try:
            Thread(target=awaited.run_and_settle, name=f"memos-{name}", daemon=True).start()
            awaited.wait()
        except BaseException as interrupt:
            if awaited.withdraw():
                interrupt.add_note(f"the interrupted {name} had not begun: nothing of it is done")
            elif not awaited.settles():
                interrupt.add_note(f"the interrupted {name} goes on in its thread")
            elif awaited.error is None:
                interrupt.add_note(f"the interrupted {name} had been done: all of it")
            else:
                interrupt.add_note(f"the interrupted {name} had failed: {awaited.error!r}")
            raise
        return awaited.outcome()

    return call
