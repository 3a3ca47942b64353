"""The index's change log in Cassandra: a row a change, by tenant, partition and hour."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.index.cassandra.changes import COLUMNS, Changes, read
from memos.infrastructure.index.cassandra.scopes import Scopes
from memos.infrastructure.index.cassandra.snapshot import IndexMark, IndexMarks
from memos.infrastructure.index.packed_terms import pack_terms
from memos.infrastructure.index.port import PurgeReport, SpanChange
from memos.infrastructure.index.postings import TERM
from memos.infrastructure.vault.cassandra.tables import HOUR
from memos.infrastructure.vault.cassandra.whole import whole, whole_many
from memos.kernel.moment import NEWEST, partition_of, time_of
from memos.kernel.scope import tenant_of

PROJECTION = "index"
"""The name of the index worker's checkpoint."""

_FEW_HOURS = 3  # asked for one by one, without a look at which of them exist
_FEW_RECORDS = 20_000  # read whole; more are read by the page
_READERS = 4  # hours read at once; a page of each is in memory
_START = IndexMark(0, -1)
_BATCH_ROWS = 32
_BATCH_BYTES = 24_000  # Cassandra refuses batches of over 50 KiB
_KNOWN_HOURS = 100_000

_WITH_TEXT = (
    "tenant, partition, hour, offset, ordinal, cube_id, scope, version, state, flags, is_first,"
    " terms, length, session, number, speaker, traits, valid_from, valid_until"
)
_WITHOUT_TEXT = _WITH_TEXT.partition(", terms")[0]

_PLACE = "WHERE tenant = ? AND partition = ? AND hour = ? AND offset = ?"

_Row = tuple[Any, ...]


class IndexedAt(NamedTuple):
    """A change, whose `offset` is its ordinal, and the offset of its record in its partition.

    A change to the state Erased ends the cube: readers drop every row of it.
    """

    offset: int
    change: SpanChange


class ErasedCube(NamedTuple):
    """A cube that was erased, its tenant, and the ordinal of its Erased record."""

    cube_id: bytes
    tenant: str
    before: int


def hour_of(ordinal: int) -> int:
    """The hour since 1970 of an ordinal: that of the record's log time, or in a rush of
    records just behind it.
    """
    return time_of(ordinal) // HOUR


