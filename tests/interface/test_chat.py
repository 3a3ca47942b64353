from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memos import (
    AsyncChatStream,
    AsyncMemory,
    ChatAnswer,
    ChatPrompt,
    ChatStream,
    Forgotten,
    InvalidInput,
    MemCube,
    Memory,
    ModelUnavailable,
    OpenAICompatible,
    ReadOnly,
    TokenUsage,
    Unauthenticated,
)
from tests.infrastructure.chat_models.chat_server import ChatServer, served
from tests.interface.asked import SCOPE

RULE = "Answer in French."
ROOMS = ("kitchen", "cellar", "attic", "garden")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with served() as started:
        yield started


@pytest.fixture
def model(server: ChatServer) -> OpenAICompatible:
    return OpenAICompatible(server.url, "small")


@pytest.fixture
def house(memory: Memory) -> Memory:
    """A vault of which one memory is policy, and the others are found by their room."""
    memory.add(RULE, scope=SCOPE, tags=["policy"])
    for room in ROOMS:
        memory.add(f"The lamp of the {room} has a {room} switch.", scope=SCOPE)
    return memory


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def id_of(memory: Memory, text: str) -> str:
    """The memory that is found by a text."""
    return memory.search(text, scope=SCOPE)[0].cube_id


def sent(server: ChatServer) -> str:
    """All that the last request holds."""
    return json.dumps(server.asked[-1], ensure_ascii=False)


