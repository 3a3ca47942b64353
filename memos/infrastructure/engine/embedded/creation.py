"""Making an embedded vault: its directory, keys and tables, whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from pathlib import Path

import apsw

from memos.infrastructure.directories import stage_beside
from memos.infrastructure.index.sqlite.tables import create_tables as create_index
from memos.infrastructure.keys.root import RootKey, sync_directory
from memos.infrastructure.keys.sqlite.cube_keys import SCHEMA as KEY_SCHEMA
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, ROOT_FILE
from memos.infrastructure.keys.sqlite.key_mark import seal_settings
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore, create_root
from memos.infrastructure.log.sqlite import SqliteLog
from memos.infrastructure.sqlite.database import APPLICATION_ID, FORMAT, ROTATED_FORMAT, Database
from memos.infrastructure.sqlite.statements import PUT_BACK, rows
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.errors import Damaged, VaultError

DATABASE_FILE = "memos.db"

SETTINGS = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE access (position INTEGER PRIMARY KEY, log_time INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE usage (
    cube_id BLOB PRIMARY KEY,
    uses INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE erasure (operation_id BLOB PRIMARY KEY, receipt TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE migrated (
    offset INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    first_offset INTEGER NOT NULL,
    first_log_time INTEGER NOT NULL
);
"""


def check_not_lost(directory: Path) -> None:
    """Go on where no vault's database is, and none is missed.

    Raises:
        VaultError: the keys of one are there: they are not to be taken for something else.
    """
    keys = [name for name in (ROOT_FILE, KEYS_FILE) if os.path.lexists(directory / name)]
    if keys:
        raise VaultError(
            f"{directory / DATABASE_FILE} is missing, and {' and '.join(keys)}, which a vault's "
            f"memories are opened with, are still there. Keep them; as for {DATABASE_FILE}, {PUT_BACK}"
        )


def create_vault(directory: Path, creator: str) -> None:
    """Make a vault: built in a side directory and renamed, so that a crash leaves none half made."""
    if directory.exists() and not directory.is_dir():
        raise VaultError(f"{directory} is a file: a vault is a directory, name another")
    if directory.exists() and any(directory.iterdir()):
        if (directory / DATABASE_FILE).exists():
            return  # another process has just made it
        raise VaultError(f"{directory} is not empty and holds no vault: name another directory")
    with ExitStack() as stack:
        try:
            building = stack.enter_context(stage_beside(directory))
        except OSError as error:
            raise VaultError(
                f"the vault {directory} cannot be made ({error.strerror}): name a directory that you "
                "may write to"
            ) from error
        try:
            _fill(building, creator)
            building.rename(directory)
        except (OSError, VaultError) as error:
            # Another process may have made the vault first: theirs is as good.
            if not (directory / DATABASE_FILE).exists():
                raise VaultError(f"the vault {directory} cannot be made: {error}") from error
    sync_directory(directory.absolute().parent)


def _fill(building: Path, creator: str) -> None:
    """Make root key, key file and database, and have them on the disk."""
    create_root(building)
    SqliteKeyStore(building, create=True).close()
    root = RootKey.read(building / ROOT_FILE)
    database = Database(building / DATABASE_FILE, create=True)

    def fill() -> None:
        writer = database.writer
        writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        writer.execute(f"PRAGMA user_version = {FORMAT}")
        create_all(writer)
        for name, value in (("vault_id", secrets.token_hex(8)), ("administrator", creator)):
            writer.execute("INSERT INTO setting VALUES (?, ?)", (name, value))
        seal_settings(writer, root)

    database.write(fill)
    database.close()
    sync_directory(building)


def create_all(connection: apsw.Connection) -> None:
    """Create every table of a vault, empty."""
    connection.execute(SETTINGS)
    connection.execute(KEY_SCHEMA)
    SqliteLog.create(connection)
    SqliteVaultWriter.create(connection)
    create_index(connection)


def check_format(database: Database) -> None:
    """Refuse a file that is no vault, or one of a newer release."""
    (application,) = next(rows(database.writer, "PRAGMA application_id"))
    (version,) = next(rows(database.writer, "PRAGMA user_version"))
    if application != APPLICATION_ID:
        if (database.path.parent / ROOT_FILE).exists():
            raise Damaged(f"{database.path} is no longer the database of a vault: {PUT_BACK}")
        raise VaultError(f"{database.path} is no MemOS vault: name the directory of a vault")
    if version > ROTATED_FORMAT:
        raise VaultError(
            f"{database.path} has format {version}, newer than the {ROTATED_FORMAT} that this release of "
            "MemOS reads: upgrade MemOS"
        )
