"""Three copies of everything, and servers that are killed one by one and two by two.

    python -m tests.replicas [--items N] [--keep DIRECTORY]

Three Cassandra nodes and three Kafka brokers run on this machine, with a vault of replication 3 and
quorums of 2. While a load writes, one of three is killed: writes and reads go on. Two of three are
killed: errors name the servers and what to do. Back again, nothing that was acknowledged is missing.

It takes about 6 GB of memory and ten minutes on two cores, so CI does not run it: `make replicas`
does. Figures go to benchmarks/results/replicas.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memos import Memory
from memos.infrastructure.servers import ServerName
from memos.interface.vaults import create_vault
from memos.kernel.errors import MemosError
from tests.fleet import ROOT
from tests.kill.load import ACTOR
from tests.kill.trial import Trial, caught_up
from tests.replicas.servers import HOSTS, Cluster, ReplicatedVault

RESULT = ROOT / "benchmarks" / "results" / "replicas.json"
BEFORE = 8
"""So much is acknowledged before something is killed."""

LOOK_SECONDS = 0.05
BYSTANDER = "bystander"
"""Of a caller beside the load."""


class Run:
    """One run: its servers, its vault and its figures."""

    def __init__(self, directory: Path, items: int) -> None:
        self.cluster = Cluster(directory)
        self.directory = directory
        self.items = items
        self.figures: dict[str, Any] = {}
        self._loads: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        began = time.monotonic()
        self.cluster.up()
        self.tell("servers up", seconds=time.monotonic() - began)
        vault = ReplicatedVault(self.directory, self.cluster)
        began = time.monotonic()
        create_vault(vault.path, actor=ACTOR)
        self.tell("vault created", seconds=time.monotonic() - began)
        try:
            vault.start_all()
            self._undisturbed(vault)
            for server in ("kafka", "cassandra"):
                self._one_killed(vault, server)
                self._two_killed(vault, server)
        finally:
            for each in self._loads:
                each.kill()
            vault.end()

    def _undisturbed(self, vault: ReplicatedVault) -> None:
        trial = Trial(vault, self.items)
        began = time.monotonic()
        gap = longest_gap(trial, self._begin(trial))
        seconds = time.monotonic() - began
        trial.end()
        trial.check("undisturbed")
        self._keep("all up", trial, seconds=seconds, longest_gap=gap)

    def _one_killed(self, vault: ReplicatedVault, name: ServerName) -> None:
        killed = self.cluster.servers(name)[1]
        trial = Trial(vault, self.items)
        load = self._begin(trial)
        trial.await_acknowledged(BEFORE)
        killed.kill()
        gap = longest_gap(trial, load)
        trial.end()
        trial.check(f"one {name} killed")  # reads, searches, audits and proves without it
        killed.up()
        seconds = caught_up(vault)
        self._keep(f"one of three {name} killed", trial, longest_gap=gap, caught_up=seconds)

    def _two_killed(self, vault: ReplicatedVault, name: ServerName) -> None:
        trial = Trial(vault, self.items)
        memory = Memory(vault.impatient(), actor=ACTOR)
        known = memory.add("written before", scope=BYSTANDER)
        self._begin(trial)
        trial.await_acknowledged(BEFORE)
        for each in self.cluster.servers(name)[1:]:
            each.kill()
        told = {
            "add": refusal(lambda: memory.add("written meanwhile", scope=BYSTANDER)),
            "get": refusal(lambda: memory.get(known.cube_id)),
            "open": refusal(lambda: Memory(vault.impatient(), actor=ACTOR).close()),
            "close": refusal(memory.close),  # which sends what was read, for usage
        }
        began = time.monotonic()
        for each in self.cluster.servers(name)[1:]:
            each.begin()
        for each in self.cluster.servers(name)[1:]:
            each.await_serving()
        back = time.monotonic()
        trial.end()
        seconds = caught_up(vault)
        with Memory(vault.path, actor=ACTOR) as memory:
            assert memory.get(known.cube_id).cube_id == known.cube_id
        trial.check(f"two {name} killed")
        self._keep(
            f"two of three {name} killed",
            trial,
            servers_back=back - began,
            caught_up=seconds,
            told=told,
        )

    def _begin(self, trial: Trial) -> subprocess.Popen[bytes]:
        self._loads.append(trial.begin())
        return self._loads[-1]

    def _keep(self, name: str, trial: Trial, **figures: Any) -> None:
        acknowledged = len({each["cube_id"] for each in trial.acknowledged})
        messages = sorted({each["message"] for each in trial.errors})
        self.tell(name, acknowledged=acknowledged, missing=0, errors=len(trial.errors), **figures)
        for message in messages:
            sys.stdout.write(f"    a caller was told: {message}\n")

    def tell(self, name: str, **figures: Any) -> None:
        """Print figures and keep them."""
        rounded = {
            key: round(value, 2) if isinstance(value, float) else value
            for key, value in figures.items()
        }
        self.figures[name] = rounded
        sys.stdout.write(f"{name}: {rounded}\n")
        sys.stdout.flush()


def longest_gap(trial: Trial, load: subprocess.Popen[bytes]) -> float:
    """Follow a load to its end: the longest time, in seconds, in which nothing was acknowledged."""
    longest, last, count = 0.0, time.monotonic(), len(trial.acknowledged)
    while load.poll() is None:
        time.sleep(LOOK_SECONDS)
        now, found = time.monotonic(), len(trial.acknowledged)
        if found > count:
            longest, last, count = max(longest, now - last), now, found
    return longest


def refusal(call: Callable[[], object]) -> tuple[float, str]:
    """After how many seconds a call ended, and what it told: "done", or why it cannot be done."""
    began = time.monotonic()
    told = "done"
    try:
        call()
    except MemosError as error:
        told = f"{type(error).__name__}: {error}"
        named = HOSTS[0] in told or "worker" in told
        assert named, told
        assert "again" in told or "memos doctor" in told or "running" in told, told
    return round(time.monotonic() - began, 2), told


def main() -> int:
    """Run it all; 0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.replicas")
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="a directory that is left with all that was said")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = given.keep or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        run = Run(directory, given.items)
        try:
            run.run()
        finally:
            run.cluster.down()
        RESULT.write_text(json.dumps(run.figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
