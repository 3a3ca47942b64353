"""How fast is the log folded, rebuilt, verified and erased from, and how much memory does it take?

    python -m benchmarks.folding [--full] [--json FILE] [--check]

The floor of a rebuild inserts the rows of the finished projections into an empty database, with
the same tables and indexes, in one transaction; that of a verify reads every record and every head
and hashes each once; that of a digest reads every head. Each is done in a process of its own;
memory is by how much the process grew at its peak from what it held with the vault just opened.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from multiprocessing.queues import Queue
from pathlib import Path
from typing import NamedTuple

from benchmarks.folding_floor import insert_projections
from benchmarks.harness import (
    FULL,
    Options,
    Report,
    finish,
    parse,
    progress,
    timed,
    workshop,
)
from benchmarks.texts import Texts, items, scope_of
from benchmarks.vaults import bare, fill
from memos import Memory
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.log.sqlite import log_size, read_records
from memos.kernel.cube import CubeState
from memos.kernel.event import decode
from memos.kernel.keyed_fold import KeyedFold

ERASED = 100
CHANGES = 500
COMPARED = 100_000
PAGE = 10_000
FOLDED = 200_000
"""At most so many events are folded alone, since all their states are kept."""


class Done(NamedTuple):
    """What a process did: how many, in how many seconds, and how far it grew, in MiB."""

    number: int
    seconds: float
    grown: float

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.number / self.seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure at every size; the exit code."""
    options = parse("folding", __doc__, arguments)
    report = Report()
    with workshop("folding") as directory:
        _measure(options, report, directory)
    report.notes.append(
        "The log holds one Generated a memory and up to "
        f"{3 * CHANGES:,} updates, tags and archivings. erase: {ERASED} memories of one subject, "
        "in as many scopes as there are."
    )
    return finish(options, report)


def _measure(options: Options, report: Report, directory: Path) -> None:
    texts = Texts()
    vault = directory / "vault"
    grown: dict[tuple[str, int], float] = {}
    for size in options.sizes:
        progress(f"{size:,} memories")
        _prepare(vault, texts, size)
        progress("floor of rebuild")
        inserted = insert_projections(vault, directory / "floor.db")
        done = {work.__name__.lstrip("_"): _apart(work, vault) for work in WORK}
        floor_rebuild = Done(done["rebuild"].number, inserted, 0.0)
        floors: Mapping[str, Done] = {
            "rebuild": floor_rebuild,
            "verify": done.pop("floor_verify"),
            "digest": done.pop("floor_digest"),
        }
        for name, each in done.items():
            grown[name, size] = each.grown
            _tell(report, size, name, each, floors.get(name))
        _note_figures(report, size, options.sizes, done, floor_rebuild)
    for name in ("rebuild", "verify"):
        if (name, FULL) in grown and (name, COMPARED) in grown:
            ratio = grown[name, FULL] / grown[name, COMPARED]
            report.figures[f"{name} memory at 1,000,000 / at 100,000"] = ratio


def _note_figures(
    report: Report, size: int, sizes: Sequence[int], done: Mapping[str, Done], floor: Done
) -> None:
    """The last size is what the targets are about."""
    if size != sizes[-1]:
        return
    rebuilt = done["rebuild"]
    report.figures |= {
        "fold events/s": done["fold"].rate,
        "rebuild events/s": rebuilt.rate,
        "rebuild / floor": floor.seconds / rebuilt.seconds,
        "verify events/s": done["verify"].rate,
        "digest s": done["digest"].seconds,
        "erase 100 s": done["erase"].seconds,
        "rebuild MiB": rebuilt.grown,
        "verify MiB": done["verify"].grown,
    }


def _tell(report: Report, size: int, name: str, done: Done, floor: Done | None) -> None:
    report.row(
        memories=size,
        what=name,
        floor_per_s=None if floor is None else done.number / floor.seconds,
        per_s=done.rate,
        **{"of the floor": None if floor is None else floor.seconds / done.seconds},
        seconds=done.seconds,
        grown_MiB=None if name == "fold" else done.grown,
    )


