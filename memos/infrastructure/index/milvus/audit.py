"""What a collection holds, counted and digested: to compare a live one with its rebuild."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.filters import within
from memos.infrastructure.index.milvus.removal import read_newest
from memos.infrastructure.index.milvus.spans import Vector

PAGE = 4_096

SCALARS = ("key", "tenant", "scope", "cube", "partition", "part", "opened", "closed")


class SpanKey(NamedTuple):
    """A row without its vectors: its key, where it stands and when it is closed."""

    key: str
    scope: str
    partition: int
    closed: int


class Inventory(NamedTuple):
    """How many rows there are, and SHA-256 over them in the order of their keys.

    Vectors are not in it: two machines may disagree on a number's last bit.
    """

    rows: int
    digest: bytes


def span_keys(milvus: Milvus, collection: str, scope: str | None = None) -> Iterator[SpanKey]:
    """Every row at and under a scope, or (None) of all tenants, in the order of the keys.

    Raises:
        IndexUnavailable: the server did not answer.
    """
    condition = 'key != ""' if scope is None else within(scope)
    for row in _pages(milvus, collection, condition, SpanKey._fields):
        yield SpanKey(row["key"], row["scope"], row["partition"], row["closed"])


def rows_without_vectors(milvus: Milvus, collection: str) -> Iterator[dict[str, Any]]:
    """Every row, in the order of the keys, with all that it says but its vectors.

    Raises:
        IndexUnavailable: the server did not answer.
    """
    yield from _pages(milvus, collection, 'key != ""', SCALARS)


def vectors_of(milvus: Milvus, collection: str, keys: Sequence[str]) -> dict[str, Vector]:
    """The vectors of rows, as they are held, by key; without those that are not there.

    Raises:
        IndexUnavailable: the server did not answer.
    """
    listed = ", ".join(f'"{key}"' for key in keys)
    rows = read_newest(milvus, collection, f"key in [{listed}]", "key", "dense")
    return {row["key"]: np.asarray(row["dense"], np.float32) for row in rows}


def inventory(milvus: Milvus, collection: str, scope: str | None = None) -> Inventory:
    """What is at and under a scope, or (None) in the whole collection.

    Raises:
        IndexUnavailable: the server did not answer.
    """
    digest, rows = sha256(), 0
    for key, path, partition, closed in span_keys(milvus, collection, scope):
        digest.update(f"{key} {partition} {closed} {path}\n".encode())
        rows += 1
    return Inventory(rows, digest.digest())


def _pages(
    milvus: Milvus, collection: str, condition: str, fields: Sequence[str]
) -> Iterator[dict[str, Any]]:
    with milvus.doing("list its rows"):
        pages = milvus.client.query_iterator(
            collection,
            batch_size=PAGE,
            filter=condition,
            output_fields=list(fields),
            timeout=milvus.settings.timeout,
        )
        try:
            while page := pages.next():
                for row in page:
                    yield {name: row[name] for name in fields}
        finally:
            pages.close()
