"""Cube keys in Cassandra, each wrapped under its subjects' keys.

A cube's id tells how its row is written, so that no row ever knows two clocks. An id that was made
by chance is inserted once, plainly and under a fixed timestamp that is below that of its deletion: a
writer that lags, or whose clock is ahead, cannot bring a destroyed key back. An id that was derived
(UUIDv8) may be inserted by two writers at once, and deleted and made again: its row is written by
lightweight transactions alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession, Row
from memos.infrastructure.cassandra.select import groups, select, select_many
from memos.infrastructure.keys.aged_cache import AgedCache, ReadStart
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.cassandra.subject_rows import Subject
from memos.infrastructure.keys.envelope import decrypt, split_subjects, wrap_key, wrapping_key
from memos.kernel.errors import Damaged, KeysMissing
from memos.kernel.event import id_text

CACHED_KEYS = 20_000

_WRITTEN, _DESTROYED = 1, 2  # timestamps of the rows of ids made by chance
_DERIVED = 8  # version of a UUID

_COLUMNS = "(cube_id, tenant, subjects, wrapped) VALUES (?, ?, ?, ?)"


class NewKey(NamedTuple):
    """A new cube's key, and the digests of the subjects each of whom can end it."""

    cube_id: bytes
    tenant: str
    subjects: Sequence[bytes]
    key: bytes


_SHUT = b""
_Wrapped = tuple[tuple[Subject, ...], bytes]
"""Whose keys wrap a cube's, and the wrapped key."""


class _Opened(NamedTuple):
    key: bytes
    subjects: tuple[Subject, ...]


