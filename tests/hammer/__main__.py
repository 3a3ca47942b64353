"""The hammer: processes that work on one vault and are killed at random instants.

    python -m tests.hammer [--long] [--seconds N] [--seed N]

In each round the workers are killed one by one and started again, then all at once; a judge opens
the vault and holds it against what every worker was told. Ends with status 1 where a promise was
broken; the vault and the journals are then kept.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from random import Random
from typing import Any

import memos.infrastructure.engine.embedded
import memos.infrastructure.index.sqlite
import memos.operation
from tests.hammer.check import Verdict, judge
from tests.hammer.operations import make_shared
from tests.hammer.worker import run_worker
from tests.machine import machine

PROCESSES = 8
COUNTERS = 4
POOL = 12
LONG_SECONDS = 180.0
SHORT_SECONDS = 12.0
ROUND_SECONDS = (3.0, 15.0)  # of a short and of a long run
KILL_EVERY = (0.02, 0.6)
RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "hammer.json"

# Workers are forked from this process, which never opens a vault and never starts a thread: a new
# one is at work in milliseconds. Nothing else of it is shared.
_FORK = multiprocessing.get_context("fork")

IMPORTED = (
    memos.operation,
    memos.infrastructure.engine.embedded,
    memos.infrastructure.index.sqlite,
)
"""Packages of which a method imports what it needs when it is called: a worker lives too short for it."""
for _package in IMPORTED:
    for _module in walk_packages(_package.__path__, f"{_package.__name__}."):
        import_module(_module.name)
_Process = multiprocessing.context.ForkProcess


class Hammer:
    """One run: a vault, its workers, and what the judge found."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.vault = directory / "vault"
        self.journals = directory / "journals"
        self.journals.mkdir()
        self.random = Random(seed)
        self.seed = seed
        self.kills = 0
        self.rounds = 0
        self.lives = 0
        self.total = Verdict()
        self.shared: dict[str, list[str]] = self._apart(
            make_shared, self.vault, COUNTERS, POOL, [f"agent:{slot}" for slot in range(PROCESSES)]
        )

    def round(self, seconds: float) -> Verdict:
        """Work and kill for so long, then judge what this round's workers were told."""
        self.rounds += 1
        before = set(self.journals.iterdir())
        workers = [self._start(slot) for slot in range(PROCESSES)]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.random.uniform(*KILL_EVERY))
            slot = self.random.randrange(PROCESSES)
            self._kill(workers[slot])
            workers[slot] = self._start(slot)
        for worker in workers:
            self._kill(worker, wait=False)
        for worker in workers:
            worker.join()
        return self.judge(sorted(set(self.journals.iterdir()) - before))

    def judge(self, journals: list[Path]) -> Verdict:
        """Check the vault against these journals."""
        named = f"{self.seed}/{self.rounds}"
        found: Verdict = self._apart(judge, self.vault, journals, self.shared["counters"], named)
        return found

    def add(self, found: Verdict) -> None:
        """Take a round's figures into the total."""
        for name in ("attempts", "acknowledged", "refused", "checked"):
            getattr(self.total, name).update(getattr(found, name))
        for name in ("lost", "half", "broken"):
            getattr(self.total, name).extend(getattr(found, name))
        self.total.cut_off += found.cut_off
        self.total.events = found.events

    def _start(self, slot: int) -> _Process:
        self.lives += 1
        threads = self.random.randrange(2, 5)
        life = f"{self.seed}x{self.lives}"
        given = (self.vault, self.journals, slot, life, threads, self.shared)
        worker = _FORK.Process(target=run_worker, args=given, daemon=True)
        worker.start()
        return worker

    def _kill(self, worker: _Process, *, wait: bool = True) -> None:
        if worker.is_alive():
            worker.kill()
            self.kills += 1
        if wait:
            worker.join()

    def _apart(self, work: Any, *given: Any) -> Any:
        """Run something that opens the vault in a process of its own."""
        receiver, sender = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_send, args=(sender, work, given))
        process.start()
        sender.close()
        try:
            return receiver.recv()
        except EOFError:
            raise SystemExit(f"{work.__name__} failed: see above") from None
        finally:
            process.join()


def _send(sender: Any, work: Any, given: tuple[Any, ...]) -> None:
    sender.send(work(*given))


def summary(hammer: Hammer, started: float) -> dict[str, Any]:
    """The figures of a run."""
    total = hammer.total
    return {
        "ok": total.ok,
        "seed": hammer.seed,
        "seconds": round(time.monotonic() - started, 1),
        "rounds": hammer.rounds,
        "processes": PROCESSES,
        "kills": hammer.kills,
        "operations": sum(total.attempts.values()),
        "acknowledged": sum(total.acknowledged.values()),
        "cut_off": total.cut_off,
        "events": total.events,
        "lost": len(total.lost),
        "half_done": len(total.half),
        "broken": len(total.broken),
        "checked": _sorted(total.checked),
        "operations_by_kind": _sorted(total.attempts),
        "refused": _sorted(total.refused),
        "machine": machine(),
    }


def _sorted(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items()))


def main() -> int:
    """Run and print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.hammer", description=__doc__)
    parser.add_argument("--long", action="store_true", help="hundreds of kills; keeps the result")
    parser.add_argument("--seconds", type=float, help="how long to work, checks not counted")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    given = parser.parse_args()
    seconds = given.seconds or (LONG_SECONDS if given.long else SHORT_SECONDS)
    directory = Path(tempfile.mkdtemp(prefix="memos-hammer-"))
    started, worked = time.monotonic(), 0.0
    hammer = Hammer(directory, given.seed)
    while worked < seconds and hammer.total.ok:
        length = min(ROUND_SECONDS[given.long], seconds - worked)
        hammer.add(hammer.round(length))
        worked += length
        print(
            f"round {hammer.rounds}: {hammer.kills} kills, "
            f"{sum(hammer.total.attempts.values())} operations, {hammer.total.events} events, "
            f"{len(hammer.total.lost)} lost, {len(hammer.total.half)} half done, "
            f"{len(hammer.total.broken)} broken",
            file=sys.stderr,
            flush=True,
        )
    if hammer.total.ok:
        final = hammer.judge(sorted(hammer.journals.iterdir()))
        for name in ("lost", "half", "broken"):
            getattr(hammer.total, name).extend(getattr(final, name))
    return report(hammer, summary(hammer, started), directory, keep=given.long)


def report(hammer: Hammer, figures: dict[str, Any], directory: Path, *, keep: bool) -> int:
    """Print the figures, and where something broke, what and where it can be looked at."""
    print(json.dumps(figures, indent=2))
    total = hammer.total
    if not total.ok:
        for told in [*total.lost, *total.half, *total.broken][:20]:
            print(f"BROKEN: {told}", file=sys.stderr)
        print(f"the vault and the journals are in {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    if keep:
        RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
