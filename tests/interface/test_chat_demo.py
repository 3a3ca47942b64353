"""The demo of chat, with a tiny model in the place of SmolLM2."""

from __future__ import annotations

from pathlib import Path

from memos.interface.demo.chat import FIRST_EVENING, QUESTION, ask_twice, told
from tests.activation.chat_models import tiny_chat_model


def test_the_demo_answers_twice_alike_and_the_second_time_from_the_cache(tmp_path: Path) -> None:
    cold, cached = ask_twice(tmp_path, tiny_chat_model(tmp_path))
    assert cold.text == cached.text
    assert len(cached.citations) >= FIRST_EVENING
    before, after = cold.figures, cached.figures
    assert before.prompt_tokens == after.prompt_tokens
    assert (before.cached_tokens or 0) < 200 < (after.cached_tokens or 0)
    drawn = told(cold, cached)
    for part in (QUESTION, "cold    cached", "the cached answer is the same"):
        assert part in drawn
