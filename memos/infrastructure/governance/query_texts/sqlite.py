"""The texts of queries in SQLite, in the log's file; its pages are overwritten when they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw

from memos.infrastructure.governance.query_texts.port import (
    SETTING,
    QueryText,
    concerns,
    is_gone,
    lifetime_of,
)
from memos.infrastructure.sqlite.database import Database
from memos.infrastructure.sqlite.statements import row, rows, typed
from memos.kernel.scope import tenant_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS query_text (
    access_id BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    asked INTEGER NOT NULL,
    box BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS query_cube (
    cube_id BLOB NOT NULL,
    access_id BLOB NOT NULL,
    PRIMARY KEY (cube_id, access_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS query_cube_access ON query_cube (access_id);
"""
"""Made when a vault is first told to keep texts."""

ERASED_SCHEMA = """
CREATE TABLE IF NOT EXISTS query_erased (
    scope TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    erased INTEGER NOT NULL
) WITHOUT ROWID;
"""
"""The scopes that were erased while texts are kept: of some queries that searched there the text still
waits in a process. Made with the first of them.
"""


class SqliteQueryTexts:
    """See `port.QueryTexts`.

    Args:
        database: the vault's.
        is_erased: tells inside the write transaction whether a cube is erased or being erased.
    """

    def __init__(self, database: Database, is_erased: Callable[[bytes], bool]) -> None:
        self._database = database
        self._is_erased = is_erased

    def set_lifetime(self, lifetime: int) -> None:
        writer = self._database.writer

        def work() -> None:
            writer.execute(SCHEMA)
            sql = "INSERT OR REPLACE INTO setting VALUES (?, ?)"
            writer.execute(sql, (SETTING, str(lifetime)))
            if not lifetime:
                _forget(writer, "SELECT access_id FROM query_text")

        self._database.write(work)

    def lifetime(self) -> int:
        with self._database.reading() as connection:
            return _lifetime(connection)

    def keep(self, texts: Sequence[QueryText]) -> None:
        writer = self._database.writer

        def work() -> None:
            lifetime = _lifetime(writer)
            if not lifetime:
                return
            erased = {
                tenant: _erased_scopes(writer, tenant) for tenant in {t.tenant for t in texts}
            }
            for text in texts:
                if any(map(self._is_erased, text.cubes)):
                    continue
                if is_gone(text.scope, text.asked, erased[text.tenant]):
                    continue
                writer.execute("INSERT INTO query_text VALUES (?, ?, ?, ?, ?)", _row(text))
                writer.executemany(
                    "INSERT OR IGNORE INTO query_cube VALUES (?, ?)",
                    [(cube_id, text.access_id) for cube_id in text.cubes],
                )

        if texts:
            self._database.write(work)

    def end(self, now: int) -> None:
        writer = self._database.writer

        def work() -> None:
            over = now - _lifetime(writer)
            _forget(writer, "SELECT access_id FROM query_text WHERE asked <= ?", over)
            if _has_erased(writer):
                writer.execute("DELETE FROM query_erased WHERE erased <= ?", (over,))

        with self._database.reading() as connection:
            is_over = _has_outlived(connection, now)
        if is_over:
            self._database.write(work)

    def kept(self, tenant: str, now: int) -> list[QueryText]:
        with self._database.reading() as connection:
            lifetime = _lifetime(connection)
            if not lifetime:
                return []
            sql = (
                "SELECT access_id, tenant, scope, asked, box FROM query_text"
                " WHERE tenant = ? AND asked > ? ORDER BY asked, access_id"
            )
            found = rows(connection, sql, (tenant, now - lifetime))
            return [
                QueryText(access_id, tenant, scope, asked, (), box)
                for access_id, tenant, scope, asked, box in (
                    typed(stored, bytes, str, str, int, bytes) for stored in found
                )
            ]


def forget_queries(
    writer: apsw.Connection, cube_ids: Sequence[bytes], scope: str, erased: int
) -> None:
    """Take away, inside the write transaction, the texts of queries that returned one of some cubes
    or searched some of a scope (empty for none), which were erased at a time.
    """
    if row(writer, "SELECT 1 FROM setting WHERE name = ?", (SETTING,)) is None:
        return
    for cube_id in cube_ids:
        _forget(writer, "SELECT access_id FROM query_cube WHERE cube_id = ?", cube_id)
    if scope:
        writer.execute(ERASED_SCHEMA)
        known = "INSERT OR REPLACE INTO query_erased VALUES (?, ?, ?)"
        writer.execute(known, (scope, tenant_of(scope), erased))
        sql = "SELECT DISTINCT scope FROM query_text WHERE tenant = ?"
        for (searched,) in list(rows(writer, sql, (tenant_of(scope),))):
            if concerns(searched, scope):
                _forget(writer, "SELECT access_id FROM query_text WHERE scope = ?", searched)


def _erased_scopes(writer: apsw.Connection, tenant: str) -> list[tuple[str, int]]:
    """The scopes of a tenant that were erased, and when."""
    if not _has_erased(writer):
        return []
    sql = "SELECT scope, erased FROM query_erased WHERE tenant = ?"
    return [(scope, erased) for scope, erased in rows(writer, sql, (tenant,))]


def _has_erased(connection: apsw.Connection) -> bool:
    """Whether the table of erased scopes was made."""
    sql = "SELECT 1 FROM sqlite_schema WHERE name = 'query_erased'"
    return row(connection, sql) is not None


def _has_outlived(connection: apsw.Connection, now: int) -> bool:
    """Whether anything is there whose time is over."""
    if row(connection, "SELECT 1 FROM setting WHERE name = ?", (SETTING,)) is None:
        return False
    over = (now - _lifetime(connection),)
    sql = "SELECT 1 FROM query_text WHERE asked <= ? LIMIT 1"
    if row(connection, sql, over) is not None:
        return True
    sql = "SELECT 1 FROM query_erased WHERE erased <= ? LIMIT 1"
    return _has_erased(connection) and row(connection, sql, over) is not None


def _forget(writer: apsw.Connection, which: str, *values: object) -> None:
    ids = list(rows(writer, which, values))
    writer.executemany("DELETE FROM query_cube WHERE access_id = ?", ids)
    writer.executemany("DELETE FROM query_text WHERE access_id = ?", ids)


def _row(text: QueryText) -> tuple[object, ...]:
    return text.access_id, text.tenant, text.scope, text.asked, text.box


def _lifetime(connection: apsw.Connection) -> int:
    stored = row(connection, "SELECT value FROM setting WHERE name = ?", (SETTING,))
    return 0 if stored is None else lifetime_of(stored[0])
