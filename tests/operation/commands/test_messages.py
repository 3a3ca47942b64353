"""Messages of the chat API as the turns of `add_conversation`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos import InvalidInput, MemCube, Memory

SCOPE = "acme/chat"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as opened:
        yield opened


def taken(memory: Memory, turns: list[dict[str, Any]], **given: Any) -> list[MemCube]:
    receipts = memory.add_conversation(turns, scope=SCOPE, session="1", **given)
    cubes = [memory.get(receipt.cube_id) for receipt in receipts]
    return [cube for cube in cubes if isinstance(cube, MemCube)]


CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"at": "Oslo"}'},
}


def test_content_refusals_and_tools_become_turns_in_their_order(memory: Memory) -> None:
    cubes = taken(
        memory,
        [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "name": "ada", "content": [{"type": "text", "text": "Rain?"}]},
            {"role": "assistant", "content": "I look.", "tool_calls": [CALL], "refusal": None},
            {"role": "tool", "tool_call_id": "c1", "content": "wet"},
            {"role": "assistant", "content": None, "refusal": "I may not say."},
            {"role": "user", "text": "A turn of ours.", "speaker": "Ben"},
        ],
    )
    assert [(cube.metadata.get("role"), cube.text) for cube in cubes] == [
        ("system", "Be brief."),
        ("user", "Rain?"),
        ("assistant", "I look."),
        ("tool", 'weather({"at": "Oslo"})'),
        ("tool", "wet"),
        ("assistant", "I may not say."),
        ("user", "A turn of ours."),
    ]
    assert cubes[1].metadata["speaker"] == "ada"
    assert cubes[4].metadata["tool_call_id"] == "c1"
    assert [cube.source.rpartition("/")[2] for cube in cubes] == ["0", "1", "2", "3", "4", "5", "6"]


def test_a_picture_is_named_and_what_is_beside_it_is_kept(memory: Memory) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    (cube,) = taken(
        memory,
        [
            {
                "id": "m1",
                "role": "user",
                "content": [{"type": "text", "text": "Look."}, picture],
                "caption": "a red bowl",
                "tags": ["pots"],
                "metadata": {"page": 3},
                "annotations": [{"type": "url_citation"}],
            }
        ],
    )
    assert (cube.tags, cube.metadata) == (
        ("pots",),
        {
            "id": "m1",
            "role": "user",
            "caption": "a red bowl",
            "page": 3,
            "parts": ["text", "image_url"],
            "not_kept": ["image_url part"],
            "annotations": [{"type": "url_citation"}],
            "session": "1",
        },
    )


@pytest.mark.parametrize("at", [1714564800, 1714564800.0, 1714564800000, "2024-05-01T12:00:00Z"])
def test_epochs_are_times_of_a_turn_a_message_and_a_session(memory: Memory, at: Any) -> None:
    turn = {"text": "One.", "at": at}
    message = {"role": "user", "content": "Two.", "created_at": at}
    cubes = [
        *taken(memory, [turn, message]),
        *taken(memory, [{"text": "Three."}], at=at),
    ]
    assert {str(cube.valid_from) for cube in cubes} == {"2024-05-01 12:00:00+00:00"}


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        ({"role": "user", "content": "x", "text": "y"}, "pass one of them"),
        ({"role": "critic", "content": "x"}, "role='critic' is not known"),
        ({"content": "x"}, "role="),
        ({"role": "user", "content": 3}, "its content must be a list"),
        ({"role": "user", "content": None}, "it has neither"),
        ({"role": "user", "content": "x", "colour": "red"}, "a message has no 'colour'"),
        ({"role": "user", "content": "x", "created_at": "noon"}, "'noon' is no time"),
        ({"text": "x", "at": 1e300}, "is no time"),
        ({"text": "x", "at": True}, "at must be a time"),
        ({"text": "x", "colour": "red"}, "a turn has no 'colour'"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_number_and_nothing_is_written(
    memory: Memory, turn: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=f"turn 1: .*{reason}.*; nothing was written"):
        taken(memory, [{"text": "Good."}, turn])
    assert memory.stats().events == 0


def test_messages_sent_again_with_their_key_are_there_once(memory: Memory) -> None:
    turns = [{"role": "assistant", "content": "I look.", "tool_calls": [CALL]}]
    first = taken(memory, turns, idempotency_key="k")
    again = taken(memory, turns, idempotency_key="k")
    assert len(first) == 2
    assert [cube.cube_id for cube in again] == [cube.cube_id for cube in first]
    assert memory.stats().memories == 2


def test_a_lifespan_may_end_at_a_moment(tmp_path: Path) -> None:
    now = 1714564800_000_000
    with Memory(tmp_path / "a.vault", actor="agent:alice", clock=lambda: now) as memory:
        told = memory.add(
            "x", scope=SCOPE, lifespan={"until": "2024-05-02T12:00:00Z", "then": "erase"}
        )
        cube = memory.get(told.cube_id)
        assert isinstance(cube, MemCube)
        assert cube.lifespan is not None
        assert (cube.lifespan.since, cube.lifespan.after) == (now, 86_400_000_000)
        for wrong in ({"until": "soon"}, {"until": "2024-06-01", "after": "9d"}):
            with pytest.raises(InvalidInput):
                memory.add("x", scope=SCOPE, lifespan=wrong)
        over = memory.add("y", scope=SCOPE, lifespan={"until": "2024-04-01"})
        now += 1_000_000
        assert over.cube_id not in {hit.cube_id for hit in memory.search("y", scope=SCOPE)}
