"""What does a durable write cost, against the bare insertion of the same rows?

    python -m benchmarks.writes [--full] [--json FILE] [--check]

The floor inserts, over a bare connection with the same durability, exactly the rows that MemOS
writes for the same memories: SQLite's session extension recorded them on a copy of the vault. It
encrypts, hashes, analyses and folds nothing, and its rows come in key order. Floor and MemOS take
turns on two copies of one vault, so that both meet the same disk.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

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
from benchmarks.texts import Item, Texts, items
from benchmarks.vaults import BATCH, Rows, bare, fill, insert, rows_of
from memos import Memory
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE

REFERENCE = 10_000
SINGLES = 1_000
BATCHES = 10
TURN = 50
THREADS = 8
PROCESSES = 4
TOGETHER = 1_600


class Measured(NamedTuple):
    """Seconds of each write, MemOS's and the floor's."""

    ours: list[float]
    floor: list[float]

    @property
    def ratio(self) -> float:
        """The floor's time as a share of ours: 1 would be as fast as bare insertion."""
        return sum(self.floor) / sum(self.ours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure at every size; the exit code."""
    options = parse("writes", __doc__, arguments)
    report = Report()
    with workshop("writes") as directory:
        _measure(options, report, directory)
    report.notes.append(
        f"A memory has 25 words, a scope and a source. add: {SINGLES:,} single durable adds, each "
        f"indexed and readable when it returns. add_many: {BATCHES} batches of {BATCH:,}."
    )
    return finish(options, report)


def _measure(options: Options, report: Report, directory: Path) -> None:
    texts = Texts()
    template = directory / "template"
    reference = REFERENCE if REFERENCE in options.sizes else options.sizes[-1]
    written = 0
    for size in options.sizes:
        progress(f"{size:,} memories")
        with Memory(template) as memory:
            fill(memory, texts, written, size - written)
        written = size
        singles = [[item] for item in items(texts, size, SINGLES)]
        batches = [items(texts, size + SINGLES + n * BATCH, BATCH) for n in range(BATCHES)]
        with _Copies(template, directory) as copies:
            one = copies.compare(singles)
            many = copies.compare(batches)
            _tell_size(report, size, reference, one, many)
            if size == reference:
                later = size + SINGLES + BATCHES * BATCH
                _together(report, copies.memory, items(texts, later, TOGETHER), one)
        if size == reference:
            _processes(report, directory / "memos")
        for copy in ("memos", "recorded", "floor"):
            shutil.rmtree(directory / copy)


def _tell_size(report: Report, size: int, reference: int, one: Measured, many: Measured) -> None:
    rate = BATCH * len(many.ours) / sum(many.ours)
    report.row(
        memories=size,
        floor_add_p50_ms=p50(one.floor),
        add_p50_ms=p50(one.ours),
        add_p99_ms=percentile(one.ours, 0.99),
        **{"add / floor": p50(one.ours) / p50(one.floor)},
        floor_batched_per_s=BATCH * len(many.floor) / sum(many.floor),
        **{"add_many per s": rate},
        **{"add_many / floor": many.ratio},
    )
    if size == reference:
        report.figures |= {
            "floor add p50 ms": p50(one.floor),
            "add p50 ms": p50(one.ours),
            "add p99 ms": percentile(one.ours, 0.99),
            "add p50 / floor": p50(one.ours) / p50(one.floor),
            "add_many cubes/s": rate,
            "add_many / floor": many.ratio,
        }
    if size == FULL:
        before = report.figures["add_many cubes/s"]
        report.figures["add_many at 1,000,000 / at 10,000"] = rate / before


class _Copies:
    """Three copies of a vault: one for MemOS, one to record what it writes, one for the floor."""

    def __init__(self, template: Path, directory: Path) -> None:
        for copy in ("memos", "recorded"):
            shutil.copytree(template, directory / copy)
        (directory / "floor").mkdir()
        shutil.copy(template / DATABASE_FILE, directory / "floor")
        self.memory = Memory(directory / "memos")
        self._recorded = Memory(directory / "recorded")
        self._floor = bare(directory / "floor" / DATABASE_FILE)

    def __enter__(self) -> _Copies:
        return self

    def __exit__(self, *_: object) -> None:
        self.memory.close()
        self._recorded.close()
        self._floor.close()

    def compare(self, batches: list[list[Item]]) -> Measured:
        """Write batches (of one: by `add`) and their recorded rows, in turns."""
        recorded: list[Rows] = [
            rows_of(self._recorded, partial(_write, self._recorded, batch)) for batch in batches
        ]
        ours: list[float] = []
        floor: list[float] = []
        turn = TURN if len(batches[0]) == 1 else 1
        for first in range(0, len(batches), turn):
            turns = slice(first, first + turn)
            ours.extend(timed(partial(_write, self.memory, each)) for each in batches[turns])
            floor.extend(timed(partial(insert, self._floor, each)) for each in recorded[turns])
        return Measured(ours, floor)


def _write(memory: Memory, batch: list[Item]) -> None:
    if len(batch) == 1:
        memory.add(**batch[0])
    else:
        memory.add_many(batch)


def _together(report: Report, memory: Memory, todo: list[Item], one: Measured) -> None:
    """Eight threads adding to one vault at once."""
    started = threading.Barrier(THREADS + 1)
    times: list[list[float]] = [[] for _ in range(THREADS)]

    def work(number: int) -> None:
        started.wait()
        times[number] = _timed_adds(memory, todo[number::THREADS])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    started.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    alone, rate = len(one.ours) / sum(one.ours), len(todo) / took
    report.figures["8 threads adds/s"] = rate
    report.figures["8 threads / one thread"] = rate / alone
    _tell_together(report, "1 thread", alone, alone, one.ours)
    _tell_together(report, f"{THREADS} threads", rate, alone, list(chain.from_iterable(times)))


def _processes(report: Report, vault: Path) -> None:
    """Four processes adding to one vault at once, one thread each."""
    context = multiprocessing.get_context("spawn")
    told: Queue[tuple[float, float, list[float]]] = context.Queue()
    started = context.Barrier(PROCESSES)
    children = [
        context.Process(target=_process, args=(vault, number, started, told))
        for number in range(PROCESSES)
    ]
    for child in children:
        child.start()
    found = [told.get(timeout=300) for _ in children]
    for child in children:
        child.join()
    took = max(end for _, end, _ in found) - min(start for start, _, _ in found)
    rate = PROCESSES * (TOGETHER // PROCESSES) / took
    report.figures["4 processes adds/s"] = rate
    times = [each for _, _, own in found for each in own]
    alone = report.rows[-1]["adds per s"] / report.rows[-1]["times one thread"]
    _tell_together(report, f"{PROCESSES} processes", rate, alone, times)


def _process(
    vault: Path,
    number: int,
    started: Barrier,
    told: Queue[tuple[float, float, list[float]]],
) -> None:
    todo = items(Texts(seed=100 + number), 0, TOGETHER // PROCESSES)
    with Memory(vault) as memory:
        started.wait(120)
        start = time.monotonic()
        times = _timed_adds(memory, todo)
        told.put((start, time.monotonic(), times))


def _timed_adds(memory: Memory, todo: list[Item]) -> list[float]:
    adds: list[Callable[[], object]] = [partial(memory.add, **item) for item in todo]
    return [timed(add) for add in adds]


def _tell_together(report: Report, who: str, rate: float, alone: float, times: list[float]) -> None:
    report.row(
        writers=who,
        adds_per_s=rate,
        times_one_thread=rate / alone,
        add_p50_ms=p50(times),
        add_p99_ms=percentile(times, 0.99),
    )


if __name__ == "__main__":
    sys.exit(main())
