"""A model's collection, with vectors of few dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.milvus import (
    Candidate,
    Generations,
    Milvus,
    Rotations,
    VectorSearch,
    VectorSpan,
    VectorWriter,
)
from memos.kernel.moment import OPEN, At

DIMENSIONS = 16


def tenant_key(tenant: str) -> bytes:
    return sha256(tenant.encode("utf-8", "surrogatepass")).digest()


def cube(number: int) -> bytes:
    return int(number).to_bytes(16, "big")


def unit(*values: float, dimensions: int = DIMENSIONS) -> npt.NDArray[np.float32]:
    vector = np.zeros(dimensions, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def span(
    number: int,
    opened: int,
    vector: npt.NDArray[np.float32],
    scope: str = "acme/a",
    part: int = 0,
    partition: int = 0,
    closed: int = OPEN,
    weights: dict[int, float] | None = None,
) -> VectorSpan:
    return VectorSpan(cube(number), scope, partition, opened, part, vector, weights or {}, closed)


class Vectors:
    """A fresh model on a server: its generations, a writer and a reader of the live one."""

    def __init__(self, milvus: Milvus, dimensions: int = DIMENSIONS) -> None:
        self.milvus = milvus
        digest = uuid4().bytes * 2
        self.rotations = Rotations(tenant_key, digest, dimensions)
        self.generations = Generations(milvus, digest, dimensions)
        self.collection = self.generations.name(self.generations.create())
        self.writer = VectorWriter(milvus, self.collection, self.rotations)
        self.search = VectorSearch(milvus, self.generations.alias, self.rotations)

    def upsert(self, *spans: VectorSpan) -> int:
        """Write; the timestamp after which a reader sees it."""
        return self.writer.upsert(spans).timestamp

    def cubes(self, scope: str, at: At, after: int) -> list[int]:
        """The cubes that a search for anything finds, in order."""
        found = self.candidates(scope, at, unit(1), 1_000, after=after)
        return sorted({int.from_bytes(each.cube_id, "big") for each in found})

    def candidates(
        self,
        scope: str,
        at: At,
        query: npt.NDArray[np.float32],
        k: int,
        *,
        earlier: bool = False,
        after: int | None = None,
    ) -> list[Candidate]:
        """Those of one query, of a scope of some thousand texts at most."""
        (found,) = self.search.candidates(
            scope, at, query[np.newaxis], k, texts=1_000, earlier=earlier, after=after
        )
        return found

    def near(
        self,
        at: At,
        query: npt.NDArray[np.float32],
        cubes: Sequence[bytes],
        *,
        after: int,
        earlier: bool = False,
    ) -> dict[int, tuple[float, float]]:
        """How near the cubes' texts are, whole and by sentence, by when they were opened."""
        near = self.search.nearness(
            "acme", at, query[np.newaxis], cubes, earlier=earlier, after=after
        )
        pairs = zip(near.texts[0].tolist(), near.sentences[0].tolist(), strict=True)
        return dict(zip(near.opened.tolist(), pairs, strict=True))
