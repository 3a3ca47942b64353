"""Promise 4: durable, then acknowledged; acknowledged, then readable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from memos import Memory
from tests.opened import stores_of

ADD_UNTIL_KILLED = """
import sys
from memos import Memory
memory = Memory(sys.argv[1], actor="agent:alice")
number = 0
while True:
    receipt = memory.add(f"memory number {number}", scope="acme")
    sys.stdout.write(f"{receipt.cube_id} {number}\\n")
    sys.stdout.flush()
    number += 1
"""


def test_what_was_acknowledged_before_a_kill_is_there_after_it(vault: Path) -> None:
    command = [sys.executable, "-c", ADD_UNTIL_KILLED, str(vault)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        acknowledged = [worker.stdout.readline().split() for _ in range(50)]
        os.kill(worker.pid, signal.SIGKILL)
        acknowledged += [line.split() for line in worker.stdout.read().splitlines()]
    with Memory(vault, actor="agent:alice") as memory:
        for cube_id, number in acknowledged:
            cube = memory.get(cube_id)
            assert cube
            assert cube.text == f"memory number {number}"
        assert memory.verify().ok
        assert memory.rebuild().digest == memory.digest()


def test_a_writer_reads_and_finds_its_own_write_at_once(memory: Memory) -> None:
    for n in range(30):
        receipt = memory.add(f"word{n} and others", scope="acme/a")
        cube = memory.get(receipt.cube_id)
        assert cube
        assert cube.text == f"word{n} and others"
        assert [hit.cube_id for hit in memory.search(f"word{n}", scope="acme")] == [receipt.cube_id]
        memory.update(receipt.cube_id, f"changed{n}", expected_version=1)
        assert memory.search(f"word{n}", scope="acme") == []
        assert [hit.version for hit in memory.search(f"changed{n}", scope="acme")] == [2]


def test_another_process_reads_what_was_acknowledged(memory: Memory, vault: Path) -> None:
    receipt = memory.add("seen by all", scope="acme")
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from memos import Memory; print(Memory(sys.argv[1], actor='agent:bob').get(sys.argv[2]).text)",
            str(vault),
            receipt.cube_id,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "seen by all"


def test_a_commit_waits_for_the_disk(memory: Memory) -> None:
    database = stores_of(memory).database
    for connection in (database.writer, database.reader()):
        assert next(connection.execute("PRAGMA synchronous"))[0] == 2  # FULL
        assert next(connection.execute("PRAGMA journal_mode"))[0] == "wal"
    keys = stores_of(memory).keys.file.connection
    assert next(keys.execute("PRAGMA synchronous"))[0] == 2


def test_keys_are_on_the_disk_before_what_is_sealed_under_them(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("sealed", scope="acme", subject="ann")
        with apsw.Connection(str(vault / "keys.db"), flags=apsw.SQLITE_OPEN_READONLY) as keys:
            assert next(keys.execute("SELECT count(*) FROM subject_key"))[0] == 1


def test_a_batch_is_written_whole_or_not_at_all(memory: Memory) -> None:
    items: list[dict[str, object]] = [{"text": f"item {n}", "scope": "acme"} for n in range(5)]
    assert len(memory.add_many(items)) == 5
    before = memory.digest()
    items[3] = {"text": "item 3", "scope": "not//a scope"}
    with pytest.raises(ValueError, match="item 3"):
        memory.add_many(items)
    assert memory.digest() == before