class CassandraCubeKeys:
    """Gives out the keys of cubes. Safe for threads and processes.

    Another process goes on using a destroyed key for the key store's `age` at most, this one not
    at all.
    """

    def __init__(self, store: CassandraSession, key_store: CassandraKeyStore) -> None:
        self._store = store
        self._subject_keys = key_store.subject_keys
        self._table = f"{store.settings.keyspace}.cube_key"
        self._opened: AgedCache[bytes, _Opened] = AgedCache(key_store.age, CACHED_KEYS)

    def subject_keys(self, new: Iterable[NewKey]) -> dict[Subject, bytes]:
        """The keys, as they are stored now, of the subjects of new cubes: made where they are not."""
        needed = {(row.tenant, subject) for row in new for subject in row.subjects}
        return self._subject_keys.get(needed, create=True, fresh=True)

    def add_new(
        self, new: Iterable[NewKey], subject_keys: Mapping[Subject, bytes] | None = None
    ) -> None:
        """Keep the keys of cubes whose ids were made by chance.

        Args:
            new: the keys.
            subject_keys: those of their subjects, where they were read a moment ago.

        Raises:
            ValueError: an id was derived; `add_keyed` takes those.
        """
        rows = list(new)
        for row in rows:
            if is_derived(row.cube_id):
                raise ValueError(f"the id {row.cube_id.hex()} is derived: add_keyed takes it")
        reading = self._opened.begin()
        insert = f"INSERT INTO {self._table} {_COLUMNS} USING TIMESTAMP {_WRITTEN}"
        self._store.run_all(
            (
                self._store.prepare(
                    f"BEGIN UNLOGGED BATCH {'; '.join([insert] * len(group))}; APPLY BATCH"
                    if len(group) > 1
                    else insert
                ),
                [value for row in group for value in row],
            )
            for group in groups(self._wrapped(rows, subject_keys))
        )
        for row in rows:
            self._remember(row, reading)

    def add_keyed(
        self, new: Iterable[NewKey], subject_keys: Mapping[Subject, bytes] | None = None
    ) -> list[bytes | None]:
        """Keep the keys of cubes whose ids were derived, where none is kept; see `add_new`.

        Returns:
            For each cube the key that is kept: its own, or that of whoever was first; None where
            the subject of that one was erased.

        Raises:
            ValueError: an id was made by chance; `add_new` takes those.
        """
        rows = list(new)
        for row in rows:
            if not is_derived(row.cube_id):
                raise ValueError(f"the id {row.cube_id.hex()} is not derived: add_new takes it")
        reading = self._opened.begin()
        results = self._store.concurrently(
            f"INSERT INTO {self._table} {_COLUMNS} IF NOT EXISTS", self._wrapped(rows, subject_keys)
        )
        won = [bool(result[0]) for (result,) in results]
        for row, is_ours in zip(rows, won, strict=True):
            if is_ours:
                self._remember(row, reading)
        lost = [row.cube_id for row, is_ours in zip(rows, won, strict=True) if not is_ours]
        theirs = self._open(lost, serial=True)
        return [
            row.key if is_ours else theirs.get(row.cube_id)
            for row, is_ours in zip(rows, won, strict=True)
        ]

    def key(self, cube_id: bytes) -> bytes | None:
        """A cube's key; None where it, or a key that it needs, was destroyed."""
        return self.keys([cube_id]).get(cube_id)

    def keys(self, cube_ids: Iterable[bytes]) -> dict[bytes, bytes]:
        """The keys of several cubes, read at once; without those that cannot be opened."""
        distinct = dict.fromkeys(cube_ids)
        kept = {cube_id: self._opened.get(cube_id) for cube_id in distinct}
        opened = {cube_id: entry for cube_id, entry in kept.items() if entry is not None}
        needed = {subject for entry in opened.values() for subject in entry.subjects}
        alive = self._subject_keys.get(needed, create=False)
        keys = {
            cube_id: entry.key
            for cube_id, entry in opened.items()
            if all(subject in alive for subject in entry.subjects)
        }
        return keys | self._open([cube_id for cube_id in distinct if cube_id not in opened])

    def opened(self, cube_ids: Iterable[bytes]) -> dict[bytes, bytes]:
        """As `keys`, also without those that do not open: one is no reason to stop for the others."""
        distinct = list(dict.fromkeys(cube_ids))
        try:
            return self.keys(distinct)
        except Damaged:
            shut = set(self.unopened(distinct))
            return self.keys([cube_id for cube_id in distinct if cube_id not in shut])

    def missing(self, cube_id: bytes) -> KeysMissing:
        """The error of a memory that nobody erased, and whose key is not there."""
        kept = self._rows("tenant", [cube_id])
        table = f"{self._store.settings.keyspace}.{'subject_key' if kept else 'cube_key'}"
        return KeysMissing(
            f"a key that cube {id_text(cube_id)} needs is missing in {table}, though nobody erased "
            "it: bring the rows of that table back from a backup that has them, or load your last "
            "export"
        )

    def without_keys(self, cube_ids: Sequence[bytes]) -> list[bytes]:
        """Those of some cubes whose key, or one that it needs, is not kept."""
        rows = {
            cube_id: [(tenant, subject) for subject in split_subjects(joined)]
            for cube_id, tenant, joined in self._rows("tenant, subjects", cube_ids)
        }
        needed = {subject for subjects in rows.values() for subject in subjects}
        alive = self._subject_keys.kept(needed)
        return [
            cube_id
            for cube_id in cube_ids
            if cube_id not in rows or any(subject not in alive for subject in rows[cube_id])
        ]

    def kept(self, cube_ids: Iterable[bytes]) -> list[NewKey]:
        """The keys of several cubes as they were given to be kept; without those that are gone."""
        keys = self.keys(cube_ids)
        rows = self._rows("tenant, subjects", list(keys))
        return [
            NewKey(cube_id, tenant, split_subjects(joined), keys[cube_id])
            for cube_id, tenant, joined in rows
        ]

    def destroy(self, cube_ids: Iterable[bytes]) -> int:
        """End the keys of these cubes for good; how many there were."""
        distinct = list(dict.fromkeys(cube_ids))
        derived = [cube_id for cube_id in distinct if is_derived(cube_id)]
        others = [cube_id for cube_id in distinct if not is_derived(cube_id)]
        derived_rows = self._rows("wrapped", derived, serial=True)
        plain = self._rows("wrapped", others)
        try:
            self._store.concurrently(
                f"DELETE FROM {self._table} WHERE cube_id = ? IF wrapped = ?",
                derived_rows,
            )
            self._store.concurrently(
                f"DELETE FROM {self._table} USING TIMESTAMP {_DESTROYED} WHERE cube_id = ?",
                [(cube_id,) for cube_id in others],
            )
        finally:
            self._opened.drop(distinct)
        return len(derived_rows) + len(plain)

    def are_gone(self, cube_ids: Iterable[bytes]) -> bool:
        """Whether no copy of any node has a key of these cubes."""
        cql = f"SELECT cube_id FROM {self._table} WHERE cube_id = ?"
        return not any(self._store.everywhere(cql, [(cube_id,) for cube_id in cube_ids]))

    def cubes(self) -> Iterator[bytes]:
        """The ids of all cubes that have a key here."""
        for (cube_id,) in self._store.stream(f"SELECT cube_id FROM {self._table}"):
            yield cube_id

    def unopened(self, cube_ids: Sequence[bytes]) -> list[bytes]:
        """Those of some cubes whose key is kept, and does not open under its subjects' keys."""
        rows = {
            cube_id: (tuple((tenant, subject) for subject in split_subjects(joined)), wrapped)
            for cube_id, tenant, joined, wrapped in self._rows(
                "tenant, subjects, wrapped", cube_ids
            )
        }
        keys = self._unwrapped(rows, fresh=True)
        return [cube_id for cube_id, key in keys.items() if key == _SHUT]

    def forget(self) -> None:
        """Drop every opened key from memory."""
        self._opened.clear()

    def _wrapped(
        self, rows: Sequence[NewKey], subject_keys: Mapping[Subject, bytes] | None
    ) -> list[tuple[bytes, str, bytes, bytes]]:
        keys = self.subject_keys(rows) if subject_keys is None else subject_keys
        return [
            (
                row.cube_id,
                row.tenant,
                b"".join(row.subjects),
                wrap_key(
                    wrapping_key([keys[row.tenant, subject] for subject in row.subjects]),
                    row.key,
                    row.cube_id,
                ),
            )
            for row in rows
        ]

    def _open(self, cube_ids: Sequence[bytes], *, serial: bool = False) -> dict[bytes, bytes]:
        """Read and unwrap keys; without those that are gone, or one of whose subjects' is."""
        if not cube_ids:
            return {}
        reading = self._opened.begin()
        wrapped_rows = self._rows("tenant, subjects, wrapped", cube_ids, serial=serial)
        rows = {
            cube_id: (tuple((tenant, subject) for subject in split_subjects(joined)), wrapped)
            for cube_id, tenant, joined, wrapped in wrapped_rows
        }
        keys = self._unwrapped(rows, fresh=False)
        stale = {cube_id: row for cube_id, row in rows.items() if keys.get(cube_id) == _SHUT}
        keys |= self._unwrapped(stale, fresh=True)
        for cube_id, key in keys.items():
            if key == _SHUT:
                raise Damaged(
                    f"the key of cube {id_text(cube_id)} does not open: it was changed, or the "
                    "root key is another vault's; run `memos verify`"
                )
            self._opened.put(cube_id, _Opened(key, rows[cube_id][0]), reading)
        return keys

    def _unwrapped(self, rows: Mapping[bytes, _Wrapped], *, fresh: bool) -> dict[bytes, bytes]:
        """The keys of cubes all of whose subjects have one; _SHUT where these do not open it.

        That is so where another process erased a subject and made it a new key, and this one still
        believes in the old: then a `fresh` look at the subjects opens it.
        """
        needed = {subject for subjects, _ in rows.values() for subject in subjects}
        alive = self._subject_keys.get(needed, create=False, fresh=fresh)
        keys: dict[bytes, bytes] = {}
        for cube_id, (subjects, wrapped) in rows.items():
            if all(subject in alive for subject in subjects):
                wrapping = wrapping_key([alive[subject] for subject in subjects])
                try:
                    keys[cube_id] = decrypt(wrapping, wrapped, cube_id)
                except Damaged:
                    keys[cube_id] = _SHUT
        return keys

    def _rows(self, columns: str, cube_ids: Sequence[bytes], *, serial: bool = False) -> list[Row]:
        """The cube id and `columns` of those cubes that have a key.

        What an empty column stands for opens nothing.
        """
        if serial:
            cql = f"SELECT cube_id, {columns} FROM {self._table} WHERE cube_id = ?"
            results = select(self._store, cql, [(cube_id,) for cube_id in cube_ids], serial=True)
            found = [row for rows in results for row in rows]
        else:
            found = select_many(self._store, columns, self._table, cube_ids)
        nothing = (b"", *("" if name == "tenant" else b"" for name in columns.split(", ")))
        return [
            tuple(
                none if value is None else value for value, none in zip(row, nothing, strict=True)
            )
            if None in row
            else row
            for row in found
        ]

    def _remember(self, row: NewKey, reading: ReadStart) -> None:
        subjects = tuple((row.tenant, subject) for subject in row.subjects)
        self._opened.put(row.cube_id, _Opened(row.key, subjects), reading)


def is_derived(cube_id: bytes) -> bool:
    """Whether an id is a UUIDv8: made of what it stands for, so that two may make it."""
    return cube_id[6] >> 4 == _DERIVED
