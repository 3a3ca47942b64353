"""The engines that `vector_backends` compares, each behind the same few calls.

A vector has a number (its row) and a scope; a search is told which scopes count. All use one thread
to search, and every core to build, as far as they let themselves be told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DIMENSIONS = 384
CONNECTIVITY = 32
EXPANSION_ADD = 128
EXPANSION_SEARCH = 128
WIDE = 1_024
PROBES = 16
FLUSHED = 1_000
"""Vectors that Milvus Lite is handed at once."""


class Filter(NamedTuple):
    """The scopes that count, and the same as a bool a row."""

    scopes: Ints
    rows: Mask


class Candidate(Protocol):
    """An engine for vectors, in a directory of its own."""

    name: ClassVar[str]

    def __init__(self, directory: Path) -> None: ...

    def build(self, vectors: Vectors, scopes: Ints) -> None:
        """Take in everything at once."""
        ...

    def add(self, vector: Vectors, scope: int) -> None:
        """Take in one more, found from then on."""
        ...

    def search(self, query: Vectors, k: int, kept: Filter) -> list[int]:
        """The numbers of the `k` nearest among those that count, nearest first."""
        ...

    def save(self) -> None:
        """Write what a later process needs."""
        ...


class NumpyAll:
    """MemOS: every row is multiplied, and the view takes its own from the products."""

    name: ClassVar[str] = "numpy, every row"

    def __init__(self, directory: Path) -> None:
        self._file = directory / "vectors.npy"
        self._count = 0
        self._room: Vectors = np.empty((0, DIMENSIONS), np.float32)

    @property
    def _vectors(self) -> Vectors:
        return self._room[: self._count]

    def build(self, vectors: Vectors, scopes: Ints) -> None:
        self._count = len(vectors)
        self._room = np.empty((len(vectors) * 5 // 4, DIMENSIONS), np.float32)
        self._room[: len(vectors)] = vectors

    def add(self, vector: Vectors, scope: int) -> None:
        self._room[self._count] = vector
        self._count += 1

    def search(self, query: Vectors, k: int, kept: Filter) -> list[int]:
        rows = np.flatnonzero(kept.rows)
        return best((self._vectors @ query)[rows], rows, k)

    def save(self) -> None:
        np.save(self._file, self._vectors.astype(np.float16))


class NumpyKept(NumpyAll):
    """MemOS too: where a view shows few of a scope's rows, only those are multiplied."""

    name: ClassVar[str] = "numpy, rows of the view"

    def search(self, query: Vectors, k: int, kept: Filter) -> list[int]:
        if kept.rows.all():
            return super().search(query, k, kept)
        rows = np.flatnonzero(kept.rows)
        return best(self._vectors[rows] @ query, rows, k)


class Usearch:
    """usearch's HNSW. Its Python has no filter: it is asked for more until enough are left."""

    name: ClassVar[str] = "usearch HNSW"

    def __init__(self, directory: Path) -> None:
        from usearch.index import Index

        self._file = directory / "index.usearch"
        self._index: Any = Index(
            ndim=DIMENSIONS,
            metric="ip",
            dtype="f32",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )

    def build(self, vectors: Vectors, scopes: Ints) -> None:
        self._index.add(np.arange(len(vectors), dtype=np.uint64), vectors)

    def add(self, vector: Vectors, scope: int) -> None:
        self._index.add(len(self._index), vector, threads=1)

    def search(self, query: Vectors, k: int, kept: Filter) -> list[int]:
        share = kept.rows.mean()
        count = min(len(self._index), int(1.5 * k / share) if share < 1 else k)
        while True:
            numbers = self._index.search(query, count, threads=1).keys.astype(np.int64)
            found = numbers[kept.rows[numbers]]
            if len(found) >= k or count == len(self._index):
                return [int(number) for number in found[:k]]
            count = min(len(self._index), 4 * count)

    def save(self) -> None:
        self._index.save(str(self._file))


class _Faiss:
    """What faiss' indexes share: a filter is a bitmap over the numbers."""

    factory: ClassVar[str]

    def __init__(self, directory: Path) -> None:
        import faiss

        self._faiss: Any = faiss
        self._file = directory / "index.faiss"
        self._index: Any = None

    def build(self, vectors: Vectors, scopes: Ints) -> None:
        faiss = self._faiss
        description = self.factory.format(lists=int(len(vectors) ** 0.5))
        self._index = faiss.index_factory(DIMENSIONS, description, faiss.METRIC_INNER_PRODUCT)
        self._tune(self._index)
        with _threads(faiss, os.cpu_count() or 1):
            self._index.train(vectors)
            self._index.add(vectors)

    def add(self, vector: Vectors, scope: int) -> None:
        with _threads(self._faiss, 1):
            self._index.add(vector[None])

    def search(self, query: Vectors, k: int, kept: Filter) -> list[int]:
        bits = np.packbits(kept.rows, bitorder="little")
        selector = None if kept.rows.all() else self._faiss.IDSelectorBitmap(bits)
        with _threads(self._faiss, 1):
            _, found = self._index.search(query[None], k, params=self._parameters(selector))
        return [int(number) for number in found[0] if number >= 0]

    def save(self) -> None:
        self._faiss.write_index(self._index, str(self._file))

    def _tune(self, index: Any) -> None:
        pass

    def _parameters(self, selector: Any) -> Any:
        return self._faiss.SearchParameters(sel=selector)


