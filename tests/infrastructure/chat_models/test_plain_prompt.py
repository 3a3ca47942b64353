"""Prompts and pieces come through as they were, of builtin types only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memos.infrastructure.chat_models.plain_prompt import (
    piece_of,
    plain_error,
    plain_prefix,
    plain_prompt,
    plain_usage,
    prefix_of,
    prompt_of,
    root_of,
)
from memos.infrastructure.chat_models.port import (
    CachedPrefix,
    ChatMessage,
    ChatPrompt,
    PromptMemory,
    TokenUsage,
)
from memos.kernel.errors import InvalidInput, ModelUnavailable, NotFound

PROMPT = ChatPrompt(
    owner="v/acme",
    opening="Be.\n",
    pinned=(PromptMemory("a", 1, "one\n", b"seal"), PromptMemory("b", 2, "two\n")),
    closing="</memories>\n",
    messages=(ChatMessage("user", "Lamp?"), ChatMessage("assistant", "On.")),
    max_tokens=8,
)
BUILTIN = (dict, list, tuple, str, bytes, int, float, bool, type(None))


def parts(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value
    nested = inner if isinstance(value, dict | list | tuple) else ()
    return [value, *(part for each in nested for part in parts(each))]


def test_what_travels_comes_back_and_is_of_builtin_types() -> None:
    usage = TokenUsage(prompt_tokens=3, finish="stop", form="activation")
    prefix = CachedPrefix(
        keys=(b"k",),
        model_digest=b"m",
        tokens=1,
        bytes=2,
        computed_tokens=0,
        milliseconds=0.5,
        tier="gpu",
    )
    plain = [plain_prompt(PROMPT), plain_usage(usage), plain_prefix(prefix)]
    assert {type(part) for part in parts(plain)} <= set(BUILTIN)
    assert prompt_of(plain[0]) == PROMPT
    assert piece_of(plain[1]) == usage
    assert prefix_of(plain[2]) == prefix
    assert piece_of("text") == "text"


def test_an_error_is_raised_where_it_is_read() -> None:
    with pytest.raises(InvalidInput, match="too long"):
        piece_of(plain_error(InvalidInput("too long")))
    with pytest.raises(ModelUnavailable, match="no room"):
        prefix_of(plain_error(ModelUnavailable("no room")))
    with pytest.raises(ModelUnavailable, match="gone"):
        piece_of(plain_error(NotFound("gone")))


def test_a_root_is_one_conversations_and_of_one_owner() -> None:
    later = replace(
        PROMPT, messages=(*PROMPT.messages, ChatMessage("user", "?")), pinned=PROMPT.pinned[:1]
    )
    assert root_of(later) == root_of(PROMPT)
    others = [
        replace(PROMPT, owner="v/globex"),
        replace(PROMPT, opening="Be"),
        replace(PROMPT, pinned=PROMPT.pinned[1:]),
        replace(PROMPT, pinned=()),
        replace(PROMPT, owner="v/acmeBe", opening=".\n"),
    ]
    assert len({root_of(PROMPT), *map(root_of, others)}) == 1 + len(others)