def test_an_answer_comes_from_memories_and_says_which_it_had_and_cites(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    rule, cellar = id_of(house, RULE), id_of(house, "cellar switch")
    server.pieces = ("It is the cellar ", f"switch [{cellar[-8:]}, none].")
    answer = house.chat([user("The lamp of the cellar?")], scope=SCOPE, model=model)
    assert RULE in server.systems[0]
    (asked,) = server.said()
    assert "cellar switch" in asked
    assert asked.endswith("\nThe lamp of the cellar?")
    assert answer.text == f"It is the cellar switch [{cellar[-8:]}, none]."
    assert {cite.cube_id for cite in answer.citations} >= {rule, cellar}
    assert [(cite.cube_id, cite.version) for cite in answer.cited] == [(cellar, 1)]
    assert (answer.model, answer.figures.form) == ("small", "plaintext")
    assert (answer.figures.prompt_tokens, answer.figures.cached_tokens) == (40, 12)
    assert 0 < answer.figures.first_piece_ms <= answer.figures.total_ms
    assert answer.remembered == ()


def test_a_conversation_goes_on_with_the_same_front_and_sends_no_memory_twice(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    first = house.chat([user("The cellar switch?")], scope=SCOPE, model=model)
    question = user("And the cellar switch again?")
    passed = json.loads(json.dumps([*first.messages, question]))
    second = house.chat(passed, scope=SCOPE, model=model, state=first.state)
    before, after = server.asked
    assert after["messages"][: len(before["messages"])] == before["messages"]
    assert sent(server).count("The lamp of the cellar") == 1
    assert second.context.changed == ()
    assert {cite.cube_id for cite in second.citations} >= {id_of(house, "cellar switch")}


def _revise(memory: Memory, cube_id: str) -> None:
    memory.update(cube_id, "There is no lamp.")


def _undo(memory: Memory, cube_id: str) -> None:
    memory.rollback(source="web:lamps")


def _erase(memory: Memory, cube_id: str) -> None:
    memory.erase(cube_id=cube_id)


def _hide(memory: Memory, cube_id: str) -> None:
    memory.set_header(cube_id, owner="agent:bob", readers=["agent:bob"])


@pytest.mark.parametrize("tags", [[], ["pinned"]])
@pytest.mark.parametrize("end", [_revise, _undo, _erase, _hide])
def test_what_no_longer_holds_is_as_if_the_model_had_never_seen_it(
    house: Memory,
    vault: Path,
    server: ChatServer,
    model: OpenAICompatible,
    end: Callable[[Memory, str], None],
    tags: list[str],
) -> None:
    """Found or pinned: the next prompt has no more of it than the words that were said."""
    secret = house.add(
        "The safe of the cellar opens with 4711.", scope=SCOPE, source="web:lamps", tags=tags
    )
    server.pieces = ("It has one.",)
    with Memory(vault, actor="agent:carol") as reader:
        first = reader.chat([user("The safe of the cellar?")], scope=SCOPE, model=model)
        assert "4711" in sent(server)
        end(house, secret.cube_id)
        passed = [*first.messages, user("And the attic?")]
        after = reader.chat(passed, scope=SCOPE, model=model, state=first.state)
        assert "4711" not in sent(server)
        cited = [(cite.cube_id, cite.version) for cite in after.citations]
        assert (secret.cube_id, 1) not in cited
        assert after.context.changed
        assert "4711" not in json.dumps(after.messages)


@pytest.mark.parametrize("tags", [[], ["pinned"]])
def test_after_an_erase_the_prompt_is_to_the_byte_that_of_a_vault_that_never_had_it(
    house: Memory, server: ChatServer, model: OpenAICompatible, tags: list[str]
) -> None:
    asked = [user("The cellar switch?")]
    house.chat(asked, scope=SCOPE, model=model)
    other = house.add("The cellar switch is live.", scope=SCOPE, tags=tags)
    house.chat(asked, scope=SCOPE, model=model)
    house.erase(cube_id=other.cube_id)
    house.chat(asked, scope=SCOPE, model=model)
    never, had, after = server.asked
    assert after == never != had


def test_messages_without_their_state_or_with_anothers_begin_anew(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    first = house.chat([user("The cellar switch?")], scope=SCOPE, model=model, k=1)
    other = house.chat([user("The attic switch?")], scope=SCOPE, model=model, k=1)
    house.erase(cube_id=id_of(house, "cellar switch"))
    for state in (None, other.state):
        passed = [*first.messages, user("The garden switch?")]
        after = house.chat(passed, scope=SCOPE, model=model, state=state)
        assert "The lamp of the cellar" not in sent(server)
        assert "not those that the state was given with" in after.context.changed[0]


def test_pieces_come_as_the_model_gives_them_and_the_answer_behind_them(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    stream = house.chat([user("The cellar?")], scope=SCOPE, model=model, stream=True)
    assert isinstance(stream, ChatStream)
    with pytest.raises(InvalidInput, match="read to its end"):
        _ = stream.answer
    assert list(stream) == list(server.pieces)
    assert stream.answer.text == "".join(server.pieces)
    stream.close()
    assert stream.answer.messages[-1] == {"role": "assistant", "content": stream.answer.text}


def test_a_stream_that_is_closed_early_leaves_no_answer_and_remembers_nothing(
    house: Memory, model: OpenAICompatible
) -> None:
    before = house.count(scope=SCOPE)
    asked = [user("The cellar?")]
    with house.chat(asked, scope=SCOPE, model=model, stream=True, remember=True) as stream:
        next(stream)
    assert list(stream) == []
    with pytest.raises(InvalidInput, match="nothing was remembered"):
        _ = stream.answer
    assert house.count(scope=SCOPE) == before


def test_what_is_erased_before_the_first_piece_is_asked_for_is_not_answered_from(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    stream = house.chat([user("The cellar switch?")], scope=SCOPE, model=model, stream=True)
    house.erase(cube_id=id_of(house, "cellar switch"))
    list(stream)
    assert "The lamp of the cellar" not in sent(server)


def test_question_and_answer_are_remembered_without_the_memories_beside_them(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    server.pieces = ("By the stairs.",)
    before = house.count(scope=SCOPE)
    answer = house.chat([user("The cellar switch?")], scope=SCOPE, model=model, remember=True)
    question, told = (house.get(receipt.cube_id) for receipt in answer.remembered)
    assert isinstance(question, MemCube)
    assert isinstance(told, MemCube)
    assert (question.text, told.text) == ("The cellar switch?", "By the stairs.")
    assert [cube.metadata["role"] for cube in (question, told)] == ["user", "assistant"]
    assert house.count(scope=SCOPE) == before + 2


def test_a_remembered_answer_goes_with_what_it_was_made_from(
    house: Memory, model: OpenAICompatible
) -> None:
    answer = house.chat([user("The cellar switch?")], scope=SCOPE, model=model, remember=True)
    question, told = (receipt.cube_id for receipt in answer.remembered)
    house.erase(cube_id=id_of(house, "lamp of the cellar"))
    assert isinstance(house.get(told), Forgotten)
    assert not isinstance(house.get(question), Forgotten)


def test_a_remembered_answer_is_of_the_versions_that_the_model_read(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    code = house.as_actor("agent:eve").add("The code of the kiln is 4711.", scope=SCOPE).cube_id

    def changed_meanwhile(_: str) -> str:
        house.update(code, "The kiln has no code.")
        return "It is 4711."

    server.reply = changed_meanwhile
    answer = house.chat([user("The code?")], scope=SCOPE, model=model, remember=True)
    told = answer.remembered[1].cube_id
    assert (code, 1) in {edge.source for edge in house.lineage(told).edges}
    house.rollback(actor="agent:eve")
    left = house.get(told, any_state=True)
    assert isinstance(left, MemCube)
    assert left.state == "Archived"


def test_a_remembered_answer_is_read_by_nobody_who_may_not_read_its_memories(
    house: Memory, vault: Path, model: OpenAICompatible
) -> None:
    house.add("The safe opens with 4711.", scope=SCOPE, readers=["agent:alice"])
    answer = house.chat([user("The safe?")], scope=SCOPE, model=model, remember=True)
    told = answer.remembered[1].cube_id
    with Memory(vault, actor="agent:carol") as carol:
        assert told not in [cube.cube_id for cube in carol.list(scope=SCOPE)]


def test_a_model_that_fails_leaves_nothing(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    before = house.count(scope=SCOPE)
    server.breaks_off = True
    with pytest.raises(ModelUnavailable):
        house.chat([user("The cellar?")], scope=SCOPE, model=model, remember=True)
    assert house.count(scope=SCOPE) == before


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([], "empty"),
        ([user("x"), {"role": "assistant", "content": "y"}], "not the user's"),
        ([{"role": "tool", "content": "x"}], "message 0 has role='tool'"),
        ([{"content": "x"}], "message 0 has role=None"),
        ([user("x"), {"role": "system", "content": "y"}, user("z")], "in front of all"),
        ([user("  ")], "no question"),
        ([{"role": "user", "content": ["x"]}], "content of message 0 must be a text"),
        ([{**user("x"), "name": "y"}], "has no 'name'"),
        ([user("half \ud800")], "half of a surrogate pair"),
        ("x", "messages must be a list"),
        ([{"role": "assistant", "content": "x", "memories": {}}, user("y")], "user's message only"),
        ([{**user("x"), "memories": {"text": "y", "cites": [["z", 1, ""]]}}], "cube id"),
    ],
)
def test_messages_that_do_not_fit_are_told_before_the_model_is_asked(
    house: Memory, server: ChatServer, model: OpenAICompatible, messages: Any, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        house.chat(messages, scope=SCOPE, model=model)
    assert server.asked == []


def test_instructions_of_the_caller_stand_in_front_and_are_passed_on(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    system = {"role": "system", "content": "You are a caretaker."}
    answer = house.chat([system, user("The cellar?")], scope=SCOPE, model=model)
    assert server.systems[0].startswith("You are a caretaker.\n\n")
    assert answer.messages[0] == system


def test_what_cannot_be_remembered_is_told_before_the_model_is_asked(
    house: Memory, vault: Path, server: ChatServer, model: OpenAICompatible
) -> None:
    asked = [user("The cellar?")]
    with pytest.raises(InvalidInput, match="in one scope"):
        house.chat(asked, scope=[SCOPE, "acme/b"], model=model, remember=True)
    with Memory(vault, mode="read") as reader, pytest.raises(ReadOnly):
        reader.chat(asked, scope=SCOPE, model=model, remember=True)
    assert server.asked == []


class Told:
    """A model of the caller's own: tells the last word of what it is asked."""

    name = "told"

    def __init__(self) -> None:
        self.prompts: list[ChatPrompt] = []

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        self.prompts.append(prompt)
        yield prompt.messages[-1].content.split()[-1]


def test_a_model_of_ones_own_gets_each_pinned_memory_by_itself_at_its_version(
    house: Memory,
) -> None:
    model = Told()
    rule = id_of(house, RULE)
    house.update(rule, "Answer in Dutch.")
    answer = house.chat([user("The cellar?")], scope=SCOPE, model=model)
    (prompt,) = model.prompts
    (pinned,) = prompt.pinned
    assert (pinned.cube_id, pinned.version) == (rule, 2)
    assert prompt.system == f"{prompt.opening}{pinned.text}{prompt.closing}"
    assert answer.context.pinned.text in prompt.system
    assert (answer.text, answer.figures.prompt_tokens) == ("cellar?", None)


@pytest.mark.parametrize("wrong", [None, "small", object(), OpenAICompatible])
def test_what_is_no_model_is_told(house: Memory, wrong: Any) -> None:
    with pytest.raises(InvalidInput, match="is no chat model"):
        house.chat([user("x")], scope=SCOPE, model=wrong)


async def _asked(house: Memory, model: OpenAICompatible) -> tuple[list[str], ChatAnswer]:
    memory = AsyncMemory(house)
    whole = await memory.chat([user("The cellar?")], scope=SCOPE, model=model)
    stream = await memory.chat([user("The cellar?")], scope=SCOPE, model=model, stream=True)
    assert isinstance(whole, ChatAnswer)
    assert isinstance(stream, AsyncChatStream)
    pieces = [piece async for piece in stream]
    assert stream.answer.text == whole.text
    return pieces, whole


def test_the_same_for_asyncio(house: Memory, server: ChatServer, model: OpenAICompatible) -> None:
    pieces, whole = asyncio.run(_asked(house, model))
    assert pieces == list(server.pieces)
    assert whole.text == "".join(pieces)


def test_a_stream_ends_where_the_key_is_revoked_that_it_was_asked_by(
    house: Memory, server: ChatServer, model: OpenAICompatible
) -> None:
    server.pieces = ("It is ", "the cellar ", "switch.")
    created = house.create_api_key("agent:bob", tenant=SCOPE.partition("/")[0])
    bob = house.as_api_key(created.key)
    stream = bob.chat([user("The cellar switch?")], scope=SCOPE, model=model, stream=True)
    assert next(stream) == "It is "
    house.revoke_api_key(created.api_key.key_id, tenant=SCOPE.partition("/")[0])
    with pytest.raises(Unauthenticated):
        next(stream)
    with pytest.raises(InvalidInput, match="cut off"):
        _ = stream.answer
