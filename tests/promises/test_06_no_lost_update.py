"""Promise 6: a stale expected version is told to the caller; without one, the last writer wins."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos import Conflict, Memory

INCREMENT = """
import sys
from memos import Conflict, Memory
path, cube_id, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Memory(path, actor="agent:alice") as memory:
    done = 0
    while done < times:
        cube = memory.get(cube_id)
        try:
            memory.update(cube_id, str(int(cube.text) + 1), expected_version=cube.version)
            done += 1
        except Conflict as conflict:
            assert conflict.current_version > cube.version
"""


def text_of(memory: Memory, cube_id: str) -> str:
    cube = memory.get(cube_id)
    assert cube
    return cube.text


def test_a_stale_version_is_refused_with_the_current_one(memory: Memory) -> None:
    receipt = memory.add("0", scope="acme")
    memory.update(receipt.cube_id, "1", expected_version=1)
    memory.update(receipt.cube_id, "2", expected_version=2)
    with pytest.raises(Conflict) as refused:
        memory.update(receipt.cube_id, "stale", expected_version=1)
    assert refused.value.current_version == 3
    assert text_of(memory, receipt.cube_id) == "2"
    attempts = [entry.reason for entry in memory.events(cube_id=receipt.cube_id)]
    assert attempts == ["", "", "", "conflict"]


@pytest.mark.parametrize(
    "operation",
    [
        lambda m, c: m.tag(c, "x", expected_version=1),
        lambda m, c: m.archive(c, expected_version=1),
        lambda m, c: m.freeze(c, expected_version=1),
        lambda m, c: m.set_header(c, priority=1, expected_version=1),
        lambda m, c: m.set_lifespan(c, after="1d", expected_version=1),
        lambda m, c: m.update(c, "x", mode="append", expected_version=1),
    ],
)
def test_every_change_can_be_bound_to_a_version(memory: Memory, operation: object) -> None:
    receipt = memory.add("0", scope="acme")
    memory.update(receipt.cube_id, "1")
    before = memory.digest()
    with pytest.raises(Conflict) as refused:
        operation(memory, receipt.cube_id)  # type: ignore[operator]
    assert refused.value.current_version == 2
    assert memory.digest() == before


def test_threads_lose_no_increment(memory: Memory) -> None:
    receipt = memory.add("0", scope="acme")

    def increment(times: int) -> int:
        conflicts = 0
        while times:
            cube = memory.get(receipt.cube_id)
            assert cube
            try:
                memory.update(
                    receipt.cube_id, str(int(cube.text) + 1), expected_version=cube.version
                )
                times -= 1
            except Conflict:
                conflicts += 1
        return conflicts

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(increment, [20] * 4))
    assert text_of(memory, receipt.cube_id) == "80"


def test_processes_lose_no_increment(memory: Memory, vault: Path) -> None:
    receipt = memory.add("0", scope="acme")
    command = [sys.executable, "-c", INCREMENT, str(vault), receipt.cube_id, "20"]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    cube = memory.get(receipt.cube_id)
    assert cube
    assert (cube.text, cube.version) == ("60", 61)


def test_lines_appended_at_once_are_all_there(memory: Memory) -> None:
    receipt = memory.add("start", scope="acme")
    lines = [f"line {n}" for n in range(40)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda line: memory.update(receipt.cube_id, line, mode="append"), lines))
    assert sorted(text_of(memory, receipt.cube_id).splitlines()) == sorted(["start", *lines])


def test_without_a_version_the_last_in_log_order_wins_and_all_versions_stay(
    memory: Memory,
) -> None:
    receipt = memory.add("first", scope="acme")
    with ThreadPoolExecutor(4) as threads:
        texts = [f"text {n}" for n in range(12)]
        told = list(threads.map(lambda text: memory.update(receipt.cube_id, text), texts))
    by_version = {each.version: text for each, text in zip(told, texts, strict=True)}
    assert sorted(by_version) == list(range(2, 14))
    assert text_of(memory, receipt.cube_id) == by_version[13]
    for version, text in by_version.items():
        cube = memory.get(receipt.cube_id, version=version)
        assert cube
        assert cube.text == text
