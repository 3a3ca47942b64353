"""One trial: a load under way, something killed, and what must hold when all is back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from secrets import token_hex
from typing import Any

from memos import Memory
from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.log.port import Cut
from tests.fleet import ROOT, Fleet
from tests.kill.load import ACTOR
from tests.scenarios.place import read
from tests.waiting import wait_until

PATIENCE_SECONDS = 300
FIGURES = "MEMOS_KILL_FIGURES"


class Trial:
    """A load on a vault, as a process of its own, and the journal of what was acknowledged."""

    def __init__(self, fleet: Fleet, items: int) -> None:
        self.fleet = fleet
        self.tenant = f"tenant{token_hex(4)}"
        self._journal = fleet.directory / f"{self.tenant}.jsonl"
        self._items = items
        self._load: subprocess.Popen[bytes] | None = None
        with Memory(fleet.path, actor=ACTOR) as memory:
            self._earlier = memory.checkpoint(0)

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the load, or start it again."""
        with (self.fleet.directory / f"{self.tenant}.log").open("ab") as told:
            self._load = subprocess.Popen(
                ends_with_us(
                    [
                        *(sys.executable, "-m", "tests.kill.load"),
                        *("--config", str(self.fleet.path)),
                        *("--tenant", self.tenant, "--journal", str(self._journal)),
                        *("--items", str(self._items)),
                    ]
                ),
                cwd=ROOT,
                stdout=told,
                stderr=told,
            )
        return self._load

    def await_acknowledged(self, count: int) -> None:
        """Wait until so much was acknowledged."""
        wait_until(lambda: len(self.acknowledged) >= count, f"{count} acknowledged")

    def end(self) -> None:
        """Wait until the load is done: everything was acknowledged then."""
        assert self._load is not None
        status = self._load.wait(PATIENCE_SECONDS)
        assert status == 0, (self.fleet.directory / f"{self.tenant}.log").read_text()

    @property
    def _told(self) -> list[dict[str, Any]]:
        if not self._journal.exists():
            return []
        # A line that was cut off by a kill was not acknowledged to anybody.
        lines = self._journal.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.endswith("}")]

    @property
    def acknowledged(self) -> list[dict[str, Any]]:
        """What the callers were told is done."""
        return [each for each in self._told if "cube_id" in each]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What the callers saw fail meanwhile."""
        return [each for each in self._told if "error" in each]

    def check(self, name: str, **figures: float) -> int:
        """Nothing acknowledged is missing or there twice, and the log is the one that was signed.

        Returns:
            How many records of the log repeat another one, with no effect of their own.
        """
        last = {each["cube_id"]: each for each in self.acknowledged}
        with Memory(self.fleet.path, actor=ACTOR) as memory:
            absorbed = {each["absorbed"] for each in self._told if "absorbed" in each}
            wanted = [each for each in last.values() if each["cube_id"] not in absorbed]
            for each in wanted:
                assert read(memory, each["cube_id"]).text == each["text"]
            hits = memory.search("item merged load two", scope=self.tenant, k=10_000)
            found = Counter(hit.cube_id for hit in hits)
            assert found == Counter(each["cube_id"] for each in wanted)
            log = list(memory.events(scope=self.tenant))
            once = Counter(e.event_id for e in log if e.result == "accepted")
            assert max(once.values()) == 1
            assert {each["event_id"] for each in self.acknowledged} <= once.keys()
            assert memory.verify().problems == ()
            key = memory.verifier_key()
            assert memory.prove(wanted[0]["event_id"]).verify(key)
            grown = memory.prove_consistency(self._earlier, 0)
            assert grown.verify(self._earlier.root, key)
        duplicates = len(log) - len({entry.event_id for entry in log})
        keep(
            name,
            acknowledged=len(last),
            missing=0,
            duplicates=duplicates,
            errors=len(self.errors),
            **figures,
        )
        return duplicates


def check_projections(fleet: Fleet) -> None:
    """Every projection is what the log says: after all that was killed."""
    with Memory(fleet.path, actor=ACTOR) as memory:
        assert memory.audit().problems == ()


def caught_up(fleet: Fleet) -> float:
    """Wait until fold and index are where the log ends now; how many seconds that took."""
    began = time.monotonic()
    with Memory(fleet.path, actor=ACTOR) as memory:
        memory._session.engine.waiter.until_applied(log_end(memory))  # type: ignore[attr-defined]
    return time.monotonic() - began


def log_end(memory: Memory) -> Cut:
    """Where the log of a vault ends now."""
    end: Cut = memory._session.engine.stores.logs.events.end()  # type: ignore[attr-defined]
    return end


def keep(name: str, **figures: float) -> None:
    """Print figures, and add them to the file that MEMOS_KILL_FIGURES names."""
    rounded = {key: round(value, 2) for key, value in figures.items()}
    sys.stdout.write(f"{name}: {rounded}\n")
    path = os.environ.get(FIGURES)
    if path:
        kept = json.loads(Path(path).read_text()) if Path(path).exists() else {}
        Path(path).write_text(json.dumps({**kept, name: rounded}, indent=2) + "\n")
