"""Commands that tell of places in the log, whatever its partitions."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interface.cli.support import Shell
from tests.scenarios.place import Place

PROGRAM = Path(sys.executable).with_name("memos")
MEMORIES = 12


@contextmanager
def tailing(place: Place, *options: str) -> Iterator[subprocess.Popen[str]]:
    line = [PROGRAM, "tail", "--vault", place.path, "--json", "--scope", place.tenant, *options]
    tail = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        yield tail
    finally:
        tail.kill()
        tail.wait()
        assert tail.stdout is not None
        tail.stdout.close()


def told(tail: subprocess.Popen[str]) -> str:
    """The id of the next event."""
    assert tail.stdout is not None
    event_id: str = json.loads(tail.stdout.readline())["result"]["event_id"]
    return event_id


def test_the_end_of_a_log_is_shown_in_its_order_and_what_comes_behind_it_once(
    place: Place,
) -> None:
    memory = place.open()
    for number in range(MEMORIES):
        memory.add(f"Number {number}.", scope=place.tenant)
    log = [entry.event_id for entry in memory.events(scope=place.tenant)]
    assert len(log) == MEMORIES
    with tailing(place, "-n", "5") as tail:
        assert [told(tail) for _ in range(5)] == log[-5:]
        assert tail.wait(120) == 0
    with tailing(place, "-n", "1", "-f", "--interval", "0.1") as tail:
        assert told(tail) == log[-1]
        written = [memory.add(f"Then {n}.", scope=place.tenant).event_id for n in range(MEMORIES)]
        assert sorted(told(tail) for _ in range(MEMORIES)) == sorted(written)
        tail.send_signal(signal.SIGINT)
        assert tail.wait(120) == 0


def test_a_cut_is_listed_by_what_lies_before_it(place: Place) -> None:
    memory = place.open()
    memory.add("One.", scope=place.tenant)
    memory.name_cut(place.tenant)
    listed = Shell(place.path).json("cut", "list")
    (cut,) = (each for each in listed if each["name"] == place.tenant)
    assert cut["records"] == memory.cuts()[place.tenant] > 0
    last = f"0:{cut['records'] - 1}"
    assert cut["position"] == (last if place.is_embedded else None)
