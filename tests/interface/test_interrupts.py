"""Interrupts at any instruction: the vault works afterwards, what was acknowledged is there, and the
interrupt says what may be written and how to ask.

`MEMOS_INTERRUPTS` is how many; a few hundred by default.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import apsw
import pytest

from memos import AsyncMemory, Memory, MemosError, NotFound, VaultError
from memos.infrastructure.engine.embedded import creation
from memos.infrastructure.sqlite.group_commit import Share
from memos.operation.cube import Forgotten
from tests.interface.interrupter import Interrupter
from tests.opened import stores_of
from tests.waiting import wait_until

# An interrupt that comes amid a callback of the garbage collector is told and goes on, in Python.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

INTERRUPTS = int(os.environ.get("MEMOS_INTERRUPTS", "240"))
IN_A_CALLBACK = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""An interrupt that comes in a weak reference's callback is swallowed by the interpreter."""
MOST_SECONDS = 30.0  # no interrupted call may take as long: it would wait for somebody for ever


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """SIGINT interrupts, also where whoever started the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupter() -> Iterator[Interrupter]:
    made = Interrupter(random.Random(7))
    yield made
    made.close()


class Life:
    """Random calls on a vault, and what was acknowledged of them."""

    def __init__(self, memory: Memory, rng: random.Random) -> None:
        self.memory = memory
        self.rng = rng
        self.written: dict[str, str] = {}
        self.erased: set[str] = set()
        self.uncertain: set[str] = set()
        """Cubes of which a change was cut off."""
        self.number = 0

    def call(self) -> Callable[[], object]:
        self.number += 1
        text = f"text number {self.number}"
        chosen = self.rng.choice([*self.written, ""]) if self.written else ""
        calls: list[Callable[[], object]] = [
            lambda: self.add(text),
            lambda: self.add(text),
            lambda: self.memory.search("text", scope="acme"),
            lambda: self.memory.add_many(
                [{"text": text, "scope": "acme/many"}, {"text": text, "scope": "acme/many"}]
            ),
        ]
        if chosen:
            calls += [
                lambda: self.memory.get(chosen),
                lambda: self.update(chosen, text),
                lambda: self.erase(chosen),
                lambda: self.roll_back(chosen),
                lambda: self.merge(text),
            ]
        return self.rng.choice(calls)

    def add(self, text: str) -> None:
        self.written[self.memory.add(text, scope=f"acme/{self.number % 9}").cube_id] = text

    def update(self, cube_id: str, text: str) -> None:
        self.uncertain.add(cube_id)
        self.memory.update(cube_id, text)
        self.written[cube_id] = text
        self.uncertain.discard(cube_id)

    def roll_back(self, cube_id: str) -> None:
        self.uncertain.add(cube_id)
        self.memory.rollback(cube_id=cube_id, to_version=1)

    def erase(self, cube_id: str) -> None:
        self.uncertain.add(cube_id)
        self.memory.erase(cube_id=cube_id)
        self.erased.add(cube_id)

    def merge(self, text: str) -> None:
        sources = [self.memory.add(text, scope="acme/merged").cube_id for _ in range(2)]
        self.written[self.memory.merge(sources, text).cube_id] = text

    def check(self, memory: Memory) -> None:
        """What was acknowledged is there, and what was erased is not."""
        for cube_id, text in self.written.items():
            cube = memory.get(cube_id)
            if cube_id in self.erased:
                assert isinstance(cube, Forgotten)
            elif cube_id not in self.uncertain:
                assert not isinstance(cube, Forgotten)
                assert cube.text == text


@IN_A_CALLBACK
def test_interrupts_at_random_instants_leave_a_vault_that_works(
    vault: Path, interrupter: Interrupter
) -> None:
    told: dict[str, int] = {}
    with Memory(vault, actor="agent:alice") as memory:
        life = Life(memory, random.Random(3))
        interrupts = 0
        while interrupts < INTERRUPTS:
            begun = time.monotonic()
            try:
                interrupt = interrupter.interrupted(life.call())
            except MemosError:
                continue  # of a cube of which a change was cut off
            if interrupt is None:
                continue
            interrupts += 1
            for note in getattr(interrupt, "__notes__", ()):
                told[note.partition(":")[0]] = told.get(note.partition(":")[0], 0) + 1
            memory.add("the next one", scope="acme/next")
            assert time.monotonic() - begun < MOST_SECONDS
        life.check(memory)
        assert memory.verify().ok
        with Memory(vault, actor="agent:bob") as other:
            other.add("of another process", scope="acme")
            life.check(other)
    with Memory(vault, actor="agent:alice") as memory:
        life.check(memory)
        assert memory.audit().problems == ()
        assert memory.rebuild().digest == memory.digest()
    assert told["add was cut off"] > 10
    assert told["the interrupted write had been committed"] > 10


def test_an_interrupt_names_the_operation_and_what_became_of_it(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        database = stores_of(memory).database
        commit = database.before_commit

        def committing() -> None:
            commit()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        database.before_commit = committing
        with pytest.raises(KeyboardInterrupt) as interrupted:
            memory.add("text", scope="acme")
        database.before_commit = commit
        done, asked = interrupted.value.__notes__
        assert done == "the interrupted write had been committed: all of it is written"
        operation = asked.partition("memory.events(operation='")[2].partition("'")[0]
        (entry,) = memory.events(operation=operation)
        assert entry.result == "accepted"
        assert memory.get(entry.cube_id)


def test_an_interrupt_while_another_process_writes_withdraws_the_write(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("before", scope="acme")
        other = apsw.Connection(str(vault / "memos.db"))
        other.execute("BEGIN IMMEDIATE")
        main = threading.main_thread().ident
        timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt) as interrupted:
            memory.add("after", scope="acme")
        assert "nothing of it was written" in interrupted.value.__notes__[0]
        other.execute("ROLLBACK")
        other.close()
        assert memory.stats().events == 1
        memory.add("and again", scope="acme")


def test_an_interrupted_transaction_of_one_caller_is_undone(vault: Path) -> None:
    """The second half of a long one is not waited for."""
    with Memory(vault, actor="agent:alice") as memory:
        for number in range(3):
            memory.add(f"text {number}", scope="acme")
        digest = memory.digest()

        main = threading.main_thread().ident or 0
        database = stores_of(memory).database
        begin, begun = database.on_begin, threading.Event()

        def slowly() -> None:
            begin()
            if database._group._current[0].share is Share.NOBODY and not begun.is_set():
                begun.set()
                signal.pthread_kill(main, signal.SIGINT)
                wait_until(lambda: not database._group.is_wanted(), every=0.001)

        database.on_begin = slowly

        with pytest.raises(KeyboardInterrupt) as interrupted:
            memory.rebuild()
        assert "nothing of it was written" in interrupted.value.__notes__[0]
        assert memory.digest() == digest
        assert memory.rebuild().digest == digest


@pytest.fixture
def ended_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may end by SystemExit: pytest tells of it, where Python passes over it."""
    hook = threading.excepthook

    def told(raised: threading.ExceptHookArgs) -> None:
        if raised.exc_type is not SystemExit:
            hook(raised)

    monkeypatch.setattr(threading, "excepthook", told)