def _prepare(vault: Path, texts: Texts, size: int) -> None:
    """Grow the vault to `size` memories, of which some are changed and 100 are about somebody."""
    with Memory(vault) as memory:
        there = memory.stats().memories
        ids = fill(memory, texts, there, size - there - ERASED)
        for number, cube_id in enumerate(ids[:: max(10, size // CHANGES)]):
            memory.update(cube_id, f"Something else stands here now, for the {number}th time.")
            memory.tag(cube_id, "changed")
            memory.archive(cube_id)
        about = items(texts, size - ERASED, ERASED)
        memory.add_many(
            item | {"subject": f"subject-{size}", "scope": scope_of(number * size // ERASED)}
            for number, item in enumerate(about)
        )


def _apart(work: Callable[[Memory], tuple[int, float]], vault: Path) -> Done:
    """Do some work on a vault in a new process."""
    progress(work.__name__.lstrip("_"))
    context = multiprocessing.get_context("spawn")
    told: Queue[Done] = context.Queue()
    child = context.Process(target=_child, args=(work, vault, told))
    child.start()
    child.join()
    assert child.exitcode == 0, f"{work.__name__} failed"
    return told.get(timeout=10)


def _child(work: Callable[[Memory], tuple[int, float]], vault: Path, told: Queue[Done]) -> None:
    with Memory(vault) as memory:
        opened = _memory("VmRSS")
        count, seconds = work(memory)
        told.put(Done(count, seconds, _memory("VmHWM") - opened))


def _memory(name: str) -> float:
    """A figure of this process's memory, in MiB; the peak where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    (told,) = (line for line in status.read_text().splitlines() if line.startswith(name))
    return int(told.split()[1]) / 2**10


def _fold(memory: Memory) -> tuple[int, float]:
    """The fold alone: records are read and decoded before the clock runs."""
    states: dict[bytes, CubeState | None] = {}
    keyed = KeyedFold()
    seconds = 0.0
    connection = bare(memory.path / DATABASE_FILE)
    size = min(FOLDED, log_size(connection))
    for start in range(0, size, PAGE):
        page = read_records(connection, start, min(size, start + PAGE))
        events = [decode(record.data) for record in page]
        began = time.perf_counter()
        for event in events:
            after, _, _ = keyed.fold(states.get(event.cube_id), event)
            states[event.cube_id] = after
        seconds += time.perf_counter() - began
    connection.close()
    return size, seconds


def _rebuild(memory: Memory) -> tuple[int, float]:
    began = time.perf_counter()
    events = memory.rebuild().events
    return events, time.perf_counter() - began


def _verify(memory: Memory) -> tuple[int, float]:
    began = time.perf_counter()
    found = memory.verify()
    seconds = time.perf_counter() - began
    assert found.ok, found.problems[:3]
    return found.events, seconds


def _digest(memory: Memory) -> tuple[int, float]:
    seconds = timed(memory.digest)
    return memory.stats().memories, seconds


def _floor_verify(memory: Memory) -> tuple[int, float]:
    connection = bare(memory.path / DATABASE_FILE)
    began = time.perf_counter()
    count = 0
    for (data,) in connection.execute("SELECT data FROM event ORDER BY offset"):
        sha256(data).digest()
        count += 1
    for (state,) in connection.execute("SELECT state FROM head ORDER BY cube_id"):
        sha256(state).digest()
    seconds = time.perf_counter() - began
    connection.close()
    return count, seconds


def _floor_digest(memory: Memory) -> tuple[int, float]:
    connection = bare(memory.path / DATABASE_FILE)
    began = time.perf_counter()
    count = sum(1 for _ in connection.execute("SELECT state FROM head ORDER BY cube_id"))
    seconds = time.perf_counter() - began
    connection.close()
    return count, seconds


def _erase(memory: Memory) -> tuple[int, float]:
    subject = f"subject-{memory.stats().memories}"
    began = time.perf_counter()
    erased = len(memory.erase(subject=subject).cube_ids)
    seconds = time.perf_counter() - began
    assert erased == ERASED, erased
    return erased, seconds


WORK = (_fold, _rebuild, _floor_verify, _verify, _floor_digest, _digest, _erase)

if __name__ == "__main__":
    sys.exit(main())
