"""How fast is a search by words and meaning, the query's encoding included?

    python -m benchmarks.hybrid_reads [--sizes N] [--json FILE] [--check]

One scope, texts of three sentences, questions of 10 words encoded by all-MiniLM-L6-v2. The vectors of
the texts are made up, since only their number counts here, and encoding 10,000 texts takes minutes.
Each kind of read takes its turn, so that all meet the same machine. Needs the extra `embed`.
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
from benchmarks.texts import IN_SCOPE, MARKERS, STOPS, WORDS, Texts, word
from memos import Memory
from memos.infrastructure.index.models import blas
from memos.infrastructure.index.models.embedders.minilm import MiniLM
from memos.infrastructure.index.models.embedders.port import Vectors, normalised

SIZES = (1_000, 10_000, 20_000)
SEARCHES = 60
BEST = 10
SCOPE = "bench/user-0"
SUBJECTS = ("pottery", "violin", "harbour", "garden", "museum", "camera")
"""Each in 5 % of the texts."""
_QUESTION = "What did she say about the {} and the {}?"
_SENTENCE = (STOPS + WORDS) // 3 + 1
_FLUSHED = 32

Times = dict[str, list[tuple[float, float]]]
"""Seconds of each read: by the clock, and of this thread's processor."""


class _Embedder(MiniLM):
    """MiniLM, save that it makes vectors up while `filling`."""

    filling = True

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not self.filling:
            return super().embed(texts)
        rng = np.random.default_rng(len(texts[0]))
        return normalised(rng.standard_normal((len(texts), self.dimensions), dtype=np.float32))


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
        "add: the first search that sees another memory. processor: what the searching thread itself "
        "used, which is what a search takes where nobody else wants the cores."
    )
    after = os.getloadavg()[0]
    report.notes.append(f"Load of the machine before and after: {before:.1f}, {after:.1f}.")
    return finish(options, report)


def _measure(report: Report, size: int) -> None:
    progress(f"{size:,} memories")
    embedder = _Embedder()
    with workshop("hybrid") as directory, Memory(directory / "v", embedder=embedder) as memory:
        texts = _texts(size + SEARCHES)
        memory.add_many([{"text": text, "scope": SCOPE} for text in texts[:size]])
        memory.embed_pending()
        embedder.filling = False
        times = _read(memory, embedder, texts[size:])
    for kind, taken in times.items():
        clock, processor = zip(*taken, strict=True)
        report.row(
            in_scope=size,
            read=kind,
            p50_ms=p50(clock),
            p95_ms=percentile(clock, 0.95),
            processor_p50_ms=p50(processor),
        )
        where = "" if size == IN_SCOPE else f" of {size:,}"
        report.figures[f"{kind} p50 ms{where}"] = p50(clock)
        report.figures[f"{kind} p95 ms{where}"] = percentile(clock, 0.95)
        report.figures[f"{kind} processor p50 ms{where}"] = p50(processor)


def _read(memory: Memory, embedder: _Embedder, new: Sequence[str]) -> Times:
    times: Times = {}

    def take(kind: str, query: str, recipe: str = "hybrid") -> None:
        search = partial(memory.search, query, scope=SCOPE, k=BEST, recipe=recipe)
        _take(times, kind, search)

    asked = [_QUESTION.format(*chosen) for chosen in permutations(SUBJECTS, 2)]
    queries = [asked[number % len(asked)] for number in range(len(new))]
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
    for query, text in zip(queries, new, strict=True):
        memory.add(text, scope=SCOPE)
        memory.embed_pending()
        take("hybrid after add", query)
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
