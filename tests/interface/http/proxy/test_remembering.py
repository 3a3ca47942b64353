"""Questions and answers that the proxy remembers: once they are whole, and nothing of the memories in them."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from memos import MemCube
from memos.interface.http.proxy import heard
from tests.interface.http.proxy.conftest import QUESTION, Proxied, assistant, user
from tests.interface.http.proxy.upstream import BEFORE_ALL, DONE, STREAMED, chunk, completion
from tests.interface.http.served import check_problem
from tests.waiting import wait_until

SAID = "She likes tea ☕."


def turns(proxied: Proxied) -> list[MemCube]:
    """What was remembered, in order."""
    found = [cube for cube in proxied.memory.list(scope=proxied.scope) if cube.metadata.get("role")]
    return sorted(found, key=lambda cube: str(cube.cube_id))


def remembering(proxied: Proxied, **headers: str) -> dict[str, str]:
    return {"X_Memos_Scope": proxied.scope, "X_Memos_Remember": "true", **headers}


def test_question_and_answer_of_a_stream_are_remembered_by_a_client_that_leaves_at_its_end(
    proxied: Proxied,
) -> None:
    fact = proxied.add("She drinks tea, and what she drinks is green.")
    proxied.upstream.streams()
    client = proxied.client(**remembering(proxied, X_Memos_Session="monday"))
    stream = proxied.complete(client, [user(QUESTION)], stream=True)
    assert "".join(each.choices[0].delta.content or "" for each in stream) == SAID
    wait_until(lambda: len(turns(proxied)) == 2, "it is remembered")
    question, answer = turns(proxied)
    assert (question.text, question.metadata["role"]) == (QUESTION, "user")
    assert (answer.text, answer.metadata["session"]) == (SAID, "monday")
    edges = proxied.memory.lineage(answer.cube_id).edges
    assert fact in {edge.source[0] for edge in edges if edge.relation == "derived_from"}


def test_an_answer_is_of_the_versions_that_were_sent(proxied: Proxied) -> None:
    fact = proxied.add("She drinks tea.")
    proxied.upstream.answer.waits_before = BEFORE_ALL
    with ThreadPoolExecutor() as others:
        asking = others.submit(proxied.post, **remembering(proxied))
        wait_until(lambda: proxied.upstream.open == 1, "the request comes")
        proxied.memory.update(fact, "She drinks nothing.")
        proxied.upstream.answer.go_on.set()
        asking.result()
    (edge,) = proxied.memory.lineage(turns(proxied)[-1].cube_id, depth=1).edges
    assert edge.source == (fact, 1)


def test_an_answer_that_comes_whole_is_remembered_before_it_goes_on(proxied: Proxied) -> None:
    answer = proxied.post(**remembering(proxied))
    assert answer.content == proxied.upstream.answer.parts[0]
    assert [cube.text for cube in turns(proxied)] == [QUESTION, "She likes tea."]


def test_memories_in_the_prompt_are_not_remembered_again(proxied: Proxied) -> None:
    proxied.add("Never promise a date.", tags=["policy"])
    proxied.add("She drinks tea.")
    messages = [user([{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {}}])]
    for turn in range(3):
        proxied.ask(messages, **remembering(proxied))
        messages += [assistant("She likes tea."), user(f"And number {turn}?")]
    assert "<memories>" in str(proxied.upstream.messages)
    texts = [cube.text for cube in turns(proxied)]
    asked = [QUESTION, "And number 0?", "And number 1?"]
    assert sorted(texts) == sorted([*asked, *["She likes tea."] * 3])


@pytest.mark.parametrize(
    "body",
    [
        completion(None, "tool_calls", tool_calls=[{"id": "c"}]),
        completion("", "stop"),
        completion("Half", "content_filter"),
        b'{"error": "x"}',
        b'{"choices": []}',
    ],
)
def test_what_is_no_answer_is_not_remembered(proxied: Proxied, body: bytes) -> None:
    proxied.upstream.says(body)
    assert proxied.post(**remembering(proxied)).content == body
    assert turns(proxied) == []


def test_of_several_answers_the_first_is_remembered(proxied: Proxied) -> None:
    pieces = (
        chunk("A"),
        chunk("B", index=1),
        chunk("a."),
        chunk(finish="stop"),
        chunk("b", index=1),
    )
    proxied.upstream.streams(*pieces, b": beat\n\n", b"event: x\ndata: {}\n\n", DONE)
    assert proxied.post(**remembering(proxied)).status_code == 200
    assert [cube.text for cube in turns(proxied)] == [QUESTION, "Aa."]


def test_an_answer_that_comes_compressed_unasked_is_remembered_where_it_comes_whole(
    proxied: Proxied,
) -> None:
    body = completion("She likes tea.")
    proxied.upstream.says(gzip.compress(body), headers=[(b"content-encoding", b"gzip")])
    answer = proxied.post()
    assert (answer.content, answer.headers["content-encoding"]) == (body, "gzip")
    answer = proxied.post(**remembering(proxied))
    assert (answer.content, "content-encoding" in answer.headers) == (body, False)
    assert [cube.text for cube in turns(proxied)] == [QUESTION, "She likes tea."]


def test_an_error_and_an_answer_that_breaks_off_are_not_remembered(proxied: Proxied) -> None:
    proxied.upstream.says(completion("x"), 500)
    assert proxied.post(**remembering(proxied)).status_code == 500
    proxied.upstream.streams(*STREAMED[:2], breaks_off=True)
    with pytest.raises(httpx.RemoteProtocolError):
        proxied.post(**remembering(proxied))
    assert turns(proxied) == []


def test_who_may_not_remember_is_told_before_anybody_is_asked(proxied: Proxied) -> None:
    reader = proxied.served.caller("user:bob", actions=("read",))
    asked = {"X-Memos-Scope": proxied.scope, "X-Memos-Remember": "true"}
    body = {"messages": [user(QUESTION)]}
    path = "/openai/v1/chat/completions"
    refused = reader.client.post(path, json=body, headers=asked)
    check_problem(refused, 403, "denied")
    assert refused.headers["x-memos-error"] == "denied"
    assert proxied.upstream.bodies == []


def test_an_answer_that_cannot_be_remembered_is_not_passed_off_as_one_that_was(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied.upstream.says(b"no JSON")
    check_problem(proxied.post(**remembering(proxied)), 502, "not-remembered")
    optional = proxied.post(**remembering(proxied), X_Memos_Optional="true")
    assert (optional.content, optional.headers["x-memos-error"]) == (b"no JSON", "not-remembered")
    monkeypatch.setattr(heard, "MOST_BYTES", 100)
    proxied.upstream.streams()
    with pytest.raises(httpx.RemoteProtocolError):
        proxied.post(**remembering(proxied))
    optional = proxied.post(**remembering(proxied), X_Memos_Optional="true")
    assert optional.content == b"".join(STREAMED)
    assert turns(proxied) == []
