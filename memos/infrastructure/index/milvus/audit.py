"""What a collection holds, counted and digested: to compare a live one with its rebuild."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.filters import within

PAGE = 4_096


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
    with milvus.doing("list its rows"):
        pages = milvus.client.query_iterator(
            collection,
            batch_size=PAGE,
            filter='key != ""' if scope is None else within(scope),
            output_fields=["key", "scope", "partition", "closed"],
            timeout=milvus.settings.timeout,
        )
        try:
            while page := pages.next():
                for row in page:
                    yield SpanKey(row["key"], row["scope"], row["partition"], row["closed"])
        finally:
            pages.close()


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
