"""Subjects' keys in a key file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.sqlite.held_root import SqliteHeldRoot, Statement
from memos.infrastructure.keys.sqlite.open_key_file import OpenKeyFile
from memos.infrastructure.keys.sqlite.waiting_keys import KeyCollector, WaitingKeys
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.errors import Damaged

_INSERT = "INSERT OR IGNORE INTO subject_key VALUES (?, ?, ?)"


class SqliteSubjectKeys:
    """Not safe for threads: the key file's lock is around it.

    Args:
        file: where they are.
        root: the root key that they are wrapped under.
        collector: has those of a thread that wait to be written.
        needs_subject: whether the vault needs the key of this subject of a tenant: no other is made
            in the place of a lost one.
    """

    def __init__(
        self,
        file: OpenKeyFile,
        root: SqliteHeldRoot,
        collector: KeyCollector,
        needs_subject: Callable[[str, bytes], bool],
    ) -> None:
        self._file = file
        self._root = root
        self._collector = collector
        self._needs_subject = needs_subject
        self._keys: dict[tuple[str, bytes], bytes] = {}

    def get(self, tenant: str, subject: bytes, *, create: bool) -> bytes | None:
        """The subject's key, made and synced when absent; None where it is not to be made."""
        key = self._keys.get((tenant, subject))
        if key is None:
            key = self._read(tenant, subject)
            waiting = self._collector.here() if key is None else None
            if waiting is not None:
                return waiting.subject_key(tenant, subject, create=create)
            if key is None and create:
                key = self._make(tenant, subject)
            if key is not None:
                self._keys[tenant, subject] = key
        return key

    def all(self) -> list[tuple[str, bytes, bytes]]:
        """Every (tenant, subject, key), in order."""
        with self._file.reading() as connection:

            def opened(root: RootKey) -> list[tuple[str, bytes, bytes]]:
                sql = "SELECT tenant, subject, wrapped FROM subject_key ORDER BY tenant, subject"
                stored = list(rows(connection, sql))
                return [(t, s, root.open_subject(t, s, wrapped)) for t, s, wrapped in stored]

            return self._root.opened(opened)

    def add(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Keep keys that come from another vault; one that is there stays."""
        root = self._root.current()
        self._file.write([(_INSERT, (t, s, root.wrap_subject(t, s, key))) for t, s, key in keys])

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        """Overwrite keys; how many there were. Where there are none the file stays as it is.

        Raises:
            Damaged: some are still there; the others are gone.
        """
        sql = "DELETE FROM subject_key WHERE tenant = ? AND subject = ?"
        named = [(tenant, subject) for subject in subjects]
        for key in named:
            self._keys.pop(key, None)
        there = [key for key in named if self._is_there(*key)]
        if not there:
            return 0
        count = self._file.write([(sql, key) for key in there])
        kept = sum(self._is_there(*key) for key in there)
        if kept:
            raise Damaged(
                f"{self._file.path} keeps the keys of {kept} subjects that were to be destroyed: run "
                "`memos doctor`, which names what keeps them, drop that, and ask again"
            )
        return count

    def statements(self, waiting: WaitingKeys) -> Iterator[Statement]:
        """What writes the keys that wait."""
        for (tenant, subject), key in waiting.subjects.items():
            yield (
                _INSERT,
                (tenant, subject, self._root.current().wrap_subject(tenant, subject, key)),
            )

    def forget_all(self) -> None:
        """Read every key again."""
        self._keys.clear()

    def _is_there(self, tenant: str, subject: bytes) -> bool:
        sql = "SELECT 1 FROM subject_key WHERE tenant = ? AND subject = ?"
        with self._file.reading() as connection:
            return row(connection, sql, (tenant, subject)) is not None

    def _read(self, tenant: str, subject: bytes) -> bytes | None:
        with self._file.reading() as connection:

            def opened(root: RootKey) -> bytes | None:
                sql = "SELECT wrapped FROM subject_key WHERE tenant = ? AND subject = ?"
                stored = row(connection, sql, (tenant, subject))
                return None if stored is None else root.open_subject(tenant, subject, stored[0])

            return self._root.opened(opened)

    def _make(self, tenant: str, subject: bytes) -> bytes | None:
        if self._needs_subject(tenant, subject):
            raise self._file.missing(f"the key of subject {subject.hex()}")
        wrapped = self._root.current().wrap_subject(tenant, subject, new_key())
        self._file.write([(_INSERT, (tenant, subject, wrapped))])
        return self._read(tenant, subject)
