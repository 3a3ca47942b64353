"""The floor of a rebuild: the rows of the finished projections, inserted by hand."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from benchmarks.harness import timed
from benchmarks.vaults import bare
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.rebuild import FLUSH_EVERY
from memos.infrastructure.log.sqlite import log_size

PROJECTIONS = {
    "attempt": "position",
    "head": "position",
    "edge": "position",
    "source": "position",
    "subject": "cube_id",
    "index_scope": "scope_id",
    "index_doc": "doc",
    "index_cube": "doc",
    "index_span": "opened",
    "index_posting": "scope_id, block, term",
}
"""Each table that a rebuild fills, and the order in which the log fills it."""


def insert_projections(vault: Path, path: Path) -> float:
    """Insert the projections' rows as a rebuild does, page by page in one transaction; in how many
    seconds. Reader them from the finished vault does not count.
    """
    source = bare(vault / DATABASE_FILE)
    target = bare(path)
    events = log_size(source)
    pages = -(-events // FLUSH_EVERY)
    flows = []
    for table, order in PROJECTIONS.items():
        _copy_schema(source, target, table)
        ((count,),) = source.execute(f"SELECT count(*) FROM {table}")
        cursor = source.execute(f"SELECT * FROM {table} ORDER BY {order}")
        flows.append((table, cursor, -(-count // pages)))
    began = time.perf_counter()
    target.execute("BEGIN IMMEDIATE")
    seconds = time.perf_counter() - began
    for _ in range(pages):
        for table, cursor, size in flows:
            rows = list(islice(cursor, size))
            seconds += timed(partial(_insert, target, table, rows))
    seconds += timed(lambda: target.execute("COMMIT"))
    target.close()
    source.close()
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    return seconds


def _insert(target: apsw.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        target.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)


def _copy_schema(source: apsw.Connection, target: apsw.Connection, table: str) -> None:
    select = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql <> '' ORDER BY rowid"
    for (sql,) in source.execute(select, (table,)).fetchall():
        target.execute(str(sql))
