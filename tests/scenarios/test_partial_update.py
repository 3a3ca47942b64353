"""What an update does not name stays, field by field, whoever else writes at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memos import Conflict, InvalidInput, MemCube, Memory
from memos.kernel.event import id_bytes
from memos.wire.body_pb2 import Turn
from tests.scenarios.place import Place, read, texts

FIELDS = (
    "text",
    "source",
    "tags",
    "metadata",
    "origin",
    "semantic_type",
    "valid_from",
    "valid_until",
)
CHANGES: Mapping[str, Any] = {
    "text": "It was green.",
    "source": "chat:2",
    "tags": ["later"],
    "metadata": {"colour": "green"},
    "origin": "inference extraction",
    "semantic_type": "user preference",
    "valid_from": "2021-01-01",
    "valid_until": "2031-01-01",
}
QUESTION = "Where did you buy the velocipede?"


def fields_of(cube: MemCube) -> dict[str, Any]:
    """What an update may change, as it is read."""
    return {name: getattr(cube, name) for name in FIELDS} | {"metadata": dict(cube.metadata)}


def turn_of(memory: Memory, cube_id: str) -> Turn:
    """The place in a conversation that the newest version of a memory has."""
    raw = id_bytes(cube_id)
    with memory._session.engine.read() as reader:
        head = reader.vault.head(raw)
        assert head is not None
        body = reader.body(raw, head.parts.provenance)
    assert body is not None
    return body.provenance.turn


def check_every_change(memory: Memory, cube_ids: list[str]) -> None:
    """Change one field of each memory: every other field is as it was."""
    for (name, value), cube_id in zip(CHANGES.items(), cube_ids, strict=True):
        before = fields_of(read(memory, cube_id))
        memory.update(cube_id, **{name: value})
        after = fields_of(read(memory, cube_id))
        assert after[name] != before[name], name
        for other in FIELDS:
            if other == "metadata" and name == "metadata":
                assert after[other] == before[other] | value
            elif other != name:
                assert after[other] == before[other], f"{name} set, {other} lost"


def test_each_field_that_is_set_leaves_every_other(memory: Memory, tenant: str) -> None:
    items = [
        {
            "text": "It was blue.",
            "scope": tenant,
            "source": "chat:1",
            "tags": ["early"],
            "metadata": {"colour": "blue", "size": 4},
            "origin": "user input",
            "semantic_type": "fact",
            "valid_from": "2020-01-01",
            "valid_until": "2030-01-01",
        }
    ] * len(CHANGES)
    check_every_change(memory, [receipt.cube_id for receipt in memory.add_many(items)])


def test_each_field_that_is_set_leaves_a_turn_its_place(memory: Memory, tenant: str) -> None:
    turn = {"speaker": "Mel", "role": "user", "at": "2020-01-01", "caption": "a picture"}
    receipts = memory.add_conversation(
        [{**turn, "text": "It was blue.", "id": f"t{n}", "tags": ["a"]} for n in range(8)],
        scope=tenant,
        session="s1",
    )
    cube_ids = [receipt.cube_id for receipt in receipts]
    places = [turn_of(memory, cube_id) for cube_id in cube_ids]
    assert {place.speaker for place in places} == {"Mel"}
    check_every_change(memory, cube_ids)
    assert [turn_of(memory, cube_id) for cube_id in cube_ids] == places
    assert {read(memory, cube_id).metadata["speaker"] for cube_id in cube_ids} == {"Mel"}


@pytest.mark.parametrize("field", ["source", "origin", "semantic_type"])
def test_an_answer_is_found_by_its_question_after_an_update(
    memory: Memory, tenant: str, field: str
) -> None:
    turns = [
        {"speaker": "Ann", "text": QUESTION},
        {"speaker": "Mel", "text": "In Lisbon."},
    ]
    _, answer = memory.add_conversation(turns, scope=tenant, session="s1")
    assert "In Lisbon." in texts(memory.search("velocipede", scope=tenant))
    memory.update(answer.cube_id, **{field: CHANGES[field]})
    assert "In Lisbon." in texts(memory.search("velocipede", scope=tenant))


def test_metadata_is_added_taken_away_and_replaced(memory: Memory, tenant: str) -> None:
    cube = memory.add("one", scope=tenant, metadata={"a": 1, "b": {"x": 1}, "c": 3}).cube_id
    memory.update(cube, metadata={"a": 2, "b": {"y": 2}, "c": None, "absent": None})
    assert dict(read(memory, cube).metadata) == {"a": 2, "b": {"y": 2}}
    memory.update(cube, metadata={"d": None, "e": 5}, replace_metadata=True)
    assert dict(read(memory, cube).metadata) == {"d": None, "e": 5}
    memory.update(cube, metadata={}, replace_metadata=True)
    assert dict(read(memory, cube).metadata) == {}
    with pytest.raises(InvalidInput, match="changes nothing"):
        memory.update(cube, metadata={})
    with pytest.raises(InvalidInput, match="replace_metadata"):
        memory.update(cube, replace_metadata=True)
    assert read(memory, cube).version == 4


def test_an_empty_text_takes_a_field_away(memory: Memory, tenant: str) -> None:
    cube = memory.add(
        *("one",),
        scope=tenant,
        source="chat:1",
        origin="user input",
        valid_from="2020-01-01",
        valid_until="2030-01-01",
    ).cube_id
    memory.update(cube, source="", valid_from="")
    found = read(memory, cube)
    assert (found.source, found.origin, found.valid_from) == ("", "user input", None)
    assert found.valid_until is not None
    memory.update(cube, valid_until="")
    assert read(memory, cube).valid_until is None


def test_a_bound_that_does_not_fit_the_one_that_is_kept_is_refused(
    memory: Memory, tenant: str
) -> None:
    cube = memory.add("one", scope=tenant, valid_from="2020-01-01").cube_id
    with pytest.raises(InvalidInput, match="later than valid_from"):
        memory.update(cube, valid_until="2019-01-01")
    memory.update(cube, valid_from="2018-01-01", valid_until="2019-01-01")
    assert read(memory, cube).version == 2


def test_what_is_made_of_a_version_that_is_not_there_yet_is_refused(
    memory: Memory, tenant: str
) -> None:
    cube = memory.add("one", scope=tenant).cube_id
    with pytest.raises(Conflict) as refused:
        memory.update(cube, "two", mode="append", expected_version=2)
    assert refused.value.current_version == 1
    assert read(memory, cube).version == 1


def test_writers_who_set_different_fields_at_once_lose_none(
    place: Place, memory: Memory, tenant: str
) -> None:
    other = place.open("agent:bob")
    cube = memory.add("start", scope=tenant, valid_from="2020-01-01", source="chat:1").cube_id
    writers = (memory, other)

    def write(number: int) -> None:
        writer = writers[number % 2]
        writer.update(cube, metadata={f"key {number}": number})
        writer.update(cube, f"line {number}", mode="append")
        writer.tag(cube, f"tag {number}")

    numbers = range(8)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, numbers))
        list(
            threads.map(
                lambda change: change[0].update(cube, **change[1]),
                ((memory, {"valid_until": "2030-01-01"}), (other, {"origin": "user input"})),
            )
        )
    found = read(memory, cube)
    assert dict(found.metadata) == {f"key {n}": n for n in numbers}
    assert sorted(found.text.splitlines()) == sorted(["start", *(f"line {n}" for n in numbers)])
    assert set(found.tags) == {f"tag {n}" for n in numbers}
    assert (found.source, found.origin) == ("chat:1", "user input")
    assert found.valid_from is not None
    assert found.valid_until is not None


def test_lines_appended_at_once_leave_few_attempts_in_the_log(memory: Memory, tenant: str) -> None:
    cube = memory.add("start", scope=tenant).cube_id
    lines = [f"line {n}" for n in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda line: memory.update(cube, line, mode="append"), lines))
    assert sorted(read(memory, cube).text.splitlines()) == sorted(["start", *lines])
    assert [entry.result for entry in memory.events(cube_id=cube)] == ["accepted"] * 41
