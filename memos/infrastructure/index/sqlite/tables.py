"""The embedded index's tables.

A doc is one indexed text: `doc = scope_id << 32 | n`, n counting 1, 2, … inside its scope, so that
a scope's docs are one contiguous range and writing to one scope touches few pages, however large
the vault is. Terms are written with their doc; every BLOCK docs of a scope are then turned into
`index_posting` rows, appended in key order. Inserting a row a posting instead would touch a random
page for every term of every text (docs/decisions/0002-lexical-index.md has the figures).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import apsw

from memos.infrastructure.sqlite.statements import row
from memos.kernel.errors import Damaged, shorten
from memos.kernel.moment import OPEN

BLOCK = 1024
"""Docs per block of postings; at most 2**16, since a posting holds its doc in 16 bits."""

SCOPE_BITS = 32
DOC_MASK = (1 << SCOPE_BITS) - 1
_LAST_SCOPE = (1 << 63 - SCOPE_BITS) - 1

SCHEMA = """
-- docs: n of the newest doc; inverted: up to which n docs are in index_posting;
-- changed: offset of the last change in this scope; purged: number of its last purge.
CREATE TABLE IF NOT EXISTS index_scope(
    scope_id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    docs INTEGER NOT NULL,
    inverted INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    purged INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS index_doc(
    doc INTEGER PRIMARY KEY,
    terms BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS index_cube(
    cube_id BLOB NOT NULL,
    doc INTEGER NOT NULL,
    PRIMARY KEY(cube_id, doc)) WITHOUT ROWID;

-- replaces: the doc whose open span this one closed; 0 for a cube's first. The checked widths are
-- those of a reader's arrays.
CREATE TABLE IF NOT EXISTS index_span(
    doc INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    cube_id BLOB NOT NULL CHECK (length(cube_id) = 16),
    closed INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 0x7fffffff),
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 255),
    flags INTEGER NOT NULL CHECK (flags BETWEEN 0 AND 255),
    length INTEGER NOT NULL,
    session INTEGER NOT NULL,
    number INTEGER NOT NULL,
    speaker INTEGER NOT NULL,
    traits INTEGER NOT NULL CHECK (traits BETWEEN 0 AND 255),
    valid_from INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    replaces INTEGER NOT NULL,
    PRIMARY KEY(doc, opened)) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS index_span_changed ON index_span(doc >> 32, opened);

CREATE TABLE IF NOT EXISTS index_posting(
    scope_id INTEGER NOT NULL,
    block INTEGER NOT NULL,
    term INTEGER NOT NULL,
    docs BLOB NOT NULL,
    PRIMARY KEY(scope_id, block, term)) WITHOUT ROWID;

-- Embedders that have served here. A digest is a model's identity.
CREATE TABLE IF NOT EXISTS index_model(
    model INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL);

-- docs: up to which n the docs of a scope are embedded.
CREATE TABLE IF NOT EXISTS index_embedded(
    model INTEGER NOT NULL,
    scope_id INTEGER NOT NULL,
    docs INTEGER NOT NULL,
    PRIMARY KEY(model, scope_id)) WITHOUT ROWID;

-- box: the vectors of a doc, sealed under its cube's key. A number is never given twice, so that a
-- reader finds what is new behind the last one that it knows.
CREATE TABLE IF NOT EXISTS index_vector(
    vector INTEGER PRIMARY KEY AUTOINCREMENT,
    doc INTEGER NOT NULL,
    model INTEGER NOT NULL,
    cube_id BLOB NOT NULL,
    box BLOB NOT NULL);

CREATE UNIQUE INDEX IF NOT EXISTS index_vector_doc ON index_vector(doc, model);

-- One row. applied: offset of the last change; purges: number of the last purge; cleared: number
-- of the last purge that took everything. They tell a reader whether its cached rows still stand.
CREATE TABLE IF NOT EXISTS index_state(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    applied INTEGER NOT NULL,
    purges INTEGER NOT NULL,
    cleared INTEGER NOT NULL);

INSERT OR IGNORE INTO index_state VALUES (1, -1, 0, 0);
"""

TABLES = (
    "index_scope",
    "index_doc",
    "index_cube",
    "index_span",
    "index_posting",
    "index_embedded",
    "index_vector",
)
"""What a rebuild empties."""


def create_tables(connection: apsw.Connection) -> None:
    """Create what is missing, in the caller's transaction or in one of its own."""
    with connection:
        connection.execute(SCHEMA)


def stored_state(connection: apsw.Connection) -> tuple[int, int, int]:
    """(purges, applied, cleared) of the index.

    Raises:
        Damaged: its one row is not there, or says what cannot be.
    """
    stored = row(connection, "SELECT purges, applied, cleared FROM index_state")
    if stored is None:
        raise Damaged("nothing says how far the index is: run `memos rebuild`")
    if set(map(type, stored)) != {int} or min(stored) < -1 or max(stored) >= OPEN:
        raise Damaged("what says how far the index is is damaged: run `memos rebuild`")
    return stored[0], stored[1], stored[2]


class ScopeRow(NamedTuple):
    """A row of `index_scope`: see SCHEMA."""

    scope_id: int
    docs: int
    inverted: int
    changed: int


SCOPE_COLUMNS = "scope_id, docs, inverted, changed"


def scope_row(stored: Sequence[Any]) -> ScopeRow:
    """What a row of SCOPE_COLUMNS holds. So many blocks are read as it says, and so many docs.

    Raises:
        Damaged: no writer leaves such numbers; of every full block the terms are postings.
    """
    if set(map(type, stored)) == {int}:
        found = ScopeRow(*stored)
        blocks = 0 <= found.inverted == found.docs // BLOCK * BLOCK <= DOC_MASK
        if blocks and 0 < found.scope_id <= _LAST_SCOPE and -1 <= found.changed < OPEN:
            return found
    raise Damaged(
        f"what the index says of a scope, row {shorten(stored[0])} of index_scope, is damaged: run "
        "`memos rebuild`"
    )


def doc_range(scope_id: int, first: int = 0, last: int = DOC_MASK) -> tuple[int, int]:
    """Lowest and highest doc id of a scope's docs n = first … last."""
    base = scope_id << SCOPE_BITS
    return base | first, base | last
