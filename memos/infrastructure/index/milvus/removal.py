"""Removing the rows of erased cubes, from one collection or from every one that a vault has; and all
collections of a vault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from memos.infrastructure.batches import batched
from memos.infrastructure.index.milvus.connection import SLOW_SECONDS, Milvus
from memos.infrastructure.index.milvus.filters import of_cubes

MOST_ROWS = 2_000
KEYS_READ = 8_192
PARTS = 33
"""A text and its sentences, at most."""

_CUBES = KEYS_READ // PARTS


class VectorCopies:
    """The rows of cubes in all collections of a vault: of every model, live or being rebuilt."""

    def __init__(self, milvus: Milvus) -> None:
        self._milvus = milvus

    def count(self, cube_ids: Iterable[bytes]) -> int:
        """How many rows there are of these cubes.

        Raises:
            IndexUnavailable: the server did not answer; so do all methods here.
        """
        chosen, collections = list(cube_ids), collections_of(self._milvus)
        return sum(
            read_newest(self._milvus, collection, of_cubes(cubes), "count(*)")[0]["count(*)"]
            for collection in collections
            for cubes in batched(chosen, _CUBES)
        )

    def purge(self, cube_ids: Iterable[bytes]) -> int:
        """Remove every row of these cubes: see `purge_rows`; how many there were."""
        chosen = list(cube_ids)
        return sum(
            purge_rows(self._milvus, collection, chosen)
            for collection in collections_of(self._milvus)
        )


def collections_of(milvus: Milvus) -> list[str]:
    """The collections of a vault: of every model, live or being rebuilt.

    Raises:
        IndexUnavailable: the server did not answer.
    """
    with milvus.doing("list its collections"):
        names = milvus.client.list_collections(timeout=milvus.settings.timeout)
    pattern = re.compile(re.escape(milvus.settings.prefix) + r"_[0-9a-f]{16}_g\d+")
    return sorted(name for name in names if pattern.fullmatch(name))


def drop_collections(milvus: Milvus) -> None:
    """Remove every collection of a vault, and the names that lead to them.

    Raises:
        IndexUnavailable: some may be left: do it again.
    """
    client = milvus.client
    for collection in collections_of(milvus):
        with milvus.doing(f"drop the collection {collection}"):
            aliases = client.list_aliases(collection, timeout=milvus.settings.timeout)
            for alias in aliases.get("aliases", ()):
                client.drop_alias(alias, timeout=SLOW_SECONDS)
            client.drop_collection(collection, timeout=SLOW_SECONDS)


def purge_rows(milvus: Milvus, collection: str, cube_ids: Iterable[bytes]) -> int:
    """Remove every row of these cubes, at every moment; how many there were.

    It is done when the server, asked for its newest state, finds none. What is removed can be read
    by nobody; its bytes leave the server's files with the next compaction.

    Raises:
        IndexUnavailable: rows may be left: do it again.
    """
    removed = 0
    for chosen in batched(cube_ids, _CUBES):
        while rows := read_newest(milvus, collection, of_cubes(chosen), "key", limit=KEYS_READ):
            for keys in batched((row["key"] for row in rows), MOST_ROWS):
                with milvus.doing("remove rows"):
                    milvus.client.delete(collection, ids=keys, timeout=milvus.settings.timeout)
            removed += len(rows)
    return removed


def read_newest(
    milvus: Milvus, collection: str, condition: str, *fields: str, limit: int | None = None
) -> list[dict[str, Any]]:
    """Rows in their newest state: one that is overlooked would stay open, or stay, for ever."""
    limited = {} if limit is None else {"limit": limit}

    def read() -> list[dict[str, Any]]:
        with milvus.doing("read rows back"):
            newest = milvus.client.query(
                collection,
                filter=condition,
                output_fields=list(fields),
                consistency_level="Strong",
                timeout=milvus.settings.timeout,
                **limited,
            )
            return [dict(row) for row in newest]

    return milvus.served(collection, read)
