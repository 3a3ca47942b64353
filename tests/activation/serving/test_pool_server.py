"""A served model answers a request once, however often it comes, and never from what was evicted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from memos.activation.chat_model import LocalModel
from memos.activation.serving.pool_server import PoolServer
from memos.infrastructure.chat_models.port import (
    ChatMessage,
    ChatPrompt,
    PromptAdapter,
    PromptMemory,
    TokenUsage,
)
from memos.kernel.errors import InvalidInput, ModelUnavailable
from tests.activation.chat_models import chat_adapter, write_chat_model
from tests.waiting import wait_until


def prompt(*texts: str, owner: str = "v/acme", question: str = "Lamp?") -> ChatPrompt:
    pinned = tuple(PromptMemory(text, 1, f"{text}\n", text.encode()) for text in texts)
    return ChatPrompt(
        owner=owner,
        opening="Be.\n",
        pinned=pinned,
        closing="",
        messages=(ChatMessage("user", question),),
        max_tokens=8,
    )


LONG = prompt("The lamp of the cellar is on. " * 40, "two")
"""Worth keeping in a file."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chat_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def server(directory: Path) -> Iterator[PoolServer]:
    made = PoolServer(LocalModel.load(directory))
    yield made
    made.close()


def text_of(pieces: list[str | TokenUsage]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


def cached(server: PoolServer, request_id: str, asked: ChatPrompt) -> int | None:
    *_, usage = server.answer(request_id, asked)
    assert isinstance(usage, TokenUsage)
    return usage.cached_tokens


def test_a_request_that_comes_again_is_told_its_answer_and_computes_nothing(
    server: PoolServer,
) -> None:
    first = list(server.answer("r", LONG))
    before = server.figures()
    assert list(server.answer("r", LONG)) == first
    after = server.figures()
    assert (after.answers, after.repeated) == (1, 1)
    assert (after.misses, after.hits) == (before.misses, before.hits)


def test_another_owner_with_the_same_id_and_text_gets_no_answer_and_no_segment_of_it(
    server: PoolServer,
) -> None:
    cached(server, "r", LONG)
    assert cached(server, "r", replace(LONG, owner="v/globex")) == 0
    assert server.figures().repeated == 0


def test_an_evict_forgets_answers_and_segments_of_the_owner_only(server: PoolServer) -> None:
    other = replace(LONG, owner="v/globex")
    for asked in (LONG, other):
        cached(server, "r", asked)
    assert server.evict("v/acme", ["two"]) == 1
    assert server.evict_owner("v/acme") == 2
    assert cached(server, "r", LONG) == 0
    cached(server, "r", other)
    assert server.figures().repeated == 1


def test_an_answer_given_with_an_adapter_is_not_told_again_once_that_is_forgotten(
    directory: Path, tmp_path: Path
) -> None:
    model = LocalModel.load(directory)
    server = PoolServer(model)
    kept = model.keep_adapter(chat_adapter(tmp_path).files(), b"seal")
    named = PromptAdapter(kept.sha256, b"seal")
    plain = prompt("one", "two")
    asked = replace(plain, adapters=(named,))
    assert server.model_digest == model.model_digest
    assert server.has_adapter(named)
    assert text_of(list(server.answer("a", asked))) != text_of(list(server.answer("b", plain)))
    assert server.forget_adapters([named.sha256]) == 1
    assert not server.has_adapter(named)
    with pytest.raises(ModelUnavailable):
        list(server.answer("a", asked))
    server.close()


def test_an_answer_is_stopped_before_its_next_piece(server: PoolServer) -> None:
    pieces = server.answer("r", LONG)
    next(pieces)
    assert server.figures().in_flight == 1
    server.stop("another")
    server.stop("r")
    assert list(pieces) == []
    assert (server.figures().stopped, server.figures().in_flight) == (1, 0)
    assert server.figures().answers == 0


def test_an_error_is_counted_by_its_name(server: PoolServer) -> None:
    with pytest.raises(InvalidInput):
        list(server.answer("r", prompt("x" * 17_000)))
    assert server.figures().failed == {"InvalidInput": 1}


def test_answers_asked_side_by_side_while_their_prefix_is_evicted_are_the_same(
    server: PoolServer,
) -> None:
    cold = text_of(list(server.answer("cold", LONG)))
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(lambda n: list(server.answer(n, LONG)), f"r{n}") for n in range(40)]
        evicted = 0
        while not all(each.done() for each in asked):
            evicted += server.evict("v/acme", [LONG.pinned[0].cube_id])
        answers = [text_of(each.result()) for each in asked]
    assert set(answers) == {cold}
    assert evicted > 0
    assert server.figures().in_flight == 0


def test_a_server_that_is_not_closed_leaves_what_it_computed_to_the_next(
    directory: Path, tmp_path: Path
) -> None:
    first = PoolServer(LocalModel.load(directory, kept_in=tmp_path / "kept"))
    assert cached(first, "r", LONG) == 0
    wait_until(lambda: first.figures().bytes["files"] > 0)
    first.close()
    second = PoolServer(LocalModel.load(directory, kept_in=tmp_path / "kept"))
    assert cached(second, "r", LONG)
    assert second.figures().hits.keys() == {"files"}
    second.close()
