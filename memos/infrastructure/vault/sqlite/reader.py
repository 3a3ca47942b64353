"""The vault in SQLite as one connection reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import index

import apsw
from google.protobuf.message import DecodeError

from memos.infrastructure.log.sqlite import PARTITION
from memos.infrastructure.sqlite.statements import Row, row, rows
from memos.infrastructure.vault.port import Attempt, LogQuery, Vault
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.lifespan import still_ends
from memos.kernel.lineage import Edge, Relation, standing
from memos.kernel.moment import NEWEST, At, plain
from memos.kernel.outcome import Outcome, Reason, Result
from memos.kernel.scope import bounds_under
from memos.kernel.state import checksum, state_from_bytes

PAGE = 500

_COLUMNS = (
    "position, log_time, event_id, cube_id, sequence, kind, scope, actor, operation_id,"
    " result, reason, version, digest, duplicate_of, composed_from, state"
)


def _attempt(stored: Row) -> Attempt:
    """What a row of _COLUMNS holds.

    Raises:
        Damaged: it is not what was written.
    """
    position, log_time, event_id, cube_id, sequence, kind, scope, actor, operation_id = stored[:9]
    result, reason, version, digest, duplicate_of, composed_from, state = stored[9:]
    try:
        outcome = Outcome(Result(result), version, Reason(reason), digest, duplicate_of)
        kind = Kind(kind)
        if min(map(index, (position, sequence, version, composed_from))) < 0:
            raise ValueError("a count is below zero")
    except (TypeError, ValueError) as error:
        raise Damaged(
            f"the record at {Position(PARTITION, position)}, as the vault has it, is damaged ({error}): "
            "run `memos rebuild`"
        ) from None
    return Attempt(
        Position(PARTITION, position),
        position,
        log_time,
        event_id,
        cube_id,
        sequence,
        kind,
        scope,
        actor,
        operation_id,
        outcome,
        composed_from,
        None if state is None else _state(cube_id, state),
    )


def _edge(cube_id: bytes, stored: Row) -> Edge:
    relation, source, at, derived, then, digest = stored
    try:
        return Edge(Relation(relation), (source, at), (derived, then), digest)
    except ValueError as error:
        raise Damaged(
            f"an edge of cube {id_text(cube_id)} is damaged ({error}): run `memos rebuild`"
        ) from None


def _state(cube_id: bytes, stored: bytes) -> CubeState:
    try:
        return state_from_bytes(stored)
    except (DecodeError, ValueError) as error:
        raise Damaged(
            f"what is stored of cube {id_text(cube_id)} is damaged ({error}): run `memos rebuild`"
        ) from None


class SqliteVault(Vault):
    """The vault as one connection sees it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def head(self, cube_id: bytes) -> CubeState | None:
        """The cube as it is now."""
        sql = "SELECT state, checksum FROM head WHERE cube_id = ?"
        head = row(self._connection, sql, (cube_id,))
        if head is None:
            return None
        if checksum(head[0]) != head[1]:
            raise Damaged(f"the head of cube {id_text(cube_id)} is damaged: run `memos rebuild`")
        return _state(cube_id, head[0])

    def heads_many(self, cube_ids: Iterable[bytes]) -> dict[bytes, CubeState]:
        """Several cubes as they are now; those that do not exist are left out."""
        heads = {cube_id: self.head(cube_id) for cube_id in cube_ids}
        return {cube_id: head for cube_id, head in heads.items() if head is not None}

    def state_at(self, cube_id: bytes, at: At = NEWEST) -> Attempt | None:
        """The last accepted attempt on the cube at a moment."""
        attempt = row(
            self._connection,
            f"SELECT {_COLUMNS} FROM attempt WHERE cube_id = ? AND position <= ? AND result = 1"
            " ORDER BY position DESC LIMIT 1",
            (cube_id, plain(at)),
        )
        return None if attempt is None else _attempt(attempt)

    def attempts(self, cube_id: bytes, at: At = NEWEST) -> list[Attempt]:
        """Everything attempted on the cube, oldest first."""
        attempts = rows(
            self._connection,
            f"SELECT {_COLUMNS} FROM attempt WHERE cube_id = ? AND position <= ? ORDER BY position",
            (cube_id, plain(at)),
        )
        return [_attempt(attempt) for attempt in attempts]

    def version(self, cube_id: bytes, version: int) -> Attempt | None:
        """The attempt that made a version of the cube."""
        attempt = row(
            self._connection,
            f"SELECT {_COLUMNS} FROM attempt WHERE cube_id = ? AND version = ? AND result = 1"
            " AND digest <> x'' ORDER BY position LIMIT 1",
            (cube_id, version),
        )
        return None if attempt is None else _attempt(attempt)

    def version_offset(self, cube_id: bytes, version: int) -> int | None:
        """The offset of the record that made a version of the cube."""
        sql = (
            "SELECT position FROM attempt WHERE cube_id = ? AND version = ? AND result = 1"
            " AND digest <> x'' ORDER BY position LIMIT 1"
        )
        attempt = row(self._connection, sql, (cube_id, version))
        return None if attempt is None else int(attempt[0])

    def by_event(self, event_id: bytes, cube_id: bytes | None = None) -> Attempt | None:
        """What became of an event: its accepted attempt, or else its first one."""
        attempt = row(
            self._connection,
            f"SELECT {_COLUMNS} FROM attempt WHERE event_id = ? ORDER BY result <> 1, position"
            " LIMIT 1",
            (event_id,),
        )
        return None if attempt is None else _attempt(attempt)

    def accepted(self, event_id: bytes, cube_id: bytes) -> list[Attempt]:
        """The accepted attempts of an event on one cube, oldest first."""
        attempts = rows(
            self._connection,
            f"SELECT {_COLUMNS} FROM attempt WHERE event_id = ? AND cube_id = ? AND result = 1"
            " ORDER BY position",
            (event_id, cube_id),
        )
        return [_attempt(attempt) for attempt in attempts]

    def edges(self, cube_id: bytes, *, downstream: bool, version: int | None = None) -> list[Edge]:
        """The edges from the cube's sources, or to what was derived from it."""
        end = "source" if downstream else "derived"
        narrowed = "" if version is None else f" AND {end}_version = {version:d}"
        edges = rows(
            self._connection,
            "SELECT relation, source_cube, source_version, derived_cube, derived_version,"
            f" source_digest FROM edge WHERE {end}_cube = ?{narrowed} ORDER BY position, relation,"
            " source_cube, derived_cube",
            (cube_id,),
        )
        made = [_edge(cube_id, edge) for edge in edges]
        return list(standing(made, self.head))

    def query(self, query: LogQuery) -> Iterator[Attempt]:
        """The attempts that a log query wants, in log order, a page at a time."""
        conditions, values = _conditions(query)
        start = plain(query.after) + 1
        sql = (
            f"SELECT {_COLUMNS} FROM attempt WHERE position >= ?{conditions}"
            f" ORDER BY position LIMIT {PAGE}"
        )
        while True:
            page = list(rows(self._connection, sql, (start, *values)))
            yield from map(_attempt, page)
            if len(page) < PAGE:
                return
            start = page[-1][0] + 1

    def cubes_of_subjects(self, subjects: Sequence[bytes]) -> list[bytes]:
        """The cubes that carry one of these subjects' digests, in id order."""
        cubes: set[bytes] = set()
        for subject in subjects:
            sql = "SELECT cube_id FROM subject WHERE digest = ?"
            cubes.update(cube_id for (cube_id,) in rows(self._connection, sql, (subject,)))
        return sorted(cubes)

    def cubes_in_scope(self, scope: str) -> list[bytes]:
        """The cubes at or under a scope, in id order."""
        sql = f"SELECT cube_id FROM head WHERE {scope_condition('scope')} ORDER BY cube_id"
        return [cube_id for (cube_id,) in rows(self._connection, sql, scope_values(scope))]

    def cut_size(self, name: str) -> int | None:
        """The number of records before a named cut."""
        cut = row(self._connection, "SELECT size FROM cut WHERE name = ?", (name,))
        return None if cut is None else int(cut[0])

    def heads(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Every head row, in id order: cube id, stored state, checksum."""
        last = b""
        while True:
            sql = (
                "SELECT cube_id, state, checksum FROM head WHERE cube_id > ? ORDER BY cube_id"
                f" LIMIT {PAGE}"
            )
            page = list(rows(self._connection, sql, (last,)))
            yield from ((cube_id, state, check) for cube_id, state, check in page)
            if len(page) < PAGE:
                return
            last = page[-1][0]

    def ending(self, now: int) -> list[bytes]:
        """The cubes whose lifespan may be over at `now`, in any state that something can end."""
        sql = "SELECT cube_id, state FROM head WHERE ends <= ? AND lifecycle <> 7 ORDER BY cube_id"
        heads = ((raw, _state(raw, state)) for raw, state in rows(self._connection, sql, (now,)))
        return [raw for raw, state in heads if still_ends(state.header.lifespan, state.lifecycle)]

    def erasing(self) -> list[bytes]:
        """The erase operations that were asked for and have not come to an end."""
        sql = (
            "SELECT DISTINCT erasing FROM head WHERE erasing <> x'' AND lifecycle <> 7"
            " ORDER BY erasing"
        )
        return [operation_id for (operation_id,) in rows(self._connection, sql)]

    def folded_size(self) -> int:
        """The number of records folded."""
        folded = row(self._connection, "SELECT size FROM folded")
        if folded is None:
            raise Damaged("nothing says how much of the log is folded: run `memos rebuild`")
        return int(folded[0])


def scope_condition(column: str) -> str:
    """SQL that holds for a scope and all that lies under it, whole segments only."""
    return f"({column} = ? OR ({column} > ? AND {column} < ?))"


def scope_values(scope: str) -> tuple[str, str, str]:
    """The values for `scope_condition`: '0' follows '/' in ASCII."""
    return scope, *bounds_under(scope)


def _conditions(query: LogQuery) -> tuple[str, tuple[object, ...]]:
    sql, values = "", []
    for column, value in (
        ("actor", query.actor),
        ("kind", query.kind),
        ("cube_id", query.cube_id),
        ("operation_id", query.operation_id),
    ):
        if value:
            sql += f" AND {column} = ?"
            values.append(int(value) if isinstance(value, Kind) else value)
    if query.scope:
        sql += f" AND {scope_condition('scope')}"
        values.extend(scope_values(query.scope))
    if query.sources:
        marks = ",".join("?" * len(query.sources))
        sql += f" AND position IN (SELECT position FROM source WHERE digest IN ({marks}))"
        values.extend(query.sources)
    if query.upto is not None:
        sql += " AND position <= ?"
        values.append(plain(query.upto))
    return sql, tuple(values)