@pytest.mark.usefixtures("ended_threads")
def test_threads_that_are_raised_into_hang_no_other(vault: Path) -> None:
    """Whatever the interpreter raises into a thread that writes for itself and others."""
    raise_into = ctypes.pythonapi.PyThreadState_SetAsyncExc
    rng = random.Random(5)
    ending = threading.Event()
    acknowledged: list[str] = []

    with Memory(vault, actor="agent:alice") as memory:
        memory.add("before", scope="acme")
        memory.search("before", scope="acme")  # what is imported at its first use is there

        def work(number: int) -> None:
            while not ending.is_set():
                receipt = memory.add(f"of thread {number}", scope=f"acme/{number}")
                acknowledged.append(receipt.cube_id)
                memory.search("thread", scope=f"acme/{number}")

        def keep_working(number: int) -> None:
            while not ending.is_set():
                with suppress(SystemExit):
                    work(number)

        threads = [threading.Thread(target=keep_working, args=(n,), daemon=True) for n in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(INTERRUPTS // 2):
            time.sleep(rng.uniform(0, 5e-3))
            raise_into(ctypes.c_ulong(rng.choice(threads).ident or 0), ctypes.py_object(SystemExit))
        ending.set()
        for thread in threads:
            thread.join(MOST_SECONDS)
        assert not any(thread.is_alive() for thread in threads)
        memory.add("the next one", scope="acme")
        for cube_id in acknowledged:
            assert memory.get(cube_id)
        assert memory.verify().ok
        assert memory.rebuild().digest == memory.digest()


def test_a_reader_that_was_interrupted_sees_what_is_new(vault: Path) -> None:
    """Also while its traceback is held, and with it all that it had begun to read."""
    with Memory(vault, actor="agent:alice") as memory:
        memory.add_many([{"text": f"first {n}", "scope": "acme"} for n in range(9)])
        database = stores_of(memory).database
        # As it is left where an interrupt comes between this and the block that would end it.
        reading = database.reading()
        rows = reading.__enter__().execute("SELECT a.data FROM event AS a, head AS b, attempt AS c")
        next(rows)
        memory.add("second", scope="acme")
        (hit,) = memory.search("second", scope="acme")
        assert hit.text == "second"
        del rows, reading


def test_a_cancelled_task_says_what_its_thread_may_still_write(vault: Path) -> None:
    async def run() -> None:
        async with await AsyncMemory.open(vault, actor="agent:alice") as memory:
            other = apsw.Connection(str(vault / "memos.db"))
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(memory.add("text", scope="acme"))
            group = stores_of(memory.memory).database._group
            await asyncio.to_thread(wait_until, lambda: bool(group._current), every=0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await task
            other.execute("ROLLBACK")
            other.close()
            asked, goes_on = cancelled.value.__notes__
            assert "goes on in its thread" in goes_on
            operation = asked.partition("memory.events(operation='")[2].partition("'")[0]
            await memory.add("behind it", scope="acme")
            (entry,) = [found async for found in memory.events(operation=operation)]
            assert await memory.get(entry.cube_id)
            cancels = [asyncio.create_task(memory.add(f"{n}", scope="acme")) for n in range(30)]
            rng = random.Random(9)
            for each in cancels:
                await asyncio.sleep(rng.uniform(0, 2e-3))
                each.cancel()
            done = await asyncio.gather(*cancels, return_exceptions=True)
            for receipt in done:
                if not isinstance(receipt, BaseException):
                    assert await memory.get(receipt.cube_id)
            assert (await memory.verify()).ok

    asyncio.run(run())


ENDING = """
import sys, threading, time
from memos import Memory
memory = Memory(sys.argv[1], actor="agent:alice")
def work():
    while True:
        print(memory.add("of a thread that ends with the program", scope="acme").cube_id, flush=True)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(float(sys.argv[2]))
"""


def test_threads_that_end_with_the_program_lose_nothing_they_were_told(vault: Path) -> None:
    for seconds in ("0.05", "0.2"):
        told = subprocess.run(
            [sys.executable, "-c", ENDING, str(vault), seconds],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        acknowledged = [line for line in told.stdout.splitlines() if len(line) == 36]
        with Memory(vault, actor="agent:alice") as memory:
            for cube_id in acknowledged:
                assert memory.get(cube_id)
            memory.add("the next one", scope="acme")
            assert memory.verify().ok


@IN_A_CALLBACK
def test_an_erase_that_was_interrupted_goes_on_to_its_end(
    vault: Path, interrupter: Interrupter
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        cut_off = 0
        for number in range(40):
            cube_id = memory.add(f"secret {number}", scope=f"acme/{number}").cube_id
            interrupt = interrupter.interrupted(partial(memory.erase, cube_id=cube_id))
            if interrupt is None:
                continue
            notes = getattr(interrupt, "__notes__", ())
            if any("nothing of it is done" in note for note in notes):
                assert not isinstance(memory.get(cube_id), Forgotten)
            elif any("had been done" in note for note in notes):
                cut_off += 1
                assert isinstance(memory.get(cube_id), Forgotten)
        assert cut_off
        with pytest.raises((NotFound, VaultError)):
            memory.erase(cube_id=memory.add("x", scope="acme").event_id)


def test_a_vault_whose_making_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(building: Path, creator: str) -> None:
        (building / "root.key").write_text("a key")
        raise KeyboardInterrupt

    monkeypatch.setattr(creation, "_fill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Memory(tmp_path / "vault", actor="agent:alice")
    assert list(tmp_path.iterdir()) == []
