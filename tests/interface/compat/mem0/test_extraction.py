"""Memories that a chat model makes of messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from memos import ChatPrompt, Forgotten, MemCube, ModelUnavailable, TokenUsage
from memos import Memory as Vault
from memos.compat.mem0 import Memory

TALK = [
    {"role": "user", "content": "I moved to Oslo", "name": "Ana"},
    {"role": "assistant", "content": "How do you like it?"},
]


class Scribe:
    """A chat model that answers as it is told to, and keeps what it was asked."""

    name = "scribe"

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[ChatPrompt] = []

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        self.asked.append(prompt)
        yield from self.answer
        yield TokenUsage()


def facts(*said: str) -> str:
    return f"Here you are:\n```json\n{json.dumps({'facts': said})}\n```"


def made(memory: Vault, model: Any) -> Memory:
    return Memory(memory, scope="acme/mem0", chat_model=model)


def test_the_model_reads_the_talk_and_its_facts_are_the_memories(memory: Vault) -> None:
    model = Scribe(facts("Ana moved to Oslo.", "Ana moved to Oslo.", " "))
    m = made(memory, model)
    results = m.add(TALK, user_id="ana", metadata={"kind": "home"}, prompt="In English.")["results"]
    assert [(each["memory"], each["event"]) for each in results] == [("Ana moved to Oslo.", "ADD")]
    assert m.get_all(user_id="ana")["results"][0]["metadata"] == {"kind": "home"}
    assert [each["memory"] for each in m.search("Oslo", user_id="ana")["results"]] == [
        "Ana moved to Oslo."
    ]
    asked = model.asked[0]
    assert asked.messages[0].content == "Ana: I moved to Oslo\nassistant: How do you like it?"
    assert asked.owner == "acme"
    assert asked.system.endswith("In English.")


def test_a_fact_is_derived_from_what_was_said_and_goes_with_it(memory: Vault) -> None:
    m = made(memory, Scribe(facts("Ana moved to Oslo.")))
    fact = m.add(TALK, user_id="ana")["results"][0]["id"]
    sources = [edge.source[0] for edge in memory.lineage(fact).edges]
    said = [cube.text for cube in map(memory.get, sources) if isinstance(cube, MemCube)]
    assert sorted(said) == ["How do you like it?", "I moved to Oslo"]
    assert len(m.get_all(filters={"user_id": "*"})["results"]) == 1
    memory.erase(subject="ana")
    assert isinstance(memory.get(fact), Forgotten)


def test_delete_all_takes_what_was_said_along(memory: Vault) -> None:
    m = made(memory, Scribe(facts("Ana moved to Oslo.")))
    m.add(TALK, user_id="ana")
    m.add(TALK, user_id="bob")
    m.delete_all(user_id="ana")
    assert {cube.scope for cube in memory.list(scope="acme/mem0")} == {
        "acme/mem0/user:bob",
        "acme/mem0/messages/user:bob",
    }


def test_infer_false_asks_no_model(memory: Vault) -> None:
    model = Scribe("")
    results = made(memory, model).add(TALK, user_id="ana", infer=False)["results"]
    assert [each["memory"] for each in results] == ["I moved to Oslo", "How do you like it?"]
    assert model.asked == []


def test_without_a_chat_model_messages_are_stored_as_they_were_said(memory: Vault) -> None:
    m = Memory(memory, scope="acme/mem0")
    assert [each["memory"] for each in m.add(TALK, user_id="ana")["results"]] == [
        "I moved to Oslo",
        "How do you like it?",
    ]


def test_nothing_to_remember_stores_nothing(memory: Vault) -> None:
    assert made(memory, Scribe(facts())).add(TALK, user_id="ana") == {"results": []}
    assert memory.list(scope="acme") == []


@pytest.mark.parametrize(
    "answer", ["", "no JSON", "{", '{"facts": "x"}', '{"facts": [1]}', "[]", "{" * 100_000]
)
def test_an_answer_without_facts_is_an_error_and_nothing_is_stored(
    memory: Vault, answer: str
) -> None:
    with pytest.raises(ModelUnavailable, match="nothing was stored"):
        made(memory, Scribe(answer)).add(TALK, user_id="ana")
    assert memory.list(scope="acme") == []
