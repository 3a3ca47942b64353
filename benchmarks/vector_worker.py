"""One engine at one size, in a process of its own: `vector_backends` starts it.

python -m benchmarks.vector_worker ENGINE COUNT DIRECTORY
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.harness import timed
from benchmarks.vector_candidates import (
    CANDIDATES,
    DIMENSIONS,
    Candidate,
    Filter,
    Ints,
    Vectors,
    best,
)
from memos.infrastructure.index.models.blas import one_thread
from memos.infrastructure.index.models.embedders.port import normalised
from memos.infrastructure.index.sqlite.scope_vectors import ScopeVectors, no_vectors
from memos.infrastructure.index.sqlite.vectors import STORED
from memos.operation.search.dense import SENTENCE_SHARE, dense_of

SCOPES = 100
TOPICS = 300
IN_SCOPE = 30
"""Topics that a scope speaks of."""
SHARES = (1.0, 0.1, 0.01)
BEST = 10
QUERIES = 50
ADDED = 20
ROUNDS = 3
SENTENCES = (1, 2, 3, 4, 3)
"""Of one text after another: 2.6 on average."""
TOGETHER = 1_024
"""Texts that are handed over at once, as the product does it."""

MEMOS = "MemOS, text and sentences"
Answer = dict[str, Any]
Stored = npt.NDArray[np.float16]


class Clusters:
    """Unit vectors that lie as those of texts do: in topics, in sub-topics, about none of them.

    A scope speaks of some topics more than of others, as people do. Two texts of one sub-topic have
    a cosine of about .7, of one topic .4, and others .1.
    """

    def __init__(self, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._common = self._directions(1)
        self._topics = self._directions(TOPICS)
        self._parts = self._directions(TOPICS * 10)
        self._of_scope = np.stack([self._rng.permutation(TOPICS)[:IN_SCOPE] for _ in range(SCOPES)])

    def take(self, scopes: Ints) -> Vectors:
        """One vector for each of these scopes."""
        rng, count = self._rng, len(scopes)
        topics = self._of_scope[scopes, rng.zipf(1.5, count) % IN_SCOPE]
        parts = topics * 10 + rng.integers(0, 10, count)
        mixed = (
            np.float32(0.1**0.5) * self._common
            + np.float32(0.3**0.5) * self._topics[topics]
            + np.float32(0.3**0.5) * self._parts[parts]
            + np.float32(0.3**0.5) * self._directions(count)
        )
        return normalised(mixed)

    def _directions(self, count: int) -> Vectors:
        rows = self._rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
        return normalised(rows)


class Data:
    """What every engine gets: vectors with scopes, filters, and queries of those scopes."""

    def __init__(self, count: int) -> None:
        self.clusters = Clusters()
        self.scopes: Ints = np.arange(count, dtype=np.int64) % SCOPES
        self.vectors = self.clusters.take(self.scopes)
        self.filters = {share: self._filter(share) for share in SHARES}
        asked = {share: len(kept.scopes) for share, kept in self.filters.items()}
        self.queries = {
            share: self.clusters.take(np.arange(QUERIES, dtype=np.int64) % number)
            for share, number in asked.items()
        }

    def _filter(self, share: float) -> Filter:
        scopes = np.arange(max(1, round(share * SCOPES)), dtype=np.int64)
        return Filter(scopes, np.isin(self.scopes, scopes))

    def exact(self, share: float) -> list[list[int]]:
        """The nearest of each query."""
        rows = np.flatnonzero(self.filters[share].rows)
        kept = self.vectors[rows]
        return [best(kept @ query, rows, BEST) for query in self.queries[share]]


def measure(name: str, count: int, directory: Path) -> Answer:
    """Build, search under each filter, add, save."""
    data = Data(count)
    before = resident()
    engine = CANDIDATES[name](directory)
    built = timed(partial(engine.build, data.vectors, data.scopes))
    held = resident() - before
    searches = {str(share): _searched(engine, data, share) for share in SHARES}
    spare = data.clusters.take(np.zeros(ADDED, np.int64))
    added = [timed(partial(_add_and_see, engine, vector)) for vector in spare]
    engine.save()
    return {
        "build s": built,
        "resident": held,
        "searches": searches,
        "add ms": statistics.median(added) * 1e3,
        "disk": sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()),
    }


def _searched(engine: Candidate, data: Data, share: float) -> Answer:
    kept, queries = data.filters[share], data.queries[share]
    found = [engine.search(query, BEST, kept) for query in queries]
    times = repeated([partial(engine.search, query, BEST, kept) for query in queries])
    hits = [len(set(one) & set(two)) for one, two in zip(found, data.exact(share), strict=True)]
    return {"recall": sum(hits) / (BEST * len(queries)), "times": times}


def _add_and_see(engine: Candidate, vector: Vectors) -> None:
    engine.add(vector, 0)


def repeated(reads: Sequence[Callable[[], object]]) -> list[float]:
    """Seconds of each read: the median of three rounds, for machines that others use too."""
    rounds = [[timed(read) for read in reads] for _ in range(ROUNDS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


class Texts(NamedTuple):
    """Stored vectors of texts, and of their sentences: those of a text begin at its `first`."""

    whole: Stored
    sentences: Stored
    first: Ints

    def rows(self, text: int) -> Stored:
        """As the product stores them: a text's own, its sentences' after it."""
        begin, end = self.first[text], self.first[text + 1]
        return np.concatenate((self.whole[text : text + 1], self.sentences[begin:end]))

    def exact(self, queries: Vectors) -> Vectors:
        """How near every text is to every query, shape (texts, queries)."""
        whole, sentences = (_products(each, queries) for each in (self.whole, self.sentences))
        nearest = np.maximum.reduceat(sentences, self.first[:-1])
        return ((1 - SENTENCE_SHARE) * whole + SENTENCE_SHARE * nearest).astype(np.float32)


def _products(rows: Stored, queries: Vectors) -> Vectors:
    starts = range(0, len(rows), TOGETHER)
    return np.concatenate([rows[n : n + TOGETHER].astype(np.float32) @ queries.T for n in starts])


def measure_memos(count: int) -> Answer:
    """The product's own comparison: a vector a text, and one for each of its sentences."""
    data = Data(count)
    counts = np.resize(SENTENCES, count)
    sentences = data.clusters.take(np.repeat(data.scopes, counts)).astype(STORED)
    first: Ints = np.concatenate(([0], np.cumsum(counts)))
    texts = Texts(data.vectors.astype(STORED), sentences, first)
    kept = no_vectors(DIMENSIONS)
    start = time.perf_counter()
    for begin in range(0, count, TOGETHER):
        some = range(begin, min(begin + TOGETHER, count))
        kept = kept.with_texts(some, [texts.rows(text) for text in some])
    built = time.perf_counter() - start
    searches = {str(share): _compared(kept, texts, data, share) for share in SHARES}
    held, added = kept.nbytes, []
    for text in range(ADDED):
        start = time.perf_counter()
        kept = kept.with_texts([count + text], [texts.rows(text)])
        added.append(time.perf_counter() - start)
    return {
        "build s": built,
        "resident": held,
        "searches": searches,
        "add ms": statistics.median(added) * 1e3,
        "disk": None,
    }


def _compared(kept: ScopeVectors, texts: Texts, data: Data, share: float) -> Answer:
    docs, queries = np.flatnonzero(data.filters[share].rows), data.queries[share]
    reads = [partial(_near, kept, docs, query) for query in queries]
    hits = [
        len(set(best(read(), docs, BEST)) & set(best(near[docs], docs, BEST)))
        for read, near in zip(reads, texts.exact(queries).T, strict=True)
    ]
    return {"recall": sum(hits) / (BEST * len(queries)), "times": repeated(reads)}


def _near(kept: ScopeVectors, docs: Ints, query: Vectors) -> Vectors:
    nearest = kept.nearest(docs, query[None])
    dense = dense_of(MEMOS, docs, nearest, np.zeros(len(docs), np.int64))
    return dense.exact_for([np.zeros(len(docs))], None).near.astype(np.float32)


def resident() -> int:
    """Bytes that this process holds in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Answer, as JSON on the last line."""
    name, count, directory = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    with one_thread():
        answer = measure_memos(count) if name == MEMOS else measure(name, count, directory)
    answer["load"] = os.getloadavg()[0]
    print(json.dumps(answer), flush=True)
    os._exit(0)  # an engine's own threads may not end


if __name__ == "__main__":
    main()
