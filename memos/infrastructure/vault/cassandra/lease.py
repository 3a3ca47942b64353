"""Leases: who holds one works at something alone, and holds it for as long as he renews it.

A lease is a row that ends by itself: of a process that was killed nothing is left after a minute. A
process that was paused for longer has lost its lease, and `Lease.check` tells it.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import TracebackType
from typing import NamedTuple, Self
from uuid import uuid4

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.kernel.errors import VaultError

LEASE_SECONDS = 60
"""After which a lease that is not renewed ends."""

RENEWALS = 4
"""In that time."""

WAIT_SECONDS = 1.0
"""Between two looks of who waits for a lease."""


class Holder(NamedTuple):
    """Who holds a lease: its machine and process, and since when (microseconds since 1970)."""

    place: str
    since: int


class Lease:
    """A lease that may be held; a thread renews it from `take` to the end of the context.

    Args:
        store: where the vault is.
        name: of what is worked at.
        seconds: after which it ends where it is not renewed.
    """

    def __init__(self, store: CassandraSession, name: str, seconds: int = LEASE_SECONDS) -> None:
        self.name = name
        self.holder = uuid4().hex
        self._store = store
        self._table = f"{store.settings.keyspace}.lease"
        self._seconds = seconds
        self._row = (f"{platform.node()}, process {os.getpid()}", 0)
        self._closing = Event()
        self._thread: Thread | None = None

    def take(self) -> bool:
        """Hold it from now on, unless another does."""
        place, _ = self._row
        self._row = (place, time.time_ns() // 1000)
        self._store.execute(
            f"INSERT INTO {self._table} (name, holder, place, since) VALUES (?, ?, ?, ?)"
            " IF NOT EXISTS USING TTL ?",
            (self.name, self.holder, *self._row, self._seconds),
        )
        # What was answered is not asked: a repetition of a statement that had come through says no.
        cql = f"SELECT holder FROM {self._table} WHERE name = ?"
        if self._store.execute(cql, (self.name,)) != [(self.holder,)]:
            return False
        self._thread = Thread(target=self._keep, name=f"memos-lease {self.name}", daemon=True)
        self._thread.start()
        return True

    def check(self) -> None:
        """Renew it now.

        Raises:
            VaultError: it has ended, and stays so; or that cannot be told.
        """
        if not self.is_held():
            raise VaultError(
                f"the lease of {self.name} ended while it was worked at: this process was paused, or "
                f"did not reach Cassandra, for more than {self._seconds} s, and another may have begun "
                "meanwhile; nothing was put in place: run the same again"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Hold it no more; harmless when repeated."""
        self._closing.set()
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        with suppress(VaultError):  # it ends by itself, too
            self._store.execute(
                f"DELETE FROM {self._table} WHERE name = ? IF holder = ?", (self.name, self.holder)
            )

    def is_held(self) -> bool:
        """Whether it is held still; where it is, it is renewed."""
        ((renewed, *_),) = self._store.execute(
            f"UPDATE {self._table} USING TTL ? SET holder = ?, place = ?, since = ?"
            " WHERE name = ? IF holder = ?",
            (self._seconds, self.holder, *self._row, self.name, self.holder),
        )
        return bool(renewed)

    def _keep(self) -> None:
        while not self._closing.wait(self._seconds / RENEWALS):
            try:
                if not self.is_held():
                    return
            except VaultError:
                continue  # whether it was for too long `check` tells


def holders(store: CassandraSession) -> dict[str, Holder]:
    """Who holds which lease now, by its name."""
    cql = f"SELECT name, place, since FROM {store.settings.keyspace}.lease"
    return {
        name: Holder(place, since)
        for name, place, since in store.execute(cql)
        if None not in (place, since)
    }


@contextmanager
def awaited_lease(
    store: CassandraSession,
    name: str,
    waits: Callable[[Holder], None],
    *,
    seconds: int = LEASE_SECONDS,
) -> Iterator[Lease]:
    """A lease, once nobody else holds it; `waits` is told of each whose end is waited for."""
    told: Holder | None = None
    with Lease(store, name, seconds) as lease:
        while not lease.take():
            holder = holders(store).get(name)
            if holder is not None and holder != told:
                waits(holder)
                told = holder
            time.sleep(WAIT_SECONDS)
        yield lease
