"""Stored rows beside those that the log folds to, both ways: what is there, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import apsw

from memos.infrastructure.engine.embedded.scratch import LIVE
from memos.infrastructure.index.postings import as_indexed_then
from memos.infrastructure.index.sqlite.blocks import invert_block
from memos.infrastructure.index.sqlite.tables import BLOCK, DOC_MASK, SCOPE_BITS
from memos.infrastructure.reports import MOST_PROBLEMS, Problem
from memos.infrastructure.sqlite.statements import rows
from memos.kernel.event import id_text
from memos.kernel.state import checksum, rewritten

_DIRECTIONS = (
    (LIVE, "main", "is stored, and the log does not give it"),
    ("main", LIVE, "is not stored, though the log gives it"),
)

_KNOWN = "WHERE d.cube_id NOT IN (SELECT cube_id FROM temp.keyless)"
_PLACES = "LEFT JOIN temp.{0}_place p ON p.doc = d.doc"

_INDEX = {
    "index_doc": (
        "SELECT p.path, p.n, CASE WHEN l.terms IS NULL THEN d.terms"
        " ELSE as_indexed_then(l.terms, d.terms) END"
        " FROM {0}.index_doc d JOIN temp.{0}_place p ON p.doc = d.doc"
        f" LEFT JOIN temp.{LIVE}_place q ON q.path = p.path AND q.n = p.n"
        f" LEFT JOIN {LIVE}.index_doc l ON l.doc = q.doc"
    ),
    "index_cube": f"SELECT p.path, p.n, d.cube_id FROM {{0}}.index_cube d {_PLACES} {_KNOWN}",
    "index_span": (
        "SELECT p.path, p.n, d.opened, d.cube_id, d.closed, d.version, d.state, d.flags, d.length,"
        " d.session, d.number, d.speaker, d.traits, d.valid_from, d.valid_until,"
        f" coalesce(r.n, d.replaces) FROM {{0}}.index_span d {_PLACES}"
        f" LEFT JOIN temp.{{0}}_place r ON r.doc = d.replaces {_KNOWN}"
    ),
}
"""What is compared of the index: where a text's number stands, its scope and place there."""


_AS_TODAY = {
    ("head", "state"): "as_today(state)",
    ("attempt", "state"): "as_today(state)",
    ("head", "checksum"): "is_checked(state, checksum)",
}
"""States were stored by earlier releases too: what they say is compared, not their bytes."""


def know_states(connection: apsw.Connection) -> None:
    """Let a connection read stored states, for `differences`."""
    connection.create_scalar_function("as_today", _as_today, 1, deterministic=True)
    connection.create_scalar_function("is_checked", _is_checked, 2, deterministic=True)


def _as_today(*values: Any) -> Any:
    (stored,) = values
    return rewritten(stored) if isinstance(stored, bytes) else stored


def _is_checked(*values: Any) -> Any:
    stored, check = values
    return isinstance(stored, bytes) and checksum(stored) == check


def _as_indexed_then(*values: Any) -> Any:
    stored, given = values
    both = isinstance(stored, bytes) and isinstance(given, bytes)
    return as_indexed_then(stored, given) if both else given


def differences(
    connection: apsw.Connection, table: str, columns: Iterable[str]
) -> Iterator[Problem]:
    """The rows of a table that only one of vault and fold has."""
    names = list(columns)
    listed = ", ".join(_AS_TODAY.get((table, name), f'"{name}"') for name in names)
    for one, other, what in _DIRECTIONS:
        sql = f"SELECT {listed} FROM {one}.{table} EXCEPT SELECT {listed} FROM {other}.{table}"
        for found in islice(rows(connection, sql), MOST_PROBLEMS):
            yield _problem(table, dict(zip(names, found, strict=True)), what)


def _problem(table: str, found: dict[str, object], what: str) -> Problem:
    where = table
    for name in ("cube_id", "derived_cube"):
        if isinstance(found.get(name), bytes):
            where = f"cube {name_of(found[name])}"
    if where == table and isinstance(found.get("position"), int):
        where = f"0:{found['position']}"
    key = next(iter(found.values()))
    return Problem(where, f"a row of {table} ({name_of(key)}) {what}: run `memos rebuild`")


def name_of(value: object) -> str:
    """A stored value, for a report; an id as people write it."""
    if isinstance(value, bytes):
        return id_text(value) if len(value) == 16 else value.hex()
    return str(value)


