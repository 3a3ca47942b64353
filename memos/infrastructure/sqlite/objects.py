"""What a database consists of: its tables, indexes, triggers and views, and the SQL of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from typing import NamedTuple

import apsw

from memos.infrastructure.reports import Problem
from memos.infrastructure.sqlite.statements import rows

MISSING = "it is missing"
NOT_OURS = "it is none of a vault's"


class Named(NamedTuple):
    """A table, index, trigger or view."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Made(NamedTuple):
    """On which table it is, and the SQL that makes it, its white space aside; None where SQLite made
    it by itself.
    """

    table: str
    sql: str | None


Objects = Mapping[Named, Made]


def objects_of(connection: apsw.Connection, schema: str = "main") -> Objects:
    """Everything that a database consists of."""
    sql = f"SELECT type, name, tbl_name, sql FROM {schema}.sqlite_schema"
    return {
        Named(kind, name): Made(table, None if made is None else " ".join(made.split()))
        for kind, name, table, made in rows(connection, sql)
    }


@cache
def objects_made_by(*scripts: str) -> Objects:
    """What a new database consists of once these scripts have run in it."""
    with closing(apsw.Connection(":memory:")) as connection:
        for script in scripts:
            connection.execute(script)
        return objects_of(connection)


def strange_objects(
    found: Objects, made: Objects, optional: Iterable[Named] = ()
) -> Iterator[Problem]:
    """In what a database differs from one that was made here: any trigger, view or table of another's
    could keep what is erased, or not let it go.

    Args:
        found: what there is.
        made: what there should be.
        optional: of that, what may be missing.
    """
    wanted = made.keys() - set(optional)
    yield from (Problem(str(name), MISSING) for name in sorted(wanted - found.keys()))
    yield from (Problem(str(name), NOT_OURS) for name in sorted(found.keys() - made.keys()))
    for name in sorted(found.keys() & made.keys()):
        if found[name] != made[name]:
            yield Problem(str(name), "it is not as a vault's is made")
