"""Request coalescing: calls that come while another one is under way go together as the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

TAKEN_OVER_SECONDS = 1.0
"""When others run a call whose first caller was interrupted before it did."""


class _Call(Generic[Item, Answer]):
    """What several callers ask together."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self.ended = Event()


class Coalesced(Generic[Item, Answer]):
    """Asks one question at a time for all threads; each caller gets the answer for all of them.

    Args:
        ask: may be repeated without another effect. Where it fails for several callers, it is asked
            for each alone, so that nobody gets an error that is another's.
        shared: the errors that are the same for everybody, and asked again for nobody.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Item]], Answer],
        shared: tuple[type[Exception], ...] = (),
    ) -> None:
        self._ask = ask
        self._shared = shared
        self._joining = Lock()
        self._asking = Lock()
        self._next: _Call[Item, Answer] = _Call()

    def __call__(self, items: Sequence[Item]) -> Answer:
        """The answer for these items and whatever others were asked about with them.

        Raises:
            Exception: what `ask` raises.
        """
        with self._joining:
            call = self._next
            is_first = not call.items
            call.items.extend(items)
        if is_first:
            self._run(call)
        while not call.ended.wait(TAKEN_OVER_SECONDS):
            self._run(call)
        if call.error is None:
            return call.answer  # type: ignore[return-value]
        if len(call.items) == len(items):
            raise call.error
        if isinstance(call.error, self._shared):
            raise type(call.error)(*call.error.args) from call.error
        return self._ask(items)

    def _run(self, call: _Call[Item, Answer]) -> None:
        with self._asking:
            if call.ended.is_set():
                return
            with self._joining:
                if self._next is call:
                    self._next = _Call()
            try:
                call.answer = self._ask(call.items)
            except Exception as error:  # noqa: BLE001 - each caller gets it, or asks alone
                call.error = error
            call.ended.set()
