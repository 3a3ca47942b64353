"""How fast is a search, a search of the past, a get, and opening a vault?

    python -m benchmarks.reads [--full] [--json FILE] [--check]

The floor of a search reads what a ranking needs, and ranks nothing: the postings of the six terms
in the scope and ten records of the log. The floor of a get reads the head, the key and the record.
Each kind of read takes its turn, so that all meet the same machine.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import apsw

from benchmarks.harness import (
    FULL,
    Options,
    Report,
    finish,
    p50,
    parse,
    percentile,
    progress,
    timed,
    workshop,
)
from benchmarks.texts import IN_SCOPE, Texts, items, scope_of
from benchmarks.vaults import bare, database_of, fill
from memos import Memory
from memos.kernel.scope import tenant_of
from memos.language.analysis import analyzer_of

SEARCHES = 200
GETS = 2_000
OPENINGS = 5
BEST = 10
CUT = "before-changes"
CHANGES = 100


class _Found(NamedTuple):
    """Seconds of each read of a kind."""

    times: dict[str, list[float]]

    def take(self, kind: str, read: Callable[[], object]) -> None:
        self.times.setdefault(kind, []).append(timed(read))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure at every size; the exit code."""
    options = parse("reads", __doc__, arguments)
    report = Report()
    with workshop("reads") as directory:
        _measure(options, report, directory)
    report.notes.append(
        f"Searches look for the {BEST} best in one scope of at most {IN_SCOPE:,} memories: six "
        "terms, each in 5 % of them, or six, each in about 0.1 %. As-of searches look behind "
        f"{2 * CHANGES} later changes in the same scope. open reads no memory; files are in the "
        "system's cache."
    )
    return finish(options, report)


def _measure(options: Options, report: Report, directory: Path) -> None:
    texts = Texts()
    template, vault = directory / "template", directory / "vault"
    reference = IN_SCOPE if IN_SCOPE in options.sizes else options.sizes[-1]
    ids: list[str] = []
    for size in options.sizes:
        progress(f"{size:,} memories")
        with Memory(template) as memory:
            ids.extend(fill(memory, texts, len(ids), size - len(ids)))
        shutil.copytree(template, vault)
        _tell_opening(report, vault, texts, size)
        with Memory(vault) as memory:
            found = _read(memory, texts, ids)
        _tell(report, size, found, size == reference)
        shutil.rmtree(vault)


def _tell_opening(report: Report, vault: Path, texts: Texts, size: int) -> None:
    opened = [timed(lambda: Memory(vault).close()) for _ in range(OPENINGS)]
    with Memory(vault) as memory:
        search = partial(memory.search, texts.frequent, scope=scope_of(0), k=BEST)
        first, second = timed(search), timed(search)
    report.row(
        memories=size,
        open_p50_ms=p50(opened),
        first_search_ms=first * 1e3,
        second_search_ms=second * 1e3,
        bytes_a_memory=sum(file.stat().st_size for file in vault.iterdir()) // size,
    )
    if size == FULL:
        report.figures["open s at 1,000,000"] = p50(opened) / 1e3


def _read(memory: Memory, texts: Texts, ids: list[str]) -> _Found:
    found = _Found({})
    floor = _Floor(memory, texts)
    scope = scope_of(0)
    in_scope = ids[:IN_SCOPE]
    _change(memory, in_scope)
    new = items(Texts(seed=2), 0, SEARCHES)
    queries = {"": texts.frequent, "rare ": texts.rare}
    for _ in range(SEARCHES):
        for kind, query in queries.items():
            found.take(f"floor {kind}search", partial(floor.search, query))
            search = partial(memory.search, query, scope=scope, k=BEST)
            found.take(f"{kind}search", search)
            found.take(f"as-of {kind}search", partial(search, as_of=CUT))
    for item in new:
        memory.add(**item | {"scope": scope})
        found.take("search after add", partial(memory.search, texts.frequent, scope=scope, k=BEST))
    chosen = random.Random(1).choices(ids, k=GETS)
    for cube_id in chosen:
        found.take("floor get", partial(floor.get, cube_id))
        found.take("get", partial(memory.get, cube_id, any_state=True))
    floor.close()
    return found


def _change(memory: Memory, ids: list[str]) -> None:
    """Give the past something to differ in."""
    memory.name_cut(CUT)
    for cube_id in ids[:CHANGES]:
        memory.update(cube_id, "Something else stands here now.")
    for cube_id in ids[CHANGES : 2 * CHANGES]:
        memory.archive(cube_id)


class _Floor:
    """The reads that SQLite has to do, by hand."""

    def __init__(self, memory: Memory, texts: Texts) -> None:
        self._connection: apsw.Connection = bare(database_of(memory))
        session = memory._session
        scope = scope_of(0)
        terms_of = analyzer_of(session.digests.key(tenant_of(scope)))
        self._terms = {
            query: [term.term for term in terms_of.query_terms(query)]
            for query in (texts.frequent, texts.rare)
        }
        select = "SELECT scope_id FROM index_scope WHERE path = ?"
        ((self._scope,),) = self._connection.execute(select, (scope,))

    def search(self, query: str) -> None:
        run = self._connection.execute
        for term in self._terms[query]:
            for block in range(IN_SCOPE // 1024):
                run(
                    "SELECT docs FROM index_posting WHERE scope_id = ? AND block = ? AND term = ?",
                    (self._scope, block, term),
                ).fetchall()
        for offset in range(BEST):
            run("SELECT data FROM event WHERE offset = ?", (offset * 7,)).fetchall()

    def get(self, cube_id: str) -> None:
        run = self._connection.execute
        raw = bytes.fromhex(cube_id.replace("-", ""))
        head = run("SELECT position, state FROM head WHERE cube_id = ?", (raw,)).fetchone()
        assert head is not None
        run("SELECT tenant, subjects, wrapped FROM cube_key WHERE cube_id = ?", (raw,)).fetchone()
        run("SELECT data FROM event WHERE offset = ?", (head[0],)).fetchone()

    def close(self) -> None:
        self._connection.close()


def _tell(report: Report, size: int, found: _Found, is_reference: bool) -> None:
    for kind, times in found.times.items():
        report.row(
            memories=size,
            in_scope=min(size, IN_SCOPE),
            read=kind,
            p50_ms=p50(times),
            p95_ms=percentile(times, 0.95),
        )
    if is_reference or size == FULL:
        behind = "" if is_reference else f" at {size:,}"
        for kind in ("search", "rare search", "search after add", "get"):
            report.figures[f"{kind} p50 ms{behind}"] = p50(found.times[kind])
            report.figures[f"{kind} p95 ms{behind}"] = percentile(found.times[kind], 0.95)
        for kind, name in (("search", "as-of / plain"), ("rare search", "as-of / plain, rare")):
            ratio = p50(found.times[f"as-of {kind}"]) / p50(found.times[kind])
            report.figures[f"{name}{behind}"] = ratio


if __name__ == "__main__":
    sys.exit(main())
