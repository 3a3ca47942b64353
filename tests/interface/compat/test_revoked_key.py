"""What an adapter was given by an API key ends with the key, for as long as a program keeps the adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from anthropic.lib.tools import ToolError

from memos import CreatedApiKey, Memory, Unauthenticated
from memos.compat.anthropic import MemoryTool
from memos.compat.langgraph import MemosStore
from memos.compat.mem0 import Memory as Mem0Memory
from memos.compat.openai_agents import MemosSession

SCOPE = "acme/bot"

Calls = tuple[Callable[[], object], Callable[[], object]]
"""One that writes, and one that reads."""


@pytest.fixture
def created(memory: Memory) -> CreatedApiKey:
    return memory.create_api_key("agent:bot", tenant="acme", scopes=[SCOPE])


@pytest.fixture
def held(memory: Memory, created: CreatedApiKey) -> Memory:
    return memory.as_api_key(created.key)


@pytest.fixture(autouse=True)
def _nothing_is_written_behind(memory: Memory, created: CreatedApiKey) -> Iterator[None]:
    yield
    revoked = list(memory.events(kind="ApiKeyRevoked"))
    assert len(revoked) == 1
    assert list(memory.events(actor="agent:bot", since=revoked[0].position)) == []


def refused(
    memory: Memory, created: CreatedApiKey, calls: Calls, error: type[Exception] = Unauthenticated
) -> None:
    for call in calls:
        call()
    memory.revoke_api_key(created.api_key.key_id, tenant="acme")
    for call in calls:
        with pytest.raises(error, match="was revoked"):
            call()


def test_a_store_of_langgraph_is_refused(
    memory: Memory, created: CreatedApiKey, held: Memory
) -> None:
    store = MemosStore(held, scope=SCOPE)
    users = ("users", "alice")
    calls = (
        lambda: store.put(users, "likes", {"text": "pottery"}),
        lambda: store.search(("users",), query="pottery"),
    )
    refused(memory, created, calls)


def test_a_session_of_openai_s_agents_is_refused(
    memory: Memory, created: CreatedApiKey, held: Memory
) -> None:
    session = MemosSession("chat-7", held, scope=SCOPE)
    said = {"role": "user", "content": "pottery"}
    calls = (
        lambda: asyncio.run(session.add_items([said])),  # type: ignore[list-item]
        lambda: asyncio.run(session.get_items()),
    )
    refused(memory, created, calls)


def test_a_memory_of_mem0_is_refused(memory: Memory, created: CreatedApiKey, held: Memory) -> None:
    mem0 = Mem0Memory(held, scope=SCOPE)
    calls = (
        lambda: mem0.add("She likes pottery.", user_id="alice"),
        lambda: mem0.search("pottery", user_id="alice"),
    )
    refused(memory, created, calls)


def test_a_memory_tool_tells_the_model_that_it_is_refused(
    memory: Memory, created: CreatedApiKey, held: Memory
) -> None:
    tool = MemoryTool(held, scope=SCOPE)
    note = {"command": "create", "path": "/memories/note", "file_text": "She likes pottery."}
    tool.call(note)
    replace = {
        "command": "insert", "path": "/memories/note", "insert_line": 0, "insert_text": "So:\n",
    }  # fmt: skip
    view = {"command": "view", "path": "/memories/note"}
    calls = (lambda: tool.call(replace), lambda: tool.call(view))
    refused(memory, created, calls, ToolError)
