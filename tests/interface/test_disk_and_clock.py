"""Disks that are full or read-only, clocks that jump."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from memos import (
    DiskFull,
    EraseUnfinished,
    Forgotten,
    IllegalMove,
    MemCube,
    Memory,
    VaultError,
    doctor,
)
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE
from tests.opened import stores_of
from tests.waiting import wait_until

SECOND = 1_000_000
NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Rights do not bind the superuser: become somebody whom they bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_full_disk_is_told_and_nothing_is_half_written(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        first = memory.add("before", scope="acme")
        writer = stores_of(memory).database.writer
        pages = next(writer.execute("PRAGMA page_count"))[0]
        writer.execute(f"PRAGMA max_page_count = {pages + 20}").fetchall()
        items = [{"text": f"filler {n} " * 50, "scope": "acme"} for n in range(100)]
        digest, events = memory.digest(), memory.stats().events
        with pytest.raises(VaultError, match="full"):
            memory.add_many(items)
        assert (memory.digest(), memory.stats().events) == (digest, events)
        assert memory.get(first.cube_id)
        writer.execute("PRAGMA max_page_count = 1000000").fetchall()
        assert len(memory.add_many(items)) == 100
        assert memory.rebuild().digest == memory.digest()
        assert memory.verify().ok


def _limit(connection: apsw.Connection, more: int) -> None:
    """Let a database grow by so many pages and no further, as a full disk does."""
    (pages,) = next(connection.execute("PRAGMA page_count"))
    connection.execute(f"PRAGMA max_page_count = {pages + more}").fetchall()


def test_accesses_that_a_full_disk_holds_up_are_told_of_and_written_when_there_is_room(
    vault: Path,
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        receipt = memory.add("text", scope="acme")
        writer = stores_of(memory).database.writer
        _limit(writer, 0)
        for _ in range(600):
            memory.get(receipt.cube_id)
        stats = memory.stats()
        assert stats.accesses_waiting > 100
        assert "full" in stats.access_failure
        (finding,) = [each for each in doctor(vault) if "accesses wait" in each.what]
        assert "full" in finding.what
        _limit(writer, 100_000)
        wait_until(lambda: memory.stats().accesses >= 600)
        stats = memory.stats()
        assert (stats.accesses_waiting, stats.accesses_lost, stats.access_failure) == (0, 0, "")
        cube = memory.get(receipt.cube_id)
        assert isinstance(cube, MemCube)
        assert cube.uses == 600
        assert doctor(vault) == ()


def test_a_key_file_on_a_full_disk_is_a_clear_error_and_nothing_is_half_done(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("text", scope="acme")
        keys = stores_of(memory).keys.file.connection
        _limit(keys, 0)
        events = memory.stats().events
        done = []

        def fill(number: int) -> None:
            done.append(memory.add("text", scope=f"acme/{number}"))

        with pytest.raises(DiskFull, match="full"):
            any(map(fill, range(500)))
        assert memory.stats().events == events + len(done)
        _limit(keys, 100_000)
        memory.add("there is room again", scope="acme/new")
        assert memory.verify().ok
        assert memory.rebuild().digest == memory.digest()


def test_a_really_full_disk_loses_nothing_and_goes_on_with_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        with Memory(disk / "vault", actor="agent:alice") as memory:
            done: list[str] = []
            filler = (disk / "filler").open("wb")
            filler.write(bytes(2**20))
            filler.flush()

            def fill(number: int) -> None:
                text = f"filler {number} " * 40
                done.append(memory.add(text, scope=f"acme/{number % 50}").cube_id)

            with pytest.raises(VaultError):
                any(map(fill, range(2000)))
            with pytest.raises(VaultError):
                any(map(fill, range(200)))
            assert done
            filler.close()
            (disk / "filler").unlink()
            memory.add("there is room again", scope="acme")
            for cube_id in done:
                assert memory.get(cube_id)
            assert memory.verify().ok
            wait_until(lambda: memory.stats().access_failure == "")
        with Memory(disk / "vault", actor="agent:alice") as memory:
            assert memory.audit().problems == ()
            assert memory.rebuild().digest == memory.digest()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)  # noqa: S607


@pytest.mark.parametrize("gone", ["vault", "memos.db", "keys.db"])
def test_a_vault_that_was_deleted_is_noticed_at_the_next_write(vault: Path, gone: str) -> None:
    memory = Memory(vault, actor="agent:alice")
    memory.add("text", scope="acme")
    if gone == "vault":
        shutil.rmtree(vault)
    else:
        (vault / gone).unlink()
    with pytest.raises(VaultError, match=r"removed or replaced|check"):
        memory.add("lost", scope="acme")
    with suppress(VaultError):
        memory.close()


FILL = """
import json, resource, sys
from memos import Memory, VaultError
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
done, told = [], ""
try:
    memory = Memory(sys.argv[1], actor="agent:alice")
    while True:
        receipt = memory.add("some filler words " * 20, scope="acme")
        done.append(receipt.cube_id)
