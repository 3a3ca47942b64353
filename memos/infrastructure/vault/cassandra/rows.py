"""What one folded record is in rows: pure, and the same for every delivery of the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from memos.infrastructure.vault.cassandra import terms
from memos.infrastructure.vault.cassandra.tables import BUCKET, PERIOD
from memos.infrastructure.vault.folded import Folded
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.keyed_digest import digests_among
from memos.kernel.lifespan import NEVER, earliest_end, still_ends
from memos.kernel.lineage import kept_relation, named_edges
from memos.kernel.moment import is_kept_cut
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.kernel.state import checksum
from memos.wire.event_pb2 import Event

Values = tuple[Any, ...]

FIRST_WINS = 2**62
"""Minus an ordinal, a write time by which the earliest record of a key stays."""


class Insert(NamedTuple):
    """How rows of a table are written: the first `key` values are the row's partition key.

    `timestamp` says that the last value is the write time.
    """

    table: str
    columns: tuple[str, ...]
    key: int
    timestamp: bool = False

    def cql(self, keyspace: str) -> str:
        """The statement, for a keyspace."""
        marks = ", ".join("?" * len(self.columns))
        using = " USING TIMESTAMP ?" if self.timestamp else ""
        return (
            f"INSERT INTO {keyspace}.{self.table} ({', '.join(self.columns)})"
            f" VALUES ({marks}){using}"
        )


class Delete(NamedTuple):
    """How rows of a table are deleted: write time first, then the primary key."""

    table: str
    columns: tuple[str, ...]

    def cql(self, keyspace: str) -> str:
        """The statement, for a keyspace."""
        where = " AND ".join(f"{column} = ?" for column in self.columns)
        return f"DELETE FROM {keyspace}.{self.table} USING TIMESTAMP ? WHERE {where}"


def _insert(table: str, columns: str, key: int, *, timestamp: bool = False) -> Insert:
    return Insert(table, tuple(columns.split()), key, timestamp)


HEAD = _insert(
    "head",
    "cube_id scope lifecycle ends erasing partition offset ordinal sequence state checksum",
    1,
    timestamp=True,
)
ATTEMPT = _insert(
    "attempt",
    "cube_id bucket ordinal partition offset log_time sequence event_id result reason version"
    " digest duplicate_of state caused data",
    2,
)
RECORD = _insert(
    "record",
    "partition bucket offset ordinal log_time cube_id sequence kind result scope actor sources",
    2,
)
UNDECODABLE = _insert("record", "partition bucket offset ordinal log_time result data", 2)
POSTING = _insert("posting", "term partition bucket", 1)
OPERATION = _insert("operation", "operation_id ordinal cube_id bucket", 1)
EDGE_IN = _insert(
    "edge_in",
    "derived_cube derived_version relation source_cube source_version source_digest ordinal",
    1,
    timestamp=True,
)
EDGE_OUT = _insert(
    "edge_out",
    "source_cube source_version relation derived_cube derived_version source_digest ordinal",
    1,
    timestamp=True,
)
SUBJECT = _insert("subject", "digest partition cube_id", 2)
SCOPE = _insert("scope", "tenant partition scope cube_id", 2)
CUT = _insert("cut", "name ordinal positions", 1, timestamp=True)
ENDING = _insert("ending", "partition period ends cube_id", 2, timestamp=True)
NOT_ENDING = Delete("ending", ("partition", "period", "ends", "cube_id"))
ERASING = _insert("erasing", "partition operation_id cube_id", 1, timestamp=True)
NOT_ERASING = Delete("erasing", ("partition", "operation_id", "cube_id"))
CHECKPOINT = _insert(
    "checkpoint", "projection partition offset ordinal log_time", 1, timestamp=True
)

Change = tuple[Insert | Delete, Values]


def bucket_of(sequence: int) -> int:
    """The bucket of the attempt at a sequence of its cube."""
    return sequence // BUCKET


def record_rows(folded: Folded) -> Iterator[Change]:
    """The rows of one record, but for its postings."""
    (partition, offset), log_time, data = folded.record
    event, state, outcome, ordinal = folded.event, folded.state, folded.outcome, folded.ordinal
    place = (partition, offset // BUCKET, offset, ordinal, log_time)
    if event is None:
        yield UNDECODABLE, (*place, int(outcome.result), data)
        return
    accepted = outcome.result is Result.ACCEPTED
    sequence = 0 if state is None else state.sequence
    bucket = bucket_of(sequence)
    cube_id, result = event.cube_id, int(outcome.result)
    yield (
        ATTEMPT,
        (
            cube_id,
            bucket,
            ordinal,
            partition,
            offset,
            log_time,
            sequence,
            UUID(bytes=event.event_id),
            result,
            int(outcome.reason),
            outcome.version,
            outcome.digest,
            outcome.duplicate_of,
            folded.stored if accepted else b"",
            b"".join(folded.caused),
            data,
        ),
    )
    sources = b"".join(digests_among(event.source_digests)) if accepted else b""
    yield (
        RECORD,
        (*place, cube_id, sequence, event.kind, result, event.scope, event.actor, sources),
    )
    if event.operation_id not in (event.event_id, b""):
        yield OPERATION, (event.operation_id, ordinal, cube_id, bucket)
    if accepted and state is not None:
        yield from _accepted_rows(folded, event, state)


def _accepted_rows(folded: Folded, event: Event, state: CubeState) -> Iterator[Change]:
    cube_id, ordinal, version = event.cube_id, folded.ordinal, folded.outcome.version
    partition = folded.record.position.partition
    for edge in named_edges(event):
        other, relation = edge.other, kept_relation(edge)
        ends = (cube_id, version, relation, other.cube_id, other.version)
        yield EDGE_IN, (*ends, other.digest, ordinal, FIRST_WINS - ordinal)
        swapped = (other.cube_id, other.version, relation, cube_id, version)
        yield EDGE_OUT, (*swapped, other.digest, ordinal, FIRST_WINS - ordinal)
    for digest in digests_among(event.subject_digests):
        yield SUBJECT, (digest, partition, cube_id)
    if state.sequence == 1:
        yield SCOPE, (tenant_of(state.scope), partition, state.scope, cube_id)
    cut = event.cut_named
    if event.HasField("cut_named") and is_kept_cut(cut):
        yield CUT, (cut.name, ordinal, cut.SerializeToString(), FIRST_WINS - ordinal)


def posting_terms(folded: Folded) -> Iterator[bytes]:
    """What a log query can find the record by."""
    event = folded.event
    if event is None:
        return
    yield terms.of_tenant(tenant_of(event.scope))
    yield terms.of_actor(event.actor)
    if folded.outcome.result is Result.ACCEPTED:
        for digest in digests_among(event.source_digests):
            yield terms.of_source(digest)


def hint_rows(folded: Folded, state: CubeState) -> Iterator[Change]:
    """The rows that lead to the cube while its lifespan runs or its erase is under way.

    They stand before the head does, which confirms them: a head that is there ends redelivery.
    """
    partition, sequence = folded.record.position.partition, state.sequence
    ends = _ends(state)
    if ends < NEVER:
        where = (partition, ends // PERIOD, ends, state.cube_id)
        if still_ends(state.header.lifespan, state.lifecycle):
            yield ENDING, (*where, sequence)
            yield POSTING, (terms.ENDING, partition, ends // PERIOD)
        else:
            yield NOT_ENDING, (sequence, *where)
    if state.erasing and state.lifecycle is not Lifecycle.ERASED:
        yield ERASING, (partition, state.erasing, state.cube_id, sequence)
    elif folded.event is not None and folded.outcome.result is Result.ACCEPTED:
        event = folded.event
        if event.HasField("erased") or event.HasField("erase_withdrawn"):
            yield NOT_ERASING, (sequence, partition, event.operation_id, state.cube_id)


def head_row(folded: Folded, state: CubeState) -> Change:
    """The row of a cube after its last record."""
    stored = folded.stored or b""
    partition, offset = folded.record.position
    return (
        HEAD,
        (
            state.cube_id,
            state.scope,
            int(state.lifecycle),
            _ends(state),
            state.erasing,
            partition,
            offset,
            folded.ordinal,
            state.sequence,
            stored,
            checksum(stored),
            state.sequence,
        ),
    )


def _ends(state: CubeState) -> int:
    return earliest_end(state.header.lifespan)
