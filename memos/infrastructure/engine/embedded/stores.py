"""The files of an embedded vault, opened: log, vault, index and keys in one directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE, check_format, create_vault
from memos.infrastructure.engine.embedded.key_presence import needs_subject, needs_tenant
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.index.sqlite.index import SqliteIndex
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.keys.sqlite.cube_keys import SqliteCubeKeys
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore
from memos.infrastructure.log.sqlite import SqliteLog
from memos.infrastructure.sqlite.database import Database, explained, row
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.errors import VaultError


class EmbeddedStores:
    """Log, vault, index and keys of an embedded vault. Safe for threads; `close` ends it.

    Raises:
        VaultError: there is no such vault, and none is to be made; or it cannot be opened.
    """

    def __init__(
        self, directory: Path, clock: Callable[[], int], *, create: bool, creator: str = ""
    ) -> None:
        self.directory = directory
        self.name = str(directory)
        if not (directory / DATABASE_FILE).exists():
            if not create:
                raise VaultError(f"there is no vault at {directory}")
            create_vault(directory, creator)
        self.database = Database(directory / DATABASE_FILE)
        with explained(self.database.path):
            check_format(self.database)
        self.keys = SqliteKeyStore(directory)
        self.database.watch(directory / KEYS_FILE)
        writer = self.database.writer
        self.log = SqliteLog(writer, self.database.reader, clock)
        self.cube_keys = SqliteCubeKeys(writer, self.keys)
        with explained(self.database.path):
            self.cube_keys.learn_mark(writer)
        self.keys.is_known = self._needs_key
        self.index = SqliteIndex(writer, self.database.reader)
        self.vault = SqliteVaultWriter(writer)

    @property
    def origin(self) -> str:
        """The name under which the vault signs its checkpoints."""
        return f"memos/{self.setting('vault_id')}"

    def signer(self) -> NoteSigner:
        """Signs this vault's checkpoints and receipts."""
        return NoteSigner(self.origin, self.keys.signing_key())

    def _needs_key(self, tenant: str, subject: bytes | None) -> bool:
        """Whether what is committed here needs a key that there should be."""
        connection = self.database.reader()
        with explained(self.database.path):
            if subject is None:
                return needs_tenant(connection, tenant)
            return needs_subject(connection, tenant, subject)

    def setting(self, name: str) -> str:
        """A setting made when the vault was created; empty where there is none of that name."""
        with self.database.reading() as connection:
            sql = "SELECT value FROM setting WHERE name = ?"
            stored = row(connection, sql, (name,))
        return "" if stored is None else str(stored[0])

    @contextmanager
    def read(self) -> Iterator[EmbeddedReader]:
        """Everything read inside is of one moment."""
        with self.database.reading() as connection:
            yield self._reader(connection)

    @contextmanager
    def stream(self) -> Iterator[EmbeddedReader]:
        """Reads over this thread's connection, each of the moment when it is made."""
        with explained(self.database.path):
            yield self._reader(self.database.reader())

    def _reader(self, connection: apsw.Connection) -> EmbeddedReader:
        return EmbeddedReader(connection, self.cube_keys, partial(self.index.view_on, connection))

    def settle(self) -> None:
        """Inside the write transaction: write what is collected of log, keys and vault, so that it
        can be read back.
        """
        self.log.flush()
        self.cube_keys.flush()
        self.vault.flush(self.log.size)

    def settled(self) -> EmbeddedReader:
        """Inside the write transaction: reads with what it has written so far; the index, whose
        snapshots others share, shows what is committed.
        """
        self.settle()
        return EmbeddedReader(self.database.writer, self.cube_keys, self.index.view)

    def close(self) -> None:
        """Finish what is being written and close every file."""
        self.database.close()
        self.keys.close()
        self.cube_keys.forget()
