"""The embedded engine: log, vault, index and keys in one directory, one transaction.

The life of a write ends here: the log appends the event, the fold decides what it means, and the
projections change in the same durable transaction.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import apsw

from memos.infrastructure.database import APPLICATION_ID, FORMAT, Database, explained, row, rows
from memos.infrastructure.governance.usage import Usage, access_size, usage_of
from memos.infrastructure.index.embedded import EmbeddedIndex
from memos.infrastructure.index.tables import create_tables as create_index
from memos.infrastructure.keys.cube_keys import SCHEMA as KEY_SCHEMA
from memos.infrastructure.keys.cube_keys import CubeKeys
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.keys.store import ROOT_FILE, KeyStore, create_root, sync_directory
from memos.infrastructure.log.sqlite import PARTITION, SqliteLog, read_record, system_time
from memos.infrastructure.projector import Analyse, Projector
from memos.infrastructure.vault.read import VaultReader
from memos.infrastructure.vault.sqlite import VaultWriter
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.event import Position, Undecodable, decode
from memos.kernel.fold import Outcome, Result, fold
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

T = TypeVar("T")

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
REPLAY_FLUSH = 2000


class Draft(NamedTuple):
    """An event ready to be appended; its body in clear for the index, and a new cube's key.

    `is_new` says that the cube's id was made for this event, so no state needs to be looked up.
    """

    event: Event
    body: Body | None = None
    cube_key: bytes | None = None
    is_new: bool = False


class Committed(NamedTuple):
    """A folded event and all that followed from it."""

    event: Event
    position: Position
    log_time: int
    outcome: Outcome
    state: CubeState | None
    consequences: tuple[Committed, ...] = ()

    def walk(self) -> Iterator[Committed]:
        """This one and, depth first, everything that followed."""
        yield self
        for consequence in self.consequences:
            yield from consequence.walk()


class EmbeddedEngine:
    """One directory: the whole memory of an embedded vault. Safe for threads and processes."""

    def __init__(
        self,
        directory: Path,
        analyse: Analyse,
        *,
        clock: Callable[[], int] = system_time,
        create: bool = True,
        creator: str = "",
    ) -> None:
        self.directory = directory
        if not (directory / DATABASE_FILE).exists():
            if not create:
                raise VaultError(f"there is no vault at {directory}")
            _create(directory, creator)
        self.database = Database(directory / DATABASE_FILE)
        self.clock = clock
        with explained(self.database.path):
            _check_format(self.database)
        self.store = KeyStore(directory)
        writer = self.database.writer
        self.log = SqliteLog(writer, clock)
        self.keys = CubeKeys(writer, self.store)
        self.index = EmbeddedIndex(writer, self.database.reader)
        self.vault_writer = VaultWriter(writer)
        self.projector = Projector(
            writer, self.vault_writer, self.index, self.keys, self.store, analyse, self.settle
        )
        self._states: dict[bytes, CubeState | None] = {}
        self.database.on_begin = self._begin
        self.database.before_commit = self.flush
        self.database.on_rollback = self.keys.forget

    def write(self, work: Callable[[EmbeddedEngine], T]) -> T:
        """Run `work` in the durable write transaction; inside it, use `append` and `head`."""
        return self.database.write(lambda: work(self))

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        """Append drafts in order, in one durable transaction."""
        ready = list(drafts)
        return self.write(lambda engine: [engine.append(draft) for draft in ready])

    def append(self, draft: Draft) -> Committed:
        """Append one event inside the write transaction, fold it, and all that follows from it."""
        event = draft.event
        before = None if draft.is_new else self.head(event.cube_id)
        after, outcome, consequences = fold(before, event)
        position = Position(PARTITION, self.log.add(event.SerializeToString()))
        if draft.cube_key is not None and before is None and outcome.result is Result.ACCEPTED:
            self.keys.add(event.cube_id, event.tenant, event.subject_digests, draft.cube_key)
        log_time = self.log.log_time
        self.projector.project(position, log_time, event, before, after, outcome, draft.body)
        self._states[event.cube_id] = after
        followed = tuple(self.append(Draft(follower)) for follower in consequences)
        return Committed(event, position, log_time, outcome, after, followed)

    def replay(self, data: bytes, event: Event, log_time: int, cube_key: bytes | None) -> Committed:
        """Append one record of another log, byte for byte, inside the write transaction.

        What followed from it is not appended: it stands in that log as records of its own.
        """
        before = self.head(event.cube_id)
        after, outcome, _ = fold(before, event)
        position = Position(PARTITION, self.log.add(data, log_time))
        if cube_key is not None and before is None and outcome.result is Result.ACCEPTED:
            self.keys.add(event.cube_id, event.tenant, event.subject_digests, cube_key)
        self.projector.project(position, log_time, event, before, after, outcome)
        self._states[event.cube_id] = after
        if not self.log.size % REPLAY_FLUSH:
            self.flush()
            self._states.clear()
        return Committed(event, position, log_time, outcome, after)

    def head(self, cube_id: bytes) -> CubeState | None:
        """A cube as the write transaction sees it."""
        try:
            return self._states[cube_id]
        except KeyError:
            state = VaultReader(self.database.writer).head(cube_id)
            self._states[cube_id] = state
            return state

    def flush(self) -> None:
        """Write everything collected, inside the write transaction."""
        self.log.flush()
        self.keys.flush()
        self.projector.flush(self.log.size)

    def settle(self) -> None:
        """Write what is collected of log, keys and vault, so that it can be read back."""
        self.log.flush()
        self.keys.flush()
        self.vault_writer.flush(self.log.size)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Everything read inside is of one moment."""
        with self.database.reading() as connection:
            yield Reading(connection, self)

    def written(self) -> Reading:
        """Reading inside the write transaction, with what it has written so far."""
        self.settle()
        return Reading(self.database.writer, self)

    @property
    def origin(self) -> str:
        """The name under which this vault signs its checkpoints."""
        return f"memos/{self.setting('vault_id')}"

    def signer(self) -> NoteSigner:
        """Signs this vault's checkpoints and receipts."""
        return NoteSigner(self.origin, self.store.signing_key())

    def setting(self, name: str) -> str:
        """A setting made when the vault was created."""
        with self.reading() as reading:
            sql = "SELECT value FROM setting WHERE name = ?"
            found = row(reading.connection, sql, (name,))
        return "" if found is None else str(found[0])

    def close(self) -> None:
        """Finish what is being written and close every file."""
        self.database.close()
        self.store.close()
        self.keys.forget()

    def _begin(self) -> None:
        self._states = {}
        self.log.begin()
        self.keys.begin()
        self.projector.begin()


