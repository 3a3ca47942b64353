"""The files of an embedded vault, opened: log, vault, index and keys in one directory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import apsw

from memos.infrastructure.engine.embedded.creation import (
    DATABASE_FILE,
    check_format,
    check_not_lost,
    create_vault,
)
from memos.infrastructure.engine.embedded.key_presence import KnownTenants, needs_subject
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.index.sqlite.index import SqliteIndex
from memos.infrastructure.keys.erased_list import ERASED_FILE, ErasedList
from memos.infrastructure.keys.settings_seal import SEAL, is_sealed
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.keys.sqlite.cube_keys import SqliteCubeKeys
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, ROOT_FILE, LogEnd
from memos.infrastructure.keys.sqlite.key_mark import (
    log_end,
    older_key_file,
    older_vault,
    settings_of,
)
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore, VaultFacts
from memos.infrastructure.keys.sqlite.unopened_keys import opens_any
from memos.infrastructure.log.sqlite import SqliteLog
from memos.infrastructure.sqlite.database import Database
from memos.infrastructure.sqlite.statements import explained, row
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.errors import Damaged, VaultError, WrongRootKey


class EmbeddedStores:
    """Log, vault, index and keys of an embedded vault. Safe for threads; `close` ends it.

    Raises:
        VaultError: there is no such vault, and none is to be made; or it cannot be opened.
    """

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], int],
        *,
        create: bool,
        creator: str = "",
        read_only: bool = False,
    ) -> None:
        self.name = str(directory)
        # A program that goes to another directory has its vault still.
        self.directory = directory = directory.absolute()
        if not (directory / DATABASE_FILE).exists():
            check_not_lost(directory)
            if not create or read_only:
                raise VaultError(f"there is no vault at {directory}")
            create_vault(directory, creator)
        self.database = Database(directory / DATABASE_FILE, read_only=read_only)
        with explained(self.database.path):
            check_format(self.database)
        self._known = KnownTenants()
        facts = VaultFacts(self._known_tenants, self._needs_subject, self._log_end)
        self.keys = SqliteKeyStore(directory, facts, read_only=read_only)
        self._check_root_key()
        self.database.watch(directory / KEYS_FILE)
        self.database.watch_content(directory / ROOT_FILE, self.keys.rotation.is_in_its_file)
        writer = self.database.writer
        self.log = SqliteLog(writer, self.database.reader, clock)
        self.cube_keys = SqliteCubeKeys(writer, self.keys)
        with explained(self.database.path):
            self.cube_keys.learn_mark(writer)
            self._warn_of_older(writer)
        self.index = SqliteIndex(writer, self.database.reader)
        self.vault = SqliteVaultWriter(writer)
        self.erased = ErasedList(directory / ERASED_FILE)

    def _check_root_key(self) -> None:
        """Refuse another vault's root key: what is written under it opens only as long as it stays.

        Raises:
            WrongRootKey: it is not the one of this vault.
        """
        with self.database.reading() as connection:
            settings = settings_of(connection)
        seal = settings.get(SEAL)
        if self.keys.rotation.record() or (seal and is_sealed(self.keys, settings, seal)):
            return
        with self.keys.file.reading() as connection:
            opens = opens_any(connection, self.keys.root.key)
        if opens is False or (opens is None and seal):
            raise WrongRootKey(
                f"{self.directory / ROOT_FILE} is not the root key of this vault: put that one back from "
                "your backup; nothing was written"
            )

    def _warn_of_older(self, connection: apsw.Connection) -> None:
        """Say that one of the two files is an older copy. To refuse it would lose a backup whose files
        were copied one after the other.
        """
        known = LogEnd()
        with suppress(Damaged):  # verify, audit and doctor say so
            known = self.keys.file.known_log()
        vault = older_vault(connection, known)
        newer = self.keys.file.expected
        keys = "" if newer is None else older_key_file(self.keys.file.written, newer)
        for older in filter(None, (vault and f"{DATABASE_FILE}: {vault}", keys)):
            warnings.warn(
                f"{self.directory}: {older}; put the newer file back before you write: what is missing "
                "is not made anew",
                stacklevel=2,
            )

    @property
    def origin(self) -> str:
        """The name under which the vault signs its checkpoints."""
        return f"memos/{self.setting('vault_id')}"

    def signer(self) -> NoteSigner:
        """Signs this vault's checkpoints and receipts."""
        return NoteSigner(self.origin, self.keys.signing_key())

    def _known_tenants(self) -> frozenset[str]:
        """The tenants whose keys what is committed here needs."""
        connection = self.database.reader()
        with explained(self.database.path):
            return self._known.read(connection)

    def _needs_subject(self, tenant: str, subject: bytes) -> bool:
        """Whether what is committed here needs the key of a subject."""
        connection = self.database.reader()
        with explained(self.database.path):
            return needs_subject(connection, tenant, subject)

    def _log_end(self, known: LogEnd) -> LogEnd:
        with explained(self.database.path):
            return log_end(self.database.reader(), known)

    def setting(self, name: str) -> str:
        """A setting made when the vault was created; empty where there is none of that name."""
        with self.database.reading() as connection:
            sql = "SELECT value FROM setting WHERE name = ?"
            stored = row(connection, sql, (name,))
        return "" if stored is None else str(stored[0])

    def keep_setting(self, name: str, value: str) -> None:
        """Keep a setting that a vault in use changes."""
        writer = self.database.writer
        sql = "INSERT OR REPLACE INTO setting VALUES (?, ?)"
        self.database.write(lambda: writer.execute(sql, (name, value)))

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
        if self.database.has_committed:
            with suppress(VaultError):  # the key file knows an earlier end of the log then
                self.keys.file.know_log()
        self.database.close()
        self.keys.close()
        self.cube_keys.forget()