class SpanTable:
    """Writes the changes of the partitions that a worker owns, and reads those of a tenant.

    Args:
        store: the connection.
        keyspace: the generation's.
    """

    def __init__(self, store: CassandraSession, keyspace: str) -> None:
        self._store = store
        self._keyspace = keyspace
        self._hours: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    def write(self, partition: int, changes: Sequence[IndexedAt]) -> None:
        """Write changes of one partition; the checkpoint is written after them, by the caller.

        Writing a change again changes nothing. What was deleted by `purge` stays deleted.
        """
        hours: defaultdict[tuple[str, int, int], list[_Row]] = defaultdict(list)
        for offset, change in changes:
            tenant = tenant_of(change.scope)
            hour = (tenant, partition, hour_of(change.offset))
            hours[hour].append((*hour, offset, *_values(change)))
        # A row is found through its hour, so the hour comes first.
        new = [hour for hour in hours if hour not in self._hours]
        self._store.concurrently(
            f"INSERT INTO {self._keyspace}.span_bucket (tenant, partition, hour) VALUES (?, ?, ?)",
            new,
        )
        self._hours.update(dict.fromkeys(new))
        while len(self._hours) > _KNOWN_HOURS:
            self._hours.popitem(last=False)
        # Prepared before they are run: what feeds the driver's own thread must not wait for it.
        self._store.run_all(
            [
                (
                    self._store.prepare(self._insert([len(row) for row in batch])),
                    [value for row in batch for value in row],
                )
                for rows in hours.values()
                for batch in _batches(rows)
            ]
        )

    def purge(self, erased: Sequence[ErasedCube]) -> PurgeReport:
        """Delete the rows of erased cubes for good; their Erased records' own rows stay, so that readers
        who hold the others drop them. Write those first.

        Returns:
            What was deleted; zeros where it had been before.
        """
        places = self._places_of(erased)
        counted = self._count(places)
        # The timestamp is above any other: a worker that lags cannot bring the rows back.
        self._store.concurrently(
            f"DELETE FROM {self._keyspace}.span USING TIMESTAMP {NEWEST} {_PLACE}", places
        )
        return counted

    def are_gone(self, erased: Sequence[ErasedCube]) -> bool:
        """Whether no copy of any node has what a purge of these cubes deletes."""
        places = self._places_of(erased)
        cql = f"SELECT ordinal FROM {self._keyspace}.span {_PLACE}"
        return not any(self._store.everywhere(cql, places))

    def count(self, cube_ids: Iterable[bytes], tenant: str) -> PurgeReport:
        """What a purge of cubes of a tenant would delete."""
        return self._count(self._places_of([ErasedCube(c, tenant, NEWEST) for c in cube_ids]))

    def _places_of(self, erased: Sequence[ErasedCube]) -> list[tuple[str, int, int, int]]:
        attempts = self._attempts(cube.cube_id for cube in erased)
        return [
            (tenant, partition_of(ordinal), hour_of(ordinal), offset)
            for cube_id, tenant, before in erased
            for ordinal, offset in attempts[cube_id]
            if ordinal < before
        ]

    def _count(self, places: Sequence[tuple[str, int, int, int]]) -> PurgeReport:
        results = self._store.concurrently(
            f"SELECT terms FROM {self._keyspace}.span {_PLACE}", places
        )
        rows = [terms for result in results for (terms,) in result]
        texts = [terms for terms in rows if terms is not None]
        postings = sum(len(terms) // TERM.itemsize for terms in texts)
        return PurgeReport(len(texts), len(rows), postings)

    def marks(self) -> IndexMarks:
        """Up to where the worker has written each partition."""
        cql = (
            f"SELECT partition, offset, ordinal FROM {self._keyspace}.checkpoint"
            " WHERE projection = ?"
        )
        checkpoints = self._store.execute(cql, (PROJECTION,))
        return {
            partition: IndexMark(offset, ordinal)
            for partition, offset, ordinal in whole(self._store, cql, checkpoints, (PROJECTION,))
        }

    def read(
        self, tenant: str, scopes: Scopes, since: IndexMarks, upto: IndexMarks
    ) -> Iterator[Changes]:
        """A tenant's changes in the partitions of `upto`, from behind `since`, up to `upto`."""
        cql = (
            f"SELECT {COLUMNS} FROM {self._keyspace}.span"
            " WHERE tenant = ? AND partition = ? AND hour = ? AND offset >= ? AND offset < ?"
        )

        places = [(tenant, *place) for place in self._places(tenant, since, upto)]
        records = sum(end.offset - since.get(at, _START).offset for at, end in upto.items())
        if records <= _FEW_RECORDS:  # whosever they are
            results = self._store.concurrently(cql, places)
            yield read(chain.from_iterable(results), scopes)
            return
        with ThreadPoolExecutor(_READERS) as readers:
            yield from readers.map(
                lambda place: read(self._store.stream(cql, place), scopes), places
            )

    def _places(
        self, tenant: str, since: IndexMarks, upto: IndexMarks
    ) -> Iterator[tuple[int, int, int, int]]:
        """The (partition, hour, first offset, end offset) stretches to read."""
        starts = {partition: since.get(partition, _START) for partition in upto}
        listed = self._listed(tenant) if any(not mark.offset for mark in starts.values()) else None
        for partition, end in upto.items():
            start = starts[partition]
            first, last = hour_of(start.ordinal), hour_of(end.ordinal)
            if start.offset and last - first < _FEW_HOURS:
                hours = list(range(first, last + 1))
            else:
                listed = self._listed(tenant) if listed is None else listed
                hours = [hour for hour in listed[partition] if not start.offset or hour >= first]
            for hour in hours:
                if hour <= last:
                    yield partition, hour, start.offset, end.offset

    def _listed(self, tenant: str) -> defaultdict[int, list[int]]:
        """The hours of each partition that hold rows of a tenant."""
        buckets = self._store.execute(
            f"SELECT partition, hour FROM {self._keyspace}.span_bucket WHERE tenant = ?", (tenant,)
        )
        hours: defaultdict[int, list[int]] = defaultdict(list)
        for partition, hour in buckets:
            hours[partition].append(hour)
        return hours

    def _attempts(self, cube_ids: Iterable[bytes]) -> dict[bytes, list[_Row]]:
        """(ordinal, offset) of every record of each cube."""
        cql = (
            f"SELECT ordinal, offset FROM {self._keyspace}.attempt WHERE cube_id = ? AND bucket = ?"
        )
        attempts: dict[bytes, list[_Row]] = {cube_id: [] for cube_id in cube_ids}
        bucket, more = 0, list(attempts)
        while more:
            found = whole_many(self._store, cql, [(cube_id, bucket) for cube_id in more])
            for cube_id, rows in zip(more, found, strict=True):
                attempts[cube_id] += rows
            more = [cube_id for cube_id, rows in zip(more, found, strict=True) if rows]
            bucket += 1
        return attempts

    def _insert(self, widths: Sequence[int]) -> str:
        """One statement that inserts rows of these widths."""
        inserts = [
            f"INSERT INTO {self._keyspace}.span"
            f" ({_WITH_TEXT if width > _NARROW else _WITHOUT_TEXT})"
            f" VALUES ({', '.join('?' * width)})"
            for width in widths
        ]
        if len(inserts) == 1:
            return inserts[0]
        return f"BEGIN UNLOGGED BATCH {'; '.join(inserts)}; APPLY BATCH"


_NARROW = len(_WITHOUT_TEXT.split(","))


def _values(change: SpanChange) -> _Row:
    """What a row says behind its key."""
    own = (
        change.offset,
        change.cube_id,
        change.scope,
        change.version,
        change.state,
        change.flags,
        change.is_first,
    )
    text = change.text
    if text is None:
        return own
    return (*own, pack_terms(text), text.length, *text.place, *text.validity)


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Rows of one hour in batches of a size that Cassandra takes, in few sizes.

    Each batch is a statement of its own to prepare, so batches hold one kind of row, and their
    sizes are powers of two.
    """
    kinds: defaultdict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        kinds[len(row)].append(row)
    for same in kinds.values():
        waiting = iter(same)
        while batch := list(islice(waiting, _BATCH_ROWS)):
            while batch:
                size = 1 << (len(batch).bit_length() - 1)
                while size > 1 and sum(map(_size, batch[:size])) > _BATCH_BYTES:
                    size //= 2
                yield batch[:size]
                batch = batch[size:]


def _size(row: _Row) -> int:
    return 200 + sum(len(value) for value in row if isinstance(value, bytes))