class Reading:
    """Log, vault and bodies as one connection sees them."""

    def __init__(self, connection: apsw.Connection, engine: EmbeddedEngine) -> None:
        self.connection = connection
        self.vault = VaultReader(connection)
        self._engine = engine

    def event(self, offset: int) -> Event:
        """The event at an offset.

        Raises:
            Damaged: there is none, though something refers to it.
        """
        record = read_record(self.connection, offset)
        if record is None:
            raise Damaged(f"the log has no record at 0:{offset}: run `memos verify`")
        try:
            return decode(record.data)
        except Undecodable as error:
            raise Damaged(
                f"the record at 0:{offset} is damaged ({error}): run `memos verify`"
            ) from None

    def body(self, cube_id: bytes, version: int, at: int | None = None) -> Body | None:
        """The body that a version of a cube supplied; None where its key was destroyed.

        Args:
            cube_id: the cube.
            version: which version supplied it.
            at: the version's offset, where that is known.
        """
        if version == 0:
            return Body()
        offset = self.vault.version_offset(cube_id, version) if at is None else at
        key = self._engine.keys.key(self.connection, cube_id)
        if offset is None or key is None:
            return None
        event = self.event(offset)
        try:
            return open_body(key, event) if event.HasField("body") else Body()
        except Damaged as error:
            raise Damaged(f"the record at 0:{offset} does not open: {error}") from None

    def usage(self, cube_id: bytes) -> Usage:
        """How often and when last a cube was used."""
        return usage_of(self.connection, cube_id)

    def access_size(self) -> int:
        """The number of records on the access log."""
        return access_size(self.connection)

    def created(self, cube_id: bytes) -> int:
        """Log time of the cube's first accepted record."""
        sql = "SELECT log_time FROM attempt WHERE cube_id = ? AND result = 1 ORDER BY position"
        found = row(self.connection, sql, (cube_id,))
        return 0 if found is None else int(found[0])


def _create(directory: Path, creator: str) -> None:
    """Make a vault: built in a side directory and renamed, so that a crash leaves none half made."""
    if directory.exists() and not directory.is_dir():
        raise VaultError(f"{directory} is a file: a vault is a directory, name another")
    if directory.exists() and any(directory.iterdir()):
        if (directory / DATABASE_FILE).exists():
            return  # another process has just made it
        raise VaultError(
            f"{directory} is not empty and holds no vault: name another directory, or empty it"
        )
    parent = directory.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        building = parent / f".{directory.name}.{os.getpid()}.{secrets.token_hex(4)}"
        building.mkdir(mode=0o700)
    except OSError as error:
        raise VaultError(
            f"the vault {directory} cannot be made ({error.strerror}): name a directory that you "
            "may write to"
        ) from error
    try:
        _fill(building, creator)
        building.rename(directory)
    except (OSError, VaultError) as error:
        shutil.rmtree(building)
        # Another process may have made the vault first: theirs is as good.
        if not (directory / DATABASE_FILE).exists():
            raise VaultError(f"the vault {directory} cannot be made: {error}") from error
    sync_directory(parent)


def _fill(building: Path, creator: str) -> None:
    """Make root key, key file and database, and have them on the disk."""
    create_root(building)
    KeyStore(building, create=True).close()
    database = Database(building / DATABASE_FILE, create=True)

    def fill() -> None:
        writer = database.writer
        writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        writer.execute(f"PRAGMA user_version = {FORMAT}")
        writer.execute(SETTINGS)
        writer.execute(KEY_SCHEMA)
        SqliteLog.create(writer)
        VaultWriter.create(writer)
        create_index(writer)
        for name, value in (("vault_id", secrets.token_hex(8)), ("administrator", creator)):
            writer.execute("INSERT INTO setting VALUES (?, ?)", (name, value))

    database.write(fill)
    database.close()
    sync_directory(building)


def _check_format(database: Database) -> None:
    (application,) = next(rows(database.writer, "PRAGMA application_id"))
    (version,) = next(rows(database.writer, "PRAGMA user_version"))
    if application != APPLICATION_ID:
        raise VaultError(f"{database.path} is no MemOS vault: name the directory of a vault")
    if version > FORMAT:
        raise VaultError(
            f"{database.path} has format {version}, newer than the {FORMAT} that this release of "
            "MemOS reads: upgrade MemOS"
        )


__all__ = ["DATABASE_FILE", "ROOT_FILE", "Committed", "Draft", "EmbeddedEngine", "Reading"]
