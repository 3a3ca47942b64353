"""Memories in front of an OpenAI-compatible server, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from memos import Memory
from memos.interface.http.settings import HttpSettings, Upstream
from tests.interface.http.proxy import upstream as behind
from tests.interface.http.served import ALL_ACTIONS, Caller, Served

QUESTION = "What does she drink?"


@pytest.fixture
def asked() -> Iterator[behind.Upstream]:
    with behind.listening() as server:
        yield server


@pytest.fixture
def caller(memory: Memory, tenant: str, asked: behind.Upstream) -> Iterator[Caller]:
    with Served(memory, HttpSettings(upstream=Upstream(asked.url))) as server:
        yield server.caller("agent:alice", tenant, actions=ALL_ACTIONS)


def ask(caller: Caller, messages: list[Any], **headers: str) -> list[str]:
    """Ask with memories; the ids of those that were used."""
    answer = caller.client.post(
        "/openai/v1/chat/completions", json={"messages": messages}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return [part for part in answer.headers["x-memos-used"].split(", ") if part]


def test_a_conversation_has_its_memories_keeps_its_prefix_and_is_remembered(
    caller: Caller, tenant: str, memory: Memory, asked: behind.Upstream
) -> None:
    scope = f"{tenant}/alice"
    new = {"text": "She drinks tea.", "scope": scope}
    fact = caller.client.post("/v1/memories", json=new).json()["cube_id"]
    headers = {"X-Memos-Scope": scope, "X-Memos-Remember": "true"}
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    assert ask(caller, messages, **headers) == [fact]
    first = asked.messages
    assert "She drinks tea." in first[0]["content"]
    messages += [
        {"role": "assistant", "content": "She likes tea."},
        {"role": "user", "content": "And at night?"},
    ]
    assert fact in ask(caller, messages, **headers)
    assert asked.messages[:1] == first
    remembered = [cube.text for cube in memory.list(scope=scope) if cube.metadata.get("role")]
    assert sorted(remembered) == sorted([QUESTION, "And at night?", *["She likes tea."] * 2])
    memory.erase(cube_id=fact)
    ask(caller, messages, **headers)
    assert "She drinks tea." not in str(asked.messages)