class IndexComparison:
    """Compares the lexical index: its texts are numbered as they came, and a number that an erase
    left free is not given again; so texts are compared by their place in the order of their scope.

    Args:
        connection: a scratch database, folded.
        keyless: memories that the fold could not index, for they do not open now.
    """

    def __init__(self, connection: apsw.Connection, keyless: Iterable[bytes]) -> None:
        self._connection = connection
        connection.execute("CREATE TEMP TABLE keyless (cube_id BLOB PRIMARY KEY)")
        connection.executemany(
            "INSERT OR IGNORE INTO temp.keyless VALUES (?)", ((cube_id,) for cube_id in keyless)
        )

    def problems(self) -> Iterator[Problem]:
        """What is wrong with texts, spans, postings and the scopes that they stand in."""
        self._connection.create_scalar_function(
            "as_indexed_then", _as_indexed_then, 2, deterministic=True
        )
        for schema in (LIVE, "main"):
            self._number(schema)
        for table, sql in _INDEX.items():
            yield from self._compare(table, sql)
        yield from self._scopes()
        yield from self._state()
        yield from self._postings()

    def _number(self, schema: str) -> None:
        """Give every text its place in the order of its scope."""
        self._connection.execute(
            f"CREATE TEMP TABLE {schema}_place (doc INTEGER PRIMARY KEY, path TEXT, n INTEGER)"
        )
        self._connection.execute(
            f"INSERT INTO temp.{schema}_place SELECT d.doc, s.path, row_number() OVER"
            f" (PARTITION BY d.doc >> {SCOPE_BITS} ORDER BY d.doc) FROM {schema}.index_doc d"
            f" LEFT JOIN {schema}.index_scope s ON s.scope_id = d.doc >> {SCOPE_BITS}"
            f" WHERE d.doc NOT IN (SELECT doc FROM {schema}.index_cube JOIN temp.keyless"
            " USING (cube_id))"
        )
        self._connection.execute(f"CREATE INDEX temp.{schema}_order ON {schema}_place (path, n)")

    def _compare(self, table: str, sql: str) -> Iterator[Problem]:
        for one, other, what in _DIRECTIONS:
            sides = [sql.format(schema) for schema in (one, other)]
            for found in islice(rows(self._connection, " EXCEPT ".join(sides)), MOST_PROBLEMS):
                where = f"scope {found[0]}"
                text = f"a row of {table} (text {found[1]}) {what}: run `memos rebuild`"
                yield Problem(where, text)

    def _scopes(self) -> Iterator[Problem]:
        """Scopes count texts that an erase took since: what the fold cannot know has bounds."""
        sql = (
            "SELECT l.path, l.docs, l.inverted, l.changed, l.purged, m.docs, m.changed,"
            f" (SELECT max(doc) & 0xffffffff FROM {LIVE}.index_doc WHERE doc >> {SCOPE_BITS}"
            "  = l.scope_id),"
            " (SELECT max(position) FROM main.attempt WHERE scope = l.path AND result = 1),"
            f" (SELECT purges FROM {LIVE}.index_state),"
            " EXISTS (SELECT 1 FROM temp.keyless JOIN main.head USING (cube_id) WHERE scope = l.path)"
            f" FROM {LIVE}.index_scope l LEFT JOIN main.index_scope m ON m.path = l.path"
        )
        for path, *counts in rows(self._connection, sql):
            wrong = _wrong_scope(*counts)
            if wrong:
                text = f"its index_scope.{wrong} is not what the log gives: run `memos rebuild`"
                yield Problem(f"scope {path}", text)

    def _state(self) -> Iterator[Problem]:
        sql = (
            f"SELECT applied, purges, cleared, (SELECT coalesce(max(changed), -1) FROM"
            f" {LIVE}.index_scope) FROM {LIVE}.index_state"
        )
        states = list(rows(self._connection, sql))
        if len(states) != 1 or not _state_holds(*states[0]):
            yield Problem("index_state", "it is not what the log gives: run `memos rebuild`")

    def _postings(self) -> Iterator[Problem]:
        """Invert the stored texts again. Their terms were compared before."""
        connection = self._connection
        for table in ("index_doc", "index_posting"):
            connection.execute(f"DELETE FROM main.{table}")
        connection.execute(f"INSERT INTO main.index_doc SELECT doc, terms FROM {LIVE}.index_doc")
        # So many blocks as a scope says are full, and none behind the last text that is there.
        sql = (
            "SELECT scope_id, min(docs, (newest + ?1 - 1) / ?1 * ?1) / ?1 FROM (SELECT"
            f" doc >> {SCOPE_BITS} AS scope_id, max(doc & {DOC_MASK}) AS newest FROM {LIVE}.index_doc"
            f" GROUP BY 1) JOIN {LIVE}.index_scope USING (scope_id) WHERE typeof(docs) = 'integer'"
        )
        for scope_id, blocks in list(rows(connection, sql, (BLOCK,))):
            for block in range(blocks):
                try:
                    invert_block(connection, scope_id, block)
                except ValueError:
                    continue  # terms that are none: their row was named
        yield from differences(connection, "index_posting", ("scope_id", "block", "term", "docs"))


def _wrong_scope(
    docs: int,
    inverted: int,
    changed: int,
    purged: int,
    folded_docs: int | None,
    folded_changed: int | None,
    newest: int | None,
    last: int | None,
    purges: int | None,
    is_keyless: int,
) -> str:
    """The column of a scope's row that cannot be; empty where all can."""
    if not all(isinstance(value, int) for value in (docs, inverted, changed, purged)):
        return "docs"
    if purges is None:
        return ""  # index_state is missing, and is named
    if inverted != docs // BLOCK * BLOCK:
        return "inverted"
    if not 0 <= purged <= purges:
        return "purged"
    if purged or is_keyless:
        if docs < (newest or 0):
            return "docs"
        low = -1 if folded_changed is None else folded_changed
        return "" if low <= changed <= (-1 if last is None else last) else "changed"
    if folded_docs is None:
        return "path"
    if docs != folded_docs:
        return "docs"
    return "" if changed == folded_changed else "changed"


def _state_holds(applied: object, purges: object, cleared: object, changed: object) -> bool:
    if not (isinstance(purges, int) and isinstance(cleared, int)):
        return False
    return applied == changed and 0 <= cleared <= purges
