"""The vault in SQLite, in the log's file and transaction: what the fold writes."""

from __future__ import annotations

import apsw

from memos.kernel.cube import CubeState
from memos.kernel.event import Position
from memos.kernel.keyed_digest import digests_among
from memos.kernel.lifespan import NEVER, earliest_end
from memos.kernel.lineage import kept_relation, named_edges
from memos.kernel.moment import is_kept_cut
from memos.kernel.outcome import Outcome, Result
from memos.kernel.state import checksum, state_to_bytes
from memos.wire.event_pb2 import Event

SCHEMA = f"""
CREATE TABLE head (
    cube_id BLOB PRIMARY KEY,
    scope TEXT NOT NULL,
    lifecycle INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    erasing BLOB NOT NULL,
    position INTEGER NOT NULL,
    state BLOB NOT NULL,
    checksum BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX head_ends ON head (ends) WHERE ends < {NEVER};
CREATE INDEX head_erasing ON head (erasing) WHERE erasing <> x'';
CREATE TABLE attempt (
    position INTEGER PRIMARY KEY,
    log_time INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    cube_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    scope TEXT NOT NULL,
    actor TEXT NOT NULL,
    operation_id BLOB NOT NULL,
    result INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    duplicate_of BLOB NOT NULL,
    composed_from INTEGER NOT NULL,
    state BLOB
);
CREATE INDEX attempt_cube ON attempt (cube_id, position);
CREATE INDEX attempt_event ON attempt (event_id);
CREATE INDEX attempt_actor ON attempt (actor, position);
CREATE INDEX attempt_operation ON attempt (operation_id) WHERE operation_id <> event_id;
CREATE TABLE edge (
    derived_cube BLOB NOT NULL,
    derived_version INTEGER NOT NULL,
    relation INTEGER NOT NULL,
    source_cube BLOB NOT NULL,
    source_version INTEGER NOT NULL,
    source_digest BLOB NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (derived_cube, derived_version, relation, source_cube, source_version)
) WITHOUT ROWID;
CREATE INDEX edge_source ON edge (source_cube, source_version);
CREATE TABLE source (
    digest BLOB NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (digest, position)
) WITHOUT ROWID;
CREATE TABLE subject (
    digest BLOB NOT NULL,
    cube_id BLOB NOT NULL,
    PRIMARY KEY (digest, cube_id)
) WITHOUT ROWID;
CREATE TABLE cut (name TEXT PRIMARY KEY, size INTEGER NOT NULL, position INTEGER NOT NULL)
WITHOUT ROWID;
CREATE TABLE folded (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL);
"""

TABLES = ("head", "attempt", "edge", "source", "subject", "cut", "folded")
"""Everything here is a projection: `rebuild` drops and refolds it."""


class SqliteVaultWriter:
    """Collects the rows of folded records and writes them in the open transaction."""

    def __init__(self, writer: apsw.Connection) -> None:
        self._writer = writer
        self._forget()

    @staticmethod
    def create(writer: apsw.Connection) -> None:
        """Create the vault's tables."""
        writer.execute(SCHEMA)
        writer.execute("INSERT INTO folded VALUES (0, 0)")

    @staticmethod
    def clear(writer: apsw.Connection) -> None:
        """Empty the vault's tables.

        Not by dropping them: SQLite would keep every dropped page in memory until the statement
        ends, and so as much as the vault is large.
        """
        for table in TABLES:
            writer.execute(f"DELETE FROM {table}")
        writer.execute("INSERT INTO folded VALUES (0, 0)")

    def begin(self) -> None:
        """Start a transaction with nothing collected."""
        self._forget()

    def write(
        self,
        position: Position,
        log_time: int,
        event: Event,
        state: CubeState | None,
        outcome: Outcome,
    ) -> None:
        """Take one folded record; written by `flush`."""
        accepted = outcome.result is Result.ACCEPTED
        stored = state_to_bytes(state) if state is not None else None
        self._attempts.append(
            (
                position.offset,
                log_time,
                event.event_id,
                event.cube_id,
                state.sequence if state is not None else 0,
                event.kind,
                event.scope,
                event.actor,
                event.operation_id,
                int(outcome.result),
                int(outcome.reason),
                outcome.version,
                outcome.digest,
                outcome.duplicate_of,
                event.composed_from,
                stored if accepted else None,
            )
        )
        if state is None or stored is None:
            return
        self._heads[event.cube_id] = (
            event.cube_id,
            state.scope,
            int(state.lifecycle),
            earliest_end(state.header.lifespan),
            state.erasing,
            position.offset,
            stored,
            checksum(stored),
        )
        if accepted:
            self._write_accepted(position, event, outcome)

    def _write_accepted(self, position: Position, event: Event, outcome: Outcome) -> None:
        for edge in named_edges(event):
            other = edge.other
            self._edges.append(
                (
                    event.cube_id,
                    outcome.version,
                    kept_relation(edge),
                    other.cube_id,
                    other.version,
                    other.digest,
                    position.offset,
                )
            )
        for digest in digests_among(event.source_digests):
            self._sources.append((digest, position.offset))
        for digest in digests_among(event.subject_digests):
            self._subjects.append((digest, event.cube_id))
        cut = event.cut_named
        if event.HasField("cut_named") and is_kept_cut(cut):
            size = cut.positions[0].offset if cut.positions else 0
            self._cuts.append((cut.name, size, position.offset))

    def flush(self, size: int) -> None:
        """Write what was collected; `size` records are then folded."""
        many = self._writer.executemany
        if self._attempts:
            many(f"INSERT INTO attempt VALUES ({','.join('?' * 16)})", self._attempts)
        if self._heads:
            # Deleting first would cost a second descent: heads of new cubes are the common case.
            many(
                "INSERT INTO head VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (cube_id) DO UPDATE SET"
                " lifecycle = excluded.lifecycle, ends = excluded.ends, erasing = excluded.erasing,"
                " position = excluded.position, state = excluded.state,"
                " checksum = excluded.checksum",
                list(self._heads.values()),
            )
        if self._edges:
            many("INSERT OR IGNORE INTO edge VALUES (?,?,?,?,?,?,?)", self._edges)
        if self._sources:
            many("INSERT OR IGNORE INTO source VALUES (?,?)", self._sources)
        if self._subjects:
            many("INSERT OR IGNORE INTO subject VALUES (?,?)", self._subjects)
        if self._cuts:
            many("INSERT OR IGNORE INTO cut VALUES (?,?,?)", self._cuts)
        self._writer.execute("UPDATE folded SET size = ?", (size,))
        self._forget()

    def _forget(self) -> None:
        self._attempts: list[tuple[object, ...]] = []
        self._heads: dict[bytes, tuple[object, ...]] = {}
        self._edges: list[tuple[object, ...]] = []
        self._sources: list[tuple[bytes, int]] = []
        self._subjects: list[tuple[bytes, bytes]] = []
        self._cuts: list[tuple[str, int, int]] = []
