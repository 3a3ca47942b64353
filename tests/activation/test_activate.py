"""What was activated is in the cache of the conversation that begins with it, over a restart too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos import ChatAnswer, Memory, ModelUnavailable
from memos.activation.chat_model import LocalModel
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.segment import Segment
from tests.activation.chat_models import tiny_chat_model
from tests.activation.dict_pool import DictPool

SCOPE = "acme/alice"
INSTRUCTIONS = "Be."
ASKED: list[dict[str, Any]] = [
    {"role": "system", "content": INSTRUCTIONS},
    {"role": "user", "content": "The lamp?"},
]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor="agent:alice") as opened:
        for room in ("cellar", "attic"):
            opened.add(f"The lamp of the {room} is on.", scope=SCOPE, tags=["pinned"])
        yield opened


def chat(memory: Memory, model: LocalModel, state: str | None = None) -> ChatAnswer:
    return memory.chat(ASKED, scope=SCOPE, model=model, state=state, max_tokens=8)


def test_the_first_question_finds_all_that_was_activated(memory: Memory, tmp_path: Path) -> None:
    cold = chat(memory, tiny_chat_model(tmp_path))
    other = memory.add("The safe opens with 4711.", scope=SCOPE).cube_id
    model = tiny_chat_model(tmp_path)
    made = memory.activate(scope=SCOPE, model=model, instructions=INSTRUCTIONS)
    assert made.computed_tokens == made.tokens > 0
    answer = chat(memory, model)
    assert answer.figures.cached_tokens == made.tokens
    assert answer.text == cold.text
    more = memory.activate([other], scope=SCOPE, model=model, instructions=INSTRUCTIONS)
    assert 0 < more.computed_tokens == more.tokens - made.tokens
    assert chat(memory, model, more.state).figures.cached_tokens == more.tokens


def test_what_was_activated_is_found_after_a_restart(memory: Memory, tmp_path: Path) -> None:
    with tiny_chat_model(tmp_path, kept_in=tmp_path / "kv") as model:
        made = memory.activate(scope=SCOPE, model=model, instructions=INSTRUCTIONS)
    assert made.tier == "files"
    with tiny_chat_model(tmp_path, kept_in=tmp_path / "kv") as restarted:
        assert chat(memory, restarted).figures.cached_tokens == made.tokens


def test_after_a_change_the_cache_of_the_old_version_is_not_used(
    memory: Memory, tmp_path: Path
) -> None:
    model = tiny_chat_model(tmp_path)
    made = memory.activate(scope=SCOPE, model=model, instructions=INSTRUCTIONS)
    last = made.memories[-1].cube_id
    memory.update(last, "The lamp of the attic is broken.")
    changed = chat(memory, model, made.state)
    assert changed.figures.cached_tokens is not None
    assert changed.figures.cached_tokens < made.tokens
    assert changed.text == chat(memory, tiny_chat_model(tmp_path)).text
    again = memory.activate(scope=SCOPE, model=model, instructions=INSTRUCTIONS)
    assert again.cube_id != made.cube_id


def test_where_there_is_no_room_nothing_is_activated(memory: Memory, tmp_path: Path) -> None:
    pool = Pool([MemoryTier("memory", Limits(1000))])
    with pytest.raises(ModelUnavailable, match="no room"):
        memory.activate(scope=SCOPE, model=tiny_chat_model(tmp_path, pool))
    assert memory.activations(SCOPE) == ()


def test_a_memory_that_is_erased_while_it_is_read_is_kept_nowhere(
    memory: Memory, tmp_path: Path
) -> None:
    pool = DictPool()
    secret = memory.add("The safe opens with 4711.", scope=SCOPE, tags=["pinned"]).cube_id
    inner = tiny_chat_model(tmp_path, pool)
    offer = pool.offer

    def erasing(tenant: str, segment: Segment, milliseconds: float) -> bool:
        if len(pool.stored) == 3:  # the opening, and the two before it
            memory.erase(cube_id=secret)
        return offer(tenant, segment, milliseconds)

    pool.offer = erasing  # type: ignore[method-assign]
    chat(memory, inner)
    assert len(pool.stored) == 3


def test_many_activations_never_shut_a_pool(memory: Memory, tmp_path: Path) -> None:
    size = memory.activate(scope=SCOPE, model=tiny_chat_model(tmp_path)).size
    model = tiny_chat_model(tmp_path, Pool([MemoryTier("memory", Limits(size * 2))]))
    for number in range(4):
        made = memory.activate(scope=SCOPE, model=model, instructions=f"Be {number}.")
        memory.archive(made.cube_id)
    assert memory.activate(scope=SCOPE, model=model).is_new
