"""Odd and hostile metadata, numbers, times and moments: a correct result, or a clear error and nothing written."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from memos import InvalidInput, MemCube, Memory, NotFound, Position


def read(memory: Memory, cube_id: str) -> MemCube:
    cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    return cube


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"leaf": 1}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"a": None, "b": [1, 2.5, "x", {"c": True}]},
        {"": "empty key"},
        {"big": 10**300, "negative": -(10**300)},
        {"surrogate": "\ud800"},
        {"ключ": "値"},
        nested(50),
    ],
)
def test_metadata_comes_back_as_it_was_given(memory: Memory, metadata: dict[str, Any]) -> None:
    receipt = memory.add("x", scope="acme", metadata=metadata)
    assert read(memory, receipt.cube_id).metadata == metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": math.nan},
        {"a": math.inf},
        {"a": [-math.inf]},
        {1: "a"},
        {"a": {1: "b"}},
        {"a": object()},
        {"a": b"bytes"},
        {"a": {1, 2}},
        {"a": 10**5000},
        {"a": "x" * 2**20},
        nested(100_000),
        nested(900),
        [("a", 1)],
        "a",
    ],
)
def test_metadata_that_would_not_come_back_as_it_is_refused(memory: Memory, metadata: Any) -> None:
    with pytest.raises(InvalidInput):
        memory.add("x", scope="acme", metadata=metadata)
    assert memory.stats().events == 0


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1, 10**30, 1.5, "1", True])
def test_a_priority_is_a_whole_number_that_fits(memory: Memory, priority: Any) -> None:
    with pytest.raises(InvalidInput):
        memory.add("x", scope="acme", priority=priority)


@pytest.mark.parametrize("version", [0, -1, 2**63, 10**30, 1.0, "1"])
def test_a_version_counts_from_one(memory: Memory, version: Any) -> None:
    receipt = memory.add("x", scope="acme")
    for call in (
        lambda: memory.get(receipt.cube_id, version=version),
        lambda: memory.update(receipt.cube_id, "y", expected_version=version),
        lambda: memory.rollback(receipt.cube_id, to_version=version),
    ):
        with pytest.raises(InvalidInput):
            call()


@pytest.mark.parametrize(
    "as_of",
    [
        "",
        "yesterday",
        "0:",
        "0:-1",
        "0:99999",
        "0:99999999999999999999999999",
        "1:0",
        "99999999999999999999:0",
        "٠:٩٩٩٩",
        "2023-13-45",
        "2023-05-08Tgarbage",
        Position(0, 10**30),
        Position(0, -1),
        Position(3, 0),
        5,
        True,
        b"0:0",
        ["0:0"],
        math.nan,
    ],
)
def test_garbage_for_a_moment_is_a_clear_error(memory: Memory, as_of: Any) -> None:
    receipt = memory.add("x", scope="acme")
    calls: list[Callable[[], object]] = [
        lambda: memory.get(receipt.cube_id, as_of=as_of),
        lambda: memory.search("x", scope="acme", as_of=as_of),
    ]
    for call in calls:
        with pytest.raises((InvalidInput, NotFound)):
            call()
    for call in (
        lambda: list(memory.events(since=as_of)),
        lambda: list(memory.events(until=as_of)),
        lambda: memory.rollback(since=as_of, dry_run=True),
    ):
        with suppress(InvalidInput, NotFound):
            call()


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "noon", 5, "2023-05-08T25:00:00Z"],
)
def test_a_time_that_cannot_be_shown_again_is_refused(memory: Memory, moment: Any) -> None:
    with pytest.raises(InvalidInput):
        memory.add("x", scope="acme", valid_from=moment)
    assert memory.stats().events == 0


def test_the_ends_of_time_are_times(memory: Memory) -> None:
    receipt = memory.add("x", scope="acme", valid_from="0001-01-01", valid_until="9999-12-31")
    cube = read(memory, receipt.cube_id)
    assert cube.valid_from is not None
    assert cube.valid_until is not None
    assert (cube.valid_from.year, cube.valid_until.year) == (1, 9999)
    assert memory.get(receipt.cube_id, as_of="9999-12-31")
    with pytest.raises(NotFound):
        memory.get(receipt.cube_id, as_of="0001-01-01")


@pytest.mark.parametrize("duration", ["", "90", "-1d", "0d", "1e9d", "999999999999y", "1 d d", 90])
def test_what_is_no_duration_is_refused(memory: Memory, duration: Any) -> None:
    with pytest.raises(InvalidInput):
        memory.add("x", scope="acme", lifespan={"after": duration})


@pytest.mark.parametrize("name", ["x" * 1025, 5, b"x", ""])
def test_names_are_short_texts(memory: Memory, name: Any) -> None:
    with pytest.raises(InvalidInput):
        memory.add("x", scope="acme", tags=[name])
    with pytest.raises(InvalidInput):
        memory.name_cut(name)
    assert memory.stats().events == 0


@pytest.mark.parametrize("text", [5, b"bytes", ["x"], 1.5])
def test_a_text_is_a_string(memory: Memory, text: Any) -> None:
    with pytest.raises(InvalidInput):
        memory.add(text, scope="acme")
    receipt = memory.add("x", scope="acme")
    with pytest.raises(InvalidInput):
        memory.update(receipt.cube_id, text)
    with pytest.raises(InvalidInput):
        memory.update(receipt.cube_id, text, mode="append")
    with pytest.raises(InvalidInput):
        memory.search(text, scope="acme")
    assert memory.stats().events == 1
