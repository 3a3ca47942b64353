"""Writes to the embedded index: stateless, so that any process may write next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from memos.infrastructure.index.packed_terms import pack_terms
from memos.infrastructure.index.port import PurgeReport, SpanChange
from memos.infrastructure.index.sqlite.set_aside import clear_set_aside, take_back
from memos.infrastructure.index.sqlite.tables import (
    BLOCK,
    DOC_MASK,
    SCOPE_BITS,
    SCOPE_COLUMNS,
    TABLES,
    scope_row,
    stored_state,
)
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.moment import OPEN

_CLOSED = 3  # column of a pending span row


Facts = tuple[int, ...]
"""What a span knows of its text: length, session, number, speaker, traits, valid from, until."""


class ChangeBatch:
    """Rows of one `apply`, collected first and written table by table."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._scopes: dict[str, list[int]] = {}  # path → [scope_id, docs, inverted, changed]
        self._open: dict[bytes, tuple[int, int, Facts]] = {}  # cube → (doc, opened, facts)
        self._docs: list[tuple[int, bytes]] = []
        self._cubes: list[tuple[bytes, int]] = []
        self._spans: dict[tuple[int, int], list[int | bytes]] = {}
        self._closings: list[tuple[int, int, int]] = []
        _, self._stored, _ = stored_state(connection)
        self._applied = self._stored

    def add(self, change: SpanChange) -> None:
        offset = change.offset
        if self._applied == self._stored >= offset:
            raise Damaged(
                f"the index says that it has the changes up to {self._stored}, and {offset} comes only "
                "now: run `memos rebuild`"
            )
        if not self._applied < offset < OPEN:
            raise ValueError(f"offset {offset} does not follow {self._applied}, the last applied")
        scope = self._scopes.get(change.scope) or self._load_scope(change.scope)
        current = self._open.get(change.cube_id)
        if current is None and not change.is_first:
            current = self._load_open(change.cube_id)
        if current is not None and current[0] >> SCOPE_BITS != scope[0]:
            raise _unlike(change.cube_id, f"is not in scope {change.scope}")
        replaces = 0
        if current is not None:
            replaces = current[0]
            self._close(current[0], current[1], offset)
        if change.text is not None:
            scope[1] += 1
            doc = scope[0] << SCOPE_BITS | scope[1]
            facts: Facts = (change.text.length, *change.text.place, *change.text.validity)
            self._docs.append((doc, pack_terms(change.text)))
            self._cubes.append((change.cube_id, doc))
        elif current is not None:
            doc, facts = current[0], current[2]
        else:
            raise _unlike(change.cube_id, "is none before this change, which has no text")
        self._spans[doc, offset] = [
            doc,
            offset,
            change.cube_id,
            OPEN,
            change.version,
            change.state,
            change.flags,
            *facts,
            replaces,
        ]
        self._open[change.cube_id] = (doc, offset, facts)
        scope[3] = self._applied = offset

    def write(self) -> None:
        many = self._connection.executemany
        many("INSERT INTO index_doc VALUES (?, ?)", self._docs)
        many("INSERT INTO index_cube VALUES (?, ?)", self._cubes)
        many(f"INSERT INTO index_span VALUES ({','.join('?' * 15)})", self._spans.values())
        many("UPDATE index_span SET closed = ? WHERE doc = ? AND opened = ?", self._closings)
        for scope in self._scopes.values():
            while scope[1] - scope[2] >= BLOCK:
                from memos.infrastructure.index.sqlite.blocks import invert_block

                invert_block(self._connection, scope[0], scope[2] // BLOCK)
                scope[2] += BLOCK
        many(
            "UPDATE index_scope SET docs = ?, inverted = ?, changed = ? WHERE scope_id = ?",
            ((docs, inverted, at, key) for key, docs, inverted, at in self._scopes.values()),
        )
        self._connection.execute("UPDATE index_state SET applied = ?", (self._applied,))

    def _load_scope(self, path: str) -> list[int]:
        select = f"SELECT {SCOPE_COLUMNS} FROM index_scope WHERE path = ?"
        row = self._connection.execute(select, (path,)).fetchone()
        if row is None:
            self._connection.execute(
                "INSERT INTO index_scope(path, docs, inverted, changed, purged)"
                " VALUES (?, 0, 0, -1, 0)",
                (path,),
            )
            row = (self._connection.last_insert_rowid(), 0, 0, -1)
        self._scopes[path] = scope = list(scope_row(row))
        return scope

    def _load_open(self, cube_id: bytes) -> tuple[int, int, Facts] | None:
        row = self._connection.execute(
            "SELECT s.doc, s.opened, s.length, s.session, s.number, s.speaker, s.traits,"
            " s.valid_from, s.valid_until"
            " FROM index_span s WHERE s.doc ="
            " (SELECT max(doc) FROM index_cube WHERE cube_id = ?) ORDER BY s.opened DESC LIMIT 1",
            (cube_id,),
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2:])

    def _close(self, doc: int, opened: int, offset: int) -> None:
        pending = self._spans.get((doc, opened))
        if pending is None:
            self._closings.append((offset, doc, opened))
        else:
            pending[_CLOSED] = offset


