"""Stored vectors: sealed for their text and model, one for each text that was embedded."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from memos.infrastructure.engine.embedded.dense import texts_of
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.scratch import LIVE
from memos.infrastructure.index.sqlite.set_aside import TABLE as SET_ASIDE
from memos.infrastructure.index.sqlite.set_aside import is_used
from memos.infrastructure.index.sqlite.vectors import open_vectors
from memos.infrastructure.keys.sqlite.cube_keys import SqliteCubeKeys
from memos.infrastructure.reports import Problem
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.errors import Damaged

_MEND = "run `memos rebuild`"


def vector_problems(
    connection: apsw.Connection, keys: SqliteCubeKeys, reader: EmbeddedReader
) -> Iterator[Problem]:
    """What is wrong with the vectors of a vault.

    Args:
        connection: a scratch database, folded, with the vault attached.
        keys: the keys of its cubes.
        reader: over the same connection.
    """
    yield from _unopened(connection, keys)
    yield from _without_text(connection)
    yield from _marks(connection, reader)
    newest = row(connection, f"SELECT max(vector) FROM {LIVE}.index_vector") or (None,)
    sql = f"SELECT seq FROM {LIVE}.sqlite_sequence WHERE name = 'index_vector'"
    given = [number for (number,) in rows(connection, sql)]
    if newest[0] is not None and (len(given) != 1 or given[0] < newest[0]):
        yield Problem("index_vector", f"its numbers would be given twice: {_MEND}")


def _unopened(connection: apsw.Connection, keys: SqliteCubeKeys) -> Iterator[Problem]:
    sql = (
        "SELECT v.vector, v.doc, v.cube_id, v.box, m.digest"
        f" FROM {LIVE}.index_vector v LEFT JOIN {LIVE}.index_model m USING (model)"
    )
    for number, doc, cube_id, box, digest in rows(connection, sql):
        try:
            key = keys.key(connection, cube_id)
            if key is not None and isinstance(digest, bytes):
                open_vectors(key, digest, cube_id, doc, box)
                continue
        except (Damaged, OverflowError, TypeError):
            pass
        what = f"it does not open for its text, memory and model: {_MEND}"
        yield Problem(f"vector {number}", what)


def _without_text(connection: apsw.Connection) -> Iterator[Problem]:
    sql = (
        f"SELECT vector FROM {LIVE}.index_vector v WHERE NOT EXISTS"
        f" (SELECT 1 FROM {LIVE}.index_cube c WHERE c.cube_id = v.cube_id AND c.doc = v.doc)"
    )
    for (number,) in rows(connection, sql):
        yield Problem(f"vector {number}", f"no text is indexed that it is of: {_MEND}")


def _marks(connection: apsw.Connection, reader: EmbeddedReader) -> Iterator[Problem]:
    """Up to its mark every text of a scope that has something to embed is embedded, none behind."""
    sql = (
        f"SELECT e.docs, m.model, s.docs FROM {LIVE}.index_embedded e"
        f" LEFT JOIN {LIVE}.index_model m USING (model)"
        f" LEFT JOIN {LIVE}.index_scope s USING (scope_id)"
    )
    for docs, known, last in rows(connection, sql):
        if known is None or last is None or not 0 <= docs <= last:
            yield Problem("index_embedded", f"a mark is of no model and scope here: {_MEND}")
    behind = (
        f"SELECT v.vector FROM {LIVE}.index_vector v LEFT JOIN {LIVE}.index_embedded e"
        " ON e.model = v.model AND e.scope_id = v.doc >> 32"
        " WHERE e.docs IS NULL OR v.doc & 0xffffffff > e.docs"
    )
    for (number,) in rows(connection, behind):
        yield Problem(f"vector {number}", f"it stands behind its scope's mark: {_MEND}")
    waiting = (
        f"SELECT c.doc, c.cube_id, min(p.opened) FROM {LIVE}.index_embedded e"
        f" JOIN {LIVE}.index_cube c ON c.doc >> 32 = e.scope_id AND c.doc & 0xffffffff <= e.docs"
        f" JOIN {LIVE}.index_span p ON p.doc = c.doc"
        f" WHERE NOT EXISTS (SELECT 1 FROM {LIVE}.index_vector v WHERE v.doc = c.doc"
        " AND v.model = e.model) AND c.cube_id NOT IN (SELECT cube_id FROM temp.keyless)"
        f"{_not_set_aside(connection)} GROUP BY e.model, c.doc, c.cube_id"
    )
    for doc, cube_id, opened in rows(connection, waiting):
        if texts_of(reader, cube_id, opened):
            yield Problem(f"text {doc}", f"it counts as embedded, and has no vector: {_MEND}")


def _not_set_aside(connection: apsw.Connection) -> str:
    """A model refuses what is set aside, and the vault's doctor names it."""
    if not is_used(connection, LIVE):
        return ""
    return (
        f" AND NOT EXISTS (SELECT 1 FROM {LIVE}.{SET_ASIDE} a"
        " WHERE a.doc = c.doc AND a.model = e.model AND a.cube_id = c.cube_id)"
    )
