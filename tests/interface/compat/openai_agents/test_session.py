"""The contract of a session of OpenAI's Agents SDK, and what a vault adds to it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from agents import SessionSettings
from agents.memory import Session

from memos import InvalidInput, Memory
from memos.compat.openai_agents import MemosSession

CALL: Any = {
    "type": "function_call",
    "call_id": "c1",
    "name": "weather",
    "arguments": '{"city": "Hove"}',
}
OUTPUT: Any = {"type": "function_call_output", "call_id": "c1", "output": "rain"}
REASONING: Any = {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "x" * 100}
ANSWER: Any = {
    "type": "message",
    "id": "m1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "It rains in Hove.", "annotations": []}],
}


def said(text: str) -> Any:
    return {"role": "user", "content": text}


def words(items: list[Any]) -> list[str]:
    return [item["content"] for item in items]


def get(session: MemosSession, limit: int | None = None) -> list[Any]:
    return list(asyncio.run(session.get_items(limit)))


def add(session: MemosSession, *items: Any) -> None:
    asyncio.run(session.add_items(list(items)))


def pop(session: MemosSession) -> Any:
    return asyncio.run(session.pop_item())


def test_it_is_a_session_to_the_sdk(session: MemosSession) -> None:
    assert isinstance(session, Session)
    assert session.session_id == "chat-7"
    assert session.session_settings == SessionSettings()


def test_items_come_back_as_they_were_in_their_order(session: MemosSession) -> None:
    items = [said("weather in Hove?"), REASONING, CALL, OUTPUT, ANSWER, said(""), said("\ud800 é")]
    add(session, *items[:4])
    add(session)
    add(session, *items[4:])
    assert get(session) == items


def test_many_items_of_one_call_keep_their_order(session: MemosSession) -> None:
    add(session, *(said(str(number)) for number in range(700)))
    assert words(get(session)) == [str(number) for number in range(700)]
    assert words(get(session, 3)) == ["697", "698", "699"]


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, "abcd"), (2, "cd"), (9, "abcd"), (0, ""), (-1, "abcd")]
)
def test_a_limit_gives_the_latest(session: MemosSession, limit: int | None, expected: str) -> None:
    for letter in "abcd":
        add(session, said(letter))
    assert "".join(words(get(session, limit))) == expected


def test_settings_say_how_many_where_a_call_does_not(memory: Memory) -> None:
    session = MemosSession("s", memory, scope="acme", session_settings={"limit": 2})
    add(session, *map(said, "abcd"))
    assert words(get(session)) == ["c", "d"]
    assert words(get(session, 3)) == ["b", "c", "d"]
    with pytest.raises((TypeError, ValueError)):
        MemosSession("s", memory, scope="acme", session_settings={"limitt": 2})


def test_a_pop_takes_the_latest_and_history_has_it(session: MemosSession) -> None:
    assert pop(session) is None
    add(session, *map(said, "ab"))
    latest = session.memory.list(scope=session.scope, limit=1)[0].cube_id
    assert pop(session) == said("b")
    assert words(get(session)) == ["a"]
    kinds = [change.entry.kind for change in session.memory.history(latest)]
    assert kinds == ["Generated", "Archived"]
    session.memory.restore(latest)
    assert words(get(session)) == ["a", "b"]


def test_a_cleared_session_is_empty_and_can_be_undone(session: MemosSession) -> None:
    asyncio.run(session.clear_session())
    add(session, *map(said, "ab"))
    session.memory.name_cut("before")
    asyncio.run(session.clear_session())
    assert get(session) == []
    assert asyncio.run(session.get_items(as_of="before")) == [said("a"), said("b")]
    session.memory.rollback(cut="before")
    assert words(get(session)) == ["a", "b"]


def test_sessions_of_any_names_are_apart(memory: Memory) -> None:
    names = ["a", "a/b", "A", "", "é", "e\u0301", "a%", "'; DROP TABLE", "x" * 300]
    sessions = [MemosSession(name, memory, scope="acme/alice") for name in names]
    for session in sessions:
        add(session, said(session.session_id))
    assert [words(get(session)) for session in sessions] == [[name] for name in names]
    asyncio.run(sessions[0].clear_session())
    assert [len(get(session)) for session in sessions] == [0] + [1] * (len(names) - 1)


def test_what_was_said_is_found_in_every_session_below_a_scope(memory: Memory) -> None:
    add(MemosSession("one", memory, scope="acme/alice"), said("I like pottery"), CALL)
    add(MemosSession("two", memory, scope="acme/alice"), ANSWER)
    assert memory.search("pottery", scope="acme/alice")[0].text == "I like pottery"
    assert memory.search("rains", scope="acme/alice")[0].text == "It rains in Hove."
    assert memory.search("weather", scope="acme/alice")[0].text == 'weather({"city": "Hove"})'


def test_an_item_larger_than_metadata_may_be_comes_back(session: MemosSession) -> None:
    picture: Any = {
        "role": "user",
        "content": [{"type": "input_image", "image_url": "x" * 3_000_000}],
    }
    add(session, picture)
    assert get(session) == [picture]


@pytest.mark.parametrize("item", ["text", None, {"content": object()}])
def test_what_is_no_item_is_refused_and_nothing_is_stored(session: MemosSession, item: Any) -> None:
    with pytest.raises(InvalidInput):
        add(session, said("a"), item)
    assert get(session) == []


def test_memories_of_other_doors_are_no_items(session: MemosSession) -> None:
    add(session, said("a"))
    session.memory.add("from another door", scope=session.scope)
    session.memory.add("a", scope=session.scope, metadata={"sequence": "last", "item": said("b")})
    session.memory.add("b", scope=session.scope, metadata={"sequence": str(UUID(int=7)), "item": 3})
    assert get(session, 1) == [said("a")]
    assert pop(session) == said("a")
    assert pop(session) is None


def test_a_sequence_behind_the_end_of_the_calendar_stands_behind_all(session: MemosSession) -> None:
    add(session, said("a"))
    last = {"sequence": str(UUID(int=2**128 - 1)), "item": said("last")}
    session.memory.add("last", scope=session.scope, metadata=last)
    assert words(get(session)) == ["a", "last"]
    assert words(get(session, 1)) == ["last"]


def test_each_item_is_popped_once_by_many_at_once(session: MemosSession) -> None:
    add(session, *(said(str(number)) for number in range(8)))

    async def both() -> list[Any]:
        return list(await asyncio.gather(*(session.pop_item() for _ in range(10))))

    popped = Counter(item["content"] for item in asyncio.run(both()) if item)
    assert popped == Counter(map(str, range(8)))


TALKS = """
import asyncio, sys
from memos.compat.openai_agents import MemosSession
session = MemosSession("shared", sys.argv[1], scope="acme", actor=sys.argv[2])
async def main():
    for turn in range(5):
        await session.add_items(
            [{"role": "user", "content": f"{sys.argv[2]} {turn} {n}"} for n in range(3)]
        )
asyncio.run(main())
session.close()
"""


def test_two_processes_add_to_one_session_and_keep_each_call_together(
    vault: Path, memory: Memory
) -> None:
    talkers = [
        subprocess.Popen([sys.executable, "-c", TALKS, str(vault), actor])
        for actor in ("agent:bob", "agent:eve")
    ]
    assert [talker.wait() for talker in talkers] == [0, 0]
    got = words(get(MemosSession("shared", memory, scope="acme")))
    assert len(got) == 30
    for actor in ("agent:bob", "agent:eve"):
        own = [text for text in got if text.startswith(actor)]
        assert own == [f"{actor} {turn} {n}" for turn in range(5) for n in range(3)]


def test_a_vault_at_a_path_is_opened_and_closed(vault: Path) -> None:
    session = MemosSession("s", vault, scope="acme", actor="agent:alice")
    add(session, said("a"))
    session.close()
    with Memory(vault, actor="agent:alice") as memory:
        assert json.dumps(get(MemosSession("s", memory, scope="acme"))) == json.dumps([said("a")])
        with pytest.raises(InvalidInput, match="actor"):
            MemosSession("s", memory, scope="acme", actor="agent:bob")
