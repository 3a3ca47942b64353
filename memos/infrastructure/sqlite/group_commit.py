"""Group commit: one thread writes for all, and what waits at the same time shares one transaction.

Callers wait on a lock and touch no connection. So whatever is raised into a caller at whatever
instruction (Ctrl-C, a signal handler's SystemExit, a cancelled task) cannot leave a transaction open,
a lock taken, or the work of others undone: it ends a wait. Work that has not begun is then withdrawn,
a transaction of the caller alone is undone, and the interrupt says in a note what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any, TypeVar

from memos.infrastructure.awaited import SETTLE_SECONDS, Awaited
from memos.kernel.errors import VaultError

T = TypeVar("T")

IDLE_SECONDS = 5.0
"""How long the thread outlives its last work, so that a vault nobody holds any more can go."""

NOT_WRITTEN = "the interrupted write was withdrawn: nothing of it was written"
WRITTEN = "the interrupted write had been committed: all of it is written"
UNKNOWN = (
    f"the interrupted write was still being committed after {SETTLE_SECONDS:g} s: whether it is "
    "written is not known yet"
)


class Share(Enum):
    """What a piece of work shares a transaction with."""

    OTHERS = auto()
    NOBODY = auto()
    NO_TRANSACTION = auto()


class Write(Awaited[T]):
    """One caller's work, and with whom it shares a transaction."""

    def __init__(self, work: Callable[[], T], share: Share) -> None:
        super().__init__(work)
        self.share = share


class GroupCommit:
    """The writing thread, which lives while there is work, and those who wait for it.

    Args:
        transaction: runs what it is given in one durable transaction; it raises when that was undone.
    """

    def __init__(self, transaction: Callable[[Callable[[], None]], None]) -> None:
        self._transaction = transaction
        self._queue: SimpleQueue[Write[Any] | None] = SimpleQueue()
        self._next: Write[Any] | None = None
        self._current: Sequence[Write[Any]] = ()
        self._lock = Lock()
        self._serving = Lock()
        self._thread: Thread | None = None
        self._closed = False

    def write(self, work: Callable[[], T], share: Share = Share.OTHERS) -> T:
        """Have the writing thread run `work`, and wait until it is durable.

        Raises:
            BaseException: what `work` raised; its own effect was undone, that of others was not.
                An interrupt of the wait comes with a note of what became of the work.
        """
        if current_thread() is self._thread:
            raise RuntimeError("a write inside a write waits for itself: append to the one at hand")
        mine = Write(work, share)
        try:
            self._submit(mine)
            mine.wait()
        except BaseException as interrupt:
            interrupt.add_note(self._end_of(mine))
            raise
        return mine.outcome()

    def is_wanted(self) -> bool:
        """Whether anybody still waits for what is being written."""
        return not self._current or not all(write.is_withdrawn for write in self._current)

    def check_wanted(self) -> None:
        """Inside a transaction of one caller alone: raise where that caller was interrupted."""
        for write in self._current:
            if write.is_withdrawn and write.share is Share.NOBODY:
                raise _withdrawal()

    def close(self) -> None:
        """Finish what waits and end the thread; harmless when repeated."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
        if thread is not None:
            thread.join()

    def _submit(self, mine: Write[Any]) -> None:
        with self._lock:
            if self._closed:
                mine.error = VaultError("the vault is closed: open it again")
                mine.settle()
                return
            self._queue.put(mine)
            if self._thread is None or not self._thread.is_alive():
                thread = Thread(target=self._serve, name="memos-writer", daemon=True)
                thread.start()
                self._thread = thread

    def _end_of(self, mine: Write[Any]) -> str:
        """What became of work whose caller is interrupted, in words."""
        if mine.withdraw():
            return NOT_WRITTEN
        if not mine.settles():
            return UNKNOWN
        return WRITTEN if mine.error is None else NOT_WRITTEN

    def _serve(self) -> None:
        with self._serving:  # where an interrupt led to a second thread, one of them waits
            while self._serve_batch():
                pass

    def _serve_batch(self) -> bool:
        """Write what waits; False where the thread is to end."""
        batch: list[Write[Any]] = []
        try:
            if not self._collect(batch):
                return False
            self._current = batch
            self._commit(batch)
        except BaseException as error:  # noqa: BLE001 - it was raised into this thread from outside
            for write in batch:
                write.error = write.error or VaultError(f"the writing thread was stopped: {error}")
        finally:
            self._current = ()
            for write in batch:
                write.settle()
        return True

    def _collect(self, batch: list[Write[Any]]) -> bool:
        """Take what waits, as far as it can share a transaction; False where the thread is to end."""
        first, self._next = self._next, None
        if first is None:
            try:
                first = self._queue.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._queue.empty():
                        self._thread = None
                        return False
                return True
        if first is None:
            self._queue.put(None)  # for a second thread, where an interrupt led to one
            return False
        batch.append(first)
        while first.share is Share.OTHERS:
            try:
                write = self._queue.get_nowait()
            except Empty:
                break
            if write is None:
                self._queue.put(None)
                break
            if write.share is not Share.OTHERS:
                self._next = write
                break
            batch.append(write)
        return True

    def _commit(self, batch: Sequence[Write[Any]]) -> None:
        """Commit a batch; where one of them fails, each in a transaction of its own."""

        def work() -> None:
            for write in batch:
                if write.begin():
                    write.run()
                else:
                    write.error = _withdrawal()

        try:
            if batch and batch[0].share is Share.NO_TRANSACTION:
                work()
            elif batch:
                self._transaction(work)
        except BaseException as error:  # noqa: BLE001 - handed to the caller whose work it was
            if len(batch) == 1:
                batch[0].error = error
                return
            for write in batch:
                self._commit([write])


def _withdrawal() -> VaultError:
    return VaultError("the write was interrupted; nothing of it was written")
