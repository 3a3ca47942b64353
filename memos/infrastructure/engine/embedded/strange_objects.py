"""Whether a vault's two files consist of what they were made with, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import cache

import apsw

from memos.infrastructure.engine.embedded.creation import create_all
from memos.infrastructure.governance.query_texts.port import SETTING
from memos.infrastructure.governance.query_texts.sqlite import ERASED_SCHEMA as ERASED_SCOPES
from memos.infrastructure.governance.query_texts.sqlite import SCHEMA as QUERY_TEXTS
from memos.infrastructure.index.sqlite.set_aside import SCHEMA as SET_ASIDE
from memos.infrastructure.keys.sqlite.key_file import (
    KEYS_FILE,
    KNOWN_LOG,
    ROOT_RECORD,
    SCHEMA,
    WRITTEN,
)
from memos.infrastructure.reports import Problem
from memos.infrastructure.sqlite.objects import (
    Named,
    Objects,
    objects_made_by,
    objects_of,
    strange_objects,
)
from memos.infrastructure.sqlite.statements import row

_LATER = (Named("table", "written"), Named("table", "known_log"), Named("table", "root_key"))
"""Of a key file what one that an earlier release made is given when it is opened."""


def strange_in_database(connection: apsw.Connection, schema: str = "main") -> Iterator[Problem]:
    """What the vault's database has that none is made with, or has not."""
    later: Objects = objects_made_by(SET_ASIDE)
    made: Objects = {**_database(), **later}
    sql = f"SELECT 1 FROM {schema}.setting WHERE name = ?"
    found = objects_of(connection, schema)
    if Named("table", "setting") in found and row(connection, sql, (SETTING,)) is not None:
        later = {**later, **objects_made_by(ERASED_SCOPES)}
        made = {**made, **objects_made_by(QUERY_TEXTS), **later}
    yield from strange_objects(found, made, later)


def strange_in_key_file(connection: apsw.Connection) -> Iterator[Problem]:
    """The same, of the key file."""
    made = objects_made_by(SCHEMA, WRITTEN, KNOWN_LOG, ROOT_RECORD)
    for problem in strange_objects(objects_of(connection), made, _LATER):
        yield Problem(f"{KEYS_FILE}: {problem.where}", problem.what)


@cache
def _database() -> Objects:
    with closing(apsw.Connection(":memory:")) as connection:
        create_all(connection)
        return objects_of(connection)
