from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator

import pytest

from memos import (
    ChatMessage,
    ChatPrompt,
    InvalidInput,
    ModelUnavailable,
    OpenAICompatible,
    PromptMemory,
    TokenUsage,
)
from tests.infrastructure.chat_models.chat_server import ChatServer, served

KEY = "a-key-of-this-test"
PROMPT = ChatPrompt(
    owner="v/acme",
    opening="Be brief.\n",
    pinned=(PromptMemory("a", 1, "- one\n"), PromptMemory("b", 2, "- two\n")),
    closing="</memories>\n",
    messages=(
        ChatMessage("user", "Hi"),
        ChatMessage("assistant", "Hello"),
        ChatMessage("user", "Which kiln?"),
    ),
    max_tokens=7,
)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with served() as started:
        yield started


def test_an_answer_comes_in_pieces_and_last_what_it_took(server: ChatServer) -> None:
    model = OpenAICompatible(server.url, "small", api_key=KEY, options={"temperature": 0})
    *pieces, usage = model.stream(PROMPT)
    assert pieces == ["Kiln", " [x]", "."]
    assert usage == TokenUsage(prompt_tokens=40, cached_tokens=12, answer_tokens=3, finish="stop")
    (asked,) = server.asked
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief.\n- one\n- two\n</memories>\n"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Which kiln?"},
    ]
    assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("small", 7, 0)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_server_that_tells_nothing_of_its_cache_is_no_failure(server: ChatServer) -> None:
    server.cached_tokens = None
    *_, usage = OpenAICompatible(server.url, "small").stream(PROMPT)
    assert isinstance(usage, TokenUsage)
    assert usage.cached_tokens is None


def test_a_newer_name_of_the_length_takes_the_place_of_the_older_one(server: ChatServer) -> None:
    options = {"max_completion_tokens": 9}
    list(OpenAICompatible(server.url, "small", options=options).stream(PROMPT))
    assert server.asked[0]["max_completion_tokens"] == 9
    assert "max_tokens" not in server.asked[0]


def test_the_key_comes_from_the_environment_and_shows_nowhere(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MEMOS_CHAT_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "a key of somebody else")
    monkeypatch.setenv("OPENAI_ORG_ID", "an organisation of somebody else")
    model = OpenAICompatible(server.url, "small")
    server.status, server.words = 401, f"no such key: {KEY}"
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelUnavailable, match="401") as failed:
        list(model.stream(PROMPT))
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "openai-organization" not in server.headers[0]
    shown = [str(failed.value), repr(model), str(vars(model).keys()), caplog.text]
    assert [text for text in shown if KEY in text] == []
    assert failed.value.__cause__ is None
    with pytest.raises(TypeError, match="holds a key"):
        pickle.dumps(model)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"status": 404, "words": "no such model"}, "404.*no such model"),
        ({"status": 500, "words": "out of memory"}, "500"),
        ({"breaks_off": True}, "broke off"),
        ({"raw": "data: <html>\n\n"}, "no chat completion"),
        ({"raw": "data: [1]\n\n"}, "no chat completion"),
        ({"raw": 'data: {"choices": 7}\n\n'}, "no chat completion"),
        ({"raw": 'data: {"error": {"message": "too long"}}\n\n'}, "too long"),
        ({"raw": "<html>"}, "broke off"),
    ],
)
def test_what_is_no_answer_is_one_kind_of_error(
    server: ChatServer, fault: dict[str, object], told: str
) -> None:
    for name, value in fault.items():
        setattr(server, name, value)
    with pytest.raises(ModelUnavailable, match=rf"small at 127\.0\.0\.1.*{told}"):
        list(OpenAICompatible(server.url, "small").stream(PROMPT))


def test_a_server_that_is_not_there_is_named(server: ChatServer) -> None:
    model = OpenAICompatible("http://127.0.0.1:1/v1", "small")
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:1.*cannot be reached"):
        list(model.stream(PROMPT))


def test_memories_are_sent_nowhere_else(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where a server points on to, nor through a proxy of the environment."""
    with served() as other:
        server.location = f"{other.url}/chat/completions"
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{other.port}")
        with pytest.raises(ModelUnavailable, match="307"):
            list(OpenAICompatible(server.url, "small").stream(PROMPT))
        assert (len(server.asked), other.asked) == (1, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://host/v1"},
        {"base_url": "host"},
        {"base_url": "http://user@host/v1"},
        {"base_url": 7},
        {"base_url": "http://["},
        {"base_url": "http://a\x00b/v1"},
        {"base_url": "http://a..b/v1"},
        {"base_url": "http://host/\ud800"},
        {"base_url": "http://host/" + "x" * 70_000},
        {"model": None},
        {"model": " "},
        {"timeout": 0},
        {"timeout": "long"},
        {"timeout": float("nan")},
        {"api_key": "a\nb"},
        {"api_key": 7},
    ],
)
def test_arguments_that_do_not_fit_are_told_at_once(wrong: dict[str, object]) -> None:
    given: dict[str, object] = {"base_url": "http://host/v1", "model": "small"}
    (name,) = wrong
    with pytest.raises(InvalidInput, match="API key" if name == "api_key" else name):
        OpenAICompatible(**given | wrong)  # type: ignore[arg-type]
