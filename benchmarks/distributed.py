"""How fast is the distributed engine, with its servers and workers on this one machine?

    python -m benchmarks.distributed [--full] [--json FILE] [--check]

Kafka, Cassandra and Milvus are started for the run; MEMOS_ENGINES=DIR uses those of `memos engine
up DIR`. The floor of a rebuild writes the rows of the same records, folded before, and does nothing
else.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.distributed_vault import (
    Workers,
    await_progress,
    catch_up,
    cpu_seconds,
    position,
    server_process,
    servers,
    sizes,
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
from benchmarks.texts import Item, Texts
from memos import Memory
from memos.infrastructure.engine.distributed.engine import DistributedEngine
from memos.infrastructure.engine.distributed.refold import index_worker
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.engine.distributed.stores import Stores, open_generation
from memos.infrastructure.engine.distributed.workers.fold import PartitionFold
from memos.infrastructure.engine.distributed.workers.port import Mark
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.stored import stored_from
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.interface.actor import DEFAULT_ACTOR
from memos.interface.vaults import create_vault

READY_EVENTS = 100_000
READY_BYTES = 290
CHUNK = 2_000
SINGLE = 300
JOINED_SECONDS = 12.0
"""In which two workers start and share the partitions out."""
APPLIED = 200
CALLERS, ADDS_OF_EACH = 30, 40
BULK = 10_000
SEARCHES = 100
COUNT, FULL_COUNT = 20_000, 100_000
ALL = ("fold", "index", "usage", "seal")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options = parse("distributed", __doc__, arguments)
    report = Report()
    with workshop("distributed") as directory, servers(directory) as engine:
        _run(options, report, directory, engine)
    load = os.getloadavg()[0]
    report.notes.append(f"load of the machine at the end: {load:.1f}; everything ran on it")
    return finish(options, report)


def _run(options: Options, report: Report, directory: Path, engine: LocalServers) -> None:
    path = write_settings(engine, directory)
    progress("making a vault")
    report.figures["create vault s"] = timed(lambda: create_vault(path, actor=DEFAULT_ACTOR))
    workers = Workers(path)
    stores = Stores(load_settings(path))
    try:
        _measure(options, report, path, workers, stores, engine)
    finally:
        workers.stop()
        schema.drop_all(stores.cassandra)
        stores.close()


def _measure(
    options: Options,
    report: Report,
    path: Path,
    workers: Workers,
    stores: Stores,
    engine: LocalServers,
) -> None:
    count = FULL_COUNT if options.full else COUNT
    texts = Texts(7)
    _log(report, stores)
    _durable(report, path, texts, count)
    live = _fold(report, workers, stores, engine)
    _index(report, workers, stores, engine)
    _sizes(report, stores, engine)
    workers.start("usage", "seal")
    _applied(report, path, workers, texts)
    _callers(report, path, texts)
    _beside_bulk(report, path, texts)
    _search(report, path, texts, count)
    _two_folds(report, path, workers, stores, texts, count)
    _recover(report, path, workers, stores, texts)
    workers.stop()
    _audit(report, path, live)
    _rebuild(report, path, stores)


def _log(report: Report, stores: Stores) -> None:
    """Ready-made events through the EventLog port, on the access topic: nobody folds them."""
    progress("ready-made events through the log")
    log = stores.logs.access
    keys = [secrets.token_bytes(16) for _ in range(2_000)]
    entries = [(keys[n % 2_000], os.urandom(READY_BYTES)) for n in range(READY_EVENTS)]
    seconds = timed(
        lambda: [log.append(entries[at : at + CHUNK]) for at in range(0, READY_EVENTS, CHUNK)]
    )
    _rate(report, "log append", READY_EVENTS, seconds)


def _durable(report: Report, path: Path, texts: Texts, count: int) -> None:
    progress(f"{count:,} memories, durable")
    with Memory(path, wait="durable") as memory:
        items = _items(texts, count)
        seconds = timed(
            lambda: [memory.add_many(items[at : at + CHUNK]) for at in range(0, count, CHUNK)]
        )
        _rate(report, "add_many", count, seconds)
        times = [
            timed(lambda item=item: memory.add(**item))  # type: ignore[misc]
            for item in _items(texts, SINGLE)
        ]
    _latency(report, "durable add", times)


def _fold(report: Report, workers: Workers, stores: Stores, engine: LocalServers) -> float:
    """The rate at which one worker folds what waits, and the CPU that it takes."""
    progress("one fold worker")
    end = sum(stores.logs.events.end().values())
    with _cpu(report, workers, engine, "fold", end):
        done, seconds = await_progress(lambda: position(stores, FOLD), end)
    return _rate(report, "live fold", done, seconds)


def _index(report: Report, workers: Workers, stores: Stores, engine: LocalServers) -> None:
    progress("one index worker")
    end = sum(stores.logs.events.end().values())
    with _cpu(report, workers, engine, "index", end):
        done, seconds = await_progress(lambda: position(stores, "index"), end)
    _rate(report, "index", done, seconds)


@contextmanager
def _cpu(
    report: Report, workers: Workers, engine: LocalServers, name: str, events: int
) -> Iterator[None]:
    """CPU an event of a worker that starts here, from its first import on, and of Cassandra."""
    cassandra = server_process(engine, "cassandra")
    before = cpu_seconds(cassandra)
    workers.start(name)
    yield
    (worker,) = workers.running(name)
    report.figures[f"{name} worker us"] = cpu_seconds(worker.pid) / events * 1e6
    report.figures[f"{name} cassandra us"] = (cpu_seconds(cassandra) - before) / events * 1e6


def _sizes(report: Report, stores: Stores, engine: LocalServers) -> None:
    """What the log and the folded memories take on disk."""
    progress("sizes")
    log, tables = sizes(stores, engine)
    events = sum(stores.logs.events.end().values())
    report.figures["kafka bytes"] = log / events
    report.figures["cassandra bytes"] = tables / events
    report.row(size="an event", events=events, in_Kafka=log / events, in_Cassandra=tables / events)


def _two_folds(
    report: Report, path: Path, workers: Workers, stores: Stores, texts: Texts, count: int
) -> None:
    progress("two fold workers")
    workers.stop()
    workers.start("fold", "fold")
    time.sleep(JOINED_SECONDS)
    # Stopped while the log grows, so that neither the start of a process nor their sharing out of the
    # partitions is counted; for shorter than their session.
    for process in workers.running("fold"):
        process.send_signal(signal.SIGSTOP)
    with Memory(path, wait="durable") as memory:
        for at in range(0, count, CHUNK):
            memory.add_many(_items(texts, min(CHUNK, count - at)))
    end = sum(stores.logs.events.end().values())
    for process in workers.running("fold"):
        process.send_signal(signal.SIGCONT)
    done, seconds = await_progress(lambda: position(stores, FOLD), end)
    rate = _rate(report, "live fold, two workers", done, seconds)
    report.figures["two folds / one"] = rate / report.figures["live fold /s"]
    workers.start("index", "usage", "seal")
    catch_up(stores, "index")


def _applied(report: Report, path: Path, workers: Workers, texts: Texts) -> None:
    progress("applied adds")
    with Memory(path) as memory:
        items = _items(texts, APPLIED)
        memory.add(**items[0])
        times = [timed(lambda item=item: memory.add(**item)) for item in items]  # type: ignore[misc]
    _latency(report, "applied add", times)


def _callers(report: Report, path: Path, texts: Texts) -> None:
    """Many callers at once, each of whom waits until what it added can be read."""
    progress(f"{CALLERS} callers")
    with Memory(path) as memory, ThreadPoolExecutor(CALLERS) as callers:
        requests: list[object] = []
        engine = memory._session.engine
        assert isinstance(engine, DistributedEngine)
        engine.stores.cassandra.session.add_request_init_listener(requests.append)

        def add(item: Item) -> float:
            return timed(lambda: memory.add(**item))

        began = time.perf_counter()
        times = list(callers.map(add, _items(texts, CALLERS * ADDS_OF_EACH)))
        seconds = time.perf_counter() - began
    report.figures["requests to Cassandra for an add"] = len(requests) / len(times)
    _rate(report, "concurrent adds", len(times), seconds)
    _latency(report, "concurrent add", times)


def _beside_bulk(report: Report, path: Path, texts: Texts) -> None:
    """One tenant loads in bulk and waits until all can be read, another one adds single memories."""
    progress(f"adds of one tenant beside {BULK:,} of another")
    bulk = _items(texts, BULK)
    with (
        Memory(path, tenant="globex") as loader,
        Memory(path) as memory,
        ThreadPoolExecutor(1) as threads,
    ):
        began = time.perf_counter()
        loading = threads.submit(loader.add_many, [{**item, "scope": "globex"} for item in bulk])
        times = []
        for item in _items(texts, BULK):
            if loading.done():
                break
            times.append(timed(lambda item=item: memory.add(**item)))  # type: ignore[misc]
        loading.result()
        seconds = time.perf_counter() - began
    _rate(report, "bulk beside adds", BULK, seconds)
    _latency(report, "add beside bulk", times)


def _search(report: Report, path: Path, texts: Texts, count: int) -> None:
    progress(f"searches among {count:,}")
    with Memory(path) as memory:
        report.figures["tenant load s"] = timed(lambda: memory.search(texts.rare, scope="acme"))
        queries = [" ".join(text.split()[:6]) for text in texts.take(SEARCHES)]
        times = [
            timed(lambda query=query: memory.search(query, scope="acme"))  # type: ignore[misc]
            for query in queries
        ]
    _latency(report, "search", times)


def _recover(report: Report, path: Path, workers: Workers, stores: Stores, texts: Texts) -> None:
    """From SIGKILL of the fold workers to all that was appended meanwhile being readable."""
    progress("SIGKILL of the fold workers")
    for process in workers.running("fold"):
        process.send_signal(signal.SIGKILL)
    began = time.perf_counter()
    with Memory(path, wait="durable") as memory:
        receipts = memory.add_many(_items(texts, CHUNK))
    workers.start("fold")
    catch_up(stores, "index")
    report.figures["recovery s"] = time.perf_counter() - began
    with Memory(path) as memory:
        lost = sum(not memory.get(each.cube_id) for each in receipts[::20])
    report.figures["lost after SIGKILL"] = float(lost)


def _audit(report: Report, path: Path, live: float) -> None:
    progress("audit")
    with Memory(path) as memory:
        began = time.perf_counter()
        found = memory.audit()
        rate = _rate(report, "audit", found.events, time.perf_counter() - began)
        report.figures["audit problems"] = float(len(found.problems))
    report.figures["audit / live fold"] = rate / live


def _rebuild(report: Report, path: Path, stores: Stores) -> None:
    """A rebuild beside a bare script that writes the same rows, folded before."""
    progress("the floor of a rebuild")
    floor = _bare_rows(stores)
    progress("rebuild")
    with Memory(path) as memory:
        before = memory.digest()
        began = time.perf_counter()
        rebuilt = memory.rebuild()
        seconds = time.perf_counter() - began
    _rate(report, "rebuild", rebuilt.events, seconds)
    _rate(report, "rebuild floor", rebuilt.events, floor)
    report.figures["rebuild / floor"] = floor / seconds
    report.figures["rebuild differs"] = float(rebuilt.digest != before)


def _bare_rows(stores: Stores) -> float:
    """Seconds that the rows of all records take to be written, into a generation of their own."""
    generation = open_generation(stores.cassandra, schema.new_generation(stores.cassandra))
    index = index_worker(stores, generation)
    end = stores.logs.events.end()
    folds = {partition: PartitionFold(generation.vault, Mark()) for partition in end}
    seconds = 0.0
    for records in stores.logs.events.read_all(end):
        partition = records[0].position.partition
        if partition not in index.partitions:
            index.assigned(partition)
        batch = folds[partition].fold(records)
        changes = index.changes(partition, filter(None, map(stored_from, batch.folded)))
        began = time.perf_counter()
        generation.writer.write_records(batch.folded)
        generation.writer.write_heads(batch.folded)
        generation.spans.write(partition, changes)
        seconds += time.perf_counter() - began
        folds[partition].done(batch)
    schema.drop_generation(stores.cassandra, generation.number)
    return seconds


def _items(texts: Texts, count: int) -> list[Item]:
    return [
        {"text": text, "scope": f"acme/user-{number % 50}/chat"}
        for number, text in enumerate(texts.take(count))
    ]


def _rate(report: Report, what: str, count: int, seconds: float) -> float:
    rate = count / seconds
    report.figures[f"{what} /s"] = rate
    report.row(rate=what, events=count, seconds=seconds, per_second=rate)
    return rate


def _latency(report: Report, what: str, times: Sequence[float]) -> None:
    report.figures[f"{what} p50 ms"] = p50(times)
    report.figures[f"{what} p99 ms"] = percentile(times, 0.99)
    report.row(
        latency=what, times=len(times), p50_ms=p50(times), p95_ms=percentile(times, 0.95),
        p99_ms=percentile(times, 0.99),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