class FaissFlat(_Faiss):
    """faiss, exact."""

    name: ClassVar[str] = "faiss Flat"
    factory: ClassVar[str] = "Flat"


class FaissHnsw(_Faiss):
    """faiss' HNSW: the filter picks among what the walk over the graph meets."""

    name: ClassVar[str] = "faiss HNSW"
    factory: ClassVar[str] = f"HNSW{CONNECTIVITY},Flat"
    expansion: ClassVar[int] = EXPANSION_SEARCH

    def _tune(self, index: Any) -> None:
        index.hnsw.efConstruction = EXPANSION_ADD

    def _parameters(self, selector: Any) -> Any:
        return self._faiss.SearchParametersHNSW(sel=selector, efSearch=self.expansion)


class FaissHnswWide(FaissHnsw):
    """The same, walking much farther."""

    name: ClassVar[str] = f"faiss HNSW, {WIDE:,}"
    expansion: ClassVar[int] = WIDE


class FaissIvf(_Faiss):
    """faiss' inverted lists: the nearest few lists are compared exactly."""

    name: ClassVar[str] = "faiss IVF"
    factory: ClassVar[str] = "IVF{lists},Flat"

    def _parameters(self, selector: Any) -> Any:
        return self._faiss.SearchParametersIVF(sel=selector, nprobe=PROBES)


class MilvusLite:
    """Milvus Lite in this process; the scope is a field, and a filter an expression on it."""

    name: ClassVar[str] = "Milvus Lite HNSW"

    def __init__(self, directory: Path) -> None:
        from pymilvus import MilvusClient

        self._client: Any = MilvusClient(str(directory / "milvus.db"))
        self._count = 0

    def build(self, vectors: Vectors, scopes: Ints) -> None:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False)
        schema.add_field("number", DataType.INT64, is_primary=True)
        schema.add_field("scope", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSIONS)
        index = self._client.prepare_index_params()
        index.add_index(
            "vector",
            index_type="HNSW",
            metric_type="IP",
            params={"M": CONNECTIVITY, "efConstruction": EXPANSION_ADD},
        )
        self._client.create_collection("vectors", schema=schema, index_params=index)
        for first in range(0, len(vectors), FLUSHED):
            part = range(first, min(first + FLUSHED, len(vectors)))
            rows = [_row(number, vectors[number], int(scopes[number])) for number in part]
            self._client.insert("vectors", rows)
        self._count = len(vectors)
        self._client.flush("vectors")
        self._client.load_collection("vectors")

    def add(self, vector: Vectors, scope: int) -> None:
        self._client.insert("vectors", [_row(self._count, vector, scope)])
        self._count += 1

    def search(self, query: Vectors, k: int, kept: Filter) -> list[int]:
        narrowed = not kept.rows.all()
        (found,) = self._client.search(
            "vectors",
            data=[query.tolist()],
            limit=k,
            filter=f"scope in {kept.scopes.tolist()}" if narrowed else "",
            search_params={"metric_type": "IP", "params": {"ef": EXPANSION_SEARCH}},
            consistency_level="Strong",
        )
        return [int(each["number"]) for each in found]

    def save(self) -> None:
        self._client.flush("vectors")


def best(scores: Vectors, rows: Ints, k: int) -> list[int]:
    """The rows of the `k` greatest scores, greatest first."""
    if len(scores) > k:
        chosen = np.argpartition(scores, -k)[-k:]
        scores, rows = scores[chosen], rows[chosen]
    return [int(number) for number in rows[np.argsort(-scores, kind="stable")]]


def _row(number: int, vector: Vectors, scope: int) -> dict[str, Any]:
    return {"number": number, "scope": scope, "vector": vector.tolist()}


@contextmanager
def _threads(faiss: Any, count: int) -> Iterator[None]:
    """So many threads for faiss, and one again afterwards."""
    faiss.omp_set_num_threads(count)
    yield
    faiss.omp_set_num_threads(1)


CANDIDATES: dict[str, type[Candidate]] = {
    candidate.name: candidate
    for candidate in (
        NumpyAll, NumpyKept, Usearch, FaissFlat, FaissHnsw, FaissHnswWide, FaissIvf, MilvusLite
    )
}  # fmt: skip
