"""A vault under load and under attack by chance, for long.

    python -m tests.soak [--minutes 10] [--callers 30] [--seed 1] [--keep DIRECTORY]

Callers write all the time, each thing under a key, until it is acknowledged. Meanwhile workers, Kafka and
Cassandra are killed, an operator errs, audits, rebuilds, and loses the projections; a supervisor starts
again what ended. Afterwards nothing that was acknowledged is missing or there twice, the audit finds
nothing, and a rebuild gives the same digest. Figures go to benchmarks/results/soak.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

from memos import Memory
from memos.infrastructure.servers import LocalServers, leased
from tests.fleet import PARTITIONS, ROOT, WORKERS, Fleet
from tests.kill.load import ACTOR
from tests.kill.trial import caught_up
from tests.scenarios.place import read
from tests.soak.callers import Callers, Gaps
from tests.soak.disturbances import Disturbances

RESULT = ROOT / "benchmarks" / "results" / "soak.json"
CALM_SECONDS = (1.0, 6.0)
"""Between two disturbances."""
LOOK_SECONDS = 0.1


class Supervisor:
    """Starts a worker again, under its name, as soon as it has ended."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._ending = Event()
        self._thread = Thread(target=self._watch, name="supervisor", daemon=True)
        for worker in WORKERS:
            self._start(worker)
        for worker in WORKERS:
            fleet.await_said(worker, "goes on from", PARTITIONS)
        self._thread.start()

    def end(self) -> None:
        """Restart nothing more."""
        self._ending.set()
        self._thread.join()

    def _start(self, worker: str) -> None:
        self._fleet.start(worker, options=["--instance", f"{worker}-0"])

    def _watch(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            for worker in WORKERS:
                if self._fleet.process(worker).poll() is not None:
                    self._start(worker)


def soak(directory: Path, minutes: float, count: int, seed: int) -> dict[str, Any]:
    """Run it; the figures."""
    with leased(LocalServers(directory / "servers", ["kafka", "cassandra"])) as servers:
        servers.up()
        fleet = Fleet(directory, servers)
        fleet.make(ACTOR)
        supervisor = Supervisor(fleet)
        callers = Callers(fleet.path, directory, count)
        done, longest = disturb(callers, Disturbances(fleet, servers, Random(seed)), minutes)
        callers.end()
        seconds = caught_up(fleet)
        supervisor.end()
        figures = check(fleet, callers)
        fleet.remove()
    return {
        **figures,
        "minutes": minutes,
        "callers": count,
        "seed": seed,
        "done": dict(done.most_common()),
        "told": dict(callers.errors().most_common()),
        "longest gap s": round(longest, 2),
        "caught up s": round(seconds, 2),
        "hardware": f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}",
    }


def disturb(
    callers: Callers, disturbances: Disturbances, minutes: float
) -> tuple[Counter[str], float]:
    """Disturb until the time is over: what was done how often, and the longest time, in seconds, in which
    nothing was acknowledged.
    """
    random, done, gaps = Random(0), Counter[str](), Gaps(callers)
    ending = Event()

    def watch() -> None:
        while not ending.wait(LOOK_SECONDS):
            gaps.look()

    watching = Thread(target=watch, daemon=True)
    watching.start()
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        time.sleep(random.uniform(*CALM_SECONDS))
        callers.check_alive()
        began = time.monotonic()
        name = disturbances.run()
        done[name] += 1
        tell(f"{name}: {time.monotonic() - began:.1f} s; {callers.acknowledged:,} acknowledged")
    ending.set()
    watching.join()
    return done, gaps.longest


def check(fleet: Fleet, callers: Callers) -> dict[str, Any]:
    """Nothing acknowledged is missing or there twice, and every projection is what the log says."""
    memories = events = 0
    with Memory(fleet.path, actor=ACTOR) as memory:
        for scope, told in callers.told():
            acknowledged = [each for each in told if "cube_id" in each]
            absorbed = {each["absorbed"] for each in told if "absorbed" in each}
            texts = {each["cube_id"]: each["text"] for each in acknowledged}
            wanted = texts.keys() - absorbed
            for cube_id in wanted:
                assert read(memory, cube_id).text == texts[cube_id]
            hits = memory.search("item merged load two", scope=scope, k=10_000)
            assert Counter(hit.cube_id for hit in hits) == Counter(wanted)
            accepted = Counter(
                e.event_id for e in memory.events(scope=scope) if e.result == "accepted"
            )
            assert max(accepted.values()) == 1
            assert {each["event_id"] for each in acknowledged} <= accepted.keys()
            memories, events = memories + len(wanted), events + len(acknowledged)
        audited = memory.audit()
        assert audited.problems == ()
        before = memory.digest()
        assert memory.rebuild().digest == before
    return {"acknowledged": events, "memories": memories, "missing": 0, "twice": 0, "problems": 0}


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run it all; 0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--callers", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a directory that is left with all that was said")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = given.keep or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        figures = soak(directory, given.minutes, given.callers, given.seed)
    tell(json.dumps(figures, indent=2))
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
