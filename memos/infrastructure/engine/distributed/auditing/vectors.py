"""The vectors of a distributed vault: each text has its rows, and a sample is embedded again.

The rows are made anew beside the live ones, by the worker that makes them, with a stand-in for the
model: what a row says but its numbers does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from random import SystemRandom

import numpy as np

from memos.infrastructure.engine.distributed.building import built_collection
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.vectors import (
    PROJECTION,
    VectorIndexer,
    rotations_of,
)
from memos.infrastructure.index.milvus.audit import rows_without_vectors, vectors_of
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.models.embedders.port import Embedder, Vectors, embed_checked
from memos.infrastructure.reports import Problem
from memos.infrastructure.side_by_side import side_by_side
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.scope import tenant_of

SAMPLE = 16
NEAREST = 0.999
"""Cosine of two embeddings of one text, at least: machines disagree on the last bits only."""
_MEND = "run `memos rebuild`"

Row = dict[str, object]


class StandIn:
    """In the place of a model, where its numbers are not asked for."""

    def __init__(self, model: Embedder) -> None:
        self.name, self.digest, self.dimensions = model.name, model.digest, model.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One and the same vector for every text."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        vectors[:, 0] = 1.0
        return vectors


def vector_problems(stores: Stores, live: Generation, fresh: Generation) -> Iterator[Problem]:
    """What is wrong with the vectors, where texts are embedded.

    Args:
        stores: the vault.
        live: its projections.
        fresh: a spare generation, folded as far as the live one.
    """
    settings = stores.settings
    if settings.milvus is None or settings.embedder is None:
        return
    model = settings.embedder.open()
    with closing(Milvus(settings.milvus)) as milvus:
        collections = Generations(milvus, model.digest, model.dimensions)
        number = collections.live()
        if number is None:
            yield Problem("vectors", f"the collection {collections.alias} is missing: {_MEND}")
            return
        with built_collection(stores.cassandra, collections) as spare:
            try:
                audit = _VectorAudit(stores, fresh, milvus, model, collections.name(spare))
                yield from audit.problems(live, collections.name(number))
            finally:
                collections.drop(spare)


def not_embedded(live: Generation) -> list[int]:
    """The partitions in which texts wait to be embedded: their vectors are not compared."""
    marks = live.vault.checkpoints(PROJECTION)
    folded = live.vault.checkpoints(FOLD)
    return sorted(p for p, mark in folded.items() if marks.get(p, (0, 0, 0))[0] < mark[0])


class _VectorAudit:
    def __init__(
        self, stores: Stores, fresh: Generation, milvus: Milvus, model: Embedder, spare: str
    ) -> None:
        self._stores, self._fresh, self._milvus = stores, fresh, milvus
        self._model, self._spare = model, spare
        self._indexer = VectorIndexer(stores, fresh, milvus, StandIn(model), spare)

    def problems(self, live: Generation, collection: str) -> Iterator[Problem]:
        waiting = not_embedded(live)
        refused = {(row.cube_id, row.ordinal) for row in live.set_aside.of(PROJECTION)}
        for partition in self._fresh.vault.checkpoints(FOLD):
            while self._indexer.step(partition):
                pass
        sampled: list[str] = []
        for seen, (one, other) in enumerate(self._both(collection)):
            known = one or other or {}
            if known["partition"] in waiting or _place(str(known["key"]))[:2] in refused:
                continue
            if one != other:
                yield _problem(one, other)
            else:
                _reservoir(sampled, seen, str(known["key"]))
        yield from self._unlike(collection, sampled)

    def _both(self, collection: str) -> Iterator[tuple[Row | None, Row | None]]:
        return side_by_side(
            ((row["key"], row) for row in rows_without_vectors(self._milvus, collection)),
            ((row["key"], row) for row in rows_without_vectors(self._milvus, self._spare)),
        )

    def _unlike(self, collection: str, keys: list[str]) -> Iterator[Problem]:
        """Those of some rows whose vector is not what the model gives for their text."""
        if not keys:
            return
        rotations = rotations_of(self._stores, self._model)
        held = vectors_of(self._milvus, collection, keys)
        for key in keys:
            cube_id, opened, part = _place(key)
            stored = self._fresh.vault.states_at([cube_id], opened).get(cube_id)
            text = None if stored is None else self._indexer.text_of(stored)
            if stored is None or text is None or len(text) <= part or key not in held:
                continue  # erased meanwhile
            (vector,) = rotations.turn(
                tenant_of(stored.attempt.scope), embed_checked(self._model, [text[part]])
            )
            if float(vector @ held[key]) < NEAREST:
                where = f"vector {key}"
                yield Problem(where, f"it is not what the model gives for its text: {_MEND}")


def _place(key: str) -> tuple[bytes, int, int]:
    """Of a row's key: the cube, where its text begins, and which part of it this is."""
    return bytes.fromhex(key[:32]), int(key[32:48], 16), int(key[48:], 16)


def _reservoir(sampled: list[str], seen: int, key: str) -> None:
    """Keep SAMPLE of all keys, each with the same chance (Vitter's algorithm R)."""
    if len(sampled) < SAMPLE:
        sampled.append(key)
        return
    at = SystemRandom().randrange(seen + 1)
    if at < SAMPLE:
        sampled[at] = key


def _problem(one: Row | None, other: Row | None) -> Problem:
    known = one or other or {}
    if one is None:
        what = "it is not stored, though a text of the log gives it"
    elif other is None:
        what = "it is stored, and no text of the log gives it"
    else:
        what = f"it is not what the log gives ({', '.join(n for n in one if one[n] != other[n])})"
    return Problem(f"vector {known['key']}", f"{what}: {_MEND}")
