"""Whether a file's values are of the types that its tables declare, which SQLite does not see to."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

_TYPES = {"INTEGER": "'integer'", "TEXT": "'text'", "BLOB": "'blob'", "REAL": "'real', 'integer'"}


def value_of_another_type(path: Path) -> str:
    """The first column, in words, that holds a value of another type than is declared, or a text that
    is none; empty where there is no such column. It reads the whole file.
    """
    flags = apsw.SQLITE_OPEN_READONLY
    with closing(apsw.Connection(str(path), flags=flags)) as connection:
        tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
        named: list[Any] = connection.execute(tables).fetchall()
        for (table,) in named:
            columns: list[Any] = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            for _, column, declared, is_needed, _, key in columns:
                found = _found(connection, table, column, declared, bool(is_needed or key))
                if found:
                    return f"the column {column} of {table} holds {found}"
    return ""


def _found(
    connection: apsw.Connection, table: str, column: str, declared: str, is_needed: bool
) -> str:
    types = _TYPES.get(declared.upper())
    if types is None:
        return ""
    allowed = types if is_needed else f"{types}, 'null'"
    wrong = connection.execute(
        f'SELECT typeof("{column}") FROM "{table}" '
        f'WHERE typeof("{column}") NOT IN ({allowed}) LIMIT 1'
    ).fetchone()
    if wrong is not None:
        return f"a value of the type {wrong[0]}, not {declared.lower()}"
    return _undecodable(connection, table, column) if declared.upper() == "TEXT" else ""


def _undecodable(connection: apsw.Connection, table: str, column: str) -> str:
    for (raw,) in connection.execute(f'SELECT CAST("{column}" AS BLOB) FROM "{table}"'):
        if raw is not None:
            try:
                raw.decode()
            except UnicodeDecodeError:
                return "a text that is no UTF-8"
    return ""
