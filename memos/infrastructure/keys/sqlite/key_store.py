"""The key file of an embedded vault: the root key, and tenants' and subjects' keys wrapped by it.

It is a file of its own because erasing must overwrite keys at once, while the log never changes.
A rollback journal, not a WAL, so that no copy of a destroyed key stays behind in a side file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memos.infrastructure.clock import system_time
from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.root import RootKey, create_root_file
from memos.infrastructure.keys.sqlite.key_file import (
    KEYS_FILE,
    ROOT_FILE,
    SCHEMA,
    SEALED,
    WRITTEN,
    KeyFileState,
    moment,
    read_written,
    subject_ids,
)
from memos.infrastructure.keys.sqlite.waiting_keys import WaitingKeys
from memos.infrastructure.sqlite.database import BUSY_SECONDS, explained, row, rows
from memos.kernel.errors import Busy, Damaged, KeysMissing, VaultError


def create_root(directory: Path) -> None:
    """Make the vault's root key, readable by its owner only, on the disk before first use."""
    create_root_file(directory / ROOT_FILE)


class SqliteKeyStore(KeyVault):
    """Tenants' and subjects' keys. Safe to share between threads and processes.

    A key handed out by `subject_key` inside the vault's write transaction is on the disk and
    stays valid until that transaction ends, because keys are destroyed under the same lock.
    """

    def __init__(self, directory: Path, *, create: bool = False) -> None:
        self._path = directory / KEYS_FILE
        self._root = RootKey.read(directory / ROOT_FILE)
        self._lock = threading.RLock()
        self._rings: dict[str, list[bytes]] = {}
        self._subjects: dict[tuple[str, bytes], bytes] = {}
        self._version = -1
        self._waiting: WaitingKeys | None = None
        self.written = KeyFileState(0, 0)
        self.expected: KeyFileState | None = None
        """The state that the vault last saw, where that is a newer one than this file's."""
        self.is_known: Callable[[str, bytes | None], bool] = lambda _tenant, _subject: False
        """Whether the vault holds what needs a key of this tenant, or of this subject of it: then
        no other is made in its place.
        """
        if not create and not self._path.exists():
            raise VaultError(
                f"{self._path} is missing: without it nothing in this vault can be opened; put the "
                "file back from your backup"
            )
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
        with explained(self._path):
            self._db = apsw.Connection(str(self._path), flags=flags)
            self._db.set_busy_timeout(BUSY_SECONDS * 1000)
            for pragma in ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON"):
                self._db.execute(f"PRAGMA {pragma}").fetchall()
            if create:
                self._db.execute(f"{SCHEMA}; PRAGMA user_version = {SEALED}")
            elif not self._has_tables():
                raise Damaged(f"{self._path} holds no keys: put the file back from your backup")
            if row(self._db, "SELECT 1 FROM sqlite_schema WHERE name = 'written'") is None:
                self._db.execute(WRITTEN)
            self._read_written()
            self.seals_settings = row(self._db, "PRAGMA user_version") == (SEALED,)
        if create:
            self._path.chmod(0o600)

    def _has_tables(self) -> bool:
        sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('tenant_key', 'subject_key')"
        return next(rows(self._db, sql)) == (2,)

    def refresh(self) -> None:
        """Forget cached keys when another process changed the file."""
        with self._lock, explained(self._path):
            (version,) = next(rows(self._db, "PRAGMA data_version"))
            if version != self._version:
                self._version = version
                self._rings.clear()
                self._subjects.clear()
                self._read_written()

    def tenant_key(self, tenant: str) -> bytes:
        """The tenant's own key, made when absent; it never changes."""
        with self._lock:
            ring = self._rings.get(tenant) or self._read_ring(tenant)
            if ring:
                return ring[0]
            waiting = self._waiting_here()
            if waiting is not None:
                return waiting.tenant_key(tenant)
            self._make_tenant(tenant)
            return self._read_ring(tenant)[0]

    def ring(self, tenant: str) -> list[bytes]:
        """All keys of the tenant, its own first; others came with what was loaded from elsewhere."""
        with self._lock:
            self.refresh()
            return list(self._rings.get(tenant) or self._read_ring(tenant))

    def _make_tenant(self, tenant: str) -> None:
        """Make a tenant's own key; that of whoever else makes it at once stays, and no second."""
        if self.is_known(tenant, None):
            raise self.missing(f"the key of tenant {tenant!r}")
        wrapped = self._root.wrap_tenant(tenant, 0, new_key())
        self._write([("INSERT OR IGNORE INTO tenant_key VALUES (?, 0, ?)", (tenant, wrapped))])

    def add_tenant_key(self, tenant: str, key: bytes) -> None:
        """Add a key to the tenant's ring, behind those that are there."""
        sql = "INSERT OR IGNORE INTO tenant_key VALUES (?, ?, ?)"
        with self._lock:
            waiting = self._waiting_here()
            if waiting is not None:
                ring = self._read_ring(tenant)
                if key not in ring:
                    waiting.add_tenant_key(tenant, key, is_first=not ring)
                return
            while key not in (ring := self._read_ring(tenant)):
                # Another process may take the place meanwhile: then the next one is tried.
                wrapped = self._root.wrap_tenant(tenant, len(ring), key)
                self._write([(sql, (tenant, len(ring), wrapped))])

    def subject_key(self, tenant: str, subject: bytes, *, create: bool = True) -> bytes | None:
        """The subject's key, made and synced when absent; None where it is not to be made."""
        with self._lock:
            key = self._subjects.get((tenant, subject))
            if key is None:
                key = self._read_subject(tenant, subject)
                waiting = self._waiting_here() if key is None else None
                if waiting is not None:
                    return waiting.subject_key(tenant, subject, create=create)
                if key is None and create:
                    key = self._make_subject(tenant, subject)
                if key is not None:
                    self._subjects[tenant, subject] = key
            return key

    def subjects(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Every (tenant, subject, key), in order."""
        sql = "SELECT tenant, subject, wrapped FROM subject_key ORDER BY tenant, subject"
        with self._lock, explained(self._path):
            stored = list(rows(self._db, sql))
        for tenant, subject, wrapped in stored:
            yield tenant, subject, self._root.open_subject(tenant, subject, wrapped)

    def add_subject_keys(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Keep the keys of subjects that come from another vault; one that is there stays."""
        sql = "INSERT OR IGNORE INTO subject_key VALUES (?, ?, ?)"
        wrapped = [(sql, (t, s, self._root.wrap_subject(t, s, key))) for t, s, key in keys]
        with self._lock:
            self._write(wrapped)

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        """Overwrite the subjects' keys; how many there were. Call under the vault's write lock."""
        sql = "DELETE FROM subject_key WHERE tenant = ? AND subject = ?"
        named = [(tenant, subject) for subject in subjects]
        with self._lock:
            for key in named:
                self._subjects.pop(key, None)
            return self._write([(sql, key) for key in named])

    def unopened(self) -> Iterator[tuple[str, str]]:
        """The keys that do not open under the root key, or are missing in a ring, and why."""
        with self._lock, explained(self._path):
            rings = list(
                rows(self._db, "SELECT tenant, place, wrapped FROM tenant_key ORDER BY 1, 2")
            )
            subjects = list(rows(self._db, "SELECT tenant, subject, wrapped FROM subject_key"))
        places: dict[str, int] = {}
        for tenant, place, wrapped in rings:
            if place != places.get(tenant, 0):
                yield f"tenant {tenant!r}", f"at place {places.get(tenant, 0)} is missing"
            places[tenant] = place + 1
            if not self._root.opens_tenant(tenant, place, wrapped):
                yield f"tenant {tenant!r}", "does not open under the root key"
        for tenant, subject, wrapped in subjects:
            if not self._root.opens_subject(tenant, subject, wrapped):
                yield f"subject {subject!r}", "does not open under the root key"

    def subject_ids(self) -> set[tuple[str, bytes]]:
        """Every (tenant, subject) that has a key here."""
        with self._lock, explained(self._path):
            return subject_ids(self._db)

    def tenants(self) -> list[str]:
        """Every tenant that has a key here."""
        with self._lock, explained(self._path):
            sql = "SELECT DISTINCT tenant FROM tenant_key ORDER BY tenant"
            return [tenant for (tenant,) in rows(self._db, sql)]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, the keys that this thread makes or adds wait, and nobody else sees them. They are
        written all together when the block ends well, and else none of them is.

        Raises:
            Busy: another process has made one of these tenants' own keys meanwhile.
        """
        self._waiting = waiting = WaitingKeys(threading.get_ident())
        try:
            yield
        except BaseException:
            self._waiting = None
            raise
        self._waiting = None
        with self._lock:
            written = [*self._rings_of(waiting), *self._subjects_of(waiting)]
            if written:
                self._write(written)
            for tenant in waiting.tenants:
                self._rings.pop(tenant, None)

    def _rings_of(self, waiting: WaitingKeys) -> Iterator[tuple[str, Sequence[object]]]:
        sql = "INSERT INTO tenant_key VALUES (?, ?, ?)"
        for tenant, waiting_ring in waiting.tenants.items():
            ring = self._read_ring(tenant)
            if waiting_ring.is_whole and ring:
                raise Busy(
                    f"another process has begun to write for tenant {tenant} meanwhile: nothing was "
                    "taken; try again"
                )
            for place, key in enumerate(waiting_ring.keys, len(ring)):
                yield sql, (tenant, place, self._root.wrap_tenant(tenant, place, key))

    def _subjects_of(self, waiting: WaitingKeys) -> Iterator[tuple[str, Sequence[object]]]:
        sql = "INSERT OR IGNORE INTO subject_key VALUES (?, ?, ?)"
        for (tenant, subject), key in waiting.subjects.items():
            yield sql, (tenant, subject, self._root.wrap_subject(tenant, subject, key))

    def _waiting_here(self) -> WaitingKeys | None:
        """The keys of this thread that wait to be written, where it has any."""
        waiting = self._waiting
        return waiting if waiting is not None and waiting.thread == threading.get_ident() else None

    def seal_of(self, data: bytes) -> bytes:
        """A digest of something that only who has the root key can make (32 bytes)."""
        return self._root.seal_of(data)

    def signing_key(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints and receipts."""
        return self._root.signing_key()

    def close(self) -> None:
        """Close the file and forget every key."""
        with self._lock:
            self._db.close()
            self._rings.clear()
            self._subjects.clear()

    def _write(self, statements: Sequence[tuple[str, Sequence[object]]]) -> int:
        """Run statements in one transaction; how many rows they changed.

        It is one call of SQLite's, so that no interrupt can come between begin and commit, and it
        takes its lock at once: two upgrading readers would dead-lock.
        """
        counting: list[tuple[str, Sequence[object]]] = []
        if self.expected is None:  # an older copy stays known as one
            sql = "UPDATE written SET changes = changes + 1, time = ?"
            counting.append((sql, (system_time(),)))
        run = [*statements, *counting]
        script = ";".join(("BEGIN IMMEDIATE", *(sql for sql, _ in run), "COMMIT"))
        before = self._db.total_changes()
        with explained(self._path):
            try:
                self._db.execute(script, [value for _, values in run for value in values])
            finally:
                if self._db.in_transaction:  # after some errors SQLite has undone it itself
                    self._db.execute("ROLLBACK")
        self._read_written()
        return self._db.total_changes() - before - len(counting)

    def missing(self, what: str) -> KeysMissing:
        """The error of a key that is not in the file, though the vault needs it."""
        has = f"{self._path.name} is of {moment(self.written.time)}"
        if self.expected is None:
            return KeysMissing(
                f"{what} is missing, though nobody erased what it opens; {has} (change "
                f"{self.written.changes}): put the copy of {self._path} back from your backup that "
                "has it, or load your last export"
            )
        return KeysMissing(
            f"{what} is missing, and nobody erased what it opens: {has} (change "
            f"{self.written.changes}), and the vault was last used with one of "
            f"{moment(self.expected.time)} (change {self.expected.changes}): put that newer "
            f"{self._path} back"
        )

    def _read_written(self) -> None:
        self.written = read_written(self._db, self._path)

    def _read_ring(self, tenant: str) -> list[bytes]:
        with explained(self._path):
            sql = "SELECT place, wrapped FROM tenant_key WHERE tenant = ? ORDER BY place"
            ring = [
                self._root.open_tenant(tenant, place, wrapped)
                for place, wrapped in rows(self._db, sql, (tenant,))
            ]
        if ring:
            self._rings[tenant] = ring
        return ring

    def _read_subject(self, tenant: str, subject: bytes) -> bytes | None:
        with explained(self._path):
            sql = "SELECT wrapped FROM subject_key WHERE tenant = ? AND subject = ?"
            stored = row(self._db, sql, (tenant, subject))
        return None if stored is None else self._root.open_subject(tenant, subject, stored[0])

    def _make_subject(self, tenant: str, subject: bytes) -> bytes | None:
        if self.is_known(tenant, subject):
            raise self.missing(f"the key of subject {subject.hex()}")
        wrapped = self._root.wrap_subject(tenant, subject, new_key())
        sql = "INSERT OR IGNORE INTO subject_key VALUES (?, ?, ?)"
        self._write([(sql, (tenant, subject, wrapped))])
        return self._read_subject(tenant, subject)
