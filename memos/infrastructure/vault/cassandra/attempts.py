"""Attempts as they are read: everything that was tried on a cube, and what became of it.

An attempt counts once its cube's head has it: rows behind the head belong to a batch that is still
being written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from memos.infrastructure.batches import batched
from memos.infrastructure.vault.cassandra.generation import IDS_AT_ONCE
from memos.infrastructure.vault.cassandra.rows import bucket_of
from memos.infrastructure.vault.cassandra.states import ACCEPTED, States
from memos.infrastructure.vault.cassandra.stored import ATTEMPT_COLUMNS, Stored, stored_of
from memos.infrastructure.vault.cassandra.tables import BUCKET
from memos.infrastructure.vault.port import Attempt
from memos.kernel.event import Position, Record
from memos.kernel.moment import NEWEST, At
from memos.kernel.outcome import Result

_SELECT = f"SELECT {ATTEMPT_COLUMNS} FROM {{}}.attempt"
PAGE = 200

Place = tuple[bytes, int, int]
"""Where a row of `attempt` stands: cube id, sequence, ordinal."""


class Outline(NamedTuple):
    """What became of one record: of which cube it is, as which of its records, and the result."""

    offset: int
    cube_id: bytes
    sequence: int
    result: int


class Attempts(States):
    """The rows of `attempt`, and those of `record` that lead to them."""

    def attempts(self, cube_id: bytes, at: At = NEWEST) -> list[Attempt]:
        """Everything attempted on the cube, oldest first."""
        return [stored.attempt for stored in self.stored(cube_id, at)]

    def attempts_many(self, cube_ids: Sequence[bytes]) -> dict[bytes, list[Attempt]]:
        """Everything attempted on several cubes, asked for together; see `attempts`."""
        ends = self._ends(cube_ids)
        by_bucket: dict[int, list[bytes]] = {}
        for cube_id, (last, _) in ends.items():
            for bucket in range(last + 1):
                by_bucket.setdefault(bucket, []).append(cube_id)
        values = [
            (ids, bucket)
            for bucket, among in by_bucket.items()
            for ids in batched(among, IDS_AT_ONCE)
        ]
        attempts: dict[bytes, list[Attempt]] = {cube_id: [] for cube_id in cube_ids}
        for rows in self._many(f"{_SELECT} WHERE cube_id IN ? AND bucket = ?", values):
            for stored in map(stored_of, rows):
                attempt = stored.attempt
                # Behind the end a batch is being written.
                if attempt.ordinal <= ends[attempt.cube_id][1]:
                    attempts[attempt.cube_id].append(attempt)
        return attempts

    def stored(self, cube_id: bytes, at: At = NEWEST) -> Iterator[Stored]:
        """Everything attempted on the cube with its events, oldest first."""
        last, newest = self._end(cube_id, at)
        cql = f"{_SELECT} WHERE cube_id = ? AND bucket = ? AND ordinal <= ?"
        for bucket in range(last + 1):
            for row in self._stream(cql, (cube_id, bucket, newest)):
                yield stored_of(row)

    def version(self, cube_id: bytes, version: int) -> Attempt | None:
        """The attempt that made a version of the cube."""
        stored = self._version(cube_id, version)
        return None if stored is None else stored.attempt

    def event(self, cube_id: bytes, version: int) -> Record | None:
        """The record that made a version of the cube, with its exact bytes."""
        stored = self._version(cube_id, version)
        return None if stored is None else stored.record

    def by_event(self, event_id: bytes, cube_id: bytes | None = None) -> Attempt | None:
        """What became of an event: its accepted attempt, or else its first one.

        Where its cube is given, only that cube's rows are asked; else every node is.
        """
        if cube_id is not None:
            outcomes = self.outcomes({event_id: cube_id})
        else:
            rows = self._rows(f"{_SELECT} WHERE event_id = ?", (UUID(bytes=event_id),))
            outcomes = _by_event(map(stored_of, rows))
        stored = outcomes.get(event_id)
        return None if stored is None else stored.attempt

    def outcomes(self, events: Mapping[bytes, bytes]) -> dict[bytes, Stored]:
        """What became of events, each given with its cube's id; those not folded are left out.

        A cube of over a thousand records is looked through again by its index.
        """
        near = "SELECT event_id, cube_id, sequence, ordinal FROM {}.attempt"
        places = [
            (cube_id, sequence, ordinal)
            for rows in self._many(
                f"{near} WHERE cube_id IN ? AND bucket = 0",
                ((ids,) for ids in batched(dict.fromkeys(events.values()), IDS_AT_ONCE)),
            )
            for event_id, cube_id, sequence, ordinal in rows
            if event_id.bytes in events
        ]
        outcomes = _by_event(self._at(places))
        missing = [event for event in events if event not in outcomes]
        buckets = self._buckets({events[event] for event in missing})
        values = [
            (cube_id, bucket, UUID(bytes=event))
            for event, cube_id in ((event, events[event]) for event in missing)
            for bucket in range(1, buckets.get(cube_id, 0) + 1)
        ]
        cql = f"{_SELECT} WHERE cube_id = ? AND bucket = ? AND event_id = ?"
        return outcomes | _by_event(map(stored_of, chain.from_iterable(self._many(cql, values))))

    def accepted(self, events: Iterable[tuple[bytes, bytes, int]]) -> list[Stored]:
        """The accepted attempts of events, oldest first: each given with its id, its cube's id and
        the sequence that its cube has reached.
        """
        cql = (
            f"{_SELECT} WHERE cube_id = ? AND bucket = ? AND event_id = ? AND result = {ACCEPTED}"
            " ALLOW FILTERING"
        )
        values = [
            (cube_id, bucket, UUID(bytes=event_id))
            for event_id, cube_id, sequence in events
            for bucket in range(bucket_of(sequence) + 1)
        ]
        rows = chain.from_iterable(self._many(cql, values))
        return sorted(map(stored_of, rows), key=lambda stored: stored.attempt.ordinal)

    def at_positions(self, positions: Iterable[Position]) -> dict[Position, Stored]:
        """The records at positions; those not folded, and those that are no events, are left out."""
        cql = (
            "SELECT cube_id, sequence, ordinal FROM {}.record"
            " WHERE partition = ? AND bucket = ? AND offset IN ?"
        )
        by_bucket: dict[tuple[int, int], list[int]] = {}
        for partition, offset in positions:
            by_bucket.setdefault((partition, offset // BUCKET), []).append(offset)
        values = [
            (*key, chunk)
            for key, offsets in by_bucket.items()
            for chunk in batched(offsets, IDS_AT_ONCE)
        ]
        places = [
            (cube_id, sequence, ordinal)
            for rows in self._many(cql, values)
            for cube_id, sequence, ordinal in rows
            if cube_id
        ]
        return {stored.attempt.position: stored for stored in self._at(places)}

    def data_of(self, position: Position) -> bytes | None:
        """The exact bytes of the record at a position; None where it is not folded."""
        cql = (
            "SELECT cube_id, sequence, ordinal, data FROM {}.record"
            " WHERE partition = ? AND bucket = ? AND offset = ?"
        )
        records = self._rows(cql, (position.partition, position.offset // BUCKET, position.offset))
        if not records:
            return None
        cube_id, sequence, ordinal, data = records[0]
        if cube_id is None:
            return bytes(data)
        return next(
            (stored.record.data for stored in self._at([(cube_id, sequence, ordinal)])), None
        )

    def folded(self, partition: int, start: int, end: int) -> Iterator[Stored]:
        """The records of a partition from one offset up to another, in order.

        Records that are no events are left out: they belong to no cube.
        """
        cql = (
            "SELECT cube_id, sequence, ordinal FROM {}.record"
            " WHERE partition = ? AND bucket = ? AND offset >= ? AND offset < ?"
        )
        for bucket in range(start // BUCKET, -(-end // BUCKET)):
            rows = self._stream(cql, (partition, bucket, start, end))
            for page in batched(((row[0], row[1], row[2]) for row in rows if row[0]), PAGE):
                yield from self._at(page)

    def outlines(self, partition: int, start: int, end: int) -> Iterator[Outline]:
        """What became of the records of a partition from one offset up to another, in order."""
        cql = (
            "SELECT offset, cube_id, sequence, result FROM {}.record"
            " WHERE partition = ? AND bucket = ? AND offset >= ? AND offset < ?"
        )
        for bucket in range(start // BUCKET, -(-end // BUCKET)):
            for offset, cube_id, sequence, result in self._rows(
                cql, (partition, bucket, start, end)
            ):
                yield Outline(offset, cube_id or b"", sequence or 0, result)

    def _at(self, places: Sequence[Place]) -> Iterator[Stored]:
        """The attempts at these places, in the order asked."""
        # A range of ordinals costs Cassandra a quarter of a list of them. What lies between and was
        # not asked for is another record of the same cube.
        cql = f"{_SELECT} WHERE cube_id IN ? AND bucket = ? AND ordinal >= ? AND ordinal <= ?"
        by_bucket: dict[int, list[Place]] = {}
        for place in sorted(places, key=_ordinal):
            by_bucket.setdefault(bucket_of(place[1]), []).append(place)
        values = [
            (list({place[0] for place in chunk}), bucket, chunk[0][2], chunk[-1][2])
            for bucket, among in by_bucket.items()
            for chunk in batched(among, IDS_AT_ONCE)
        ]
        attempts = {row[1]: row for rows in self._many(cql, values) for row in rows}
        return (stored_of(attempts[place[2]]) for place in places if place[2] in attempts)

    def _version(self, cube_id: bytes, version: int) -> Stored | None:
        last, newest = self._end(cube_id, NEWEST)
        cql = (
            f"{_SELECT} WHERE cube_id = ? AND bucket = ? AND ordinal <= ? AND version = ?"
            f" AND result = {ACCEPTED} ALLOW FILTERING"
        )
        # A version is no greater than the sequence of the record that made it.
        for bucket in range(bucket_of(version), last + 1):
            for row in self._stream(cql, (cube_id, bucket, newest, version)):
                stored = stored_of(row)
                if stored.attempt.outcome.digest:
                    return stored
        return None

    def _buckets(self, cube_ids: Iterable[bytes]) -> dict[bytes, int]:
        """The last bucket of each cube."""
        cql = "SELECT cube_id, sequence FROM {}.head WHERE cube_id IN ?"
        heads = self._many(cql, ((ids,) for ids in batched(cube_ids, IDS_AT_ONCE)))
        return {row[0]: bucket_of(row[1]) for rows in heads for row in rows}


def _ordinal(place: Place) -> int:
    return place[2]


def _by_event(attempts: Iterable[Stored]) -> dict[bytes, Stored]:
    """Of each event its accepted attempt, or else its first one."""
    events: dict[bytes, list[Stored]] = {}
    for stored in attempts:
        events.setdefault(stored.attempt.event_id, []).append(stored)
    return {event: min(those, key=_rank) for event, those in events.items()}


def _rank(stored: Stored) -> tuple[bool, int]:
    attempt = stored.attempt
    return attempt.outcome.result is not Result.ACCEPTED, attempt.ordinal
