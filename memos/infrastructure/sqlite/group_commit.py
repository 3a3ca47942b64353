"""Group commit: threads that write at the same time share one transaction and one fsync.

Whoever comes first leads: it runs everything that waits, then wakes those whose work is done and
makes the next one in line the leader. A finished thread never queues up again for a lock that the
next leader holds, so batches grow with the number of threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from memos.kernel.errors import VaultError

T = TypeVar("T")


class Write(Generic[T]):
    """One thread's work and what became of it."""

    __slots__ = ("done", "error", "leads", "result", "wake", "work")

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.result: T | None = None
        self.error: BaseException | None = None
        self.done = False
        self.leads = False
        self.wake = threading.Lock()
        self.wake.acquire()


class GroupCommit:
    """Lets threads share transactions.

    Args:
        run: runs the work of a batch in one transaction, setting each `result`; it raises when the
            transaction was undone.
    """

    def __init__(self, run: Callable[[Sequence[Write[Any]]], None]) -> None:
        self._run = run
        self._queue: deque[Write[Any]] = deque()
        self._lock = threading.Lock()
        self._led = False

    def write(self, work: Callable[[], T]) -> T:
        """Run `work` in a durable transaction, together with whatever else waits.

        Raises:
            Exception: what `work` raised; its own effect was undone, that of others was not.
        """
        mine = Write(work)
        with self._lock:
            self._queue.append(mine)
            mine.leads = not self._led
            self._led = True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return mine.result  # type: ignore[return-value]

    def _wait(self, mine: Write[Any]) -> None:
        try:
            mine.wake.acquire()
        except BaseException:
            with self._lock:
                if mine in self._queue and not mine.leads:
                    self._queue.remove(mine)
                elif mine.leads:
                    self._queue.remove(mine)
                    self._hand_over()
            raise

    def _lead(self) -> None:
        with self._lock:
            batch = list(self._queue)
            self._queue.clear()
        try:
            self._commit(batch)
        finally:
            for write in batch:
                if not write.done:
                    # An interrupt of this thread must not look like success to another one.
                    write.error = VaultError("the write was interrupted; nothing was written")
                if not write.leads:
                    write.wake.release()
            with self._lock:
                self._hand_over()

    def _commit(self, batch: list[Write[Any]]) -> None:
        """Commit a batch; where one of them fails, each in a transaction of its own."""
        try:
            self._run(batch)
        except Exception as error:  # noqa: BLE001 - handed to the caller whose work it was
            if len(batch) == 1:
                batch[0].error = error
            else:
                for write in batch:
                    self._commit([write])
        for write in batch:
            write.done = True

    def _hand_over(self) -> None:
        """Make the next in line the leader; call under the lock."""
        self._led = bool(self._queue)
        if self._led:
            self._queue[0].leads = True
            self._queue[0].wake.release()
