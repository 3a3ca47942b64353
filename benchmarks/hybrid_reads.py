"""How fast is a search by words and meaning, the query's encoding included?

    python -m benchmarks.hybrid_reads [--sizes N] [--json FILE] [--check]

One scope, texts of three sentences, questions of 10 words encoded by all-MiniLM-L6-v2. The vectors of
the texts are made up, since encoding 100,000 takes a quarter of an hour: all lie about equally far from a
question, which is as hard as it gets for a first pass that estimates. Each kind of read takes its turn,
so that all meet the same machine. Needs the extra `embed`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import permutations

import numpy as np

from benchmarks.harness import (
    Report,
    finish,
    p50,
    parse,
    percentile,
    progress,
    timed,
    workshop,
)
from benchmarks.texts import MARKERS, STOPS, WORDS, Texts, word
from memos import Memory
from memos.infrastructure.engine.embedded.dense import EmbeddedDense
from memos.infrastructure.index.models import blas
from memos.infrastructure.index.models.embedders.minilm import MiniLM
from memos.infrastructure.index.models.embedders.port import Vectors, normalised
from memos.infrastructure.index.sqlite import scope_vectors
from memos.infrastructure.index.sqlite.scope_vectors import ScopeVectors

SIZES = (1_000, 10_000, 20_000, 100_000)
SEARCHES = 60
BEST = 10
SCOPE = "bench/user-0"
SUBJECTS = ("pottery", "violin", "harbour", "garden", "museum", "camera")
"""Each in 5 % of the texts."""
QUERIES = tuple(
    f"What did she say about the {one} and the {two}?" for one, two in permutations(SUBJECTS, 2)
)
_SENTENCE = (STOPS + WORDS) // 3 + 1
_FLUSHED = 32

Times = dict[str, list[tuple[float, float]]]
"""Seconds of each read: by the clock, and of this thread's processor."""


class _Embedder(MiniLM):
    """MiniLM, save that it makes vectors up while `filling`."""

    filling = True

    def __init__(self) -> None:
        super().__init__()
        self._made_up = np.random.default_rng(1)

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not self.filling:
            return super().embed(texts)
        shape = len(texts), self.dimensions
        return normalised(self._made_up.standard_normal(shape, dtype=np.float32))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure at every size; the exit code."""
    given = parse("hybrid_reads", __doc__, arguments)
    asked = "--sizes" in (sys.argv if arguments is None else arguments)
    options = given if asked else replace(given, sizes=SIZES)
    report = Report()
    before = os.getloadavg()[0]
    for size in options.sizes:
        _measure(report, size)
    report.notes.append(
        f"{SEARCHES} queries, {BEST} best. hybrid: a question is encoded by one BLAS thread, as MemOS does. all cores: "
        "BLAS as it comes. embedding: while another thread embeds texts with the same model. after "
        "add: the first search that sees another memory; again: the next one. processor: what the searching thread itself "
        "used, which is what a search takes where nobody else wants the cores."
    )
    after = os.getloadavg()[0]
    report.notes.append(f"Load of the machine before and after: {before:.1f}, {after:.1f}.")
    return finish(options, report)


def _measure(report: Report, size: int) -> None:
    progress(f"{size:,} memories")
    embedder = _Embedder()
    with workshop("hybrid") as directory, Memory(directory / "v", embedder=embedder) as memory:
        texts = _texts(size + 2 * SEARCHES)
        memory.add_many([{"text": text, "scope": SCOPE} for text in texts[:size]])
        memory.embed_pending()
        embedder.filling = False
        times = _read(memory, embedder, texts[size:])
        recall = _recall(memory)
        held = _held(memory)
    for kind, taken in times.items():
        clock, processor = zip(*taken, strict=True)
        report.row(
            in_scope=size,
            read=kind,
            p50_ms=p50(clock),
            p95_ms=percentile(clock, 0.95),
            processor_p50_ms=p50(processor),
        )
        report.figures[f"{kind} p50 ms of {size:,}"] = p50(clock)
        report.figures[f"{kind} p95 ms of {size:,}"] = percentile(clock, 0.95)
        report.figures[f"{kind} processor p50 ms of {size:,}"] = p50(processor)
    more = {}
    for side in ("lexical", "hybrid"):
        pairs = zip(times[f"{side} after add"], times[f"{side} again"], strict=True)
        more[side] = p50([after[1] - again[1] for after, again in pairs])
        report.figures[f"{side}, more after add, processor ms of {size:,}"] = more[side]
    report.figures[f"recall@{BEST} of {size:,}"] = recall
    report.row(
        in_scope=size,
        **{f"recall@{BEST}": f"{recall:.3f}"},
        hybrid_more_after_add_ms=more["hybrid"],
        lexical_more_after_add_ms=more["lexical"],
        bytes_a_vector=held.nbytes / (held.came + int(held.first[-1])),
        bytes_a_memory=held.nbytes / len(held.docs),
    )


def _recall(memory: Memory) -> float:
    """Of the best when every row is compared exactly, the share that is found."""
    found = [_best(memory, query) for query in QUERIES]
    estimated = scope_vectors.ALL_EXACT
    scope_vectors.ALL_EXACT = sys.maxsize
    try:
        exact = [_best(memory, query) for query in QUERIES]
    finally:
        scope_vectors.ALL_EXACT = estimated
    hits = sum(len(one & other) for one, other in zip(found, exact, strict=True))
    return hits / sum(map(len, exact))


def _best(memory: Memory, query: str) -> set[str]:
    hits = memory.search(query, scope=SCOPE, k=BEST, recipe="hybrid")
    return {hit.cube_id for hit in hits}


def _held(memory: Memory) -> ScopeVectors:
    """What the vault keeps of the scope's vectors."""
    index = memory._session.embedding
    if not isinstance(index, EmbeddedDense):
        raise TypeError(f"{index!r} is no dense index of an embedded vault")
    with memory._session.engine.read() as reader:
        return index.kept(reader, SCOPE)


