"""Memories in what the proxy sends on: where they stand, that they stay there, and what is told of them."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from memos.interface.http.proxy import conversations
from memos.interface.http.proxy.conversations import Conversations, KeptTurn
from memos.interface.http.proxy.messages import ChatMessages
from memos.operation.reads.context_block import CLOSE, OPEN
from tests.interface.http.proxy.conftest import QUESTION, Proxied, assistant, user
from tests.interface.http.proxy.upstream import completion
from tests.interface.http.served import SECONDS, check_problem

TURNS = 12
THINGS = ("bicycle", "locker", "ticket", "house", "telephone", "passport", "bus")
SYSTEM = {"role": "system", "content": "You are kind."}


def used(answer: Any) -> list[str]:
    return [part.strip() for part in answer.headers["x-memos-used"].split(",")]


def serialised(messages: list[Any]) -> bytes:
    """Messages as they were sent, up to the last: a prompt that begins with them has the same prefix."""
    return json.dumps(messages).encode()[:-1]


def test_the_pinned_block_stands_behind_the_instructions_and_the_rest_before_the_question(
    proxied: Proxied,
) -> None:
    rule = proxied.add("Never promise a date.", tags=["policy"])
    fact = proxied.add("She drinks tea.")
    answer = proxied.ask([SYSTEM, user(QUESTION)])
    system, question = proxied.upstream.messages
    assert system["content"].startswith(f"You are kind.\n\n{OPEN}")
    assert "Never promise a date." in system["content"]
    assert question["content"].startswith(OPEN)
    assert "She drinks tea." in question["content"]
    assert question["content"].endswith(f"{CLOSE}\n{QUESTION}")
    assert used(answer) == [fact, rule]
    assert answer.headers["x-memos-used-count"] == "2"
    assert answer.content == proxied.upstream.answer.parts[0]


def test_where_there_are_no_instructions_the_pinned_block_is_a_message_of_its_own(
    proxied: Proxied,
) -> None:
    proxied.add("Never promise a date.", tags=["policy"])
    proxied.ask([user("Hello")])
    system, question = proxied.upstream.messages
    assert (system["role"], question) == ("system", user("Hello"))
    assert system["content"].startswith(OPEN)


def test_parts_of_a_message_stay_and_the_memories_are_parts_beside_them(proxied: Proxied) -> None:
    proxied.add("Never promise a date.", tags=["policy"])
    proxied.add("She drinks tea.")
    picture = {"type": "image_url", "image_url": {"url": "data:,x"}, "x": 1}
    developer = {
        "role": "developer",
        "content": [{"type": "text", "text": "Be kind."}],
        "name": "d",
    }
    proxied.ask([developer, user([picture, {"type": "text", "text": QUESTION}])])
    first, question = proxied.upstream.messages
    assert first["content"][0] == {"type": "text", "text": "Be kind."}
    assert "Never promise" in first["content"][1]["text"]
    assert first["name"] == "d"
    block, *rest = question["content"]
    assert "She drinks tea." in block["text"]
    assert rest == [picture, {"type": "text", "text": QUESTION}]


def test_fields_that_nobody_knows_go_on_beside_memories(proxied: Proxied) -> None:
    proxied.add("She drinks tea.")
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"x": [1.5, None]}}}]
    asked = {
        "model": "m",
        "messages": [user(QUESTION)],
        "n": 3,
        "tools": tools,
        "x_new": "☕ \ud800",
    }
    assert proxied.post(asked_bytes(asked), X_Memos_Scope=proxied.scope).status_code == 200
    sent = proxied.upstream.asked[-1]
    assert {**sent, "messages": asked["messages"]} == asked


def asked_bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode("ascii")


def test_each_turn_begins_with_what_the_turn_before_was_to_the_byte(proxied: Proxied) -> None:
    proxied.add("Never promise a date.", tags=["policy"])
    facts = [proxied.add(f"{thing}: drawer {n}") for n, thing in enumerate(THINGS)]
    client = proxied.client(X_Memos_Scope=proxied.scope, X_Memos_Session="s")
    messages: list[Any] = [SYSTEM]
    named: set[str] = set()
    for turn in range(TURNS):
        messages.append(user(f"{THINGS[turn % len(THINGS)]}?"))
        proxied.upstream.says(completion(f"Number {turn}."))
        raw = client.chat.completions.with_raw_response.create(model="m", messages=messages)
        messages.append(raw.parse().choices[0].message.model_dump(exclude_none=True))
        named |= set(used(raw))
    for before, after in pairwise(proxied.upstream.asked):
        assert serialised(after["messages"]).startswith(serialised(before["messages"]))
    assert set(facts) <= named
    last = [each["content"] for each in proxied.upstream.messages if each["role"] == "user"]
    assert len([text for text in last if text.startswith(OPEN)]) == len(facts)


def test_a_tool_s_answer_or_a_request_sent_again_leaves_the_prompt_as_it_is(
    proxied: Proxied,
) -> None:
    proxied.add("Never promise a date.", tags=["policy"])
    proxied.add("She drinks tea.")
    messages = [SYSTEM, user(QUESTION)]
    first = proxied.ask(messages)
    before = proxied.upstream.messages
    proxied.add("She drinks coffee, at times.")
    again = proxied.ask(messages)
    assert proxied.upstream.messages == before
    assert used(again) == used(first)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages += [
        assistant(None, tool_calls=[call]),
        {"role": "tool", "tool_call_id": "c", "content": "4"},
    ]
    proxied.ask(messages)
    assert proxied.upstream.messages == [*before, *messages[2:]]
    proxied.ask([*messages, assistant("Tea."), user("And does she drink coffee?")])
    assert proxied.upstream.messages[: len(before)] == before
    assert "coffee, at times" in proxied.upstream.messages[-1]["content"]


def test_what_was_erased_leaves_the_history_that_the_client_sends_again(proxied: Proxied) -> None:
    secret = proxied.add("She drinks absinthe.")
    proxied.add("She drinks tea.")
    messages = [user(QUESTION)]
    assert secret in used(proxied.ask(messages))
    assert "absinthe" in str(proxied.upstream.messages)
    proxied.memory.erase(cube_id=secret)
    assert secret not in used(proxied.ask(messages))
    assert "absinthe" not in str(proxied.upstream.messages)
    messages += [assistant("Tea."), user("What else?")]
    proxied.ask(messages)
    assert "absinthe" not in str(proxied.upstream.messages)
    assert "She drinks tea." in str(proxied.upstream.messages)


def test_a_lost_history_costs_the_cache_alone(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST_CHARACTERS", 0)
    fact = proxied.add("She drinks tea.")
    proxied.ask([user(QUESTION)])
    again = proxied.ask([user(QUESTION), assistant("Tea."), user("Tea, does she drink that?")])
    assert used(again) == [fact]
    asked = proxied.upstream.messages
    assert asked[0] == user(QUESTION)
    assert "She drinks tea." in asked[2]["content"]


def test_a_question_about_a_long_text_is_searched_with_by_its_beginning_and_its_end(
    proxied: Proxied,
) -> None:
    proxied.add("She drinks tea.")
    for question in (QUESTION + " word" * 1_000, "word " * 1_000 + QUESTION):
        proxied.ask([user(question)])
        assert "She drinks tea." in proxied.upstream.messages[-1]["content"]
        assert proxied.upstream.messages[-1]["content"].endswith(question)
    assert len(ChatMessages([user("x" * 5_000)]).query) < 2_100


async def until_gone(kept: Conversations, digest: bytes) -> None:
    """Let the loop run until a turn is let go of."""
    if kept.get(digest) is not None:
        await asyncio.sleep(0.01)
        await until_gone(kept, digest)


def test_turns_are_kept_for_a_while_and_not_beyond_so_many_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def keep() -> list[bool]:
        kept = Conversations()
        for name in (b"a", b"b"):
            kept.keep(name, KeptTurn("x" * 10, {}))
        kept.get(b"a")
        monkeypatch.setattr(conversations, "KEPT_SECONDS", 0.0)
        kept.keep(b"c", KeptTurn("x" * 10, {}))
        told = [kept.get(name) is not None for name in (b"a", b"b", b"c", None)]
        async with asyncio.timeout(SECONDS):
            await until_gone(kept, b"c")
        return told

    monkeypatch.setattr(conversations, "MOST_CHARACTERS", 20)
    assert asyncio.run(keep()) == [True, False, True, False]


@pytest.mark.parametrize("depth", [400, 600, 800, 900, 940, 960, 980, 990, 1_000, 1_200])
def test_no_depth_of_nesting_is_a_fault_of_the_server(proxied: Proxied, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    body = f'{{"messages": [{{"role": "user", "content": "x", "y": {nested}}}]}}'.encode()
    assert proxied.post(body, X_Memos_Scope=proxied.scope).status_code in (200, 400, 422)


def test_histories_of_other_keys_sessions_and_scopes_are_others(proxied: Proxied) -> None:
    proxied.add("She drinks tea.")
    messages = [user(QUESTION), assistant("Tea."), user("Hello")]
    proxied.ask(messages[:1])
    for headers in ({"X_Memos_Session": "other"}, {"X_Memos_Scope": "acme/nobody"}):
        proxied.ask(messages, **headers)
        assert proxied.upstream.messages[0] == user(QUESTION)
    other = proxied.served.caller("user:bob")
    asked = {"messages": messages}
    other.client.post(
        "/openai/v1/chat/completions", json=asked, headers={"X-Memos-Scope": proxied.scope}
    )
    assert proxied.upstream.messages[0] == user(QUESTION)
    proxied.ask(messages)
    assert "She drinks tea." in proxied.upstream.messages[0]["content"]


def test_a_caller_has_the_memories_that_their_key_may_read_and_no_others(proxied: Proxied) -> None:
    proxied.add("She drinks absinthe.", readers=["user:root"])
    proxied.add("She drinks tea.")
    proxied.ask([user(QUESTION)])
    assert "absinthe" not in str(proxied.upstream.messages)
    assert "She drinks tea." in str(proxied.upstream.messages)


def test_ids_are_named_as_far_as_a_header_holds_them_and_all_are_counted(proxied: Proxied) -> None:
    proxied.memory.add_many(
        [{"text": f"Rule {n}.", "scope": proxied.scope, "tags": ["policy"]} for n in range(120)]
    )
    answer = proxied.ask([user("Hello")], X_Memos_Budget="3000")
    assert len(used(answer)) == 100
    assert int(answer.headers["x-memos-used-count"]) == 120


def test_memories_that_cannot_be_had_are_a_problem_and_nobody_is_asked(proxied: Proxied) -> None:
    fine: dict[str, Any] = {"messages": [user(QUESTION)]}
    cases: list[tuple[dict[str, Any], dict[str, str], int, str]] = [
        (fine, {"X_Memos_Scope": "globex/x"}, 403, "denied"),
        (fine, {"X_Memos_Scope": "a//b"}, 422, "invalid-input"),
        (fine, {"X_Memos_Scope": "acme/a, globex/b"}, 422, "invalid-input"),
        (fine, {"X_Memos_Budget": "0"}, 422, "invalid-input"),
        ({"messages": [{"role": "system", "content": "x"}]}, {}, 422, "invalid-input"),
        ({"messages": "x"}, {}, 422, "invalid-input"),
        ({"messages": [1]}, {}, 422, "invalid-input"),
        ({"model": "m"}, {}, 422, "invalid-input"),
    ]
    for body, headers, status, name in cases:
        asked = {"X_Memos_Scope": proxied.scope, **headers}
        refused = proxied.post(body, **asked)
        check_problem(refused, status, name)
        assert refused.headers["x-memos-error"] == name
        assert proxied.upstream.bodies == []
        optional = proxied.post(body, X_Memos_Optional="true", **asked)
        assert optional.status_code == 200
        assert optional.headers["x-memos-error"] == name
        assert "x-memos-used" not in optional.headers
        assert json.loads(proxied.upstream.bodies.pop()) == body


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Memos_Scope": ""},
        {"X_Memos_Scope": "acme/\xff".encode("latin-1")},
        {"X_Memos_Scopes": "acme"},
        {"X_Memos_Remember": "true"},
        {"X_Memos_Session": "s"},
        {"X_Memos_Optional": "true"},
        {"X_Memos_Scope": "acme", "X_Memos_Remember": "yes"},
        {"X_Memos_Scope": "acme/a,acme/b", "X_Memos_Remember": "true"},
        {"X_Memos_Scope": "acme", "X_Memos_Budget": "-1"},
        {"X_Memos_Scope": "acme", "X_Memos_Budget": "1e3"},
        {"X_Memos_Scope": "acme", "X_Memos_Budget": "9" * 30},
        {"X_Memos_Upstream_Key": "schlüssel".encode()},
    ],
)
def test_a_header_that_is_not_understood_is_not_guessed_at(
    proxied: Proxied, headers: dict[str, Any]
) -> None:
    check_problem(proxied.post(**headers), 400, "malformed")
    assert proxied.upstream.bodies == []


def test_a_header_of_memories_that_stands_twice_is_refused(proxied: Proxied) -> None:
    answer = proxied.caller.client.post(
        "/openai/v1/chat/completions",
        json={"messages": [user(QUESTION)]},
        headers=[("X-Memos-Scope", "acme/a"), ("x-memos-scope", "acme/b")],
    )
    check_problem(answer, 400, "malformed")


def test_nothing_of_a_header_reaches_the_headers_of_the_answer(proxied: Proxied) -> None:
    body = b'{"messages": []}'
    with proxied.served.connect() as connection:
        connection.sendall(
            f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {proxied.caller.key}\r\nContent-Type: application/json\r\n"
            f"X-Memos-Scope: acme\r\n X-Injected: 1\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        told = b""
        while part := connection.recv(65_536):
            told += part
    head = told.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 4")
    assert b"x-injected" not in head
    assert proxied.upstream.bodies == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff\xfe{}", b'{"messages": [], "x": NaN}', b"[" * 100_000,
     b'{"messages": [{"role": "user", "content": "x"}], "x": 1e999}'],
)  # fmt: skip
def test_a_body_that_memories_cannot_be_put_into_is_malformed(
    proxied: Proxied, body: bytes
) -> None:
    check_problem(proxied.post(body, X_Memos_Scope=proxied.scope), 400, "malformed")
    assert proxied.upstream.bodies == []


@pytest.mark.parametrize(
    "content", [None, 1, {"text": "x"}, [1, None], [], [{"type": "text", "text": 1}], "\ud800"]
)
def test_odd_questions_are_no_fault_of_the_server(proxied: Proxied, content: Any) -> None:
    proxied.add("Never promise a date.", tags=["policy"])
    for messages in ([user(content)], [user(QUESTION), {"role": "system", "content": content}]):
        body = asked_bytes({"messages": messages})
        assert proxied.post(body, X_Memos_Scope=proxied.scope).status_code in (200, 422)
