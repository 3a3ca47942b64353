"""Whether rows are whole: Cassandra lets any column outside the key be empty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from memos.infrastructure.cassandra.connection import CassandraSession, Row
from memos.infrastructure.vault.cassandra.tables import MAY_BE_EMPTY
from memos.kernel.errors import Damaged, shorten

_NONE = (frozenset[str](),)


def whole(
    store: CassandraSession, cql: str, rows: Iterable[Row], values: Sequence[Any] = ()
) -> Iterator[Row]:
    """The rows of a statement with these values, each as it comes.

    Raises:
        Damaged: a row has nothing in a column that is always written.
    """
    for row in rows:
        if None in row:  # the cheapest question, and most rows need no other
            _check(store, cql, row, values)
        yield row


def whole_many(
    store: CassandraSession, cql: str, values: Iterable[Sequence[Any]]
) -> list[list[Row]]:
    """As `CassandraSession.concurrently`, of rows that are whole."""
    asked = list(values)
    results = store.concurrently(cql, asked)
    return [list(whole(store, cql, rows, one)) for one, rows in zip(asked, results, strict=True)]


def _check(store: CassandraSession, cql: str, row: Row, values: Sequence[Any]) -> None:
    """See `whole`, of a row in which some column is empty."""
    prepared = store.prepare(cql)
    keyspace, table, *_ = prepared.result_metadata[0]
    columns = dict(zip((name for _, _, name, _ in prepared.result_metadata), row, strict=True))
    empty = frozenset(name for name, value in columns.items() if value is None)
    allowed = [empties & columns.keys() for empties in MAY_BE_EMPTY.get(table, _NONE)]
    if empty in allowed:
        return
    wrong = min((empty ^ empties for empties in allowed), key=len)
    asked = {
        column.name: value for column, value in zip(prepared.column_metadata, values, strict=False)
    }
    told = {**asked, **{name: columns[name] for name in columns.keys() - empty}}
    named = ", ".join(
        f"{name} {_told(told[name])}" for name in store.primary_key(keyspace, table) if name in told
    )
    raise Damaged(
        f"the row of {keyspace}.{table} with {named} is damaged: it has not what it should have in "
        f"{', '.join(sorted(wrong))}; run `memos rebuild`"
    )


def _told(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else shorten(value)