def _read(memory: Memory, embedder: _Embedder, new: Sequence[str]) -> Times:
    times: Times = {}

    def take(kind: str, query: str, recipe: str = "hybrid") -> None:
        search = partial(memory.search, query, scope=SCOPE, k=BEST, recipe=recipe)
        _take(times, kind, search)

    queries = [QUERIES[number % len(QUERIES)] for number in range(SEARCHES)]
    memory.search(queries[0], scope=SCOPE)
    for query in queries:
        _take(times, "encoding", partial(embedder.embed, [query]))
        take("lexical", query, "lexical")
        take("hybrid", query)
        with _all_cores():
            take("hybrid, all cores", query)
    with _embedding(embedder, new):
        for query in queries:
            take("hybrid, embedding", query)
            with _all_cores():
                take("hybrid, embedding, all cores", query)
    for number, query in enumerate(queries):
        for recipe, text in zip(("lexical", "hybrid"), new[2 * number :], strict=False):
            memory.add(text, scope=SCOPE)
            memory.embed_pending()
            take(f"{recipe} after add", query, recipe)
            take(f"{recipe} again", query, recipe)
    return times


def _take(times: Times, kind: str, read: Callable[[], object]) -> None:
    start = time.thread_time()
    by_clock = timed(read)
    times.setdefault(kind, []).append((by_clock, time.thread_time() - start))


@contextmanager
def _all_cores() -> Iterator[None]:
    """BLAS as it is without MemOS' limit."""
    limit = blas.one_thread
    blas.one_thread = nullcontext  # type: ignore[assignment]
    try:
        yield
    finally:
        blas.one_thread = limit


@contextmanager
def _embedding(embedder: _Embedder, texts: Sequence[str]) -> Iterator[None]:
    """Another thread that embeds, again and again, as the one behind the write does."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            embedder.embed(texts[:_FLUSHED])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _texts(count: int) -> list[str]:
    markers = {f"marker{word(number)}": SUBJECTS[number] for number in range(MARKERS)}
    found = []
    for text in Texts().take(count):
        words = [markers.get(each, each) for each in text.split()]
        starts = range(0, len(words), _SENTENCE)
        found.append(" ".join(" ".join(words[n : n + _SENTENCE]) + "." for n in starts))
    return found


if __name__ == "__main__":
    sys.exit(main())
