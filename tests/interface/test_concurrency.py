"""One vault and several processes, threads and forks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos import Memory, VaultError
from tests.opened import stores_of

CREATE = """
import sys, time
from memos import Memory
while time.time() < float(sys.argv[2]):
    pass
with Memory(sys.argv[1], actor=sys.argv[3]) as memory:
    print(memory.add("mine", scope="acme").cube_id)
"""


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_make_the_same_vault_at_once_share_one(vault: Path, attempt: int) -> None:
    start = str(time.time() + 1.2)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, str(vault), start, f"agent:{n}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    made = [worker.communicate()[0].strip() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4
    with Memory(vault) as memory:
        for cube_id in made:
            assert memory.get(cube_id)
        assert memory.verify().ok
    assert [path.name for path in vault.parent.iterdir()] == [vault.name]


def test_threads_that_make_the_same_vault_at_once_share_one(vault: Path) -> None:
    barrier = threading.Barrier(6)

    def make(n: int) -> str:
        barrier.wait()
        with Memory(vault, actor="agent:alice") as memory:
            return memory.add(f"memory {n}", scope="acme").cube_id

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(make, range(6)))
    with Memory(vault) as memory:
        assert all(memory.get(cube_id) for cube_id in made)
        assert len(memory.search("memory", scope="acme")) == 6


def test_after_close_every_call_says_that_the_vault_is_closed(vault: Path) -> None:
    memory = Memory(vault, actor="agent:alice")
    receipt = memory.add("text", scope="acme")
    assert memory.get(receipt.cube_id)
    assert memory.search("text", scope="acme")
    memory.close()
    memory.close()
    for call in (
        lambda: memory.get(receipt.cube_id),
        lambda: memory.search("text", scope="acme"),
        lambda: memory.add("more", scope="acme"),
        lambda: memory.add_many([{"text": "more", "scope": "new"}]),
        lambda: memory.update(receipt.cube_id, "more"),
        lambda: memory.history(receipt.cube_id),
        lambda: list(memory.events()),
        lambda: memory.erase(cube_id=receipt.cube_id),
        lambda: memory.rollback(actor="agent:alice"),
        memory.sweep,
        memory.verify,
        memory.digest,
        memory.rebuild,
        memory.checkpoint,
        memory.stats,
        memory.cuts,
    ):
        with pytest.raises(VaultError, match="closed"):
            call()
    with Memory(vault, actor="agent:alice") as again:
        assert again.get(receipt.cube_id)


def test_threads_share_a_memory(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:

        def work(n: int) -> list[str]:
            made = []
            for m in range(10):
                receipt = memory.add(f"thread{n} memory{m}", scope=f"acme/{n}")
                assert [h.cube_id for h in memory.search(f"memory{m}", scope=f"acme/{n}")] == [
                    receipt.cube_id
                ]
                made.append(receipt.cube_id)
            return made

        with ThreadPoolExecutor(8) as threads:
            made = [cube_id for batch in threads.map(work, range(8)) for cube_id in batch]
        assert len(set(made)) == 80
        assert memory.stats().memories == 80
        assert memory.rebuild().digest == memory.digest()


def test_threads_that_end_leave_no_open_file_behind(vault: Path) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not list a process's open files")
    with Memory(vault, actor="agent:alice") as memory:
        receipt = memory.add("text", scope="acme")
        memory.get(receipt.cube_id)
        before = open_files()
        for _ in range(50):
            thread = threading.Thread(target=memory.get, args=(receipt.cube_id,))
            thread.start()
            thread.join()
        assert open_files() <= before + 6


def test_closing_while_others_read_and_write_is_told_to_them(vault: Path) -> None:
    memory = Memory(vault, actor="agent:alice")
    receipt = memory.add("text", scope="acme")
    started = threading.Barrier(5)
    wrong: list[BaseException] = []

    def work(n: int) -> None:
        started.wait()
        try:
            while True:
                memory.get(receipt.cube_id)
                memory.add(f"more {n}", scope="acme")
                memory.search("text", scope="acme")
        except VaultError:
            pass
        except BaseException as error:  # noqa: BLE001 - told below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    memory.close()
    for thread in threads:
        thread.join()
    assert wrong == []
    with Memory(vault, actor="agent:alice") as again:
        assert again.verify().ok
        assert again.rebuild().digest == again.digest()


FORK = """
import os, sys
from memos import Memory, VaultError
memory = Memory(sys.argv[1], actor="agent:alice")
receipt = memory.add("parent", scope="acme")
memory.search("parent", scope="acme")
child = os.fork()
if child == 0:
    refused = 0
    for call in (
        lambda: memory.get(receipt.cube_id),
        lambda: memory.add("child", scope="acme"),
        lambda: memory.search("parent", scope="acme"),
    ):
        try:
            call()
        except VaultError as error:
            refused += "fork" in str(error)
    with Memory(sys.argv[1], actor="agent:bob") as own:
        own.add("child", scope="acme")
    os._exit(0 if refused == 3 else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
memory.add("parent again", scope="acme")
assert memory.stats().memories == 3
assert memory.verify().ok
memory.close()
"""


def test_a_forked_child_is_told_to_open_the_vault_itself(vault: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FORK, str(vault)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


CHILD_CLOSES = """
import os, sys
from memos import Memory
memory = Memory(sys.argv[1], actor="agent:alice")
receipt = memory.add("parent", scope="acme")
memory.get(receipt.cube_id)
if os.fork() == 0:
    try:
        memory.close()
    finally:
        sys.exit(0)
os.wait()
for n in range(20):
    memory.add(f"after {n}", scope="acme")
memory.close()
with Memory(sys.argv[1], actor="agent:alice") as memory:
    assert memory.stats().memories == 21
    assert memory.verify().ok
"""


CHILD_ENDS = """
import os, sys, threading
from memos import Memory
from memos.infrastructure.governance import access_log
access_log.FLUSH_SECONDS = 600
memory = Memory(sys.argv[1], actor="agent:alice")
receipt = memory.add("parent", scope="acme")
memory.stats()
for _ in range(7):
    memory.get(receipt.cube_id)
child = os.fork()
if child == 0:
    sys.exit(0)  # with all that a program does at its end
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
from memos.infrastructure.sqlite.statements import row
before = row(memory._session.engine.stores.database.reader(), "SELECT count(*) FROM access")
assert before == (0,), before
assert memory.get(receipt.cube_id).uses == 0
memory.stats()
assert memory.get(receipt.cube_id).uses == 8
memory.close()
"""


def test_a_forked_child_writes_nothing_when_it_ends(vault: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CHILD_ENDS, str(vault)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_a_forked_child_that_ends_does_the_parent_no_harm(vault: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CHILD_CLOSES, str(vault)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert told.returncode == 0, told.stderr


def test_an_interrupt_never_looks_like_success(vault: Path) -> None:
    """Work that raises what interrupts programs, in a batch with others, fails alone."""
    with Memory(vault, actor="agent:alice") as memory:
        database = stores_of(memory).database

        def interrupted() -> None:
            raise KeyboardInterrupt

        leading, waiting = threading.Event(), threading.Event()

        def lead() -> None:
            leading.set()
            waiting.wait()

        outcomes: list[object] = []

        def write(work: object) -> None:
            try:
                outcomes.append(database.write(work))  # type: ignore[arg-type]
            except (VaultError, KeyboardInterrupt) as error:
                outcomes.append(type(error))

        first = threading.Thread(target=write, args=(lead,))
        first.start()
        leading.wait()
        others = [threading.Thread(target=write, args=(interrupted,)) for _ in range(1)]
        others += [threading.Thread(target=write, args=(lambda: "done",)) for _ in range(3)]
        for thread in others:
            thread.start()
        while database._group._queue.qsize() < 4:
            pass
        waiting.set()
        for thread in [first, *others]:
            thread.join()
        assert outcomes.count("done") == 3
        assert outcomes.count(KeyboardInterrupt) == 1
        assert outcomes.count(None) == 1
        assert memory.verify().ok


MANY_THREADS = """
import resource, sys, threading
from concurrent.futures import ThreadPoolExecutor
from memos import Memory
with Memory(sys.argv[1], actor="agent:alice") as memory:
    receipt = memory.add("text", scope="acme")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(memory.get, [receipt.cube_id] * 100))
    for _ in range(150):
        thread = threading.Thread(
            target=lambda: print(len(memory.search("text", scope="acme")), flush=True)
        )
        thread.start()
        thread.join()
    memory.add("still possible", scope="acme")
"""


def test_a_descriptor_limit_is_no_trap_for_many_short_threads(vault: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", MANY_THREADS, str(vault)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.stderr == ""
    assert child.stdout.split() == ["1"] * 150
    with Memory(vault) as memory:
        assert [hit.text for hit in memory.search("possible", scope="acme")] == ["still possible"]
