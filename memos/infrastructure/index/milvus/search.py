"""Searching spans: candidates from the server, nearness from here.

Filters are exact. Which rows are found is up to an approximate index; how near they are, and their
order, is computed from the vectors that came with them, so that a list depends on nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.filters import ever_visible, of_cubes, visible
from memos.infrastructure.index.milvus.rotation import Rotations
from memos.infrastructure.index.milvus.schema import METRIC
from memos.infrastructure.index.milvus.spans import Vector, tenant_of
from memos.infrastructure.index.milvus.terms import query_of
from memos.infrastructure.moment import At
from memos.kernel.errors import IndexUnavailable, InvalidInput

MOST_CANDIDATES = 4_096
FEWEST_EXPLORED = 1_024
EXPLORED_PER_CANDIDATE = 4
MOST_EXPLORED = 8_192
"""How many rows a walk through the graph keeps in view (`ef`): more, the fewer a filter keeps."""

FEW_FLOATS = 2**18
"""Where a filter keeps rows of no more numbers than these (1 MB; 682 rows of 384), all of them
are read and compared: that is exact, and about as fast."""

MOST_FLOATS = 2**22
"""Numbers read in one request: 16 MB."""

_TOTAL_SECONDS = 30.0

_PARTS = 33
_DIGITS = 5  # a product's last bits may depend on how many rows are multiplied at once
_FIELDS = ["cube", "opened", "part", "dense"]


class Candidate(NamedTuple):
    """A row that was found: a text of a cube (or its sentence), and how near it is."""

    cube_id: bytes
    opened: int
    part: int
    similarity: float


class Nearness(NamedTuple):
    """How near a text is to a query: as a whole, and its nearest sentence."""

    cube_id: bytes
    opened: int
    text: float
    sentence: float


class VectorSearch:
    """Reads one model's vectors, through its alias or one generation's name. Safe for threads.

    Rows may lag behind the log, and a text may show twice while its span is being closed: what a
    candidate names is checked against the vault at the asked moment.
    """

    def __init__(self, milvus: Milvus, collection: str, rotations: Rotations) -> None:
        self._milvus = milvus
        self._collection = collection
        self._rotations = rotations
        self._total = 0
        self._counted = -_TOTAL_SECONDS

    def candidates(
        self,
        scope: str,
        at: At,
        vector: Vector,
        k: int,
        *,
        earlier: bool = False,
        after: int | None = None,
    ) -> list[Candidate]:
        """The rows at and under a scope at a moment that are nearest to a query, nearest first.

        Equally near ones stand in the order of their texts' coming. Where the filter keeps few
        rows, or the graph gives fewer than k, all that it keeps are compared.

        Args:
            scope: a path whose first segment is the tenant.
            at: the moment.
            vector: the query's, shape (dimensions,), as the embedder gave it.
            k: how many rows; a cube may have several, its text and sentences.
            earlier: also the texts that were visible before the moment, and no longer at it.
            after: the timestamp of a write to wait for; else as the settings say.

        Raises:
            IndexUnavailable: the server did not answer.
        """
        condition = self._condition(scope, at, k, earlier)
        if condition is None:
            return []
        query = self._turned(scope, vector)
        kept = self._count(condition, after)
        if kept * self._rotations.dimensions <= FEW_FLOATS:
            return _ranked(self._query(condition, after), query)[:k] if kept else []
        explored = {"ef": self._explored(kept, k)}
        found = self._search("dense", query, condition, k, after, explored, _FIELDS)
        if len(found) < k and kept * self._rotations.dimensions <= MOST_FLOATS:
            found = self._query(condition, after)
        return _ranked(found, query)[:k]

    def nearness(
        self,
        scope: str,
        at: At,
        vector: Vector,
        cube_ids: Sequence[bytes],
        *,
        earlier: bool = False,
        after: int | None = None,
    ) -> list[Nearness]:
        """How near the texts of these cubes, as visible at a moment, are to a query; by cube id.

        With `earlier`, so are their texts of before it.

        A text of one sentence is that sentence. Cubes without vectors yet are left out.

        Raises:
            IndexUnavailable: the server did not answer.
        """
        seen = ever_visible(scope, at) if earlier else visible(scope, at)
        if seen is None or not cube_ids:
            return []
        query = self._turned(scope, vector)
        most = max(1, MOST_FLOATS // (self._rotations.dimensions * _PARTS))
        rows: list[dict[str, Any]] = []
        for start in range(0, len(cube_ids), most):
            chosen = cube_ids[start : start + most]
            rows += self._query(f"{seen} and {of_cubes(chosen)}", after)
        scored = sorted(_ranked(rows, query), key=lambda each: (each.cube_id, each.opened))
        return [
            _nearness(list(parts))
            for _, parts in groupby(scored, lambda each: (each.cube_id, each.opened))
        ]

    def lexical_candidates(
        self,
        scope: str,
        at: At,
        terms: Mapping[int, float],
        k: int,
        *,
        after: int | None = None,
    ) -> list[tuple[bytes, int]]:
        """Texts that share terms with a query: (cube id, opened), by what the server makes of them.

        The order is good for nothing but choosing whom to rank.

        Args:
            scope: a path whose first segment is the tenant.
            at: the moment.
            terms: the query's term hashes (signed 64-bit) and what each counts.
            k: how many texts.
            after: the timestamp of a write to wait for; else as the settings say.

        Raises:
            IndexUnavailable: the server did not answer, or holds no sparse vectors.
        """
        capabilities = self._milvus.capabilities()
        if not capabilities.sparse:
            raise IndexUnavailable(
                f"Milvus at {self._milvus.settings.uri} is {capabilities.version}, which holds no "
                "sparse vectors: use 2.4 or newer for lexical candidates"
            )
        condition = self._condition(scope, at, k)
        if condition is None or not terms:
            return []
        narrowed = f"{condition} and part == 0"
        found = self._search("sparse", query_of(terms), narrowed, k, after, {}, ["cube", "opened"])
        return [(bytes.fromhex(each["cube"]), int(each["opened"])) for each in found]

    def _condition(self, scope: str, at: At, k: int, earlier: bool = False) -> str | None:
        if not 1 <= k <= MOST_CANDIDATES:
            raise InvalidInput(f"k must be from 1 to {MOST_CANDIDATES}, not {k}")
        return ever_visible(scope, at) if earlier else visible(scope, at)

    def _turned(self, scope: str, vector: Vector) -> Vector:
        turned: Vector = self._rotations.turn(tenant_of(scope), vector.reshape(1, -1))[0]
        return turned

    def _search(
        self,
        field: str,
        query: Vector | dict[int, float],
        condition: str,
        k: int,
        after: int | None,
        parameters: dict[str, int],
        fields: list[str],
    ) -> list[dict[str, Any]]:
        with self._milvus.doing("search"):
            (hits,) = self._milvus.client.search(
                self._collection,
                data=[query],
                anns_field=field,
                filter=condition,
                limit=k,
                output_fields=fields,
                search_params={"metric_type": METRIC, "params": parameters},
                timeout=self._milvus.settings.timeout,
                **self._milvus.reading(after),
            )
        return [hit["entity"] for hit in hits]

    def _explored(self, kept: int, k: int) -> int:
        """`ef` for a filter that keeps so many of all rows."""
        now = time.monotonic()
        if now > self._counted + _TOTAL_SECONDS:
            self._total, self._counted = self._count("", None), now
        wanted = max(FEWEST_EXPLORED, EXPLORED_PER_CANDIDATE * k)
        return max(k, min(MOST_EXPLORED, wanted * max(self._total, kept) // kept))

    def _count(self, condition: str, after: int | None) -> int:
        with self._milvus.doing("count rows"):
            (row,) = self._milvus.client.query(
                self._collection,
                filter=condition,
                output_fields=["count(*)"],
                timeout=self._milvus.settings.timeout,
                **self._milvus.reading(after),
            )
        return int(row["count(*)"])

    def _query(self, condition: str, after: int | None) -> list[dict[str, Any]]:
        with self._milvus.doing("read rows"):
            found = self._milvus.client.query(
                self._collection,
                filter=condition,
                output_fields=_FIELDS,
                timeout=self._milvus.settings.timeout,
                **self._milvus.reading(after),
            )
        return list(found)


def _ranked(rows: Sequence[Mapping[str, Any]], query: Vector) -> list[Candidate]:
    if not rows:
        return []
    # Products of float32 are exact in float64, so how many rows there are changes no digit here.
    vectors = np.array([row["dense"] for row in rows], np.float32).astype(np.float64)
    near = np.round(vectors @ query.astype(np.float64), _DIGITS) + 0.0
    named = {
        (bytes.fromhex(row["cube"]), int(row["opened"]), int(row["part"])): float(similarity)
        for row, similarity in zip(rows, near, strict=True)
    }
    found = [Candidate(*name, similarity) for name, similarity in named.items()]
    return sorted(found, key=lambda each: (-each.similarity, each.opened, *each))


def _nearness(parts: Sequence[Candidate]) -> Nearness:
    """Of one text's parts; a text of which only sentences are there yet is as near as the best."""
    sentences = [each.similarity for each in parts if each.part]
    whole = [each.similarity for each in parts if not each.part] or [max(sentences)]
    first = parts[0]
    return Nearness(first.cube_id, first.opened, whole[0], max(sentences or whole))
