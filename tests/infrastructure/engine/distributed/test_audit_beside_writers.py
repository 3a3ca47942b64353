"""Verify and audit beside writers, erases and reads: no false alarm, whatever is under way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from memos import Memory, Verification
from memos.infrastructure.engine.distributed.auditing.audit import NOT_COMPARED
from memos.infrastructure.servers import LocalServers
from tests.fleet import Fleet
from tests.scenarios.place import ADMINISTRATOR

ROUNDS = 2
WRITERS = 2

pytestmark = [pytest.mark.engines, pytest.mark.soak, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def fleet(engines: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("busy"), engines)
    try:
        made.make(ADMINISTRATOR)
        made.start_all()
        yield made
    finally:
        made.remove()


def write_until(fleet: Fleet, number: int, done: Event) -> int:
    """Add, change, read, derive and erase until told to stop; how many memories were added."""
    scope, added = f"busy{number}", 0
    with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
        while not done.is_set():
            first = memory.add(f"Kiln {added}.", scope=scope, subject=f"subject {number}.{added}")
            second = memory.add(f"Glaze {added}.", scope=scope, derived_from=[first.cube_id])
            memory.update(second.cube_id, f"Glaze {added} is blue.")
            memory.set_lifespan(second.cube_id, "90d")
            memory.search("glaze", scope=scope)
            if added % 3 == 0:
                memory.erase(subject=f"subject {number}.{added}")
            added += 1
    return added


def test_nothing_is_named_while_the_vault_is_written(fleet: Fleet) -> None:
    done = Event()
    checks: list[Verification] = []
    with ThreadPoolExecutor(WRITERS) as threads:
        writers: list[Future[int]] = [
            threads.submit(write_until, fleet, number, done) for number in range(WRITERS)
        ]
        try:
            with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
                memory.add("The first.", scope="busy")
                for _ in range(ROUNDS):
                    checks += [memory.verify(), memory.audit()]
        finally:
            done.set()
    assert all(writer.result() > 0 for writer in writers)
    assert [problem for check in checks for problem in check.problems] == []
    events = [check.events for check in checks]
    assert events == sorted(events)
    assert events[-1] > events[0] > 0
    with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
        memory.usage_digest()  # what was read is folded
        at_rest = memory.audit()
    assert at_rest.problems == ()
    assert len(at_rest.not_compared) == len(NOT_COMPARED)