except VaultError as error:
    told = str(error)
try:
    memory.close()
except VaultError:
    pass
print(json.dumps([done, told]))
"""


def test_what_was_acknowledged_before_files_could_grow_no_more_is_there(vault: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FILL, str(vault)], capture_output=True, text=True, check=True
    )
    done, error = json.loads(told.stdout)
    assert done
    assert str(vault) in error
    with Memory(vault, actor="agent:alice") as memory:
        for cube_id in done:
            assert memory.get(cube_id)
        assert memory.verify().ok
        assert memory.rebuild().digest == memory.digest()
        memory.add("there is room again", scope="acme")


def test_a_vault_that_could_not_be_made_leaves_nothing(vault: Path) -> None:
    code = FILL.replace("400_000, 400_000", "20_000, 20_000")
    told = subprocess.run(
        [sys.executable, "-c", code.replace("memory.close()", "pass"), str(vault)],
        capture_output=True,
        text=True,
        check=True,
    )
    done, error = json.loads(told.stdout)
    assert done == []
    assert str(vault) in error
    assert list(vault.parent.iterdir()) == []


def test_a_read_only_vault_is_a_clear_error() -> None:
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    try:
        with Memory(directory / "vault") as memory:
            memory.add("x", scope="acme")
        for path in (directory / "vault").iterdir():
            path.chmod(0o444)
        (directory / "vault").chmod(0o555)
        with unprivileged(), pytest.raises(VaultError, match=r"writing|missing|cannot"):
            Memory(directory / "vault")
        directory.chmod(0o555)
        with unprivileged(), pytest.raises(VaultError, match="may write to"):
            Memory(directory / "new")
        assert [path.name for path in directory.iterdir()] == ["vault"]
    finally:
        directory.chmod(0o755)
        (directory / "vault").chmod(0o755)
        shutil.rmtree(directory)


def test_a_slow_clock_takes_nothing_back_of_when_a_memory_was_last_used(vault: Path) -> None:
    now = [1_700_000_000 * SECOND]
    with Memory(vault, clock=lambda: now[0]) as memory:
        cube_id = memory.add("text", scope="acme").cube_id
        for moved in (60, -3600, 120, -86_400):
            now[0] += moved * SECOND
            memory.get(cube_id)
            memory.stats()
        last = datetime.fromtimestamp(1_700_000_060, UTC)
        for _ in range(2):
            cube = memory.get(cube_id)
            assert isinstance(cube, MemCube)
            assert cube.last_used == last
            digest = memory.usage_digest()
            memory.rebuild()
            assert memory.usage_digest() == digest


def test_a_clock_that_jumps_back_does_not_take_log_time_with_it(vault: Path) -> None:
    start = 1_700_000_000 * SECOND
    times = iter(range(10_000))
    ahead = [0]

    def clock() -> int:
        return start + ahead[0] + next(times)

    with Memory(vault, clock=clock) as memory:
        first = memory.add("first", scope="acme")
        ahead[0] = 3600 * SECOND
        second = memory.add("second", scope="acme")
        ahead[0] = -86_400 * SECOND
        third = memory.add("third", scope="acme")
        logged = [entry.log_time for entry in memory.events()]
        assert logged == sorted(logged)
        at = datetime.fromtimestamp(1_700_000_000, UTC)
        shown = {
            hours: {
                hit.text
                for hit in memory.search(
                    "first second third", scope="acme", as_of=at + timedelta(hours=hours)
                )
            }
            for hours in (-1, 0.5, 2)
        }
        assert shown == {-1: set(), 0.5: {"first"}, 2: {"first", "second", "third"}}
        for receipt in (first, second, third):
            assert memory.get(receipt.cube_id)
        assert memory.verify().ok
    with Memory(vault, clock=lambda: -5) as memory:
        memory.add("before the epoch", scope="acme")
        assert memory.verify().ok
        logged = [entry.log_time for entry in memory.events()]
        assert logged == sorted(logged)


def test_an_erase_that_is_stopped_says_that_it_has_begun(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        cube = memory.add("a secret", scope="acme").cube_id
        stores_of(memory).keys.file.connection.set_busy_timeout(20)
        other = apsw.Connection(str(vault / KEYS_FILE))
        other.execute("BEGIN IMMEDIATE")  # as another process that makes keys and hangs
        with pytest.raises(EraseUnfinished) as stopped:
            memory.erase(cube_id=cube)
        told = str(stopped.value)
        assert "nothing was written" not in told
        assert "asked for again" in told
        assert stopped.value.operation_id in told
        with pytest.raises(IllegalMove, match="being erased"):
            memory.update(cube, "not any more")
        other.execute("ROLLBACK")
        other.close()
        receipt = memory.erase(cube_id=cube)
        assert (receipt.operation_id, receipt.gone) == (stopped.value.operation_id, True)
        assert isinstance(memory.get(cube), Forgotten)
