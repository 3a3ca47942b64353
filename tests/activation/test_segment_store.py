"""What was computed of memories is there after a restart, and no longer once a memory is erased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memos import ChatPrompt, Memory, TokenUsage
from memos.activation.chat_model import LocalModel
from tests.activation.chat_models import tiny_chat_model
from tests.activation.dict_pool import DictPool

SCOPE = "acme/alice"
ASKED: list[dict[str, Any]] = [{"role": "user", "content": "The lamp?"}]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor="agent:alice") as opened:
        yield opened


def pin(memory: Memory, *texts: str) -> list[str]:
    return [memory.add(text, scope=SCOPE, tags=["pinned"]).cube_id for text in texts]


def model_kept_in(tmp_path: Path) -> LocalModel:
    return tiny_chat_model(tmp_path, kept_in=tmp_path / "kv")


def cached(memory: Memory, model: LocalModel) -> tuple[str, int]:
    answer = memory.chat(ASKED, scope=SCOPE, model=model, max_tokens=8)
    assert answer.figures.cached_tokens is not None
    return answer.text, answer.figures.cached_tokens


def test_after_a_restart_memories_are_read_from_files_and_the_answer_is_the_same(
    memory: Memory, tmp_path: Path
) -> None:
    pin(memory, "The lamp of the cellar is on.", "The lamp of the attic is off.")
    with model_kept_in(tmp_path) as model:
        first, none = cached(memory, model)
    with model_kept_in(tmp_path) as restarted:
        second, found = cached(memory, restarted)
    assert (second, none) == (first, 0)
    assert found > 0


def test_a_directory_that_is_held_leaves_the_second_model_with_memory_only(
    memory: Memory, tmp_path: Path
) -> None:
    pin(memory, "The lamp of the cellar is on.")
    with model_kept_in(tmp_path) as model:
        with pytest.warns(RuntimeWarning, match="held by another process"):
            other = model_kept_in(tmp_path)
        text, _ = cached(memory, model)
        assert cached(memory, other)[0] == text
        other.close()
        assert not list(tmp_path.glob("kv/segments/*/*"))
    assert list(tmp_path.glob("kv/segments/*/*"))


def test_a_file_opens_with_the_seals_of_all_its_memories_and_with_no_others(
    memory: Memory, tmp_path: Path
) -> None:
    pin(memory, "The safe opens with 4711.", "The lamp of the attic is off.")
    with model_kept_in(tmp_path) as model:
        prompts = _Noting(model)
        memory.chat(ASKED, scope=SCOPE, model=prompts, max_tokens=2)
    (asked,) = prompts.asked
    safe, lamp = asked.pinned
    assert b"4711" not in b"".join(path.read_bytes() for path in tmp_path.glob("kv/segments/*/*"))
    for forgotten in (replace(safe, seal=bytes(16)), replace(safe, seal=b"")):
        with model_kept_in(tmp_path) as restarted:
            found = tokens_found(restarted, replace(asked, pinned=(forgotten, lamp)))
            opening = tokens_found(restarted, replace(asked, pinned=()))
        assert found == opening > 0


def test_an_erase_takes_what_was_computed_out_of_every_model_of_the_process(
    memory: Memory, tmp_path: Path
) -> None:
    safe, _ = pin(memory, "The safe opens with 4711.", "The lamp of the attic is off.")
    pools = [DictPool(), DictPool()]
    models = [tiny_chat_model(tmp_path, pool) for pool in pools]
    for model in models:
        memory.chat(ASKED, scope=SCOPE, model=model, max_tokens=2)
    assert [len(pool.stored) for pool in pools] == [3, 3]
    memory.erase(cube_id=safe)
    # The opening holds no memory; what was computed behind the safe is gone with it.
    assert [len(pool.stored) for pool in pools] == [1, 1]


class _Noting:
    """Passes prompts on, and keeps them."""

    def __init__(self, model: LocalModel) -> None:
        self.name = model.name
        self.asked: list[ChatPrompt] = []
        self._model = model

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        self.asked.append(prompt)
        return self._model.stream(prompt)


def tokens_found(model: LocalModel, prompt: ChatPrompt) -> int:
    *_, usage = model.stream(prompt)
    assert isinstance(usage, TokenUsage)
    assert usage.cached_tokens is not None
    return usage.cached_tokens
