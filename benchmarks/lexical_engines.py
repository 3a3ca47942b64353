"""Which engine should carry the lexical index?

    python -m benchmarks.lexical_engines [--full] [--json FILE]

Every engine gets the same generated memories, already analysed: 25 words each, of which 10 stop
words and 15 by Zipf's law from 50,000, and six marker words each in 5 % of the memories. Scopes
hold 10,000 memories. A batch is 1,000 memories in one durable commit; its rate is that of the last
10,000 memories written. A single add is one durable commit, searchable afterwards. Searches take
the ten best in the first scope: six marker words, or six words each in about 0.1 %.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lexical_candidates import CANDIDATES, Candidate, Memory, files_of, token
from memos.language.analyzer import Analyzer
from memos.language.english.stop_words import STOP_WORDS
from memos.language.indexed_text import IndexedText

SIZES = (1_000, 10_000, 100_000)
FULL = 1_000_000
IN_SCOPE = 10_000
BATCH = 1_000
VOCABULARY = 50_000
SECRET = 4_242_424_242_424_242_424
"""A term that one memory alone holds, to be looked for in the files after its erasure."""


class Texts:
    """Generated memories: an endless, seeded sequence."""

    def __init__(self, seed: int = 1) -> None:
        analyzer = Analyzer(b"benchmark" * 4)
        self._rng = np.random.default_rng(seed)
        self._words = np.array([_term(analyzer, f"word{n}") for n in range(VOCABULARY)])
        self._stops = np.array([_term(analyzer, word) for word in sorted(STOP_WORDS)])
        self.markers = [_term(analyzer, f"marker{n}") for n in range(6)]
        self.rare = self._words[1_300:1_306].tolist()
        weights = 1 / np.arange(1, VOCABULARY + 1)
        self._cumulated = np.cumsum(weights / weights.sum())

    def batches(self) -> Iterator[list[IndexedText]]:
        while True:
            chance = self._rng.random((BATCH, 15))
            found = np.minimum(np.searchsorted(self._cumulated, chance), VOCABULARY - 1)
            words = self._words[found].tolist()
            stops = self._stops[self._rng.integers(0, len(self._stops), (BATCH, 10))].tolist()
            marked = self._rng.random((BATCH, 6)) < 0.05
            yield [
                IndexedText(
                    Counter(own + others + [self.markers[n] for n in np.flatnonzero(has)]),
                    len(own) + int(has.sum()),
                )
                for own, others, has in zip(words, stops, marked, strict=True)
            ]


def _term(analyzer: Analyzer, word: str) -> int:
    (term,) = analyzer.query_terms(word)
    return term.term


def measure(candidate: type[Candidate], size: int, directory: Path) -> dict[str, Any]:
    """One row of the table: `size` memories in an engine in an empty directory."""
    engine = candidate(directory)
    texts = Texts()
    batches = texts.batches()
    written: list[float] = []
    for first in range(0, size, BATCH):
        memories = [
            Memory(number, number // IN_SCOPE, text)
            for number, text in enumerate(next(batches), start=first)
        ]
        written.append(timed(partial(engine.add, memories)))
    last = written[-IN_SCOPE // BATCH :]
    spare = [Memory(size + n, 0, text) for n, text in enumerate(next(batches))]
    singles = [timed(partial(engine.add, [memory])) for memory in spare[:50]]
    marked = [timed(partial(engine.search, 0, texts.markers)) for _ in range(100)]
    rare = [timed(partial(engine.search, 0, texts.rare)) for _ in range(100)]
    secret = Memory(size + BATCH, 0, IndexedText({SECRET: 1, texts.markers[0]: 1}, 2))
    engine.add([*spare[50:], secret])
    engine.flush()
    kept = sum(map(len, files_of(directory)))
    erased = timed(partial(engine.erase, secret))
    engine.flush()
    return {
        "engine": candidate.name,
        "memories": size,
        "batched per s": round(BATCH * len(last) / sum(last)),
        "add ms": milliseconds(singles),
        "search ms": milliseconds(marked),
        "rare ms": milliseconds(rare),
        "bytes each": round(kept / (size + BATCH + 1)),
        "erase ms": milliseconds([erased]),
        "residue": leaves(engine, directory, SECRET),
        "own statistics": candidate.scope_statistics,
        "as-of": candidate.as_of,
        "in transaction": candidate.same_transaction,
    }


def leaves(engine: Candidate, directory: Path, term: int) -> bool:
    """Whether a term that no memory holds any more is left in any file."""
    found = forms(term)
    return engine.holds(term) or any(form in data for data in files_of(directory) for form in found)


def forms(term: int) -> list[bytes]:
    """How a term may stand in a file."""
    big = term.to_bytes(8, "big", signed=True)
    return [big, big[::-1], token(term).encode()]


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def milliseconds(times: list[float]) -> float:
    """Median of times in seconds, in milliseconds."""
    return round(statistics.median(times) * 1e3, 3)


def hardware() -> dict[str, Any]:
    """What the figures were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in ("apsw", "numpy", "tantivy")},
    }


def line(cells: Iterable[object], heads: Iterable[str]) -> str:
    """A line of the table, each cell as wide as its column."""
    shown = ("no" if cell is False else "yes" if cell is True else str(cell) for cell in cells)
    return " | ".join(
        cell.rjust(max(len(head), 9)) for cell, head in zip(shown, heads, strict=True)
    )


def main() -> None:
    """Measure every engine at every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help=f"up to {FULL:,} memories")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for size in (*SIZES, FULL) if options.full else SIZES:
        for candidate in CANDIDATES:
            directory = Path(tempfile.mkdtemp(prefix="lexical-"))
            try:
                rows.append(measure(candidate, size, directory))
            finally:
                shutil.rmtree(directory)
            if len(rows) == 1:
                print(line(rows[0], rows[0]))
            print(line(rows[-1].values(), rows[-1]), flush=True)
    if options.json:
        kept = {"hardware": hardware(), "rows": rows}
        options.json.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
