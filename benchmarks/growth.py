"""What grows with a distributed vault, and what does not: disks, memory, rates, searches.

    python -m benchmarks.growth [--sizes N ...] [--json FILE] [--check]

One tenant grows through the sizes. At each, one fold and one index worker take what was added, vectors
follow into Milvus, everything is flushed, and searches run with no worker beside them. The model of
`benchmarks.scale` says that bytes a memory and rates stay as they are, and is checked with these rows.
Vectors come from words (`word_vectors`), one a memory.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks import word_vectors
from benchmarks.distributed_vault import (
    Workers,
    await_progress,
    catch_up,
    position,
    server_process,
    servers,
    sizes,
    stored_bytes,
    write_settings,
)
from benchmarks.harness import (
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
from benchmarks.texts import Texts
from memos import EmbeddingsEndpoint, Memory
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema

SIZES = (20_000, 50_000, 100_000)
CHUNK = 2_000
GRAPH_SECONDS = 240
SEARCHES = 100
TENANT = "acme"
RECIPES = ("lexical", "hybrid")


def main(arguments: Sequence[str] | None = None) -> int:
    """Grow a vault; the exit code."""
    given = parse("growth", __doc__, arguments)
    asked = "--sizes" in (sys.argv if arguments is None else arguments)
    options = given if asked else replace(given, sizes=SIZES)
    report = Report()
    before = os.getloadavg()[0]
    with (
        workshop("growth") as directory,
        servers(directory) as engine,
        word_vectors.serving() as url,
    ):
        _run(options, report, directory, engine, url)
    report.notes.append(
        f"Load of the machine before and after: {before:.1f}, {os.getloadavg()[0]:.1f}; the servers "
        "and workers are that load."
    )
    return finish(options, report)


def _run(options: Options, report: Report, directory: Path, engine: LocalServers, url: str) -> None:
    model, width = word_vectors.MODEL, word_vectors.DIMENSIONS
    path = write_settings(
        engine, directory, f'url = "{url}"\nmodel = "{model}"\ndimensions = {width}\n'
    )
    embedder = EmbeddingsEndpoint(url, model, width)
    Memory(path).close()
    workers = Workers(path)
    with closing(Stores(load_settings(path))) as stores:
        texts, found, size = Texts(11), [], 0
        empty = _milvus(engine)
        try:
            for wanted in options.sizes:
                found.append(_grow(path, stores, engine, workers, texts, size, wanted))
                found[-1] |= _vectors(empty, _milvus(engine), wanted)
                found[-1] |= _searches(path, stores, embedder, texts)
                report.row(**{"memories": wanted, **found[-1]})
                size = wanted
        finally:
            workers.stop()
            schema.drop_all(stores.cassandra)
    report.figures |= {f"{name} at {size:,}": figure for name, figure in found[-1].items()}


def _grow(
    path: Path,
    stores: Stores,
    engine: LocalServers,
    workers: Workers,
    texts: Texts,
    size: int,
    wanted: int,
) -> dict[str, float]:
    """Grow to a size; what a memory takes by then, and how fast the last of them were taken."""
    progress(f"{wanted:,} memories: adding")
    with Memory(path, wait="durable") as memory:
        for at in range(size, wanted, CHUNK):
            memory.add_many(
                [
                    {"text": text, "scope": f"{TENANT}/user-{number % 50}"}
                    for number, text in enumerate(texts.take(min(CHUNK, wanted - at)), at)
                ]
            )
    end = sum(stores.logs.events.end().values())
    rates = {}
    for worker in ("fold", "index"):
        progress(f"{wanted:,} memories: {worker}")
        workers.start(worker)
        done, seconds = await_progress(lambda name=worker: position(stores, name), end)  # type: ignore[misc]
        rates[f"{worker} /s"] = done / seconds
    progress(f"{wanted:,} memories: vectors")
    catch_up(stores, "vectors")
    workers.stop()
    _await_graph(stores)
    log, tables = sizes(stores, engine)
    return {**rates, "kafka bytes": log / wanted, "cassandra bytes": tables / wanted}


def _await_graph(stores: Stores) -> None:
    """Wait until Milvus has built its graph over all that was written, which takes both cores."""
    settings, embedder = stores.settings.milvus, stores.settings.embedder
    if settings is None or embedder is None:
        raise ValueError("a vault without vectors")
    model = embedder.open()
    with closing(Milvus(settings)) as milvus:
        collection = Generations(milvus, model.digest, model.dimensions).alias
        begun = time.monotonic()
        while time.monotonic() - begun < GRAPH_SECONDS:
            told = milvus.client.describe_index(collection, "dense")
            if not int(told.get("pending_index_rows", 0)):
                return
            time.sleep(1)
        raise TimeoutError(f"Milvus still builds its graph: {told}")


def _milvus(engine: LocalServers) -> tuple[int, int]:
    """Bytes that Milvus has on disk and in memory, for whomever."""
    process = psutil.Process(server_process(engine, "milvus"))
    return stored_bytes(engine.directory / "milvus", "**/*"), process.memory_info().rss


def _vectors(empty: tuple[int, int], now: tuple[int, int], memories: int) -> dict[str, float]:
    """What a memory takes of Milvus beyond what it took empty."""
    disk, memory = (after - before for before, after in zip(empty, now, strict=True))
    return {"milvus bytes": disk / memories, "milvus memory": memory / memories}


def _searches(
    path: Path, stores: Stores, embedder: EmbeddingsEndpoint, texts: Texts
) -> dict[str, float]:
    """Times of searches of the whole tenant, and what a reader holds for them."""
    progress("searches")
    found: dict[str, float] = {}
    queries = [" ".join(text.split()[:6]) for text in texts.take(SEARCHES)]
    with Memory(path, embedder=embedder) as memory:
        found["tenant load s"] = timed(lambda: memory.search(queries[0], scope=TENANT))
        for recipe in RECIPES:
            hits = memory.search(queries[0], scope=TENANT, recipe=recipe)
            if "unavailable" in str(hits.explain):
                raise RuntimeError(f"{recipe} did not run whole: {hits.explain}")
            times = [
                timed(lambda query=query: memory.search(query, scope=TENANT, recipe=recipe))  # type: ignore[misc]  # noqa: B023
                for query in queries
            ]
            found[f"{recipe} p50 ms"] = p50(times)
            found[f"{recipe} p99 ms"] = percentile(times, 0.99)
        encoding = [timed(lambda query=query: embedder.embed([query])) for query in queries]  # type: ignore[misc]
        found["encoding p50 ms"] = p50(encoding)
    index = stores.live().index
    held = len(index.view(TENANT))
    found["reader bytes"] = index.nbytes / held
    return found


if __name__ == "__main__":
    sys.exit(main())
