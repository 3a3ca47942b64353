"""Every argument of every command that takes a key belongs to what the key stands for.

The table below has another value for each argument. One that a signature has and the table lacks
fails the test: a new argument cannot be left out of the fingerprint.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from memos import AlreadyErased, InvalidInput, Memory, OtherContent, Receipt, Refused
from memos.operation.commands.turn import TURN_FIELDS

NAMES = {"scope", "cube_id", "idempotency_key"}
"""What a key names: with another of these it is another key."""

CONTENT = {"content": b"bytes", "media_type": "image/png"}

ADD: Mapping[str, Any] = {
    "text": "Other words.",
    "source": "web:blog/7",
    "subject": "ann",
    "valid_from": "2024-06-01",
    "valid_until": "2025-06-01",
    "tags": ["new"],
    "metadata": {"mood": "calm"},
    "origin": "user input",
    "semantic_type": "fact",
    "owner": "user:eve",
    "readers": ["user:eve"],
    "writers": ["user:eve"],
    "priority": 1,
    "sensitivity": "private",
    "purpose": "support",
    "lifespan": "90d",
    "derived_from": "OTHERS",
}
UPDATE: Mapping[str, Any] = {
    "text": "Other words.",
    "mode": "append",
    "expected_version": 1,
    "source": "web:blog/7",
    "tags": ["new"],
    "metadata": {"mood": "calm"},
    "replace_metadata": True,
    "origin": "user input",
    "semantic_type": "fact",
    "valid_from": "2024-06-01",
    "valid_until": "2025-06-01",
    "reason": "told later",
}
MERGE: Mapping[str, Any] = {
    "cube_ids": "OTHERS",
    "text": "Other words.",
    "source": "web:blog/7",
    "tags": ["new"],
    "metadata": {"mood": "calm"},
}
CONVERSATION: Mapping[str, Any] = {
    "turns": [{"text": "One."}, {"text": "Two."}, {"text": "Three."}],
    "session": "other",
    "at": "2023-05-08T13:56:00Z",
    "source": "chat:other",
    "subject": "ann",
    "tags": ["talk"],
}
TURN: Mapping[str, Any] = {
    "id": "D1:1",
    "speaker": "Ann",
    "text": "Other words.",
    "caption": "a lake",
    "role": "user",
    "at": "2023-05-08",
    "metadata": {"speaker": "Ann"},
    "tags": ["new"],
    "derived_from": "OTHERS",
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "vault", actor="agent:alice") as memory:
        yield memory


@pytest.fixture
def cubes(memory: Memory) -> list[str]:
    return [memory.add(f"Source {number}.", scope="acme").cube_id for number in range(4)]


def given(value: Any, cubes: list[str]) -> Any:
    return cubes[2:] if value == "OTHERS" else value


def refuses(memory: Memory, call: Callable[..., Any], **arguments: Any) -> None:
    """A call is other content, and leaves nothing."""
    before = (memory.digest(), memory.stats().memories)
    with pytest.raises(OtherContent):
        call(**arguments)
    assert (memory.digest(), memory.stats().memories) == before


@pytest.mark.parametrize(
    ("command", "table", "apart"),
    [
        ("add", ADD, set(CONTENT)),
        ("update", UPDATE, set()),
        ("merge", MERGE, set()),
        ("add_conversation", CONVERSATION, {"timezone"}),
        ("add_many", {}, {"items"}),
    ],
)
def test_the_table_names_every_argument(
    command: str, table: Mapping[str, Any], apart: set[str]
) -> None:
    signature = set(inspect.signature(getattr(Memory, command)).parameters) - {"self"}
    assert "idempotency_key" in signature
    assert signature - NAMES == {*table, *apart}


def test_a_conversation_at_another_time_by_its_zone_is_other_content(memory: Memory) -> None:
    said: dict[str, Any] = {"turns": [{"text": "One."}], "scope": "acme", "session": "1"}
    call: dict[str, Any] = {**said, "at": "2024-05-01T12:00", "idempotency_key": "k"}
    receipts = memory.add_conversation(**call)
    assert memory.add_conversation(**call, timezone="UTC") == receipts
    refuses(memory, memory.add_conversation, **call, timezone="Europe/Oslo")
    aware = {**call, "at": "2024-05-01T14:00+02:00", "timezone": "Europe/Oslo"}
    assert memory.add_conversation(**aware) == receipts


def test_every_command_that_takes_a_key_is_in_the_table() -> None:
    keyed = {
        name
        for name, method in inspect.getmembers(Memory, inspect.isfunction)
        if "idempotency_key" in inspect.signature(method).parameters
    }
    assert keyed == {"add", "update", "merge", "add_conversation", "add_many"}
    assert TURN.keys() == TURN_FIELDS


@pytest.mark.parametrize("name", ADD)
def test_an_add_with_another_argument_is_other_content(
    memory: Memory, cubes: list[str], name: str
) -> None:
    call: dict[str, Any] = {"text": "Once.", "scope": "acme", "idempotency_key": "k"}
    changed: dict[str, Any] = {**call, name: given(ADD[name], cubes)}
    memory.add(**call)
    refuses(memory, memory.add, **changed)
    refuses(memory, memory.add_many, items=[{"text": "New.", "scope": "acme"}, changed])
    other = {**changed, "idempotency_key": "other"}
    receipt = memory.add(**other)
    refuses(memory, memory.add, **{**call, "idempotency_key": "other"})
    assert memory.add(**other) == receipt
    assert memory.add_many([{"text": "Before it.", "scope": "acme"}, other])[1] == receipt


def test_other_bytes_are_other_content(memory: Memory) -> None:
    call: dict[str, Any] = {"scope": "acme", "idempotency_key": "k", **CONTENT}
    receipt = memory.add(**call)
    assert memory.add(**call) == receipt
    refuses(memory, memory.add, **{**call, "content": b"others"})
    refuses(memory, memory.add, **{**call, "media_type": "image/gif"})


@pytest.mark.parametrize("name", UPDATE)
def test_an_update_with_another_argument_is_other_content(
    memory: Memory, cubes: list[str], name: str
) -> None:
    call: dict[str, Any] = {
        "cube_id": cubes[0],
        "text": "Once.",
        "metadata": {"a": 1},
        "idempotency_key": "k",
    }
    changed: dict[str, Any] = {**call, name: UPDATE[name]}
    memory.update(**call)
    refuses(memory, memory.update, **changed)
    other = {**changed, "cube_id": cubes[1], "idempotency_key": "other"}
    receipt = memory.update(**other)
    refuses(memory, memory.update, **{**call, "cube_id": cubes[1], "idempotency_key": "other"})
    assert memory.update(**other) == receipt


@pytest.mark.parametrize("name", MERGE)
def test_a_merge_with_another_argument_is_other_content(
    memory: Memory, cubes: list[str], name: str
) -> None:
    call: dict[str, Any] = {"cube_ids": cubes[:2], "scope": "acme", "idempotency_key": "k"}
    receipt = memory.merge(**call)
    refuses(memory, memory.merge, **{**call, name: given(MERGE[name], cubes)})
    assert memory.merge(**call) == receipt


def test_a_merge_is_known_again_after_its_sources_have_changed(
    memory: Memory, cubes: list[str]
) -> None:
    receipt = memory.merge(cubes[:2], idempotency_key="k")
    memory.rollback(cube_id=receipt.cube_id, to_version=1)
    memory.rollback(operation=receipt.operation_id)
    memory.update(cubes[0], "Changed.", tags=["changed"])
    assert memory.merge(cubes[:2], idempotency_key="k") == receipt


def test_commands_under_one_key_are_as_many_keys(memory: Memory, cubes: list[str]) -> None:
    def each() -> list[Receipt]:
        (turn,) = memory.add_conversation(
            [{"text": "Both."}], scope="acme", session="1", idempotency_key="k"
        )
        return [
            memory.merge(cubes[:2], "Both.", scope="acme", idempotency_key="k"),
            turn,
            memory.add("Both.", scope="acme", idempotency_key="k"),
            memory.update(cubes[2], "Both.", idempotency_key="k"),
        ]

    first = each()
    assert len({receipt.cube_id for receipt in first}) == 4
    before = memory.digest()
    assert each() == first
    assert memory.digest() == before
    memory.erase(cube_id=first[1].cube_id)
    assert memory.add("Both.", scope="acme", idempotency_key="k") == first[2]
    with pytest.raises(AlreadyErased):
        memory.add_conversation([{"text": "Both."}], scope="acme", session="1", idempotency_key="k")


def test_what_was_added_and_erased_leaves_its_key_to_another_command(memory: Memory) -> None:
    batch = [{"text": f"Part {number}.", "scope": "acme"} for number in range(2)]
    turns = [{"text": "One."}, {"text": "Two."}]
    for receipt in memory.add_many(batch, idempotency_key="k"):
        memory.erase(cube_id=receipt.cube_id)
    told = memory.add_conversation(turns, scope="acme", session="1", idempotency_key="k")
    assert len(told) == 2


def test_a_memory_that_is_named_twice_is_merged_once(memory: Memory, cubes: list[str]) -> None:
    a, b = cubes[:2]
    receipt = memory.merge([a, a.upper(), b], idempotency_key="k")
    assert receipt.rejected == ()
    assert memory.get(receipt.cube_id).text == "Source 0.\nSource 1."  # type: ignore[union-attr]
    assert memory.merge([a, a.upper(), b], idempotency_key="k") == receipt


def test_the_tags_of_an_iterator_are_a_merged_memorys(memory: Memory, cubes: list[str]) -> None:
    receipt = memory.merge(cubes[:2], tags=(tag for tag in ("home", "craft")))
    assert memory.get(receipt.cube_id).tags == ("home", "craft")  # type: ignore[union-attr]


@pytest.mark.parametrize("name", CONVERSATION)
def test_a_conversation_with_another_argument_is_other_content(memory: Memory, name: str) -> None:
    call: dict[str, Any] = {
        "turns": [{"text": "One."}, {"text": "Two."}],
        "scope": "acme",
        "session": "1",
        "idempotency_key": "k",
    }
    receipts = memory.add_conversation(**call)
    refuses(memory, memory.add_conversation, **{**call, name: CONVERSATION[name]})
    assert memory.add_conversation(**call) == receipts


@pytest.mark.parametrize("name", TURN)
def test_a_turn_with_another_field_is_other_content(
    memory: Memory, cubes: list[str], name: str
) -> None:
    first: dict[str, Any] = {"text": "One."}
    if name == "metadata":  # what reads like the speaker does not make one
        first["speaker"] = "Ann"
    changed = {"text": "One.", name: given(TURN[name], cubes)}
    call: dict[str, Any] = {"scope": "acme", "session": "1", "idempotency_key": "k"}
    receipts = memory.add_conversation(turns=[first], **call)
    refuses(memory, memory.add_conversation, turns=[changed], **call)
    assert memory.add_conversation(turns=[first], **call) == receipts


@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_of_another_size_is_other_content(memory: Memory, size: int) -> None:
    items = [{"text": f"Item {number}.", "scope": "acme"} for number in range(3)]
    receipts = memory.add_many(items[:2], idempotency_key="k")
    refuses(memory, memory.add_many, items=items[:size], idempotency_key="k")
    assert memory.add_many(items[:2], idempotency_key="k") == receipts


def test_a_key_of_its_own_is_the_same_at_any_place(memory: Memory) -> None:
    def batch(*items: Mapping[str, Any]) -> list[Any]:
        return [receipt.cube_id for receipt in memory.add_many(items)]

    items: list[dict[str, Any]]
    a, b = items = [{"text": name, "scope": "acme", "idempotency_key": name} for name in "ab"]
    alone = [memory.add(**item).cube_id for item in items]
    assert batch(a, b) == alone
    assert batch(b, a) == alone[::-1]
    assert batch({"text": "unkeyed", "scope": "acme"}, b)[1:] == alone[1:]
    assert batch({**b, "idempotency_key": "c"}, b, a)[1:] == alone[::-1]
    late: dict[str, Any] = {"text": "late", "scope": "acme", "idempotency_key": "late"}
    assert batch(a, b, late)[2] == memory.add(**late).cube_id
    keyed = memory.add_many([{"text": "by the batch", "scope": "acme"}, a], idempotency_key="x")
    assert keyed[1].cube_id == alone[0]


def test_a_key_in_another_scope_is_another_key_wherever_its_item_stands(memory: Memory) -> None:
    item: dict[str, Any] = {"text": "Once.", "scope": "acme/a", "idempotency_key": "k"}
    moved = {**item, "scope": "acme/b"}
    other = {"text": "Other.", "scope": "acme/a"}
    first = memory.add(**item)
    for batch in ([moved, other], [other, moved], [item, moved]):
        told = memory.add_many(batch)[batch.index(moved)]
        assert told.cube_id != first.cube_id
        assert told == memory.add(**moved)
    assert memory.add(**item) == first


def test_an_item_that_is_moved_under_its_batchs_key_is_new_and_the_rest_is_not(
    memory: Memory,
) -> None:
    items = [{"text": f"Item {number}.", "scope": "acme/a"} for number in range(3)]
    moved = [items[0], {**items[1], "scope": "acme/b"}, items[2]]
    before = memory.add_many(items, idempotency_key="k")
    after = memory.add_many(moved, idempotency_key="k")
    assert [after[0], after[2]] == [before[0], before[2]]
    assert after[1].cube_id != before[1].cube_id
    assert memory.stats().memories == 4
    assert memory.add_many(moved, idempotency_key="k") == after
    assert memory.add_many(items, idempotency_key="k") == before
    refuses(memory, memory.add_many, items=[items[1], items[0], items[2]], idempotency_key="k")
    assert memory.stats().memories == 4


@pytest.mark.parametrize("place", range(3))
def test_an_own_key_is_no_number_of_a_batch_under_the_same_key(memory: Memory, place: int) -> None:
    scopes = ("acme/a", "acme/b", "acme/b")
    batch = [{"text": f"Item {n}.", "scope": scope} for n, scope in enumerate(scopes)]
    numbered = memory.add_many(batch, idempotency_key="k")
    own: dict[str, Any] = {"text": "Its own.", "scope": "acme/b", "idempotency_key": "k"}
    items = [{"text": f"Unkeyed {n}.", "scope": "acme"} for n in range(3)]
    items[place] = own
    told = memory.add_many(items)[place]
    assert told.cube_id not in {receipt.cube_id for receipt in numbered}
    assert memory.add(**own) == told


def test_a_batch_of_one_is_an_add(memory: Memory) -> None:
    item: dict[str, Any] = {"text": "Once.", "scope": "acme"}
    (receipt,) = memory.add_many([item], idempotency_key="k")
    assert memory.add(**item, idempotency_key="k").cube_id == receipt.cube_id


def test_an_item_whose_key_is_none_has_the_batchs(memory: Memory) -> None:
    items = [{"text": "Once.", "scope": "acme", "idempotency_key": None}]
    assert memory.add_many(items, idempotency_key="k") == memory.add_many(
        items, idempotency_key="k"
    )


@pytest.mark.parametrize("key", [None, "a"])
def test_a_key_twice_in_one_batch_is_an_error(memory: Memory, key: str | None) -> None:
    items = [
        {"text": "One.", "scope": "acme", **({} if key else {"idempotency_key": "a"})},
        {"text": "Two.", "scope": "acme"},
        {"text": "One.", "scope": "acme", "idempotency_key": "a"},
    ]
    with pytest.raises(InvalidInput, match=r"item 0 is that of item 2"):
        memory.add_many(items, idempotency_key=key)
    assert memory.stats().memories == 0


def test_a_key_twice_in_one_file_is_an_error(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "memories.jsonl"
    line = '{"text": "One.", "idempotency_key": "a"}\n'
    file.write_text(line * 2)
    with pytest.raises(Refused, match="line 2"):
        memory.import_file(file, scope="acme")
    assert memory.stats().memories == 0


def test_what_was_erased_is_an_error_under_its_key_and_stored_under_a_fresh_one(
    memory: Memory,
) -> None:
    item: dict[str, Any] = {
        "text": "Once.",
        "scope": "acme",
        "subject": "ann",
        "idempotency_key": "k",
    }
    receipt = memory.add(**item)
    memory.erase(subject="ann")
    before = memory.digest()
    new = {"text": "New.", "scope": "acme"}
    unkeyed = {name: value for name, value in item.items() if name != "idempotency_key"}
    for call in (
        lambda: memory.add(**item),
        lambda: memory.add(**{**item, "text": "Other."}),
        lambda: memory.add_many([new, item]),
        lambda: memory.add_many([unkeyed, new], idempotency_key="k"),
    ):
        with pytest.raises(AlreadyErased, match=receipt.cube_id):
            call()
    assert memory.digest() == before
    fresh = memory.add(**{**item, "idempotency_key": "fresh"})
    assert memory.get(fresh.cube_id).text == "Once."  # type: ignore[union-attr]
    assert memory.rebuild().digest == memory.digest()


def test_a_merge_that_was_erased_is_an_error_under_its_key(
    memory: Memory, cubes: list[str]
) -> None:
    merged = memory.merge(cubes[:2], idempotency_key="k")
    memory.erase(cube_id=merged.cube_id)
    before = memory.stats().memories
    with pytest.raises(AlreadyErased):
        memory.merge(cubes[:2], idempotency_key="k")
    assert memory.stats().memories == before


def test_an_import_names_what_was_erased_and_takes_the_rest(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "memories.jsonl"
    file.write_text('{"text": "One.", "subject": "ann"}\n{"text": "Two."}\n')
    first = memory.import_file(file, scope="acme")
    memory.erase(subject="ann")
    again = memory.import_file(file, scope="acme")
    assert (again.added, again.present) == (0, 1)
    assert again.cube_ids == first.cube_ids[1:]
    assert len(again.skipped) == 1
    assert "line 1" in again.skipped[0]
    assert memory.search("One", scope="acme") == []


def test_a_fact_that_was_erased_is_not_extracted_again(memory: Memory) -> None:
    def extractor(text: str) -> list[str]:
        return ["Renata is in Quito.", "Quito is a city."]

    told = memory.add("Renata lives in Quito.", scope="acme").cube_id
    first = memory.extract_facts("acme", extractor)
    memory.erase(cube_id=first.cube_ids[0])
    known = {told, *first.cube_ids}
    for entry in list(memory.events(kind="Generated")):
        if entry.cube_id not in known:
            memory.archive(entry.cube_id)  # the record of what was read: it is read again
    again = memory.extract_facts("acme", extractor)
    assert (again.read, again.added, again.cube_ids) == (1, 0, first.cube_ids[1:])
