"""The root key that this process holds of a vault in Cassandra, and whether it is the one that the vault
has now.

No transaction of Cassandra's spans two rows, so nothing can be wrapped on the condition that the root key
is still the same. Whoever wraps a key, or is about to write under one that it has not seen before, asks
afterwards which root key the vault has (`require`): a rotation changes the record first and looks for
what is wrapped under the old key then, so it finds whatever was there when the record was the old one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import RLock
from typing import TypeVar

from cassandra import ConsistencyLevel

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.aged_cache import AgedCache
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.root_files import prepare_next, promote_next, vault_root
from memos.infrastructure.keys.root_record import RootRecord
from memos.kernel.errors import Damaged

T = TypeVar("T")

_ID = 0
_KNOWN_ROWS = 50_000


class RootReplaced(Exception):
    """The vault has another root key than the one that something was done under."""


class CassandraHeldRoot:
    """Safe for threads.

    Args:
        store: the connection; its settings name the base keyspace.
        path: the root key's file.

    Raises:
        WrongRootKey: it is not the one that the vault has.
        VaultError, Damaged: as `RootKey.read_private`.
    """

    def __init__(self, store: CassandraSession, path: Path) -> None:
        self._store = store
        self._path = path
        self._table = f"{store.settings.keyspace}.root_key"
        self._known: AgedCache[bytes, bool] = AgedCache(math.inf, _KNOWN_ROWS)
        self._lock = RLock()
        self.key = self._read(self.record())

    def record(self) -> RootRecord | None:
        """What the vault keeps of its root key now; None where that was never rotated."""
        return read_root_record(self._store)

    def follow(self, held: RootKey) -> bool:
        """Take the root key that the vault has now; whether that is another than `held`.

        Raises:
            WrongRootKey: it is not where it should be.
        """
        with self._lock:
            record = self.record()
            if record is not None and record.fingerprint != self.key.fingerprint:
                self.key = self._read(record)
            return self.key is not held

    def opened(self, work: Callable[[RootKey], T]) -> T:
        """What `work` does under the root key; done again where that was rotated meanwhile."""
        while True:
            held = self.key
            try:
                return work(held)
            except (Damaged, RootReplaced):
                if not self.follow(held):
                    raise

    def require(self, held: RootKey, wrapped: Iterable[bytes]) -> None:
        """Go on only where rows, which were read or written before this call, stay what a rotation
        finds: then they may be written under. Rows that were seen so are known.

        Raises:
            RootReplaced: the vault has another root key than `held`.
        """
        unknown = [row for row in wrapped if self._known.get(row) is None]
        if not unknown:
            return
        record = self.record()
        if record is not None and record.fingerprint != held.fingerprint:
            raise RootReplaced
        reading = self._known.begin()
        for row in unknown:
            self._known.put(row, True, reading)

    def prepare(self, offered: Path | None) -> RootKey:
        """The root key that is to follow; see `prepare_next`."""
        return prepare_next(self._path, self.key, offered)

    def keep(self, before: RootRecord | None, after: RootRecord) -> bool:
        """Put a record in the place of another one; whether it is the one that is kept now."""
        if before is None:
            self._store.execute(
                f"INSERT INTO {self._table} (id, record) VALUES (?, ?) IF NOT EXISTS",
                (_ID, after.to_text()),
            )
        else:
            self._store.execute(
                f"UPDATE {self._table} SET record = ? WHERE id = ? IF record = ?",
                (after.to_text(), _ID, before.to_text()),
            )
        return (
            self.record() == after
        )  # the answer to a statement that the driver repeats is another's

    def promote(self, record: RootRecord) -> None:
        """Give the root key's file to the one of a record, and hold that."""
        promote_next(self._path, record.fingerprint)
        self.reload()

    def reload(self) -> None:
        """Hold the root key as the vault has it now."""
        with self._lock:
            self.key = self._read(self.record())

    def _read(self, record: RootRecord | None) -> RootKey:
        named = f"the vault in the keyspace {self._store.settings.keyspace}"
        return vault_root(self._path, record, named, RootKey.read_private)


def read_root_record(store: CassandraSession) -> RootRecord | None:
    """What a vault keeps of its root key now; None where that was never rotated.

    Raises:
        Damaged: what is stored is no such record.
    """
    table = f"{store.settings.keyspace}.root_key"
    statement = store.prepare(f"SELECT record FROM {table} WHERE id = ?").bind((_ID,))
    statement.consistency_level = ConsistencyLevel.SERIAL
    (rows,) = store.run_all([(statement, ())])
    return RootRecord.from_text(rows[0][0], table) if rows else None