def _unlike(cube_id: bytes, what: str) -> Damaged:
    return Damaged(f"what the index has of cube {id_text(cube_id)} {what}: run `memos rebuild`")


def apply(connection: apsw.Connection, changes: Sequence[SpanChange]) -> None:
    """See `port.Index.apply`."""
    batch = ChangeBatch(connection)
    for change in changes:
        batch.add(change)
    batch.write()


def purge(connection: apsw.Connection, cube_ids: Iterable[bytes]) -> PurgeReport:
    """See `port.Index.purge`."""
    from memos.infrastructure.index.sqlite.blocks import drop_postings, terms_in

    docs = spans = postings = vectors = 0
    touched = set[int]()
    stale: dict[tuple[int, int, int], list[int]] = {}  # (scope_id, block, term) → n in the block
    for cube_id in cube_ids:
        for doc, terms in _docs_of(connection, cube_id):
            held = terms_in(terms)
            docs, postings = docs + 1, postings + len(held)
            touched.add(doc >> SCOPE_BITS)
            block, number = divmod((doc & DOC_MASK) - 1, BLOCK)
            for term in held:
                stale.setdefault((doc >> SCOPE_BITS, block, term), []).append(number)
            connection.execute("DELETE FROM index_doc WHERE doc = ?", (doc,))
            connection.execute("DELETE FROM index_span WHERE doc = ?", (doc,))
            spans += connection.changes()
            connection.execute("DELETE FROM index_vector WHERE doc = ?", (doc,))
            vectors += connection.changes()
            take_back(connection, (doc,))
        connection.execute("DELETE FROM index_cube WHERE cube_id = ?", (cube_id,))
    for key in sorted(stale):
        drop_postings(connection, key, stale[key])
    if docs:
        connection.execute("UPDATE index_state SET purges = purges + 1")
        connection.executemany(
            "UPDATE index_scope SET purged = (SELECT purges FROM index_state) WHERE scope_id = ?",
            ((scope_id,) for scope_id in sorted(touched)),
        )
    return PurgeReport(docs, spans, postings, vectors)


def clear(connection: apsw.Connection) -> None:
    """See `port.Index.clear`."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table}")
    clear_set_aside(connection)
    connection.execute("INSERT OR IGNORE INTO index_state VALUES (1, -1, 0, 0)")
    connection.execute(
        "UPDATE index_state SET applied = -1, purges = purges + 1, cleared = purges + 1"
    )


def _docs_of(connection: apsw.Connection, cube_id: bytes) -> list[tuple[int, bytes]]:
    return list(
        connection.execute(
            "SELECT doc, terms FROM index_cube JOIN index_doc USING (doc)"
            " WHERE index_cube.cube_id = ?",
            (cube_id,),
        )
    )
