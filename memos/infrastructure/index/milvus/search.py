"""Searching spans: candidates from the server, nearness from here.

Filters are exact. Which rows are found is up to an approximate index; how near they are is computed
from their vectors here, so that a list depends on nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.filters import around, ever_visible, of_cubes, visible
from memos.infrastructure.index.milvus.rotation import Rotations, Vectors
from memos.infrastructure.index.milvus.schema import METRIC
from memos.infrastructure.index.milvus.terms import query_of
from memos.infrastructure.index.port import Within, paths_of
from memos.kernel.errors import IndexUnavailable, InvalidInput
from memos.kernel.moment import At
from memos.kernel.scope import tenant_of

T = TypeVar("T")

MOST_CANDIDATES = 4_096
FEWEST_EXPLORED = 1_024
EXPLORED_PER_CANDIDATE = 4
MOST_EXPLORED = 8_192
"""How many rows a walk through the graph keeps in view (`ef`): more, the fewer a filter keeps."""

MOST_FLOATS = 2**22
"""Numbers read in one request: 16 MB."""

_TOTAL_SECONDS = 30.0

_PARTS = 33
_DIGITS = 5  # a product's last bits may depend on how many rows are multiplied at once
_PLACE = ["cube", "opened"]


class Candidate(NamedTuple):
    """A text that was found, by itself or by one of its sentences."""

    cube_id: bytes
    opened: int


class Nearness(NamedTuple):
    """How near texts are to queries: as a whole, and their nearest sentences.

    Texts are named by the ordinals at which they were opened, ascending; `texts` and `sentences`
    have the shape (queries, texts).
    """

    opened: npt.NDArray[np.int64]
    texts: npt.NDArray[np.float64]
    sentences: npt.NDArray[np.float64]


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
        within: Within,
        at: At,
        queries: Vectors,
        k: int,
        *,
        texts: int,
        earlier: bool = False,
        after: int | None = None,
    ) -> list[list[Candidate]]:
        """For each query the k rows at and under some scopes at a moment that are nearest to it.

        They are good for choosing what to compare; their order is the server's.

        Args:
            within: one scope, or several of one tenant.
            at: the moment.
            queries: their vectors, shape (queries, dimensions), as the embedder gave them.
            k: how many rows for each; a text may have several, itself and its sentences.
            texts: about how many texts they show at the moment.
            earlier: also the texts that were visible before the moment, and no longer at it.
            after: the timestamp of a write to wait for; else as the settings say.

        Raises:
            IndexUnavailable: the server did not answer.
        """
        condition = self._condition(within, at, k, earlier)
        if condition is None:
            return [[] for _ in queries]
        turned = list(self._turned(within, queries))
        explored = {"ef": self._explored(texts, k)}
        hits = self._search("dense", turned, condition, k, after, explored)
        if (
            min(map(len, hits)) < min(k, texts)
            and texts * self._rotations.dimensions <= MOST_FLOATS
        ):
            return self._all(condition, turned, k, after)
        return [[_candidate(row) for row in rows] for rows in hits]

    def nearness(
        self,
        within: Within,
        at: At,
        queries: Vectors,
        cube_ids: Sequence[bytes],
        *,
        earlier: bool = False,
        after: int | None = None,
    ) -> Nearness:
        """How near the texts of these cubes are to queries.

        Those visible at a moment are among them, and with `earlier` those of before it; others may
        be. A text of one sentence is that sentence. Cubes without vectors yet are left out.

        Raises:
            IndexUnavailable: the server did not answer.
        """
        most = max(1, MOST_FLOATS // (self._rotations.dimensions * _PARTS))
        names: list[tuple[int, ...]] = []
        vectors = [np.empty((0, self._rotations.dimensions), np.float32)]
        for start in range(0, len(cube_ids), most):
            chosen = of_cubes(cube_ids[start : start + most])
            condition = f"{chosen} and {around(_tenant_of(within), at, earlier=earlier)}"
            named, found = self._milvus.read_vectors(
                self._collection, condition, ("opened", "part"), "dense", after
            )
            if named:
                names.extend(named)
                vectors.append(found)
        # Products of float32 are exact in float64, so how many rows there are changes no digit.
        turned = self._turned(within, queries).astype(np.float64)
        near = np.round(turned @ np.concatenate(vectors).astype(np.float64).T, _DIGITS) + 0.0
        return _nearness(np.array(names, np.int64).reshape(-1, 2), near)

    def lexical_candidates(
        self,
        within: Within,
        at: At,
        terms: Mapping[int, float],
        k: int,
        *,
        after: int | None = None,
    ) -> list[Candidate]:
        """Texts that share terms with a query, by what the server makes of them.

        The order is good for nothing but choosing whom to rank.

        Args:
            within: one scope, or several of one tenant.
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
        condition = self._condition(within, at, k)
        if condition is None or not terms:
            return []
        narrowed = f"{condition} and part == 0"
        (hits,) = self._search("sparse", [query_of(terms)], narrowed, k, after, {})
        return list(map(_candidate, hits))

    def _condition(self, within: Within, at: At, k: int, earlier: bool = False) -> str | None:
        if not 1 <= k <= MOST_CANDIDATES:
            raise InvalidInput(f"k must be from 1 to {MOST_CANDIDATES}, not {k}")
        return ever_visible(within, at) if earlier else visible(within, at)

    def _turned(self, within: Within, queries: Vectors) -> Vectors:
        return self._rotations.turn(_tenant_of(within), queries)

    def _search(
        self,
        field: str,
        queries: Sequence[Any],
        condition: str,
        k: int,
        after: int | None,
        parameters: dict[str, int],
    ) -> list[list[Mapping[str, Any]]]:
        with self._milvus.doing("search"):
            results = self._milvus.client.search(
                self._collection,
                data=queries,
                anns_field=field,
                filter=condition,
                limit=k,
                output_fields=_PLACE,
                search_params={"metric_type": METRIC, "params": parameters},
                timeout=self._milvus.settings.timeout,
                **self._milvus.reading(after),
            )
        return [[hit["entity"] for hit in hits] for hits in results]

    def _all(
        self, condition: str, queries: Sequence[Vectors], k: int, after: int | None
    ) -> list[list[Candidate]]:
        """As `candidates`, by comparing every row: a walk through the graph may come to too few."""
        rows = self._query(condition, [*_PLACE, "dense"], after, dict)
        if not rows:
            return [[] for _ in queries]
        near = np.round(np.stack(queries) @ np.stack([row["dense"] for row in rows]).T, _DIGITS)
        opened = np.array([row["opened"] for row in rows])
        ordered = [np.lexsort((opened, -distances))[:k].tolist() for distances in near]
        return [[_candidate(rows[number]) for number in those] for those in ordered]

    def _explored(self, kept: int, k: int) -> int:
        """`ef` for a filter that keeps so many of all rows."""
        now = time.monotonic()
        if now > self._counted + _TOTAL_SECONDS:
            self._total, self._counted = self._count(), now
        asked = max(FEWEST_EXPLORED, EXPLORED_PER_CANDIDATE * k)
        return max(k, min(MOST_EXPLORED, asked * max(self._total, kept) // max(kept, 1)))

    def _count(self) -> int:
        (row,) = self._query("", ["count(*)"], None, dict)
        return int(row["count(*)"])

    def _query(
        self,
        condition: str,
        fields: list[str],
        after: int | None,
        read: Callable[[Mapping[str, Any]], T],
    ) -> list[T]:
        with self._milvus.doing("read rows"):
            rows = self._milvus.client.query(
                self._collection,
                filter=condition,
                output_fields=fields,
                timeout=self._milvus.settings.timeout,
                strict_float32=True,  # vectors as arrays, and not as lists of numbers
                **self._milvus.reading(after),
            )
            return [read(row) for row in rows]


def _tenant_of(within: Within) -> str:
    return tenant_of(paths_of(within)[0])


def _candidate(row: Mapping[str, Any]) -> Candidate:
    return Candidate(bytes.fromhex(row["cube"]), int(row["opened"]))


def _nearness(names: npt.NDArray[np.int64], near: npt.NDArray[np.float64]) -> Nearness:
    """Rows, named (opened, part), put together as texts.

    A row shows twice while its span is being closed. A text of which only sentences are there yet is
    as near as the best of them.
    """
    if not len(names):
        nothing = np.empty((len(near), 0))
        return Nearness(np.empty(0, np.int64), nothing, nothing)
    names, rows = np.unique(names, axis=0, return_index=True)  # sorted, so a text's parts follow it
    near = near[:, rows]
    opened, first = np.unique(names[:, 0], return_index=True)
    is_text = names[first, 1] == 0
    sentences = np.maximum.reduceat(np.where(names[:, 1] > 0, near, -np.inf), first, axis=1)
    texts = np.where(is_text, near[:, first], sentences)
    return Nearness(opened, texts, np.where(np.isneginf(sentences), texts, sentences))
